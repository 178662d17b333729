"""From a cell's configuration to its model: find the width at which the arms are equal by the rule of `match`, and
build the model of that width. Models and configuration meet here."""

from __future__ import annotations

from dataclasses import dataclass

from bench.conf import checks, files, schema
from bench.conf.schema import Cell, ModelConfig
from bench.data.examples import Sizes
from bench.errors import UserError
from bench.records.matching import amount
from bench.seeding import seeded_initialisation
from models.interface import Model, SequenceModel
from models.meta_device import on_meta_device
from models.width_search import Build, Fit, at_width, measure, solve_width

FILLED_IN = ("width", "input_dim", "output_dim", "rounded", "shared", "inputs", "outputs")
"""Arguments of a model's `of_width` that no configuration file sets."""


@dataclass(frozen=True)
class Target:
    """The size that a model must reach.

    rule: what is counted, see `models.width_search.measure`. amount: how much of it. setting: the setting that decides
    the amount, with its value, for messages. exact: the amount is a width that must be met exactly.
    reference: the arm whose size is the amount; None where the setting gives it directly.
    """

    rule: str
    amount: float
    setting: str
    exact: bool = False
    reference: str | None = None


def build_model(cell: Cell, sizes: Sizes, lengths: tuple[int, int]) -> tuple[Model, Fit]:
    """The cell's model, initialised from its seed, and how well it matches the target. See `fit_width`."""
    build, fit = fit_width(cell, sizes, lengths)
    return initialised(build, fit, cell.seed), fit


def initialised(build: Build, fit: Fit, seed: int) -> Model:
    """The model of the width that `fit_width` chose, initialised from the seed: the same at every call."""
    with seeded_initialisation(seed, "initialisation"):
        return build(fit.width)


def fit_width(cell: Cell, sizes: Sizes, lengths: tuple[int, int]) -> tuple[Build, Fit]:
    """A builder for the cell's model, and the width to build it with. Allocates nothing.

    sizes: of the vocabularies. lengths: of source and target, at which the rule `flops` counts. The width is
    `model.width`, or the one that comes closest to the target of `match`. Raises UserError for options that the model
    does not have, and for a model farther from the target than `match.tolerance`.
    """
    return _fit(cell.arm, _target(cell, sizes, lengths), sizes, lengths, cell.match.tolerance)


def arms_of(one_stack: bool) -> list[str]:
    """The arms that ship, of one of the two contracts."""
    classes = {name: checks.class_of(target, Model) for name, target in files.targets("model").items()}
    return [name for name, cls in classes.items() if issubclass(cls, SequenceModel) == one_stack]


def description(cell: Cell, fit: Fit) -> str:
    """A fit in words: the width, the size, and the distance from the target."""
    return _describe(fit, cell.match.reference if cell.reference else None)


def match_record(cell: Cell, fit: Fit) -> dict[str, object]:
    """A fit as the record's `match`."""
    return {
        "rule": fit.rule,
        "target": fit.target,
        "got": fit.got,
        "mismatch": fit.mismatch,
        "tolerance": cell.match.tolerance,
        "width": fit.width,
        "reference": cell.match.reference if cell.reference else None,
    }


def _target(cell: Cell, sizes: Sizes, lengths: tuple[int, int]) -> Target:
    """The size that every arm of the cell's comparison must reach. Arguments and errors as of `fit_width`."""
    match = cell.match
    if match.target is not None:
        return Target(match.rule, match.target, f"match.target={match.target:.12g}", exact=match.exact_width)
    budget = Target("params", cell.parameters, f"budget.parameters={cell.parameters}")
    if cell.reference is None:
        return budget
    build, fit = _fit(cell.reference, budget, sizes, lengths, match.tolerance)
    size = measure(on_meta_device(lambda: build(fit.width)), match.rule, *lengths)
    return Target(match.rule, size, budget.setting, reference=match.reference)


def _describe(fit: Fit, reference: str | None) -> str:
    size = "" if fit.rule in ("params", "width") else f" {amount(fit.rule, fit.got)},"
    owner = "" if reference is None else f" ({reference})"
    return (
        f"width {fit.width}, {fit.parameters:,} parameters,{size} {fit.mismatch:+.1%} from {fit.rule} "
        f"{fit.target:,.0f}{owner}"
    )


def _fit(
    arm: ModelConfig, target: Target, sizes: Sizes, lengths: tuple[int, int], tolerance: float
) -> tuple[Build, Fit]:
    """`fit_width` for one arm."""
    build = _builder(arm, sizes, rounded=arm.width is None and not target.exact)
    try:
        if arm.width is None:
            fit = solve_width(build, target.rule, target.amount, *lengths)
        else:
            fit = at_width(build, arm.width, target.rule, target.amount, *lengths)
    except ValueError as error:
        raise UserError(f"model {arm.name}: {error}") from error
    if abs(fit.mismatch) <= tolerance:
        return build, fit
    if fit.smallest and fit.mismatch > 0:
        raise UserError(_too_small(arm.name, fit, target, sizes))
    change = (
        "budget.parameters or match.target" if arm.width is None else "model.width, budget.parameters or match.target"
    )
    raise UserError(
        f"model {arm.name}: {_describe(fit, target.reference)}; change {change}, or allow it with match.tolerance"
    )


def _builder(arm: ModelConfig, sizes: Sizes, rounded: bool) -> Build:
    """Builds the arm's model at a width. Raises UserError for options that the model does not have."""
    cls = checks.class_of(arm.target, Model)
    if issubclass(cls, SequenceModel) != sizes.one_stack:
        reads, wants = ("one sequence", "an encoder-decoder") if not sizes.one_stack else ("a source", "one stack")
        arms = ", ".join(arms_of(sizes.one_stack))
        raise UserError(f"model {arm.name} reads {reads}, and this task needs {wants}; use one of {arms}")
    options = schema.typed_options(cls, arm.options, "model", FILLED_IN)
    ends: dict[str, object] = {"shared": sizes.shared}
    if (sizes.inputs, sizes.outputs) != ("tokens", "tokens"):
        ends |= {"inputs": sizes.inputs, "outputs": sizes.outputs}

    def build(width: int) -> Model:
        return cls.of_width(width, sizes.source, sizes.target, rounded=rounded, **ends, **options)

    return build


def _too_small(name: str, fit: Fit, target: Target, sizes: Sizes) -> str:
    """Why no width of the model comes near the target. The rules that count the vocabulary name its size."""
    counts_vocabulary = target.rule != "nonembedding"
    vocabulary = f" with {_vocabulary(sizes)}" if counts_vocabulary else ""
    than = "" if target.reference is None else f", and {target.reference} has {fit.target:,.0f}"
    more = "give at least that" if target.reference is None else "give more"
    return (
        f"{target.setting} is too small for model {name}{vocabulary}: its smallest width, {fit.width}, has "
        f"{amount(fit.rule, fit.got)}{than}; {more}{', or use a smaller vocabulary' if counts_vocabulary else ''}"
    )


def _vocabulary(sizes: Sizes) -> str:
    if sizes.source == sizes.target:
        return f"a vocabulary of {sizes.source:,}"
    return f"vocabularies of {sizes.source:,} and {sizes.target:,}"
