"""From a configuration to a model: the width that makes the arms equal in what `match` says, and the model of that
width. The place where models and Hydra's configuration meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench import sections
from bench.conf import schema
from bench.data.examples import Sizes
from bench.errors import UserError
from bench.records.matching import amount
from bench.seeding import seeded_initialisation
from models.interface import Seq2Seq
from models.meta_device import sketched
from models.width_search import Build, Fit, at_width, measure, solve_width

FILLED_IN = ("width", "input_dim", "output_dim", "rounded", "shared", "inputs", "outputs")
"""Arguments of a model's `of_width` that no configuration file gives."""


@dataclass(frozen=True)
class Aim:
    """What a model is to have by a rule.

    asked: the setting that says so, with its value. exact: the target is a width that somebody wants exactly.
    reference: the arm that has the target at that setting, None where the setting itself is the target.
    """

    rule: str
    target: float
    asked: str
    exact: bool = False
    reference: str | None = None


def build_model(
    config: Mapping[str, Mapping], sizes: Sizes, lengths: tuple[int, int], seed: int
) -> tuple[Seq2Seq, Fit]:
    """The model of a configuration, initialised from the seed, and how well it is matched. See `fitted`."""
    build, fit = fitted(config, sizes, lengths)
    return initialised(build, fit, seed), fit


def initialised(build: Build, fit: Fit, seed: int) -> Seq2Seq:
    """The model that `fitted` found, initialised from the seed: the same at every call."""
    with seeded_initialisation(seed, "initialisation"):
        return build(fit.width)


def fitted(config: Mapping[str, Mapping], sizes: Sizes, lengths: tuple[int, int]) -> tuple[Build, Fit]:
    """What builds the model of a configuration, and the width to build it with; nothing is allocated.

    sizes: of the vocabularies. lengths: of source and target, at which the rule `flops` counts. The width is
    `model.width`, or the one that comes nearest to what `match` asks for. Raises UserError for options that cannot be,
    and for a model farther from the target than `match.tolerance`.
    """
    return _fitted(config["model"], _aim(config, sizes, lengths), sizes, lengths, config["match"]["tolerance"])


def told(config: Mapping[str, Mapping], fit: Fit) -> str:
    """A fit in words: the width, what it has, and how far that is from what was asked."""
    return _in_words(fit, _reference(config))


def matched(config: Mapping[str, Mapping], fit: Fit) -> dict:
    """A fit as the record's `match`."""
    return {
        "rule": fit.rule,
        "target": fit.target,
        "got": fit.got,
        "mismatch": fit.mismatch,
        "tolerance": config["match"]["tolerance"],
        "width": fit.width,
        "reference": _reference(config),
    }


def _aim(config: Mapping[str, Mapping], sizes: Sizes, lengths: tuple[int, int]) -> Aim:
    """What every arm of a configuration is to have. Arguments and errors as of `fitted`."""
    match, budget = config["match"], config["budget"]["parameters"]
    if match["target"] is not None:
        asked = f"match.target={match['target']:.12g}"
        return Aim(match["rule"], match["target"], asked, exact=match["rule"] == "width")
    parameters = Aim("params", budget, f"budget.parameters={budget}")
    if match["rule"] == "params":
        return parameters
    build, fit = _fitted(match["reference_model"], parameters, sizes, lengths, match["tolerance"])
    target = measure(sketched(lambda: build(fit.width)), match["rule"], *lengths)
    return Aim(match["rule"], target, parameters.asked, reference=match["reference"])


def _reference(config: Mapping[str, Mapping]) -> str | None:
    """The arm that the target was taken from, if any."""
    return config["match"]["reference"] if "reference_model" in config["match"] else None


def _in_words(fit: Fit, reference: str | None) -> str:
    got = "" if fit.rule in ("params", "width") else f" {amount(fit.rule, fit.got)},"
    whose = "" if reference is None else f" ({reference})"
    return (
        f"width {fit.width}, {fit.parameters:,} parameters,{got} {fit.mismatch:+.1%} from {fit.rule} "
        f"{fit.target:,.0f}{whose}"
    )


def _fitted(
    described: Mapping[str, object], aim: Aim, sizes: Sizes, lengths: tuple[int, int], tolerance: float
) -> tuple[Build, Fit]:
    """`fitted` for one `model` section."""
    name, width = described["name"], described["width"]
    if width is not None and (not isinstance(width, int) or isinstance(width, bool) or width < 1):
        raise UserError(f"model.width must be a whole number above 0, or null to solve for it; got {width!r}")
    build = _builder(described, sizes, rounded=width is None and not aim.exact)
    try:
        if width is None:
            fit = solve_width(build, aim.rule, aim.target, *lengths)
        else:
            fit = at_width(build, width, aim.rule, aim.target, *lengths)
    except ValueError as error:
        raise UserError(f"model {name}: {error}") from error
    if abs(fit.mismatch) <= tolerance:
        return build, fit
    if fit.smallest and fit.mismatch > 0:
        raise UserError(_too_small(name, fit, aim, sizes))
    change = "budget.parameters or match.target" if width is None else "model.width, budget.parameters or match.target"
    raise UserError(
        f"model {name}: {_in_words(fit, aim.reference)}; change {change}, or allow it with match.tolerance"
    )


def _builder(described: Mapping[str, object], sizes: Sizes, rounded: bool) -> Build:
    """What builds a `model` section at a width. Raises UserError for options that the model does not have."""
    cls = sections.class_of(described, Seq2Seq)
    options = schema.typed_options(cls, schema.model_options(described), "model", FILLED_IN)
    ends = {"shared": sizes.shared}
    if (sizes.inputs, sizes.outputs) != ("tokens", "tokens"):
        ends |= {"inputs": sizes.inputs, "outputs": sizes.outputs}

    def build(width: int) -> Seq2Seq:
        return cls.of_width(width, sizes.source, sizes.target, rounded=rounded, **ends, **options)

    return build


def _too_small(name: str, fit: Fit, aim: Aim, sizes: Sizes) -> str:
    """Why no width of the model comes near the target. The vocabulary is named by the rules that count it."""
    counted = aim.rule != "nonembedding"
    vocabulary = f" with {_vocabulary(sizes)}" if counted else ""
    than = "" if aim.reference is None else f", and {aim.reference} has {fit.target:,.0f}"
    more = "give at least that" if aim.reference is None else "give more"
    return (
        f"{aim.asked} is too small for model {name}{vocabulary}: its smallest width, {fit.width}, has "
        f"{amount(fit.rule, fit.got)}{than}; {more}{', or use a smaller vocabulary' if counted else ''}"
    )


def _vocabulary(sizes: Sizes) -> str:
    if sizes.source == sizes.target:
        return f"a vocabulary of {sizes.source:,}"
    return f"vocabularies of {sizes.source:,} and {sizes.target:,}"
