"""Arm against arm: in how many settings one is significantly above the other, by the verdicts' own rule. Each setting
is called by itself, and nothing is averaged over tasks."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.patches import Rectangle

from bench.analysis import arms
from bench.analysis.claims import rules
from bench.analysis.comparisons import ABOVE, BELOW, LEVEL, OPEN, Family
from bench.analysis.evidence import Evidence
from bench.report import labels
from bench.report.figures import canvas, style
from bench.report.figures.canvas import Figure

CALLS = {ABOVE: "above", BELOW: "below", LEVEL: "level", OPEN: "undecided"}
OTHER_WAY = {ABOVE: BELOW, BELOW: ABOVE}
STRONGEST = 0.55
CLOSE = 7
"""How much colour the most one-sided field has: words on it stay readable, on white paper and on dark; and how
many arms have room for loosely set words."""


def drawn(evidence: Evidence, folder: Path) -> Figure | None:
    """The figure, written to `folder` as SVG and PNG; None where no two arms meet in a setting."""
    calls = called(evidence)
    if not calls:
        return None
    numbers = counted(calls)
    names = arms.ordered(numbers["arm"])
    said = labels.said("matrix")
    with mpl.rc_context({**style.RC, "svg.hashsalt": "matrix"}):
        figure, axes = canvas.canvas()
        size = max(5.5, min(9.0, 54 / len(names)))
        gap = " " if len(names) <= CLOSE else ""
        for row in numbers.to_dict("records"):
            x, y = names.index(row["other"]), names.index(row["arm"])
            lead, settings = row["above"] - row["below"], sum(row[name] for name in CALLS.values())
            colour = style.BLUE if lead > 0 else style.VERMILLION
            axes.add_patch(
                Rectangle((x - 0.5, y - 0.5), 1, 1, fc=colour, lw=0, alpha=STRONGEST * abs(lead) / settings)
            )
            if lead < 0:
                axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, hatch="//", ec=style.GRID, lw=0))
            text = f"{row['above']}{gap}:{gap}{row['below']}\n{row['level']}{gap}={2 * gap}{row['undecided']}{gap}?"
            axes.text(x, y, text, size=size, ha="center", va="center", linespacing=1.4)
        axes.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5), xlabel=said.x, ylabel=said.y)
        short = [labels.shown(name, 22) for name in names]
        axes.set_xticks(range(len(names)), short, rotation=90, size=size)
        axes.set_yticks(range(len(names)), short, size=size)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        beside = 0.35 + max(len(name) for name in short) * size * 0.0085
        side = canvas.WIDTH - beside - 0.1
        height = side * 0.75 + beside + 0.1
        figure.set_size_inches(canvas.WIDTH, height)
        figure.subplots_adjust(left=beside / canvas.WIDTH, right=1 - 0.1 / canvas.WIDTH, top=1 - 0.1 / height,
                               bottom=beside / height)  # fmt: skip
        return canvas.written(figure, folder, "matrix", said, numbers)


def called(evidence: Evidence) -> list[dict]:
    """A row a setting and pair of arms, by the headline score of the first test split, of cells that pass the gates:
    the call of the first minus the second, in a family of all these pairs."""
    pairs = []
    for setting in evidence.settings():
        split, metric, search = evidence.headline(setting)
        scores = evidence.select(setting, split, metric, search)
        for first, second in combinations(arms.ordered(scores["arm"]), 2):
            pairs.append(rules.compared(evidence, setting, scores, first, second))
    family = Family(pairs)
    return [
        {"setting": evidence.name(pair.setting), "first": pair.first, "second": pair.second,
         "call": family.judge(pair).call}
        for pair in pairs
    ]  # fmt: skip


def counted(calls: list[dict]) -> pd.DataFrame:
    """A row an ordered pair of arms: how many settings have each call, and which settings they are."""
    both = [
        (one, other, call, row["setting"])
        for row in calls
        for one, other, call in (
            (row["first"], row["second"], row["call"]),
            (row["second"], row["first"], OTHER_WAY.get(row["call"], row["call"])),
        )
    ]
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for one, other, call, setting in both:
        found.setdefault((one, other), {name: [] for name in CALLS.values()})[CALLS[call]].append(setting)
    place = {name: number for number, name in enumerate(arms.ordered(one for one, *_ in both))}
    return pd.DataFrame([
        {"arm": one, "other": other, **{name: len(settings) for name, settings in groups.items()},
         **{f"settings {name}": "; ".join(settings) for name, settings in groups.items()}}
        for (one, other), groups in sorted(found.items(), key=lambda item: (place[item[0][0]], place[item[0][1]]))
    ])  # fmt: skip
