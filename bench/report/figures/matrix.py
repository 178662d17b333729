"""Arm against arm: in how many settings one is significantly above the other, by the rule of the verdicts. Each
setting counts by itself; nothing is averaged over tasks."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from matplotlib.patches import Rectangle

from bench.analysis import arms
from bench.analysis.comparisons import ABOVE, BELOW, LEVEL, OPEN, Family, compare_arms
from bench.analysis.evidence import Evidence
from bench.report import labels
from bench.report.figures import canvas, style
from bench.report.figures.canvas import Figure

COLUMNS = {ABOVE: "above", BELOW: "below", LEVEL: "level", OPEN: "undecided"}
"""Outcome of a comparison -> column of the table."""

REVERSED = {ABOVE: BELOW, BELOW: ABOVE}

MAX_ALPHA = 0.55
"""Opacity of the most one-sided field. Words on it stay readable on white and on dark paper."""

MAX_LINE = 24
"""Characters of a line of an arm's name."""

MAX_SPACED_ARMS, MAX_PAIRED_ARMS = 7, 14
"""Up to this many arms, fields have room for spaces between the numbers, and for two of them on the second line."""

LINE = 1.4
"""Distance of two lines in a field, in sizes of the font. A field is at least as high as its lines, so that they do
not overlap where there are many arms."""


class Outcome(NamedTuple):
    """Comparison of two arms in one setting. call: of the first arm minus the second, a key of COLUMNS."""

    setting: str
    first: str
    second: str
    call: str


def draw(evidence: Evidence, folder: Path) -> Figure | None:
    """The figure, written to `folder` as SVG and PNG; None if no two arms share a setting."""
    outcomes = pairwise_outcomes(evidence)
    if not outcomes:
        return None
    numbers = count_outcomes(outcomes)
    names = arms.ordered(numbers["arm"])
    text = labels.figure_text("matrix")
    with style.settings("matrix"):
        figure, axes = canvas.canvas()
        size = max(5.5, min(9.0, 54 / len(names)))
        gap = " " if len(names) <= MAX_SPACED_ARMS else ""
        between = 2 * gap if len(names) <= MAX_PAIRED_ARMS else "\n"
        for row in numbers.to_dict("records"):
            x, y = names.index(row["other"]), names.index(row["arm"])
            lead, settings = row["above"] - row["below"], sum(row[name] for name in COLUMNS.values())
            colour = style.BLUE if lead > 0 else style.VERMILLION
            corner, alpha = (x - 0.5, y - 0.5), MAX_ALPHA * abs(lead) / settings
            axes.add_patch(Rectangle(corner, 1, 1, fc=colour, lw=0, alpha=alpha))
            if lead < 0:
                axes.add_patch(Rectangle(corner, 1, 1, fill=False, hatch="//", ec=style.GRID, lw=0))
            words = f"{row['above']}{gap}:{gap}{row['below']}\n{row['level']}{gap}={between}{row['undecided']}{gap}?"
            axes.text(x, y, words, size=size, ha="center", va="center", linespacing=LINE)
        axes.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5), xlabel=text.x, ylabel=text.y)
        # The options stand on a line of their own, without brackets; below narrow columns there is room for one line.
        lines = [[arms.base(name), *name.removesuffix("]").split(" [")[1:]] for name in names]
        short = ["\n".join(labels.printable(line, MAX_LINE) for line in each) for each in lines]
        below = short if len(names) <= MAX_PAIRED_ARMS else [name.replace("\n", " ") for name in short]
        axes.set_xticks(range(len(names)), below, rotation=90, size=size)
        axes.set_yticks(range(len(names)), short, size=size)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        beside, under = (
            0.35 + max(len(line) for each in ticks for line in each.split("\n")) * size * 0.0085
            for ticks in (short, below)
        )
        side = canvas.WIDTH - beside - 0.1
        height = max(side * 0.75, len(names) * (2 + between.count("\n")) * LINE * size / 72) + under + 0.1
        figure.set_size_inches(canvas.WIDTH, height)
        figure.subplots_adjust(left=beside / canvas.WIDTH, right=1 - 0.1 / canvas.WIDTH, top=1 - 0.1 / height,
                               bottom=under / height)  # fmt: skip
        return canvas.save(figure, folder, "matrix", text, numbers)


def pairwise_outcomes(evidence: Evidence) -> list[Outcome]:
    """Every pair of arms in every setting, by the headline score on the first test split. Only cells that pass the
    sanity gates count. All pairs together are one family of comparisons."""
    pairs = []
    for setting in evidence.settings():
        split, metric, search = evidence.headline(setting)
        scores = evidence.select(setting, split, metric, search)
        for first, second in combinations(arms.ordered(scores["arm"]), 2):
            pairs.append(compare_arms(evidence, setting, scores, first, second))
    family = Family(pairs)
    return [Outcome(evidence.name(pair.setting), pair.first, pair.second, family.judge(pair).call) for pair in pairs]


def count_outcomes(outcomes: list[Outcome]) -> pd.DataFrame:
    """One row per ordered pair of arms: the number of settings with each outcome, and their names."""
    settings: dict[tuple[str, str], dict[str, list[str]]] = {}
    for outcome in outcomes:
        reverse = REVERSED.get(outcome.call, outcome.call)
        for arm, other, call in (
            (outcome.first, outcome.second, outcome.call),
            (outcome.second, outcome.first, reverse),
        ):
            columns = settings.setdefault((arm, other), {name: [] for name in COLUMNS.values()})
            columns[COLUMNS[call]].append(outcome.setting)
    place = {name: number for number, name in enumerate(arms.ordered(arm for arm, _ in settings))}
    return pd.DataFrame([
        {"arm": arm, "other": other, **{name: len(names) for name, names in columns.items()},
         **{f"settings {name}": "; ".join(names) for name, names in columns.items()}}
        for (arm, other), columns in sorted(settings.items(), key=lambda row: (place[row[0][0]], place[row[0][1]]))
    ])  # fmt: skip
