"""Whether two trained cells differ on one test set: paired bootstrap and paired approximate randomisation, both
sacrebleu's own (Koehn 2004; Riezler and Maxwell 2005; Post 2018). No torch here.

The unit of resampling is the segment, so the answer is about two trained systems and not about two architectures:
another seed of the same arm is another system. For architectures see `bench.analysis.stats`, whose unit is the seed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sacrebleu
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.significance import PairedTest

from bench.errors import UserError
from bench.records import store
from bench.records.hypotheses import Answers, of_cell

UNIT = "segment"


METRICS = {"bleu": BLEU, "chrf": CHRF}
"""By their names in records, and as `bench.metrics` computes them. Not exact match: its differences take few values,
and sacrebleu, which counts draws with a greater difference and none with an equal one, would call chance a finding."""


@dataclass(frozen=True)
class Tested:
    """One metric. first, second: the systems' scores; means, halves: of each one's bootstrapped score the mean and half
    the width of the 95 % interval; p by test; signatures likewise, with seed and number."""

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
class Compared:
    """Two cells on one split under one search. differing: segments that they do not answer alike; tested: a row a
    metric."""

    cells: tuple[str, str]
    split: str
    search: str
    segments: int
    differing: int
    seed: int
    resamples: int
    trials: int
    tested: list[Tested]
    unit: str = UNIT
    sacrebleu: str = sacrebleu.__version__


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
) -> Compared:
    """Test the difference of two cells' scores. split None: the first; no metrics: all of METRICS that the cells have.

    seed: at least 1, for sacrebleu takes 0 to mean none; resamples of the bootstrap, trials of the randomisation.
    Raises UserError for cells, splits, searches or metrics that are not there, and for cells whose sources or
    references are not the same.
    """
    assert seed > 0
    if first.resolve() == second.resolve():
        raise UserError(f"{first} and {second} are the same cell; name two")
    split, ours = _answers(first, split, search)
    _, theirs = _answers(second, split, search)
    _check_same(first, second, split, ours, theirs)
    chosen = _metrics((first, second), split, search, metrics)
    return Compared(
        cells=(str(first), str(second)),
        split=split,
        search=search,
        segments=len(ours.references),
        differing=_differing(ours, theirs),
        seed=seed,
        resamples=resamples,
        trials=trials,
        tested=[_tested(name, ours, theirs, seed, resamples, trials) for name in chosen],
    )


def _answers(cell: Path, split: str | None, search: str) -> tuple[str, Answers]:
    found = of_cell(cell)
    splits = list(dict.fromkeys(name for name, _ in found))
    split = splits[0] if split is None else split
    if split not in splits:
        raise UserError(f"{cell} has no split {split!r}; it has {', '.join(splits)}")
    searches = [how for name, how in found if name == split]
    if search not in searches:
        raise UserError(f"{cell} has no search {search!r} of {split}; it has {', '.join(searches)}")
    return split, found[split, search]


def _check_same(first: Path, second: Path, split: str, ours: Answers, theirs: Answers) -> None:
    """Raises UserError where two cells did not answer the same examples."""
    counts = len(ours.references), len(theirs.references)
    if counts[0] != counts[1]:
        raise UserError(
            f"{split} has {counts[0]} examples in {first} and {counts[1]} in {second}: not the same test set"
        )
    for what in ("references", "sources"):
        pairs = zip(getattr(ours, what), getattr(theirs, what), strict=True)
        for number, (one, other) in enumerate(pairs, start=1):
            if one != other:
                raise UserError(
                    f"the {what} of {split} differ between {first} and {second}, first in line {number}: "
                    "not the same test set"
                )


def _metrics(cells: Sequence[Path], split: str, search: str, asked: Sequence[str]) -> list[str]:
    """The metrics to test: those asked for, which each cell must have been scored by, or all there are."""
    for name in asked:
        if name not in METRICS:
            raise UserError(f"no test for the metric {name!r}; there are {', '.join(METRICS)}")
    scored = [_scored(cell, split, search) for cell in cells]
    common = [name for name in METRICS if all(name in names for names in scored)]
    if not common:
        raise UserError(
            f"{split} of {cells[0]} and {cells[1]} is not scored by {' or '.join(METRICS)}, and these tests are for "
            "translations"
        )
    for name in asked:
        if name not in common:
            raise UserError(
                f"{split} of {cells[0]} and {cells[1]} is not scored by {name}, but by {', '.join(common)}"
            )
    return list(dict.fromkeys(asked)) or common


def _scored(cell: Path, split: str, search: str) -> set[str]:
    try:
        scores = store.read(cell).get("scores") or []
    except (OSError, ValueError) as error:
        raise UserError(f"{cell} holds no record that can be read: {error}") from error
    return {score["metric"] for score in scores if (score["split"], score["search"]) == (split, search)}


def _tested(name: str, ours: Answers, theirs: Answers, seed: int, resamples: int, trials: int) -> Tested:
    systems = [("A", ours.hypotheses), ("B", theirs.hypotheses)]
    found = []
    for kind, count in (("bs", resamples), ("ar", trials)):
        with _seeded(seed):
            test = PairedTest(systems, {name: METRICS[name]()}, [ours.references], test_type=kind, n_samples=count)
            signatures, results = test()
        ((key, signature),) = signatures.items()
        found.append((results[key], str(signature)))
    ((one, other), bootstrap), ((_, shuffled), randomisation) = found
    differing = _differing(ours, theirs)
    return Tested(
        metric=name,
        first=float(one.score),
        second=float(other.score),
        means=(float(one.mean), float(other.mean)),
        halves=(float(one.ci), float(other.ci)),
        bootstrap_p=float(other.p_value) if differing else 1.0,
        # Of the 2^N ways to swap N answers two give the difference as it is. sacrebleu counts greater ones alone and
        # leaves these out; that matters where N is small.
        randomisation_p=max(float(shuffled.p_value), min(1.0, 2.0 ** (1 - differing))),
        bootstrap_signature=bootstrap,
        randomisation_signature=randomisation,
    )


def _differing(ours: Answers, theirs: Answers) -> int:
    """Segments that are not answered alike."""
    return sum(one != other for one, other in zip(ours.hypotheses, theirs.hypotheses, strict=True))


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """sacrebleu reads its seed from the environment alone."""
    name = "SACREBLEU_SEED"
    before = os.environ.get(name)
    os.environ[name] = str(seed)
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


def told(compared: Compared) -> Iterator[str]:
    """A comparison in lines of text."""
    counts = f"{compared.segments:,} segments, {compared.differing:,} of them not answered alike"
    yield f"{compared.split}, {compared.search} search, {counts}"
    for letter, cell in zip("AB", compared.cells):
        yield f"{letter} = {cell}"
    for row in compared.tested:
        sides = [
            f"{letter} {score:.2f} [{mean - half:.2f}, {mean + half:.2f}]"
            for letter, score, mean, half in zip("AB", (row.first, row.second), row.means, row.halves)
        ]
        yield (
            f"{row.metric}: {', '.join(sides)}, B - A {row.second - row.first:+.2f}; p {row.bootstrap_p:.4f} "
            f"by paired bootstrap, {row.randomisation_p:.4f} by paired approximate randomisation"
        )
    yield (
        f"Brackets: 95 % bootstrap interval of each. Seed {compared.seed}, {compared.resamples} resamples, "
        f"{compared.trials} trials; p is not corrected for several comparisons."
    )
    yield (
        f"Unit of resampling: the {compared.unit}. This is about these two trained systems on this test set; about "
        "their architectures only several seeds of each can tell."
    )
    for row in compared.tested:
        yield f"{row.metric}: {row.bootstrap_signature}; {row.randomisation_signature}"
