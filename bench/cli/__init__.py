"""The commands, a module for each subject, gathered by `bench.__main__`. Every slow import happens inside a command."""

from __future__ import annotations

from pathlib import Path

import click

from bench.errors import UserError
from bench.system import paths

GOOD, BAD, WRONG, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143
"""Exit statuses: fine; a cell or a file is not as it should be; the input is wrong; Ctrl-C; SIGTERM."""

RUNS = Path("results") / "runs"


class PathType(click.Path):
    """A path as `bench.system.paths.typed` has it; whether something is there, each command sees for itself."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        try:
            return paths.typed(value)
        except UserError as error:
            self.fail(str(error), param, ctx)


PATH = PathType()
