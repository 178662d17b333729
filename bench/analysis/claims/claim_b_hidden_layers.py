"""Claim B: the Transformer has no hidden layer. A fact about the architecture, read from the records; seeds play no
role.

If models were inspected, their hidden layers decide, and those of the recurrent arms are listed beside them. If not,
the parameters of feed-forward layers decide."""

from __future__ import annotations

import pandas as pd

from bench.analysis import arms
from bench.analysis.claims import architecture
from bench.analysis.claims.cases import INCONCLUSIVE, REFUTED, Case, Finding, arms_of_kind
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Message, Text
from bench.analysis.missing_values import column, is_present
from bench.analysis.settings import Setting


def rule(evidence: Evidence) -> list[Case]:
    """A case for each setting and Transformer arm; cells of every status count."""
    cases = []
    for setting, cells in evidence.cells.groupby("setting", sort=True):
        for arm in arms_of_kind(cells, arms.TRANSFORMER):
            rows = cells[cells["arm"] == arm]
            inspected = architecture.first_inspected(rows)
            if inspected is not None:
                others = arms_of_kind(cells, *arms.ANY_RECURRENT)
                sentences = _descriptions(evidence, setting, cells, [arm, *others])
                verdict = REFUTED if inspected[0]["hidden_layers"] else INCONCLUSIVE
                cases.append(Case.settled(Finding(verdict, sentences, [setting])))
            else:
                cases += _by_parameters(evidence, setting, arm, rows)
    return cases


def _by_parameters(evidence: Evidence, setting: Setting, arm: str, rows: pd.DataFrame) -> list[Case]:
    """A case that rests on the parameters of feed-forward layers, if they were recorded."""
    inner = pd.to_numeric(column(rows, "parameters.feed_forward"), errors="coerce").dropna()
    total = pd.to_numeric(column(rows, "parameters.total"), errors="coerce").reindex(inner.index)
    if inner.empty:
        return []
    count, of_all = inner.iloc[0], total.iloc[0]
    values = {"setting": evidence.name(setting), "count": f"{count:,.0f}", "arm": arm}
    if is_present(of_all):
        share = f"{100 * count / of_all:.0f}"
        sentence = Message("evidence.B.share", share=share, total=f"{of_all:,.0f}", **values)
    else:
        sentence = Message("evidence.B.counted", **values)
    return [Case.settled(Finding(REFUTED if count > 0 else INCONCLUSIVE, [sentence], [setting]))]


def _descriptions(evidence: Evidence, setting: Setting, cells: pd.DataFrame, names: list[str]) -> list[Text]:
    """A sentence for each of these arms that has an inspected cell."""
    sentences: list[Text] = []
    for arm in names:
        inspected = architecture.first_inspected(cells[cells["arm"] == arm])
        if inspected is not None:
            model = architecture.describe(arm, *inspected)
            sentences.append(Message("evidence.B.inspected", setting=evidence.name(setting), model=model))
    return sentences
