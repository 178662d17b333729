"""Structure and cost of arms, read from their code: a card for one, a table for all. Allocates and runs nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from torch import nn

from bench.analysis.arms import ordered
from bench.conf import files
from bench.conf.compose import compose
from bench.errors import UserError
from bench.evaluation.architecture import hidden_layers
from bench.runs import building
from bench.system.markdown import table as markdown_table
from models.cost import COMPONENTS, parameters, state_bytes, training_flops
from models.interface import Model, SequenceModel
from models.meta_device import on_meta_device
from models.width_search import Fit

LENGTHS = (32, 512)
"""Lengths of both source and target at which costs are given."""

GROWTH = (
    ("self-attention", "n² d + n d²", "1", "1"),
    ("`rnn`, `lstm`, `gru`", "n d²", "n", "n"),
    ("`minlstm`, `mingru`", "n d²", "log₂ n", "n"),
)
"""Table 1 of Vaswani et al. (2017), which leaves out the projections to queries, keys and values, and the scanned
cells; both are included here."""


@dataclass(frozen=True)
class Card:
    """An arm at a size. settings: the overrides that choose the size; size: the match in words; model: on the meta
    device."""

    name: str
    about: str
    papers: tuple[str, ...]
    settings: str
    fit: Fit
    size: str
    model: Model

    @property
    def layers(self) -> str:
        """Number of layers, encoder + decoder, or of one stack."""
        names = ("layers",) if isinstance(self.model, SequenceModel) else ("encoder", "decoder")
        return " + ".join(str(len(cast(nn.ModuleList, getattr(self.model, name)))) for name in names)


def make_card(name: str, settings: Sequence[str] = ()) -> Card:
    """The card of an arm at the size that `key=value` settings choose. Raises UserError for an invalid setting.

    The vocabulary size is that of the task; its data are not loaded. The rule `flops` counts at the first of LENGTHS.
    """
    if any(word.partition("=")[0] == "model" for word in settings):
        raise UserError("NAME chooses the model; leave out model=")
    words = files.with_size_defaults(settings, name in building.arms_of(one_stack=True))
    cell = compose([f"model={name}", *words])
    sizes = cell.make_task().sizes
    build, fit = building.fit_width(cell, sizes, (LENGTHS[0], LENGTHS[0]))
    model = on_meta_device(lambda: build(fit.width))
    return Card(
        name=name,
        about=files.choices("model")[name],
        papers=files.papers(name),
        settings=" ".join(words),
        fit=fit,
        size=building.description(cell, fit),
        model=model,
    )


def table_arms(settings: Sequence[str]) -> list[str]:
    """The arms of a table, in order: those that the task of these settings, or the default one, can train."""
    sizes = compose(files.with_size_defaults(settings)).make_task().sizes
    return ordered(building.arms_of(sizes.one_stack))


def render_card(card: Card) -> str:
    """The card as text for a terminal."""
    counts = parameters(card.model)
    lines = [f"{card.name}: {card.about}", *(f"  {paper}" for paper in card.papers)]
    lines += ["", f"Size with {card.settings}", f"  {card.size}", "", "Layers"]
    lines += _columns([(f"{times} x" if times > 1 else "", *described) for times, *described in _layers(card.model)])
    lines += ["", "Hidden layers"]
    lines += _columns([(f"{times} x", *described) for times, *described in _hidden(card.model)] or [("none",)])
    lines += ["", "Parameters"]
    lines += _columns(
        [(name, f"{count:,}", f"{count / counts['total']:.1%}") for name, count in counts.items()], "<>>"
    )
    lines += ["", _of_what(card)]
    costs = [("length", *(str(length) for length in LENGTHS))]
    costs += [(name, *(f"{value:,}" for value in values)) for name, values in _costs(card.model).items()]
    lines += _columns(costs, "<>>")
    return "\n".join(lines)


def _of_what(card: Card) -> str:
    if isinstance(card.model, SequenceModel):
        return "Costs, for one sequence of the length with a prediction at each position"
    return "Costs, for one source and one target of the length"


def render_table(cards: Sequence[Card]) -> str:
    """A Markdown table of all arms."""
    settings = cards[0].settings
    sizes = ("arm", "layers", "width", "total", *(name.replace("_", "-") for name in COMPONENTS), "off target")
    rows = []
    for card in cards:
        counts = parameters(card.model)
        rows.append(
            (f"`{card.name}`", card.layers, str(card.fit.width), *(f"{count:,}" for count in counts.values()),
             f"{card.fit.mismatch:+.1%}")
        )  # fmt: skip
    costs = {card.name: _costs(card.model) for card in cards}
    heads = ("arm", *(f"{name}, {length}" for name in costs[cards[0].name] for length in LENGTHS))
    cost_rows = [
        (f"`{name}`", *(f"{value:,}" for values in own.values() for value in values)) for name, own in costs.items()
    ]
    return "\n".join(
        [
            "# Arms by size and cost",
            "",
            f"Written by `bench list model --table{_typed_settings(settings)}`. Sizes are for `{settings}`.",
            "",
            "## Parameters",
            "",
            "Shared weights are counted once. An output projection that is tied to the target embedding counts as "
            "embedding.",
            "",
            *_markdown(sizes, rows),
            "",
            "## Costs",
            "",
            f"Costs of one pair of source and target, of {LENGTHS[0]} and of {LENGTHS[1]} tokens each. MFLOPs count "
            "the matrix products, a multiplication and an addition as two operations; a training step counts as three "
            "forward passes. State bytes are the decoder's state for one hypothesis in float32, after as many tokens "
            "as the source has. Sequential operations and paths count steps of a recurrence, attention layers and "
            "levels of a scan: how many must run one after another in a teacher-forced pass, and how many lie on the "
            "path from the worst-placed source token, or from an earlier target token, to the last prediction.",
            "",
            "Growth for one layer, length n and width d (after Vaswani et al. 2017, Table 1):",
            "",
            *_markdown(("mixing along time", "operations", "sequential", "longest path"), GROWTH),
            "",
            "Counts for each arm:",
            "",
            *_markdown(heads, cost_rows),
            "",
        ]
    )


def _typed_settings(settings: str) -> str:
    """The settings that the user typed: those that differ from the defaults, each after a space."""
    defaults = (*files.with_size_defaults(()), *files.with_size_defaults((), one_stack=True))
    return "".join(f" {word}" for word in settings.split() if word not in defaults)


def _costs(model: Model) -> dict[str, list[int]]:
    """The costs of one pair of source and target at each of LENGTHS, by name."""
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
    """Count, path, class and weight shapes of every module with weights of its own. Numbered modules that are alike
    are one entry, with stars for their numbers."""
    counts: dict[tuple[str, str, str], int] = {}
    first_name: dict[int, str] = {}
    for path, module in model.named_modules():
        own = dict(module.named_parameters(recurse=False))
        if own:
            shapes = ", ".join(_weight(name, weight, first_name.get(id(weight))) for name, weight in own.items())
            first_name |= {
                id(weight): f"{path}.{name}" for name, weight in own.items() if id(weight) not in first_name
            }
            key = (_starred(path), type(module).__name__, shapes)
            counts[key] = counts.get(key, 0) + 1
    for key, times in counts.items():
        yield times, *key


def _hidden(model: Model) -> Iterator[tuple[int, str, str, str, str]]:
    """Count, path, kind, units and parameters of every hidden layer. Layers that are alike are one entry."""
    counts = Counter(
        (
            _starred(layer["path"]),
            layer["kind"].replace("_", "-"),
            f"{layer['units']:,} units",
            f"{layer['parameters']:,}",
        )
        for layer in hidden_layers(model)
    )
    for key, times in counts.items():
        yield times, *key


def _starred(path: str) -> str:
    """The path with stars for its numbers."""
    return re.sub(r"\.\d+(?=\.|$)", ".*", path)


def _weight(name: str, weight: nn.Parameter, same_as: str | None) -> str:
    """A weight's name and shape, or for a shared weight the name under which it is listed first."""
    return f"{name} {'x'.join(map(str, weight.shape))}" if same_as is None else f"{name} = {same_as}"


def _columns(rows: Sequence[Sequence[str]], sides: str = "") -> list[str]:
    """The rows as aligned lines, indented by two spaces. sides: alignment of each column, < or >."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    sides = sides or "<" * len(widths)
    return [
        "  "
        + "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)).rstrip()
        for row in rows
    ]


def _markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return markdown_table(heads, rows, numeric=range(1, len(heads)))
