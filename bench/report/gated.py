"""Tables of the sanity gates: what each asks and found, and the cells that carry a mark."""

from __future__ import annotations

from collections import Counter

from bench.report.evidence import Evidence
from bench.report.gates import FAILED, GATES, NOT_ASKED, NOT_RECORDED, PASSED, Gate, written
from bench.report.tables import IDENTITY, NONE, Table, identity, measured, table


def summary(evidence: Evidence) -> Table:
    """A row a gate: question, threshold, what failing it means, how many cells did, and the range of the values."""
    readings = [each for found in evidence.readings.values() for each in found]
    rows = []
    for gate in GATES:
        mine = [each for each in readings if each.gate is gate]
        counts = Counter(each.outcome for each in mine)
        shown = [measured(counts[outcome]) for outcome in (PASSED, FAILED, NOT_RECORDED, NOT_ASKED)]
        values = [each.value for each in mine if each.value is not None]
        effect = "out of the verdicts" if gate.excludes else "a label"
        rows.append([gate.name, gate.asks, gate.limit, effect, *shown, _span(gate, values)])
    columns = ["gate", "asks", "passes with", "else", PASSED, FAILED, NOT_RECORDED, NOT_ASKED, "values, min to max"]
    return table("gates", "Sanity gates", GATES_NOTE, columns, rows)


def marked(evidence: Evidence) -> Table:
    """Finished cells that a gate keeps out of verdicts, and those that carry a label."""
    cells = evidence.done[(evidence.done["doubt"] != "") | (evidence.done["label"] != "")]
    rows = [[*identity(row), row["doubt"] or NONE, row["label"] or NONE] for row in cells.to_dict("records")]
    columns = [*IDENTITY, "out of the verdicts, because", "label"]
    return table("doubtful", "Finished cells with a mark", MARKED_NOTE, columns, rows)


GATES_NOTE = (
    "Every finished cell is asked, with the same thresholds. A gate that excludes points to a broken run where "
    "it fails, which says nothing about an architecture. A label is said beside the numbers and changes no verdict: an "
    "intact model may fail it honestly."
)
MARKED_NOTE = "Marked cells stay in all tables and figures; those with a reason in the column before the label enter no verdict."


def _span(gate: Gate, values: list[float]) -> str:
    if not values:
        return NONE
    low, high = (written(gate.shown, end) for end in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"
