"""Matching settings and cells of two results folders, and the changes between matched cells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

import pandas as pd

from bench.analysis import arms
from bench.analysis.evidence import Evidence
from bench.analysis.missing_values import flatten, is_present
from bench.analysis.settings import Setting

CONFIGURATION, CODE, ENVIRONMENT, DATA = "configuration", "code", "environment", "data"
STATUS, GATE = "status", "sanity gate"
KINDS = (CONFIGURATION, CODE, ENVIRONMENT, DATA, STATUS, GATE)
"""Kinds of changes, in the order of printing."""

PREFIXES = {CODE: "code.", ENVIRONMENT: "environment.", DATA: "data.checksums."}
NOTHING = "-"


@dataclass(frozen=True, order=True)
class Key:
    """Identity of a cell in both folders. setting: its name in the first folder that has it; number: counts cells that
    are otherwise equal."""

    setting: str
    arm: str
    seed: int | None
    number: int = 0

    def __str__(self) -> str:
        seed = "no seed" if self.seed is None else f"seed {self.seed}"
        number = f", number {self.number + 1} of this seed" if self.number else ""
        return f"{self.setting}, {self.arm}, {seed}{number}"


@dataclass(frozen=True)
class Change:
    """A difference between matched cells. kind: one of KINDS; key: dotted name; first, second: values as text; cells:
    the cells that have it."""

    kind: str
    key: str
    first: str
    second: str
    cells: list[str]


def settings(first: Evidence, second: Evidence) -> dict[Setting, Setting]:
    """Matched settings, first -> second.

    Equal settings match, and those that the same cell has: a setting is named after what varies in its own folder. Of
    the rest, two match if each is the only one of its task and budget in its folder, so that
    another size or device counts as a change and not as something missing.
    """
    ours, theirs = (set(evidence.cells["setting"]) for evidence in (first, second))
    matched = {setting: setting for setting in ours & theirs}
    for setting, other in _of_the_same_cells(first, second, "setting"):
        if setting not in matched and other not in matched.values():
            matched[setting] = other
    left = [sorted(ours - set(matched)), sorted(theirs - set(matched.values()))]
    for setting in left[0]:
        alike = [[one for one in group if (one.task, one.budget) == (setting.task, setting.budget)] for group in left]
        if len(alike[0]) == len(alike[1]) == 1:
            matched[setting] = alike[1][0]
    return dict(sorted(matched.items()))


@dataclass(frozen=True)
class Side:
    """One of the two folders. arms: new names for arms of a setting, so that the arms of both folders match."""

    evidence: Evidence
    arms: Mapping[tuple[Setting, str], str]

    def finished(self, setting: Setting) -> pd.DataFrame:
        """Finished cells of a setting."""
        return self._renamed(self.evidence.finished(setting))

    def scores(self, setting: Setting) -> pd.DataFrame:
        """Scores of a setting on whole splits."""
        return self._renamed(self.evidence.select(setting))

    def undefined(self, setting: Setting) -> pd.DataFrame:
        """Scores of a setting on whole splits that are undefined."""
        rows = self.evidence.undefined
        return rows[(rows["setting"] == setting) & rows["axis"].isna()]

    def cells(self, names: Mapping[Setting, str]) -> dict[Key, dict]:
        """Every cell by its key, as a row of the records' table. names: of the settings."""
        cells: dict[Key, dict] = {}
        for row in self._renamed(self.evidence.cells.sort_values("cell")).to_dict("records"):
            key = Key(names[row["setting"]], row["arm"], int(row["seed"]) if is_present(row["seed"]) else None)
            while key in cells:
                key = Key(key.setting, key.arm, key.seed, key.number + 1)
            cells[key] = row
        return cells

    def _renamed(self, rows: pd.DataFrame) -> pd.DataFrame:
        pairs = zip(rows["setting"], rows["arm"], strict=True)
        return rows.assign(arm=[self.arms.get(pair, pair[1]) for pair in pairs])


def sides(first: Evidence, second: Evidence, matched: Mapping[Setting, Setting]) -> tuple[Side, Side]:
    """Both folders, with equal names for equal arms.

    `Evidence` gives arms of one name different labels if their configurations differ within a folder. Arms that the
    same cell has are equal, whatever varies in their folders. If only some seeds of an arm were run with another
    configuration, that is a change here and not another arm.
    """
    names: tuple[dict, dict] = ({}, {})
    for (setting, arm), (other, label) in _of_the_same_cells(first, second, "setting", "arm"):
        if matched.get(setting) == other and arm != label:
            names[1][other, label] = arm
    for pair in matched.items():
        tables = [evidence.cells[evidence.cells["setting"] == setting] for evidence, setting in
                  zip((first, second), pair, strict=True)]  # fmt: skip
        for base in {arms.base(arm) for table in tables for arm in table["arm"]}:
            own = [table[[arms.base(arm) == base for arm in table["arm"]]] for table in tables]
            if any((pair[1], arm) in names[1] for arm in own[1]["arm"]):
                continue
            swept = any(rows["seed"].duplicated().any() for rows in own)
            if not swept and set(own[0]["arm"]) != set(own[1]["arm"]):
                for setting, rows, new_names in zip(pair, own, names, strict=True):
                    new_names.update({(setting, arm): base for arm in rows["arm"]})
    return Side(first, names[0]), Side(second, names[1])


def _of_the_same_cells(first: Evidence, second: Evidence, *columns: str) -> list[tuple]:
    """The values of these columns in both folders, for every cell that both have, each pair once."""
    tables = [evidence.cells.drop_duplicates("cell").set_index("cell")[list(columns)] for evidence in (first, second)]
    common = [name for name in tables[0].index if name in tables[1].index]
    values = ([row[0] if len(row) == 1 else row for row in table.loc[common].itertuples(index=False, name=None)]
              for table in tables)  # fmt: skip
    return list(dict.fromkeys(zip(*values, strict=True)))


def changes(first: Mapping[Key, dict], second: Mapping[Key, dict]) -> list[Change]:
    """Differences between matched cells, each once, with all cells that have it."""
    where: dict[tuple[str, str, str, str], list[str]] = {}
    for key in sorted(set(first) & set(second), key=_order):
        for change in _changed(first[key], second[key]):
            where.setdefault(change, []).append(str(key))
    every = [Change(*change, names) for change, names in where.items()]
    return sorted(every, key=lambda change: (KINDS.index(change.kind), change.key))


def only(own: Iterable[Key], other: Iterable[Key]) -> list[str]:
    """Cells in `own` and not in `other`, in words: whole settings, whole arms of a setting, single cells."""
    others = set(other)
    other_arms, other_settings = {(key.setting, key.arm) for key in others}, {key.setting for key in others}
    entries = []
    for setting, members in groupby(sorted(own, key=_order), key=lambda key: key.setting):
        keys = list(members)
        if setting not in other_settings:
            names = dict.fromkeys(key.arm for key in keys)
            entries.append(f"{setting}: {_count(len(keys))} ({', '.join(names)})")
            continue
        for arm, part in groupby(keys, key=lambda key: key.arm):
            missing = [key for key in part if key not in others]
            if missing and (setting, arm) not in other_arms:
                entries.append(f"{setting}, {arm}: {_count(len(missing))}")
            else:
                entries.extend(map(str, missing))
    return entries


def _changed(one: Mapping[str, object], other: Mapping[str, object]) -> Iterator[tuple[str, str, str, str]]:
    """Kind, key and both values of every difference between two cells."""
    options = [flatten(row["config"]) for row in (one, other)]
    pairs: list[tuple[str, str, object, object]] = [
        (CONFIGURATION, name, options[0].get(name), options[1].get(name)) for name in {**options[0], **options[1]}
    ]
    both_done = one["status"] == other["status"] == "done"
    for kind, prefix in PREFIXES.items():
        for name in sorted(name for name in {**one, **other} if name.startswith(prefix)):
            ours, theirs = one.get(name), other.get(name)
            # A cell that did not finish may lack data; its status already says so.
            if both_done or (is_present(ours) and is_present(theirs)):
                pairs.append((kind, name.removeprefix("data."), ours, theirs))
    pairs.append((STATUS, STATUS, _state(one), _state(other)))
    if both_done:
        pairs.append((GATE, "doubt", one["doubt"] or None, other["doubt"] or None))
    for kind, name, ours, theirs in pairs:
        if _text(ours) != _text(theirs):
            yield kind, name, _text(ours), _text(theirs)


def _state(row: Mapping[str, object]) -> str:
    reason = row.get("reason")
    return f"{row['status']} ({' '.join(str(reason).split())})" if is_present(reason) else str(row["status"])


def _text(value: object) -> str:
    """A value as text. Whole floats are printed as integers, because tables convert integer columns with gaps to
    float."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, list | dict) or is_present(value) else NOTHING


def _order(key: Key) -> tuple[str, str, int, int]:
    return key.setting, key.arm, -1 if key.seed is None else key.seed, key.number


def _count(cells: int) -> str:
    return f"{cells} cell{'' if cells == 1 else 's'}"
