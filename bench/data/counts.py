"""What reading and cleaning of text counts. Nothing may be left out, cut or changed without one of these counts.

The counts of a cell stand in its record under `data.counts`.
"""

from __future__ import annotations

LEFT_OUT: dict[str, str] = {
    "train_dropped_empty": "a side has no text",
    "train_removed_overlap": "a side that task.overlap names is also in a held-out text",
    "train_removed_duplicates": "the same pair again",
    "train_dropped_long": "a side has more subwords than max_length",
    "train_dropped_ratio": "one side is longer than max_ratio times the other",
    "train_beyond_pairs": "beyond train_pairs, in a random order that is always the same",
}
"""Why a training pair is left out, by key."""

ASKED_FOR = "train_beyond_pairs"
"""The key of pairs that a user left out on purpose."""

CHANGED: dict[str, str] = {
    "tabs": "lines with a tab, which became a space",
    "nfc": "lines with letters and marks apart, composed to NFC",
    "invisible": "lines with invisible characters, which were removed",
    "reserved": "lines with what SentencePiece reserves (U+2581, U+2585, <s>), which decoding does not restore",
    "header_lines": "first lines of tables, which are column names and no text",
    "lines_tidied": "lines with runs of white space, which became one space",
}
"""How a line was changed, by key; a line may count under several."""

SPLIT_OFF: dict[str, str] = {
    "valid_split_off": "for validation",
    "test_split_off": "for the test set",
}
"""Pairs of the training text that become a held-out set, by key."""

SET_ASIDE: dict[str, str] = {
    "tatoeba_other_translations": "a held-out sentence keeps its first translation only",
    "tatoeba_beyond_training_pairs": "training has the first 150,000 pairs",
}
"""Pairs that the definition of a published corpus does not use, by key. They are no part of its training text."""
