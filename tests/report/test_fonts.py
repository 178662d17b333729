"""Labels in scripts that the usual font lacks: another installed font, or code points and the package to install."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import font_manager

from bench.report import labels
from bench.report.figures import attention, canvas, fonts, style
from bench.report.figures.canvas import Figure

TOKENS = ["▁茶", "沸いた", "책을", "แมว", "سلام", "ok", "é"]
CELL = {"task": "bitext", "budget_name": "quick", "arm": "lstm_dot", "seed": 1, "cell": "cell"}


def draw(folder: Path, tokens: list[str]) -> Figure:
    """A figure with these labels; a warning, as of a glyph that no font has, is an error."""
    maps = attention.Maps("cross", tokens, tokens, [np.eye(len(tokens))])
    with style.settings("fonts", axes_grid=False), warnings.catch_warnings():
        warnings.simplefilter("error")
        return attention._figure(CELL, maps, folder, "map")


def families(figure: Figure, token: str) -> str:
    (element,) = re.findall(rf'<text style="([^"]*)"[^>]*>{token}</text>', figure.svg)[:1]
    return element


@pytest.fixture
def few_fonts(monkeypatch):
    """Only the fonts that come with matplotlib, whatever the machine has."""
    own = [entry for entry in font_manager.fontManager.ttflist if "matplotlib" in entry.fname]
    assert own
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)


def test_without_a_font_code_points_are_shown_and_the_packages_named(few_fonts, tmp_path):
    figure = draw(tmp_path, TOKENS)
    assert not re.search("[茶沸いた책을แมว]", figure.svg) and "▁ U+8336" in figure.svg
    assert ">سلام<" in figure.svg and ">é<" in figure.svg, "the usual font has them"
    for package in ("fonts-noto-cjk", "fonts-noto-core"):
        assert package in figure.caption and package in figure.caption.render("zh")
    assert (tmp_path / "map.png").exists()


def test_labels_at_ticks_and_in_the_legend_are_replaced_too(few_fonts, tmp_path):
    table = pd.DataFrame(
        {"arm": ["茶"], "split": ["測試"], "value": [1.0], "mean": [1.0], "low": [1.0], "high": [1.0]}
    )
    with style.settings("fonts"), warnings.catch_warnings():
        warnings.simplefilter("error")
        figure, axes = canvas.canvas()
        lines = canvas.columns(axes, table, "split", "value")
        drawn = canvas.finish(
            figure, axes, tmp_path, "seeds", labels.FigureText("title", "caption"), table, (), 3, lines
        )
    assert not re.search("[茶測試]", drawn.svg) and "U+8336" in drawn.svg and "U+6E2C" in drawn.svg
    assert "fonts-noto-cjk" in drawn.caption


def test_a_font_that_has_the_characters_is_chosen(few_fonts, tmp_path, monkeypatch):
    """A made-up font stands for an installed one: the usual file under another name, and with a character more."""
    usual = font_manager.findfont(fonts.USUAL)
    installed = font_manager.FontEntry(fname=usual, name="Made-up Tea", style="normal", weight=400, size="scalable")
    entries = font_manager.fontManager.ttflist
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [*entries, installed])
    monkeypatch.setattr(fonts, "_other_family", lambda code, fonts: "Made-up Tea" if chr(code) == "茶" else None)
    assert fonts.drawable("茶 é") == "茶 é" and "Made-up Tea" in dict(fonts._installed())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        maps = attention.Maps("cross", ["茶", "ok"], ["茶", "ok"], [np.eye(2)])
        with style.settings("fonts"):
            figure = attention._figure(CELL, maps, tmp_path, "map")
    assert "Made-up Tea" in families(figure, "茶") and "Made-up Tea" not in families(figure, "ok")
    assert "fonts-noto" not in figure.caption


def test_installed_fonts_for_chinese_japanese_and_korean_are_used(tmp_path):
    if any(family is None for family in fonts._families("茶沸책").values()):
        pytest.skip("no font for them on this machine")
    figure = draw(tmp_path, ["茶", "沸いた", "책을"])
    assert all(token in figure.svg for token in ("茶", "沸いた", "책을")) and "fonts-noto" not in figure.caption


def test_latin_labels_are_as_they_were(few_fonts, tmp_path):
    figure = draw(tmp_path, ["ok", "é", "…", "−1", "U+6211"])
    assert "fonts-noto" in figure.caption, "a text that looks like a code point of an absent character"
    figure = draw(tmp_path, ["ok", "é", "…", "−1", "U+0041"])
    assert "fonts-noto" not in figure.caption and labels.printable("naïve — 5 µs", 20) == "naïve — 5 µs"


def test_fonts_that_draw_boxes_formulas_or_bitmaps_are_not_chosen():
    names = [name for name, _ in fonts._installed()]
    assert not [name for name in names if "Last Resort" in name or name.startswith(("STIX", "cmr"))]
