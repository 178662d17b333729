"""Translation of photo captions: Multi30k, task 1 (Elliott et al. 2016, https://aclanthology.org/W16-3210).

Source: a caption in one of English, German, French and Czech, as subword ids. Target: the same caption in another.
A pair of this kind (not from the corpus):
    source  Two brown dogs are running along the beach.
    target  Zwei braune Hunde laufen am Strand entlang.
The corpus has 29,000 training pairs, 1,014 validation pairs and up to four test sets. Training pairs whose source line
is also in the validation set or a test set are left out and counted; there are only a few.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.data import conservation
from bench.data.corpora import files
from bench.data.corpora.multi30k import CORPUS, LANGUAGES, TESTS
from bench.data.text import ParallelText, read_pair
from bench.metrics import LITERATURE
from bench.tasks.kinds.translation import Translation

DEFAULT_TESTS = ("test_2016_flickr", "test_2017_flickr", "test_2017_mscoco")


@dataclass
class Multi30k(Translation):
    """Multi30k between two languages, with one joint subword vocabulary.

    Raises ValueError for unknown languages or test sets.
    """

    source: str = "en"  # language translated from: en, de, fr or cs
    target: str = "de"  # language translated into, another one of them
    overlap: str = "source"
    tests: list[str] | None = None  # test sets in the order of reports; null: those of 2016 and 2017 with both sides

    bins = (0, 5, 10, 15, 20, 25, 30)
    output_per_source, output_plus = 2, 10  # the limit with which results/reference was decoded

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("bleu", LITERATURE + self.target, "chrf", "exact_match")

    def __post_init__(self) -> None:
        for field in ("source", "target"):
            if getattr(self, field) not in LANGUAGES:
                raise ValueError(f"{field}={getattr(self, field)!r}: not one of {', '.join(LANGUAGES)}")
        if self.source == self.target:
            raise ValueError(f"source and target are both {self.source!r}; choose two languages")
        super().__post_init__()
        existing = [name for name, languages in TESTS.items() if {self.source, self.target} <= set(languages)]
        if self.tests is None:
            self.tests = [name for name in DEFAULT_TESTS if name in existing]
        if isinstance(self.tests, str) or not isinstance(self.tests, Sequence) or not self.tests:
            raise ValueError(f"tests={self.tests!r}: not a list of test sets; there are {', '.join(existing)}")
        self.tests = list(self.tests)
        for name in self.tests:
            if name not in existing:
                raise ValueError(
                    f"tests: no {name!r} for {self.source}-{self.target}; there are {', '.join(existing)}"
                )
        if len(set(self.tests)) < len(self.tests):
            raise ValueError(f"tests={self.tests!r}: names a test set twice")

    def texts(self, counts: Counter[str]) -> dict[str, ParallelText]:
        return {name: self._read(name, counts) for name in self._texts}

    def checksums(self) -> dict[str, str]:
        checksums = {file: CORPUS.files[file] for name in self._texts for file in self._files(name)}
        return {file: checksum for file, checksum in checksums.items() if checksum is not None}  # none is None here

    @property
    def _texts(self) -> tuple[str, ...]:
        assert self.tests is not None, "__post_init__ sets it"
        return ("train", "val", *self.tests)

    def _files(self, name: str) -> tuple[str, str]:
        return f"{name}.{self.source}.gz", f"{name}.{self.target}.gz"

    def _read(self, name: str, counts: Counter[str]) -> ParallelText:
        source, target = (files.obtain(CORPUS, file) for file in self._files(name))
        text = read_pair(source, target, counts)
        pairs = zip(conservation.plain_lines(source), conservation.plain_lines(target), strict=True)
        conservation.check_reading(name, pairs, text, dropped=0)
        return text
