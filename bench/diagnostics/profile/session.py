"""A profile from start to end: measures each point, keeps finished ones, and skips measurements that would take too
long. No torch here."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bench.diagnostics.profile import process
from bench.diagnostics.profile.plan import Plan, Request, machine
from bench.records import cost_rounds, profile_rows
from bench.records.profile_rows import Row
from bench.runs.display import Board
from bench.system import environment, files
from bench.training.progress import Progress, duration

Measure = Callable[[Request, int], Row]
"""Takes a request and a number of threads, returns a row."""

MIN_CALLS = 4
"""Calls that must fit into the time limit: one of warm-up and three that count."""

DEFAULT_GROWTH = {"forward": 0.0, "train": 0.0, "greedy": 1.0, "beam5": 1.0, "latency": 1.0}
"""Assumed exponent of a call's time in the length when only one length is known. A teacher-forced batch has the same
number of tokens at every length; a search takes one step a token."""


def check_folder(out: Path) -> None:
    """Raises UserError unless `out` is absent, empty, or the folder of a profile."""
    files.check_folder(out, "profile", _holds_profile)


def _holds_profile(out: Path) -> bool:
    return (out / profile_rows.POINTS).is_dir() or any(
        (out / name).is_file() for name in (profile_rows.METADATA, cost_rounds.TABLE)
    )


def run(plan: Plan, out: Path, board: Board, measure: Measure = process.measure_in_process) -> list[Row]:
    """Measure what is missing, write `profile.csv` and `profile.json`, and return all rows.

    Each measurement is saved as soon as it is made, so an interruption loses only the one in progress. Raises
    UserError if an arm cannot be built.
    """
    rows: list[Row] = []
    codes: list[dict] = []
    for arm in plan.cells:
        arm_rows: list[Row] = []
        for length in plan.lengths:
            point = _complete_point(plan, arm, length, arm_rows, out, board, measure)
            arm_rows += point["rows"]
            codes += [code for code in point["code"] if code not in codes]
        rows += arm_rows
    profile_rows.write_table(out / profile_rows.TABLE, rows)
    files.write_json(out / profile_rows.METADATA, _about(plan, codes))
    return rows


def _complete_point(
    plan: Plan, arm: str, length: int, shorter: Sequence[Row], out: Path, board: Board, measure: Measure
) -> dict:
    """Measure what is missing of one arm at one length, and return the content of its file with the plan's rows alone.

    shorter: the arm's rows at shorter lengths.
    """
    path = out / profile_rows.POINTS / plan.point_name(arm, length)
    point = profile_rows.read_point(path) or {
        "schema": profile_rows.SCHEMA,
        "hash": plan.hash(arm),
        "code": [],
        "rows": [],
    }
    rows = {row["what"]: row for row in point["rows"]}
    name, missing = f"{arm} at {length}", [quantity for quantity in plan.quantities if quantity not in rows]
    if missing:
        progress, start = board.start(name), time.monotonic()
        code = environment.code_version()
        point["code"] += [] if code in point["code"] else [code]
        progress.stage("measure", len(missing), "quantities")
        for number, quantity in enumerate(missing):
            progress.advance(number, f"now {profile_rows.QUANTITIES[quantity]}")
            rows[quantity] = _measure_or_skip(plan, plan.request(arm, length, quantity), shorter, progress, measure)
            point["rows"] = [rows[each] for each in profile_rows.QUANTITIES if each in rows]
            files.write_json(path, point)
        summary = _summary(rows[quantity] for quantity in plan.quantities)
        board.end(name, f"{summary}, in {duration(time.monotonic() - start)}")
    else:
        board.end(name, f"measured before; to measure it again, delete {path}")
    return point | {"rows": [rows[quantity] for quantity in plan.quantities]}


def _measure_or_skip(
    plan: Plan, request: Request, shorter: Sequence[Row], progress: Progress, measure: Measure
) -> Row:
    reason = reason_to_skip(request, [row for row in shorter if row["what"] == request.quantity])
    if reason is not None:
        row = profile_rows.unmeasured(request.arm, request.length, request.quantity, profile_rows.LEFT_OUT, reason)
    else:
        row = measure(request, plan.threads)
    if row["status"] != profile_rows.MEASURED:
        progress.say(f"{profile_rows.QUANTITIES[request.quantity]} {row['status']}: {row['reason']}")
    return row


def reason_to_skip(request: Request, shorter: Sequence[Row]) -> str | None:
    """Why a measurement is skipped, or None if it is to be made.

    shorter: the rows of the same quantity at shorter lengths, ascending. A measurement is skipped if its process died
    at a shorter length, or if MIN_CALLS calls are expected to exceed the time limit.
    """
    for row in shorter:
        if row["status"] == profile_rows.KILLED:
            return f"not tried, because at length {row['length']} {row['reason']}"
    times = [(row["length"], row["seconds"]) for row in shorter if row["status"] == profile_rows.MEASURED]
    seconds = predict_seconds(request.length, times, DEFAULT_GROWTH[request.quantity])
    if seconds is None or MIN_CALLS * seconds <= request.seconds:
        return None
    return (
        f"{MIN_CALLS} calls of about {_rounded(seconds)} s, expected from length {times[-1][0]}, are over the limit "
        f"of {request.seconds:g} s"
    )


def predict_seconds(length: int, times: Sequence[tuple[int, float]], default_growth: float) -> float | None:
    """Expected seconds of a call, from (length, seconds) at shorter lengths, ascending; None if there are none.

    Extrapolates the power law through the last two, its exponent clipped to 0 to 3. With one known length the exponent
    is `default_growth`.
    """
    if not times:
        return None
    exponent = default_growth
    if len(times) > 1:
        (low, low_seconds), (high, high_seconds) = times[-2:]
        exponent = min(3.0, max(0.0, math.log(high_seconds / low_seconds) / math.log(high / low)))
    last, seconds = times[-1]
    return seconds * (length / last) ** exponent


def _about(plan: Plan, codes: Sequence[dict]) -> dict:
    """The content of `profile.json`. codes: each version of the code that points were measured with."""
    return {
        "schema": profile_rows.SCHEMA,
        "settings": plan.settings(),
        "hashes": {arm: plan.hash(arm) for arm in plan.cells},
        "environment": machine(plan.threads, plan.device),
        "code": list(codes),
    }


def _summary(rows: Iterable[Row]) -> str:
    """`forward 12,345, train 4,567, ... target tokens/s`."""
    parts = []
    for row in rows:
        if row["status"] == profile_rows.MEASURED:
            parts.append(f"{row['what']} {_rounded(row['tokens'] / row['seconds'])}")
        else:
            parts.append(f"{row['what']} {row['status']}")
    return ", ".join(parts) + " target tokens/s"


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
