"""How scores were computed, where a reader has to know: undefined scores, metrics computed in several ways, and BLEU
without the tokeniser of its language."""

from __future__ import annotations

from collections.abc import Iterator

from bench.analysis.evidence import Evidence
from bench.analysis.messages import Joined, Message, Text, search_name
from bench.analysis.missing_values import column, is_present
from bench.analysis.settings import Setting
from bench.analysis.signatures import is_separated
from bench.data.tokenisers import MISSING, UNDETERMINED
from bench.metrics import NO_WORDS, TOO_SHORT
from bench.report import labels
from bench.report.tables.base import NONE, Cell, Row


def warnings(evidence: Evidence) -> list[Text]:
    """A sentence on each setting and fact."""
    return [
        text
        for setting in evidence.settings()
        for text in (*passed_over(evidence, setting), *_separated(evidence, setting), *_tokeniser(evidence, setting))
    ]


def passed_over(evidence: Evidence, setting: Setting) -> list[Text]:
    """Which metrics are undefined on the first split, and what the setting is judged by instead."""
    split = evidence.headline(setting).split
    return [
        Message(
            "warnings.undefined", setting=evidence.name(setting), metric=labels.metric_name(row.metric), split=split,
            reason=reason_text(row.reason), headline=labels.metric_name(row.headline),
        )
        for row in evidence.passed_over(setting)
    ]  # fmt: skip


def undefined_rows(evidence: Evidence, setting: Setting) -> Iterator[Row]:
    """Rows of the table of other scores: split, search, metric, arm, why it is undefined, signature."""
    rows = evidence.undefined[(evidence.undefined["setting"] == setting) & evidence.undefined["axis"].isna()]
    keys = ["split", "search", "metric", "unit", "arm", "reason", "signature"]
    for row in rows[keys].drop_duplicates().to_dict("records"):
        name = labels.metric_with_unit(row["metric"], row["unit"])
        value = Cell(Message("tables.undefined", reason=reason_text(row["reason"])), "")
        signature = str(row["signature"]) if is_present(row["signature"]) else NONE
        yield [row["split"], search_name(row["search"]), name, row["arm"], value, signature]


def reason_text(reason: object) -> str | Text:
    """Why a score is undefined."""
    known = {
        TOO_SHORT[1]: Message("undefined.one"), TOO_SHORT[2]: Message("undefined.two"),
        TOO_SHORT[4]: Message("undefined.four"), NO_WORDS: Message("undefined.none"),
    }  # fmt: skip
    return known.get(str(reason), str(reason))


def _separated(evidence: Evidence, setting: Setting) -> list[Text]:
    names = [name for name in dict.fromkeys(evidence.select(setting)["metric"]) if is_separated(name)]
    if not names:
        return []
    headline = labels.metric_name(evidence.headline(setting).metric)
    return [Message("warnings.signatures", setting=evidence.name(setting), metrics=Joined(names), headline=headline)]


def _tokeniser(evidence: Evidence, setting: Setting) -> list[Text]:
    cells = evidence.finished(setting)
    keys = [column(cells, f"data.language.tokeniser{key}") for key in ("", "_wanted", "_because")]
    texts: list[Text] = []
    for name, wanted, because in sorted({row for row in zip(*keys) if all(map(is_present, row))}):
        if because in (MISSING, UNDETERMINED):
            texts.append(
                Message(f"warnings.tokeniser_{because}", setting=evidence.name(setting), name=name, wanted=wanted)
            )
    return texts
