"""The figure of `bench article`: validation token accuracy against steps, a line for each recipe."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.ticker import MaxNLocator

from bench.records.article_rows import CROSS_ENTROPY, SQUARED_ERROR, Article
from bench.report import labels
from bench.report.figures import canvas, style
from bench.report.figures.canvas import Figure

NAME = "article"

LOOKS = {
    SQUARED_ERROR: style.Look(style.VERMILLION, "s", "--", False),
    CROSS_ENTROPY: style.Look(style.BLUE, "o", "-", True),
}
"""Drawing style of each recipe, in the order of the legend."""


def draw(article: Article, folder: Path) -> Figure:
    """The mean over seeds, with a band from the lowest to the highest seed, written to `folder` as SVG and PNG."""
    table = numbers(article)
    words = {recipe: labels.part(recipe) for recipe in LOOKS}
    text = labels.figure_text("article", inside={str(word): word for word in words.values()})
    with style.settings(NAME):
        figure, axes = canvas.canvas()
        for recipe, look in LOOKS.items():
            own = table[table["recipe"] == recipe]
            axes.plot(
                own["step"], own["mean"], color=look.colour, ls=look.line, marker=look.marker,
                mfc=look.colour if look.filled else "white", lw=1.7, ms=4.5, label=str(words[recipe]),
            )  # fmt: skip
            axes.fill_between(own["step"], own["min"], own["max"], color=look.colour, alpha=0.15, lw=0)
        axes.set(xlabel=text.x, ylabel=text.y)
        axes.set_xlim(left=0)
        axes.set_ylim(-0.03, 1.03)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        return canvas.finish(figure, axes, folder, NAME, text, table)


def numbers(article: Article) -> pd.DataFrame:
    """A row for each recipe and step: `mean`, `min` and `max` of the validation token accuracy over `seeds`."""
    rows = pd.DataFrame([vars(row) for row in article.rows])
    groups = rows.groupby(["recipe", "step"], sort=False)["valid_token_accuracy"]
    return groups.agg(mean="mean", min="min", max="max", seeds="size").reset_index()
