"""From overrides on the command line to a checked cell: Hydra composes the configuration files, `schema` checks
them."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict, replace
from functools import lru_cache
from typing import Any, cast

import hydra
from hydra import compose as hydra_compose
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bench.conf import checks, tuned_settings
from bench.conf.files import CONF, choices
from bench.conf.overrides import as_typed, unreadable
from bench.conf.schema import Cell, Match, checked, one_line, typed
from bench.errors import UserError

ARM_OVERRIDE = re.compile(r"[+~]*model[@.=]")
"""Overrides that name a cell's arm, or change that arm alone. They do not apply to the reference arm of `match`."""


def compose(overrides: Sequence[str] = (), adopted: bool = False) -> Cell:
    """The cell that these `key=value` overrides describe, with all values checked. Paths and names are taken as they
    are typed, see `bench.conf.overrides`.

    adopted: whether the settings that the user adopted with `bench tune --adopt` apply, see `tuned_settings`.

    Raises UserError: one line that names the wrong key or value and what is allowed instead.
    """
    for override in overrides:
        _check_override(override)
    overrides = as_typed(overrides)
    applied = with_tuned_settings(overrides, adopted)
    config = resolve(applied)
    checks.check_keys(config)
    match = typed(Match, config["match"], "match")
    if match.relative:
        others = [override for override in applied if not ARM_OVERRIDE.match(override)]
        reference = with_tuned_settings([*others, f"model={match.reference}"], adopted)
        config["match"]["reference_model"] = resolve(reference)["model"]
    choice = tuned_settings.choice(overrides, adopted)
    return replace(checked(config), tuning=None if choice is None else asdict(choice))


def with_tuned_settings(overrides: Sequence[str], adopted: bool = False) -> tuple[str, ...]:
    """The overrides, preceded by the settings chosen for their arm on validation. Raises UserError for a broken file
    of choices."""
    return (*tuned_settings.overrides_for(overrides, adopted), *overrides)


def _check_override(override: str) -> None:
    if "=" not in override:
        raise UserError(f"{override!r} is not a setting; write key=value, for example seed=2")
    key, _, value = override.partition("=")
    if not checks.KEY.fullmatch(key):
        raise UserError(f"{key[:80]!r} is not the name of a setting; `bench run --cfg job` lists the settings")
    if key == "suite":
        raise UserError("suite is no setting of a cell; run a suite with: bench suite NAME")
    if key in tuned_settings.GROUPS and "," not in value and value not in choices(key):
        raise UserError(f"unknown {key} {value!r}; there are {', '.join(choices(key))}")


def resolve(overrides: Sequence[str]) -> dict[str, Any]:
    """The resolved configuration, unchecked. Raises UserError."""
    return deepcopy(_resolved(str(CONF), tuple(overrides)))


_HYDRA = threading.Lock()
"""Hydra has one state for all threads."""


@lru_cache(maxsize=1024)
def _resolved(folder: str, overrides: tuple[str, ...]) -> dict[str, Any]:
    """As `resolve`. Kept, since Hydra takes a tenth of a second and a suite asks for each cell several times."""
    try:
        with _HYDRA:
            GlobalHydra.instance().clear()
            with hydra.initialize_config_dir(folder, version_base="1.3"):
                composed = hydra_compose("config", overrides=list(overrides))
        return cast("dict[str, Any]", OmegaConf.to_container(composed, resolve=True, throw_on_missing=True))
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(unreadable(overrides, error) or one_line(error)) from error
