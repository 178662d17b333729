"""What every figure is drawn with: the canvas, one arm's line, the legend below the axes, the files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bench.report import arms, style

WIDTH, HEIGHT = 5.0, 3.7
LEGEND_ROW, AXIS_BELOW = 0.21, 0.58
"""Inches: a figure without its legend, a row of the legend, room for the axis below. Fixed margins keep the axes of
neighbouring figures in line."""
PNG_DPI = 120


@dataclass(frozen=True)
class Figure:
    """name: of its files; title, caption: what it is, and one sentence on what to see; numbers: what it shows."""

    name: str
    title: str
    caption: str
    numbers: pd.DataFrame
    svg: str


def canvas() -> tuple[Canvas, Axes]:
    figure = Canvas(figsize=(WIDTH, HEIGHT))
    return figure, figure.subplots()


def panels(down: int, across: int) -> tuple[Canvas, list[Axes]]:
    """Several axes on one canvas, row by row."""
    figure = Canvas(figsize=(WIDTH, HEIGHT))
    return figure, list(figure.subplots(down, across, squeeze=False, gridspec_kw={"hspace": 0.75, "wspace": 0.28}).flat)


def line(axes: Axes, arm: str, x: pd.Series, y: pd.Series, thin: bool = False) -> None:
    """One arm's line; a thin one has about eight markers, however many points."""
    look = style.look(arm)
    axes.plot(
        x, y, color=look.colour, ls=look.line, marker=look.marker, mfc=look.colour if look.filled else "white",
        lw=1.1 if thin else 1.7, ms=3.5 if thin else 4.5, markevery=max(1, len(x) // 8) if thin else 1,
    )  # fmt: skip


def band(axes: Axes, arm: str, x: pd.Series, low: pd.Series, high: pd.Series) -> None:
    """What one arm's line lies between."""
    axes.fill_between(x, low, high, color=style.look(arm).colour, alpha=0.15, lw=0)


def finish(
    figure: Canvas, axes: Axes, folder: Path, name: str, title: str, caption: str, numbers: pd.DataFrame,
    extra: Sequence[Patch] = (), height: float = HEIGHT,
) -> Figure:  # fmt: skip
    """Add the legend below the axes and write the files. height: in inches, without the legend; axes: those, or one of
    those, whose ticks and labels say what room is needed."""
    entries: list[Line2D | Patch] = []
    for arm in arms.ordered(numbers["arm"]):
        look = style.look(arm)
        entries.append(
            Line2D([], [], color=look.colour, ls=look.line, marker=look.marker,
                   mfc=look.colour if look.filled else "none", label=arm)
        )  # fmt: skip
    entries += axes.get_legend_handles_labels()[0] + list(extra)
    legend = LEGEND_ROW * -(-len(entries) // 3)
    height += legend
    lines = max(label.get_text().count("\n") + 1 for label in axes.get_xticklabels())
    below = legend + max(AXIS_BELOW, 0.40 + 0.17 * lines)
    top = 0.12 + (0.14 if axes.get_title() else 0)
    figure.set_size_inches(WIDTH, height)
    figure.subplots_adjust(left=0.72 / WIDTH, right=1 - 0.15 / WIDTH, top=1 - top / height, bottom=below / height)
    figure.legend(handles=entries, ncols=3, loc="lower center", handlelength=2.6, columnspacing=1.2, borderaxespad=0.2)
    folder.mkdir(parents=True, exist_ok=True)
    # Straight to the canvases: `savefig` draws everything twice.
    FigureCanvasSVG(figure).print_svg(folder / f"{name}.svg", metadata={"Date": None})
    figure.set_dpi(PNG_DPI)
    FigureCanvasAgg(figure).print_png(folder / f"{name}.png", metadata={"Software": None})
    return Figure(name, title, caption, numbers, (folder / f"{name}.svg").read_text(encoding="utf-8"))
