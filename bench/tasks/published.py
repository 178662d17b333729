"""Translation of published text: German-English of Tatoeba and of the news test sets, IWSLT and WMT.

Source and target: a sentence in two languages, as subword ids. A pair of this kind (not from a corpus):
    source  Gestern hat es den ganzen Tag geregnet.
    target  It rained all day yesterday.
What the corpora are and how each is split stands with them in `bench/data`; several of the same languages can be
trained on together. Validation is then all their validation text, and every test set is scored on its own. Both
directions of a corpus have the same pairs: a pair of which either side is also in held-out text is not trained on.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from bench.data.corpora import registry
from bench.data.text import Parallel
from bench.tasks.kinds.translation import Translation


@dataclass
class Published(Translation):
    """One published text, or several together, between their two languages."""

    source: str = "de"  # language translated from
    target: str = "en"  # language translated into
    corpora: list[str] = field(default_factory=lambda: ["tatoeba"])  # what is read: tatoeba, news, iwslt14, ...

    def __post_init__(self) -> None:
        super().__post_init__()
        known = registry.parallel_texts()
        if isinstance(self.corpora, str) or not self.corpora:
            raise ValueError(f"corpora={self.corpora!r}: not a list of corpora; there are {', '.join(known)}")
        for name in self.corpora:
            if name not in known:
                raise ValueError(f"corpora: there is no {name!r}; there are {', '.join(known)}")
            if {self.source, self.target} != set(known[name].languages):
                there = " and ".join(known[name].languages)
                raise ValueError(f"source={self.source!r}, target={self.target!r}: {name} has {there}")
        self._read = [known[name] for name in self.corpora]
        tests = [test for text in self._read for test in text.tests]
        if len(set(tests)) < len(tests):
            raise ValueError(f"corpora={list(self.corpora)!r}: a test set is in two of them")

    def texts(self, counts: Counter[str]) -> dict[str, Parallel]:
        joined = {"train": Parallel([], []), "valid": Parallel([], [])}
        for text in self._read:
            turned = text.languages != (self.source, self.target)
            for name, part in text.read(counts).items():
                part = part.turned if turned else part
                joined[name] = joined[name].joined(part) if name in joined else part
        return joined

    def checksums(self) -> dict[str, str]:
        return {file: checksum for text in self._read for file, checksum in text.checksums().items()}
