"""Tables of the sanity gates: what each asks and found, and the cells that carry a mark."""

from __future__ import annotations

from collections import Counter

from bench.analysis import gates
from bench.analysis.evidence import Evidence
from bench.analysis.gates import FAILED, GATES, NOT_APPLICABLE, NOT_RECORDED, PASSED, Gate, format_value
from bench.analysis.messages import Message, Text
from bench.report.tables.base import IDENTITY, NONE, Table, columns, identity, measured, table


def summary(evidence: Evidence) -> Table:
    """A row a gate: question, threshold, what failing it means, how many cells did, and the range of the values."""
    readings = [each for found in evidence.gate_results.values() for each in found]
    rows = []
    for gate in GATES:
        mine = [each for each in readings if each.gate is gate]
        counts = Counter(each.outcome for each in mine)
        shown = [measured(counts[outcome]) for outcome in (PASSED, FAILED, NOT_RECORDED, NOT_APPLICABLE)]
        values = [each.value for each in mine if each.value is not None]
        effect = Message("gates.excludes" if gate.excludes else "gates.labels")
        rows.append([gate.title, gate.question, gate.limit, effect, *shown, _span(gate, values)])
    outcomes = [Message(f"gates.outcomes.{outcome}") for outcome in (PASSED, FAILED, NOT_RECORDED, NOT_APPLICABLE)]
    heads = [*columns("gate", "asks", "limit", "otherwise"), *outcomes, Message("columns.values")]
    return table("gates", Message("gates.table.title"), Message("gates.table.note"), heads, rows)


def marked(evidence: Evidence) -> Table:
    """Finished cells that a gate keeps out of verdicts, and those that carry a label."""
    cells = evidence.done[(evidence.done["doubt"] != "") | (evidence.done["label"] != "")]
    rows = []
    for row in cells.to_dict("records"):
        both = [
            gates.reasons(evidence.gate_results.get(row["cell"], ()), excludes) or NONE for excludes in (True, False)
        ]
        rows.append([*identity(row), *both])
    heads = columns(*IDENTITY, "doubt", "label")
    return table("doubtful", Message("gates.marked.title"), Message("gates.marked.note"), heads, rows)


def _span(gate: Gate, values: list[float]) -> str | Text:
    if not values:
        return NONE
    low, high = (format_value(gate.template, end) for end in (min(values), max(values)))
    return low if low == high else Message("difference.range", low=low, high=high)
