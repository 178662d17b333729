"""Whether two trained cells differ on one test set: paired bootstrap and paired approximate randomisation.

Both tests are sacrebleu's own (Koehn 2004; Riezler and Maxwell 2005; Post 2018). The unit of resampling is the
segment, so a result is about two trained systems, not about two architectures: another seed of the same arm is another
system. For architectures see `bench.analysis.comparisons`, whose unit is the seed. Does not import torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sacrebleu
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.significance import PairedTest

from bench import metrics as scoring
from bench.analysis.signatures import differences
from bench.data import tokenisers
from bench.errors import UserError
from bench.records import store
from bench.records.hypotheses import SplitOutputs, read_cell

UNIT = "segment"


METRICS: dict[str, Callable[[str], BLEU | CHRF]] = {
    "bleu": lambda tokeniser: BLEU(tokenize=tokeniser),
    "chrf": lambda tokeniser: CHRF(),
}
"""Metrics by their names in records, computed as in `bench.metrics` with one of sacreBLEU's tokenisers. Exact match
is not tested: its differences take few values, and sacrebleu counts draws with a greater difference but none with an
equal one, so chance would look like an effect."""


@dataclass(frozen=True)
class MetricTest:
    """Both tests of one metric. first, second: scores of the systems; means, halves: mean and half width of the 95 %
    interval of each bootstrapped score; signatures: of each test, with seed and number of draws."""

    metric: str
    first: float
    second: float
    means: tuple[float, float]
    halves: tuple[float, float]
    bootstrap_p: float
    randomisation_p: float
    bootstrap_signature: str
    randomisation_signature: str


@dataclass(frozen=True)
class CellComparison:
    """Two cells on one split under one search. differing: segments with different outputs; tested: a row for each
    metric; left_out: metrics that are not tested although both cells have them, and why."""

    cells: tuple[str, str]
    split: str
    search: str
    segments: int
    differing: int
    seed: int
    resamples: int
    trials: int
    tested: list[MetricTest]
    unit: str = UNIT
    sacrebleu: str = sacrebleu.__version__
    left_out: list[str] = field(default_factory=list)


def compare(
    first: Path,
    second: Path,
    *,
    split: str | None = None,
    search: str = "greedy",
    metrics: Sequence[str] = (),
    seed: int,
    resamples: int,
    trials: int,
) -> CellComparison:
    """Test the difference of two cells' scores.

    split: the first by default; metrics: by default all of METRICS that both cells have; seed: at least 1, because
    sacrebleu reads 0 as none; resamples: of the bootstrap; trials: of the randomisation. BLEU has the tokeniser of the
    records. Raises UserError for cells, splits, searches or metrics that do not exist, for cells with different
    sources or references, and for metrics that cannot be compared.
    """
    assert seed > 0
    if first.resolve() == second.resolve():
        raise UserError(f"{first} and {second} are the same cell; name two")
    split, ours = _answers(first, split, search)
    _, theirs = _answers(second, split, search)
    _check_same(first, second, split, ours, theirs)
    signatures = [_signatures(cell, split, search) for cell in (first, second)]
    names = _metrics((first, second), split, signatures, metrics)
    tokeniser = tokenisers.of_signature(next((each["bleu"] for each in signatures if each.get("bleu")), None))
    obstacles = {name: _obstacle(name, signatures, ours.references, tokeniser) for name in names}
    left_out = [f"{name}: {obstacle}" for name, obstacle in obstacles.items() if obstacle]
    if left_out and (metrics or len(left_out) == len(names)):
        raise UserError(f"{split} of {first} and {second} cannot be tested by {'; '.join(left_out)}")
    return CellComparison(
        cells=(str(first), str(second)),
        split=split,
        search=search,
        segments=len(ours.references),
        differing=_differing(ours, theirs),
        seed=seed,
        resamples=resamples,
        trials=trials,
        tested=[
            _test(name, tokeniser, ours, theirs, seed, resamples, trials)
            for name, obstacle in obstacles.items()
            if not obstacle
        ],
        left_out=left_out,
    )


def _answers(cell: Path, split: str | None, search: str) -> tuple[str, SplitOutputs]:
    """The name of the split, the first by default, and the cell's outputs on it."""
    answers = read_cell(cell)
    splits = list(dict.fromkeys(name for name, _ in answers))
    split = splits[0] if split is None else split
    if split not in splits:
        raise UserError(f"{cell} has no split {split!r}; it has {', '.join(splits)}")
    searches = [own for name, own in answers if name == split]
    if search not in searches:
        raise UserError(f"{cell} has no search {search!r} of {split}; it has {', '.join(searches)}")
    return split, answers[split, search]


def _check_same(first: Path, second: Path, split: str, ours: SplitOutputs, theirs: SplitOutputs) -> None:
    """Raises UserError if two cells did not answer the same examples."""
    counts = len(ours.references), len(theirs.references)
    if counts[0] != counts[1]:
        raise UserError(
            f"{split} has {counts[0]} examples in {first} and {counts[1]} in {second}: not the same test set"
        )
    for part in ("references", "sources"):
        pairs = zip(getattr(ours, part), getattr(theirs, part), strict=True)
        for number, (one, other) in enumerate(pairs, start=1):
            if one != other:
                raise UserError(
                    f"the {part} of {split} differ between {first} and {second}, first in line {number}: "
                    "not the same test set"
                )


def _metrics(
    cells: Sequence[Path], split: str, recorded: Sequence[Mapping[str, str | None]], wanted: Sequence[str]
) -> list[str]:
    """The metrics to test: the wanted ones, which both cells must have, or by default all that both have."""
    for name in wanted:
        if name not in METRICS:
            raise UserError(f"no test for the metric {name!r}; there are {', '.join(METRICS)}")
    common = [name for name in METRICS if all(name in names for names in recorded)]
    if not common:
        raise UserError(
            f"{split} of {cells[0]} and {cells[1]} is not scored by {' or '.join(METRICS)}, and these tests are for "
            "translations"
        )
    for name in wanted:
        if name not in common:
            raise UserError(
                f"{split} of {cells[0]} and {cells[1]} is not scored by {name}, but by {', '.join(common)}"
            )
    return list(dict.fromkeys(wanted)) or common


def _signatures(cell: Path, split: str, search: str) -> dict[str, str | None]:
    """The metrics that a split is scored by, with their signatures."""
    try:
        scores = store.read(cell).get("scores") or []
    except (OSError, ValueError) as error:
        raise UserError(f"{cell} holds no record that can be read: {error}") from error
    own = [score for score in scores if (score["split"], score["search"]) == (split, search)]
    return {score["metric"]: score.get("signature") for score in reversed(own)}  # of the whole split, which is first


def _obstacle(
    name: str, signatures: Sequence[Mapping[str, str | None]], references: Sequence[str], tokeniser: str
) -> str | None:
    """Why two cells cannot be tested by a metric; None if they can."""
    kinds = [scoring.comparable(recorded[name]) for recorded in signatures]
    if len(set(kinds) - {""}) > 1:
        return f"the signatures differ ({' and '.join(differences(kinds).values())})"
    if scoring.METRICS[name].by_language and tokeniser not in tokenisers.NAMES:
        return f"{tokeniser} is no tokeniser of this program"
    if scoring.METRICS[name].by_language and not tokenisers.available(tokeniser):
        return f"the tokeniser {tokeniser} is not on this machine; to have it: {tokenisers.INSTALL[tokeniser]}"
    reason = scoring.undefined(name, references, tokeniser)
    return reason and f"undefined, {reason}"


def _test(
    name: str, tokeniser: str, ours: SplitOutputs, theirs: SplitOutputs, seed: int, resamples: int, trials: int
) -> MetricTest:
    systems: list[tuple[str, Sequence[str]]] = [("A", ours.hypotheses), ("B", theirs.hypotheses)]
    results: list[Any] = []  # sacrebleu declares its results as str or Result
    signatures = []
    for kind, count in (("bs", resamples), ("ar", trials)):
        with _sacrebleu_seed(seed):
            test = PairedTest(
                systems, {name: METRICS[name](tokeniser)}, [ours.references], test_type=kind, n_samples=count
            )
            by_name, scores = test()
        ((key, signature),) = by_name.items()
        results.append(scores[key])
        signatures.append(str(signature))
    (one, other), (_, shuffled) = results
    differing = _differing(ours, theirs)
    return MetricTest(
        metric=name,
        first=float(one.score),
        second=float(other.score),
        means=(float(one.mean), float(other.mean)),
        halves=(float(one.ci), float(other.ci)),
        bootstrap_p=float(other.p_value) if differing else 1.0,
        # Two of the 2^N ways to swap N outputs leave the difference as it is. sacrebleu counts only greater
        # differences and omits these two, which matters if N is small.
        randomisation_p=max(float(shuffled.p_value), min(1.0, 2.0 ** (1 - differing))),
        bootstrap_signature=signatures[0],
        randomisation_signature=signatures[1],
    )


def _differing(ours: SplitOutputs, theirs: SplitOutputs) -> int:
    """Number of segments with different outputs."""
    return sum(one != other for one, other in zip(ours.hypotheses, theirs.hypotheses, strict=True))


@contextmanager
def _sacrebleu_seed(seed: int) -> Iterator[None]:
    """Set sacrebleu's seed, which it reads from the environment alone."""
    name = "SACREBLEU_SEED"
    before = os.environ.get(name)
    os.environ[name] = str(seed)
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


def lines(comparison: CellComparison) -> Iterator[str]:
    """A comparison in lines of text."""
    counts = f"{comparison.segments:,} segments, {comparison.differing:,} with different outputs"
    yield f"{comparison.split}, {comparison.search} search, {counts}"
    for letter, cell in zip("AB", comparison.cells):
        yield f"{letter} = {cell}"
    for row in comparison.tested:
        sides = [
            f"{letter} {score:.2f} [{mean - half:.2f}, {mean + half:.2f}]"
            for letter, score, mean, half in zip("AB", (row.first, row.second), row.means, row.halves)
        ]
        yield (
            f"{row.metric}: {', '.join(sides)}, B - A {row.second - row.first:+.2f}; p {row.bootstrap_p:.4f} "
            f"by paired bootstrap, {row.randomisation_p:.4f} by paired approximate randomisation"
        )
    for reason in comparison.left_out:
        yield f"not tested by {reason}"
    yield (
        f"Brackets: 95 % bootstrap interval of each score. Seed {comparison.seed}, {comparison.resamples} resamples, "
        f"{comparison.trials} trials; p is not corrected for multiple comparisons."
    )
    yield (
        f"Unit of resampling: the {comparison.unit}. The result is about these two trained systems on this test set; "
        "a statement about their architectures needs several seeds of each."
    )
    for row in comparison.tested:
        yield f"{row.metric}: {row.bootstrap_signature}; {row.randomisation_signature}"
