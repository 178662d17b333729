"""Description of a published parallel corpus, with which one task can read any of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from bench.data.corpora.files import Corpus, file_checksum, known_checksum, obtain
from bench.data.text import ParallelText


@dataclass(frozen=True)
class ParallelCorpus:
    """languages: of the two sides. tests: names of the test sets, unique among all corpora. files: the files that
    `read` uses. read(counts): the texts of `train`, `valid` and every test set, from the first language to the
    second."""

    languages: tuple[str, str]
    tests: tuple[str, ...]
    files: tuple[tuple[Corpus, str], ...]
    read: Callable[[Counter[str]], dict[str, ParallelText]]

    def checksums(self) -> dict[str, str]:
        """SHA-256 of every file. A file without a published checksum is fetched for this if there is no local copy.

        Raises DataError, and DataUnavailable if it cannot be fetched.
        """
        return {file: _checksum(corpus, file) for corpus, file in self.files}


def _checksum(corpus: Corpus, file: str) -> str:
    return known_checksum(corpus, file) or file_checksum(obtain(corpus, file))
