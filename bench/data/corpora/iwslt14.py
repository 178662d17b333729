"""IWSLT 2014 German-English. Untested: this project has never read the files.

TED talks (Cettolo et al. 2014, https://aclanthology.org/2014.iwslt-evaluation.1). Every 23rd training line is for
validation, and the test set is dev2010, dev2012, tst2010, tst2011 and tst2012, concatenated, as in fairseq
(prepare-iwslt14.sh). Our text is cased and not tokenised, while fairseq cleans and lowercases before it splits, so
scores are not comparable with those published for its preparation.

No SHA-256 of the archive is published, so that of the first copy is saved; see `bench.data.corpora.files`.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bench.data.archives import read_member
from bench.data.corpora import files
from bench.data.corpora.files import Corpus
from bench.data.corpora.parallel import ParallelCorpus
from bench.data.text import ParallelText, align, parse_lines
from bench.errors import DataError

ARCHIVE = "de-en.tgz"

VALIDATION_INTERVAL = 23
"""One in this number of training lines is for validation."""

TESTS = ("TED.dev2010", "TEDX.dev2012", "TED.tst2010", "TED.tst2011", "TED.tst2012")

CORPUS = Corpus(
    name="iwslt14-de-en",
    description="IWSLT 2014: TED talks, 170,000 German-English pairs; untested, no checksum is published",
    licence="CC BY-NC-ND 4.0 (TED talks; WIT3)",
    addresses=("https://dl.fbaipublicfiles.com/fairseq/data/iwslt14/",),
    max_bytes=64 << 20,
    files={ARCHIVE: None},
    tested=False,
)

_ABOUT_A_TALK = re.compile(r"\s*</?(url|talkid|keywords|speaker|reviewer|translator|doc)\b")
_MARKUP = re.compile(r"</?(title|description)>")
_SEGMENT = re.compile(r"<seg id=\"\d+\">(.*?)</seg>")


def training_sentences(lines: list[str]) -> list[str]:
    """The sentences of a training file, without metadata lines and without the tags around titles.

    >>> training_sentences(["<url>http://x</url>", "<title>On dogs</title>", " They bark. "])
    ['On dogs', ' They bark. ']
    """
    return [_MARKUP.sub("", line) for line in lines if not _ABOUT_A_TALK.match(line)]


def xml_sentences(lines: list[str]) -> list[str]:
    """The sentences of the XML file of a test set.

    >>> xml_sentences(["<doc>", '<seg id="1"> Dogs &amp; cats. </seg>'])
    [' Dogs & cats. ']
    """
    return [html.unescape(text) for line in lines for text in _SEGMENT.findall(line)]


def read(counts: Counter[str]) -> dict[str, ParallelText]:
    """All splits. Raises DataError, and DataUnavailable without a copy."""
    path = files.obtain(CORPUS, ARCHIVE)
    text = _read_pair(path, "train.tags.de-en.{}", training_sentences, counts, allow_blank=True)
    valid = [number % VALIDATION_INTERVAL == 0 for number in range(1, len(text.sources) + 1)]
    test = ParallelText([], [])
    for name in TESTS:
        test = test.joined(_read_pair(path, f"IWSLT14.{name}.de-en.{{}}.xml", xml_sentences, counts))
    return {"train": text.where(not each for each in valid), "valid": text.where(valid), "iwslt14": test}


def _read_pair(
    path: Path, member: str, parse: Callable[[list[str]], list[str]], counts: Counter[str], allow_blank: bool = False
) -> ParallelText:
    """Both sides of a text in the archive. member: name of a side, with a placeholder for its language."""
    names = [f"de-en/{member.format(language)}" for language in ("de", "en")]
    sides = [
        parse(parse_lines(read_member(path, name), f"{path}, {name}", counts, allow_blank=True)) for name in names
    ]
    if not all(sides):
        raise DataError(f"{path}: no sentence in {names[0]} or {names[1]}; delete it and fetch it again")
    return align(sides, (names[0], names[1]), counts, allow_blank)


PARALLEL = ParallelCorpus(("de", "en"), ("iwslt14",), ((CORPUS, ARCHIVE),), read)
