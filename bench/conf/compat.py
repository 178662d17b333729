"""Options that came after the first records, each with the value at which all is as it was without it.

A cell's configuration has such an option only where it has another value, so that cells keep the names and hashes they
had before there was one.
"""

from __future__ import annotations

from collections.abc import Mapping

NEUTRAL: dict[str, dict[str, object]] = {
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


def without(config: Mapping[str, Mapping]) -> dict:
    """A resolved configuration less the options that change nothing, those of `match.reference_model` too."""
    kept = dict(config) | {section: _without(section, config[section]) for section in NEUTRAL}
    if reference := config["match"].get("reference_model"):
        kept["match"] = config["match"] | {"reference_model": _without("model", reference)}
    return kept


def _without(section: str, values: Mapping[str, object]) -> dict[str, object]:
    neutral = NEUTRAL[section]
    return {key: value for key, value in values.items() if key not in neutral or value != neutral[key]}
