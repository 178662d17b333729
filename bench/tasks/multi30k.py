"""Translation of photo captions: Multi30k, task 1 (Elliott et al. 2016, https://aclanthology.org/W16-3210).

Source: a caption in one of English, German, French and Czech, as subword ids. Target: the same caption in another.
A pair of this kind (not from the corpus):
    source  Two brown dogs are running along the beach.
    target  Zwei braune Hunde laufen am Strand entlang.
29,000 pairs to train on, 1,014 to validate, and up to four test sets. Hypotheses are detokenised text and are scored
against the raw references, so that BLEU means what sacreBLEU's signature says.

Runs of white space in a line become one space, and none is left at its ends. BLEU and chrF do not see the difference;
without it no hypothesis could match a reference that ends in a space. Training pairs whose source line is also in the
validation set or a test set are left out; there are at most a handful, and each is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.data import corpora
from bench.data.bpe_dropout import redraws
from bench.data.multi30k import CORPUS, LANGUAGES, TESTS
from bench.data.subwords import Subwords, learn
from bench.errors import UserError
from bench.metrics import LITERATURE
from bench.tasks.base import Ragged, Redraw, Sizes, Split, Task, TaskData

DEFAULT_TESTS = ("test_2016_flickr", "test_2017_flickr", "test_2017_mscoco")
BIN_WORDS, LAST_BIN = 5, 30


def length_bin(line: str) -> int:
    """The lower edge of the line's bin of white-space separated words: 0 for 1 to 4 words, 5 for 5 to 9, ..., 30 for
    30 and more.

    >>> [length_bin("a " * n) for n in (1, 4, 5, 29, 30, 99)]
    [0, 0, 5, 25, 30, 30]
    """
    return min(len(line.split()) // BIN_WORDS * BIN_WORDS, LAST_BIN)


@dataclass
class Multi30k(Task):
    """Multi30k between two languages with one joint subword vocabulary."""

    source: str = "en"  # language translated from: en, de, fr or cs
    target: str = "de"  # language translated into, another of the same
    vocabulary: int = 8000  # subwords of both languages together, specials included
    max_length: int = 100  # training pairs with more subwords than this on either side are left out
    tests: list[str] | None = None  # test sets in the order of reports; None: 2016 and 2017, where both sides exist

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("bleu", LITERATURE + self.target, "chrf", "exact_match")

    def __post_init__(self) -> None:
        for field in ("source", "target"):
            if getattr(self, field) not in LANGUAGES:
                raise ValueError(f"{field}={getattr(self, field)!r}: not one of {', '.join(LANGUAGES)}")
        if self.source == self.target:
            raise ValueError(f"source and target are both {self.source!r}; choose two languages")
        for field in ("vocabulary", "max_length"):
            value = getattr(self, field)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{field}={value!r}: not a positive whole number")
        existing = [name for name, languages in TESTS.items() if {self.source, self.target} <= set(languages)]
        if self.tests is None:
            self.tests = [name for name in DEFAULT_TESTS if name in existing]
        if isinstance(self.tests, str) or not isinstance(self.tests, Sequence) or not self.tests:
            raise ValueError(f"tests={self.tests!r}: not a list of test sets; there are {', '.join(existing)}")
        self.tests = list(self.tests)
        for name in self.tests:
            if name not in existing:
                raise ValueError(f"tests: no {name!r} for {self.source}-{self.target}; there are {', '.join(existing)}")
        if len(set(self.tests)) < len(self.tests):
            raise ValueError(f"tests={self.tests!r}: names a test set twice")
        self._subwords: Subwords | None = None

    @property
    def sizes(self) -> Sizes:
        """Exactly `vocabulary` ids: where the text has too few distinct pieces or too many characters for that, `load`
        raises a UserError and there are no data at all."""
        return Sizes(self.vocabulary, self.vocabulary, shared=True)

    def load(self) -> TaskData:
        """See `Task.load`. Raises UserError too, where `vocabulary` or `max_length` does not suit the text."""
        counts: Counter[str] = Counter()
        pairs = {name: self._pair(name, counts) for name in ("train", "val", *self.tests)}
        subwords = self._subwords = self._learn(*pairs["train"])
        train = self._train_split(pairs, counts)
        data = TaskData(
            train=train,
            valid=self._split("valid", *pairs["val"]),
            tests={name: self._split(name, *pairs[name]) for name in self.tests},
            src_size=subwords.size,
            tgt_size=subwords.size,
            shared=True,
            checksums={**self._checksums(), "subwords": subwords.checksum},
            counts=dict(counts),
            vocabulary=subwords.model,
        )
        self._note_range(data)
        return data

    def identity(self) -> dict[str, object]:
        return super().identity() | {"files": self._checksums()}

    def adopt(self, data: TaskData) -> None:
        self._subwords = Subwords(data.vocabulary)
        self._note_range(data)

    def _note_range(self, data: TaskData) -> None:
        bins = data.train.axes["length"]
        self.train_range = {"length": (int(bins.min()), int(bins.max()))}

    def redrawn(self, train: Split, bpe_dropout: float) -> Redraw:
        return redraws(self._vocabulary(), train, bpe_dropout)

    def source_text(self, ids: Sequence[int]) -> str:
        return self._vocabulary().decode(ids)

    def target_text(self, ids: Sequence[int]) -> str:
        return self._vocabulary().decode(ids)

    def source_ids(self, text: str) -> list[int]:
        line = _tidy(text)
        if not line:
            raise UserError("nothing to translate: the line is empty")
        return self._vocabulary().encode([line])[0]

    def _files(self, name: str) -> tuple[str, str]:
        return f"{name}.{self.source}.gz", f"{name}.{self.target}.gz"

    def _checksums(self) -> dict[str, str]:
        return {file: CORPUS.files[file] for name in ("train", "val", *self.tests) for file in self._files(name)}

    def _pair(self, name: str, counts: Counter[str]) -> tuple[list[str], list[str]]:
        source, target = (corpora.obtain(CORPUS, file) for file in self._files(name))
        sides = corpora.read_pair(source, target, counts)
        tidied = tuple([_tidy(line) for line in side] for side in sides)
        counts["lines_tidied"] += sum(a != b for side, tidy in zip(sides, tidied) for a, b in zip(side, tidy))
        return tidied

    def _learn(self, sources: list[str], targets: list[str]) -> Subwords:
        # In alphabetical order of languages, so that both directions of a pair share one vocabulary.
        sides = {self.source: sources, self.target: targets}
        return learn([line for language in sorted(sides) for line in sides[language]], self.vocabulary)

    def _vocabulary(self) -> Subwords:
        if self._subwords is None:
            self._subwords = self._learn(*self._pair("train", Counter()))
        return self._subwords

    def _split(self, name: str, sources: list[str], targets: list[str]) -> Split:
        subwords = self._vocabulary()
        return Split(
            name,
            Ragged.of(subwords.encode(sources)),
            Ragged.of(subwords.encode(targets)),
            axes={"length": np.array([length_bin(line) for line in sources], dtype=np.int64)},
            sources=sources,
            references=targets,
        )

    def _train_split(self, pairs: dict[str, tuple[list[str], list[str]]], counts: Counter[str]) -> Split:
        sources, targets = pairs["train"]
        known = set(sources)
        held_out: set[str] = set()
        for name in ("val", *self.tests):
            lines = pairs[name][0]
            counts[f"train_overlap_{name}"] = sum(line in known for line in lines)
            held_out.update(lines)
        counts["train_pairs"] = len(sources)
        counts["train_duplicate_pairs"] = len(sources) - len(set(zip(sources, targets)))
        kept = [(s, t) for s, t in zip(sources, targets) if s not in held_out]
        counts["train_removed_overlap"] = len(sources) - len(kept)
        whole = self._split("train", [s for s, _ in kept], [t for _, t in kept])
        short = (whole.src.lengths <= self.max_length) & (whole.tgt.lengths <= self.max_length)
        counts["train_dropped_long"] = int((~short).sum())
        counts["train_kept"] = int(short.sum())
        if not short.any():
            raise UserError(f"max_length={self.max_length} leaves no training pair; use a larger one")
        if short.all():
            return whole
        indices = np.flatnonzero(short)
        return Split(
            "train",
            Ragged.of(whole.src[i] for i in indices),
            Ragged.of(whole.tgt[i] for i in indices),
            axes={"length": whole.axes["length"][indices]},
            sources=[whole.sources[i] for i in indices],
            references=[whole.references[i] for i in indices],
        )


def _tidy(line: str) -> str:
    return " ".join(line.split())
