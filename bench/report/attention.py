"""Attention maps of one example, a figure for each attention arm: where every output token looked in the source. From the
`attention.json` of a cell."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from bench.errors import UserError
from bench.report import drawing, labels, style
from bench.report.drawing import Figure
from bench.report.evidence import Evidence, Setting
from bench.report.labels import NOTES, PARTS

FILE = "attention.json"
MOST, HEADS, CHARACTERS = 32, 4, 12
"""Tokens of a side, heads and characters of a token that are drawn."""
COLOURS = "Greys"
PAPER = 0.15
"""Of a figure in inches: what is left free at its edges."""


@dataclass(frozen=True)
class Maps:
    """One example of one cell. weights: a matrix a head, output tokens by source tokens, by the name of the map."""

    source: list[str]
    output: list[str]
    weights: dict[str, list[np.ndarray]]


def of_setting(evidence: Evidence, setting: Setting, results: Path, folder: Path) -> list[Figure]:
    """A figure for each arm with maps, of its lowest seed, written to `folder` as SVG and PNG. results: the folder of the
    cells. Raises UserError where a file is broken."""
    cells, found = evidence.of(setting).sort_values("seed"), []
    with mpl.rc_context({**style.RC, "axes.grid": False, "svg.hashsalt": f"attention {setting.slug}"}):
        for arm in evidence.arms(setting):
            own = cells.loc[cells["arm"] == arm, ["task", "budget_name", "arm", "seed", "cell"]].to_dict("records")
            read_ = ((cell, read(results / str(cell["cell"]) / FILE)) for cell in own)
            cell, maps = next((pair for pair in read_ if pair[1] is not None), (None, None))
            if maps is not None:
                found.append(_figure(cell, maps, folder, f"attention-{setting.slug}-{_slug(arm)}"))
    return found


def read(path: Path) -> Maps | None:
    """The maps of a cell; None where it has none. Raises UserError with the path where they are not in the form above."""
    if not path.is_file():
        return None
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        source, output = ([str(token) for token in held[side]] for side in ("source", "output"))
        weights: dict[str, list[np.ndarray]] = {}
        for one in held["maps"]:
            matrix = np.array(one["weights"], dtype=float).reshape(-1, len(source))
            if len(matrix) != len(output) or not ((matrix >= 0) & (matrix <= 1.001)).all():
                raise ValueError(f"map {one['name']!r} is not a weight for each of {len(output)} by {len(source)} tokens")
            weights.setdefault(str(one["name"]), []).append(matrix)
    except (ValueError, KeyError, TypeError) as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(f"{path} is broken ({why}); delete it, or run the cell again") from error
    return Maps(source, output, weights) if weights and source and output else None


def _figure(cell: dict, maps: Maps, folder: Path, name: str) -> Figure:
    of, heads = list(maps.weights.items())[-1]  # the last layer's: the nearest to the output
    rows, columns = min(MOST, len(maps.output)), min(MOST, len(maps.source))
    drawn = [matrix[:rows, :columns] for matrix in heads]
    several = drawn[:HEADS] if len(drawn) > 1 else []
    mean = np.mean(drawn, axis=0)
    notes = []
    if (rows, columns) != (len(maps.output), len(maps.source)):
        notes.append(NOTES["cut"].format(rows=rows, outputs=len(maps.output), columns=columns, sources=len(maps.source)))
    if len(drawn) > len(several) > 0:
        notes.append(NOTES["heads"].format(shown=len(several), heads=len(drawn)))
    if len(maps.weights) > 1:
        notes.append(NOTES["maps"].format(maps=len(maps.weights)))
    said = labels.said("attention", arm=cell["arm"], map=labels.shown(of, 60), seed=cell["seed"], notes=" ".join(notes))
    figure = _draw(mean, several, maps, said)
    named = {PARTS["mean"] if len(drawn) > 1 else PARTS["one weight"]: mean}
    named |= {PARTS["head"].format(number=number): matrix for number, matrix in enumerate(several, start=1)}
    table = [
        cell | {"map": of, "head": head, "output": row, "output token": maps.output[row], "source": column,
                "source token": maps.source[column], "weight": float(matrix[row, column])}
        for head, matrix in named.items() for row in range(rows) for column in range(columns)
    ]  # fmt: skip
    return drawing.written(figure, folder, name, said, pd.DataFrame(table))


def _draw(mean: np.ndarray, heads: list[np.ndarray], maps: Maps, said: labels.Said) -> Canvas:
    rows, columns = mean.shape
    sources, outputs = ([labels.shown(token, CHARACTERS) for token in side] for side in (maps.source, maps.output))
    sources, outputs = sources[:columns], outputs[:rows]
    size = max(5.0, min(9.0, 150 / max(rows, columns)))
    longest = [max(map(len, tokens)) * size * 0.0095 for tokens in (sources, outputs)]  # inches
    left, below = 0.38 + longest[1], 0.38 + longest[0]
    across = drawing.WIDTH - left - 0.75
    up = min(across, max(1.2, across * rows / columns))
    small = (drawing.WIDTH - 2 * PAPER - 0.1 * (HEADS - 1)) / HEADS
    lower = small * min(1.0, max(0.35, rows / columns)) + 0.3 if heads else 0.0
    height = up + below + lower + 2 * PAPER
    figure = Canvas(figsize=(drawing.WIDTH, height))

    def place(x: float, y: float, width: float, tall: float) -> Axes:
        return figure.add_axes((x / drawing.WIDTH, y / height, width / drawing.WIDTH, tall / height))

    axes = place(left, PAPER + lower + below, across, up)
    shown = _panel(axes, mean)
    for number, token in enumerate(sources):
        axes.text(number, rows - 0.4, token, size=size, rotation=90, ha="center", va="top")
    for number, token in enumerate(outputs):
        axes.text(-0.6, number, token, size=size, ha="right", va="center")
    figure.text((left + across / 2) / drawing.WIDTH, (PAPER + lower + 0.08) / height, said.x, ha="center", size=9)
    figure.text(0.06 / drawing.WIDTH, (PAPER + lower + below + up / 2) / height, said.y, rotation=90, va="center", size=9)
    scale = figure.colorbar(shown, cax=place(left + across + 0.1, PAPER + lower + below, 0.1, up), ticks=[0, 0.5, 1])
    scale.ax.tick_params(labelsize=8)
    scale.set_label(PARTS["weight"], size=8)
    for number, matrix in enumerate(heads):
        panel = place(PAPER + number * (small + 0.1), PAPER, small, lower - 0.3)
        _panel(panel, matrix)
        panel.set_title(PARTS["head"].format(number=number + 1), size=8, pad=3)
    return figure


def _panel(axes: Axes, matrix: np.ndarray) -> mpl.image.AxesImage:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(True)
    return axes.imshow(matrix, vmin=0, vmax=1, cmap=COLOURS, interpolation="none", aspect="auto")


def _slug(arm: str) -> str:
    return "_".join("".join(c if c.isalnum() else " " for c in arm).split())
