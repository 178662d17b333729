"""Attention maps of one example, a figure for each attention arm: where every output token looked in the source, or,
where an arm has nothing of the kind, every source token. From the `attention.json` of a cell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Rectangle

from bench.analysis.evidence import Evidence, Setting
from bench.analysis.naming import file_name
from bench.errors import UserError
from bench.records import store
from bench.report import labels
from bench.report.figures import canvas, style
from bench.report.figures.canvas import Figure
from bench.report.labels import note, part

KINDS = ("cross", "encoder")
"""Of maps, by what is drawn first: one figure an arm."""

MOST, HEADS, CHARACTERS = 32, 4, 12
"""Tokens of a side, heads and characters of a token that are drawn."""
COLOURS = "Greys"
STEPS, PAPER = 11, 0.15
"""Shades of the scale, and inches left free at a figure's edges."""


@dataclass(frozen=True)
class Maps:
    """One example of one cell. kind: of what is drawn, the first of KINDS that there is; rows: the tokens that look;
    heads: a matrix each, rows by source tokens."""

    kind: str
    source: list[str]
    rows: list[str]
    heads: list[np.ndarray]


def of_setting(evidence: Evidence, setting: Setting, results: Path, folder: Path) -> list[Figure]:
    """A figure for each arm with maps, of its lowest seed, written to `folder` as SVG and PNG. results: the folder of
    the cells. Raises UserError where a file is broken."""
    cells, found = evidence.finished(setting).sort_values("seed"), []
    with mpl.rc_context({**style.RC, "axes.grid": False, "svg.hashsalt": f"attention {setting.slug}"}):
        for arm in evidence.arms(setting):
            own = cells.loc[cells["arm"] == arm, ["task", "budget_name", "arm", "seed", "cell"]].to_dict("records")
            read_ = ((cell, read(results / str(cell["cell"]))) for cell in own)
            cell, maps = next((pair for pair in read_ if pair[1] is not None), (None, None))
            if maps is not None:
                found.append(_figure(cell, maps, folder, file_name("attention", setting.slug, arm)))
    return found


def read(folder: Path) -> Maps | None:
    """The maps of a cell; None where it has none. Raises UserError with the path where they are no such maps."""
    try:
        held = store.read_attention(folder)
        if held is None:
            return None
        source, output = ([str(token) for token in held[side]] for side in ("source", "output"))
        heads: dict[str, list[np.ndarray]] = {}
        for one in held["maps"]:
            rows = {"cross": output, "encoder": source}[one["kind"]]
            matrix = np.array(one["weights"], dtype=float).reshape(-1, len(source))
            if len(matrix) != len(rows) or not ((matrix >= 0) & (matrix <= 1.001)).all():
                shape = f"{len(rows)} by {len(source)} tokens"
                raise ValueError(f"{one['layer']!r} has no weight for each of {shape}")
            heads.setdefault(one["kind"], []).append(matrix)
    except (ValueError, KeyError, TypeError) as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(f"{folder / store.ATTENTION} is broken ({why}); delete it, or run the cell again") from error
    kind = next((kind for kind in KINDS if kind in heads), None)
    rows = output if kind == "cross" else source
    return None if kind is None or not (source and rows) else Maps(kind, source, rows, heads[kind])


def _figure(cell: dict, maps: Maps, folder: Path, name: str) -> Figure:
    rows, columns = min(MOST, len(maps.rows)), min(MOST, len(maps.source))
    drawn = [matrix[:rows, :columns] for matrix in maps.heads]
    several = drawn[:HEADS] if len(drawn) > 1 else []
    mean = np.mean(drawn, axis=0)
    notes = []
    if (rows, columns) != (len(maps.rows), len(maps.source)):
        whole = {"of_rows": len(maps.rows), "of_columns": len(maps.source)}
        notes.append(note("cut", rows=rows, columns=columns, **whole))
    if len(drawn) > len(several) > 0:
        notes.append(note("heads", shown=len(several), heads=len(drawn)))
    inside = {str(word): word for word in (part("weight"), *(part("head", number=n) for n in range(1, HEADS + 1)))}
    said = labels.said(f"attention, {maps.kind}", notes, inside=inside, arm=cell["arm"], seed=cell["seed"])
    figure = _draw(mean, several, maps, said)
    named = {part("mean" if len(drawn) > 1 else "one weight"): mean}
    named |= {part("head", number=number): matrix for number, matrix in enumerate(several, start=1)}
    table = [
        cell | {"map": maps.kind, "head": head, "row": row, "row token": maps.rows[row], "source": column,
                "source token": maps.source[column], "weight": float(matrix[row, column])}
        for head, matrix in named.items() for row in range(rows) for column in range(columns)
    ]  # fmt: skip
    return canvas.written(figure, folder, name, said, pd.DataFrame(table))


def _draw(mean: np.ndarray, heads: list[np.ndarray], maps: Maps, said: labels.Said) -> Canvas:
    rows, columns = mean.shape
    sources, outputs = ([labels.shown(token, CHARACTERS) for token in side] for side in (maps.source, maps.rows))
    sources, outputs = sources[:columns], outputs[:rows]
    size = max(5.0, min(9.0, 150 / max(rows, columns)))
    longest = [max(map(len, tokens)) * size * 0.0085 for tokens in (sources, outputs)]
    left, below = 0.38 + longest[1], 0.32 + longest[0]
    across = canvas.WIDTH - left - 0.85
    up = min(across, max(1.2, across * rows / columns))
    lower = 0.35 + (canvas.WIDTH - 2 * PAPER) / HEADS * min(1.0, max(0.35, rows / columns)) if heads else 0.0
    height, base = up + below + lower + 2 * PAPER, PAPER + lower + below
    figure = Canvas(figsize=(canvas.WIDTH, height))
    inches = {"transform": figure.dpi_scale_trans}
    most = max(float(matrix.max()) for matrix in (mean, *heads))

    def panel(matrix: np.ndarray, x: float, y: float, width: float, tall: float) -> None:
        spot = (x / canvas.WIDTH, y / height, width / canvas.WIDTH, tall / height)
        axes = figure.add_axes(spot, xticks=[], yticks=[])
        axes.spines[:].set_visible(matrix is mean)
        axes.imshow(matrix, vmin=0, vmax=most or 1, cmap=COLOURS, interpolation="none", aspect="auto")

    panel(mean, left, base, across, up)
    for number, token in enumerate(sources):
        x = left + (number + 0.5) * across / columns
        figure.text(x, base - 0.05, token, size=size, rotation=90, ha="center", va="top", **inches)
    for number, token in enumerate(outputs):
        y = base + up - (number + 0.5) * up / rows
        figure.text(left - 0.06, y, token, size=size, ha="right", va="center", **inches)
    figure.text(left + across / 2, PAPER + lower + 0.02, said.x, ha="center", size=9, **inches)
    figure.text(0.08, base + up / 2, said.y, rotation=90, va="center", size=9, **inches)
    _scale(figure, most, left + across + 0.12, base, up)
    if heads:  # as one picture, with empty columns between: an image an axes takes four times as long
        gap = np.full((rows, max(1, columns // 12)), np.nan)
        joined = np.hstack([part for matrix in heads for part in (gap, matrix)][1:])
        step = (columns + gap.shape[1]) / joined.shape[1] * (canvas.WIDTH - 2 * PAPER)
        panel(joined, PAPER, PAPER, canvas.WIDTH - 2 * PAPER, lower - 0.35)
        for number in range(len(heads)):
            said_of = part("head", number=number + 1)
            figure.text(PAPER + number * step, PAPER + lower - 0.31, said_of, size=8, **inches)
    return figure


def _scale(figure: Canvas, most: float, x: float, y: float, tall: float) -> None:
    """What the darkness of a field means: steps from no weight to the largest of the figure."""
    inches = {"transform": figure.dpi_scale_trans}
    for step in range(STEPS):
        shade = mpl.colormaps[COLOURS](step / (STEPS - 1))
        figure.add_artist(Rectangle((x, y + step * tall / STEPS), 0.1, tall / STEPS, fc=shade, lw=0, **inches))
    figure.add_artist(Rectangle((x, y), 0.1, tall, fill=False, ec=style.INK, lw=0.6, **inches))
    for value, place, side in ((0, y, "bottom"), (most, y + tall, "top")):
        figure.text(x + 0.14, place, f"{value:.2g}", size=8, va=side, **inches)
    figure.text(x + 0.48, y + tall / 2, part("weight"), size=8, rotation=90, ha="center", va="center", **inches)
