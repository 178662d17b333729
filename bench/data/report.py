"""The data report of a cell on parallel text: what was read, what was kept, the lengths and limits, and what a reader
should be warned about. It is a part of the record (`data.report`), as plain JSON values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from bench.data.counts import ASKED_FOR, CHANGED, LEFT_OUT, SET_ASIDE, SPLIT_OFF
from bench.data.examples import UNK, Split
from bench.data.ragged import Ragged
from bench.data.script import letters_by_script
from bench.data.text import ParallelText

SIDES = ("source", "target")

MANY_LEFT_OUT, MANY_SHARED, MANY_IDENTICAL = 0.05, 0.01, 0.05
"""Shares above which a reader is warned: training pairs left out; sources of a test set that are also in validation;
training pairs whose two sides are the same text."""

FEW_HELD_OUT = 100
"""A set with fewer pairs is too small to choose or to compare models."""

FAR_ABOVE = 3
"""The longest target is an outlier if it is more than this many times as long as 99.9 % of the targets."""

Report = dict[str, Any]


def lengths_of(side: Ragged) -> dict[str, int]:
    """Median, 99 % quantile and maximum of the lengths, each a length that occurs."""
    median, high = np.quantile(side.lengths, (0.5, 0.99), method="lower")
    return {"median": int(median), "p99": int(high), "longest": int(side.lengths.max())}


def pairs_of(pairs_read: int, pairs_kept: int, counts: Mapping[str, int]) -> Report:
    """What became of the training pairs."""
    return {
        "read": pairs_read,
        "kept": pairs_kept,
        "left_out": {key: counts[key] for key in LEFT_OUT if counts.get(key)},
        "split_off": {key: counts[key] for key in SPLIT_OFF if counts.get(key)},
        "set_aside": {key: counts[key] for key in SET_ASIDE if counts.get(key)},
    }


def scripts_of(lines: Iterable[str]) -> dict[str, float]:
    """Share of the letters in each script that has at least a thousandth of them, the largest first.

    >>> scripts_of(["Tee oder 茶?"])
    {'Latin': 0.875, 'Han': 0.125}
    """
    scripts = letters_by_script(lines)
    total = scripts.total()
    return {script: round(count / total, 4) for script, count in scripts.most_common() if count >= total / 1000}


def identical_share(text: ParallelText) -> float:
    """Share of the pairs whose sides are the same text."""
    return sum(source == target for source, target in zip(*text)) / max(1, len(text.sources))


def unknown_of(split: Split) -> dict[str, float]:
    """For each side the share of pieces that the vocabulary lacks."""
    return {
        side: float((ragged.tokens == UNK).mean()) if len(ragged.tokens) else 0.0
        for side, ragged in zip(SIDES, (split.src, split.tgt))
    }


def held_out_of(
    split: Split, in_training: int, valid_sources: set[str] | None, output_limits: np.ndarray
) -> dict[str, int]:
    """Pairs of a held-out set; sources that training has too (before cleaning); for a test set those that validation
    has; references that are longer than the output limit of their source."""
    sources = split.sources or []
    facts = {"pairs": len(split), "in_training": in_training}
    if valid_sources is not None:
        facts["in_valid"] = sum(source in valid_sources for source in sources)
    return facts | {"beyond_output_limit": int((split.tgt.lengths + 1 > output_limits).sum())}


def outlier(targets: Ragged) -> tuple[int, int, int] | None:
    """Index and length of a longest target far above the others, and the length that 99.9 % do not exceed."""
    lengths = targets.lengths
    usual, index = int(np.quantile(lengths, 0.999, method="lower")), int(lengths.argmax())
    longest = int(lengths[index])
    return (index, longest, usual) if longest > FAR_ABOVE * usual else None


def warnings_of(report: Report) -> list[str]:
    """What a reader should be warned about, a line each."""
    pairs, warnings = report["pairs"], []
    left_out = {key: count for key, count in pairs["left_out"].items() if key != ASKED_FOR}
    lost = sum(left_out.values())
    if lost > MANY_LEFT_OUT * pairs["read"]:
        warnings.append(
            f"{lost:,} of {pairs['read']:,} training pairs ({_percent(lost / pairs['read'])}) are left out: "
            f"{_counted(left_out, LEFT_OUT)}"
        )
    for name, facts in report["held_out"].items():
        if facts["pairs"] < FEW_HELD_OUT:
            use = "choose between models" if name == "valid" else "compare models"
            warnings.append(
                f"{name} has only {facts['pairs']} pairs, too few to {use}; {FEW_HELD_OUT} or more are better"
            )
        if facts.get("in_valid", 0) > MANY_SHARED * facts["pairs"]:
            warnings.append(
                f"{facts['in_valid']:,} of {facts['pairs']:,} sources of {name} are also in valid, which chooses the "
                "model"
            )
        if facts["beyond_output_limit"]:
            warnings.append(
                f"{facts['beyond_output_limit']:,} of {facts['pairs']:,} references of {name} are longer than outputs "
                "may be; raise task.output_limit"
            )
    if report["identical_share"] > MANY_IDENTICAL:
        warnings.append(
            f"{_percent(report['identical_share'])} of the training pairs have the same text on both sides; check "
            "task.source and task.target"
        )
    return warnings


def lines_of(report: Report) -> Iterator[str]:
    """The report for the terminal."""
    pairs, limits = report["pairs"], report["limits"]
    lost = sum(pairs["left_out"].values())
    parts = [f"{pairs['read']:,} training pairs read", f"{pairs['kept']:,} kept"]
    parts += [f"{sum(pairs['split_off'].values()):,} split off"] if pairs["split_off"] else []
    parts += [f"{lost:,} left out ({_counted(pairs['left_out'], LEFT_OUT)})" if lost else "none left out"]
    yield "data: " + ", ".join(parts)
    of_sides = "; ".join(
        f"{side} median {of['median']:,}, 99 % {of['p99']:,}, longest {of['longest']:,}"
        for side, of in report["lengths"]["train"].items()
    )
    yield f"data: subwords in training: {of_sides}"
    least = f", but at least {limits['output_least']:,}" if limits["output_least"] else ""
    yield (
        f"data: limits: {limits['max_length']:,} subwords a side in training; outputs end after "
        f"{limits['output_per_source']} x source + {limits['output_plus']}{least}"
    )
    for name, facts in report["held_out"].items():
        shared = f", {facts['in_valid']:,} in valid" if "in_valid" in facts else ""
        yield f"data: {name}: {facts['pairs']:,} pairs; sources also in training: {facts['in_training']:,}{shared}"
    scripts = " to ".join(_scripts(report["scripts"][side]) for side in SIDES)
    unknown = ", ".join(
        f"{name} {_percent(sides['source'])} to {_percent(sides['target'])}"
        for name, sides in report["unknown"].items()
    )
    counts = (f"{count:,} {CHANGED[key]}" for key, count in report["changed"].items())
    changed = "; ".join(counts) if report["changed"] else "no line changed"
    yield f"data: script {scripts}; unknown pieces: {unknown}; {changed}"


def _scripts(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{script} {_percent(share)}" for script, share in shares.items()) or "none"


def _counted(counts: Mapping[str, int], meaning: Mapping[str, str]) -> str:
    return "; ".join(f"{count:,}: {meaning[key]}" for key, count in counts.items())


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if 0 < share < 0.1 else f"{100 * share:.0f} %"
