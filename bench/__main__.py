"""The command line. Slow modules are imported by the commands that need them, so that `--help` is fast."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import sys
from collections.abc import Iterator, Sequence

import click

from bench import __version__
from bench.cli import (
    EXIT_BAD_INPUT,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_TERMINATED,
    cells,
    comparing,
    data,
    ledger,
    listing,
    measuring,
    outputs,
    status,
)
from bench.errors import UserError
from bench.system import torchrun
from bench.system.signals import Interrupted

STORAGE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO)
"""Errors of a full, read-only or faulty disk. They are not bugs, even if the error names no file."""

COMMANDS = (
    *(cells.run, cells.suite_command, cells.tune_command, status.status_command, cells.report),
    *(comparing.compare, comparing.verify_command, measuring.profile, measuring.reach, measuring.article),
    *(outputs.translate, outputs.generate_command, outputs.score, outputs.hypotheses_command, outputs.significance),
    *(listing.list_command, data.data, measuring.doctor, ledger.ledger_command),
)

MAX_MESSAGE = 2000
"""Maximum characters of a message; a longer one loses its middle."""


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bench")
@click.pass_context
def cli(context: click.Context) -> None:
    """Compare the Transformer with RNN, LSTM and GRU models.

    `bench suite quick` runs the default suite and writes its report. A cell is one training run: a task, a model, a
    budget and a seed; a suite is a set of cells. A folder of cells is a results folder.

    Exit status: 0 on success; 1 if a cell failed; 2 if the input is invalid, a file is missing or broken, or results
    cannot be written; 130 after Ctrl-C; 143 after SIGTERM. `bench COMMAND --help` has the details.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for command in COMMANDS:
    cli.add_command(command)


class Terminated(BaseException):
    """SIGTERM was received. Propagates like a KeyboardInterrupt."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status. An error that the user can fix is one line on standard error.

    Of the processes that torchrun started, process 0 runs the command, and the others help it with a cell."""
    if torchrun.rank() > 0:
        from bench.runs import follower

        return follower.main()
    _print_utf8()
    try:
        with _terminable():
            status = cli.main(arguments, prog_name="bench", standalone_mode=False) or EXIT_OK
            torchrun.dismiss()
            return status
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f"; see {context.command_path} --help" if context is not None else ""
        _print_error(error.format_message().rstrip(".") + hint)
        return EXIT_BAD_INPUT
    except UserError as error:
        _print_error(str(error))
        return EXIT_BAD_INPUT
    except BrokenPipeError:  # the reader of standard output has gone, so no message
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except OSError as error:
        if str(error.strerror).startswith("No usable temporary directory"):
            _print_error("no folder for temporary files can be written to; set TMPDIR to one that can")
            return EXIT_BAD_INPUT
        if error.filename is None and error.errno not in STORAGE_ERRORS:
            raise
        _print_error(
            f"{error.filename or 'the output'}: {error.strerror}; choose another path, or solve this and run again"
        )
        return EXIT_BAD_INPUT
    except (KeyboardInterrupt, click.Abort, Terminated, Interrupted) as error:
        _print_error("stopped; run the same command again to continue")
        return EXIT_TERMINATED if isinstance(error, Terminated | Interrupted) else EXIT_INTERRUPTED


def _print_utf8() -> None:
    """Make both output streams UTF-8, whatever the locale and PYTHONIOENCODING are: any text can be printed, and what
    programs read has one encoding. A surrogate in standard output is a byte of a file's name."""
    for stream, errors in ((sys.stdout, "surrogateescape"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors=errors)


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Within this context SIGTERM raises Terminated, if this is the main thread; other threads receive no signals."""

    def terminate(*_: object) -> None:
        raise Terminated

    try:
        previous = signal.signal(signal.SIGTERM, terminate)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _print_error(message: str) -> None:
    """Print a message on standard error as one line, with control characters escaped."""
    line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in " ".join(message.split()))
    if len(line) > MAX_MESSAGE:
        line = f"{line[: MAX_MESSAGE // 2]} ... {line[-MAX_MESSAGE // 2 :]}"
    click.echo(f"bench: {line}", err=True)


if __name__ == "__main__":
    sys.exit(main())
