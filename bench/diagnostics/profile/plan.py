"""The plan of a profile: its arguments are checked before anything runs, and hashed to recognise finished points. No
torch here."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass

from bench.analysis.arms import ordered
from bench.conf import checks, files, schema
from bench.conf.compose import compose
from bench.diagnostics.profile import defaults
from bench.errors import UserError
from bench.records.profile_rows import QUANTITIES
from bench.system import environment

MAXIMA = {"--threads": checks.MAX_THREADS, "--tokens": 10**7, "--repeats": 10**6}
MAX_LENGTH = 2**16
"""Maximum length of a source or target in tokens."""

OPTION_FOR_SETTING = {"model": "--models", "threads": "--threads", "out": "--out"}
"""Settings that `bench profile` takes as options instead."""


@dataclass(frozen=True)
class Request:
    """One measurement, as passed to its process.

    words: the settings that define the arm. quantity: a key of QUANTITIES. tokens: maximum source tokens in a batch.
    repeats: maximum number of calls after the warm-up. seconds: time limit for warm-up and calls.
    """

    arm: str
    words: tuple[str, ...]
    length: int
    quantity: str
    tokens: int
    repeats: int
    seconds: float


@dataclass(frozen=True)
class Plan:
    """A checked profile. cells: the configuration of each arm; words: the settings that all arms share; the other
    fields as in `Request`."""

    cells: dict[str, schema.Cell]
    lengths: tuple[int, ...]
    quantities: tuple[str, ...]
    words: tuple[str, ...]
    tokens: int
    repeats: int
    seconds: float
    threads: int

    @property
    def device(self) -> str:
        return next(iter(self.cells.values())).device

    def request(self, arm: str, length: int, quantity: str) -> Request:
        words = (f"model={arm}", *self.words)
        return Request(arm, words, length, quantity, self.tokens, self.repeats, self.seconds)

    def hash(self, arm: str) -> str:
        """SHA-256 of settings and machine: all that affects a measurement of the arm, except length and code."""
        content = [self.cells[arm].hash, self.tokens, self.repeats, self.seconds, machine(self.threads, self.device)]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def point_name(self, arm: str, length: int) -> str:
        """File name of the point (one arm at one length)."""
        return f"{arm}-{length}-{self.hash(arm)[:8]}.json"

    def settings(self) -> dict[str, object]:
        """The arguments of the profile, as stored in `profile.json`."""
        return {
            "models": list(self.cells),
            "lengths": list(self.lengths),
            "whats": list(self.quantities),
            "words": list(self.words),
            "tokens": self.tokens,
            "repeats": self.repeats,
            "budget_seconds": self.seconds,
        }


def make_plan(
    words: Sequence[str] = (),
    models: str | None = None,
    lengths: str | None = None,
    quantities: str | None = None,
    threads: int | None = None,
    tokens: int = defaults.TOKENS,
    repeats: int = defaults.REPEATS,
    seconds: float = defaults.SECONDS,
) -> Plan:
    """Check the arguments and return the plan.

    models, lengths, quantities: comma-separated, None = the default. threads: of each process, None = all usable
    cores. Raises UserError for an invalid argument.
    """
    for word in words:
        key = word.partition("=")[0].lstrip("+~")
        if key in OPTION_FOR_SETTING:
            raise UserError(f"{word}: use the option {OPTION_FOR_SETTING[key]} of bench profile instead")
    for option, value in (("--threads", threads), ("--tokens", tokens), ("--repeats", repeats)):
        if value is not None and not 1 <= value <= MAXIMA[option]:
            raise UserError(f"{option} must be at least 1 and at most {MAXIMA[option]}, got {value}")
    if not 0 < seconds < float("inf"):
        raise UserError(f"--budget-seconds must be above 0 and finite, got {seconds:g}")
    threads = environment.usable_cores() if threads is None else threads
    all_words = (*files.with_size_defaults(words), f"threads={threads}")
    arms = defaults.ARMS if models is None else ordered(_split_list("--models", models))
    return Plan(
        cells={arm: compose((f"model={arm}", *all_words)) for arm in arms},
        lengths=defaults.LENGTHS if lengths is None else _parse_lengths(lengths),
        quantities=tuple(QUANTITIES) if quantities is None else _parse_quantities(quantities),
        words=all_words,
        tokens=tokens,
        repeats=repeats,
        seconds=seconds,
        threads=threads,
    )


def machine(threads: int, device: str) -> dict[str, object]:
    """The machine and the software that a profile is measured on."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": environment.cpu_name(),
        "cores": environment.usable_cores(),
        **environment.preloaded(),
        "threads": threads,
        "device": device,
        "libraries": environment.versions(),
    }


def _split_list(option: str, text: str) -> list[str]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise UserError(f"{option} names nothing; separate several by commas")
    return parts


def _parse_lengths(text: str) -> tuple[int, ...]:
    """Distinct lengths, ascending."""
    lengths = set()
    for part in _split_list("--lengths", text):
        if not (part.isascii() and part.isdecimal() and len(part) < 10 and 2 <= int(part) <= MAX_LENGTH):
            raise UserError(f"--lengths takes whole numbers from 2 (end token included) to {MAX_LENGTH}; got {part!r}")
        lengths.add(int(part))
    return tuple(sorted(lengths))


def _parse_quantities(text: str) -> tuple[str, ...]:
    """Distinct quantities, in the order of QUANTITIES."""
    names = _split_list("--what", text)
    for name in names:
        if name not in QUANTITIES:
            raise UserError(f"--what: unknown {name!r}; there are {', '.join(QUANTITIES)}")
    return tuple(quantity for quantity in QUANTITIES if quantity in names)
