"""What all figures share: the canvas, one arm's lines, bands and markers, the legend below the axes, and the files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from bench.analysis import arms
from bench.analysis.messages import Joined, Text
from bench.report import labels
from bench.report.figures import fonts, style
from bench.report.labels import FigureText

WIDTH, HEIGHT = 5.0, 3.7
"""Inches of a figure without its legend."""

LEGEND_ROW, AXIS_BELOW, LEFT = 0.21, 0.58, 0.78
"""Inches: a row of the legend, the room below the axes, the room to their left. Fixed margins keep the axes of
neighbouring figures in line."""

LEGEND_KEY, CHARACTER, MAX_LEGEND_CHARACTERS = 0.5, 0.072, 60
"""Inches: the line of a legend entry with its gap, and an average character. Characters that a row has room for."""

LEGEND_PARTS = ("trained", "chance", "constant")
"""Possible legend entries beside the arms, by the names of their texts."""

PNG_DPI, PNG_COMPRESSION = 120, {"compress_level": 1}
"""This compression makes a PNG an eighth larger and takes half the time of the default."""

LEGEND_PROPERTIES = (
    *("color", "linestyle", "linewidth"),
    *("marker", "markersize", "markerfacecolor", "markeredgecolor"),
)
"""Properties that a line in the legend copies from the line that it explains."""


@dataclass(frozen=True)
class Figure:
    """A figure that has been written to files.

    name: of the files, without ending; text: its words; numbers: the table that it shows; svg: content of the SVG
    file; against: axis of the task, metric and search, where the figure shows scores against an axis.
    """

    name: str
    text: FigureText
    numbers: pd.DataFrame
    svg: str
    against: tuple[str, str, str] | None = None

    @property
    def title(self) -> Text:
        return self.text.title

    @property
    def caption(self) -> Text:
        return self.text.caption


MAX_LABEL = 40
"""Characters of the words below a column."""


def canvas() -> tuple[Canvas, Axes]:
    """A new canvas with one pair of axes."""
    figure = Canvas(figsize=(WIDTH, HEIGHT))
    return figure, figure.subplots()


def panels(rows: int, columns: int) -> tuple[Canvas, list[Axes]]:
    """A new canvas with several axes, row by row."""
    figure = Canvas(figsize=(WIDTH, HEIGHT))
    grid = figure.subplots(rows, columns, squeeze=False, gridspec_kw={"hspace": 0.75, "wspace": 0.28})
    return figure, list(grid.flat)


def line(axes: Axes, arm: str, x: pd.Series, y: pd.Series, thin: bool = False) -> None:
    """Draw one arm's line. A thin line has about eight markers, however many points it has."""
    look = style.look(arm)
    axes.plot(
        x, y, color=look.colour, ls=look.line, marker=look.marker, mfc=look.colour if look.filled else "white",
        lw=1.1 if thin else 1.7, ms=3.5 if thin else 4.5, markevery=max(1, len(x) // 8) if thin else 1,
    )  # fmt: skip


def thin_lines(axes: Axes, arm: str, curves: Sequence[tuple[Sequence[float], Sequence[float]]]) -> None:
    """Draw several thin lines of one arm, each as x and y. They are one artist, because many artists are slow."""
    x: list[float] = []
    y: list[float] = []
    marked: list[int] = []
    for curve_x, curve_y in curves:
        marked += range(len(x), len(x) + len(curve_x), max(1, len(curve_x) // 8))
        x += [*curve_x, math.nan]
        y += [*curve_y, math.nan]
    look = style.look(arm)
    axes.plot(x, y, color=look.colour, ls=look.line, lw=1.1, marker=look.marker, ms=3.5, markevery=marked,
              mfc=look.colour if look.filled else "white")  # fmt: skip


def markers(axes: Axes, arm: str, x: Sequence[float], y: Sequence[float]) -> None:
    """Draw one arm's markers, one per seed."""
    look = style.look(arm)
    axes.plot(x, y, ls="none", marker=look.marker, ms=5, mec=look.colour, mfc=look.colour if look.filled else "none")


def segments(axes: Axes, arm: str, ends: Sequence[tuple[float, float, float, float]], width: float) -> None:
    """Draw straight segments of one arm, each as (x0, y0, x1, y1). Segments with a NaN are left out."""
    finite = [four for four in ends if all(math.isfinite(value) for value in four)]
    if finite:
        x = [value for x0, _, x1, _ in finite for value in (x0, x1, math.nan)]
        y = [value for _, y0, _, y1 in finite for value in (y0, y1, math.nan)]
        axes.plot(x, y, color=style.look(arm).colour, lw=width, solid_capstyle="butt")


def band(axes: Axes, arm: str, x: pd.Series, low: pd.Series, high: pd.Series) -> None:
    """Draw the interval around one arm's line; nothing if there is no interval anywhere."""
    if low.notna().any():
        axes.fill_between(x, low, high, color=style.look(arm).colour, alpha=0.15, lw=0)


def columns(axes: Axes, table: pd.DataFrame, group: str, value: str) -> int:
    """Draw a column for each group and in it a narrower column for each arm: a marker per seed, a bar at the mean, an
    upright line over the interval. Returns the number of lines of the words below the columns."""
    groups = list(dict.fromkeys(table[group]))
    names = arms.ordered(table["arm"])
    step = 0.8 / max(1, len(names))
    for number, arm in enumerate(names):
        own = table[table["arm"] == arm]
        places = own[group].map(groups.index) + (number - (len(names) - 1) / 2) * step
        means = dict(zip(places, zip(own["mean"], own["low"], own["high"])))
        half = 0.42 * step
        segments(axes, arm, [(x - half, mean, x + half, mean) for x, (mean, _, _) in means.items()], width=2)
        segments(axes, arm, [(x, low, x, high) for x, (_, low, high) in means.items()], width=1)
        markers(axes, arm, places, own[value])
    words = [labels.wrap(labels.printable(label, MAX_LABEL)) for label in groups]
    axes.set_xticks(range(len(groups)), words)
    axes.set_xlim(-0.5, len(groups) - 0.5)
    axes.grid(visible=False, axis="x")
    return max(text.count("\n") + 1 for text in words)


def start_at_zero(axes: Axes) -> None:
    """Start the y axis at zero. The room above is a share of the whole height: with values close to each other, a
    share of their range would cut the markers."""
    axes.set_ylim(bottom=0, top=max(axes.get_ylim()[1], 1.05 * axes.dataLim.y1))


def finish(
    figure: Canvas, axes: Axes, folder: Path, name: str, text: FigureText, numbers: pd.DataFrame,
    extra: Sequence[Patch] = (), height: float = HEIGHT, tick_lines: int = 1,
) -> Figure:  # fmt: skip
    """Add the legend below the axes and write the files.

    axes: the axes whose labels enter the legend; extra: further legend entries; height: inches without the legend;
    tick_lines: lines of text at the ticks of the x axis.
    """
    entries: list[Artist] = []
    for arm in arms.ordered(numbers.get("arm", ())):
        look = style.look(arm)
        entries.append(
            Line2D([], [], color=look.colour, ls=look.line, marker=look.marker,
                   mfc=look.colour if look.filled else "none", label=arm)
        )  # fmt: skip
    entries += axes.get_legend_handles_labels()[0] + list(extra)
    longest = max((min(MAX_LEGEND_CHARACTERS, len(str(entry.get_label()))) for entry in entries), default=1)
    across = _legend_columns(longest)
    legend = LEGEND_ROW * -(-len(entries) // across)
    height += legend
    below = legend + max(AXIS_BELOW, 0.50 + 0.17 * tick_lines if tick_lines > 1 else 0)
    # Small numbers show a power of ten above the axis.
    small = axes.get_yscale() == "linear" and max(map(abs, axes.get_ylim())) < 0.01
    top = 0.12 + (0.14 if axes.get_title() or small else 0)
    figure.set_size_inches(WIDTH, height)
    figure.subplots_adjust(left=LEFT / WIDTH, right=1 - 0.15 / WIDTH, top=1 - top / height, bottom=below / height)
    if len(figure.axes) == 1:  # at fixed places: matplotlib's search for them takes a fifth of the drawing
        axes.yaxis.set_label_coords(0.20, (below + height - top) / 2, transform=figure.dpi_scale_trans)
        label_y = below - 0.11 - 0.17 * tick_lines - (0.1 if tick_lines > 1 else 0)
        axes.xaxis.set_label_coords((LEFT + WIDTH - 0.15) / 2, label_y, transform=figure.dpi_scale_trans)
    _legend(figure, entries, across, longest, legend)
    text = replace(text, inside={str(word): word for word in map(labels.part, LEGEND_PARTS)} | dict(text.inside))
    return save(figure, folder, name, text, numbers)


def save(figure: Canvas, folder: Path, name: str, text: FigureText, numbers: pd.DataFrame) -> Figure:
    """Write a figure as SVG and PNG. If another figure has the name already, a number is appended to it. The caption
    says where characters are shown by their code points, because no installed font has them."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted, number = name, 1
    while (folder / f"{name}.svg").exists():
        name, number = f"{wanted}-{number + 1}", number + 1
    fonts.choose(figure)
    if without_font := fonts.missing(figure):
        remark = labels.note("no font", packages=" ".join(fonts.packages(without_font)))
        text = replace(text, caption=Joined([text.caption, remark], "sentences"))
    # Straight to the canvases: `savefig` draws everything twice.
    FigureCanvasSVG(figure).print_svg(folder / f"{name}.svg", metadata={"Date": None})
    figure.set_dpi(PNG_DPI)
    FigureCanvasAgg(figure).print_png(folder / f"{name}.png", metadata={"Software": None}, pil_kwargs=PNG_COMPRESSION)
    return Figure(name, text, numbers, (folder / f"{name}.svg").read_text(encoding="utf-8"))


def _legend_columns(longest: int) -> int:
    """Number of legend entries side by side: at most three, fewer if names are long."""
    return max(1, min(3, int(WIDTH / (LEGEND_KEY + CHARACTER * longest))))


def _legend(figure: Canvas, entries: Sequence[Artist], across: int, longest: int, height: float) -> None:
    """Draw the legend as lines and words at fixed places. Matplotlib's own legend searches for places, which takes as
    long as the rest of the figure. longest: characters of the longest name."""
    width = LEGEND_KEY + CHARACTER * longest + 0.04
    left = max(0.08, (WIDTH - width * min(across, len(entries))) / 2)
    inches = figure.dpi_scale_trans
    for place, entry in enumerate(entries):
        x, y = left + width * (place % across), height - LEGEND_ROW * (place // across + 0.5) + 0.03
        key: Rectangle | Line2D
        if isinstance(entry, Patch):
            fill, edge = entry.get_facecolor(), entry.get_edgecolor()
            key = Rectangle((x, y - 0.05), 0.36, 0.1, transform=inches, fc=fill, ec=edge)
        else:
            key = Line2D([x, x + 0.18, x + 0.36], [y] * 3, markevery=[1], transform=inches)
            key.update({name: getattr(entry, f"get_{name}")() for name in LEGEND_PROPERTIES})
        figure.add_artist(key)
        name = labels.printable(entry.get_label(), MAX_LEGEND_CHARACTERS)
        figure.text(x + 0.44, y, name, size=9, va="center_baseline", transform=inches)
