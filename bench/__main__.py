"""The command line. Nothing slow is imported before a command needs it, so that help comes at once."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Iterator, Sequence

import click

from bench import __version__
from bench.cli import BAD, GOOD, INTERRUPTED, TERMINATED, WRONG, cells, comparing, data, listing, measuring, outputs
from bench.errors import UserError

STORAGE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO)
"""Refusals of the system that say nothing of a bug, also where no file is named."""

COMMANDS = (
    *(cells.run, cells.suite_command, cells.tune_command, cells.report),
    *(comparing.compare, measuring.profile, measuring.reach),
    *(outputs.translate, outputs.score, outputs.hypotheses_command, outputs.significance),
    *(listing.list_command, data.data),
)

LONGEST = 2000
"""Characters of a message; of a longer one the middle is left out."""


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bench")
@click.pass_context
def cli(context: click.Context) -> None:
    """Measure how a Transformer differs from RNN, LSTM and GRU.

    `bench suite quick` runs the default suite and writes its report.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for command in COMMANDS:
    cli.add_command(command)


class Terminated(BaseException):
    """SIGTERM. Goes the way of a KeyboardInterrupt."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status. What a user can put right is one line on standard error."""
    try:
        with _termination():
            return cli.main(arguments, prog_name="bench", standalone_mode=False) or GOOD
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        where = f"; see {context.command_path} --help" if context is not None else ""
        _complain(error.format_message().rstrip(".") + where)
        return WRONG
    except UserError as error:
        _complain(str(error))
        return WRONG
    except BrokenPipeError:  # who read the output has gone: nobody is left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BAD
    except OSError as error:
        if error.filename is None and error.errno not in STORAGE:
            raise
        _complain(
            f"{error.filename or 'what was to be written'}: {error.strerror}; name another place, or put it right"
        )
        return WRONG
    except (KeyboardInterrupt, click.Abort, Terminated) as error:
        _complain("stopped; run the same command again to go on from here")
        return TERMINATED if isinstance(error, Terminated) else INTERRUPTED


@contextlib.contextmanager
def _termination() -> Iterator[None]:
    """Inside, SIGTERM raises Terminated, where this is the thread that signals are handled in."""

    def end(*_: object) -> None:
        raise Terminated

    try:
        earlier = signal.signal(signal.SIGTERM, end)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier)


def _complain(message: str) -> None:
    """A message as one line that a terminal shows as it is, whatever somebody typed or a file holds."""
    line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in " ".join(message.split()))
    if len(line) > LONGEST:
        line = f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}"
    click.echo(f"bench: {line}", err=True)


if __name__ == "__main__":
    sys.exit(main())
