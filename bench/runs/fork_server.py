"""A process that has imported everything a cell needs, and forks a child for each cell: a child then starts in
milliseconds and not in seconds of imports. Both ends are here. Linux only.

The suite (`ForkServer`) sends one message for each cell, with the child's standard streams, a channel and the files
that the child inherits. The child sends `pid N` over the channel once it leads a session of its own; the server sends
`exit N` when the child has ended, and keeps its process id reserved until the suite closes the channel. Where the
server does not fork, it closes the channel unused, and the suite starts a process instead. The server ends when the
suite does: then its socket closes, however the suite ended.

A forked child equals a fresh process: the server composes no configuration, draws no random number, runs no tensor
operation, initialises no CUDA and has one thread when it forks. It refuses when a source file or an installed library
has changed since it started, so that the code version in a record is that of the code that ran.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import select
import selectors
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

from bench.runs import child
from bench.system import environment, resident_pages

COMMAND = (sys.executable, "-P", "-m", "bench.runs.fork_server")

SUPPORTED = sys.platform == "linux" and hasattr(os, "pidfd_open")

START_SECONDS = 120.0
"""Seconds to wait for a child: the first one waits for the imports of its server."""

CLOSE_SECONDS = 0.5
"""Seconds between asking a server to end and SIGKILL, which one needs that is still importing."""

UNKNOWN = 256
"""Exit status of a child that outlived its server; real ones are below 256."""

PRELOADED = ("bench.runs.cell", "bench.conf.compose")
"""What every cell imports, and no more, so that a cell's peak memory is its own."""

SOURCE = Path(__file__).resolve().parents[2]
SOURCE_FOLDERS, SOURCE_KINDS = ("bench", "models"), (".py", ".yaml")

REQUEST = b"fork"
MESSAGE_BYTES, MOST_FILES = 64, 64
STREAMS = 3


class ForkedProcess:
    """A cell's process, with the part of `subprocess.Popen` that `bench.runs.worker` uses. Safe to use from several
    threads."""

    def __init__(self, pid: int, stdin: TextIOWrapper, stdout: TextIOWrapper, channel: socket.socket) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        self.returncode: int | None = None
        self._ended = threading.Event()
        threading.Thread(target=self._follow, args=(channel,), daemon=True).start()

    def wait(self, timeout: float | None = None) -> int:
        """The exit status as of `Popen.wait`, or UNKNOWN. Raises subprocess.TimeoutExpired after `timeout` seconds."""
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
        assert self.returncode is not None, "set before the event"
        return self.returncode

    def _follow(self, channel: socket.socket) -> None:
        with channel:
            try:
                # Survives the server, and means this process even if its number is used again.
                descriptor = os.pidfd_open(self.pid)
            except OSError:
                descriptor = None
            code = _number(channel, "exit")
            if code is None and descriptor is not None:
                ended = select.poll()
                ended.register(descriptor, select.POLLIN)
                ended.poll()
            if descriptor is not None:
                os.close(descriptor)
            self.returncode = UNKNOWN if code is None else code
        self._ended.set()


class ForkServer:
    """The suite's end. Safe to use from several threads.

    variables: the environment of the server and its children. command: of the server."""

    def __init__(self, variables: Mapping[str, str], command: Sequence[str] = COMMAND) -> None:
        self._lock = threading.Lock()
        self._control, theirs = _channel()
        with theirs:
            self.process = subprocess.Popen(
                (*command, str(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # if its imports fail, those of a fresh process will, and say why
                env=dict(variables),
                start_new_session=True,
                pass_fds=(theirs.fileno(),),
            )

    def start(self, errors: int, inherited: Sequence[int] = ()) -> ForkedProcess | None:
        """A new child, in a session of its own; None where the server has ended or does not fork.

        errors: descriptor of its standard error. inherited: open files that the child inherits, and nobody else.
        """
        child_input, order = os.pipe()
        events, child_output = os.pipe()
        ours, theirs = _channel()
        try:
            with self._lock:
                files = [child_input, child_output, errors, theirs.fileno(), *inherited]
                socket.send_fds(self._control, [REQUEST], files)
        except OSError:
            pass  # the server has ended: the channel will say so
        finally:
            theirs.close()
            os.close(child_input)
            os.close(child_output)
        ours.settimeout(START_SECONDS)
        try:
            pid = _number(ours, "pid")
        except TimeoutError:
            self.process.kill()
            pid = None
        if pid is None:
            ours.close()
            os.close(order)
            os.close(events)
            return None
        ours.settimeout(None)
        stdin, stdout = os.fdopen(order, "w", encoding="utf-8"), os.fdopen(events, encoding="utf-8")
        return ForkedProcess(pid, stdin, stdout, ours)

    def close(self) -> None:
        """End the server. Children that still run are not ended, but their exit status will be UNKNOWN."""
        with self._lock:
            self._control.close()
        try:
            self.process.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _channel() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # keeps the bounds of messages


def _number(channel: socket.socket, word: str) -> int | None:
    """The number of the next message, which must be `WORD N`; None for any other, and at the end of the channel.
    Raises TimeoutError."""
    try:
        first, _, number = channel.recv(MESSAGE_BYTES).decode().partition(" ")
    except ConnectionError:
        return None
    return int(number) if first == word else None


class _Server:
    """The server's loop. control: where the suite's requests arrive; its end is the end of the server."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._loaded = _installed()  # before the imports
        self._selector = selectors.PollSelector()  # has no file of its own that a child would inherit
        self._open: set[int] = set()  # descriptors of channels and processes

    def serve(self) -> None:
        for name in PRELOADED:
            importlib.import_module(name)
        if not _can_fork():
            return
        self._resident = resident_pages.resident_ranges()
        if not resident_pages.populate(self._resident):
            return
        self._selector.register(self._control, selectors.EVENT_READ, self._request)
        while True:
            for key, _ in self._selector.select():
                action: Callable[[], None] = key.data
                action()

    def _request(self) -> None:
        message, files, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES, MOST_FILES)
        if not message:
            self._end()
        try:
            if len(files) > STREAMS and _installed() == self._loaded:
                self._fork(files)
        except OSError:
            pass  # no more processes or files: the channel closes unused
        finally:
            for descriptor in files:
                os.close(descriptor)

    def _fork(self, files: Sequence[int]) -> None:
        channel = socket.socket(fileno=os.dup(files[STREAMS]))
        pid = os.fork()
        if pid == 0:
            self._become_child(files, channel)
        self._open |= {channel.fileno(), ending := os.pidfd_open(pid)}
        self._selector.register(ending, selectors.EVENT_READ, partial(self._report, pid, ending, channel))

    def _become_child(self, files: Sequence[int], channel: socket.socket) -> NoReturn:
        """In the child: keep the streams and the inherited files, and run the cell."""
        try:
            os.setsid()
            for stream in range(STREAMS):
                os.dup2(files[stream], stream)
            for descriptor in (*files[: STREAMS + 1], *self._open, self._control.fileno()):
                os.close(descriptor)
            channel.send(f"pid {os.getpid()}".encode())
            os.close(channel.detach())
            resident_pages.populate(self._resident)
            _renew_generators()
        except BaseException:
            os._exit(1)
        child.run()

    def _report(self, pid: int, ending: int, channel: socket.socket) -> None:
        """Send the exit status of a child that has ended."""
        self._selector.unregister(ending)
        os.close(ending)
        self._open.discard(ending)
        end = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert end is not None, "waitid does not poll here"
        code = end.si_status if end.si_code == os.CLD_EXITED else -end.si_status
        with contextlib.suppress(OSError):  # where nobody waits for it
            channel.send(f"exit {code}".encode())
        self._selector.register(channel, selectors.EVENT_READ, partial(self._release, pid, channel))

    def _release(self, pid: int, channel: socket.socket) -> None:
        """Let go of a child's process id, once the suite knows that it has ended."""
        self._selector.unregister(channel)
        self._open.discard(channel.fileno())
        channel.close()
        os.waitpid(pid, 0)

    def _end(self) -> NoReturn:
        """The suite has ended. Let go of the children that have."""
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        os._exit(0)


def _installed() -> tuple[object, ...]:
    """Changes with every file of source code, and with the versions of the libraries."""
    files = {}
    for folder in SOURCE_FOLDERS:
        for path in (SOURCE / folder).rglob("*"):
            if path.suffix in SOURCE_KINDS:
                about = path.stat()
                files[path] = (about.st_mtime_ns, about.st_size)
    return files, environment.versions()


def _can_fork() -> bool:
    """Whether this process may fork children that use torch: no CUDA, and one thread.

    A first fork ends the idle threads that OpenBLAS starts at its import, in this process too.
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return False
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.close(os.pidfd_open(pid))
    os.waitpid(pid, 0)
    return len(os.listdir("/proc/self/task")) == 1


def _renew_generators() -> None:
    """Seed the global generators from the system, as their imports did in the server. Nothing may draw from them; with
    equal states in every child, something that does would look reproducible. Python renews its own at a fork."""
    if "torch" in sys.modules:
        sys.modules["torch"].default_generator.seed()
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()


def main() -> None:
    """The server. Its one argument is the descriptor of its socket."""
    _Server(socket.socket(fileno=int(sys.argv[1]))).serve()


if __name__ == "__main__":
    main()
