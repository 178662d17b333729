"""WMT 2014 English-German. Untested: this project has never read the files.

Europarl 7, Common Crawl and News Commentary 9, raw, 4.5 million pairs
(https://www.statmt.org/wmt14/translation-task.html); newstest2013 is for validation and newstest2014 for the test. The
checksums are those that TensorFlow Datasets publishes for the same files (url_checksums/wmt14_translate.txt). The
whole text is kept in memory, which may take tens of GiB."""

from __future__ import annotations

from collections import Counter

from bench.data.archives import read_member
from bench.data.corpora import files, newstest
from bench.data.corpora.files import Corpus
from bench.data.corpora.parallel import ParallelCorpus
from bench.data.text import ParallelText, align, parse_lines

MEMBERS = {
    "wmt13/training-parallel-europarl-v7.tgz": "training/europarl-v7.de-en.{}",
    "wmt13/training-parallel-commoncrawl.tgz": "commoncrawl.de-en.{}",
    "wmt14/training-parallel-nc-v9.tgz": "training/news-commentary-v9.de-en.{}",
}
"""Name of a side in each archive, with a placeholder for its language."""

CORPUS = Corpus(
    name="wmt14-de-en",
    description="WMT 2014, German-English training text: Europarl, Common Crawl, News Commentary; 1.7 GB, untested",
    licence="as its sources: Europarl without known restrictions, the others for research",
    addresses=("https://www.statmt.org/",),
    max_bytes=1 << 30,
    files={
        "wmt13/training-parallel-europarl-v7.tgz": "0224c7c710c8a063dfd893b0cc0830202d61f4c75c17eb8e31836103d27d96e7",
        "wmt13/training-parallel-commoncrawl.tgz": "c7a74e2ea01ac6c920123108627e35278d4ccb5701e15428ffa34de86fa3a9e5",
        "wmt14/training-parallel-nc-v9.tgz": "cb8953f292298e6877ae433c98912b927cb0766b303f4540512ddd286c748485",
    },
    tested=False,
)


def read(counts: Counter[str]) -> dict[str, ParallelText]:
    """All splits, English to German. Raises DataError, and DataUnavailable without a copy."""
    train = ParallelText([], [])
    for file, member in MEMBERS.items():
        path = files.obtain(CORPUS, file)
        names = [member.format(language) for language in ("en", "de")]
        sides = [parse_lines(read_member(path, name), f"{path}, {name}", counts, allow_blank=True) for name in names]
        train = train.joined(align(sides, (names[0], names[1]), counts, allow_blank=True))
    held_out = {name: newstest.read_set(name, counts).swapped for name in (newstest.VALIDATION, newstest.TEST)}
    return {"train": train, "valid": held_out[newstest.VALIDATION], newstest.TEST: held_out[newstest.TEST]}


_HELD_OUT = (*newstest.SETS[newstest.VALIDATION], *newstest.SETS[newstest.TEST])
_NEEDED = (*((CORPUS, file) for file in CORPUS.files), *((newstest.CORPUS, file) for file in _HELD_OUT))

PARALLEL = ParallelCorpus(("en", "de"), (newstest.TEST,), _NEEDED, read)
