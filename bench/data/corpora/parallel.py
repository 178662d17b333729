"""Published parallel text of two languages, described so that one task can read any of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from bench.data.corpora import files
from bench.data.corpora.files import Corpus
from bench.data.text import Parallel


@dataclass(frozen=True)
class Published:
    """languages: of the two sides. tests: names of the test sets, each like no other's. needed: the files that are
    read. read(counts): `train`, `valid` and every test set, from the first language into the second."""

    languages: tuple[str, str]
    tests: tuple[str, ...]
    needed: tuple[tuple[Corpus, str], ...]
    read: Callable[[Counter[str]], dict[str, Parallel]]

    def checksums(self) -> dict[str, str]:
        """Of every file that is read. One whose checksum nobody has published has to be here for that, or is fetched.

        Raises DataError, and DataUnavailable where it cannot be had.
        """
        return {file: _checksum(corpus, file) for corpus, file in self.needed}


def _checksum(corpus: Corpus, file: str) -> str:
    return files.known_checksum(corpus, file) or files.file_checksum(files.obtain(corpus, file))
