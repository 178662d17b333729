"""What a profile is asked to measure, checked before anything runs, and hashed so that a finished point is known again.
No torch here."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass

from bench import sections
from bench.analysis.arms import ordered
from bench.conf import schema
from bench.diagnostics.profile import defaults
from bench.errors import UserError
from bench.records.profile_rows import WHATS
from bench.system import environment

MOST = {"--threads": sections.MOST_THREADS, "--tokens": 10**7, "--repeats": 10**6}
LONGEST = 2**16
"""Tokens of a source or target that are measured."""

OWN_OPTION = {"model": "--models", "threads": "--threads", "out": "--out"}
"""Settings that a profile has an option for."""


@dataclass(frozen=True)
class Order:
    """One measurement, as its process is told. words: the settings that make the arm; tokens: source tokens in a batch,
    at most; repeats: calls after the warm-up, at most; seconds: how long to go on measuring."""

    arm: str
    words: tuple[str, ...]
    length: int
    what: str
    tokens: int
    repeats: int
    seconds: float


@dataclass(frozen=True)
class Plan:
    """cells: each arm's configuration, checked; words: the settings, the same for all arms. The rest as in `Order`."""

    cells: dict[str, schema.Cell]
    lengths: tuple[int, ...]
    whats: tuple[str, ...]
    words: tuple[str, ...]
    tokens: int
    repeats: int
    seconds: float
    threads: int

    @property
    def device(self) -> str:
        return next(iter(self.cells.values())).config["device"]

    def order(self, arm: str, length: int, what: str) -> Order:
        words = (f"model={arm}", *self.words)
        return Order(arm, words, length, what, self.tokens, self.repeats, self.seconds)

    def hash(self, arm: str) -> str:
        """SHA-256 of all that can change a measurement of the arm but its length and the code: settings and machine."""
        told = [self.cells[arm].hash, self.tokens, self.repeats, self.seconds, machine(self.threads, self.device)]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def point(self, arm: str, length: int) -> str:
        """The name of a point's file."""
        return f"{arm}-{length}-{self.hash(arm)[:8]}.json"

    def settings(self) -> dict[str, object]:
        """All that was asked for, as `profile.json` keeps it."""
        return {
            "models": list(self.cells),
            "lengths": list(self.lengths),
            "whats": list(self.whats),
            "words": list(self.words),
            "tokens": self.tokens,
            "repeats": self.repeats,
            "budget_seconds": self.seconds,
        }


def planned(
    words: Sequence[str] = (),
    models: str | None = None,
    lengths: str | None = None,
    whats: str | None = None,
    threads: int | None = None,
    tokens: int = defaults.TOKENS,
    repeats: int = defaults.REPEATS,
    seconds: float = defaults.SECONDS,
) -> Plan:
    """The plan that these words describe; models, lengths and whats are separated by commas, None = the default.

    threads: of a process, None = one for each usable core. Raises UserError: one line that says what is wrong.
    """
    for word in words:
        key = word.partition("=")[0].lstrip("+~")
        if key in OWN_OPTION:
            raise UserError(f"{word}: a profile takes this as {OWN_OPTION[key]}")
    for option, value in (("--threads", threads), ("--tokens", tokens), ("--repeats", repeats)):
        if value is not None and not 1 <= value <= MOST[option]:
            raise UserError(f"{option} must be at least 1 and at most {MOST[option]}, got {value}")
    if not 0 < seconds < float("inf"):
        raise UserError(f"--budget-seconds must be above 0 and finite, got {seconds:g}")
    threads = environment.usable_cores() if threads is None else threads
    whole = (*schema.sized(words), f"threads={threads}")
    arms = defaults.ARMS if models is None else ordered(_listed("--models", models))
    return Plan(
        cells={arm: schema.compose((f"model={arm}", *whole)) for arm in arms},
        lengths=defaults.LENGTHS if lengths is None else _lengths(lengths),
        whats=tuple(WHATS) if whats is None else _whats(whats),
        words=whole,
        tokens=tokens,
        repeats=repeats,
        seconds=seconds,
        threads=threads,
    )


def machine(threads: int, device: str) -> dict[str, object]:
    """Where and with what a profile is measured."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": environment.cpu_name(),
        "cores": environment.usable_cores(),
        "threads": threads,
        "device": device,
        "libraries": environment.versions(),
    }


def _listed(option: str, text: str) -> list[str]:
    found = [part.strip() for part in text.split(",") if part.strip()]
    if not found:
        raise UserError(f"{option} names nothing; separate several by commas")
    return found


def _lengths(text: str) -> tuple[int, ...]:
    """Distinct lengths in order."""
    found = set()
    for part in _listed("--lengths", text):
        if not (part.isascii() and part.isdecimal() and len(part) < 10 and 2 <= int(part) <= LONGEST):
            raise UserError(
                f"--lengths takes whole numbers from 2, the end token included, to {LONGEST}; got {part!r}"
            )
        found.add(int(part))
    return tuple(sorted(found))


def _whats(text: str) -> tuple[str, ...]:
    asked = _listed("--what", text)
    for what in asked:
        if what not in WHATS:
            raise UserError(f"--what: unknown {what!r}; there are {', '.join(WHATS)}")
    return tuple(what for what in WHATS if what in asked)
