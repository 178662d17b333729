"""Signs of degenerate decoding in output texts: empty outputs, repetitions, the same output for every source.

Computed from texts alone, so results of any age can be checked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from bench.data.script import repeats_without_spaces

RUN = 3
"""The same word this many times in a row is a repetition."""

UNKNOWN = ("<unk>", "\u2047")
"""Marks of a word or a character outside the vocabulary."""

SYNTHETIC_UNKNOWN = "?"
"""The unknown-token mark in synthetic tasks, where it never occurs in sources or references."""

SHARES = (
    *("empty_share", "length_ratio", "repeated_share", "same_share"),
    *("unknown_share", "unknown_share_references"),
)


def shares(sources: Sequence[str], hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """The values of SHARES for N >= 1 outputs with their sources and references; see `sanity` in results/README.md."""
    count = len(hypotheses)
    repeated = sum(
        repeats(hypothesis) and not repeats(reference)
        for hypothesis, reference in zip(hypotheses, references, strict=True)
    )
    distinct = {source: row for row, source in reversed(list(enumerate(sources)))}.values()
    same = [most_frequent_share([texts[row] for row in distinct]) for texts in (hypotheses, references)]
    in_use = any(SYNTHETIC_UNKNOWN in text for text in (*sources, *references))
    marks = UNKNOWN if in_use else (*UNKNOWN, SYNTHETIC_UNKNOWN)
    return {
        "empty_share": sum(not text for text in hypotheses) / count,
        "length_ratio": sum(map(len, hypotheses)) / max(1, sum(map(len, references))),
        "repeated_share": repeated / count,
        "same_share": same[0] - same[1],
        "unknown_share": sum(has_unknown(text, marks) for text in hypotheses) / count,
        "unknown_share_references": sum(has_unknown(text, marks) for text in references) / count,
    }


def repeats(text: str) -> bool:
    """Whether a word occurs at least RUN times in a row; in a script without spaces, whether a phrase does, or one
    character once more.

    >>> repeats("a b b b c"), repeats("a b a b a b"), repeats("我我我我"), repeats("好的好的好的")
    (True, False, True, True)
    """
    return any(len(list(run)) >= RUN for _, run in groupby(text.split())) or repeats_without_spaces(text)


def most_frequent_share(texts: Sequence[str]) -> float:
    """The share of the most frequent text.

    >>> most_frequent_share(["a", "b", "a", "c"])
    0.5
    """
    return Counter(texts).most_common(1)[0][1] / len(texts)


def has_unknown(text: str, marks: Sequence[str] = UNKNOWN) -> bool:
    """Whether a text contains one of the marks; SYNTHETIC_UNKNOWN counts only as a whole word."""
    return any(mark in (text.split() if mark == SYNTHETIC_UNKNOWN else text) for mark in marks)
