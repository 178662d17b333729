"""One colour, marker and line style for each arm, the same in every figure.

The colours are those of Okabe and Ito (2008), which colour-blind readers can distinguish. Printed in grey, arms still
differ in marker and line style: solid with attention, dashed without, dotted where the name does not say. Filled
markers stand for arms with attention, open markers for arms without.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.colors import to_hex, to_rgb

from bench.analysis import arms

BLUE, VERMILLION, ORANGE, GREEN = "#0072B2", "#D55E00", "#E69F00", "#009E73"
SKY, PURPLE, GREY = "#56B4E9", "#CC79A7", "#7F7F7F"
YELLOW = "#B8A400"  # the palette's yellow, darkened for white paper

INK, GRID, SHADE = "#1b1f24", "#d0d5da", "#e8ecf0"
"""Colours of text and axes, of grid lines, and of the training range. The page replaces them by its own, light or
dark."""

PALE = "#fdfdfd"
"""Text on a dark field. The page replaces pure white by its background, which may be dark, and leaves this."""


@dataclass(frozen=True)
class Look:
    """Drawing style of an arm. marker, line: matplotlib's codes; filled: whether markers are filled."""

    colour: str
    marker: str
    line: str
    filled: bool


LOOKS = {
    "transformer": Look(BLUE, "o", "-", True),
    "lstm_dot": Look(VERMILLION, "s", "-", True),
    "gru_dot": Look(ORANGE, "^", "-", True),
    "rnn_dot": Look(PURPLE, "D", "-", True),
    "lstm_additive": Look(VERMILLION, "P", "-", True),
    "gru_additive": Look(ORANGE, "X", "-", True),
    "rnn_additive": Look(PURPLE, "p", "-", True),
    "lstm_general": Look(GREEN, "<", "-", True),
    "lstm_multihead": Look(SKY, ">", "-", True),
    "lstm_feeding": Look(YELLOW, "8", "-", True),
    "lstm_none": Look(GREEN, "s", "--", False),
    "gru_none": Look(SKY, "^", "--", False),
    "rnn_none": Look(PURPLE, "D", "--", False),
    "residual_lstm": Look(YELLOW, "h", "-.", True),
    "residual_gru": Look(GREY, "v", "-.", True),
    "residual_rnn": Look(PURPLE, "H", "-.", True),
    "minlstm": Look(VERMILLION, "d", ":", True),
    "mingru": Look(ORANGE, "*", ":", True),
    "transformer_encoder": Look(SKY, "o", "-.", True),
}

STACKS = {
    "transformer": "transformer",
    "lstm": "lstm_dot",
    "gru": "gru_dot",
    "rnn": "rnn_dot",
    **{name: name for name in ("residual_lstm", "residual_gru", "residual_rnn", "minlstm", "mingru")},
}
"""Arm of one stack -> encoder-decoder arm with the same look; no figure has both."""

LOOKS |= {own + arms.STACK: LOOKS[other] for own, other in STACKS.items()}

FALLBACK_COLOURS = (PURPLE, YELLOW, GREY, GREEN, SKY, ORANGE, VERMILLION)
FALLBACK_MARKERS = ("*", "<", ">", "d", "8", "H", "p", "X")

SHADES = (0.5, 0.25, 0.0, -0.3)
"""How far the colour of a variant is from its arm's: a share of white, or, if negative, of black."""

ONE_COUNT = re.compile(r"(?P<option>[^,]*)=(?P<count>\d+)\]")
"""The name of a variant with one option, a whole number."""


def look(name: str) -> Look:
    """Drawing style of an arm. A variant (`transformer [n_heads=1]`) has a shade of its arm's colour, and a marker of
    its own; one that differs in a single whole number is the darker the larger that is. Other variants, and arms that
    are not in LOOKS, get theirs from a hash of the name, so that they look the same in every figure of every report,
    whichever other arms there are."""
    if name in LOOKS:
        return LOOKS[name]
    arm = LOOKS.get(name.partition(" [")[0])
    if arm is not None:
        counted = ONE_COUNT.fullmatch(name)
        # Not crc32, which gives positions=none and positions=rotary one look.
        shade, marker = hashlib.blake2b((counted["option"] if counted else name).encode("utf-8")).digest()[:2]
        if counted:
            doublings = max(0, int(counted["count"]).bit_length() - 1)
            shade, marker = min(doublings, len(SHADES) - 1), marker + doublings
        colour = _shaded(arm.colour, SHADES[shade % len(SHADES)])
        return Look(colour, FALLBACK_MARKERS[marker % len(FALLBACK_MARKERS)], arm.line, arm.filled)
    number = zlib.crc32(name.encode("utf-8"))
    line, filled = {arms.PLAIN: ("--", False), arms.ATTENTIVE: ("-", True), arms.TRANSFORMER: ("-", True)}.get(
        arms.kind(name), (":", True)
    )
    colour = FALLBACK_COLOURS[number % len(FALLBACK_COLOURS)]
    return Look(colour, FALLBACK_MARKERS[number // len(FALLBACK_COLOURS) % len(FALLBACK_MARKERS)], line, filled)


def _shaded(colour: str, shade: float) -> str:
    """A hexadecimal colour, moved by a share of the way to white, or, if negative, to black."""
    end = 1.0 if shade > 0 else 0.0
    red, green, blue = (part + abs(shade) * (end - part) for part in to_rgb(colour))
    return to_hex((red, green, blue))


RC: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 10,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "svg.fonttype": "none",  # text stays text: searchable, and the page can colour it
    "text.parse_math": False,  # a dollar sign in a name stays a dollar sign
    "text.hinting": "none",  # hinting takes a quarter of the time of a PNG
    "xtick.bottom": False,
    "ytick.left": False,  # grid lines mark the ticks
    "figure.facecolor": "white",
    "axes.formatter.limits": (-3, 6),  # smaller and larger numbers show a power of ten above the axis
}
"""Settings of matplotlib for all figures."""


def settings(salt: str, **changes: object) -> AbstractContextManager[None]:
    """A context with the settings of this report. salt: makes the ids in SVG files reproducible and distinct;
    changes: further settings, with underscores for dots."""
    named: dict[Any, Any] = {name.replace("_", "."): value for name, value in changes.items()}
    return mpl.rc_context({**RC, **named, "svg.hashsalt": salt})
