"""Where each family wins: one row per setting and test split, one column per family, and the family ahead."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations

import pandas as pd

from bench.analysis import arms
from bench.analysis.claims.answers import at_chance, every_arm
from bench.analysis.comparisons import (
    ABOVE,
    BELOW,
    LEVEL,
    MARGIN,
    MIN_SEEDS,
    OPEN,
    Comparison,
    Family,
    compare_arms,
    format_score,
)
from bench.analysis.evidence import Evidence
from bench.analysis.gates import AT_CHANCE
from bench.analysis.messages import Joined, Message, Text
from bench.analysis.missing_values import column_mean
from bench.analysis.settings import Setting
from bench.analysis.solved import solve_or_not
from bench.report import labels, series
from bench.report.tables.base import NONE, Cell, Row, Table, columns, table

SHOWN_CHANCE = 0.01
"""A share that guessing gets is shown beside the metric from here on."""


def table_of(evidence: Evidence) -> Table | None:
    """The table; None if no two families can be compared. Only cells that pass the sanity gates count.

    A family is shown by its arm with the lowest validation loss in the setting. All pairs of a row are one family of
    comparisons. Settings without a pair that has enough seeds are named in the note.
    """
    rows: list[Row] = []
    left_out: dict[Setting, None] = {}
    for setting in evidence.settings():
        shown = representatives(evidence, setting)
        for split in evidence.splits(setting) if len(shown) > 1 else []:
            scores = _scores(evidence, setting, split, shown)
            measured = {family: arm for family, arm in shown.items() if (scores["arm"] == arm).any()}
            if len(measured) < 2:
                continue
            row = _row(evidence, setting, scores, measured)
            if row is None:
                left_out[setting] = None
            else:
                rows.append(row)
    if not rows:
        return None
    heads = [*columns("task", "metric", "ahead"), *(Message(f"families.{name}") for name in arms.FAMILIES),
             *columns("arms_shown")]  # fmt: skip
    margins = {"share": f"{100 * MARGIN['share']:g}", "points": MARGIN["points"], "nats": MARGIN["nats a position"]}
    notes = [Message("tables.families.note", seeds=MIN_SEEDS, chance=f"{100 * AT_CHANCE:g}", **margins)]
    if left_out:
        names = Joined((evidence.name(setting) for setting in left_out), "reasons")
        notes.append(Message("tables.families.left_out", seeds=MIN_SEEDS, settings=names))
    title, note = Message("tables.families.title"), Joined(notes, "sentences")
    return table("families", title, note, heads, rows).without_empty_columns()


def short(whole: Table) -> Table:
    """The table without the names of the arms, which its file has."""
    return whole.with_columns(range(len(whole.columns) - 1), whole.note)


def representatives(evidence: Evidence, setting: Setting) -> dict[str, str]:
    """Family -> its arm with the lowest mean validation loss over the trusted cells of a setting. Arms with too few
    seeds to be compared come after all others, arms without a loss last."""
    cells = evidence.finished(setting, trusted=True)
    ranked: dict[str, list[tuple[bool, float, str]]] = {}
    for arm in evidence.arms(setting, trusted=True):
        family, own = arms.family(arm), cells[cells["arm"] == arm]
        if family is not None:
            loss = column_mean(own, "selection.value")
            few = own["seed"].nunique() < MIN_SEEDS
            ranked.setdefault(family, []).append((few, math.inf if loss is None else loss, arm))
    return {family: min(ranked[family])[2] for family in arms.FAMILIES if family in ranked}


def _scores(evidence: Evidence, setting: Setting, split: str, shown: Mapping[str, str]) -> pd.DataFrame:
    """The scores that are compared: by a metric that the first split does not have, otherwise by the headline; by the
    last search, beam search where there is one, that every arm shown has, otherwise by the first."""
    first, metric, _ = evidence.headline(setting)
    metrics = evidence.metrics(setting)
    on_split, on_first = (set(evidence.select(setting, each)["metric"]) for each in (split, first))
    metric = next((each for each in metrics if each in on_split - on_first), metric)
    searches = evidence.searches(setting)
    for search in [*reversed(searches), searches[0]]:
        scores = evidence.select(setting, split, metric, search, trusted=True)
        if set(shown.values()) <= set(scores["arm"]):
            break
    return scores


def _row(evidence: Evidence, setting: Setting, scores: pd.DataFrame, measured: Mapping[str, str]) -> Row | None:
    """One split of a setting; None if no pair of families has enough seeds."""
    split, metric = (str(scores[name].iloc[0]) for name in ("split", "metric"))
    unit = evidence.unit(setting, metric)
    pairs = {
        (first, second): compare_arms(evidence, setting, scores, measured[first], measured[second])
        for first, second in combinations(measured, 2)
    }
    tested = {pair: comparison for pair, comparison in pairs.items() if comparison.testable}
    if not tested:
        return None
    cells: list[Cell | str] = []
    for family in arms.FAMILIES:
        if family not in measured:
            cells.append(NONE)
            continue
        mean = float(scores[scores["arm"] == measured[family]]["value"].mean())
        compared = any(family in pair for pair in tested)
        shown = 100 * mean if unit == "share" else mean
        cells.append(Cell(_score(mean, unit) if compared else f"({_score(mean, unit)})", shown))
    named = {"metric": labels.metric_name(metric), "split": split}
    chance = series.chance(evidence, setting, metric)
    if unit == "share" and chance is not None and chance >= SHOWN_CHANCE:
        measure = Message("tables.families.measure_chance", chance=f"{100 * chance:.3g} %", **named)
    else:
        measure = Message(labels.by_merit("tables.families.measure", unit), **named)
    names = Joined([measured[family] for family in arms.FAMILIES if family in measured])
    return [evidence.name(setting), measure, _ahead(evidence, tested), *cells, names]


def _score(value: float, unit: str) -> str:
    return f"{100 * value:.1f} %" if unit == "share" else format_score(value, unit)


def _ahead(evidence: Evidence, tested: Mapping[tuple[str, str], Comparison]) -> Text:
    """The family above all others that were tested; otherwise the one with the highest mean and those that it is not
    above: level if all of them are, else open. As in the verdicts, families that only guess decide nothing, nor does a
    pair in which some seeds of an arm solve the task and others do not."""
    if all(at_chance(evidence, comparison) for comparison in tested.values()):
        return Message("tables.families.chance")
    judge = Family(tested.values(), alike=every_arm(evidence, list(tested.values())))
    merits: dict[str, float] = {}
    calls: dict[tuple[str, str], str] = {}
    for (first, second), comparison in tested.items():
        of_both = {first: comparison.ours, second: comparison.theirs}
        merits |= {family: math.fsum(values.values()) / len(values) for family, values in of_both.items()}
        mixed = any(solve_or_not(values.values(), comparison.unit) for values in of_both.values())
        call = OPEN if mixed else judge.judge(comparison).call
        calls[first, second], calls[second, first] = call, {ABOVE: BELOW, BELOW: ABOVE}.get(call, call)
    leader = max(merits, key=lambda family: merits[family])
    top = [family for family in merits if family == leader or calls[leader, family] != ABOVE]
    names = [Message(f"families.{family}") for family in arms.FAMILIES if family in top]
    if len(top) == 1:
        return names[0]
    level = all(calls[pair] == LEVEL for pair in combinations(top, 2))
    return Message("tables.families.level" if level else "tables.families.open", families=Joined(names))
