"""The data report of cells on parallel text, and the warnings about their data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bench.analysis.evidence import Evidence
from bench.analysis.messages import Joined, Message, Text, search_name, translate_name
from bench.analysis.missing_values import column
from bench.analysis.settings import Setting
from bench.report.tables.base import NONE, Row, Table, columns, table

SIDES = ("source", "target")

Fact = tuple[str | Text, str | Text]
"""What a row is about, and its value."""


def table_of(evidence: Evidence) -> Table:
    """What was read and left out, lengths, limits, held-out sets and outputs that were cut, for each task."""
    rows: list[Row] = []
    for setting in evidence.settings():
        cells = evidence.finished(setting)
        reports = [report for report in column(cells, "data.report") if isinstance(report, Mapping)]
        distinct = [report for place, report in enumerate(reports) if report not in reports[:place]]
        for report in distinct:
            rows += [[setting.task, *fact] for fact in _facts(report)]
        if distinct:
            rows += [[setting.task, *fact] for fact in _cut(evidence, setting, distinct[0])]
    unique = [row for place, row in enumerate(rows) if row not in rows[:place]]
    heads = columns("task", "what", "value")
    return table("text-data", Message("text_data.title"), Message("text_data.note"), heads, unique)


def warnings(evidence: Evidence) -> list[Text]:
    """The warnings of records about their data, as they were written when the cell ran: each once, with the arms that
    it is about unless all of the task have it. Those about outputs that were cut become one for each task, because
    every cell has numbers of its own."""
    cells = evidence.cells
    arms: dict[tuple[str, str], list[str]] = {}
    of_task: dict[str, set[str]] = {}
    facts = (column(cells, name) for name in ("data.warnings", "sanity.cut"))
    for task, arm, recorded, cut in zip(cells["task_label"], cells["arm"], *facts):
        of_task.setdefault(task, set()).add(arm)
        counted = [f" outputs of {split} ({search}) " for split, search, _ in _cut_counts(cut)]
        for warning in recorded if isinstance(recorded, list) else ():
            if not any(words in warning for words in counted):
                arms.setdefault((task, warning), []).append(arm)
    texts = [*_cut_warnings(evidence)]
    for (task, warning), named in arms.items():
        if set(named) == of_task[task]:
            texts.append(Message("warnings.data", task=task, warning=warning))
        else:
            texts.append(Message("warnings.data_of", task=task, arms=Joined(dict.fromkeys(named)), warning=warning))
    return texts


def _cut_warnings(evidence: Evidence) -> Iterator[Text]:
    """For each task with outputs that were cut: in how many cells, and the largest share of a test set."""
    whole = evidence.scores[evidence.scores["axis"].isna()]
    sizes = whole.groupby(["cell", "split"])["n"].max().to_dict()
    for task, cells in evidence.cells.groupby("task_label", sort=False):
        worst: tuple[float, dict[str, object]] = (0.0, {})
        concerned = 0
        for cell, arm, cut in zip(cells["cell"], cells["arm"], column(cells, "sanity.cut")):
            counts = [each for each in _cut_counts(cut) if each[2]]
            concerned += bool(counts)
            for split, search, count in counts:
                share = count / sizes[cell, split] if sizes.get((cell, split)) else 0.0
                if not worst[1] or share > worst[0]:
                    named = {"arm": arm, "split": split, "search": search_name(search), "outputs": _count(count)}
                    worst = share, named | {"share": _percent(share)}
        if worst[1]:
            yield Message("warnings.cut", task=task, count=concerned, cells=len(cells), **worst[1])


def _cut_counts(cut: object) -> list[tuple[str, str, int]]:
    """Split, search and number of outputs that reached the output limit. cut: a record's `sanity.cut`."""
    if not isinstance(cut, Mapping):
        return []
    return [(split, search, count) for split, searches in cut.items() for search, count in searches.items()]


def _facts(report: Mapping) -> Iterator[Fact]:
    pairs, limits = report["pairs"], report["limits"]
    left_out = sum(pairs["left_out"].values())
    yield (
        Message("text_data.pairs"),
        Message(
            "text_data.pairs_value", read=_count(pairs["read"]), kept=_count(pairs["kept"]), left_out=_count(left_out)
        ),
    )
    for group in ("left_out", "split_off", "set_aside"):
        for key, count in pairs[group].items():
            yield Message(f"text_data.{group}", why=_reason(key)), _count(count)
    for key, count in report["changed"].items():
        yield Message("text_data.changed", why=_reason(key)), _count(count)
    for name, sides in report["lengths"].items():
        for side in SIDES:
            numbers = {key: _count(value) for key, value in sides[side].items()}
            yield (
                Message("text_data.lengths", split=name, side=_side(side)),
                Message(
                    "text_data.lengths_value", median=numbers["median"], p99=numbers["p99"], longest=numbers["longest"]
                ),
            )
    yield Message("text_data.max_length"), _count(limits["max_length"])
    yield (
        Message("text_data.output_limit"),
        Message(
            "text_data.output_limit_value",
            **{key: _count(limits[f"output_{key}"]) for key in ("per_source", "plus", "least")},
        ),
    )
    for name, facts in report["held_out"].items():
        values = {key: _count(facts[key]) for key in ("pairs", "in_training", "beyond_output_limit")}
        shared = facts.get("in_valid")
        parts = [Message("text_data.held_out_value", **values)]
        parts += [] if shared is None else [Message("text_data.in_valid", count=_count(shared))]
        yield Message("text_data.held_out", split=name), Joined(parts, "clauses")
    for side in SIDES:
        shares = report["scripts"].get(side) or {}
        scripts = Joined(f"{script} {_percent(share)}" for script, share in shares.items())
        yield Message("text_data.scripts", side=_side(side)), scripts or NONE
    yield Message("text_data.identical"), _percent(report["identical_share"])
    for name, sides in report["unknown"].items():
        unknown = {side: _percent(sides[side]) for side in SIDES}
        yield Message("text_data.unknown", split=name), Message("text_data.unknown_value", **unknown)


def _cut(evidence: Evidence, setting: Setting, report: Mapping) -> Iterator[Fact]:
    """Outputs that reached the output limit, for each split and search: of each arm, over its seeds."""
    cells = evidence.finished(setting)
    counts: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
    for arm, recorded in zip(cells["arm"], column(cells, "sanity.cut")):
        for split, search, count in _cut_counts(recorded):
            of_arms = counts.setdefault((split, search), {})
            cut, outputs = of_arms.get(arm, (0, 0))
            of_arms[arm] = cut + count, outputs + (report["held_out"].get(split) or {}).get("pairs", 0)
    for (split, search), of_arms in counts.items():
        parts = [
            Message("text_data.cut_value", arm=arm, count=_count(cut), of=_count(outputs))
            for arm, (cut, outputs) in of_arms.items()
        ]
        yield Message("text_data.cut", split=split, search=search_name(search)), Joined(parts, "clauses")


def _reason(key: str) -> str | Text:
    return translate_name("text_data.reasons", key, key.replace("_", " "))


def _side(side: str) -> Text:
    return Message(f"text_data.sides.{side}")


def _count(number: float) -> str:
    return f"{number:,.0f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
