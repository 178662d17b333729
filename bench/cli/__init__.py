"""The commands, one module for each subject; `bench.__main__` collects them.

Slow imports go inside the functions of the commands, so that `--help` is fast.
"""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.core import ParameterSource

from bench.errors import UserError
from bench.system import paths

EXIT_OK = 0
EXIT_FAILED = 1
"""A cell failed, or `bench data check` misses a file or has a broken one."""

EXIT_BAD_INPUT = 2
"""The input is invalid, a file is missing or broken, or results cannot be written."""

EXIT_INTERRUPTED = 130
"""Ctrl-C."""

EXIT_TERMINATED = 143
"""SIGTERM."""

RUNS = Path("results") / "runs"
"""Default parent of results folders."""


class PathType(click.Path):
    """A path that `bench.system.paths.parse` accepts. Each command checks for itself whether the path exists."""

    def convert(self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None) -> Path:
        try:
            return paths.parse(value)
        except UserError as error:
            self.fail(str(error), param, ctx)


PATH = PathType()


def is_given(parameter: str) -> bool:
    """Whether a parameter of the running command was given, be it with the value of its default."""
    return click.get_current_context().get_parameter_source(parameter) is not ParameterSource.DEFAULT
