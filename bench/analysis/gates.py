"""Sanity gates: checks of every finished cell, with the same thresholds for all.

A gate that excludes keeps a cell out of verdicts: failing it points to a broken run, whose numbers say nothing about
an architecture. A gate that labels only adds a remark, because an intact model can fail it: a model at chance, or one
that repeats itself, may be the finding, and leaving it out would hide what the report is about. A broken decoder
differs from a weak model by a contradiction of ranks, a good loss with a bad BLEU, and that excludes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from bench.analysis.messages import Joined, Message, Text
from bench.analysis.missing_values import column
from bench.metrics import LESS_IS_BETTER, LOSS, comparable

PASSED, FAILED, NOT_RECORDED, NOT_APPLICABLE = "passed", "failed", "not recorded", "does not apply"

ONE_BATCH = 0.5
"""The loss on one batch, after training on it alone, must fall to this share of the first loss."""

MIN_SHARE = 0.5
"""Outputs that must end by themselves and that must not be empty."""

LENGTH_RATIO = (0.8, 1.2)
MAX_CUT = 0.05
"""Outputs of text that may end at the output limit."""

AT_CHANCE = 0.05
MAX_REPETITIVE, MAX_SHARED, MAX_UNKNOWN = 0.1, 0.05, 0.1
CONTRADICTION = 0.5

STILL_FALLING, END = 0.01, 5
"""The end of a training is the last of every END validations."""


Measure = tuple[str, str]
"""Search and signature, as from `bench.metrics.comparable`: BLEU of equal ones may be compared."""


@dataclass(frozen=True)
class CellSummary:
    """What gates read of a cell.

    row: of the records' table; losses: of validation, in order; headline: metric, unit and value on the whole first
    split, None without scores; bleu: BLEU on the first split that has it, by search and signature; others: lowest
    validation loss and `bleu` of the other finished cells of its setting; bleu_undefined: whether the cell has BLEU
    without a value.
    """

    row: Mapping[str, object]
    losses: list[float]
    headline: tuple[str, str, float] | None
    bleu: dict[Measure, float]
    others: list[tuple[float, dict[Measure, float]]] = field(default_factory=list)
    bleu_undefined: bool = False

    def number(self, name: str) -> float | None:
        """A column of the row as a number (a flag as 0 or 1), or None."""
        value = pd.to_numeric(self.row.get(name), errors="coerce")
        return None if value is None or pd.isna(value) else float(value)


@dataclass(frozen=True)
class Gate:
    """One check.

    name: also the key of its words under `gates.each` in the texts: a question that is answered with yes if the cell
    passes, the threshold, and a message for a cell that fails. excludes: from verdicts, else the gate is a label;
    threshold: the numbers in the words; needed: whether a cell without the value fails too; applies: to which cells;
    template: format of the value.
    """

    name: str
    excludes: bool
    measure: Callable[[CellSummary], float | None]
    passes: Callable[[float], bool]
    threshold: Mapping[str, str] = field(default_factory=dict)
    needed: bool = False
    applies: Callable[[CellSummary], bool] = lambda cell: True
    template: str = "{:.2f}"

    @property
    def title(self) -> Text:
        return Message(f"gates.each.{self.name}.title")

    @property
    def question(self) -> Text:
        return Message(f"gates.each.{self.name}.question")

    @property
    def limit(self) -> Text:
        return Message(f"gates.each.{self.name}.limit", **self.threshold)

    def failure(self, value: float) -> Text:
        """The message for a cell that fails with this value."""
        return Message(f"gates.each.{self.name}.failure", value=format_value(self.template, value))


@dataclass(frozen=True)
class GateResult:
    """The result of one gate for one cell. value: None if not recorded or not applicable; message: "" unless it counts
    as a failure."""

    cell: str
    gate: Gate
    outcome: str
    value: float | None = None
    message: str | Text = ""


def format_value(template: str, value: float) -> str:
    """A value with a space before a percent sign."""
    return re.sub(r"(\d)%", r"\1 %", template.format(value))


def recorded(name: str) -> Callable[[CellSummary], float | None]:
    """A measure that the record contains."""
    return lambda cell: cell.number(f"sanity.{name}")


def overfit_loss(cell: CellSummary) -> float | None:
    """The last loss over the first when training on one batch alone. None if the check ran out of time before it could
    decide."""
    first, last = (cell.number(f"sanity.overfit.loss_{name}") for name in ("first", "last"))
    if first is None or last is None or not first > 0:
        return None
    share = last / first
    return None if cell.row.get("sanity.overfit.stopped") == "time" and share > ONE_BATCH else share


def translates(cell: CellSummary) -> bool:
    """Whether the cell is scored by BLEU."""
    return bool(cell.bleu) or cell.bleu_undefined


def answers(cell: CellSummary) -> bool:
    """Whether the cell has outputs. A language model is scored by its loss alone."""
    return cell.headline is None or cell.headline[0] != LOSS


def has_rivals(cell: CellSummary) -> bool:
    """Whether another cell has a validation loss that is no better."""
    return any(loss >= min(cell.losses, default=0.0) for loss, _ in cell.others)


def of_text(cell: CellSummary) -> bool:
    """Whether the cell translates text. Generated tasks have a limit that holds every possible answer, so a model that
    reaches it is wrong in any case. Earlier records have no report of their text."""
    if cell.number("sanity.cut_share") is None:
        return translates(cell)
    return isinstance(cell.row.get("data.report"), Mapping)


def cut_share(cell: CellSummary) -> float | None:
    """The share of outputs that the output limit cut, the largest over splits and searches. Earlier records have the
    share of the first split, greedy search, alone."""
    share, ended = cell.number("sanity.cut_share"), cell.number("sanity.eos_share")
    return share if share is not None else None if ended is None else 1 - ended


def above_chance(cell: CellSummary) -> float | None:
    """Distance of the headline metric above chance; for an error, below chance as a share of it."""
    if cell.headline is None:
        return None
    metric, unit, value = cell.headline
    chance = cell.number(f"data.chance.{metric}")
    if chance is None:
        return None
    return value - chance if unit not in LESS_IS_BETTER else (chance - value) / chance if chance > 0 else None


def share_of_worse(cell: CellSummary) -> float | None:
    """The cell's BLEU over the highest BLEU of cells whose validation loss is no better; the lowest over searches."""
    if not cell.losses:
        return None
    shares = [
        own / max(rivals)
        for measure, own in cell.bleu.items()
        if (rivals := [bleu[measure] for loss, bleu in cell.others if loss >= min(cell.losses) and measure in bleu])
        and max(rivals) > 0
    ]
    return min(shares, default=None)


def still_falling(cell: CellSummary) -> float | None:
    """Improvement of the best validation loss of the end over the best before it, as a share of the first loss."""
    end = len(cell.losses) // END
    if not end or not cell.losses[0] > 0:
        return None
    return (min(cell.losses[:-end]) - min(cell.losses[-end:])) / cell.losses[0]


def _percent(share: float) -> dict[str, str]:
    return {"share": f"{100 * share:.0f}"}


GATES = (
    Gate("overfits one batch", True, overfit_loss, lambda value: value <= ONE_BATCH, _percent(ONE_BATCH),
         template="{:.0%}"),
    Gate("loss finite", True, recorded("loss_finite"), bool, needed=True, template="{:.0f}"),
    Gate("loss falling", True, recorded("loss_fell"), bool, needed=True, template="{:.0f}"),
    Gate("above chance", False, above_chance, lambda value: value > AT_CHANCE,
         {"above": f"{AT_CHANCE:g}"} | _percent(AT_CHANCE), template="{:+.2f}"),
    Gate("outputs end", True, recorded("eos_share"), lambda value: value >= MIN_SHARE, _percent(MIN_SHARE),
         needed=True, applies=answers, template="{:.0%}"),
    Gate("outputs not cut", True, cut_share, lambda value: value <= MAX_CUT, _percent(MAX_CUT), applies=of_text,
         template="{:.0%}"),
    Gate("outputs not empty", True, recorded("empty_share"), lambda value: value < MIN_SHARE, _percent(MIN_SHARE),
         applies=answers, template="{:.0%}"),
    Gate("length ratio", True, recorded("length_ratio"), lambda value: LENGTH_RATIO[0] <= value <= LENGTH_RATIO[1],
         {"low": str(LENGTH_RATIO[0]), "high": str(LENGTH_RATIO[1])}, applies=translates),
    Gate("no repetition", False, recorded("repeated_share"), lambda value: value <= MAX_REPETITIVE,
         _percent(MAX_REPETITIVE), applies=translates, template="{:.0%}"),
    Gate("outputs differ", False, recorded("same_share"), lambda value: value <= MAX_SHARED, _percent(MAX_SHARED),
         applies=translates, template="{:.0%}"),
    Gate("few unknown tokens", False, recorded("unknown_share"), lambda value: value <= MAX_UNKNOWN,
         _percent(MAX_UNKNOWN), applies=translates, template="{:.0%}"),
    Gate("loss and BLEU agree", True, share_of_worse, lambda value: value >= CONTRADICTION,
         {"part": f"{CONTRADICTION:g}"},
         applies=lambda cell: translates(cell) and has_rivals(cell)),
    Gate("converged", False, still_falling, lambda value: value <= STILL_FALLING, _percent(STILL_FALLING),
         template="{:.1%}", applies=lambda cell: cell.row.get("budget.stopped") != "patience"),
)  # fmt: skip


def check(cell: CellSummary) -> list[GateResult]:
    """The result of every gate for one finished cell."""
    return [_check(gate, cell, str(cell.row["cell"])) for gate in GATES]


def _check(gate: Gate, cell: CellSummary, name: str) -> GateResult:
    if not gate.applies(cell):
        return GateResult(name, gate, NOT_APPLICABLE)
    value = gate.measure(cell)
    if value is None:
        message = Message("gates.unknown", gate=gate.title) if gate.needed else ""
        return GateResult(name, gate, NOT_RECORDED, message=message)
    if gate.passes(value):
        return GateResult(name, gate, PASSED, value)
    return GateResult(name, gate, FAILED, value, gate.failure(value))


def reasons(results: Iterable[GateResult], excludes: bool) -> Text:
    """Why a cell may not enter a verdict, or, if not `excludes`, its labels; empty for neither."""
    return Joined((each.message for each in results if each.message and each.gate.excludes == excludes), "reasons")


def check_cells(cells: pd.DataFrame, scores: pd.DataFrame, curves: pd.DataFrame) -> dict[str, list[GateResult]]:
    """cell -> the result of every gate, for finished cells. cells: with `setting`; scores, curves: of the records."""
    done = cells[cells["status"] == "done"]
    whole = scores.assign(value=pd.to_numeric(scores["value"], errors="coerce"))
    whole = whole[whole["axis"].isna() & whole["value"].notna()]
    firsts = whole.drop_duplicates("cell").set_index("cell")[["metric", "unit", "value"]]
    headlines = {str(row.Index): (row.metric, row.unit, float(row.value)) for row in firsts.itertuples()}
    bleu: dict[str, dict[Measure, float]] = {}
    splits: dict[str, str] = {}
    for row in whole[whole["metric"] == "bleu"].itertuples():
        if splits.setdefault(row.cell, row.split) == row.split:
            bleu.setdefault(row.cell, {})[row.search, comparable(row.signature)] = float(row.value)
    undefined = set(scores["cell"][(scores["metric"] == "bleu") & column(scores, "reason").notna()])
    losses = {
        str(cell): pd.to_numeric(part, errors="coerce").dropna().tolist()
        for cell, part in curves.groupby("cell", sort=False)["valid_loss"]
    }
    translating: dict[object, list[str]] = {}
    for cell, setting in zip(done["cell"], done["setting"]):
        if losses.get(cell) and cell in bleu:
            translating.setdefault(setting, []).append(cell)
    results = {}
    for row in done.to_dict("records"):
        cell = str(row["cell"])
        rivals = [other for other in translating.get(row["setting"], ()) if other != cell]
        others = [(min(losses[other]), bleu[other]) for other in rivals]
        own = losses.get(cell, []), headlines.get(cell), bleu.get(cell, {})
        results[cell] = check(CellSummary(row, *own, others, cell in undefined))
    return results
