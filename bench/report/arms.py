"""What an arm's name says: its kind, its twin without attention, its place in every list, a sentence for readers."""

from __future__ import annotations

from collections.abc import Iterable

ORDER = (
    "transformer", "lstm_dot", "gru_dot", "rnn_dot", "lstm_additive", "gru_additive", "rnn_additive", "lstm_general",
    "lstm_multihead", "lstm_feeding", "lstm_none", "gru_none", "rnn_none", "residual_lstm", "residual_gru",
    "residual_rnn", "minlstm", "mingru",
)  # fmt: skip
"""The same order in every table, figure and list; an arm that is not here comes after these, by name."""

CELLS = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN (tanh)"}
MINIMAL = {"minlstm": "minLSTM", "mingru": "minGRU"}
ATTENTION = {
    "dot": "dot-product", "additive": "additive (Bahdanau)", "general": "general (Luong)", "multihead": "multi-head",
    "feeding": "input-feeding dot-product",
}  # fmt: skip
TRANSFORMER, ATTENTIVE, PLAIN = "transformer", "recurrent with attention", "recurrent without attention"
RECURRENT, OTHER = "recurrent", "other"
ANY_RECURRENT = (ATTENTIVE, PLAIN, RECURRENT)


def kind(name: str) -> str:
    """TRANSFORMER, ATTENTIVE, PLAIN; RECURRENT where a recurrent arm's name does not say whether it attends, so that
    rules about attention leave it out rather than guess; else OTHER. Options in brackets do not change the kind."""
    base = name.split(" [")[0]
    if base == "transformer":
        return TRANSFORMER
    cell, _, attention = base.removeprefix("residual_").partition("_")
    if cell in MINIMAL:
        return RECURRENT
    if cell not in CELLS:
        return OTHER
    if attention == "none":
        return PLAIN
    return ATTENTIVE if attention in ATTENTION else RECURRENT


def without_attention(name: str) -> str | None:
    """The arm with the same cell and no attention, for an arm with attention; None for every other arm.

    >>> without_attention("lstm_dot"), without_attention("lstm_none")
    ('lstm_none', None)
    """
    if kind(name) != ATTENTIVE:
        return None
    base, bracket, options = name.partition(" [")
    return base.rpartition("_")[0] + "_none" + bracket + options


def ordered(names: Iterable[str]) -> list[str]:
    """Distinct names in the fixed order."""
    return sorted(set(names), key=_place)


def describe(name: str) -> str:
    """One line for the glossary."""
    base, _, options = name.partition(" [")
    stem = base.removeprefix("residual_")
    inside = ", inside the Transformer's pre-norm residual block" if base.startswith("residual_") else ""
    cell, _, attention = stem.rpartition("_") if "_" in stem else (stem, "", "")
    if base == "transformer":
        text = "encoder and decoder of self-attention and feed-forward layers, the decoder attending to the encoder"
    elif cell in CELLS and attention == "none":
        text = f"{CELLS[cell]} encoder and decoder{inside}; the decoder sees only the encoder's last state"
    elif cell in CELLS and attention in ATTENTION:
        text = f"{CELLS[cell]} encoder and decoder{inside}, with {ATTENTION[attention]} attention over the source"
    elif stem in CELLS:
        text = f"{CELLS[stem]} encoder and decoder{inside}"
    elif base in MINIMAL:
        text = (
            f"{MINIMAL[base]} encoder and decoder, whose gates do not see the state, inside the Transformer's pre-norm "
            "residual block"
        )
    else:
        text = "an arm this report has no description of; see its configuration"
    return text + (f" (variant: {options.rstrip(']')})" if options else "")


def _place(name: str) -> tuple[int, str]:
    base = name.split(" [")[0]
    return (ORDER.index(base) if base in ORDER else len(ORDER), name)
