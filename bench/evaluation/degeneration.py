"""What a broken decoder shows in its outputs, as text beside their references: nothing, too much, the same again.

From outputs alone, so that it can be found in results of any age.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

RUN = 3
"""So many times the same word in a row is a repetition."""

UNKNOWN = ("<unk>", "\u2047")
"""What stands for a word or a character that is not in the vocabulary."""

MADE_UP = "?"
"""What stands for it as a word in tasks that are made up: there no source and no reference has the sign."""

SHARES = (
    *("empty_share", "length_ratio", "repeated_share", "same_share"),
    *("unknown_share", "unknown_share_references"),
)


def shares(sources: Sequence[str], hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """Of outputs, one line each: see `sanity` in results/README.md. At least one; all three are as many."""
    count = len(hypotheses)
    repeated = sum(repeats(ours) and not repeats(theirs) for ours, theirs in zip(hypotheses, references, strict=True))
    distinct = {source: place for place, source in reversed(list(enumerate(sources)))}.values()
    same = [most_frequent([texts[place] for place in distinct]) for texts in (hypotheses, references)]
    marks = UNKNOWN if any(MADE_UP in text for text in (*sources, *references)) else (*UNKNOWN, MADE_UP)
    return {
        "empty_share": sum(not text for text in hypotheses) / count,
        "length_ratio": sum(map(len, hypotheses)) / max(1, sum(map(len, references))),
        "repeated_share": repeated / count,
        "same_share": same[0] - same[1],
        "unknown_share": sum(unknown(text, marks) for text in hypotheses) / count,
        "unknown_share_references": sum(unknown(text, marks) for text in references) / count,
    }


def repeats(text: str) -> bool:
    """Whether a word stands RUN times in a row or more.

    >>> repeats("a b b b c"), repeats("a b a b a b")
    (True, False)
    """
    return any(len(list(run)) >= RUN for _, run in groupby(text.split()))


def most_frequent(texts: Sequence[str]) -> float:
    """Share of the text that is there most often.

    >>> most_frequent(["a", "b", "a", "c"])
    0.5
    """
    return Counter(texts).most_common(1)[0][1] / len(texts)


def unknown(text: str, marks: Sequence[str] = UNKNOWN) -> bool:
    """Whether one of the marks is in it; MADE_UP as a word of its own."""
    return any(mark in (text.split() if mark == MADE_UP else text) for mark in marks)
