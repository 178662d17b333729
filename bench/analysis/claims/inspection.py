"""Claim B: the Transformer has no hidden layer. A fact about the architecture, read from the records; seeds play no
role.

If models were inspected, their hidden layers decide, and those of the recurrent arms are listed beside them. If not,
the parameters of feed-forward layers decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from bench.analysis import arms
from bench.analysis.claims import architecture
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Message, Text
from bench.analysis.missing_values import column, is_present
from bench.analysis.settings import Setting


@dataclass(frozen=True)
class Inspection:
    """refuted: whether a Transformer with a hidden layer was seen; None if nothing was inspected or counted. sentence:
    of all Transformers with one, or of the only one; evidence: of every arm, over all settings."""

    refuted: bool | None
    sentence: Text | None
    evidence: list[Text]
    settings: list[Setting]


@dataclass(frozen=True)
class _Model:
    """An inspected model. total: its parameters."""

    setting: Setting
    arm: str
    inspected: Mapping
    total: float

    @property
    def grows(self) -> bool:
        """Whether its decoder state grows with every token; a model without steps has none."""
        state = self.inspected["state"]
        return state is not None and bool(state.get("grows"))


def inspect(evidence: Evidence) -> Inspection:
    """What the records say on hidden layers; cells of every status count."""
    facts: list[tuple[bool, Text]] = []
    models: list[tuple[Mapping, float]] = []
    described: list[_Model] = []
    sentences: list[Text] = []
    settings: list[Setting] = []
    for setting, cells in evidence.cells.groupby("setting", sort=True):
        names = arms.ordered(cells["arm"])
        transformers = [name for name in names if arms.kind(name) == arms.TRANSFORMER]
        others = [name for name in names if arms.kind(name) in arms.ANY_RECURRENT]
        seen: list[tuple[bool, Text]] = []
        counted: list[tuple[bool, Text]] = []
        for arm in transformers:
            rows = cells[cells["arm"] == arm]
            if (inspected := architecture.first_inspected(rows)) is not None:
                layers = architecture.hidden_layers(*inspected)
                seen.append((bool(inspected[0]["hidden_layers"]), Message("says.B", layers=layers)))
                models.append(inspected)
            elif (fact := _counted(evidence, setting, arm, rows)) is not None:
                counted.append(fact)
        if seen:
            described += _inspected(setting, cells, [*transformers, *others])
        sentences += [sentence for _, sentence in counted]
        facts += [*seen, *counted]
        settings += [setting] if seen or counted else []
    with_layer = [sentence for has_layer, sentence in facts if has_layer]
    sentence = architecture.shares(models) or next(iter(with_layer), None)
    sentences = [*_descriptions(evidence, described), *sentences]
    return Inspection(bool(with_layer) if facts else None, sentence, sentences, settings)


def _counted(evidence: Evidence, setting: Setting, arm: str, rows: pd.DataFrame) -> tuple[bool, Text] | None:
    """Whether an arm has parameters in feed-forward layers, and how many; None if they were not recorded."""
    inner = pd.to_numeric(column(rows, "parameters.feed_forward"), errors="coerce").dropna()
    total = pd.to_numeric(column(rows, "parameters.total"), errors="coerce").reindex(inner.index)
    if inner.empty:
        return None
    count, of_all = inner.iloc[0], total.iloc[0]
    values = {"setting": evidence.name(setting), "count": f"{count:,.0f}", "arm": arm}
    if is_present(of_all):
        share = f"{100 * count / of_all:.0f}"
        return count > 0, Message("evidence.B.share", share=share, total=f"{of_all:,.0f}", **values)
    return count > 0, Message("evidence.B.counted", **values)


def _inspected(setting: Setting, cells: pd.DataFrame, names: list[str]) -> list[_Model]:
    """The inspected models among these arms of a setting."""
    pairs = ((name, architecture.first_inspected(cells[cells["arm"] == name])) for name in names)
    return [_Model(setting, name, *inspected) for name, inspected in pairs if inspected is not None]


def _descriptions(evidence: Evidence, models: list[_Model]) -> list[Text]:
    """What each arm has, whatever its options: of its only model in full, of several models together."""
    sentences: list[Text] = []
    for name in arms.ordered(arms.base(model.arm) for model in models):
        for grows in (True, False):
            own = [each for each in models if arms.base(each.arm) == name and each.grows == grows]
            if len(own) == 1:
                text = architecture.describe(own[0].arm, own[0].inspected, own[0].total)
                sentences.append(Message("evidence.B.inspected", setting=evidence.name(own[0].setting), model=text))
            elif own:
                sentences.append(architecture.summary(name, [(each.inspected, each.total) for each in own]))
    return sentences
