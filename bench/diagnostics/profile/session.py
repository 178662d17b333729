"""All points of a profile, one after another: finished ones are kept, hopeless ones are left out. No torch here."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.diagnostics.profile import process
from bench.diagnostics.profile.plan import Order, Plan, machine
from bench.records import profile_rows
from bench.records.profile_rows import Row
from bench.runs.display import Board
from bench.system import environment, files
from bench.training.progress import Progress, duration

Measure = Callable[[Order, int], Row]
"""From an order and a number of threads to its row."""

FEWEST_CALLS = 4
"""A measurement worth having: one call of warm-up and three that count."""

ALONE = {"forward": 0.0, "train": 0.0, "greedy": 1.0, "beam5": 1.0, "latency": 1.0}
"""The power of length that a call's time is taken to grow with while one length is known: a teacher-forced batch has
the same number of tokens at every length, and a search takes a step a token."""


def check_folder(out: Path) -> None:
    """Whether `out` can hold a profile: absent, empty, or one that has one. Raises UserError where not."""
    files.check(
        out, "profile", lambda out: (out / profile_rows.POINTS).is_dir() or (out / profile_rows.ABOUT).is_file()
    )


def run(plan: Plan, out: Path, board: Board, measure: Measure = process.measured) -> list[Row]:
    """Measure what is not there yet, write `profile.csv` and `profile.json`, and return all rows.

    A measurement is kept as soon as it is made: what interrupts the session costs the one that runs. Raises UserError
    where an arm cannot be built as asked.
    """
    found: list[Row] = []
    codes: list[dict] = []
    for arm in plan.cells:
        earlier: list[Row] = []
        for length in plan.lengths:
            point = _point(plan, arm, length, earlier, out, board, measure)
            earlier += point["rows"]
            codes += [code for code in point["code"] if code not in codes]
        found += earlier
    profile_rows.write_table(out / profile_rows.TABLE, found)
    profile_rows.write_json(out / profile_rows.ABOUT, _about(plan, codes))
    return found


def _point(
    plan: Plan, arm: str, length: int, earlier: Sequence[Row], out: Path, board: Board, measure: Measure
) -> dict:
    """One arm at one length: the content of its file, less rows that nobody asks for now."""
    path = out / profile_rows.POINTS / plan.point(arm, length)
    point = profile_rows.read_point(path) or {
        "schema": profile_rows.SCHEMA,
        "hash": plan.hash(arm),
        "code": [],
        "rows": [],
    }
    there = {row["what"]: row for row in point["rows"]}
    name, todo = f"{arm} at {length}", [what for what in plan.whats if what not in there]
    if todo:
        progress, began = board.start(name), time.monotonic()
        code = environment.code()
        point["code"] += [] if code in point["code"] else [code]
        progress.stage("measure", len(todo), "quantities")
        for number, what in enumerate(todo):
            progress.advance(number, f"now {profile_rows.WHATS[what]}")
            there[what] = _row(plan, plan.order(arm, length, what), earlier, progress, measure)
            point["rows"] = [there[each] for each in profile_rows.WHATS if each in there]
            profile_rows.write_json(path, point)
        board.end(name, f"{_summary(there[what] for what in plan.whats)}, in {duration(time.monotonic() - began)}")
    else:
        board.end(name, f"measured before; to measure it again, delete {path}")
    return point | {"rows": [there[what] for what in plan.whats]}


def _row(plan: Plan, order: Order, earlier: Sequence[Row], progress: Progress, measure: Measure) -> Row:
    reason = why_not(order, [row for row in earlier if row["what"] == order.what])
    if reason is not None:
        row = profile_rows.unmeasured(order.arm, order.length, order.what, profile_rows.LEFT_OUT, reason)
    else:
        row = measure(order, plan.threads)
    if row["status"] != profile_rows.MEASURED:
        progress.say(f"{profile_rows.WHATS[order.what]} {row['status']}: {row['reason']}")
    return row


def why_not(order: Order, earlier: Sequence[Row]) -> str | None:
    """Why a measurement should not be tried, judged by the same one at shorter lengths; None where it should.

    earlier: rows by length. A process that died would die again, and a call that leaves no time for FEWEST_CALLS tells
    nothing.
    """
    for row in earlier:
        if row["status"] == profile_rows.KILLED:
            return f"not tried, because at length {row['length']} {row['reason']}"
    known = [(row["length"], row["seconds"]) for row in earlier if row["status"] == profile_rows.MEASURED]
    call = expected(order.length, known, ALONE[order.what])
    if call is None or FEWEST_CALLS * call <= order.seconds:
        return None
    return (
        f"{FEWEST_CALLS} calls of about {_rounded(call)} s, expected from length {known[-1][0]}, are over the limit of "
        f"{order.seconds:g} s"
    )


def expected(length: int, known: Sequence[tuple[int, float]], alone: float) -> float | None:
    """Seconds a call should take at a length, from (length, seconds) at shorter ones in order; None from none.

    As a power of the length: that of the last two, between constant and cubic; `alone` where there is but one.
    """
    if not known:
        return None
    power = alone
    if len(known) > 1:
        (low, first), (high, last) = known[-2:]
        power = min(3.0, max(0.0, math.log(last / first) / math.log(high / low)))
    at, seconds = known[-1]
    return seconds * (length / at) ** power


def _about(plan: Plan, codes: Sequence[dict]) -> dict:
    """`profile.json`. code: one for each state of the code that points were measured with."""
    return {
        "schema": profile_rows.SCHEMA,
        "settings": plan.settings(),
        "hashes": {arm: plan.hash(arm) for arm in plan.cells},
        "environment": machine(plan.threads, plan.device),
        "code": list(codes),
    }


def _summary(found: Sequence[Row]) -> str:
    """`forward 12,345 tokens/s, ...`."""
    parts = []
    for row in found:
        if row["status"] == profile_rows.MEASURED:
            parts.append(f"{row['what']} {_rounded(row['tokens'] / row['seconds'])}")
        else:
            parts.append(f"{row['what']} {row['status']}")
    return ", ".join(parts) + " target tokens/s"


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
