"""IWSLT 2015 English-Vietnamese. Untested: this project has never read the files.

TED talks as Luong and Manning (2015, https://aclanthology.org/2015.iwslt-evaluation.11) prepared them: already
tokenised and escaped, so BLEU is computed on tokenised text. tst2012 is for validation and tst2013 for the test, as in
their paper.
The checksums are those that Hugging Face published for the same addresses (datasets 1.x, mt_eng_vietnamese).
"""

from __future__ import annotations

from collections import Counter

from bench.data.corpora import files
from bench.data.corpora.files import Corpus
from bench.data.corpora.parallel import ParallelCorpus
from bench.data.text import ParallelText, read_pair

CORPUS = Corpus(
    name="iwslt15-en-vi",
    description="IWSLT 2015: TED talks, 133,000 English-Vietnamese pairs, tokenised by Stanford; untested",
    licence="none stated there; TED talks are CC BY-NC-ND 4.0",
    addresses=("https://nlp.stanford.edu/projects/nmt/data/iwslt15.en-vi/",),
    max_bytes=32 << 20,
    files={
        "train.en": "c26dfeed74b6bf3752f5ca552f2412456f0de153f7c804df8717931fb3a5c78a",
        "train.vi": "707206edf2dc0280273952c7b70544ea8a1363aa69aaeb9d70514b888dc3067d",
        "tst2012.en": "b8fbcd0d4199d41276421d1f7228298df67dd9e2c5c134c2ee8cdf3ec27801e2",
        "tst2012.vi": "01004078b3f36b0c46e81b65fc6851230b3c823405c76d1d82ef3b786b512ff0",
        "tst2013.en": "3860ce60bc5b85d96cc2d3d580cf1bc9d62440e939c1b964676d3607c4e8f1df",
        "tst2013.vi": "29af16842808da2812b8fd4d47fc05d082ba870e60ab7755090ad04b380994cd",
    },
    tested=False,
)


def read(counts: Counter[str]) -> dict[str, ParallelText]:
    """All splits. Raises DataError, and DataUnavailable without a copy."""

    def read_set(name: str, allow_blank: bool = False) -> ParallelText:
        english, vietnamese = (files.obtain(CORPUS, f"{name}.{language}") for language in ("en", "vi"))
        return read_pair(english, vietnamese, counts, allow_blank)

    return {"train": read_set("train", allow_blank=True), "valid": read_set("tst2012"), "tst2013": read_set("tst2013")}


PARALLEL = ParallelCorpus(("en", "vi"), ("tst2013",), tuple((CORPUS, file) for file in CORPUS.files), read)
