"""Names of arms: the kind of an arm, its twin without attention, the order of arms in lists, and descriptions."""

from __future__ import annotations

from collections.abc import Iterable

from bench.analysis.messages import Message, Text

ORDER = (
    "transformer", "lstm_dot", "gru_dot", "rnn_dot", "lstm_additive", "gru_additive", "rnn_additive", "lstm_general",
    "lstm_multihead", "lstm_feeding", "lstm_none", "gru_none", "rnn_none", "residual_lstm", "residual_gru",
    "residual_rnn", "minlstm", "mingru", "transformer_encoder", "transformer_stack", "lstm_stack", "gru_stack",
    "rnn_stack", "residual_lstm_stack", "residual_gru_stack", "residual_rnn_stack", "minlstm_stack", "mingru_stack",
)  # fmt: skip
"""The order of arms in every table, figure and list. Other arms follow by name."""

CELLS = ("lstm", "gru", "rnn")
MINIMAL = ("minlstm", "mingru")
STACK = "_stack"
"""Suffix of the names of arms of one stack."""

ATTENTION = ("dot", "additive", "general", "multihead", "feeding")
TRANSFORMER, ATTENTIVE, PLAIN = "transformer", "recurrent with attention", "recurrent without attention"
RECURRENT, OTHER = "recurrent", "other"
ANY_RECURRENT = (ATTENTIVE, PLAIN, RECURRENT)

FAMILIES = ("transformer", "lstm_attention", "gru_attention", "rnn_attention", "lstm", "gru", "rnn")
"""Families of arms, in order: see `family`."""


def base(name: str) -> str:
    """A name without its options in brackets."""
    return name.split(" [")[0]


def options(name: str) -> dict[str, str]:
    """The options in brackets.

    >>> options("transformer [positions=none, lr=0.002]")
    {'positions': 'none', 'lr': '0.002'}
    """
    inside = name.partition(" [")[2].removesuffix("]")
    return dict(word.split("=", 1) for word in inside.split(", ") if "=" in word)


def without_option(name: str, key: str) -> str:
    """A name without one of the options in brackets.

    >>> without_option("multi30k [source=de, train_pairs=1000]", "train_pairs")
    'multi30k [source=de]'
    >>> without_option("multi30k [train_pairs=1000]", "train_pairs")
    'multi30k'
    """
    left = [f"{option}={value}" for option, value in options(name).items() if option != key]
    return f"{base(name)} [{', '.join(left)}]" if left else base(name)


def kind(name: str) -> str:
    """The kind of an arm: TRANSFORMER, ATTENTIVE, PLAIN, RECURRENT or OTHER. Options in brackets do not change it.

    RECURRENT is a recurrent arm whose name does not say whether it has attention, or one stack, which has no source to
    attend to. Rules about attention leave it out.
    """
    stem = base(name)
    if stem.removesuffix(STACK) == "transformer":
        return TRANSFORMER
    cell, _, attention = stem.removeprefix("residual_").partition("_")
    if cell in MINIMAL:
        return RECURRENT
    if cell not in CELLS:
        return OTHER
    if attention == "none":
        return PLAIN
    return ATTENTIVE if attention in ATTENTION else RECURRENT


def family(name: str) -> str | None:
    """The family of an arm, one of FAMILIES; None for an arm of another kind.

    >>> family("transformer_encoder"), family("residual_lstm"), family("gru_dot"), family("rnn_stack")
    ('transformer', 'lstm', 'gru_attention', 'rnn')
    """
    if base(name).startswith(TRANSFORMER):
        return TRANSFORMER
    cell = base(name).removeprefix("residual_").partition("_")[0]
    if cell not in CELLS:
        return None
    return f"{cell}_attention" if kind(name) == ATTENTIVE else cell


def without_attention(name: str) -> str | None:
    """The arm with the same cell and no attention, if this arm has attention; else None.

    >>> without_attention("lstm_dot"), without_attention("lstm_none")
    ('lstm_none', None)
    """
    if kind(name) != ATTENTIVE:
        return None
    stem, bracket, variant = name.partition(" [")
    return stem.rpartition("_")[0] + "_none" + bracket + variant


def ordered(names: Iterable[str]) -> list[str]:
    """Distinct names in the order of ORDER."""
    return sorted(set(names), key=_position)


def describe(name: str) -> Text:
    """A description of an arm in one line."""
    own, _, variant = name.partition(" [")
    stem = own.removeprefix("residual_").removesuffix(STACK)
    inside = Message("arms.inside") if own.startswith("residual_") else ""
    cell, _, attention = stem.rpartition("_") if "_" in stem else (stem, "", "")
    if own in ("transformer", "transformer_encoder", "transformer_stack"):
        text = Message(f"arms.{own}")
    elif own.endswith(STACK) and stem in (*CELLS, *MINIMAL):
        inside = Message("arms.inside") if stem in MINIMAL else inside
        text = Message("arms.stack", cell=Message(f"arms.cells.{stem}"), inside=inside)
    elif cell in CELLS and attention == "none":
        text = Message("arms.plain", cell=Message(f"arms.cells.{cell}"), inside=inside)
    elif cell in CELLS and attention in ATTENTION:
        mechanism = Message(f"arms.attention.{attention}")
        text = Message("arms.attentive", cell=Message(f"arms.cells.{cell}"), inside=inside, attention=mechanism)
    elif stem in CELLS:
        text = Message("arms.recurrent", cell=Message(f"arms.cells.{stem}"), inside=inside)
    elif own in MINIMAL:
        text = Message("arms.minimal", cell=Message(f"arms.cells.{own}"))
    else:
        text = Message("arms.unknown")
    return Message("arms.variant", arm=text, options=variant.rstrip("]")) if variant else text


def _position(name: str) -> tuple[int, str]:
    own = base(name)
    return (ORDER.index(own) if own in ORDER else len(ORDER), name)
