"""Where each family wins: one row per setting and test split, one column per family, and the family ahead."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations

import pandas as pd

from bench.analysis import arms
from bench.analysis.comparisons import ABOVE, BELOW, LEVEL, MIN_SEEDS, Comparison, Family, compare_arms, format_score
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Joined, Message, Text, one_or_many
from bench.analysis.missing_values import column_mean, is_present
from bench.analysis.settings import Setting
from bench.report import labels
from bench.report.tables.base import NONE, Cell, Row, Table, columns, table


def table_of(evidence: Evidence) -> Table | None:
    """The table; None if no two families can be compared. Only cells that pass the sanity gates count.

    A family is shown by its arm with the lowest validation loss in the setting. All pairs of a row are one family of
    comparisons, by the rule of the verdicts. Rows without a pair that has enough seeds are counted in the note.
    """
    rows: list[Row] = []
    untested = 0
    for setting in evidence.settings():
        shown = representatives(evidence, setting)
        _, metric, _ = evidence.headline(setting)
        for split in evidence.splits(setting) if len(shown) > 1 else []:
            search = _common_search(evidence, setting, split, metric, shown)
            scores = evidence.select(setting, split, metric, search, trusted=True)
            measured = {family: arm for family, arm in shown.items() if (scores["arm"] == arm).any()}
            if len(measured) < 2:
                continue
            row = _row(evidence, setting, scores, measured)
            if row is None:
                untested += 1
            else:
                rows.append(row)
    if not rows:
        return None
    heads = [*columns("task", "metric", "ahead"), *(Message(f"families.{name}") for name in arms.FAMILIES),
             *columns("arms_shown")]  # fmt: skip
    title = Message("tables.families.title")
    note = Joined(
        [
            Message("tables.families.note", seeds=MIN_SEEDS),
            *([one_or_many("tables.families.untested", untested)] if untested else []),
        ],
        "sentences",
    )
    return table("families", title, note, heads, rows).without_empty_columns()


def short(whole: Table) -> Table:
    """The table without the names of the arms, which its file has."""
    return whole.with_columns(range(len(whole.columns) - 1), whole.note)


def representatives(evidence: Evidence, setting: Setting) -> dict[str, str]:
    """Family -> its arm with the lowest mean validation loss over the trusted cells of a setting. An arm without one
    comes last."""
    cells = evidence.finished(setting, trusted=True)
    losses: dict[str, list[tuple[float, str]]] = {}
    for arm in evidence.arms(setting, trusted=True):
        family = arms.family(arm)
        if family is not None:
            loss = column_mean(cells[cells["arm"] == arm], "selection.value")
            losses.setdefault(family, []).append((math.inf if loss is None else loss, arm))
    return {family: min(losses[family], key=lambda each: each[0])[1] for family in arms.FAMILIES if family in losses}


def _common_search(evidence: Evidence, setting: Setting, split: str, metric: str, shown: Mapping[str, str]) -> str:
    """The last search, beam search where there is one, by which every arm shown has a score; else the first."""
    searches = evidence.searches(setting)
    for search in reversed(searches):
        if set(shown.values()) <= set(evidence.select(setting, split, metric, search, trusted=True)["arm"]):
            return search
    return searches[0]


def _row(evidence: Evidence, setting: Setting, scores: pd.DataFrame, measured: Mapping[str, str]) -> Row | None:
    """One split of a setting; None if no pair of families has enough seeds."""
    split, metric, unit = (scores[name].iloc[0] for name in ("split", "metric", "unit"))
    unit = str(unit) if is_present(unit) else ""
    pairs = {
        (first, second): compare_arms(evidence, setting, scores, measured[first], measured[second])
        for first, second in combinations(measured, 2)
    }
    tested = {family for pair, comparison in pairs.items() if comparison.testable for family in pair}
    if not tested:
        return None
    cells: list[Cell | str] = []
    for family in arms.FAMILIES:
        if family not in measured:
            cells.append(NONE)
            continue
        mean = float(scores[scores["arm"] == measured[family]]["value"].mean())
        cells.append(Cell(_score(mean, unit) if family in tested else f"({_score(mean, unit)})", mean))
    name = labels.by_merit("tables.families.measure", unit)
    measure = Message(name, metric=labels.metric_name(str(metric)), split=str(split))
    names = Joined([measured[family] for family in arms.FAMILIES if family in measured])
    return [evidence.name(setting), measure, _ahead(pairs, tested), *cells, names]


def _score(value: float, unit: str) -> str:
    return f"{100 * value:.1f} %" if unit == "share" else format_score(value, unit)


def _ahead(pairs: Mapping[tuple[str, str], Comparison], tested: set[str]) -> Text:
    """The family that is above all others that were tested; or the one with the highest mean and those that the test
    does not tell from it."""
    judge = Family(pairs.values())
    merits = {}
    calls: dict[tuple[str, str], str] = {}
    for (first, second), comparison in pairs.items():
        if not comparison.testable:
            continue
        call = judge.judge(comparison).call
        calls[first, second] = call
        calls[second, first] = {ABOVE: BELOW, BELOW: ABOVE}.get(call, call)
        for family, values in ((first, comparison.ours), (second, comparison.theirs)):
            merits[family] = sum(values.values()) / len(values)
    leader = max(merits, key=lambda family: merits[family])
    others = [family for family in merits if family != leader and calls[leader, family] != ABOVE]
    names = [Message(f"families.{family}") for family in arms.FAMILIES if family in {leader, *others}]
    if not others:
        return names[0]
    call = "level" if all(calls[leader, family] == LEVEL for family in others) else "undecided"
    if len(names) == len(tested):
        return Message(f"tables.families.all_{call}")
    return Message(f"tables.families.{call}", families=Joined(names))
