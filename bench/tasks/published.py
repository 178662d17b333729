"""Translation of published text: German-English of Tatoeba and of the news test sets, IWSLT and WMT.

Source and target: a sentence in two languages, as subword ids. A pair of this kind (not from a corpus):
    source  Gestern hat es den ganzen Tag geregnet.
    target  It rained all day yesterday.
Each corpus and its splits are described in `bench/data/corpora`. Several corpora of the same languages can be
combined: their training texts are joined, their validation texts too, and every test set is scored on its own. Both
directions of a corpus have the same pairs, because a training pair is left out if either of its sides is in held-out
text.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from bench.data.corpora import registry
from bench.data.text import ParallelText
from bench.tasks.kinds.translation import Translation


@dataclass
class Published(Translation):
    """One published corpus, or several together, between two languages. Raises ValueError for unknown corpora."""

    source: str = "de"  # language translated from
    target: str = "en"  # language translated into
    corpora: list[str] = field(default_factory=lambda: ["tatoeba"])  # names of corpora: tatoeba, news, iwslt14, ...

    def __post_init__(self) -> None:
        super().__post_init__()
        known = registry.parallel_corpora()
        if isinstance(self.corpora, str) or not self.corpora:
            raise ValueError(f"corpora={self.corpora!r}: not a list of corpora; there are {', '.join(known)}")
        for name in self.corpora:
            if name not in known:
                raise ValueError(f"corpora: there is no {name!r}; there are {', '.join(known)}")
            if {self.source, self.target} != set(known[name].languages):
                languages = " and ".join(known[name].languages)
                raise ValueError(f"source={self.source!r}, target={self.target!r}: {name} has {languages}")
        self._corpora = [known[name] for name in self.corpora]
        tests = [test for corpus in self._corpora for test in corpus.tests]
        if len(set(tests)) < len(tests):
            raise ValueError(f"corpora={list(self.corpora)!r}: a test set is in two of them")

    def texts(self, counts: Counter[str]) -> dict[str, ParallelText]:
        texts = {"train": ParallelText([], []), "valid": ParallelText([], [])}
        for corpus in self._corpora:
            turned = corpus.languages != (self.source, self.target)
            for name, part in corpus.read(counts).items():
                part = part.swapped if turned else part
                texts[name] = texts[name].joined(part) if name in texts else part
        return texts

    def checksums(self) -> dict[str, str]:
        return {file: checksum for corpus in self._corpora for file, checksum in corpus.checksums().items()}
