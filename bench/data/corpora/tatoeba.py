"""The German-English sentence pairs of Tatoeba, and their splits.

Short everyday sentences, written and translated by volunteers (https://tatoeba.org), as manythings.org published them
in May 2018: one English and one German sentence a line. Many English sentences have several translations, so the pairs
are split by English sentence, and no English sentence is in two splits. Training has the first 150,000 pairs in the
order of a hash. In validation and test each English sentence has only its first translation in the file, so that every
source is scored once.
"""

from __future__ import annotations

from collections import Counter

from bench.data.archives import read_member
from bench.data.corpora import files
from bench.data.corpora.files import Corpus
from bench.data.corpora.parallel import ParallelCorpus
from bench.data.splits import fraction
from bench.data.tables import parse_table
from bench.data.text import ParallelText

ARCHIVE, MEMBER = "deu-eng.zip", "deu.txt"

TRAINING_PAIRS = 150_000

HELD_OUT = 0.02
"""Share of the English sentences for validation, and again for the test set."""

_COMMIT = "de48b7027f7318d77010a6e08ed928c10748c23d"

CORPUS = Corpus(
    name="tatoeba-deu-eng",
    description="Tatoeba, May 2018: 169,813 short German-English sentence pairs",
    licence="CC BY 2.0; attribution: www.manythings.org/anki and tatoeba.org (in the archive's _about.txt)",
    addresses=(f"https://raw.githubusercontent.com/rioyshky/translation/{_COMMIT}/",),
    max_bytes=16 << 20,
    files={ARCHIVE: "b7688f84f99fa33c17397c14d8bd9cef1fdeb2ee0bf50074767023aee8926e28"},
)


def split(text: ParallelText, counts: Counter[str], training_pairs: int = TRAINING_PAIRS) -> dict[str, ParallelText]:
    """Splits the German-English pairs into `train`, `valid` and the test set `tatoeba`."""
    sides: dict[str, list[tuple[str, str]]] = {"train": [], "valid": [], "tatoeba": []}
    seen: set[str] = set()
    for german, english in zip(*text):
        place = fraction(english)
        name = "tatoeba" if place < HELD_OUT else "valid" if place < 2 * HELD_OUT else "train"
        if name != "train" and english in seen:
            counts["tatoeba_other_translations"] += 1
            continue
        seen.add(english)
        sides[name].append((german, english))
    order = sorted(range(len(sides["train"])), key=lambda i: fraction("\t".join(sides["train"][i])))
    counts["tatoeba_beyond_training_pairs"] = max(0, len(order) - training_pairs)
    sides["train"] = [sides["train"][i] for i in sorted(order[:training_pairs])]
    return {name: ParallelText.of_pairs(pairs) for name, pairs in sides.items()}


def read(counts: Counter[str]) -> dict[str, ParallelText]:
    """All splits. Raises DataError, and DataUnavailable without a copy."""
    path = files.obtain(CORPUS, ARCHIVE)
    return split(parse_table(read_member(path, MEMBER), f"{path}, {MEMBER}", (2, 1), counts), counts)


PARALLEL = ParallelCorpus(("de", "en"), ("tatoeba",), ((CORPUS, ARCHIVE),), read)
