"""Metrics of hypotheses against references, both as text. Every score comes with a signature of how it was made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from bench.data import moses

LESS_IS_BETTER = ("squared error", "nats a position")
"""Units of errors, for which lower is better. For all other units higher is better."""


@dataclass(frozen=True)
class Metric:
    """A metric. unit: `share` (0-1), `points` (0-100) or one of LESS_IS_BETTER; score(hypotheses, references) returns
    (value, signature) and raises ValueError without segments."""

    unit: str
    score: Callable[[Sequence[str], Sequence[str]], tuple[float, str]]


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


def bleu(hypotheses: Sequence[str], references: Sequence[str]) -> tuple[float, str]:
    """Corpus BLEU with sacreBLEU's defaults: 13a tokenisation, cased (Papineni et al. 2002; Post 2018)."""
    _require_segments(references)
    from sacrebleu.metrics import BLEU

    metric = BLEU()
    score = metric.corpus_score(list(hypotheses), [list(references)])
    return float(score.score), str(metric.get_signature())


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


def chrf(hypotheses: Sequence[str], references: Sequence[str]) -> tuple[float, str]:
    """Corpus chrF2 with sacreBLEU's defaults (Popovic 2015)."""
    _require_segments(references)
    from sacrebleu.metrics import CHRF

    metric = CHRF()
    score = metric.corpus_score(list(hypotheses), [list(references)])
    return float(score.score), str(metric.get_signature())


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
    "bleu": Metric("points", bleu),
    "chrf": Metric("points", chrf),
    "mse": Metric("squared error", mse),
    "close": Metric("share", close),
    **{LITERATURE + code: Metric("points", partial(literature_bleu, language=code)) for code in moses.LANGUAGES},
}
