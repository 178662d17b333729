"""Attention maps of one example, one figure per arm with attention: where every output token looks in the source. For
an arm without cross-attention, where every source token looks. The maps come from a cell's `attention.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Rectangle

from bench.analysis.evidence import Evidence
from bench.analysis.naming import file_name
from bench.analysis.settings import Setting
from bench.errors import UserError
from bench.records import store
from bench.report import labels
from bench.report.figures import canvas, fonts, style
from bench.report.figures.canvas import Figure
from bench.report.labels import FigureText, note, part

KINDS = ("cross", "encoder")
"""Kinds of maps by priority: a figure shows the first kind that an arm has."""

MAX_TOKENS, MAX_HEADS, MAX_CHARACTERS = 32, 4, 12
"""Drawn at most: tokens of each side, heads, characters of a token."""

COLOURS = "Greys"
SCALE_STEPS = 11
MARGIN = 0.15
"""Inches left free at the edges of a figure."""


@dataclass(frozen=True)
class Maps:
    """The attention maps of one cell for one example.

    kind: one of KINDS; source: source tokens; rows: the tokens that look; heads: for each head the weights,
    (len(rows), len(source)).
    """

    kind: str
    source: list[str]
    rows: list[str]
    heads: list[np.ndarray]


def of_setting(evidence: Evidence, setting: Setting, folders: Mapping[str, Path], folder: Path) -> list[Figure]:
    """One figure for each arm with maps, by its lowest seed, written to `folder` as SVG and PNG. folders: folder
    of each cell. Raises UserError if a file is broken."""
    cells, figures = evidence.finished(setting).sort_values("seed"), []
    with style.settings(f"attention {setting.slug}", axes_grid=False):
        for arm in evidence.arms(setting):
            own = cells.loc[cells["arm"] == arm, ["task", "budget_name", "arm", "seed", "cell"]].to_dict("records")
            for cell in own:
                maps = read(folders[str(cell["cell"])])
                if maps is not None:
                    figures.append(_figure(cell, maps, folder, file_name("attention", setting.slug, arm)))
                    break
    return figures


def read(folder: Path) -> Maps | None:
    """The maps of a cell, None if it has none. Raises UserError with the path if the file is broken."""
    try:
        content = store.read_attention(folder)
        if content is None:
            return None
        source, output = ([str(token) for token in content[side]] for side in ("source", "output"))
        heads: dict[str, list[np.ndarray]] = {}
        for head in content["maps"]:
            rows = {"cross": output, "encoder": source}[head["kind"]]
            matrix = np.array(head["weights"], dtype=float).reshape(-1, len(source))
            if len(matrix) != len(rows) or not ((matrix >= 0) & (matrix <= 1.001)).all():
                raise ValueError(f"{head['layer']!r} has no weight for each of {len(rows)} by {len(source)} tokens")
            heads.setdefault(head["kind"], []).append(matrix)
    except (ValueError, KeyError, TypeError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(
            f"{folder / store.ATTENTION} is broken ({reason}); delete it, or run the cell again"
        ) from error
    kind = next((kind for kind in KINDS if kind in heads), None)
    rows = output if kind == "cross" else source
    return None if kind is None or not (source and rows) else Maps(kind, source, rows, heads[kind])


def _figure(cell: Mapping[str, object], maps: Maps, folder: Path, name: str) -> Figure:
    rows, columns = min(MAX_TOKENS, len(maps.rows)), min(MAX_TOKENS, len(maps.source))
    matrices = [matrix[:rows, :columns] for matrix in maps.heads]
    mean, heads = np.mean(matrices, axis=0), matrices[:MAX_HEADS] if len(matrices) > 1 else []
    notes = []
    if (rows, columns) != (len(maps.rows), len(maps.source)):
        sizes = {"of_rows": len(maps.rows), "of_columns": len(maps.source)}
        notes.append(note("cut", rows=rows, columns=columns, **sizes))
    if len(matrices) > len(heads) > 0:
        notes.append(note("heads", shown=len(heads), heads=len(matrices)))
    words = [part("weight"), *(part("head", number=number) for number in range(1, MAX_HEADS + 1))]
    inside = {str(word): word for word in words}
    text = labels.figure_text(f"attention, {maps.kind}", notes, inside=inside, arm=cell["arm"], seed=cell["seed"])
    figure = _draw(mean, heads, maps, text)
    panels = {part("mean" if len(matrices) > 1 else "one weight"): mean}
    panels |= {part("head", number=number): matrix for number, matrix in enumerate(heads, start=1)}
    table = [
        {**cell, "map": maps.kind, "head": head, "row": row, "row token": maps.rows[row], "source": column,
         "source token": maps.source[column], "weight": float(matrix[row, column])}
        for head, matrix in panels.items() for row in range(rows) for column in range(columns)
    ]  # fmt: skip
    return canvas.save(figure, folder, name, text, pd.DataFrame(table))


def _draw(mean: np.ndarray, heads: Sequence[np.ndarray], maps: Maps, text: FigureText) -> Canvas:
    """The mean over heads with tokens beside it, and below it the single heads. mean, heads: (rows, columns)."""
    rows, columns = mean.shape
    source, looking = (
        [labels.printable(token, MAX_CHARACTERS) for token in side[:count]]
        for side, count in ((maps.source, columns), (maps.rows, rows))
    )
    size = max(5.0, min(9.0, 150 / max(rows, columns)))
    source_room, row_room = (max(map(fonts.width, tokens)) * size * 0.0085 for tokens in (source, looking))
    left, below = 0.38 + row_room, 0.32 + source_room
    width = canvas.WIDTH - left - 0.85
    tall = min(width, max(1.2, width * rows / columns))
    lower = 0.35 + (canvas.WIDTH - 2 * MARGIN) / MAX_HEADS * min(1.0, max(0.35, rows / columns)) if heads else 0.0
    height, base = tall + below + lower + 2 * MARGIN, MARGIN + lower + below
    figure = Canvas(figsize=(canvas.WIDTH, height))
    inches = figure.dpi_scale_trans
    largest = max(float(matrix.max()) for matrix in (mean, *heads))

    def panel(matrix: np.ndarray, x: float, y: float, panel_width: float, panel_height: float, frame: bool) -> None:
        spot = (x / canvas.WIDTH, y / height, panel_width / canvas.WIDTH, panel_height / height)
        axes = figure.add_axes(spot, xticks=[], yticks=[])
        axes.spines[:].set_visible(frame)
        axes.imshow(matrix, vmin=0, vmax=largest or 1, cmap=COLOURS, interpolation="none", aspect="auto")

    panel(mean, left, base, width, tall, frame=True)
    for number, token in enumerate(source):
        x = left + (number + 0.5) * width / columns
        figure.text(x, base - 0.05, token, size=size, rotation=90, ha="center", va="top", transform=inches)
    for number, token in enumerate(looking):
        y = base + tall - (number + 0.5) * tall / rows
        figure.text(left - 0.06, y, token, size=size, ha="right", va="center", transform=inches)
    figure.text(left + width / 2, MARGIN + lower + 0.02, text.x, ha="center", size=9, transform=inches)
    figure.text(0.08, base + tall / 2, text.y, rotation=90, va="center", size=9, transform=inches)
    _scale(figure, largest, left + width + 0.12, base, tall)
    if heads:  # one image with empty columns between heads: one pair of axes for each takes four times as long
        gap = np.full((rows, max(1, columns // 12)), np.nan)
        joined = np.hstack([block for matrix in heads for block in (gap, matrix)][1:])
        step = (columns + gap.shape[1]) / joined.shape[1] * (canvas.WIDTH - 2 * MARGIN)
        panel(joined, MARGIN, MARGIN, canvas.WIDTH - 2 * MARGIN, lower - 0.35, frame=False)
        for number in range(len(heads)):
            title = part("head", number=number + 1)
            figure.text(MARGIN + number * step, MARGIN + lower - 0.31, title, size=8, transform=inches)
    return figure


def _scale(figure: Canvas, largest: float, x: float, y: float, tall: float) -> None:
    """Draw the scale of greys, from no weight to the largest of the figure. x, y, tall: inches."""
    inches = figure.dpi_scale_trans
    step = tall / SCALE_STEPS
    for number in range(SCALE_STEPS):
        shade = mpl.colormaps[COLOURS](number / (SCALE_STEPS - 1))
        figure.add_artist(Rectangle((x, y + number * tall / SCALE_STEPS), 0.1, step, fc=shade, lw=0, transform=inches))
    figure.add_artist(Rectangle((x, y), 0.1, tall, fill=False, ec=style.INK, lw=0.6, transform=inches))
    for value, place, side in ((0, y, "bottom"), (largest, y + tall, "top")):
        figure.text(x + 0.14, place, f"{value:.2g}", size=8, va=side, transform=inches)
    middle = y + tall / 2
    figure.text(x + 0.48, middle, part("weight"), size=8, rotation=90, ha="center", va="center", transform=inches)
