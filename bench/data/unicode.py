"""Normalises text in Unicode, so that lines which look alike are the same line wherever they come from.

Characters that nobody sees are removed: byte order marks, other zero-width characters, soft hyphens, marks of
direction and control characters. What changes the look of its neighbours stays: the joiner of emoji (U+200D), the
non-joiner of Persian (U+200C), variation selectors. The rest is composed (NFC, https://www.unicode.org/reports/tr15).
White space of all kinds (no-break space, NEL, U+2028) becomes a space later, where runs of it do.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from bench.errors import DataError

_CONTROLS = "\x01-\x08\x0e-\x1b\x7f"  # without those that are white space; those above U+007F are letters gone wrong
_NO_CHARACTERS = "\ufdd0-\ufdef" + "".join(
    chr(plane + low) for plane in range(0, 0x110000, 0x10000) for low in (0xFFFE, 0xFFFF)
)
_ZERO_WIDTH = "\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
_HIDDEN = f"{_CONTROLS}{_ZERO_WIDTH}{_NO_CHARACTERS}"
_REMOVED = re.compile(f"[{_HIDDEN}]")
FILLERS = "\u115f\u1160\u3164\uffa0"
"""Letters of Hangul that are not drawn."""

_IGNORABLE = (
    "\u034f\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2065\u2800\ufe00-\ufe0f\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_VISIBLE = re.compile(rf"[^\s\x00\x80-\x9f{FILLERS}{_IGNORABLE}{_HIDDEN}]")
_MISREAD = re.compile("[\x80-\x84\x86-\x9f\ufffd]")


def has_text(line: str) -> bool:
    """Whether a line has a character that can be seen.

    >>> has_text("a"), has_text(" \u200b\ufeff"), has_text("\u200d"), has_text("👍")
    (True, False, False, True)
    """
    return _VISIBLE.search(line) is not None


def normalise(line: str, counts: Counter[str] | None = None) -> str:
    """A line in NFC without invisible characters; a line without a visible character becomes empty.

    counts: counts changed lines, `invisible` for removed characters, `nfc` for composed ones.

    >>> normalise("u\u0308ber\ufeff 👩\u200d🔬") == "über 👩\u200d🔬"
    True
    """
    if line.isascii() and line.isprintable():
        return line if line.strip() else ""
    shown = _REMOVED.sub("", line) if has_text(line) else ""
    composed = unicodedata.normalize("NFC", shown)
    if counts is not None:
        counts["invisible"] += shown != line and bool(line.strip())
        counts["nfc"] += composed != shown
    return composed


def normalise_all(lines: Iterable[str], counts: Counter[str] | None = None) -> list[str]:
    """Every line normalised; keys of `counts` without a changed line are not added."""
    changed: Counter[str] = Counter()
    normalised = [normalise(line, changed) for line in lines]
    if counts is not None:
        counts.update({key: count for key, count in changed.items() if count})
    return normalised


def misread_warnings(sides: Iterable[Sequence[str]], where: str) -> list[str]:
    """A line about lines in which an earlier program lost characters, if there are any: U+FFFD, or control characters
    that come from reading Windows-1252 as Latin-1."""
    lines = [line for side in sides for line in side if _MISREAD.search(line)]
    if not lines:
        return []
    match = _MISREAD.search(lines[0])
    assert match is not None
    begin = max(0, match.start() - 20)
    return [
        f"{where}: {len(lines):,} lines have characters that an earlier program misread, as U+{ord(match[0]):04X} in "
        f"{lines[0][begin : match.end() + 20]!r}; read the original with its own encoding"
    ]


def check_characters(line: str, where: str) -> str:
    """The line. Raises DataError, with `where`, for a line that no UTF-8 file can hold: with a NUL or half a pair of
    surrogates."""
    if "\0" in line:
        raise DataError(f"{where}: a NUL; the text is damaged")
    try:
        line.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{where}: half a character (U+{ord(line[error.start]):04X}); the text is damaged") from error
    return line
