"""`bench run`: one cell, or Hydra's multirun over several.

Hydra composes, sweeps and launches; its launcher plugins work too. All cells are checked before Hydra starts. Hydra's
own logs and folders are switched off or temporary, because a cell's folder already records everything.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import cast

import click
import hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import create_config_search_path
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, RangeSweep
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bench.conf import tuned_settings
from bench.conf.compose import compose, with_tuned_settings
from bench.conf.files import CONF
from bench.conf.overrides import as_typed, unreadable
from bench.errors import UserError
from bench.records import store
from bench.runs import suite
from bench.runs.display import board
from bench.system import torchrun
from bench.system.signals import Interrupted

QUIET = (
    "hydra/job_logging=none",
    "hydra/hydra_logging=none",
    "hydra.output_subdir=null",
    "hydra.job.chdir=false",
)

MAX_CELLS = 1000
"""Maximum cells of a multirun. All are checked before the first runs."""


def expand(words: Sequence[str], multirun: bool) -> list[tuple[str, ...]]:
    """The overrides of each cell that the arguments describe, without Hydra's own settings.

    Raises UserError for an argument that Hydra cannot parse, and for several values without --multirun.
    """
    parser = OverridesParser.create(
        config_loader=ConfigLoaderImpl(config_search_path=create_config_search_path(str(CONF)))
    )
    parsed = []
    for word in words:
        if "=" not in word:
            raise UserError(f"{word!r} is not a setting; write key=value, for example seed=2")
    keys = [word.partition("=")[0].lstrip("+~") for word in words]
    for key in keys:
        if keys.count(key) > 1:
            raise UserError(f"{key} is set {keys.count(key)} times; set it once")
    words = as_typed(words, multirun)
    for word in words:
        try:
            parsed += parser.parse_overrides([word])
        except HydraException as error:
            message = unreadable([word], error) or f"{word!r} cannot be read: {_first_line(error)}"
            raise UserError(message) from error
    try:
        ours = [override for override in parsed if override.key_or_group.split(".")[0].split("/")[0] != "hydra"]
        if multirun:
            count = math.prod(_count_values(override) for override in ours)
            if count > MAX_CELLS:
                raise UserError(f"a multirun has at most {MAX_CELLS:,} cells, got {count:,}; give fewer values")
            (combinations,) = BasicSweeper.split_arguments(ours, None)
            if not combinations:
                raise UserError(f"{' '.join(words)}: a pattern in this matches nothing")
            return [tuple(combination) for combination in combinations]
    except HydraException as error:
        raise UserError(_first_line(error)) from error
    for override in ours:
        if override.is_sweep_override():
            raise UserError(f"{override.input_line!r} names several values; add --multirun (-m) to run them all")
    return [tuple(str(override.input_line) for override in ours)]


def _count_values(override: Override) -> int:
    """Number of values of an override, counted without expanding them; a pattern counts as 1."""
    sweep = override.value()
    if isinstance(sweep, ChoiceSweep):
        return len(sweep.list)
    if isinstance(sweep, RangeSweep):
        if not sweep.step or sweep.start is None or sweep.stop is None:
            raise UserError(f"{override.input_line!r}: a range needs a start, a stop and a step other than 0")
        return max(0, math.ceil((sweep.stop - sweep.start) / sweep.step))
    return 1


def run(words: Sequence[str], multirun: bool = False) -> dict[str, str]:
    """Run every cell that the arguments describe, one after another, and return the outcome of each by name.

    Raises UserError before the first cell runs if an argument or value is invalid for any of them, and Interrupted if
    a process that torchrun started for the cell stopped.
    """
    if multirun:
        torchrun.check_alone("bench run --multirun")
    combinations = expand(words, multirun)
    cells = [compose(combination, adopted=True) for combination in combinations]
    for file in dict.fromkeys(file for each in combinations if (file := tuned_settings.adopted_file(each))):
        click.echo(f"bench: settings that you adopted apply: {file}", err=True)
    for out in {cell.out for cell in cells}:
        suite.check_folder(out)
    if slow := suite.too_few_cores(max(cell.threads for cell in cells)):
        click.echo(slow, err=True)
    total = len(cells)
    outcomes: dict[str, str] = {}
    errors: list[UserError] = []

    def run_one(_: DictConfig) -> None:
        """Hydra's job. It starts from the overrides alone, because a launcher may run it in another process."""
        if errors:
            return
        # Unresolved: a word with an interpolation is resolved when its cell is composed.
        words = cast(list[str], OmegaConf.to_container(HydraConfig.get().overrides.task, resolve=False))
        job = suite.Job.of(tuple(words), adopted=True)
        number = cast(DictConfig, HydraConfig.get()).job.get("num") if multirun else 0
        try:
            with board(sys.stderr, total, number or 0) as progress:
                outcomes.update(suite.run([job], job.cell.out, progress))
        except UserError as error:
            errors.append(error)  # raised below, because Hydra would add lines of its own

    _hydra(run_one, as_typed(words, multirun), ["--multirun"] if multirun else [])
    if errors:
        raise errors[0]
    if "stopped" in outcomes.values():
        raise Interrupted
    for cell in cells:
        if cell.name not in outcomes:  # a launcher ran the cell in another process
            folder = cell.out / cell.name
            outcomes[cell.name] = store.read(folder)["status"] if folder.exists() else "failed"
    return outcomes


def show(words: Sequence[str], flags: Sequence[str]) -> None:
    """Print the configuration that the arguments describe (Hydra's --cfg). Raises UserError for invalid arguments."""
    for combination in expand(words, multirun=False):
        compose(combination, adopted=True)
    _hydra(lambda _: None, with_tuned_settings(as_typed(words), adopted=True), flags)


def _hydra(job: Callable[[DictConfig], None], words: Sequence[str], flags: Sequence[str]) -> None:
    """Call Hydra's main function with these arguments; it raises its errors instead of printing them."""
    argv, full_error = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    with tempfile.TemporaryDirectory() as temporary:
        folders = [f"hydra.{mode}.dir={temporary}" for mode in ("run", "sweep")]
        sys.argv = ["bench run", *QUIET, *folders, *words, *flags]
        os.environ["HYDRA_FULL_ERROR"] = "1"
        try:
            hydra.main(config_path=str(CONF), config_name="config", version_base="1.3")(job)()
        except (HydraException, OmegaConfBaseException) as error:
            raise UserError(_first_line(error)) from error
        finally:
            sys.argv = argv
            if full_error is None:
                del os.environ["HYDRA_FULL_ERROR"]


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0] or type(error).__name__
