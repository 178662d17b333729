"""Metrics of hypotheses against references, both as text. Every score comes with a signature of how it was made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from bench.data import moses, summaries, tokenisers

LESS_IS_BETTER = ("squared error", "nats a position", "bits a character", "perplexity")
"""Units of errors, for which lower is better. For all others but DESCRIPTIVE higher is better."""

DESCRIPTIVE = ("copied share", "ratio")
"""Units that describe outputs: neither more nor less is better, so no verdict, comparison or headline uses them."""

LOSS = "loss"
"""The loss of the reference, which every model that predicts tokens has."""

FORCED = "teacher-forced"
"""In the place of a search's name, for scores where the model reads the reference instead of its own output."""

NO_FOUR_TOKENS = "no reference has four tokens"
"""Why BLEU is undefined: it is a mean over n-grams of up to four tokens, and there is none of four to match."""

TOO_SHORT = {1: "no reference has a word", 2: "no reference has two words", 4: NO_FOUR_TOKENS}
"""Why a metric of n-grams is undefined, by the number of tokens that it needs in one reference."""

NO_WORDS = "there is no word to count"
"""Why a description is undefined."""


@dataclass(frozen=True)
class Metric:
    """A metric.

    unit: `share` (0-1), `points` (0-100), one of LESS_IS_BETTER or of DESCRIPTIVE; score(hypotheses, references)
    returns (value, signature) and raises ValueError without segments. tokens: splits a line into the tokens that
    n-grams are made of, for a metric that needs `order` of them in one reference; it and `score` take the name of
    sacreBLEU's tokeniser as a last argument if `by_language`. of_source: whether `score` takes the sources as a third
    argument.
    """

    unit: str
    score: Callable[..., tuple[float | None, str]]
    tokens: Callable[..., list[str]] | None = None
    by_language: bool = False
    order: int = 4
    of_source: bool = False


@dataclass(frozen=True)
class Score:
    """value: None if it is undefined, for this `reason`; signature: how it was computed."""

    value: float | None
    signature: str
    reason: str | None = None


def evaluate(
    name: str,
    hypotheses: Sequence[str],
    references: Sequence[str],
    tokeniser: str = tokenisers.DEFAULT,
    sources: Sequence[str] = (),
) -> Score:
    """The score by a metric of METRICS. tokeniser: of BLEU and ROUGE, one of `bench.data.tokenisers.NAMES`; sources:
    for a metric `of_source`.

    >>> score = evaluate("bleu", ["a b c"], ["a b c"])
    >>> score.value, score.reason
    (None, 'no reference has four tokens')
    """
    value, signature = computed(name, hypotheses, references, tokeniser, sources)
    reason = undefined(name, references, tokeniser) or (NO_WORDS if value is None else None)
    return Score(value if reason is None else None, signature, reason)


def computed(
    name: str,
    hypotheses: Sequence[str],
    references: Sequence[str],
    tokeniser: str = tokenisers.DEFAULT,
    sources: Sequence[str] = (),
) -> tuple[float | None, str]:
    """What the metric's program computes, and the signature, also where the value is undefined; see `evaluate`."""
    metric = METRICS[name]
    last = [tokeniser] if metric.by_language else []
    return metric.score(hypotheses, references, *([sources] if metric.of_source else []), *last)


def undefined(name: str, references: Sequence[str], tokeniser: str = tokenisers.DEFAULT) -> str | None:
    """Why the metric is undefined for these references; None if it is defined."""
    metric = METRICS[name]
    if metric.tokens is None:
        return None
    last = [tokeniser] if metric.by_language else []
    enough = any(len(metric.tokens(line, *last)) >= metric.order for line in references)
    return None if enough else TOO_SHORT[metric.order]


def comparable(signature: object) -> str:
    """A signature without the versions of libraries, which `environment.libraries` of the record has. Scores are
    compared and averaged only if these parts are equal; "" if there is none.

    >>> comparable("nrefs:1|tok:zh|version:2.6.0")
    'nrefs:1|tok:zh'
    """
    parts = signature.split("|") if isinstance(signature, str) else []
    return "|".join(part for part in parts if part.partition(":")[0] not in ("version", "sacremoses"))


def _require_segments(references: Sequence[str]) -> None:
    """Raises ValueError without segments, for which no score is defined."""
    if not len(references):
        raise ValueError("no segments to score; the split must have at least one example")


def correct(hypotheses: Sequence[str], references: Sequence[str]) -> np.ndarray:
    """(N,) bool: whether the hypothesis equals the reference.

    >>> correct(["a b", "a"], ["a b", "b"]).tolist()
    [True, False]
    """
    return np.fromiter(
        (h == r for h, r in zip(hypotheses, references, strict=True)), dtype=bool, count=len(references)
    )


def exact_match(hypotheses: Sequence[str], references: Sequence[str]) -> tuple[float, str]:
    """Share of hypotheses that equal their reference."""
    _require_segments(references)
    return float(correct(hypotheses, references).mean()), "exact_match|whole line"


def token_accuracy(hypotheses: Sequence[str], references: Sequence[str]) -> tuple[float, str]:
    """Share of the references' tokens (split at spaces) that the hypothesis has at the same position. Tokens beyond
    the end of the reference count as wrong.

    >>> token_accuracy(["a b", "a b c"], ["a c", "a b"])[0]
    0.6
    """
    _require_segments(references)
    right = total = 0
    for hypothesis, reference in zip(hypotheses, references, strict=True):
        ours, theirs = hypothesis.split(), reference.split()
        right += sum(a == b for a, b in zip(ours, theirs))
        total += max(len(ours), len(theirs))
    return (right / total if total else 1.0), "token_accuracy|free-running|by position"


def first_token(hypotheses: Sequence[str], references: Sequence[str]) -> tuple[float, str]:
    """Share of hypotheses whose first word is that of their reference.

    >>> first_token(["can we go ?", "", "will we"], ["can we go ?", "can we", "can we"])[0]
    0.3333333333333333
    """
    _require_segments(references)
    right = [h.split()[:1] == r.split()[:1] for h, r in zip(hypotheses, references, strict=True)]
    return sum(right) / len(right), "first_token|free-running"


def facts(hypotheses: Sequence[str], references: Sequence[str]) -> tuple[float, str]:
    """Share of the references' facts (a key token and its value token) that the hypothesis has at the same position.

    >>> facts(["k1 v1 k2 v5", "k3 v3"], ["k1 v1 k2 v2", "k3 v3"])[0]
    0.6666666666666666
    """
    _require_segments(references)
    right = total = 0
    for hypothesis, reference in zip(hypotheses, references, strict=True):
        ours, theirs = (list(zip(words[::2], words[1::2])) for words in (hypothesis.split(), reference.split()))
        right += sum(a == b for a, b in zip(ours, theirs))
        total += len(theirs)
    return (right / total if total else 1.0), "facts|free-running|by position"


def bleu(
    hypotheses: Sequence[str], references: Sequence[str], tokeniser: str = tokenisers.DEFAULT
) -> tuple[float, str]:
    """Corpus BLEU with sacreBLEU's defaults: cased, smoothed by `exp` (Papineni et al. 2002; Post 2018)."""
    _require_segments(references)
    from sacrebleu.metrics import BLEU

    metric = BLEU(tokenize=tokeniser, force=True)  # no message where generated text is tokens anyway
    score = metric.corpus_score(list(hypotheses), [list(references)])
    return float(score.score), str(metric.get_signature())


def bleu_tokens(line: str, tokeniser: str = tokenisers.DEFAULT) -> list[str]:
    """The tokens that BLEU sees in a line."""
    return tokenisers.splitter(tokeniser)(line.rstrip()).split()


def literature_bleu(hypotheses: Sequence[str], references: Sequence[str], language: str) -> tuple[float, str]:
    """Corpus BLEU as papers on Multi30k report it: on lowercased, normalised tokens of both sides
    (`bench.data.moses`). Not comparable with `bleu`."""
    _require_segments(references)
    from importlib.metadata import version

    from sacrebleu.metrics import BLEU

    ours, theirs = ([moses.tokenise(line, language) for line in lines] for lines in (hypotheses, references))
    metric = BLEU(
        lowercase=True, tokenize="none", force=True
    )  # force: no warning about tokenised input, which is intended
    score = metric.corpus_score(ours, [theirs])
    tokens = f"moses:lowercase+normalize-punctuation+tokenizer|lang:{language}|sacremoses:{version('sacremoses')}"
    return float(score.score), f"{tokens}|{metric.get_signature()}"


def _literature_tokens(line: str, language: str) -> list[str]:
    return moses.tokenise(line, language).split()


def chrf(hypotheses: Sequence[str], references: Sequence[str]) -> tuple[float, str]:
    """Corpus chrF2 with sacreBLEU's defaults (Popovic 2015)."""
    _require_segments(references)
    from sacrebleu.metrics import CHRF

    metric = CHRF()
    score = metric.corpus_score(list(hypotheses), [list(references)])
    return float(score.score), str(metric.get_signature())


def of_summaries(
    hypotheses: Sequence[str], references: Sequence[str], *last: object, score: Callable[..., tuple[float | None, str]]
) -> tuple[float | None, str]:
    """A score of `bench.data.summaries`. last: sources and tokeniser, as the score takes them."""
    _require_segments(references)
    return score(hypotheses, references, *last)


TOLERANCE = 0.04
"""A number with a smaller absolute error is correct (Hochreiter and Schmidhuber 1997, experiment 4)."""


def errors(hypotheses: Sequence[str], references: Sequence[str]) -> np.ndarray:
    """(all numbers of all lines,) hypothesis minus reference; a line is numbers separated by spaces.

    >>> errors(["1.5", "0.25 1"], ["1", "0.25 2"]).tolist()
    [0.5, 0.0, -1.0]
    """
    ours, theirs = (np.array(" ".join(lines).split(), dtype=np.float64) for lines in (hypotheses, references))
    return ours - theirs


def mse(hypotheses: Sequence[str], references: Sequence[str]) -> tuple[float, str]:
    """Mean squared error of numbers."""
    _require_segments(references)
    return float((errors(hypotheses, references) ** 2).mean()), "mse|free-running"


def close(hypotheses: Sequence[str], references: Sequence[str]) -> tuple[float, str]:
    """Share of numbers within TOLERANCE of the reference."""
    _require_segments(references)
    return float((np.abs(errors(hypotheses, references)) < TOLERANCE).mean()), f"close|within {TOLERANCE}"


LITERATURE = "bleu_lit_"
"""Prefix of literature-style BLEU; the language of the references follows: `bleu_lit_de`."""

METRICS: dict[str, Metric] = {
    "exact_match": Metric("share", exact_match),
    "token_accuracy": Metric("share", token_accuracy),
    "facts": Metric("share", facts),
    "first_token": Metric("share", first_token),
    "bleu": Metric("points", bleu, bleu_tokens, by_language=True),
    "chrf": Metric("points", chrf),
    **{
        name: Metric(
            "points",
            partial(of_summaries, score=partial(summaries.mean_rouge, name=name)),
            summaries.words,
            by_language=True,
            order=2 if name == "rouge2" else 1,
        )
        for name in summaries.ROUGE
    },
    **{
        name: Metric(unit, partial(of_summaries, score=score), by_language=True, of_source=True)
        for unit, by_name in zip(DESCRIPTIVE, (summaries.COPY_RATES, summaries.COMPRESSIONS))
        for name, score in by_name.items()
    },
    "mse": Metric("squared error", mse),
    "close": Metric("share", close),
    **{
        LITERATURE + code: Metric(
            "points", partial(literature_bleu, language=code), partial(_literature_tokens, language=code)
        )
        for code in moses.LANGUAGES
    },
}

SUMMARY = (*summaries.ROUGE, *summaries.COPY_RATES, *summaries.COMPRESSIONS)
"""The metrics of a summary: ROUGE, and what describes outputs and references beside it."""
