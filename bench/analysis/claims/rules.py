"""The rules behind the verdicts, fixed before running: evidence -> findings. `bench.analysis.claims.judge` says them in words.

A rule names its comparisons first and judges them when all of a report's have been called together; see
`bench.analysis.comparisons`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import pandas as pd

from bench.analysis import arms
from bench.analysis.claims import architecture
from bench.analysis.comparisons import ABOVE, BELOW, LEVEL, OPEN, Comparison, Judged, format_score, spoken
from bench.analysis.evidence import Evidence, Setting, column, is_present
from bench.analysis.gates import AT_CHANCE
from bench.analysis.messages import Joined, Message, Text
from bench.metrics import LESS_IS_BETTER

SUPPORTED, REFUTED, QUALIFIED, INCONCLUSIVE = "supported", "refuted", "qualified", "inconclusive"
NOT_TESTED = "not tested"

HOLDS = 0.9


@dataclass(frozen=True)
class Finding:
    """What a rule says of one setting: a verdict, its evidence as sentences, what may be said instead of the claim where
    that depends on why the verdict is as it is, and the comparisons it rests on."""

    verdict: str
    evidence: list[Text]
    settings: list[Setting] = field(default_factory=list)
    corrected: Text | None = None
    comparisons: list[Judged] = field(default_factory=list)


@dataclass(frozen=True)
class Case:
    """What a rule asks of one setting: comparisons, which must not depend on how any is called, and what follows from
    them once they are called, in the same order."""

    comparisons: list[Comparison]
    judge: Callable[[list[Judged]], Finding]

    @classmethod
    def settled(cls, finding: Finding) -> Case:
        """One that needs no comparison."""
        return cls([], lambda judged: finding)


def combined(verdicts: Iterable[str]) -> str:
    """One verdict from several. Mixed findings never make a claim supported or refuted as a whole."""
    words = {word for word in verdicts if word != NOT_TESTED}
    if len(words) <= 1:
        return words.pop() if words else NOT_TESTED
    return QUALIFIED if words & {SUPPORTED, QUALIFIED} else INCONCLUSIVE


def distance(evidence: Evidence) -> list[Case]:
    """Claim A."""
    cases = []
    for setting in evidence.settings():
        split, metric, search = evidence.headline(setting)
        if evidence.unit(setting, metric) in LESS_IS_BETTER:
            continue  # the rule speaks of accuracy
        every = evidence.select(setting, split, metric, search, axis="distance")
        if every["at"].nunique() < 2:
            continue
        for transformer in _present(every, arms.TRANSFORMER):
            plain = _present(every, arms.PLAIN)
            if plain:
                cases.append(_distance(evidence, setting, every, transformer, plain))
            else:
                note = Message("evidence.A.no_plain", setting=evidence.name(setting))
                cases.append(Case.settled(Finding(NOT_TESTED, [note], [setting])))
    return cases


def _distance(evidence: Evidence, setting: Setting, every: pd.DataFrame, transformer: str, plain: list[str]) -> Case:
    split, metric, search = evidence.headline(setting)
    unit = evidence.unit(setting, metric)
    rows = _inside(evidence.trusted(every), evidence.fact(setting, "data.train_range.distance"))
    steps = sorted(rows["at"].unique())
    quarter = max(1, len(steps) // 4)
    near, far = rows[rows["at"].isin(steps[:quarter])], rows[rows["at"].isin(steps[-quarter:])]
    known = evidence.fact(setting, f"data.chance.{metric}")
    chance = float(known) if is_present(known) else 0.0
    of = {"setting": evidence.name(setting), "metric": metric}
    guessing = Message("evidence.A.chance", chance=format_score(chance, unit), **of)
    said = [guessing if is_present(known) else Message("evidence.A.no_chance", **of)]
    ends: dict[str, tuple[dict[int, float], dict[int, float]]] = {}
    for arm in [transformer, *_present(rows, arms.ATTENTIVE), *plain]:
        ends[arm] = evidence.by_seed(near, arm), evidence.by_seed(far, arm)
        if not ends[arm][1]:
            said.append(Message("evidence.A.no_cell", arm=arm))
            continue
        both = [
            Message("evidence.A.at", value=format_score(mean(values), unit), distance=_span(part))
            for values, part in zip(ends[arm], (near, far))
        ]
        said.append(Message("evidence.A.arm", arm=arm, ends=Joined(both, "and"), count=len(ends[arm][1])))
    asked = []
    for arm in [arm for arm in ends if arm != transformer and ends[arm][1]] if ends[transformer][1] else []:
        whole = Comparison(
            setting, transformer, arm, ends[transformer][1], ends[arm][1], unit, metric, split, search,
            Message("evidence.A.part", far=_span(far)),
        )  # fmt: skip
        asked.append(whole)
        if arm in plain:
            growth = {side: _minus(*ends[side][::-1]) for side in (transformer, arm)}
            part = Message("evidence.A.growth_part", far=_span(far), near=_span(near))
            asked.append(replace(whole, ours=growth[transformer], theirs=growth[arm], part=part))
    stuck = mean(evidence.by_seed(rows, transformer)) <= chance + AT_CHANCE
    holding = {arm for arm in _present(rows, arms.ATTENTIVE) if _holds(rows, arm, chance)}
    return Case(asked, lambda judged: _judged_distance(setting, said, judged, plain, stuck, holding))


def _judged_distance(
    setting: Setting, said: list[Text], judged: list[Judged], plain: list[str], stuck: bool, holding: set[str]
) -> Finding:
    """stuck: the Transformer stayed at chance; holding: arms with attention that keep their accuracy everywhere."""
    said = list(said)
    verdicts, growth, better = {}, {}, {}
    for found in judged:
        transformer, arm = found.comparison.first, found.comparison.second
        if arm not in verdicts:
            verdicts[arm] = found.call
            said.append(Message("evidence.A.longest", first=transformer, second=arm, difference=spoken(found)))
        else:
            growth[arm], better[arm] = found.call, verdicts[arm]
            said.append(Message("evidence.A.growth", difference=spoken(found)))
    if not better:
        return Finding(INCONCLUSIVE, said, [setting])
    if stuck:
        said.append(Message("evidence.A.stuck", arm=transformer))
        return Finding(REFUTED if BELOW in better.values() else INCONCLUSIVE, said, [setting])
    calls = set(better.values())
    if calls == {ABOVE} and set(growth.values()) == {ABOVE}:
        attentive = [arm for arm in verdicts if arm not in better]
        held = [arm for arm in attentive if verdicts[arm] in (LEVEL, BELOW) or arm in holding]
        unclear = [arm for arm in attentive if arm not in held and verdicts[arm] == OPEN]
        if held:
            said.append(Message("evidence.A.held", arms=Joined(held)))
        elif unclear:
            said.append(Message("evidence.A.unclear", arms=Joined(unclear)))
        elif not attentive:
            said.append(Message("evidence.A.no_attentive"))
        instead = "alike" if held else "alone" if unclear or not attentive else None
        if instead is None:
            return Finding(SUPPORTED, said, [setting])
        return Finding(QUALIFIED, said, [setting], Message(f"instead.{instead}"))
    if calls == {ABOVE}:
        said.append(Message("evidence.A.no_growth"))
    if ABOVE in calls:
        return Finding(
            QUALIFIED, said, [setting], Message("instead.everywhere" if calls == {ABOVE} else "instead.some")
        )
    return Finding(REFUTED if OPEN not in calls else INCONCLUSIVE, said, [setting])


def hidden_layers(evidence: Evidence) -> list[Case]:
    """Claim B: a fact about the architecture, read off the records; seeds do not enter. Where the model was looked
    into, its hidden layers decide and those of the recurrent arms stand beside them; else the parameters counted."""
    cases = []
    for setting, cells in evidence.cells.groupby("setting", sort=True):
        for arm in arms.ordered(arm for arm in cells["arm"] if arms.kind(arm) == arms.TRANSFORMER):
            rows = cells[cells["arm"] == arm]
            inner = pd.to_numeric(column(rows, "parameters.feed_forward"), errors="coerce").dropna()
            total = pd.to_numeric(column(rows, "parameters.total"), errors="coerce").reindex(inner.index)
            found = architecture.first_inspected(rows)
            if found is not None:
                said = _inspected(evidence, setting, cells, [arm, *_present(cells, *arms.ANY_RECURRENT)])
                finding = Finding(REFUTED if found[0]["hidden_layers"] else INCONCLUSIVE, said, [setting])
                cases.append(Case.settled(finding))
                continue
            if inner.empty:
                continue
            text = Message(
                "evidence.B.counted", setting=evidence.name(setting), count=f"{inner.iloc[0]:,.0f}", arm=arm
            )
            if is_present(total.iloc[0]):
                share = {"share": f"{100 * inner.iloc[0] / total.iloc[0]:.0f}", "total": f"{total.iloc[0]:,.0f}"}
                text = Message("evidence.B.share", **text.values, **share)
            finding = Finding(REFUTED if inner.iloc[0] > 0 else INCONCLUSIVE, [text], [setting])
            cases.append(Case.settled(finding))
    return cases


def _inspected(evidence: Evidence, setting: Setting, cells: pd.DataFrame, names: list[str]) -> list[Text]:
    """A sentence for each of these arms of which a cell was looked into."""
    said = []
    for arm in names:
        found = architecture.first_inspected(cells[cells["arm"] == arm])
        if found is not None:
            model = architecture.told(arm, *found)
            said.append(Message("evidence.B.inspected", setting=evidence.name(setting), model=model))
    return said


def attention(evidence: Evidence) -> list[Case]:
    """Claim G: each recurrent arm with attention against the same cell without."""
    cases = []
    for setting in evidence.settings():
        split, metric, search = evidence.headline(setting)
        rows = evidence.select(setting, split, metric, search)
        pairs = [(arm, arms.without_attention(arm)) for arm in _present(rows, arms.ATTENTIVE)]
        asked = [compared(evidence, setting, rows, arm, twin) for arm, twin in pairs if twin in set(rows["arm"])]
        if asked:
            cases.append(Case(asked, partial(_judged_attention, evidence.name(setting), setting)))
    return cases


def _judged_attention(name: str, setting: Setting, judged: list[Judged]) -> Finding:
    word = {ABOVE: SUPPORTED, BELOW: REFUTED, LEVEL: REFUTED, OPEN: INCONCLUSIVE}
    said = []
    for found in judged:
        asked = found.comparison
        said.append(
            Message(
                "evidence.G.minus", setting=name, split=asked.split, metric=asked.metric, first=asked.first,
                second=asked.second, difference=spoken(found),
            )
        )  # fmt: skip
    return Finding(combined(word[found.call] for found in judged), said, [setting])


def translation(evidence: Evidence) -> list[Case]:
    """Claim H: BLEU of the Transformer against every recurrent arm, under every search; all must agree."""
    cases = []
    for setting in evidence.settings():
        if setting.task.split(" [")[0] != "multi30k":
            continue
        for search in evidence.searches(setting):
            rows = evidence.select(setting, "test_2016_flickr", "bleu", search)
            trusted, rivals = evidence.trusted(rows), _present(rows, *arms.ANY_RECURRENT)
            rivals.sort(key=lambda arm: -mean(evidence.by_seed(trusted, arm), -math.inf))
            for transformer in _present(rows, arms.TRANSFORMER) if rivals else ():
                asked = [compared(evidence, setting, rows, transformer, arm) for arm in rivals]
                cases.append(Case(asked, partial(_judged_translation, evidence.name(setting), setting)))
    return cases


def _judged_translation(name: str, setting: Setting, judged: list[Judged]) -> Finding:
    said = []
    for found in judged:
        asked = found.comparison
        said.append(
            Message(
                "evidence.H.best" if not said and len(judged) > 1 else "evidence.H.minus", setting=name,
                search=asked.search, first=asked.first, second=asked.second, difference=spoken(found),
            )
        )  # fmt: skip
    return Finding(_against_all([found.call for found in judged]), said, [setting])


def _against_all(calls: list[str]) -> str:
    """Better than every rival: supported. Behind one: refuted. Better than some and level with the rest: qualified."""
    if set(calls) == {ABOVE}:
        return SUPPORTED
    if BELOW in calls:
        return REFUTED
    return QUALIFIED if ABOVE in calls else INCONCLUSIVE


def compared(evidence: Evidence, setting: Setting, rows: pd.DataFrame, first: str, second: str) -> Comparison:
    """Two arms' cells that may be trusted, on the one split, metric and search of these rows (at least one)."""
    split, metric, search = (rows[name].iloc[0] for name in ("split", "metric", "search"))
    unit, trusted = evidence.unit(setting, metric), evidence.trusted(rows)
    ours, theirs = (evidence.merit(trusted, arm, unit) for arm in (first, second))
    return Comparison(setting, first, second, ours, theirs, unit, metric, split, search)


def _present(rows: pd.DataFrame, *kinds: str) -> list[str]:
    return [arm for arm in arms.ordered(rows["arm"]) if arms.kind(arm) in kinds]


def _inside(rows: pd.DataFrame, bounds: object) -> pd.DataFrame:
    """Rows inside the training range, where one is known and at least two distances lie in it."""
    if not isinstance(bounds, list | tuple) or len(bounds) != 2:
        return rows
    kept = rows[rows["at"].between(*bounds)]
    return kept if kept["at"].nunique() >= 2 else rows


def _holds(rows: pd.DataFrame, arm: str, chance: float) -> bool:
    """Whether the arm's mean over seeds is at least HOLDS on the scale from chance to 1, at every distance."""
    means = rows[rows["arm"] == arm].groupby("at")["value"].mean()
    return len(means) == rows["at"].nunique() > 0 and bool(means.min() >= chance + HOLDS * (1 - chance))


def _span(rows: pd.DataFrame) -> str:
    low, high = rows["at"].min(), rows["at"].max()
    return f"{low:g}" if low == high else f"{low:g}-{high:g}"


def _minus(first: Mapping[int, float], second: Mapping[int, float]) -> dict[int, float]:
    return {seed: first[seed] - second[seed] for seed in set(first) & set(second)}


def mean(values: Mapping[int, float], empty: float = math.nan) -> float:
    """Over seeds."""
    return sum(values.values()) / len(values) if values else empty


Rule = Callable[[Evidence], list[Case]]
