"""Fonts for labels that the usual font cannot draw: an installed font that has the characters, else their code points,
and which package to install."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from matplotlib import font_manager
from matplotlib.figure import Figure as Canvas
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text as Label

from bench.data.script import HAN, HANGUL, KANA, of_character

USUAL = "DejaVu Sans"
"""The first of the sans-serif fonts of all figures; it comes with matplotlib."""

NOT_FOR_TEXT = re.compile(r"Last Resort|Emoji|STIX|Math|^cm[a-z]+\d+$")
"""Names of fonts that draw boxes, coloured bitmaps or formulas."""

PACKAGES = dict.fromkeys((HAN, KANA, HANGUL), "fonts-noto-cjk")
OTHER_PACKAGE = "fonts-noto-core fonts-noto-extra"
"""Packages of Debian and Ubuntu that have fonts for a script."""

_CODE = re.compile(r"U\+([0-9A-F]{4,6})")


def drawable(text: str) -> str:
    """The text with the code points of the characters that no installed font has.

    >>> drawable("naïve – 5 µs")
    'naïve – 5 µs'
    """
    if text.isascii():
        return text
    families = _families(text)
    if None not in families.values():
        return text
    pieces: list[str] = []
    for character in text:
        if families[character] is not None:
            joined = bool(pieces) and not _CODE.fullmatch(pieces[-1])
            pieces[-1:] = [pieces[-1] + character] if joined else [*pieces[-1:], character]
        else:
            pieces.append(f"U+{ord(character):04X}")
    return " ".join(" ".join(pieces).split())


def width(text: str) -> float:
    """The room that a label needs, in average characters of Latin text.

    >>> width("tea"), width("我看")
    (3, 4)
    """
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return 1.2 * len(text) if _CODE.search(text) else len(text) + wide


def choose(figure: Canvas) -> None:
    """Give the labels of a figure installed fonts that have their characters, and replace what none has."""
    for label in figure.findobj(Label):
        assert isinstance(label, Label)
        text = label.get_text()
        if text.isascii():
            continue
        replaced = drawable(text)
        if replaced != text:
            label.set_text(replaced)
        families = _families(replaced)
        others = dict.fromkeys(family for family in families.values() if family not in (None, USUAL))
        if others:
            label.set_fontfamily(["sans-serif", *others])


def missing(figure: Canvas) -> list[str]:
    """The characters that a figure shows by their code points, in order."""
    codes = {int(code, 16) for label in figure.findobj(Label) for code in _CODE.findall(label.get_text())}
    families = _families(chr(code) for code in sorted(codes) if code < 0x110000)
    return [character for character, family in families.items() if family is None]


def packages(characters: Iterable[str]) -> list[str]:
    """The packages that have fonts for these characters."""
    return list(dict.fromkeys(PACKAGES.get(of_character(character), OTHER_PACKAGE) for character in characters))


def _families(characters: Iterable[str]) -> dict[str, str | None]:
    """For each character the installed font family that draws it, USUAL if it can; None if there is none."""
    usual, installed = _characters(font_manager.findfont(USUAL)), None
    families: dict[str, str | None] = {}
    for character in characters:
        if character not in families and (character.isspace() or ord(character) in usual):
            families[character] = USUAL
        elif character not in families:
            installed = _installed() if installed is None else installed
            families[character] = _other_family(ord(character), installed)
    return families


@cache
def _other_family(code: int, installed: tuple[tuple[str, str], ...]) -> str | None:
    return next((name for name, path in installed if code in _characters(path)), None)


def _installed() -> tuple[tuple[str, str], ...]:
    """Name and file of every upright font for text, the most suitable first."""
    entries = [
        entry
        for entry in font_manager.fontManager.ttflist
        if entry.style == "normal" and not NOT_FOR_TEXT.search(entry.name)
    ]
    entries.sort(key=_suitability)
    return tuple(dict.fromkeys((entry.name, entry.fname) for entry in entries))


def _suitability(entry: font_manager.FontEntry) -> tuple[float, bool, bool, str]:
    weight = entry.weight if isinstance(entry.weight, int) else font_manager.weight_dict.get(entry.weight, 0)
    distance = float(abs(weight - 400))
    return distance, not entry.name.endswith("SC"), "Sans" not in entry.name, entry.name


@cache
def _characters(path: str) -> frozenset[int]:
    """The code points that a font has a glyph for; none if it cannot be read or scaled."""
    try:
        font = FT2Font(str(Path(path)))
        return frozenset(font.get_charmap()) if font.scalable else frozenset()
    except (OSError, RuntimeError):
        return frozenset()
