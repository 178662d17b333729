"""The figures of `reach.csv` in a report, from made-up files whose truth is known."""

from __future__ import annotations

import html
import re

import pandas as pd
import pytest

from bench.analysis.evidence import Evidence
from bench.errors import UserError
from bench.records import pool, reach_rows, store
from bench.records.reach_rows import CONSTANT, GRADIENT, NORM, REPLACEMENT, WITHIN, ProbeSettings, Reach, Row
from bench.report import page
from bench.report.figures import canvas, reach
from tests.report import pages


def curves(kept: dict[int, float], share: dict[int, float], settings: ProbeSettings = ProbeSettings("test")) -> Reach:
    return Reach(
        settings,
        (
            Row(CONSTANT, 0, 0.125, None, None, 800),
            *(Row(GRADIENT, k, value, value / 2, min(1.0, 2 * value), 200) for k, value in share.items()),
            *(Row(NORM, k, 99.0, 98.0, 100.0, 200) for k in share),
            *(Row(WITHIN, k, 1.0, 1.0, 1.0, 200) for k in share),
            *(Row(REPLACEMENT, k, value, value, value, 200) for k, value in kept.items()),
        ),
    )


def planted(folder, settings: ProbeSettings = ProbeSettings("test")) -> None:
    """Three seeds of an arm with attention and two of one without, of which one was not probed."""
    for seed, more in ((1, 0.0), (2, 0.06), (3, 0.03)):
        cell = folder.cell("recall", "lstm_dot", seed)["cell"]
        made = curves({0: 0.1 + more, 8: 0.5 + more, 32: 0.9 + more}, {1: 0.1 + more, 8: 0.2, 32: 0.05}, settings)
        reach_rows.write(folder.path / cell, made)
    cell = folder.cell("recall", "lstm_none", 1)["cell"]
    reach_rows.write(folder.path / cell, curves({0: 0.1, 8: 0.4, 32: 0.4}, {1: 0.9, 8: 1e-4, 32: 0.0}, settings))
    folder.cell("recall", "lstm_none", 2)


def drawn(folder, place) -> list:
    evidence = Evidence(store.load(folder.path))
    (setting,) = evidence.settings()
    return reach.of_setting(evidence, setting, pool.read([folder.path]).cells, place)


def test_both_figures_show_the_mean_over_seeds_and_its_range(folder, tmp_path):
    planted(folder)
    gradient, accuracy = drawn(folder, tmp_path / "figures")
    assert gradient.name == "reach-gradient-recall-quick-100000-cpu-test"
    assert accuracy.name == "reach-accuracy-recall-quick-100000-cpu-test"
    points = {(row.arm, row.k): row for row in accuracy.numbers.itertuples()}
    assert set(points) == {(arm, k) for arm in ("lstm_dot", "lstm_none") for k in (0, 8, 32)}
    row = points["lstm_dot", 8]
    assert (row.mean, row.min, row.max, row.seeds, row.examples) == pytest.approx((0.53, 0.5, 0.56, 3, 200))
    assert points["lstm_none", 32].mean == 0.4 and points["lstm_none", 32].seeds == 1
    points = {(row.arm, row.k): row for row in gradient.numbers.itertuples()}
    row = points["lstm_dot", 1]
    assert (row.mean, row.min, row.max, row.seeds) == pytest.approx((0.13, 0.1, 0.16, 3))
    assert points["lstm_none", 32].mean == 0.0
    for figure in (gradient, accuracy):
        assert (tmp_path / "figures" / f"{figure.name}.png").stat().st_size > 5000
        words = html.unescape(" ".join(re.findall(r"<text[^>]*>([^<]*)</text>", figure.svg)))
        assert "k (tokens)" in words or "from the output (tokens)" in words
        assert "lstm_dot" in words and "lstm_none" in words
        ticks = words.split()
        assert {"1", "2", "4", "8", "16", "32"} <= set(ticks)
        assert "95 % bootstrap interval" in figure.caption and "split test" in figure.title
    assert "best constant answer" in accuracy.svg and "accuracy of one output (share)" in accuracy.svg
    assert "share of the gradient" in gradient.svg and "best constant answer" not in gradient.svg


def test_a_setting_that_was_not_probed_has_no_such_figure(folder, tmp_path):
    folder.cell("recall", "lstm_dot")
    assert drawn(folder, tmp_path / "figures") == []
    assert not (tmp_path / "figures").exists()


def test_curves_of_other_splits_or_numbers_of_examples_do_not_meet(folder, tmp_path):
    for seed, settings in enumerate(
        (ProbeSettings("test"), ProbeSettings("test", 50), ProbeSettings("test_farther")), start=1
    ):
        cell = folder.cell("recall", "lstm_dot", seed)["cell"]
        reach_rows.write(folder.path / cell, curves({0: 0.1, 4: 0.1 * seed}, {1: 0.5, 4: 0.5}, settings))
    figures = [figure for figure in drawn(folder, tmp_path / "figures") if figure.name.startswith("reach-accuracy")]
    assert len({figure.name for figure in figures}) == 3
    assert {figure.title.partition("context")[2] for figure in figures} == {
        ", split test, 200 examples", ", split test, 50 examples", ", split test_farther, 200 examples",
    }  # fmt: skip
    assert all((figure.numbers["seeds"] == 1).all() for figure in figures)


@pytest.fixture
def axes(monkeypatch) -> list:
    """The axes of every figure, as they are when it is finished."""
    finish, drawn_axes = canvas.finish, []

    def watched(figure, axes, *rest, **options):
        drawn_axes.append(axes)
        return finish(figure, axes, *rest, **options)

    monkeypatch.setattr(canvas, "finish", watched)
    return drawn_axes


def test_a_step_to_twice_the_distance_is_as_long_everywhere(folder, tmp_path, axes):
    planted(folder)
    drawn(folder, tmp_path / "figures")
    for one in axes:
        places = [one.transData.transform((k, 0.5))[0] for k in (1, 2, 4, 8, 16, 32)]
        steps = [right - left for left, right in zip(places, places[1:])]
        assert steps == pytest.approx([steps[0]] * 5)
    gradient, accuracy = axes
    assert (gradient.get_yscale(), accuracy.get_yscale()) == ("log", "linear")
    assert accuracy.get_ylim() == (-0.03, 1.03) and accuracy.get_xlim()[0] < 0


@pytest.mark.parametrize(
    ("share", "low"),
    [
        ({1: 0.5, 8: 0.002}, 0.0014),
        ({1: 0.03, 8: 0.02}, 0.03 / 50),  # nearly flat is not drawn steep
        ({1: 0.5, 8: 1e-30, 32: 0.0}, 0.7e-6),
        ({1: 0.0}, 1e-6 / 50),
    ],
)
def test_the_axis_of_shares_ends_where_there_is_nothing_more_to_see(share, low, folder, tmp_path, axes):
    cell = folder.cell("recall", "lstm_dot")["cell"]
    reach_rows.write(folder.path / cell, curves({0: 1.0}, share))
    figure, _ = drawn(folder, tmp_path / "figures")
    assert axes[0].get_ylim()[0] == pytest.approx(low, rel=0.5)
    assert ("are below the figure" in figure.caption) == (min(share.values()) < 1e-6)


@pytest.mark.slow
def test_the_page_shows_them_and_a_hostile_name_is_shown_as_text(folder):
    planted(folder, ProbeSettings("../../<script>alert(1)</script> $\\frac{ a|b"))
    page.build(folder.path)
    shown, text = pages.html(folder.path), pages.markdown(folder.path)
    assert "<script>alert" not in shown and "&lt;script&gt;alert" in shown
    names = {path.stem for path in (folder.path / "figures").glob("reach-*.svg")}
    assert len(names) == 2 and not list(folder.path.parent.glob("*script*"))
    for name in names:
        assert f"figures/{name}.svg" in shown and f"figures/{name}.png" in text
        table = pd.read_csv(folder.path / "tables" / f"{name}.csv")
        assert set(table["arm"]) == {"lstm_dot", "lstm_none"}


@pytest.mark.slow
def test_a_broken_file_is_one_line_and_the_earlier_report_stays(folder):
    cell = folder.cell("recall", "lstm_dot")["cell"]
    page.build(folder.path)
    before = (folder.path / "report.html").read_bytes()
    (folder.path / cell / reach_rows.FILE).write_text("what,k\nnonsense")
    with pytest.raises(UserError, match="reach.csv is broken") as caught:
        page.build(folder.path)
    assert "\n" not in str(caught.value)
    assert (folder.path / "report.html").read_bytes() == before
