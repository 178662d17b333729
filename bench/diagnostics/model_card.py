"""What an arm is and what it costs, from its own code: a card for one, a table for all. Nothing is allocated or run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from torch import nn

from bench.conf import schema
from bench.errors import UserError
from bench.evaluation.architecture import hidden_layers
from bench.runs import building
from models.cost import COMPONENTS, parameters, state_bytes, training_flops
from models.interface import Seq2Seq
from models.meta_device import sketched
from models.width_search import Fit

LENGTHS = (32, 512)
"""Of source and target alike, at which costs are given."""

GROWTH = (
    ("self-attention", "n² d + n d²", "1", "1"),
    ("`rnn`, `lstm`, `gru`", "n d²", "n", "n"),
    ("`minlstm`, `mingru`", "n d²", "log₂ n", "n"),
)
"""Table 1 of Vaswani et al. (2017), with the maps to queries, keys and values counted too, and the scanned cells."""


@dataclass(frozen=True)
class Card:
    """An arm at a size. settings: the words that choose the size; model: on the meta device."""

    name: str
    about: str
    papers: tuple[str, ...]
    settings: str
    fit: Fit
    told: str
    model: Seq2Seq

    @property
    def layers(self) -> str:
        """Of encoder and decoder."""
        return f"{len(self.model.encoder)} + {len(self.model.decoder)}"


def card(name: str, settings: Sequence[str] = ()) -> Card:
    """The card of an arm at the size that `key=value` settings give it. Raises UserError.

    The vocabulary is the task's, without its data; the rule `flops` counts at the first of LENGTHS.
    """
    if any(word.partition("=")[0] == "model" for word in settings):
        raise UserError("the model is the one named; leave out model=")
    words = schema.sized(settings)
    cell = schema.compose([f"model={name}", *words])
    sizes = schema.build_task(cell.config["task"]).sizes
    build, fit = building.fitted(cell.config, sizes, (LENGTHS[0], LENGTHS[0]))
    model = sketched(lambda: build(fit.width))
    return Card(
        name=name,
        about=schema.choices("model")[name],
        papers=schema.papers(name),
        settings=" ".join(words),
        fit=fit,
        told=building.told(cell.config, fit),
        model=model,
    )


def text(shown: Card) -> str:
    """A card for a terminal."""
    counts = parameters(shown.model)
    lines = [f"{shown.name}: {shown.about}", *(f"  {paper}" for paper in shown.papers)]
    lines += ["", f"Size with {shown.settings}", f"  {shown.told}", "", "Layers"]
    lines += _columns([(f"{times} x" if times > 1 else "", *described) for times, *described in _layers(shown.model)])
    lines += ["", "Hidden layers"]
    lines += _columns([(f"{times} x", *described) for times, *described in _hidden(shown.model)] or [("none",)])
    lines += ["", "Parameters"]
    lines += _columns(
        [(name, f"{count:,}", f"{count / counts['total']:.1%}") for name, count in counts.items()], "<>>"
    )
    lines += ["", "Costs, for one source and one target of the length"]
    costs = [("length", *(str(length) for length in LENGTHS))]
    costs += [(name, *(f"{value:,}" for value in values)) for name, values in _costs(shown.model).items()]
    lines += _columns(costs, "<>>")
    return "\n".join(lines)


def table(cards: Iterable[Card]) -> str:
    """All arms side by side as Markdown."""
    cards = list(cards)
    settings = cards[0].settings
    sizes = ("arm", "layers", "width", "total", *(name.replace("_", "-") for name in COMPONENTS), "off target")
    rows = []
    for shown in cards:
        counts = parameters(shown.model)
        rows.append(
            (f"`{shown.name}`", shown.layers, str(shown.fit.width), *(f"{count:,}" for count in counts.values()),
             f"{shown.fit.mismatch:+.1%}")
        )  # fmt: skip
    costs = {shown.name: _costs(shown.model) for shown in cards}
    heads = ("arm", *(f"{name}, {length}" for name in costs[cards[0].name] for length in LENGTHS))
    cost_rows = [
        (f"`{name}`", *(f"{value:,}" for values in own.values() for value in values)) for name, own in costs.items()
    ]
    return "\n".join(
        [
            "# The arms, by size and cost",
            "",
            f"Made by `bench list model --table{_asked(settings)}`; sizes are those of `{settings}`.",
            "",
            "## Parameters",
            "",
            "Shared weights are counted once. The output projection is the target embedding transposed where the two "
            "are tied, and then counts as embedding.",
            "",
            *_markdown(sizes, rows),
            "",
            "## Costs",
            "",
            f"For one pair of source and target of {LENGTHS[0]} and of {LENGTHS[1]} tokens each. MFLOPs are those of "
            "the matrix products, a multiply and an add counted as two; a training step is three forward passes. State "
            "bytes are what a decoder holds of one hypothesis in float32 after as many tokens as the source has. "
            "Sequential operations and paths count steps of a recurrence, attentions and levels of a scan: how many "
            "must follow one another in a teacher-forced pass, and how many carry the worst placed source token, or "
            "an earlier target token, to the last prediction.",
            "",
            "How that grows, for one layer, length n and width d (after Vaswani et al. 2017, Table 1):",
            "",
            *_markdown(("mixing along time", "operations", "sequential", "longest path"), GROWTH),
            "",
            "Counted:",
            "",
            *_markdown(heads, cost_rows),
            "",
        ]
    )


def _asked(settings: str) -> str:
    """The words that differ from the defaults, as they were typed."""
    defaults = schema.sized(())
    return "".join(f" {word}" for word in settings.split() if word not in defaults)


def _costs(model: Seq2Seq) -> dict[str, list[int]]:
    """What one pair costs at each of LENGTHS."""
    depths = [model.depth(length, length) for length in LENGTHS]
    return {
        "forward MFLOPs": [round(model.matmul_flops(length, length) / 1e6) for length in LENGTHS],
        "training MFLOPs": [round(training_flops(model, length, length) / 1e6) for length in LENGTHS],
        "state bytes": [state_bytes(model, length, length) for length in LENGTHS],
        "sequential operations": [depth.sequential for depth in depths],
        "path from source": [depth.source_path for depth in depths],
        "path from target": [depth.target_path for depth in depths],
    }


def _layers(model: nn.Module) -> Iterator[tuple[int, str, str, str]]:
    """How often, path, kind and shapes of every module that has weights of its own; numbered ones that are alike are
    one, with stars for their numbers."""
    found: dict[tuple[str, str, str], int] = {}
    first_name: dict[int, str] = {}
    for path, module in model.named_modules():
        own = dict(module.named_parameters(recurse=False))
        if own:
            shapes = ", ".join(_weight(name, weight, first_name.get(id(weight))) for name, weight in own.items())
            first_name |= {
                id(weight): f"{path}.{name}" for name, weight in own.items() if id(weight) not in first_name
            }
            key = (_starred(path), type(module).__name__, shapes)
            found[key] = found.get(key, 0) + 1
    for key, times in found.items():
        yield times, *key


def _hidden(model: Seq2Seq) -> Iterator[tuple[int, str, str, str, str]]:
    """How often, path, kind, units and parameters of every hidden layer, those that are alike as one."""
    found = Counter(
        (_starred(one["path"]), one["kind"].replace("_", "-"), f"{one['units']:,} units", f"{one['parameters']:,}")
        for one in hidden_layers(model)
    )
    for key, times in found.items():
        yield times, *key


def _starred(path: str) -> str:
    """A path with stars for its numbers."""
    return re.sub(r"\.\d+(?=\.|$)", ".*", path)


def _weight(name: str, weight: nn.Parameter, same_as: str | None) -> str:
    """A weight's name and shape, or whose it is where it is shared."""
    return f"{name} {'x'.join(map(str, weight.shape))}" if same_as is None else f"{name} = {same_as}"


def _columns(rows: Sequence[Sequence[str]], sides: str = "") -> list[str]:
    """Rows as aligned lines, two blanks in; sides: < or > for each column."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    sides = sides or "<" * len(widths)
    return [
        "  "
        + "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)).rstrip()
        for row in rows
    ]


def _markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(heads)} |",
        f"|---|{'---:|' * (len(heads) - 1)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
