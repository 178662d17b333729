"""Measures of summaries: ROUGE against the reference (Lin 2004), copy rate and compression against the source (Grusky
et al. 2018).

All count words: lower-cased runs of letters, marks and digits of any script. Of ASCII text these are the words of
rouge-score's own tokeniser, which drops every other letter, so that German words break and Chinese ones vanish.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from importlib.metadata import version
from statistics import fmean
from typing import Any

from bench.data import tokenisers

ROUGE = ("rouge1", "rouge2", "rougeL")
"""Names of the library and of records: unigrams, bigrams, longest common subsequence."""

WORDS = "words:letters+marks+digits"
"""What counts as a word, for signatures."""


def words(line: str, tokeniser: str = tokenisers.DEFAULT) -> list[str]:
    """The words of a line.

    tokeniser: one of sacreBLEU's, which separates words first where the script does not; DEFAULT separates none.

    >>> words("It's 5 o'clock, für Zoë!"), words("水开了。", "zh")
    (['it', 's', '5', 'o', 'clock', 'für', 'zoë'], ['水', '开', '了'])
    """
    text = line if tokeniser == tokenisers.DEFAULT else tokenisers.splitter(tokeniser)(line)
    return "".join(each if unicodedata.category(each)[0] in "LMN" else " " for each in text.lower()).split()


def words_signature(tokeniser: str) -> str:
    """Part of a signature: what counts as a word.

    >>> words_signature("13a"), words_signature("zh")
    ('case:lc|words:letters+marks+digits', 'case:lc|words:letters+marks+digits|tok:zh')
    """
    return "|".join(["case:lc", WORDS, *([] if tokeniser == tokenisers.DEFAULT else [f"tok:{tokeniser}"])])


@dataclass(frozen=True)
class Words:
    """`words` as rouge-score calls a tokeniser."""

    tokeniser: str

    def tokenize(self, text: str) -> list[str]:
        return words(text, self.tokeniser)


@lru_cache(maxsize=1 << 16)
def rouge(hypothesis: str, reference: str, tokeniser: str = tokenisers.DEFAULT) -> tuple[float, ...]:
    """F-measures of ROUGE, from 0 to 1, without a stemmer: the score of one output by each name of ROUGE.

    A line without words scores 0, as does ROUGE-2 of a line of one word. Cached, because each value of an axis scores
    lines of the whole split again.

    >>> [round(score, 2) for score in rouge("the old man slept", "the man slept")]
    [0.86, 0.4, 0.86]
    """
    scores = _scorer(tokeniser).score(reference, hypothesis)
    return tuple(float(scores[name].fmeasure) for name in ROUGE)


def mean_rouge(
    hypotheses: Sequence[str], references: Sequence[str], tokeniser: str = tokenisers.DEFAULT, *, name: str
) -> tuple[float, str]:
    """Mean ROUGE over the outputs, from 0 to 100, and its signature. name: one of ROUGE. Raises ValueError without
    outputs."""
    kind = ROUGE.index(name)
    scores = [rouge(h, r, tokeniser)[kind] for h, r in zip(hypotheses, references, strict=True)]
    settings = f"{words_signature(tokeniser)}|stem:no|F1|mean over outputs"
    return 100 * fmean(scores), f"{name}|nrefs:1|{settings}|rouge-score|version:{version('rouge-score')}"


@cache
def _scorer(tokeniser: str) -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(list(ROUGE), tokenizer=Words(tokeniser))


def copy_rate(texts: Sequence[str], sources: Sequence[str], tokeniser: str = tokenisers.DEFAULT) -> float | None:
    """Share of the words of all texts that occur anywhere in their own source; None without a word.

    This is the coverage of Grusky et al. (2018), over all words instead of averaged over texts.

    >>> copy_rate(["the cat sat", "a dog"], ["The cat lay.", "Two dogs."])
    0.4
    """
    copied = total = 0
    for text, source in zip(texts, sources, strict=True):
        written, known = words(text, tokeniser), set(words(source, tokeniser))
        copied += sum(word in known for word in written)
        total += len(written)
    return copied / total if total else None


def compression(texts: Sequence[str], sources: Sequence[str], tokeniser: str = tokenisers.DEFAULT) -> float | None:
    """Words of all sources over words of all texts (Grusky et al. 2018, there averaged over texts); None without a
    word.

    >>> compression(["a dog", "rain"], ["a dog barked", "it rained again"])
    2.0
    """
    written, read = (sum(len(words(line, tokeniser)) for line in lines) for lines in (texts, sources))
    return read / written if written else None


def describe(
    hypotheses: Sequence[str],
    references: Sequence[str],
    sources: Sequence[str],
    tokeniser: str = tokenisers.DEFAULT,
    *,
    measure: Callable[[Sequence[str], Sequence[str], str], float | None],
    of_references: bool,
) -> tuple[float | None, str]:
    """`copy_rate` or `compression` (`measure`) of the outputs, or of the references, and its signature."""
    side, texts = ("references", references) if of_references else ("outputs", hypotheses)
    return measure(texts, sources, tokeniser), f"of {side}|over all words|{words_signature(tokeniser)}"


COPY_RATES = {
    "copy_rate": partial(describe, measure=copy_rate, of_references=False),
    "copy_rate_references": partial(describe, measure=copy_rate, of_references=True),
}
COMPRESSIONS = {
    "compression": partial(describe, measure=compression, of_references=False),
    "compression_references": partial(describe, measure=compression, of_references=True),
}
"""Descriptions by their names in records."""
