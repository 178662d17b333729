"""One colour, marker, line and place for each arm, the same in every figure.

Colours are those of Okabe and Ito (2008), which colour-blind readers can tell apart. In grey the markers and the lines
still differ: solid with attention, dashed without, dotted where the name does not say. Filled markers attend, open ones
do not.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from bench.analysis import arms

BLUE, VERMILLION, ORANGE, GREEN = "#0072B2", "#D55E00", "#E69F00", "#009E73"
SKY, PURPLE, YELLOW, GREY = (
    "#56B4E9",
    "#CC79A7",
    "#B8A400",
    "#7F7F7F",
)  # the palette's yellow, darkened for white paper

INK, GRID, SHADE = "#1b1f24", "#d0d5da", "#e8ecf0"
"""Text and axes, grid lines, the training range. The page swaps them for its own colours, light or dark."""

PALE = "#fdfdfd"
"""Words on a dark field: not the white that the page swaps for its own paper, which may be dark too."""


@dataclass(frozen=True)
class Look:
    """How an arm is drawn: line is a matplotlib line style."""

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

FALLBACK_COLOURS = (PURPLE, YELLOW, GREY, GREEN, SKY, ORANGE, VERMILLION)
FALLBACK_MARKERS = ("*", "<", ">", "d", "8", "H", "p", "X")


def look(name: str) -> Look:
    """The look of an arm. An arm without one of its own gets one from its name alone, so that it looks the same in
    every figure of every report, whatever other arms there are."""
    if name in LOOKS:
        return LOOKS[name]
    number = zlib.crc32(name.encode("utf-8"))
    line, filled = {arms.PLAIN: ("--", False), arms.ATTENTIVE: ("-", True), arms.TRANSFORMER: ("-", True)}.get(
        arms.kind(name), (":", True)
    )
    colour = FALLBACK_COLOURS[number % len(FALLBACK_COLOURS)]
    return Look(colour, FALLBACK_MARKERS[number // len(FALLBACK_COLOURS) % len(FALLBACK_MARKERS)], line, filled)


RC = {
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
    "svg.fonttype": "none",  # text stays text: it can be searched, and the page can colour it
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "text.hinting": "none",  # fitting letters to pixels takes a quarter of the time of a PNG
    "xtick.bottom": False,
    "ytick.left": False,  # the grid says where a mark is
    "figure.facecolor": "white",
    "axes.formatter.limits": (-3, 6),  # smaller numbers have their power of ten above the axis, and room beside it
}
