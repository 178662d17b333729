"""Profiles in rounds: every arm in each round, ratios free of drift, and files that come back."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from bench.__main__ import main
from bench.analysis.cost_ratios import cost_ratios
from bench.diagnostics.profile import rounds
from bench.diagnostics.profile.plan import make_plan
from bench.errors import DataError, UserError
from bench.records import cost_rounds
from bench.records.cost_rounds import RoundRow
from bench.training.progress import Silent
from models.cost import training_flops

TINY = ("task=reverse", "budget=smoke")
ROW = RoundRow(1, 1, "transformer", 16, "train", 100, 0.5, 7, 8, 9, "cpu")


def made(ratio: float, noise: float, rounds: int = 9) -> list[RoundRow]:
    """Two arms on a machine whose speed drifts by a factor of ten."""
    draw = np.random.default_rng(0)
    rows = []
    for number in range(1, rounds + 1):
        speed = 10 ** draw.uniform(0, 1)
        for arm, cost in (("transformer", ratio), ("lstm_dot", 1.0)):
            seconds = cost * speed * math.exp(noise * draw.normal())
            rows.append(replace(ROW, round=number, arm=arm, seconds=seconds))
    return rows


def test_drift_does_not_hide_a_ratio() -> None:
    (ratio,) = cost_ratios(made(1.2, 0.01), "transformer")
    assert (ratio.first, ratio.second, ratio.rounds) == ("transformer", "lstm_dot", 9)
    assert ratio.low < 1.2 < ratio.high and ratio.high - ratio.low < 0.05 and ratio.p < 1e-6


def test_the_test_is_scipys_paired_t_on_logarithms() -> None:
    rows = made(1.05, 0.2)
    (ratio,) = cost_ratios(rows, "transformer")
    ours, theirs = ([math.log(row.seconds) for row in rows if row.arm == arm] for arm in ("transformer", "lstm_dot"))
    expected = stats.ttest_rel(ours, theirs)
    assert ratio.p == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval(0.95)
    assert (ratio.low, ratio.high) == pytest.approx((math.exp(low), math.exp(high)))


def test_only_rounds_that_both_arms_have_count() -> None:
    rows = made(1.2, 0.01)[:-1]
    assert cost_ratios(rows, "transformer")[0].rounds == 8
    assert cost_ratios(rows[:2], "transformer") == [] and cost_ratios([], "transformer") == []


def test_every_arm_length_and_quantity_has_a_call_in_every_round() -> None:
    plan = make_plan(TINY, "transformer,gru_none", "4,8", "train,latency", threads=1, tokens=32)
    rows = rounds.measure_rounds(plan, 7, Silent())
    points = {(row.round, row.length, row.arm, row.what) for row in rows}
    assert len(rows) == len(points) == 7 * 2 * 2 * 2 and all(row.seconds > 0 for row in rows)
    orders = {
        (row.length, row.round): [
            other.arm for other in rows if (other.length, other.round) == (row.length, row.round)
        ]
        for row in rows
    }
    assert len({tuple(order) for order in orders.values()}) > 3, "arms come in random order"
    by_what = {row.what: row for row in rows if row.arm == "gru_none" and row.length == 8}
    assert by_what["train"].tokens == 32 and by_what["latency"].tokens == 8
    subject = rounds.make_subject(plan.cells["gru_none"])
    assert by_what["train"].flops == 4 * training_flops(subject.model, 8, 8)
    assert by_what["train"].state_bytes < next(r.state_bytes for r in rows if r.arm == "transformer" and r.length == 8)


def test_a_table_comes_back_and_a_broken_one_is_one_line(tmp_path: Path) -> None:
    rows = [replace(row, seconds=float(f"{row.seconds:.6g}")) for row in made(1.1, 0.1)]
    assert cost_rounds.read(tmp_path) == []
    cost_rounds.write(tmp_path, rows)
    assert cost_rounds.read(tmp_path) == rows
    table = tmp_path / cost_rounds.TABLE
    for broken in ("round,arm\n1,a\n", table.read_text().replace(",16,", ",x,"), "\x00"):
        table.write_text(broken)
        if broken != "\x00":
            with pytest.raises(DataError, match="measure it again"):
                cost_rounds.read(tmp_path)


@pytest.mark.parametrize("count", [0, rounds.MIN_ROUNDS - 1, rounds.MAX_ROUNDS + 1])
def test_a_number_of_rounds_that_says_nothing_is_refused(count: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", *TINY, "--rounds", str(count), "--out", "unused", "--threads", "1"]) == 2
    assert "--rounds must be" in capsys.readouterr().err and not Path("unused").exists()


def test_an_arm_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setitem(rounds.WORK, "train", failing)
    plan = make_plan(TINY, "gru_none", "4", "train", threads=1)
    with pytest.raises(UserError, match=r"gru_none, length 4, train: MemoryError: no room; leave it out with"):
        rounds.measure_rounds(plan, 7, Silent())


def test_the_command_prints_ratios_and_writes_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["profile", *TINY, "--models", "transformer,gru_none", "--lengths", "4", "--what", "forward"]
    assert main([*words, "--tokens", "16", "--threads", "1", "--rounds", "7", "--out", str(tmp_path / "p")]) == 0
    out = capsys.readouterr().out
    assert "forward pass, length 4: transformer / gru_none" in out and "7 rounds" in out
    assert len(cost_rounds.read(tmp_path / "p")) == 14
