"""`bench run`: one cell, or Hydra's multirun over several.

Hydra composes, sweeps and launches (its launcher plugins work too). Everything is checked before it starts, and its
own folders and logs are sent where they leave nothing behind: a cell's folder holds all there is to know.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import create_config_search_path
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from bench.conf.schema import CONF, compose, settings
from bench.errors import UserError
from bench.records import store
from bench.runs import suite
from bench.runs.display import board

QUIET = (
    "hydra/job_logging=none",
    "hydra/hydra_logging=none",
    "hydra.output_subdir=null",
    "hydra.job.chdir=false",
)

MOST = 1000
"""Cells of a multirun: each is checked before the first runs."""


def expand(words: Sequence[str], multirun: bool) -> list[tuple[str, ...]]:
    """The overrides of each cell that the words ask for, Hydra's own settings left out.

    Raises UserError for words that Hydra cannot read, and for several values without --multirun.
    """
    parser = OverridesParser.create(
        config_loader=ConfigLoaderImpl(config_search_path=create_config_search_path(str(CONF)))
    )
    parsed = []
    for word in words:
        if "=" not in word:
            raise UserError(f"{word!r} is not a setting; write key=value, for example seed=2")
        try:
            parsed += parser.parse_overrides([word])
        except HydraException as error:
            raise UserError(f"{word!r} cannot be read: {_first_line(error)}; quote it as Hydra does") from error
    try:
        ours = [override for override in parsed if override.key_or_group.split(".")[0].split("/")[0] != "hydra"]
        if multirun:
            count = math.prod(_values(override) for override in ours)
            if count > MOST:
                raise UserError(f"{count:,} cells are asked for, and at most {MOST:,} can be; ask for fewer")
            (combinations,) = BasicSweeper.split_arguments(ours, None)
            if not combinations:
                raise UserError(f"{' '.join(words)}: a pattern in this matches nothing")
            return [tuple(combination) for combination in combinations]
    except HydraException as error:
        raise UserError(_first_line(error)) from error
    for override in ours:
        if override.is_sweep_override():
            raise UserError(f"{override.input_line!r} names several values; add --multirun (-m) to run them all")
    return [tuple(override.input_line for override in ours)]


def _values(override: Override) -> int:
    """How many values an override has, without making them; of a pattern 1."""
    asked = override.value()
    if isinstance(asked, ChoiceSweep):
        return len(asked.list)
    if override.is_range_sweep():
        if not asked.step:
            raise UserError(f"{override.input_line!r}: a range needs steps above or below 0")
        return max(0, math.ceil((asked.stop - asked.start) / asked.step))
    return 1


def run(words: Sequence[str], multirun: bool = False) -> dict[str, str]:
    """Run every cell the words ask for, one after another, and return each one's outcome by name.

    Raises UserError, before anything has run, for a word or value that is wrong in any of them.
    """
    cells = [compose(combination) for combination in expand(words, multirun)]
    for out in {cell.config["out"] for cell in cells}:
        suite.check_folder(Path(out))
    total = len(cells)
    outcomes: dict[str, str] = {}
    refusals: list[UserError] = []

    def one(_: DictConfig) -> None:
        """Hydra's job. A launcher may run it in another process, so that it starts from the overrides alone."""
        if refusals:
            return
        given = tuple(HydraConfig.get().overrides.task)
        cell = compose(given)
        number = HydraConfig.get().job.get("num") if multirun else 0
        try:
            with board(sys.stderr, total, number or 0) as shown:
                outcomes.update(suite.run([suite.Job(cell, given)], Path(cell.config["out"]), shown))
        except UserError as error:
            refusals.append(error)  # raised below: Hydra would add lines of its own

    _hydra(one, words, ["--multirun"] if multirun else [])
    if refusals:
        raise refusals[0]
    for cell in cells:
        if cell.name not in outcomes:  # a launcher ran it elsewhere: its record says how it ended
            folder = Path(cell.config["out"]) / cell.name
            outcomes[cell.name] = store.read(folder)["status"] if folder.exists() else "failed"
    return outcomes


def show(words: Sequence[str], flags: Sequence[str]) -> None:
    """Print the configuration that the words make: Hydra's --cfg. Raises UserError for wrong words."""
    for combination in expand(words, multirun=False):
        compose(combination)
    _hydra(lambda _: None, settings(words), flags)


def _hydra(job, words: Sequence[str], flags: Sequence[str]) -> None:
    """Hydra's command line with these words. Its exceptions arrive here as they are, not as printed text."""
    given, full_error = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    with tempfile.TemporaryDirectory() as nowhere:
        folders = [f"hydra.{mode}.dir={nowhere}" for mode in ("run", "sweep")]
        sys.argv = ["bench run", *QUIET, *folders, *words, *flags]
        os.environ["HYDRA_FULL_ERROR"] = "1"
        try:
            hydra.main(config_path=str(CONF), config_name="config", version_base="1.3")(job)()
        except (HydraException, OmegaConfBaseException) as error:
            raise UserError(_first_line(error)) from error
        finally:
            sys.argv = given
            if full_error is None:
                del os.environ["HYDRA_FULL_ERROR"]


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0] or type(error).__name__
