"""A comparison in lines of text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from bench.analysis.claims.judge import REFUTED, SUPPORTED
from bench.analysis.compare.pairs import Change
from bench.analysis.compare.scores import Score, Speed, Value
from bench.analysis.compare.segments import SegmentTest
from bench.analysis.compare.sets import Comparison
from bench.analysis.comparisons import FALSE_CALLS, MIN_SEEDS, format_score
from bench.analysis.significance import UNIT

SHOWN = 3
"""Cells of a change that are printed; the JSON lists all."""

LONG = 60
"""Longer values are cut in the middle; the JSON has them in full."""

METHOD = (
    f"Unit: the seed. With at least {MIN_SEEDS} seeds in common, values are paired by seed (Student's t; the interval "
    f"covers both its own and the bootstrap's); otherwise, with at least {MIN_SEEDS} seeds in each folder, they are "
    "compared unpaired (Welch); with fewer seeds nothing is tested. p is corrected by Holm over all {count} tests; "
    "significant: below {level}."
)
NO_CHANGE = "No change: both folders have the same cells, configurations and scores."
NOT_TESTED = f"not tested: fewer than {MIN_SEEDS} seeds"
UNLIKE = "Speeds are not compared where machine, threads or concurrent cells differ: {}."
SEGMENTS = (
    f"Unit: the {UNIT}. These tests are about pairs of trained cells on a test set; a statement about architectures "
    "needs several seeds. p is corrected by Holm over all tests of a kind."
)


def lines(comparison: Comparison) -> Iterator[str]:
    """The comparison, line by line. Equal scores are only counted."""
    for letter, folder, statuses in zip("AB", comparison.folders, comparison.statuses, strict=True):
        yield f"{letter} = {folder}: {', '.join(f'{count} {status}' for status, count in sorted(statuses.items()))}"
    yield from _verdicts(comparison.verdicts)
    alike = sum(score.same for score in comparison.scores)
    if not any((*comparison.only, comparison.changes, comparison.not_compared)) and alike == len(comparison.scores):
        yield NO_CHANGE
    for letter, missing in zip("AB", comparison.only, strict=True):
        yield from _section(f"Only in {letter}", missing)
    yield from _section("Changed from A to B", map(_change, comparison.changes))
    if comparison.scores:
        yield from _scores(comparison.scores, alike)
    yield from _section("Scores that are not compared", comparison.not_compared)
    yield from _section("Speeds, B over A", _speeds(comparison.speeds))
    if comparison.unlike:
        yield ""
        yield UNLIKE.format("; ".join(comparison.unlike))
    if comparison.segments is not None:
        yield from _section("Over segments", [*map(_tested, comparison.segments), SEGMENTS])
        yield from _section("Not tested over segments", comparison.left_out)


def _verdicts(verdicts: list[tuple[str, str, str]]) -> Iterator[str]:
    """How many claims have the same verdict in both, and those that do not."""
    differing = [(letter, ours, theirs) for letter, ours, theirs in verdicts if ours != theirs]
    yield f"Verdicts: {len(verdicts) - len(differing)} of {len(verdicts)} claims have the same word in both."
    for letter, ours, theirs in differing:
        turned = ": turned" if {ours, theirs} == {SUPPORTED, REFUTED} else ""
        yield f"  {letter}: A {ours}, B {theirs}{turned}"


def _section(title: str, entries: Iterable[str]) -> Iterator[str]:
    listed = list(entries)
    if listed:
        yield ""
        yield f"{title}:"
        yield from (f"  {entry}" for entry in listed)


def _scores(scores: list[Score], alike: int) -> Iterator[str]:
    yield ""
    yield f"Scores in both folders: {len(scores)}, of which {alike} are equal."
    differing = [score for score in scores if not score.same]
    for (setting, split, search, metric, unit), part in groupby(sorted(differing, key=_place), key=_place):
        yield f"  {setting}, {split}, {search}, {metric} ({unit})"
        for score in part:
            values = f"A {_value(score.first, unit)}, B {_value(score.second, unit)}"
            yield f"    {score.arm}: {values}, {_difference(score)}"
    tests = sum(score.p is not None for score in scores)
    if differing:
        yield METHOD.format(count=tests, level=FALSE_CALLS)


def _place(score: Score) -> tuple[str, ...]:
    return score.setting, score.split, score.search, score.metric, score.unit


def _value(value: Value, unit: str) -> str:
    text = format_score(value.mean, unit)
    if value.interval is None:
        text += " (one seed: no interval)"
    else:
        low, high = (format_score(end, unit) for end in value.interval)
        text += f" [{low}, {high}] ({value.seeds} seeds)"
    return text + (f", {value.doubtful} failing a sanity gate" if value.doubtful else "")


def _difference(score: Score) -> str:
    def signed(value: float) -> str:
        return ("+" if value >= 0 else "-") + format_score(abs(value), score.unit)

    text = f"B - A {signed(score.difference)}"
    if score.interval is not None:
        text += f" [{signed(score.interval[0])}, {signed(score.interval[1])}]"
    if score.p is None:
        return f"{text}, {NOT_TESTED}"
    verdict = "significant" if score.significant else "not significant"
    return f"{text}, p {score.p:.2g}, corrected {score.adjusted:.2g} ({score.test}): {verdict}"


def _change(change: Change) -> str:
    more = len(change.cells) - SHOWN
    where = "; ".join(change.cells[:SHOWN]) + (f"; and {more} more" if more > 0 else "")
    count = f"{len(change.cells)} cells: " if len(change.cells) > 1 else ""
    return f"{change.kind}: {change.key} {_cut(change.first)} -> {_cut(change.second)} ({count}{where})"


def _speeds(speeds: list[Speed]) -> Iterator[str]:
    """A line for each arm."""
    for (setting, arm), part in groupby(speeds, key=lambda speed: (speed.setting, speed.arm)):
        ratios = [
            f"{speed.what} {speed.ratio:.2f}"
            + ("" if speed.interval is None else f" [{speed.interval[0]:.2f}, {speed.interval[1]:.2f}]")
            + f" ({speed.seeds} seed{'s' if speed.seeds > 1 else ''})"
            for speed in part
        ]
        yield f"{setting}, {arm}: {', '.join(ratios)}"


def _tested(row: SegmentTest) -> str:
    return (
        f"{row.cell}, {row.split}, {row.search}, {row.metric}: A {row.first:.2f}, B {row.second:.2f}, B - A "
        f"{row.second - row.first:+.2f}; corrected p {row.bootstrap_p:.4f} by paired bootstrap, "
        f"{row.randomisation_p:.4f} by paired approximate randomisation ({row.segments:,} segments, "
        f"{row.differing:,} with different outputs)"
    )


def _cut(text: str) -> str:
    return text if len(text) <= LONG else f"{text[: LONG // 2]}...{text[-LONG // 4 :]}"
