"""From the primary comparisons and the records to comparisons of two arms, ready to be tested."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import pandas as pd

from bench.analysis.claims import primary
from bench.analysis.claims.primary import Arm, Primary, PrimaryList
from bench.analysis.comparisons import RATIOS, Comparison, compare_arms
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Joined, Message, Text
from bench.analysis.settings import PROFILE, Setting
from bench.records.cost_rounds import RoundRow

COUNTED = ("flops", "state_bytes", "parameters")
"""Quantities of a profile that are counted, not measured: equal in every round, with no interval."""


@dataclass(frozen=True)
class Question:
    """An entry of the primary comparisons in one setting. comparison: None where the records have none, and `missing`
    says why; setting: None where no setting of the task was run."""

    entry: Primary
    setting: Setting | None
    comparison: Comparison | None
    missing: Text | str = ""


def of_claim(evidence: Evidence, letter: str) -> list[Question]:
    """The questions of a claim, in the order of their list; settings in their own order.

    A list that decides alone does so where the records have its key comparison. If they have only that of other lists,
    those decide. The entries of lists that do not decide are exploratory."""
    by_list = {each.name: _of_list(evidence, letter, each) for each in primary.lists()}
    with_key = [each for each in primary.lists() if any(map(_is_answered_key, by_list[each.name]))]
    is_alone = any(each.alone for each in with_key)
    questions: dict[tuple[Primary, Setting | None], Question] = {}
    for each in sorted(primary.lists(), key=lambda each: each.alone != is_alone):
        decides = not with_key or each.alone == is_alone
        for question in by_list[each.name]:
            # Two lists may name the same comparison of costs: it is asked once.
            questions.setdefault(
                (replace(question.entry, role=primary.KEY), question.setting),
                question if decides else replace(question, entry=replace(question.entry, role=primary.EXPLORATORY)),
            )
    return list(questions.values())


def _of_list(evidence: Evidence, letter: str, one: PrimaryList) -> list[Question]:
    """The questions of one list, if it serves a setting."""
    served = [setting for setting in evidence.settings() if primary.list_of(setting) is one]
    questions: list[Question] = []
    for entry in one.claims.get(letter, ()) if served else ():
        if entry.measure == primary.COST:
            questions += _of_cost(evidence, entry)
        else:
            questions += _of_score(evidence, entry, served, one.budgets)
    return questions


def _is_answered_key(question: Question) -> bool:
    return question.entry.role == primary.KEY and question.comparison is not None


def _of_score(
    evidence: Evidence, entry: Primary, settings: list[Setting], budgets: Collection[str]
) -> Iterator[Question]:
    """budgets: of the list, none for the last one."""
    named = entry.task not in (primary.EVERY_TASK, primary.TRANSLATION)
    served = [each for each in settings if _serves(evidence, entry, each)]
    if named and not served:
        absent = Message("missing.task", task=entry.task)
        if budgets:
            absent = Message("missing.task_at", task=entry.task, budget=Joined(budgets, "or"))
        yield Question(entry, None, None, absent)
    for setting in served:
        rows = _rows(evidence, entry, setting)
        labels = [_labels(evidence, setting, arm) for arm in (entry.first, entry.second)]
        lacking = [arm for arm, names in zip((entry.first, entry.second), labels) if not names]
        several = [arm for arm, names in zip((entry.first, entry.second), labels) if len(names) > 1]
        if rows.empty or lacking:
            if named:
                absent = Message("missing.scores")
                if lacking:
                    absent = Message("missing.arm", arm=str(lacking[0]), budget=setting.budget)
                yield Question(entry, setting, None, absent)
        elif several:
            yield Question(entry, setting, None, Message("missing.several", arm=str(several[0])))
        else:
            comparison = _comparison(evidence, entry, setting, rows, labels[0][0], labels[1][0])
            if comparison is not None:
                yield Question(
                    entry, setting, comparison, "" if comparison.has_values else Message("difference.gated")
                )


def _serves(evidence: Evidence, entry: Primary, setting: Setting) -> bool:
    fewer_pairs = evidence.config_value(setting, "task", "train_pairs") is not None
    return entry.serves_task(setting.task, evidence.headline(setting).metric == "bleu", fewer_pairs)


def _rows(evidence: Evidence, entry: Primary, setting: Setting) -> pd.DataFrame:
    """The scores that an entry speaks of, of all arms, trusted or not."""
    headline = evidence.headline(setting)
    split, metric = entry.split or headline.split, entry.metric or headline.metric
    axis = None if entry.measure == primary.SCORE else entry.axis
    return evidence.select(setting, split, metric, entry.search, axis=axis)


def _labels(evidence: Evidence, setting: Setting, arm: Arm) -> list[str]:
    """The arms of a setting, as it names them, that an entry's arm speaks of."""
    cells = evidence.finished(setting)
    scored = set(evidence.select(setting)["arm"])  # trials have none
    cells = cells[cells["arm"].isin(scored)] if scored else cells
    names = zip(cells["arm"], cells["model"], cells["config"], strict=True)
    return list(dict.fromkeys(label for label, model, config in names if arm.matches(model, _options(config))))


def _options(config: object) -> Mapping[str, object]:
    section = config.get("model") if isinstance(config, Mapping) else None
    return section if isinstance(section, Mapping) else {}


def _comparison(
    evidence: Evidence, entry: Primary, setting: Setting, rows: pd.DataFrame, first: str, second: str
) -> Comparison | None:
    """None where a measure over distances does not apply."""
    if entry.measure == primary.SCORE:
        return compare_arms(evidence, setting, rows, first, second)
    # Of cells that all fail a gate there is a comparison without values, as for whole splits.
    ends = _ends(evidence, setting, evidence.trusted(rows), entry.axis) or _ends(evidence, setting, rows, entry.axis)
    if ends is None:
        return None
    near, far = ends
    longest = compare_arms(evidence, setting, far, first, second)
    if entry.measure == primary.FAR:
        return replace(longest, part=Message("part.far", far=span(far)))
    shortest = compare_arms(evidence, setting, near, first, second)
    return replace(
        longest,
        ours=_minus(longest.ours, shortest.ours),
        theirs=_minus(longest.theirs, shortest.theirs),
        part=Message("part.growth", far=span(far), near=span(near)),
    )


def _ends(
    evidence: Evidence, setting: Setting, rows: pd.DataFrame, axis: str
) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """The rows at the shortest and at the longest quarter of the distances inside the training range (of all
    distances where it is unknown or holds fewer than two). axis: of the distances."""
    bounds = evidence.fact(setting, f"data.train_range.{axis}")
    if isinstance(bounds, list | tuple) and len(bounds) == 2:
        inside = rows[rows["at"].between(*bounds)]
        rows = inside if inside["at"].nunique() >= 2 else rows
    steps = sorted(rows["at"].unique())
    if len(steps) < 2:
        return None
    quarter = max(1, len(steps) // 4)
    return rows[rows["at"].isin(steps[:quarter])], rows[rows["at"].isin(steps[-quarter:])]


def span(rows: pd.DataFrame) -> str:
    """The positions of rows on their axis: `33-39`."""
    low, high = rows["at"].min(), rows["at"].max()
    return f"{low:g}" if low == high else f"{low:g}-{high:g}"


def _minus(far: Mapping[int, float], near: Mapping[int, float]) -> dict[int, float]:
    return {seed: far[seed] - near[seed] for seed in far if seed in near}


def _of_cost(evidence: Evidence, entry: Primary) -> Iterator[Question]:
    rows = [row for row in evidence.rounds if row.what == ("train" if entry.what in COUNTED else entry.what)]
    lengths = sorted({row.length for row in rows})
    if not lengths:
        yield Question(entry, None, None, Message("missing.profile"))
        return
    length = {primary.SHORTEST: lengths[0], primary.LONGEST: lengths[-1]}.get(entry.length) or int(entry.length)
    arms = [
        [row for row in rows if row.length == length and row.arm == str(arm)] for arm in (entry.first, entry.second)
    ]
    if not all(arms):
        lacking = entry.second if arms[0] else entry.first
        yield Question(entry, None, None, Message("missing.profile_arm", arm=str(lacking), length=length))
        return
    setting = Setting(PROFILE, str(length), -1, rows[0].device)
    ours, theirs = ({row.round: math.log(_cost(row, entry.what)) for row in of_arm} for of_arm in arms)
    ours, theirs = ({number: of[number] for number in sorted(ours.keys() & theirs.keys())} for of in (ours, theirs))
    if not ours:
        yield Question(entry, None, None, Message("missing.rounds"))
        return
    part = Message("part.length", length=length)
    yield Question(
        entry,
        setting,
        Comparison(
            setting, str(entry.first), str(entry.second), ours, theirs, RATIOS, entry.what, part=part, paired=True
        ),
    )


def _cost(row: RoundRow, what: str) -> float:
    if what == "flops":
        return row.flops / row.tokens
    return float(getattr(row, what)) if what in COUNTED else row.seconds_per_token
