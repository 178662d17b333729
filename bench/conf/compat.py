"""Options added after the first records, with the default that reproduces the old behaviour.

A cell's configuration contains such an option only where it differs from this default, so that cells keep the names
and hashes they had before the option existed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NEUTRAL: dict[str, dict[str, object]] = {
    "task": {
        "metrics": ["bleu", "chrf", "exact_match"],
        "output_limit": 0,  # outputs end as they did before; the shipped default of `bitext` is another
        "source_language": None,
        "target_language": None,
        "separator": None,
        "quoting": None,
        "header": False,
        "train_pairs": None,
    },
    "budget": {"patience": None},
    "optim": {
        "plateau_factor": 0.5,
        "plateau_patience": 2,
        "average": 0,
        "average_of": "last",
        "average_chosen": "validation",
        "bpe_dropout": 0.0,
    },
    "model": {
        "dropout_embedding": None,
        "dropout_residual": None,
        "dropout_attention": 0.0,
        "dropout_recurrent": 0.0,
    },
}


def without(config: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved configuration without the options at their neutral default, also in `match.reference_model`."""
    kept: dict[str, Any] = {**config, **{section: _without(section, config[section]) for section in NEUTRAL}}
    if reference := config["match"].get("reference_model"):
        kept["match"] = config["match"] | {"reference_model": _without("model", reference)}
    return kept


def _without(section: str, values: Mapping[str, object]) -> dict[str, object]:
    neutral = NEUTRAL[section]
    return {key: value for key, value in values.items() if key not in neutral or not _equal(value, neutral[key])}


def _equal(value: object, neutral: object) -> bool:
    """Whether a value is the neutral one. To Python, false is also the number zero: it stays, and is refused."""
    return value == neutral and isinstance(value, bool) == isinstance(neutral, bool)
