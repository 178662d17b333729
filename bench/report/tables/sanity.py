"""Tables of cells without a result or with a doubtful one: unfinished cells, the sanity gates, the cells they mark."""

from __future__ import annotations

from collections import Counter

from bench.analysis import gates
from bench.analysis.evidence import Evidence
from bench.analysis.gates import FAILED, GATES, NOT_APPLICABLE, NOT_RECORDED, PASSED, Gate, format_value
from bench.analysis.messages import Message, Text
from bench.report import labels
from bench.report.tables import base
from bench.report.tables.base import (
    NONE,
    Row,
    Table,
    columns,
    identity_cells,
    identity_columns,
    number_cell,
    table,
)

OUTCOMES = (PASSED, FAILED, NOT_RECORDED, NOT_APPLICABLE)

MAX_REASON = 2000
"""Characters shown of the reason why a cell has no result."""


def unfinished(evidence: Evidence) -> Table:
    """Cells that failed, diverged, were skipped or ran out of time."""
    cells = evidence.cells[evidence.cells["status"] != "done"]
    rows = [
        [
            *identity_cells(row),
            labels.status(row["status"]),
            labels.truncate(base.one_line(row["reason"]), MAX_REASON),
        ]
        for row in cells.to_dict("records")
    ]
    title, note = Message("tables.not_finished.title"), Message("tables.not_finished.note")
    return table("not-finished", title, note, [*identity_columns(cells), *columns("status", "reason")], rows)


def summary(evidence: Evidence) -> Table:
    """One row per gate: its question, its threshold, the effect of failing, the number of cells with each outcome, and
    the range of the values."""
    readings = [reading for of_cell in evidence.gate_results.values() for reading in of_cell]
    rows: list[Row] = []
    for gate in GATES:
        own = [reading for reading in readings if reading.gate is gate]
        counts = Counter(reading.outcome for reading in own)
        values = [reading.value for reading in own if reading.value is not None]
        effect = Message("gates.excludes" if gate.excludes else "gates.labels")
        cells = [number_cell(counts[outcome]) for outcome in OUTCOMES]
        rows.append([gate.title, gate.question, gate.limit, effect, *cells, _range(gate, values)])
    outcomes = [Message(f"gates.outcomes.{outcome}") for outcome in OUTCOMES]
    heads = [*columns("gate", "question", "limit", "otherwise"), *outcomes, Message("columns.values")]
    return table("gates", Message("gates.table.title"), Message("gates.table.note"), heads, rows)


def marked_cells(evidence: Evidence) -> Table:
    """Finished cells that a gate excludes from verdicts or labels."""
    cells = evidence.done[(evidence.done["doubt"] != "") | (evidence.done["label"] != "")]
    rows: list[Row] = []
    for row in cells.to_dict("records"):
        readings = evidence.gate_results.get(row["cell"], ())
        rows.append([*identity_cells(row), *(gates.reasons(readings, excludes) or NONE for excludes in (True, False))])
    heads = [*identity_columns(cells), *columns("doubt", "label")]
    return table("doubtful", Message("gates.marked.title"), Message("gates.marked.note"), heads, rows)


def _range(gate: Gate, values: list[float]) -> str | Text:
    if not values:
        return NONE
    low, high = (format_value(gate.template, end) for end in (min(values), max(values)))
    return low if low == high else Message("difference.range", low=low, high=high)
