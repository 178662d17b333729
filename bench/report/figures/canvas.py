"""What every figure is drawn with: the canvas, one arm's line, the legend below the axes, the files."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from bench.analysis import arms
from bench.analysis.messages import Text
from bench.report.figures import style
from bench.report.labels import Said, part, shown

WIDTH, HEIGHT = 5.0, 3.7
LEGEND_ROW, AXIS_BELOW, LEFT = 0.21, 0.58, 0.78
"""Inches: a figure without its legend, a row of the legend, room for the axis below and to the left. Fixed margins keep
the axes of neighbouring figures in line."""
HANDLE, CHARACTER, LONGEST = 0.5, 0.072, 60
"""Inches of a legend's line with the gap after it and of a character on average; the characters a row has room for."""
KEYS = ("trained", "chance", "constant")
"""What a legend may have beside the arms, by the names of its words."""
PNG_DPI, PACKING = 120, {"compress_level": 1}
"""An eighth larger than packed as usual, in half of the time."""


@dataclass(frozen=True)
class Figure:
    """name: of its files; said: its words; numbers: what it shows; against: the axis of the task, metric and search,
    where scores are drawn against one."""

    name: str
    said: Said
    numbers: pd.DataFrame
    svg: str
    against: tuple[str, str, str] | None = None

    @property
    def title(self) -> Text:
        return self.said.title

    @property
    def caption(self) -> Text:
        """First of all what to see."""
        return self.said.caption


def canvas() -> tuple[Canvas, Axes]:
    figure = Canvas(figsize=(WIDTH, HEIGHT))
    return figure, figure.subplots()


def panels(down: int, across: int) -> tuple[Canvas, list[Axes]]:
    """Several axes on one canvas, row by row."""
    figure = Canvas(figsize=(WIDTH, HEIGHT))
    return figure, list(
        figure.subplots(down, across, squeeze=False, gridspec_kw={"hspace": 0.75, "wspace": 0.28}).flat
    )


def line(axes: Axes, arm: str, x: pd.Series, y: pd.Series, thin: bool = False) -> None:
    """One arm's line; a thin one has about eight markers, however many points."""
    look = style.look(arm)
    axes.plot(
        x, y, color=look.colour, ls=look.line, marker=look.marker, mfc=look.colour if look.filled else "white",
        lw=1.1 if thin else 1.7, ms=3.5 if thin else 4.5, markevery=max(1, len(x) // 8) if thin else 1,
    )  # fmt: skip


def lines(axes: Axes, arm: str, parts: Sequence[tuple[Sequence[float], Sequence[float]]]) -> None:
    """Several thin lines of one arm as one artist, which draws in a fraction of the time."""
    x, y, marked = [], [], []
    for across, up in parts:
        marked += range(len(x), len(x) + len(across), max(1, len(across) // 8))
        x += [*across, math.nan]
        y += [*up, math.nan]
    look = style.look(arm)
    axes.plot(x, y, color=look.colour, ls=look.line, lw=1.1, marker=look.marker, ms=3.5, markevery=marked,
              mfc=look.colour if look.filled else "white")  # fmt: skip


def points(axes: Axes, arm: str, x: Sequence[float], y: Sequence[float]) -> None:
    """One arm's markers, one a seed."""
    look = style.look(arm)
    axes.plot(x, y, ls="none", marker=look.marker, ms=5, mec=look.colour, mfc=look.colour if look.filled else "none")


def strokes(axes: Axes, arm: str, ends: Sequence[tuple[float, float, float, float]], width: float) -> None:
    """Straight lines of one arm, each from (x, y) to (x, y); one with an end that is no number is left out."""
    known = [four for four in ends if all(math.isfinite(value) for value in four)]
    if known:
        x = [value for x0, _, x1, _ in known for value in (x0, x1, math.nan)]
        y = [value for _, y0, _, y1 in known for value in (y0, y1, math.nan)]
        axes.plot(x, y, color=style.look(arm).colour, lw=width, solid_capstyle="butt")


def band(axes: Axes, arm: str, x: pd.Series, low: pd.Series, high: pd.Series) -> None:
    """What one arm's line lies between; nothing where there is no interval anywhere."""
    if low.notna().any():
        axes.fill_between(x, low, high, color=style.look(arm).colour, alpha=0.15, lw=0)


def finish(
    figure: Canvas, axes: Axes, folder: Path, name: str, said: Said, numbers: pd.DataFrame,
    extra: Sequence[Patch] = (), height: float = HEIGHT, lines: int = 1,
) -> Figure:  # fmt: skip
    """Add the legend below the axes and write the files. height: in inches, without the legend; axes: those, or one of
    those, whose labels the legend has; lines: of the words at the marks of the axis below."""
    entries: list[Line2D | Patch] = []
    for arm in arms.ordered(numbers["arm"]):
        look = style.look(arm)
        entries.append(
            Line2D([], [], color=look.colour, ls=look.line, marker=look.marker,
                   mfc=look.colour if look.filled else "none", label=arm)
        )  # fmt: skip
    entries += axes.get_legend_handles_labels()[0] + list(extra)
    longest = max((min(LONGEST, len(str(entry.get_label()))) for entry in entries), default=1)
    across = _columns(longest)
    legend = LEGEND_ROW * -(-len(entries) // across)
    height += legend
    below = legend + max(AXIS_BELOW, 0.50 + 0.17 * lines if lines > 1 else 0)
    # With small numbers a power of ten stands above the axis.
    small = axes.get_yscale() == "linear" and max(map(abs, axes.get_ylim())) < 0.01
    top = 0.12 + (0.14 if axes.get_title() or small else 0)
    figure.set_size_inches(WIDTH, height)
    figure.subplots_adjust(left=LEFT / WIDTH, right=1 - 0.15 / WIDTH, top=1 - top / height, bottom=below / height)
    if len(figure.axes) == 1:  # where labels of axes stand is known: looking for it takes a fifth of the drawing
        axes.yaxis.set_label_coords(0.20, (below + height - top) / 2, transform=figure.dpi_scale_trans)
        axes.xaxis.set_label_coords((LEFT + WIDTH - 0.15) / 2, below - 0.11 - 0.17 * lines - (0.1 if lines > 1 else 0),
                                    transform=figure.dpi_scale_trans)  # fmt: skip
    _legend(figure, entries, across, longest, legend)
    said = replace(said, inside={str(word): word for word in map(part, KEYS)} | dict(said.inside))
    return written(figure, folder, name, said, numbers)


def written(figure: Canvas, folder: Path, name: str, said: Said, numbers: pd.DataFrame) -> Figure:
    """Write a figure's files, SVG and PNG. Where another figure has the name already, it gets a number behind it."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted, number = name, 1
    while (folder / f"{name}.svg").exists():
        name, number = f"{wanted}-{number + 1}", number + 1
    # Straight to the canvases: `savefig` draws everything twice.
    with warnings.catch_warnings():  # the SVG has every character; in the PNG one that no font has is a box
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        FigureCanvasSVG(figure).print_svg(folder / f"{name}.svg", metadata={"Date": None})
        figure.set_dpi(PNG_DPI)
        FigureCanvasAgg(figure).print_png(folder / f"{name}.png", metadata={"Software": None}, pil_kwargs=PACKING)
    return Figure(name, said, numbers, (folder / f"{name}.svg").read_text(encoding="utf-8"))


def _columns(longest: int) -> int:
    """How many entries of a legend stand side by side: at most three, fewer where names are long."""
    return max(1, min(3, int(WIDTH / (HANDLE + CHARACTER * longest))))


def _legend(figure: Canvas, entries: Sequence[Line2D | Patch], across: int, longest: int, height: float) -> None:
    """Entries in rows below the axes, as lines and words at known places: a legend of matplotlib's looks for them each
    time, which takes as long as the rest of the figure. longest: characters of the longest name."""
    width = HANDLE + CHARACTER * longest + 0.04
    begin = max(0.08, (WIDTH - width * min(across, len(entries))) / 2)
    inches = {"transform": figure.dpi_scale_trans}
    for place, entry in enumerate(entries):
        x, y = begin + width * (place % across), height - LEGEND_ROW * (place // across + 0.5) + 0.03
        if isinstance(entry, Patch):
            key = Rectangle((x, y - 0.05), 0.36, 0.1, fc=entry.get_facecolor(), ec=entry.get_edgecolor(), **inches)
        else:
            key = Line2D([x, x + 0.18, x + 0.36], [y] * 3, markevery=[1], **inches)
            key.update({name: getattr(entry, f"get_{name}")() for name in LOOK})
        figure.add_artist(key)
        figure.text(x + 0.44, y, shown(entry.get_label(), LONGEST), size=9, va="center_baseline", **inches)


LOOK = ("color", "linestyle", "linewidth", "marker", "markersize", "markerfacecolor", "markeredgecolor")
"""What a legend's line has of the line it stands for."""
