"""Running text for language models: where it comes from, its units, and windows of a fixed length.

A text is read strictly, as parallel text is (`bench.data.text`). It has three parts in its own order, so that no part
of it is seen in training and scored: training, validation, test.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.data import file_kinds
from bench.data.corpora import newstest, tinyshakespeare
from bench.data.corpora.files import obtain
from bench.data.examples import FIRST_FREE_ID, SPECIALS, UNK, Split
from bench.data.ragged import Ragged
from bench.data.text import decode
from bench.errors import DataError

NEWS_SETS = tuple(name for name in newstest.SETS if name not in (newstest.VALIDATION, newstest.TEST, "newstestB2020"))
"""The sets of the news for training, in order of time. The English side of newstestB2020 is a second translation of
newstest2020."""

MARKS = {"\n": "\u23ce", " ": "\u2423"}
"""How a line break and a space are shown where a token has to be one visible word."""


@dataclass(frozen=True)
class Parts:
    """The three parts of a text, and SHA-256 of its files by name."""

    train: str
    valid: str
    test: str
    checksums: dict[str, str]


def read_file(path: str, held_out: float, checksum: str) -> Parts:
    """A file's text; the last `held_out` of its characters are the validation and the test part, one half each.

    checksum: of the file. Raises DataError for a file that is no UTF-8 text.
    """
    lines = decode(file_kinds.content(Path(path)), path)
    return in_parts("\n".join(lines) + "\n", held_out, {path: checksum})


def in_parts(text: str, held_out: float, checksums: dict[str, str]) -> Parts:
    """A text cut into parts; see `read_file`."""
    first = round(len(text) * (1 - held_out))
    second = (first + len(text)) // 2
    return Parts(text[:first], text[first:second], text[second:], checksums)


def shakespeare() -> Parts:
    """The first 90 % for training, as in nanoGPT but for one character; the rest, halved for validation and test."""
    corpus, file = tinyshakespeare.CORPUS, tinyshakespeare.FILE
    path = obtain(corpus, file)
    parts = read_file(str(path), 0.1, str(corpus.files[file]))
    return Parts(parts.train, parts.valid, parts.test, {file: str(corpus.files[file])})


def news() -> Parts:
    """The English news test sets in the order of their documents. Validation and test are those of translation."""
    checksums: dict[str, str] = {}

    def read(names: Sequence[str]) -> str:
        lines: list[str] = []
        for name in names:
            _, file = newstest.SETS[name]
            path = obtain(newstest.CORPUS, file)
            checksums[file] = str(newstest.CORPUS.files[file])
            lines += decode(file_kinds.content(path), str(path))
        return "\n".join(lines) + "\n"

    return Parts(read(NEWS_SETS), read([newstest.VALIDATION]), read([newstest.TEST]), checksums)


class Characters:
    """One id for each character of the training text, by code point."""

    def __init__(self, characters: str) -> None:
        """characters: the vocabulary, in the order of the ids."""
        self.characters = characters
        self._ids = {character: FIRST_FREE_ID + i for i, character in enumerate(characters)}

    @classmethod
    def of_text(cls, text: str) -> Characters:
        return cls("".join(sorted(set(text))))

    @property
    def size(self) -> int:
        return FIRST_FREE_ID + len(self.characters)

    def encode(self, text: str) -> np.ndarray:
        """(N,) ids; UNK for a character that is not in the vocabulary."""
        return np.array([self._ids.get(character, UNK) for character in text], dtype=np.int32)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids; special ids as their names."""
        return "".join(self.characters[i - FIRST_FREE_ID] if i >= FIRST_FREE_ID else SPECIALS[i] for i in ids)

    def to_bytes(self) -> bytes:
        return self.characters.encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Characters:
        return cls(content.decode())


def windows(name: str, ids: np.ndarray, context: int, what: str) -> Split:
    """A stream of ids (N,) as examples of `context` tokens, each of which predicts the next token.

    Every token but the first is predicted once; the last window is shorter where N - 1 does not divide. what: of the
    part, for messages. Raises DataError for a text shorter than one window.
    """
    if len(ids) <= context:
        raise DataError(
            f"{what} has {len(ids):,} tokens, and one context of task.context={context} needs {context + 1:,}; use a "
            "longer text or a shorter context"
        )
    offsets = np.append(np.arange(0, len(ids) - 1, context), len(ids) - 1)
    positions = np.arange(len(ids) - 1, dtype=np.int32) % context
    return Split(name, Ragged(ids[:-1], offsets), Ragged(ids[1:], offsets), answered_at=Ragged(positions, offsets))


def count_unknown(parts: dict[str, np.ndarray]) -> Counter[str]:
    """How many tokens of each part the vocabulary does not know; no key for a part without any."""
    return Counter({f"{name}_unknown": count for name, ids in parts.items() if (count := int((ids == UNK).sum()))})
