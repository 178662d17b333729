"""Which setting and cell of one results folder belongs to which of another, and what else is not the same in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

import pandas as pd

from bench.analysis import arms
from bench.analysis.evidence import Evidence, Setting, flatten, is_present

CONFIGURATION, CODE, ENVIRONMENT, DATA = "configuration", "code", "environment", "data"
STATUS, GATE = "status", "sanity gate"
KINDS = (CONFIGURATION, CODE, ENVIRONMENT, DATA, STATUS, GATE)
"""Of changes, in the order they are told in."""

PREFIXES = {CODE: "code.", ENVIRONMENT: "environment.", DATA: "data.checksums."}
NOTHING = "-"


@dataclass(frozen=True, order=True)
class Key:
    """A cell in both folders. setting: its name in the first that has it; number: which one, of several with all the
    rest the same."""

    setting: str
    arm: str
    seed: int | None
    number: int = 0

    def __str__(self) -> str:
        more = f", {self.number + 1}. of this seed" if self.number else ""
        return f"{self.setting}, {self.arm}, {'no seed' if self.seed is None else f'seed {self.seed}'}{more}"


@dataclass(frozen=True)
class Change:
    """kind: one of KINDS; key: dotted name; first, second: values as text; cells: in which."""

    kind: str
    key: str
    first: str
    second: str
    cells: list[str]


def settings(first: Evidence, second: Evidence) -> dict[Setting, Setting]:
    """First's settings with second's: the same ones, and then those that are the only one left of their task and budget
    in either, so that another size or device is a change and not something missing."""
    ours, theirs = (set(evidence.cells["setting"]) for evidence in (first, second))
    found = {setting: setting for setting in ours & theirs}
    left = [sorted(group - set(found)) for group in (ours, theirs)]
    for setting in left[0]:
        alike = [[one for one in group if (one.task, one.budget) == (setting.task, setting.budget)] for group in left]
        if len(alike[0]) == len(alike[1]) == 1:
            found[setting] = alike[1][0]
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class Side:
    """One of two folders. arms: other names for arms of a setting, so that those of both folders meet."""

    evidence: Evidence
    arms: Mapping[tuple[Setting, str], str]

    def finished(self, setting: Setting) -> pd.DataFrame:
        """Finished cells of a setting."""
        return self._named(self.evidence.finished(setting))

    def scores(self, setting: Setting) -> pd.DataFrame:
        """Whole-split scores of a setting."""
        return self._named(self.evidence.select(setting))

    def cells(self, names: Mapping[Setting, str]) -> dict[Key, dict]:
        """Every cell by its key, as a row of the records' table. names: of the settings."""
        found: dict[Key, dict] = {}
        for row in self._named(self.evidence.cells.sort_values("cell")).to_dict("records"):
            key = Key(names[row["setting"]], row["arm"], int(row["seed"]) if is_present(row["seed"]) else None)
            while key in found:
                key = Key(key.setting, key.arm, key.seed, key.number + 1)
            found[key] = row
        return found

    def _named(self, rows: pd.DataFrame) -> pd.DataFrame:
        pairs = zip(rows["setting"], rows["arm"], strict=True)
        return rows.assign(arm=[self.arms.get(pair, pair[1]) for pair in pairs])


def sides(first: Evidence, second: Evidence, matched: Mapping[Setting, Setting]) -> tuple[Side, Side]:
    """Both folders with arms named alike. Evidence tells arms of one name apart where their configurations differ
    within a folder; where only some seeds of an arm were run otherwise, that is a change here and no other arm."""
    names: tuple[dict, dict] = ({}, {})
    for pair in matched.items():
        tables = [evidence.cells[evidence.cells["setting"] == setting] for evidence, setting in
                  zip((first, second), pair, strict=True)]  # fmt: skip
        for base in {arms.base(arm) for table in tables for arm in table["arm"]}:
            own = [table[[arms.base(arm) == base for arm in table["arm"]]] for table in tables]
            swept = any(rows["seed"].duplicated().any() for rows in own)
            if not swept and set(own[0]["arm"]) != set(own[1]["arm"]):
                for setting, rows, found in zip(pair, own, names, strict=True):
                    found.update({(setting, arm): base for arm in rows["arm"]})
    return Side(first, names[0]), Side(second, names[1])


def changes(first: Mapping[Key, dict], second: Mapping[Key, dict]) -> list[Change]:
    """What cells that both have do not share, each change once with all cells it is in."""
    where: dict[tuple[str, str, str, str], list[str]] = {}
    for key in sorted(set(first) & set(second), key=_order):
        for change in _changed(first[key], second[key]):
            where.setdefault(change, []).append(str(key))
    found = [Change(*change, names) for change, names in where.items()]
    return sorted(found, key=lambda change: (KINDS.index(change.kind), change.key))


def only(own: Iterable[Key], other: Iterable[Key]) -> list[str]:
    """What is in `own` and not in `other`: whole settings, whole arms of a setting, then single cells."""
    own, other = sorted(own, key=_order), set(other)
    there, known = {(key.setting, key.arm) for key in other}, {key.setting for key in other}
    found = []
    for setting, members in groupby(own, key=lambda key: key.setting):
        keys = list(members)
        if setting not in known:
            names = dict.fromkeys(key.arm for key in keys)
            found.append(f"{setting}: {_count(len(keys))} ({', '.join(names)})")
            continue
        for arm, part in groupby(keys, key=lambda key: key.arm):
            missing = [key for key in part if key not in other]
            if missing and (setting, arm) not in there:
                found.append(f"{setting}, {arm}: {_count(len(missing))}")
            else:
                found.extend(map(str, missing))
    return found


def _changed(one: Mapping[str, object], other: Mapping[str, object]) -> Iterator[tuple[str, str, str, str]]:
    """Kind, key and both values."""
    options = [flatten(row["config"]) for row in (one, other)]
    pairs = [(CONFIGURATION, name, *(own.get(name) for own in options)) for name in {**options[0], **options[1]}]
    both_done = one["status"] == other["status"] == "done"
    for kind, prefix in PREFIXES.items():
        for name in sorted(name for name in {**one, **other} if name.startswith(prefix)):
            values = one.get(name), other.get(name)
            # A cell that broke off has no data; that is told by its status.
            if all(map(is_present, values)) or both_done:
                pairs.append((kind, name.removeprefix("data."), *values))
    pairs.append((STATUS, STATUS, *(_state(row) for row in (one, other))))
    if both_done:
        pairs.append((GATE, "doubt", one["doubt"] or None, other["doubt"] or None))
    for kind, name, *values in pairs:
        told = [_told(value) for value in values]
        if told[0] != told[1]:
            yield kind, name, *told


def _state(row: Mapping[str, object]) -> str:
    reason = row.get("reason")
    return f"{row['status']} ({' '.join(str(reason).split())})" if is_present(reason) else str(row["status"])


def _told(value: object) -> str:
    """Tables turn whole numbers into floats where a cell lacks one; such are the same value."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, list | dict) or is_present(value) else NOTHING


def _order(key: Key) -> tuple[str, str, int, int]:
    return key.setting, key.arm, -1 if key.seed is None else key.seed, key.number


def _count(cells: int) -> str:
    return f"{cells} cell{'' if cells == 1 else 's'}"
