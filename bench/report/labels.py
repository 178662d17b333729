"""Every word that stands in a figure, over it or below it: one table for each kind of word, so that a report in another
language needs other tables and nothing else."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

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
    "length in words": "length of the source (words)",
    "distance": "distance (tokens)",
    "blanks": "blanks between reading and writing, T (tokens)",
    "pairs": "facts in the source",
    "kept": "symbols among the noise",
    "depth": "depth",
    "attractors": "nouns of the other number in between",
}


@dataclass(frozen=True)
class Said:
    """What is said of a figure: its title, the caption (first of all what to see), and its axes with their units."""

    title: str
    caption: str
    x: str = ""
    y: str = ""


FIGURES = {
    "seeds": Said(
        "{metric}: every seed",
        "Each marker is one seed, each bar an arm's mean: a gap counts for more if wide beside the scatter. "
        "{intervals}",
        "test split",
    ),
    "axis": Said(
        "{metric} against {axis}, {search} search{where}",
        "A line that stays high towards the right holds up as the {axis} grows. {notes}",
    ),
    "axis, less is better": Said(
        "{metric} against {axis}, {search} search{where}",
        "A line that stays low towards the right holds up as the {axis} grows. {notes}",
    ),
    "learning, seconds": Said(
        "Validation loss against time",
        "The lowest line at a given time learns fastest on this machine (one line a seed).",
        "training time (seconds)",
        "validation loss ({unit})",
    ),
    "learning, target_tokens": Said(
        "Validation loss against data",
        "The lowest line at a number of tokens learns most from the same data (one line a seed).",
        "target tokens trained on",
        "validation loss ({unit})",
    ),
    "learning, flops": Said(
        "Validation loss against computing",
        "The lowest line at a number of operations learns most from the same computing, on any machine (one line a "
        "seed). Counted: floating-point operations of the matrix products of training, at the mean lengths of "
        "the data.",
        "training so far (FLOPs)",
        "validation loss ({unit})",
    ),
    "parameters": Said(
        "{task}: {metric} against parameters, split {split}",
        "Arms of equal size stand above each other, and the higher is the better (one marker a seed). {intervals}",
        "trainable parameters",
    ),
    "parameters, other rule": Said(
        "{task}: {metric} against parameters, split {split}",
        "Arms are matched by {rule}: a line joins one arm's sizes (one marker a seed). {intervals}",
        "trainable parameters",
    ),
    "speed": Said(
        "Throughput",
        "Higher is faster; compare within a column: training and decoding are different work (one marker a seed). "
        "{intervals}",
        "work",
        "target tokens a second (log scale)",
    ),
    "memory": Said(
        "Peak memory",
        "Lower is cheaper; a process holds its libraries and data as well as the model (one marker a seed). "
        "{intervals}",
        "memory of",
        "peak memory (MiB)",
    ),
    "matrix": Said(
        "Arm against arm: in how many settings",
        "A row of blue fields is an arm that is often above the others. In each field, of the settings that both arms "
        "were run in: those where the row's arm is significantly above : below the column's; under it, where the two "
        "are level (=) and where it is not decided (?). Blue: more above than below; hatched: more below. Significance "
        "is by the verdicts' test, for each setting by itself, on the first test split, with Holm's correction for all "
        "pairs here; no average over settings is formed.",
        "column's arm",
        "row's arm",
    ),
    "map, word": Said(
        "Decisive words right, by phenomenon and distance, split {split}",
        "A row that pales to the right is a phenomenon that an arm loses over distance. Means over seeds of how often "
        "an output has the decisive word; empty: fewer than five examples. The intervals are in the table.",
        "distance (words, lower edge of the bin)",
        "share of outputs",
    ),
    "map, contrast": Said(
        "Reference above the wrong word, by phenomenon and distance, split {split}",
        "A row that pales to the right is a phenomenon that an arm loses over distance. Means over seeds of how often "
        "the reference is more probable than the same with the decisive word wrong; guessing gives 0.5; empty: fewer "
        "than five examples. The intervals are in the table.",
        "distance (words, lower edge of the bin)",
        "share of references",
    ),
    "phenomena, word": Said(
        "Decisive words right, split {split}",
        "A line that falls to the right loses what lies far back: how often an output has the word that shows the "
        "phenomenon at the place where the reference has it, so that a word lost before it makes it wrong too (greedy "
        "search). {notes}",
        "distance (words)",
        "share of outputs",
    ),
    "phenomena, contrast": Said(
        "Reference above the wrong word, split {split}",
        "How often the reference is more probable than the same sentence with the decisive word wrong; guessing gives "
        "0.5. {notes}",
        "distance (words)",
        "share of references",
    ),
    "attention, cross": Said(
        "{arm}: where each output token looks in the source",
        "Dark fields show where an output token (a row) looks in the source (a column) in the last layer that does; a row "
        "adds up to 1. Above: the mean over heads; below it heads, where there are several. The example is the first of "
        "the first test split; seed {seed}. {notes}",
        "source token",
        "output token",
    ),
    "attention, encoder": Said(
        "{arm}: where the source looks at itself",
        "Dark fields show where a source token (a row) looks in the source (a column) in the encoder's last layer; a row "
        "adds up to 1. Above: the mean over heads; below it heads, where there are several. The example is the first of "
        "the first test split; seed {seed}. {notes}",
        "source token",
        "source token that looks",
    ),
    "reach, gradient": Said(
        "Where the gradient of an output goes{where}",
        "The lower a line lies at the right, the less far tokens count: of the gradient of an output's log probability "
        "(of a value: of the value) at the embedded source, the share of its norms that one token has. What the task "
        "asks for shows as well and is the same for all arms. Means over examples and seeds. {notes}",
        "distance of the source token from the output, k (tokens)",
        "share of the gradient a token gets",
    ),
    "reach, accuracy": Said(
        "Accuracy against the context that is kept{where}",
        "Where a line stops rising, the arm gains nothing from tokens farther away: source tokens farther from the "
        "output than k are another example's, at 0 all of them, at the right end none. The reference up to the output "
        "is given. Means over examples and seeds. {notes}",
        "source kept up to distance k from the output (tokens)",
        "accuracy of one output (share)",
    ),
    "profile, time": Said(
        "{work}: time a target token against length",
        "A flat line: a token costs the same at any length. Medians; bands run from quartile to quartile.",
        "length of source and target (tokens)",
        "time a target token (µs)",
    ),
    "profile, memory": Said(
        "{work}: peak memory against length",
        "A steeper line needs more the longer the text is: above what there was before the work, for batches of about "
        "equal size in tokens.",
        "length of source and target (tokens)",
        "peak memory of the work (MiB)",
    ),
}

NOTES = {
    "bars": "Upright lines: 95 % bootstrap interval of the mean, over seeds.",
    "bands": "Bands: 95 % bootstrap interval of the mean, over seeds.",
    "some": "None for an arm with one seed.",
    "one seed": "One seed an arm, and so no interval.",
    "shaded": "Shaded: seen in training.",
    "binned": "Points stand at the lower edge of their bin.",
    "few": "Distances with fewer than five examples are left out.",
    "vanished": "Less than {smallest:g} lies below the figure.",
    "cut": "Drawn are the first {rows} of {of_rows} rows and the first {columns} of {of_columns} columns.",
    "heads": "Drawn are the first {shown} of {heads} heads.",
}
"""Sentences that a caption has where they hold."""

PARTS = {
    "trained": "seen in training",
    "chance": "chance",
    "constant": "best constant answer",
    "train": "training",
    "decode": "decoding, in batches",
    "decode_one": "decoding, one by one",
    "process": "process",
    "gpu": "GPU",
    "mean": "mean over heads",
    "head": "head {number}",
    "weight": "attention weight (share)",
    "one weight": "attention",
    "loss, tokens": "nats a token",
    "loss, values": "squared error",
    "split": ", split {split}",
    "examples": ", {examples} examples",
}
"""What stands inside a figure: entries of legends, groups, panels, and parts of a title."""


def said(name: str, **values: object) -> Said:
    """A figure's words with the values filled in; blanks where a value is empty go."""
    words = FIGURES[name]
    filled = (getattr(words, part).format(**values) for part in ("title", "caption", "x", "y"))
    return Said(*(" ".join(text.split()) for text in filled))


def intervals(kind: str, seeds: object) -> str:
    """What is drawn as an interval. kind: bars or bands; seeds: how many are behind each mean."""
    counts = {int(count) for count in seeds}
    if max(counts, default=0) < 2:
        return NOTES["one seed"]
    return NOTES[kind] + (f" {NOTES['some']}" if min(counts) < 2 else "")


def label(metric: str, unit: str) -> str:
    """An axis: metric and unit."""
    return f"{words(metric)} ({unit})" if unit else words(metric)


def axis(name: str, in_words: bool = False) -> str:
    """What an axis counts, with its unit. in_words: of a translation, whose lengths are counted in words."""
    return AXES.get(f"{name} in words" if in_words else name, AXES.get(name, name))


def words(metric: str) -> str:
    """A metric's name for readers."""
    return METRICS.get(metric, metric.replace("_", " "))


def shown(text: object, most: int) -> str:
    """Any text on one line of at most `most` characters, without what cannot be drawn or kept in an SVG file.

    >>> shown("a\\nb\\x00c\\u202ed", 9), shown("unbelievable", 6)
    ('a b\\ufffdcd', 'unbel…')
    """
    line = " ".join(str(text).split())
    kept = [c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line if unicodedata.category(c) != "Cf"]
    return "".join(kept) if len(kept) <= most else "".join(kept[: most - 1]) + "…"


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
