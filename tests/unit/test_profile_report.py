"""Slopes, crossovers and the page of a profile, on hand-made tables with known answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.analysis import growth
from bench.analysis.growth import crossover, slope
from bench.errors import UserError
from bench.records import profile_rows
from bench.report import profile_page

LENGTHS = (16, 32, 64, 128, 256, 512, 1024)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0, -1.0])
def test_the_slope_of_a_power_is_the_power(power):
    fit = slope({length: 3e-6 * length**power for length in LENGTHS})
    assert fit.value == pytest.approx(power, abs=1e-9)
    assert (fit.low, fit.high, fit.n) == (128, 1024, 4)


def test_the_slope_is_that_of_the_upper_half():
    """Constant below 128, squared from there: only the upper four count."""
    assert slope({length: max(length, 128) ** 2.0 for length in LENGTHS}).value == pytest.approx(2.0)


def test_the_slope_is_by_least_squares():
    """The upper half has logarithms (base 2) 0, 2, 1 at 2, 3, 4: the slope of their regression line is 1/2."""
    assert slope({1: 9, 2: 9, 4: 1, 8: 4, 16: 2}).value == pytest.approx(0.5)


def test_too_few_lengths_have_no_slope():
    assert slope({}) is None and slope({16: 1.0}) is None and slope({16: 0.0, 32: 1.0}) is None
    assert slope({16: 1.0, 32: 2.0}) is None  # the upper half of two is one
    assert slope({16: 1.0, 32: 2.0, 64: 4.0}).n == 2


def test_a_crossover_of_two_powers_is_where_they_meet():
    """n ** 1.5 against 20 n meet at 400, between two of the lengths."""
    change = crossover({n: n**1.5 for n in LENGTHS}, {n: 20.0 * n for n in LENGTHS})
    assert (change.kind, change.changes) == (growth.FROM, 1)
    assert change.length == pytest.approx(400)
    assert str(change) == "from about 400 on"


def test_a_crossover_downwards():
    change = crossover({n: 20.0 * n for n in LENGTHS}, {n: n**1.5 for n in LENGTHS})
    assert change.kind == growth.BELOW and change.length == pytest.approx(400)
    assert str(change) == "below about 400 only"


def test_no_crossover_within_the_range():
    slow, fast = dict.fromkeys(LENGTHS, 3.0), dict.fromkeys(LENGTHS, 2.0)
    assert str(crossover(slow, fast)) == "always within 16 to 1,024"
    assert str(crossover(fast, slow)) == "never within 16 to 1,024"
    assert crossover(fast, fast).kind == growth.NEVER  # equal is not slower


def test_a_crossover_knows_common_lengths_alone():
    change = crossover({16: 1.0, 32: 1.0, 4096: 99.0}, {8: 0.1, 16: 2.0, 32: 2.0})
    assert (change.kind, change.low, change.high) == (growth.NEVER, 16, 32)
    assert crossover({16: 1.0}, {32: 1.0}) is None


def test_the_last_of_several_changes_counts():
    change = crossover({16: 2.0, 32: 0.5, 64: 1.0, 128: 4.0}, {16: 1.0, 32: 1.0, 64: 1.0, 128: 1.0})
    assert (change.kind, change.changes) == (growth.FROM, 2)
    assert change.length == pytest.approx(64)
    assert str(change).endswith("(the order changes 2 times)")


def made(arm: str, length: int, what: str, a_token: float, more_memory: int, share: float = 0.5) -> profile_rows.Row:
    """A row of 4,096 tokens at a speed."""
    seconds = 4096 * a_token
    median = a_token if profile_rows.UNITS[what] == profile_rows.PER_TOKEN else 1 / a_token
    row = profile_rows.unmeasured(arm, length, what, profile_rows.MEASURED, "")
    return row | {
        **{"median": median, "q25": 0.9 * median, "q75": 1.1 * median, "n": 7, "rows": 4096 // length},
        **{"tokens": 4096, "seconds": seconds, "flops": int(share * seconds * 1e11), "utilisation": share},
        **{"matmul_flops_per_second": 1e11, "base_bytes": 300 * 2**20, "peak_bytes": 300 * 2**20 + more_memory},
        **{"parameters": 2_345_678, "reason": None},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A Transformer whose token costs 1e-6 n seconds and n / 2 MiB, an LSTM whose token costs 100e-6 s at any length;
    the LSTM's training step at 1,024 was left out, and its decoding one sentence at a time is always slower."""
    rows = []
    for n in LENGTHS:
        rows.append(made("transformer", n, "train", 1e-6 * n, n * 2**19, share=0.625))
        rows.append(made("lstm_dot", n, "train", 100e-6, 64 * 2**20))
        rows.append(made("transformer", n, "latency", 1e-3, 2**20))
        rows.append(made("lstm_dot", n, "latency", 2e-3, 2**20))
    rows[-3] = profile_rows.unmeasured(
        "lstm_dot", 1024, "train", profile_rows.LEFT_OUT, "4 calls of about 40 s | are over the limit"
    )
    profile_rows.write_table(tmp_path / profile_rows.TABLE, rows)
    return tmp_path


def lines(folder: Path) -> list[str]:
    return profile_page.build(folder).read_text(encoding="utf-8").splitlines()


def test_the_page_gives_speed_slopes_crossovers_use_and_memory(folder):
    page = lines(folder)
    assert "| 128 | 7,812 [7,031, 8,594] | 10,000 [9,000, 11,000] |" in page
    assert "| 128 | 0.001 [0.0009, 0.0011] | 0.002 [0.0018, 0.0022] |" in page
    assert "| time, training step | `transformer` | +1.00 | 128 to 1,024 | 4 |" in page
    assert "| time, training step | `lstm_dot` | +0.00 | 128 to 512 | 3 |" in page
    assert "| memory, training step | `transformer` | +1.00 | 128 to 1,024 | 4 |" in page
    assert "| training step | `transformer` slower than `lstm_dot` | from about 100 on |" in page
    at_a_time = "greedy decoding of one sentence"
    assert f"| {at_a_time} | `transformer` slower than `lstm_dot` | never within 16 to 1,024 |" in page
    assert "| 128 | 62.5% | 50.0% |" in page
    assert "| 128 | 64 (364) | 64 (364) |" in page
    assert "| `lstm_dot` | 1,024 | training step | left out | 4 calls of about 40 s \\| are over the limit |" in page
    assert "| 1,024 | 977 [879, 1,074] | - |" in page
    assert any("`transformer` 2,345,678" in line for line in page)
    assert any("median 100.0 GFLOP/s" in line for line in page)


def test_the_figures_are_those_the_page_shows(folder):
    page = "\n".join(lines(folder))
    drawn = sorted(path.name for path in (folder / "figures").glob("*.svg"))
    assert drawn == ["memory-train.svg", "time-latency.svg", "time-train.svg"]
    for name in drawn:
        assert f"figures/{name}" in page and f"figures/{name.replace('.svg', '.png')}" in page
        assert (folder / "figures" / name.replace(".svg", ".png")).is_file()


def test_work_that_needed_no_more_memory_has_no_figure_of_it(tmp_path):
    profile_rows.write_table(
        tmp_path / profile_rows.TABLE, [made("lstm_dot", length, "train", 1e-3, 0) for length in LENGTHS]
    )
    page = lines(tmp_path)
    assert [path.name for path in (tmp_path / "figures").glob("*.svg")] == ["time-train.svg"]
    assert "| 128 | 0 (300) |" in page and not any(line.startswith("| memory") for line in page)


def test_the_page_is_the_same_again_and_the_table_is_all_it_needs(folder):
    before = lines(folder)
    svg = (folder / "figures" / "time-train.svg").read_bytes()
    assert lines(folder) == before
    assert (folder / "figures" / "time-train.svg").read_bytes() == svg
    environment = {"cpu": "Abacus 3000", "cores": 2, "threads": 2, "device": "cpu", "platform": "p", "python": "3"}
    environment |= {"libraries": {"torch": "2"}}
    about = {"settings": {"words": ["task=reverse"]}, "environment": environment, "code": []}
    (folder / profile_rows.METADATA).write_text(json.dumps(about))
    more = lines(folder)
    assert [line for line in more if line not in before] == [
        "- Settings: `task=reverse`.",
        "- Machine: Abacus 3000, 2 usable cores, threads: 2, device cpu; p; Python 3, torch 2.",
    ]


def test_a_profile_without_a_number_has_a_page_too(tmp_path):
    profile_rows.write_table(
        tmp_path / profile_rows.TABLE,
        [profile_rows.unmeasured("lstm_dot", 16, "train", profile_rows.ERROR, "ValueError: no")],
    )
    page = lines(tmp_path)
    assert "| `lstm_dot` | 16 | training step | error | ValueError: no |" in page


@pytest.mark.parametrize(
    ("text", "wrong"), [(None, "cannot be read"), ("", "cannot be read"), ("a,b\n1,2\n", "lacks arm")]
)
def test_what_is_no_profile_is_refused(tmp_path, text, wrong):
    if text is not None:
        (tmp_path / profile_rows.TABLE).write_text(text)
    with pytest.raises(UserError, match=wrong):
        profile_page.build(tmp_path)
