"""Words on axes and in titles."""

from __future__ import annotations

METRICS = {
    "bleu": "BLEU",
    "chrf": "chrF",
    "exact_match": "Exact match",
    "token_accuracy": "Token accuracy",
    "facts": "Facts recalled",
    "values": "Values recalled, the key given",
    "mse": "Mean squared error",
    "close": "Within 0.04 of the sum",
    "loss": "Test loss",
}

AXES = {
    "length": "length of the source (tokens)",
    "distance": "distance (tokens)",
    "blanks": "blanks between reading and writing, T (tokens)",
    "pairs": "facts in the source",
    "kept": "symbols among the noise",
    "depth": "depth",
    "attractors": "nouns of the other number in between",
}


def label(metric: str, unit: str) -> str:
    """An axis: metric and unit."""
    return f"{words(metric)} ({unit})" if unit else words(metric)


def axis(name: str) -> str:
    """What an axis counts, with its unit."""
    return AXES.get(name, name)


def words(metric: str) -> str:
    """A metric's name for readers."""
    return METRICS.get(metric, metric.replace("_", " "))


def wrapped(label: str) -> str:
    """A long label on two lines."""
    words = label.replace("_", "_ ").split()
    if len(label) <= 12 or len(words) < 2:
        return label
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > 14 and lines[-1]:
            lines.append("")
        joined = lines[-1] + (" " if lines[-1] and not lines[-1].endswith("_") else "") + word
        lines[-1] = joined
    return "\n".join(lines)
