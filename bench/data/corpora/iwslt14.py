"""What IWSLT 2014 German-English is, and where it comes from. Untested: nobody here has read the files.

TED talks (Cettolo et al. 2014, https://aclanthology.org/2014.iwslt-evaluation.1). Of the training lines every 23rd is
for validation, and the test set is dev2010, dev2012, tst2010, tst2011 and tst2012 one after the other, as fairseq has
it (prepare-iwslt14.sh). Our text is cased and not tokenised, and fairseq cleans and lowercases before it splits: scores
do not compare with those published for its preparation.

No SHA-256 of the archive is published, so none stands here: that of the first copy is kept, see `corpora`.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bench.data.corpora import files
from bench.data.corpora.files import Corpus
from bench.data.corpora.parallel import Published
from bench.data.text import Parallel, archived, lines_of, side_by_side
from bench.errors import DataError

ARCHIVE = "de-en.tgz"

EVERY = 23
"""Every so many training lines, one is for validation."""

TESTS = ("TED.dev2010", "TEDX.dev2012", "TED.tst2010", "TED.tst2011", "TED.tst2012")

CORPUS = Corpus(
    name="iwslt14-de-en",
    description="IWSLT 2014: TED talks, 170,000 German-English pairs; untested, no checksum is published",
    licence="CC BY-NC-ND 4.0 (TED talks; WIT3)",
    addresses=("https://dl.fbaipublicfiles.com/fairseq/data/iwslt14/",),
    largest=64 << 20,
    files={ARCHIVE: None},
    tried=False,
)

_ABOUT_A_TALK = re.compile(r"\s*</?(url|talkid|keywords|speaker|reviewer|translator|doc)\b")
_MARKUP = re.compile(r"</?(title|description)>")
_SEGMENT = re.compile(r"<seg id=\"\d+\">(.*?)</seg>")


def spoken(lines: list[str]) -> list[str]:
    """The sentences of a file of training lines: without lines about a talk, and without marks around its title.

    >>> spoken(["<url>http://x</url>", "<title>On dogs</title>", " They bark. "])
    ['On dogs', ' They bark. ']
    """
    return [_MARKUP.sub("", line) for line in lines if not _ABOUT_A_TALK.match(line)]


def segments(lines: list[str]) -> list[str]:
    """The sentences of an XML file of a test set.

    >>> segments(["<doc>", '<seg id="1"> Dogs &amp; cats. </seg>'])
    [' Dogs & cats. ']
    """
    return [html.unescape(text) for line in lines for text in _SEGMENT.findall(line)]


def read(counts: Counter[str]) -> dict[str, Parallel]:
    """All splits. Raises DataError, and DataUnavailable where there is no copy."""
    path = files.obtain(CORPUS, ARCHIVE)
    said = _both(path, "train.tags.de-en.{}", spoken, counts, blank=True)
    held_out = [number % EVERY == 0 for number in range(1, len(said.sources) + 1)]
    test = Parallel([], [])
    for name in TESTS:
        test = test.joined(_both(path, f"IWSLT14.{name}.de-en.{{}}.xml", segments, counts))
    train = said.where(not one for one in held_out)
    return {"train": train, "valid": said.where(held_out), "iwslt14": test}


def _both(
    path: Path, member: str, sentences: Callable[[list[str]], list[str]], counts: Counter[str], blank: bool = False
) -> Parallel:
    names = [f"de-en/{member.format(language)}" for language in ("de", "en")]
    sides = [sentences(lines_of(archived(path, name), f"{path}, {name}", counts, blank=True)) for name in names]
    if not all(sides):
        raise DataError(f"{path}: no sentence in {names[0]} or {names[1]}")
    return side_by_side(sides, (names[0], names[1]), counts, blank)


TEXT = Published(("de", "en"), ("iwslt14",), ((CORPUS, ARCHIVE),), read)
