"""Sanity gates: what a cell has to pass before it may enter a verdict, and what is only said beside it.

Thresholds are the same for all cells. A gate excludes where failing it points to a broken run: then the numbers say nothing
about an architecture. It labels where an intact model can fail it honestly: a model at chance, or one that repeats itself,
may be the finding; leaving it out would hide just what a report is for. What tells a broken decoder from a weak model is
the contradiction of ranks, and that excludes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from bench.analysis.messages import Joined, Message, Text
from bench.metrics import LESS_IS_BETTER

PASSED, FAILED, NOT_RECORDED, NOT_APPLICABLE = "passed", "failed", "not recorded", "does not apply"

LOW_SHARE, LENGTH_RATIO = 0.5, (0.8, 1.2)
ONE_BATCH = 0.5
AT_CHANCE = 0.05
REPEATED, SAME, UNKNOWN = 0.1, 0.05, 0.1
CONTRADICTION = 0.5
STILL_FALLING, LAST = 0.01, 5
"""LAST: the last one in so many validations is the end of a training."""


@dataclass(frozen=True)
class CellSummary:
    """What the gates see of a cell. row: of the records' table; losses: of validation, in order; headline: metric, unit
    and value on the whole first split, None without scores; bleu: search -> BLEU on the first split with one; others:
    loss and `bleu` of the finished cells beside it in its setting."""

    row: Mapping[str, object]
    losses: list[float]
    headline: tuple[str, str, float] | None
    bleu: dict[str, float]
    others: list[tuple[float, dict[str, float]]] = field(default_factory=list)

    def number(self, name: str) -> float | None:
        """A column of the row as a number (a flag as 0 or 1), or None."""
        value = pd.to_numeric(self.row.get(name), errors="coerce")
        return None if value is None or pd.isna(value) else float(value)


@dataclass(frozen=True)
class Gate:
    """name: also of its words, under `gates.each` in the texts: a question that is answered with yes where it passes,
    its threshold, and what is said of a cell that fails, with the value. excludes: from verdicts, else it is a label;
    threshold: the numbers in its words; needed: whether a cell without the value fails too; shown: how the value is
    written."""

    name: str
    excludes: bool
    measure: Callable[[CellSummary], float | None]
    passes: Callable[[float], bool]
    threshold: Mapping[str, str] = field(default_factory=dict)
    needed: bool = False
    applies: Callable[[CellSummary], bool] = lambda seen: True
    template: str = "{:.2f}"

    @property
    def title(self) -> Text:
        return Message(f"gates.each.{self.name}.title")

    @property
    def question(self) -> Text:
        return Message(f"gates.each.{self.name}.asks")

    @property
    def limit(self) -> Text:
        return Message(f"gates.each.{self.name}.limit", **self.threshold)

    def told(self, value: float) -> Text:
        """Of a cell that fails."""
        return Message(f"gates.each.{self.name}.told", value=format_value(self.template, value))


@dataclass(frozen=True)
class GateResult:
    """One gate's answer for one cell. value None where not recorded or not asked; told: "" unless it fails."""

    cell: str
    gate: Gate
    outcome: str
    value: float | None = None
    told: str | Text = ""


def format_value(template: str, value: float) -> str:
    """With a space before the sign of percent."""
    return re.sub(r"(\d)%", r"\1 %", template.format(value))


def recorded(name: str) -> Callable[[CellSummary], float | None]:
    """A gate's value that stands in the record."""
    return lambda seen: seen.number(f"sanity.{name}")


def overfit_to(seen: CellSummary) -> float | None:
    """The loss on one batch, trained on again and again, over what it was at first; None where the check had no time to
    tell."""
    first, last = (seen.number(f"sanity.overfit.loss_{name}") for name in ("first", "last"))
    if first is None or last is None or not first > 0:
        return None
    share = last / first
    return None if seen.row.get("sanity.overfit.stopped") == "time" and share > ONE_BATCH else share


def translates(seen: CellSummary) -> bool:
    """Whether the cell is scored by BLEU."""
    return bool(seen.bleu)


def has_rivals(seen: CellSummary) -> bool:
    """Whether there is a cell whose validation loss is no better."""
    return any(loss >= min(seen.losses, default=0.0) for loss, _ in seen.others)


def above_chance(seen: CellSummary) -> float | None:
    """How far the headline metric lies above chance; of an error, below it as a share of it."""
    if seen.headline is None:
        return None
    metric, unit, value = seen.headline
    chance = seen.number(f"data.chance.{metric}")
    if chance is None:
        return None
    return value - chance if unit not in LESS_IS_BETTER else (chance - value) / chance if chance > 0 else None


def share_of_worse(seen: CellSummary) -> float | None:
    """The cell's BLEU over the highest BLEU among cells whose validation loss is no better; the lowest over searches."""
    if not seen.losses:
        return None
    shares = [
        own / max(rivals)
        for search, own in seen.bleu.items()
        if (rivals := [bleu[search] for loss, bleu in seen.others if loss >= min(seen.losses) and search in bleu])
        and max(rivals) > 0
    ]
    return min(shares, default=None)


def still_falling(seen: CellSummary) -> float | None:
    """How far the best validation loss of the end lies below the best before it, as a share of the first loss."""
    end = len(seen.losses) // LAST
    if not end or not seen.losses[0] > 0:
        return None
    return (min(seen.losses[:-end]) - min(seen.losses[-end:])) / seen.losses[0]


def _percent(share: float) -> dict[str, str]:
    return {"share": f"{100 * share:.0f}"}


GATES = (
    Gate("overfits one batch", True, overfit_to, lambda value: value <= ONE_BATCH, _percent(ONE_BATCH),
         template="{:.0%}"),
    Gate("loss finite", True, recorded("loss_finite"), bool, needed=True, template="{:.0f}"),
    Gate("loss falling", True, recorded("loss_fell"), bool, needed=True, template="{:.0f}"),
    Gate("above chance", False, above_chance, lambda value: value > AT_CHANCE,
         {"above": f"{AT_CHANCE:g}"} | _percent(AT_CHANCE), template="{:+.2f}"),
    Gate("outputs end", True, recorded("eos_share"), lambda value: value >= LOW_SHARE, _percent(LOW_SHARE), needed=True,
         template="{:.0%}"),
    Gate("outputs not empty", True, recorded("empty_share"), lambda value: value < LOW_SHARE, _percent(LOW_SHARE),
         template="{:.0%}"),
    Gate("length ratio", True, recorded("length_ratio"), lambda value: LENGTH_RATIO[0] <= value <= LENGTH_RATIO[1],
         {"low": str(LENGTH_RATIO[0]), "high": str(LENGTH_RATIO[1])}, applies=translates),
    Gate("no repetition", False, recorded("repeated_share"), lambda value: value <= REPEATED, _percent(REPEATED),
         applies=translates, template="{:.0%}"),
    Gate("outputs differ", False, recorded("same_share"), lambda value: value <= SAME, _percent(SAME),
         applies=translates, template="{:.0%}"),
    Gate("few unknown tokens", False, recorded("unknown_share"), lambda value: value <= UNKNOWN, _percent(UNKNOWN),
         applies=translates, template="{:.0%}"),
    Gate("loss and BLEU agree", True, share_of_worse, lambda value: value >= CONTRADICTION,
         {"part": f"{CONTRADICTION:g}"},
         applies=lambda seen: translates(seen) and has_rivals(seen)),
    Gate("converged", False, still_falling, lambda value: value <= STILL_FALLING, _percent(STILL_FALLING),
         template="{:.1%}", applies=lambda seen: seen.row.get("budget.stopped") != "patience"),
)  # fmt: skip


def read(seen: CellSummary) -> list[GateResult]:
    """Every gate's answer for one finished cell."""
    found = []
    for gate in GATES:
        cell = str(seen.row["cell"])
        if not gate.applies(seen):
            found.append(GateResult(cell, gate, NOT_APPLICABLE))
        elif (value := gate.measure(seen)) is None:
            unknown = Message("gates.unknown", gate=gate.title) if gate.needed else ""
            found.append(GateResult(cell, gate, NOT_RECORDED, told=unknown))
        elif gate.passes(value):
            found.append(GateResult(cell, gate, PASSED, value))
        else:
            found.append(GateResult(cell, gate, FAILED, value, gate.told(value)))
    return found


def reasons(readings: Iterable[GateResult], excludes: bool) -> Text:
    """Why a cell may not enter a verdict, or else its labels; empty for neither."""
    return Joined((each.told for each in readings if each.told and each.gate.excludes == excludes), "reasons")


def look(cells: pd.DataFrame, scores: pd.DataFrame, curves: pd.DataFrame) -> dict[str, list[GateResult]]:
    """cell -> every gate's answer, for the finished cells. cells: with `setting`; scores, curves: of the records."""
    done = cells[cells["status"] == "done"]
    whole = scores.assign(value=pd.to_numeric(scores["value"], errors="coerce"))
    whole = whole[whole["axis"].isna() & whole["value"].notna()]
    firsts = whole.drop_duplicates("cell").set_index("cell")[["metric", "unit", "value"]]
    headlines = {str(row.Index): (row.metric, row.unit, float(row.value)) for row in firsts.itertuples()}
    bleu: dict[str, dict[str, float]] = {}
    splits: dict[str, str] = {}
    for row in whole[whole["metric"] == "bleu"].itertuples():
        if splits.setdefault(row.cell, row.split) == row.split:
            bleu.setdefault(row.cell, {})[row.search] = float(row.value)
    losses = {
        str(cell): pd.to_numeric(part, errors="coerce").dropna().tolist()
        for cell, part in curves.groupby("cell", sort=False)["valid_loss"]
    }
    beside: dict[object, list[str]] = {}
    for cell, setting in zip(done["cell"], done["setting"]):
        if losses.get(cell) and cell in bleu:
            beside.setdefault(setting, []).append(cell)
    found = {}
    for row in done.to_dict("records"):
        cell = str(row["cell"])
        others = [(min(losses[each]), bleu[each]) for each in beside.get(row["setting"], ()) if each != cell]
        seen = CellSummary(row, losses.get(cell, []), headlines.get(cell), bleu.get(cell, {}), others)
        found[cell] = read(seen)
    return found
