"""Work done by several processes as torchrun starts them, but forked from one that has imported torch once.

A process that has trained cannot be forked for training, so this is a program of its own, which `run` starts.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

Job = tuple[int, str, Sequence[object]]
"""Number of processes, `module:function`, and its arguments, which JSON can hold."""


def run(jobs: Sequence[Job], timeout: float = 250) -> None:
    """Do the work of each job in turn: every process of it calls the function. Raises CalledProcessError where one
    fails."""
    command = [sys.executable, "-P", "-m", "tests.ranks"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(command, input=json.dumps(jobs), text=True, check=True, timeout=timeout, cwd=ROOT, env=environment)


def cell(out: str, words: Sequence[str]) -> None:
    """Run one cell in this process."""
    from bench.conf.compose import compose
    from bench.runs.cell import run_cell

    run_cell(compose([*words, f"out={out}"]), Path(out))


def variables(rank: int, count: int, port: int) -> dict[str, str]:
    """The environment variables that torchrun sets."""
    numbers = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count, "MASTER_PORT": port}
    texts = {"TORCHELASTIC_RUN_ID": "none", "MASTER_ADDR": "127.0.0.1"}
    return texts | {name: str(number) for name, number in numbers.items()}


def forked(count: int, work: Callable[[], object]) -> list[int]:
    """Do the work in `count` forked processes, which see each other if there are several. Returns their exit
    statuses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = []
    for rank in range(count):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                if count > 1:
                    os.environ |= variables(rank, count, port)
                work()
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def main() -> int:
    for count, target, arguments in json.load(sys.stdin):
        module, _, name = target.partition(":")
        function = getattr(importlib.import_module(module), name)
        if any(forked(count, lambda: function(*arguments))):
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
