"""The rules behind the verdicts, fixed before running: evidence -> findings. `bench.claims` says them in words.

A difference is called only with at least MIN_SEEDS common seeds, both intervals (bootstrap and Student's t) on one side
of zero, and a mean of at least the margin. Everything else stays open.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from bench.metrics import LESS_IS_BETTER
from bench.report import architecture, arms
from bench.report.evidence import Evidence, Setting, column, given
from bench.stats import Difference, paired_difference

SUPPORTED, REFUTED, QUALIFIED, INCONCLUSIVE = "supported", "refuted", "qualified", "inconclusive"
NOT_TESTED = "not tested"

MIN_SEEDS = 3
MARGIN = {"share": 0.02, "points": 0.5, "squared error": 0.005, "nats a position": 0.02}
RATIO = 1.05
HOLDS = 0.9
AT_CHANCE = 0.05

ALIKE = (
    "Attention carries information over long distances, in a Transformer and on top of a recurrent network alike; the "
    "recurrent networks without it lost accuracy as the distance grew."
)
ALONE = (
    "The Transformer kept accuracy at distances where recurrent networks without attention lost it; whether attention "
    "alone does as well is not decided here."
)
EVERYWHERE = (
    "At long distances the Transformer was more accurate than recurrent networks without attention, but the gap was "
    "not shown to grow with the distance."
)
SOME = (
    "At long distances the Transformer was more accurate than some recurrent networks without attention, and was not "
    "shown to be more accurate than others."
)
"""What may be said instead of claim A where it is qualified."""

ABOVE, BELOW, LEVEL, OPEN = "above", "below", "level", "open"


@dataclass(frozen=True)
class Finding:
    """What a rule says of one setting: a verdict, its evidence as sentences, and what may be said instead of the claim
    where that depends on why the verdict is as it is."""

    verdict: str
    evidence: list[str]
    settings: list[Setting] = field(default_factory=list)
    corrected: str | None = None


def combined(verdicts: Iterable[str]) -> str:
    """One verdict from several. Mixed findings never make a claim supported or refuted as a whole."""
    words = {word for word in verdicts if word != NOT_TESTED}
    if len(words) <= 1:
        return words.pop() if words else NOT_TESTED
    return QUALIFIED if words & {SUPPORTED, QUALIFIED} else INCONCLUSIVE


def called(difference: Difference | None, margin: float) -> str:
    """ABOVE or BELOW zero, LEVEL (both intervals inside the margin), or OPEN."""
    if difference is None or difference.outer is None or difference.n < MIN_SEEDS:
        return OPEN
    low, high = difference.outer
    if low > 0 and difference.mean >= margin:
        return ABOVE
    if high < 0 and difference.mean <= -margin:
        return BELOW
    return LEVEL if -margin <= low and high <= margin else OPEN


def number(value: float, unit: str) -> str:
    """A score with the digits its unit deserves."""
    return form(unit).format(value)


def form(unit: str) -> str:
    """How a score in this unit is written."""
    return "{:.3g}" if unit in LESS_IS_BETTER else "{:.3f}" if unit == "share" else "{:.2f}"


def spoken(difference: Difference | None, unit: str, level: float = 0.95) -> str:
    """A difference in words: size, the wider interval (the one that decides), effect size, unit, n."""
    if difference is None:
        return "not known, for no seed of both passes the sanity gates"
    size = ("+" if difference.mean >= 0 else "-") + number(abs(difference.mean), unit)
    if difference.outer is None:
        return f"{size} (one seed: no interval over seeds)"
    low, high = (f"{'+' if end >= 0 else '-'}{number(abs(end), unit)}" for end in difference.outer)
    effect = "the same for every seed" if difference.effect is None else f"effect size d_z {difference.effect:.2f}"
    few = "" if difference.n >= MIN_SEEDS else f", fewer than {MIN_SEEDS}: not decided"
    percent = f"{100 * level:.4g} %"
    return f"{size} ({percent} interval over seeds {low} to {high}, {effect}, n = {difference.n} seeds{few})"


def distance(evidence: Evidence) -> list[Finding]:
    """Claim A."""
    findings = []
    for setting in evidence.settings():
        split, metric, search = headline(evidence, setting)
        if evidence.unit(setting, metric) in LESS_IS_BETTER:
            continue  # the rule speaks of accuracy
        every = evidence.select(setting, split, metric, search, axis="distance")
        rows = every[every["doubt"] == ""]
        if every["at"].nunique() < 2:
            continue
        for transformer in _present(every, arms.TRANSFORMER):
            plain = _present(every, arms.PLAIN)
            if not plain:
                note = f"{evidence.name(setting)}: no recurrent arm without attention was run."
                findings.append(Finding(NOT_TESTED, [note], [setting]))
                continue
            findings.append(_distance(evidence, setting, metric, rows, transformer, plain))
    return findings


def _distance(
    evidence: Evidence, setting: Setting, metric: str, rows: pd.DataFrame, transformer: str, plain: list[str]
) -> Finding:
    unit = evidence.unit(setting, metric)
    margin = MARGIN.get(unit, 0.0)
    rows = _inside(rows, evidence.fact(setting, "data.train_range.distance"))
    steps = sorted(rows["at"].unique())
    quarter = max(1, len(steps) // 4)
    near, far = rows[rows["at"].isin(steps[:quarter])], rows[rows["at"].isin(steps[-quarter:])]
    known = evidence.fact(setting, f"data.chance.{metric}")
    chance = float(known) if given(known) else 0.0
    task = evidence.name(setting)
    said = [f"{task}: {metric}, where chance is {number(chance, unit)}." if given(known) else f"{task}: {metric}."]
    ends: dict[str, tuple[dict[int, float], dict[int, float]]] = {}
    for arm in [transformer, *_present(rows, arms.ATTENTIVE), *plain]:
        ends[arm] = evidence.by_seed(near, arm), evidence.by_seed(far, arm)
        if not ends[arm][1]:
            said.append(f"{arm}: no cell passes the sanity gates.")
            continue
        text = " and ".join(
            f"{number(mean(values), unit)} at distance {_span(part)}" for values, part in zip(ends[arm], (near, far))
        )
        said.append(f"{arm}: {text} tokens (mean of n = {len(ends[arm][1])} seeds).")
    if not ends[transformer][1]:
        return Finding(INCONCLUSIVE, said, [setting])
    verdicts, growth, better = {}, {}, {}
    for arm in [arm for arm in ends if arm != transformer and ends[arm][1]]:
        gap = paired_difference(ends[transformer][1], ends[arm][1])
        verdicts[arm] = called(gap, margin)
        said.append(f"{transformer} minus {arm} at the longest distances: {spoken(gap, unit)}.")
        if arm in plain:
            widening = paired_difference(_minus(*ends[transformer][::-1]), _minus(*ends[arm][::-1]))
            growth[arm], better[arm] = called(widening, margin), verdicts[arm]
            said.append(f"Growth of that gap from the shortest to the longest distances: {spoken(widening, unit)}.")
    if not better:
        return Finding(INCONCLUSIVE, said, [setting])
    if mean(evidence.by_seed(rows, transformer)) <= chance + AT_CHANCE:
        said.append(
            f"{transformer} stayed at chance within this budget. That is a result about this budget (budget-limited); "
            "it does not show that the architecture cannot do the task."
        )
        return Finding(REFUTED if BELOW in better.values() else INCONCLUSIVE, said, [setting])
    calls = set(better.values())
    if calls == {ABOVE} and set(growth.values()) == {ABOVE}:
        attentive = [arm for arm in verdicts if arm not in better]
        held = [a for a in attentive if verdicts[a] in (LEVEL, BELOW) or _holds(evidence, rows, a, chance)]
        unclear = [a for a in attentive if a not in held and verdicts[a] == OPEN]
        if held:
            said.append(f"With attention {', '.join(held)} held as well: attention makes the difference, not the "
                        "Transformer as such.")  # fmt: skip
        elif unclear:
            said.append(f"With attention {', '.join(unclear)} was not shown to fall behind the Transformer.")
        elif not attentive:
            said.append("No recurrent arm with attention was run: attention and the Transformer cannot be told apart.")
        instead = ALIKE if held else ALONE if unclear or not attentive else None
        return Finding(QUALIFIED if instead else SUPPORTED, said, [setting], instead)
    if calls == {ABOVE}:
        said.append("The gap was not shown to grow with the distance, so it is not shown to be about distance.")
    if ABOVE in calls:
        return Finding(QUALIFIED, said, [setting], EVERYWHERE if calls == {ABOVE} else SOME)
    return Finding(REFUTED if OPEN not in calls else INCONCLUSIVE, said, [setting])


def hidden_layers(evidence: Evidence) -> list[Finding]:
    """Claim B: a fact about the architecture, read off the records; seeds do not enter. Where the model was looked
    into, its hidden layers decide and those of the recurrent arms stand beside them; else the parameters counted."""
    findings = []
    for setting in sorted(set(evidence.cells["setting"])):
        cells = evidence.cells[[found == setting for found in evidence.cells["setting"]]]
        for arm in arms.ordered(arm for arm in cells["arm"] if arms.kind(arm) == arms.TRANSFORMER):
            rows = cells[cells["arm"] == arm]
            inner = pd.to_numeric(column(rows, "parameters.feed_forward"), errors="coerce").dropna()
            total = pd.to_numeric(column(rows, "parameters.total"), errors="coerce").reindex(inner.index)
            found = architecture.first_inspected(rows)
            if found is not None:
                said = _inspected(evidence, setting, cells, [arm, *_present(cells, *arms.ANY_RECURRENT)])
                findings.append(Finding(REFUTED if found[0]["hidden_layers"] else INCONCLUSIVE, said, [setting]))
                continue
            if inner.empty:
                continue
            share = (
                f" ({100 * inner.iloc[0] / total.iloc[0]:.0f} % of {total.iloc[0]:,.0f})"
                if given(total.iloc[0])
                else ""
            )
            size = f"{inner.iloc[0]:,.0f} parameters of {arm}{share}"
            text = f"{evidence.name(setting)}: {size} lie in its feed-forward hidden layers."
            findings.append(Finding(REFUTED if inner.iloc[0] > 0 else INCONCLUSIVE, [text], [setting]))
    return findings


def _inspected(evidence: Evidence, setting: Setting, cells: pd.DataFrame, names: list[str]) -> list[str]:
    """A sentence for each of these arms of which a cell was looked into."""
    said = []
    for arm in names:
        found = architecture.first_inspected(cells[cells["arm"] == arm])
        if found is not None:
            said.append(f"{evidence.name(setting)}: {architecture.told(arm, *found)}")
    return said


def attention(evidence: Evidence) -> list[Finding]:
    """Claim G: each recurrent arm with attention against the same cell without."""
    findings = []
    for setting in evidence.settings():
        split, metric, search = headline(evidence, setting)
        unit, rows = evidence.unit(setting, metric), evidence.select(setting, split, metric, search)
        said, words = [], []
        for arm in _present(rows, arms.ATTENTIVE):
            twin = arms.without_attention(arm)
            if twin not in set(rows["arm"]):
                continue
            trusted = rows[rows["doubt"] == ""]
            gap = paired_difference(evidence.merit(trusted, arm, unit), evidence.merit(trusted, twin, unit))
            word = {ABOVE: SUPPORTED, BELOW: REFUTED, LEVEL: REFUTED, OPEN: INCONCLUSIVE}
            words.append(word[called(gap, MARGIN.get(unit, 0.0))])
            said.append(f"{evidence.name(setting)}, {split}, {metric}: {arm} minus {twin} {spoken(gap, unit)}.")
        if words:
            findings.append(Finding(combined(words), said, [setting]))
    return findings


def translation(evidence: Evidence) -> list[Finding]:
    """Claim H: BLEU of the Transformer against every recurrent arm, under every search; all must agree."""
    findings = []
    for setting in evidence.settings():
        if setting.task.split(" [")[0] != "multi30k":
            continue
        for search in evidence.searches(setting):
            rows = evidence.select(setting, "test_2016_flickr", "bleu", search)
            trusted, rivals = rows[rows["doubt"] == ""], _present(rows, *arms.ANY_RECURRENT)
            for transformer in _present(rows, arms.TRANSFORMER):
                said, calls = [], []
                for arm in sorted(rivals, key=lambda arm: -mean(evidence.by_seed(trusted, arm), -math.inf)):
                    gap = paired_difference(evidence.by_seed(trusted, transformer), evidence.by_seed(trusted, arm))
                    calls.append(called(gap, MARGIN["points"]))
                    best = ", the best recurrent arm by its mean," if len(calls) == 1 and len(rivals) > 1 else ""
                    task = f"{evidence.name(setting)}, {search} search, BLEU"
                    said.append(f"{task}: {transformer} minus {arm}{best} {spoken(gap, 'points')}.")
                if not calls:
                    continue
                findings.append(Finding(_against_all(calls), said, [setting]))
    return findings


def _against_all(calls: list[str]) -> str:
    """Better than every rival: supported. Behind one: refuted. Better than some and level with the rest: qualified."""
    if set(calls) == {ABOVE}:
        return SUPPORTED
    if BELOW in calls:
        return REFUTED
    return QUALIFIED if ABOVE in calls else INCONCLUSIVE


def headline(evidence: Evidence, setting: Setting) -> tuple[str | None, str, str | None]:
    """First split, first metric, first search of a setting."""
    firsts = [next(iter(found), None) for found in
              (evidence.splits(setting), evidence.metrics(setting), evidence.searches(setting))]  # fmt: skip
    return firsts[0], firsts[1] or "", firsts[2]


def _present(rows: pd.DataFrame, *kinds: str) -> list[str]:
    return [arm for arm in arms.ordered(rows["arm"]) if arms.kind(arm) in kinds]


def _inside(rows: pd.DataFrame, bounds: object) -> pd.DataFrame:
    """Rows inside the training range, where one is known and at least two distances lie in it."""
    if not isinstance(bounds, list | tuple) or len(bounds) != 2:
        return rows
    kept = rows[rows["at"].between(*bounds)]
    return kept if kept["at"].nunique() >= 2 else rows


def _holds(evidence: Evidence, rows: pd.DataFrame, arm: str, chance: float) -> bool:
    """Whether the arm's mean over seeds is at least HOLDS on the scale from chance to 1, at every distance."""
    steps = rows["at"].unique()
    means = [mean(evidence.by_seed(rows[rows["at"] == step], arm), -math.inf) for step in steps]
    return bool(means) and min(means) >= chance + HOLDS * (1 - chance)


def _span(rows: pd.DataFrame) -> str:
    low, high = rows["at"].min(), rows["at"].max()
    return f"{low:g}" if low == high else f"{low:g}-{high:g}"


def _minus(first: Mapping[int, float], second: Mapping[int, float]) -> dict[int, float]:
    return {seed: first[seed] - second[seed] for seed in set(first) & set(second)}


def mean(values: Mapping[int, float], empty: float = math.nan) -> float:
    """Over seeds."""
    return sum(values.values()) / len(values) if values else empty


Rule = Callable[[Evidence], list[Finding]]
