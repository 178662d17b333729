"""Made-up cells with the answers of known systems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bench.metrics import METRICS
from bench.records import store

WORDS = [
    "the",
    "a",
    "man",
    "woman",
    "dog",
    "child",
    "runs",
    "sits",
    "sees",
    "eats",
    "near",
    "under",
    "with",
    "red",
    "small",
    "old",
    "street",
    "ball",
    "park",
    "water",
]


def sentences(count: int, seed: int = 0) -> list[str]:
    """Lines of five to twelve words, with a capital and a full stop."""
    draw = np.random.default_rng(seed)
    return [" ".join(draw.choice(WORDS, draw.integers(5, 13))).capitalize() + "." for _ in range(count)]


def noisy(lines: Sequence[str], share: float, seed: int) -> list[str]:
    """The lines with this share of their words replaced by others."""
    draw = np.random.default_rng(seed)
    return [
        " ".join(str(draw.choice(WORDS)) if draw.random() < share else word for word in line.split()) for line in lines
    ]


def cell(
    folder: Path,
    name: str,
    answers: Mapping[tuple[str, str], tuple[Sequence[str], Sequence[str], Sequence[str]]],
    metrics: Sequence[str] = ("bleu", "chrf", "exact_match"),
) -> Path:
    """Write a cell as `bench` does and return its folder. answers: by split and search, sources, references and
    hypotheses."""
    scores, outputs = [], []
    for (split, search), (sources, references, hypotheses) in answers.items():
        for metric in metrics:
            value, signature = METRICS[metric].score(hypotheses, references)
            scores.append(
                {
                    "split": split,
                    "search": search,
                    "metric": metric,
                    "value": value,
                    "unit": "",
                    "axis": None,
                    "signature": signature,
                }
            )
        outputs += [
            {"split": split, "search": search, "index": i, "source": source, "reference": reference,
             "hypothesis": hypothesis, "correct": reference == hypothesis, "length": 5}
            for i, (source, reference, hypothesis) in enumerate(zip(sources, references, hypotheses, strict=True))
        ]  # fmt: skip
    record = {"schema": store.SCHEMA, "cell": name, "status": "done", "scores": scores}
    return store.write(folder, record, (), outputs)
