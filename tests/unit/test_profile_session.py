"""A profile's plan, points and files, with made-up measurements; and the process of a measurement."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest

from bench import __main__
from bench.diagnostics import model_card
from bench.diagnostics.profile import process, session
from bench.diagnostics.profile.plan import Plan, Request, make_plan
from bench.errors import UserError
from bench.records import profile_rows
from bench.runs.display import Board

SMALL = ("task=reverse", "budget=smoke", "budget.parameters=4000", "match.tolerance=1")


class Measured:
    """Stands for the processes: records the requests, and returns a row whose calls take `seconds(request)`, or
    `seconds(request)` itself if that is a row."""

    def __init__(self, seconds=lambda request: 0.001 * request.length) -> None:
        self.seconds, self.requests = seconds, []

    def __call__(self, request: Request, threads: int) -> profile_rows.Row:
        self.requests.append((request.arm, request.length, request.quantity))
        took = self.seconds(request)
        if isinstance(took, dict):
            return took
        numbers = {"median": 100.0 / took, "q25": 90.0 / took, "q75": 110.0 / took, "n": 3, "rows": 4, "tokens": 100}
        numbers |= {"seconds": took, "flops": 10**6, "matmul_flops_per_second": 1e9, "utilisation": 1e-3 / took}
        numbers |= {"base_bytes": 10**6, "peak_bytes": 10**6 + 1000 * request.length, "parameters": 4000}
        return (
            profile_rows.unmeasured(request.arm, request.length, request.quantity, profile_rows.MEASURED, "")
            | numbers
            | {"reason": None}
        )


def small(words: tuple[str, ...] = SMALL, **options: object) -> Plan:
    return make_plan(words, **{"models": "transformer,lstm_dot", "lengths": "4,8", "threads": 1} | options)


def run(plan: Plan, out: Path, measure: Measured) -> list[profile_rows.Row]:
    return session.run(plan, out, Board(io.StringIO(), len(plan.cells) * len(plan.lengths)), measure)


def table(out: Path) -> list[dict[str, str]]:
    with (out / profile_rows.TABLE).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_arm_length_and_quantity_has_a_row(tmp_path):
    run(small(), tmp_path, Measured())
    rows = [(row["arm"], int(row["length"]), row["what"]) for row in table(tmp_path)]
    assert rows == [
        (arm, length, what)
        for arm in ("transformer", "lstm_dot")
        for length in (4, 8)
        for what in profile_rows.QUANTITIES
    ]
    assert all(row["status"] == "measured" and float(row["median"]) > 0 for row in table(tmp_path))
    about = json.loads((tmp_path / profile_rows.METADATA).read_text())
    assert about["settings"]["lengths"] == [4, 8] and about["environment"]["threads"] == 1
    assert about["code"][0]["version"]


def test_a_finished_profile_is_not_measured_again(tmp_path):
    run(small(), tmp_path, Measured())
    before = (tmp_path / profile_rows.TABLE).read_text()
    again = Measured()
    run(small(), tmp_path, again)
    assert again.requests == []
    assert (tmp_path / profile_rows.TABLE).read_text() == before


def test_only_what_is_new_is_measured(tmp_path):
    run(small(quantities="forward"), tmp_path, Measured())
    more = Measured()
    run(small(quantities="forward,train", lengths="4,8,16"), tmp_path, more)
    assert [request[1:] for request in more.requests] == [
        (4, "train"),
        (8, "train"),
        (16, "forward"),
        (16, "train"),
    ] * 2
    assert len(table(tmp_path)) == 12


@pytest.mark.slow
@pytest.mark.parametrize(
    "changed",
    [{"tokens": 64}, {"repeats": 2}, {"seconds": 5.0}, {"threads": 2}, {"words": (*SMALL, "model.dropout=0.3")}],
    ids=lambda changed: next(iter(changed)),
)
def test_other_settings_are_measured_anew_beside_the_old(tmp_path, changed):
    run(small(quantities="forward"), tmp_path, Measured())
    again = Measured()
    run(small(quantities="forward", **changed), tmp_path, again)
    assert len(again.requests) == 4
    assert len(list((tmp_path / profile_rows.POINTS).iterdir())) == 8


def test_a_broken_point_is_measured_again(tmp_path):
    run(small(quantities="forward"), tmp_path, Measured())
    next(iter((tmp_path / profile_rows.POINTS).glob("lstm_dot-8-*"))).write_text("{")
    again = Measured()
    run(small(quantities="forward"), tmp_path, again)
    assert again.requests == [("lstm_dot", 8, "forward")]


def test_an_interrupt_costs_the_measurement_that_runs(tmp_path):
    def interrupt(request: Request) -> float:
        if (request.length, request.quantity) == (8, "greedy"):
            raise KeyboardInterrupt
        return 0.1

    with pytest.raises(KeyboardInterrupt):
        run(small(models="lstm_dot"), tmp_path, Measured(interrupt))
    again = Measured()
    run(small(models="lstm_dot"), tmp_path, again)
    assert [request[1:] for request in again.requests] == [(8, "greedy"), (8, "beam5"), (8, "latency")]


def test_a_failure_is_a_row_and_the_rest_goes_on(tmp_path):
    def short_positions(request: Request) -> float | profile_rows.Row:
        if request.length < 8:
            return 0.001
        return profile_rows.unmeasured(
            request.arm, request.length, request.quantity, profile_rows.ERROR, "ValueError: the end\nof positions"
        )

    run(small(lengths="4,8,16", quantities="forward"), tmp_path, Measured(short_positions))
    rows = table(tmp_path)
    assert [row["status"] for row in rows] == ["measured", "error", "error"] * 2
    assert rows[1]["reason"] == "ValueError: the end of positions"
    assert (rows[1]["median"], rows[1]["utilisation"]) == ("", "")


def test_what_killed_its_process_is_not_tried_at_longer_lengths(tmp_path):
    def dies(request: Request) -> float | profile_rows.Row:
        died = (request.length, request.quantity) == (8, "train")
        return (
            profile_rows.unmeasured(request.arm, 8, "train", profile_rows.KILLED, "killed by SIGKILL")
            if died
            else 0.001
        )

    measure = Measured(dies)
    run(small(models="lstm_dot", lengths="4,8,16", quantities="forward,train"), tmp_path, measure)
    assert [request[1:] for request in measure.requests] == [
        *[(4, "forward"), (4, "train"), (8, "forward"), (8, "train"), (16, "forward")]
    ]
    last = table(tmp_path)[-1]
    assert last["status"] == "left out"
    assert last["reason"] == "not tried, because at length 8 killed by SIGKILL"


def test_what_would_take_too_long_is_left_out_and_says_so(tmp_path):
    """4 calls in 60 seconds: one of 8 seconds at length 16 and linear growth leave no room at 32."""
    measure = Measured(lambda request: request.length / 2)
    run(small(models="lstm_dot", lengths="8,16,32,64", quantities="train"), tmp_path, measure)
    assert [request[1] for request in measure.requests] == [8, 16]
    assert [row["status"] for row in table(tmp_path)] == ["measured", "measured", "left out", "left out"]
    assert table(tmp_path)[2]["reason"] == "4 calls of about 16 s, expected from length 16, are over the limit of 60 s"


@pytest.mark.parametrize(
    ("known", "seconds"),
    [
        ([], None),
        ([(16, 2.0)], 4.0),  # from one length alone, with the exponent passed: here 0.5
        ([(8, 9.0), (16, 3.0), (32, 6.0)], 12.0),  # the last two
        ([(16, 1.0), (32, 4.0)], 16.0),  # squared
        ([(16, 4.0), (32, 3.0)], 3.0),  # never falling
        ([(16, 1.0), (32, 100.0)], 800.0),  # cubic at most
    ],
)
def test_the_time_at_a_longer_length(known, seconds):
    assert session.predict_seconds(64, known, 0.5) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(("what", "tried"), [("train", [8, 16]), ("greedy", [8])])
def test_from_one_length_a_batch_is_taken_to_cost_the_same_and_a_search_to_grow(tmp_path, what, tried):
    measure = Measured(lambda request: 10.0)
    run(small(models="lstm_dot", lengths="8,16", quantities=what), tmp_path, measure)
    assert [request[1] for request in measure.requests] == tried


def test_the_size_is_that_of_the_model_cards():
    plan = make_plan(models="lstm_dot", threads=2)
    assert plan.words == ("task=multi30k", "budget=multi30k_cpu", "threads=2")
    assert model_card.make_card("lstm_dot").settings == "task=multi30k budget=multi30k_cpu"


BAD_INPUT = {
    "--models nope": "unknown model 'nope'; there are",
    "--models ,": "--models names nothing",
    "--lengths 16,x": "--lengths takes whole numbers from 2 (end token included) to 65536; got 'x'",
    "--lengths 1": "got '1'",
    "--lengths 16.5": "got '16.5'",
    "--lengths -4": "got '-4'",
    "--what nope": "--what: unknown 'nope'; there are forward, train",
    "--threads 0": "--threads must be at least 1 and at most 1024, got 0",
    "--tokens 0": "--tokens must be at least 1",
    "--repeats 0": "--repeats must be at least 1",
    "--repeats x": "x",
    "--budget-seconds 0": "--budget-seconds must be above 0",
    "--budget-seconds nan": "--budget-seconds must be above 0",
    "--out file": "file is a file",
    "--out foreign": "foreign is not empty and has no profile",
    "model=lstm_dot": "use the option --models of bench profile",
    "threads=2": "use the option --threads of bench profile",
    "out=here": "use the option --out of bench profile",
    "nope": "'nope' is not a setting",
    "nope=1": "nope",
    "task=nope": "unknown task 'nope'",
    "device=abacus": "device must be cpu or cuda",
    "seed=1,2": "seed",
}


@pytest.mark.parametrize("line", BAD_INPUT)
def test_bad_input_is_one_line_and_exit_status_2(line, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("foreign").mkdir()
    Path("foreign", "thesis.tex").touch()
    monkeypatch.setattr(session, "run", lambda *arguments: pytest.fail("it began"))
    before = sorted(tmp_path.rglob("*"))
    assert __main__.main(["profile", *line.split()]) == 2
    output, errors = capfd.readouterr()
    assert errors.startswith("bench: ") and errors.count("\n") == 1 and output == ""
    assert BAD_INPUT[line] in errors
    assert sorted(tmp_path.rglob("*")) == before


REQUEST = Request("lstm_dot", ("model=lstm_dot", *SMALL), 4, "forward", 16, 2, 0.5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os.kill(os.getpid(), 9)", "the process was killed by SIGKILL (out of memory?)"),
        ("import sys; sys.exit('no such thing')", "the process ended with exit status 1: no such thing"),
        ("import time; time.sleep(60)", "not finished after 2 seconds, the limit of a measurement"),
    ],
)
def test_a_process_that_dies_is_a_row(code, reason):
    row = process.measure_in_process(REQUEST, 1, [sys.executable, "-c", code], start=1.0)
    assert (row["status"], row["reason"], row["median"]) == ("killed", reason, None)
    assert list(row) == list(profile_rows.COLUMNS)


def test_what_a_process_refuses_is_bad_input():
    code = 'print(\'{"refused": "width 7 does not divide"}\')'
    with pytest.raises(UserError, match="width 7 does not divide"):
        process.measure_in_process(REQUEST, 1, [sys.executable, "-c", code])


@pytest.mark.slow
def test_the_command_measures_in_a_process_and_writes_the_page(tmp_path, capfd):
    """The whole way once: command line, child, table, page."""
    out = tmp_path / "new" / "profile"
    line = ["profile", *SMALL, "--models", "lstm_none", "--lengths", "4", "--what", "train", "--tokens", "16"]
    assert __main__.main([*line, "--repeats", "3", "--threads", "1", "--out", str(out)]) == 0
    output, errors = capfd.readouterr()
    assert output == f"1 of 1 measured: {out / 'profile.md'}\n"
    assert "[1/1] lstm_none at 4: train " in errors
    (row,) = table(out)
    assert (row["status"], row["n"], row["rows"], row["tokens"]) == ("measured", "3", "4", "16")
    assert 0 < float(row["utilisation"]) < 1
    assert int(row["peak_bytes"]) >= int(row["base_bytes"]) > 2**20
    assert "`lstm_none`" in (out / "profile.md").read_text()
    assert (out / "figures" / "time-train.svg").is_file()
