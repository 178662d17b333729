"""Claim C: recurrent models win nowhere. Every split, metric and speed, each recurrent arm against the Transformer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial

from bench.analysis import arms
from bench.analysis.claims.cases import INCONCLUSIVE, REFUTED, SUPPORTED, Case, Finding, compare_arms
from bench.analysis.claims.costs import SPEEDS, cases_without_cells, log_ratio
from bench.analysis.comparisons import ABOVE, BELOW, LEVEL, OPEN, Comparison, Judgement, describe_all
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Joined, Message, Text
from bench.analysis.settings import Setting


def rule(evidence: Evidence) -> list[Case]:
    """One case with all comparisons of the report."""
    comparisons = [each for each in _comparisons(evidence) if each.has_values]
    return [Case(comparisons, partial(_judge, evidence))] if comparisons else cases_without_cells(evidence)


def _comparisons(evidence: Evidence) -> Iterator[Comparison]:
    for setting in evidence.settings():
        transformer = next(iter(evidence.arms(setting, arms.TRANSFORMER, trusted=True)), None)
        if transformer is None:
            continue
        rivals = evidence.arms(setting, *arms.ANY_RECURRENT, trusted=True)
        search = evidence.headline(setting).search
        for split in evidence.splits(setting):
            for metric in evidence.metrics(setting):
                rows = evidence.select(setting, split, metric, search, trusted=True)
                for arm in rivals if len(rows) else ():
                    yield compare_arms(evidence, setting, rows, arm, transformer)
        cells = evidence.finished(setting, trusted=True)
        for name in SPEEDS if evidence.same_machine(setting) else ():
            for arm in rivals:
                yield log_ratio(evidence, setting, cells, name, arm, transformer)


def _judge(evidence: Evidence, judgements: list[Judgement]) -> Finding:
    calls = Counter(each.call for each in judgements)
    wins = [each for each in judgements if each.call == ABOVE]
    ahead = [each for each in judgements if each.call == OPEN and each.mean >= each.comparison.margin]
    sentences: list[Text] = [
        Message(
            "evidence.C.summary", count=len(judgements), above=calls[ABOVE], below=calls[BELOW], level=calls[LEVEL],
            open=calls[OPEN], family=judgements[0].family,
        )
    ]  # fmt: skip
    sentences += _by_measure(evidence, wins, "better")
    sentences += _by_measure(evidence, ahead, "ahead")
    settings = list(dict.fromkeys(each.comparison.setting for each in judgements))
    if not all(evidence.same_machine(setting) for setting in settings):
        sentences.append(Message("evidence.C.unlike"))
    nowhere = set(calls) <= {BELOW, LEVEL}
    return Finding(REFUTED if wins else SUPPORTED if nowhere else INCONCLUSIVE, sentences, settings)


def _by_measure(evidence: Evidence, judgements: list[Judgement], key: str) -> list[Text]:
    """One sentence for each setting and measure. key: of the sentence, `better` or `ahead`."""
    groups: dict[tuple[Setting, str], dict[str, Judgement]] = {}
    for judgement in judgements:
        comparison = judgement.comparison
        measure = SPEEDS.get(comparison.metric) or Joined([str(comparison.split), comparison.metric], "clauses")
        groups.setdefault((comparison.setting, measure), {})[comparison.first] = judgement
    return [
        Message(f"evidence.C.{key}", setting=evidence.name(setting), measure=measure, differences=describe_all(group))
        for (setting, measure), group in groups.items()
    ]
