"""Every word that stands in a figure, over it or below it, and the names of what records hold, by keys of the texts."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bench.analysis.messages import Joined, Message, Text, translate_name


@dataclass(frozen=True)
class Said:
    """What is said of a figure: its title, the caption (first of all what to see), and its axes with their units.
    inside: other words in it, by how they are drawn."""

    title: Text
    caption: Text
    x: str | Text = ""
    y: str | Text = ""
    inside: Mapping[str, str | Text] = field(default_factory=dict)

    @property
    def drawn(self) -> dict[str, str | Text]:
        """Every word that another language has another for, by how it is drawn."""
        return {str(word): word for word in (self.x, self.y)} | dict(self.inside)


def said(
    name: str, notes: Iterable[Text] = (), x: str | None = None, y: str | None = None,
    inside: Mapping[str, str | Text] | None = None, **values: object,
) -> Said:  # fmt: skip
    """A figure's words. name: under `figures.each` in the texts; notes: sentences that its caption ends with; x, y: its
    axes, where those depend on what is drawn."""
    key = f"figures.each.{name}"
    caption = Joined([Message(f"{key}.caption", **values), *notes], "sentences")
    return Said(
        Message(f"{key}.title", **values), caption, Message(f"{key}.x", **values) if x is None else x,
        Message(f"{key}.y", **values) if y is None else y, inside or {},
    )  # fmt: skip


def note(name: str, **values: object) -> Text:
    """A sentence that a caption has where it holds."""
    return Message(f"figures.notes.{name}", **values)


def part(name: str, **values: object) -> Text:
    """What stands inside a figure: an entry of a legend, a group, a panel, or a part of a title."""
    return Message(f"figures.parts.{name}", **values)


def intervals(kind: str, seeds: object) -> Text:
    """What is drawn as an interval. kind: bars or bands; seeds: how many are behind each mean."""
    counts = {int(count) for count in seeds}
    if max(counts, default=0) < 2:
        return note("one seed")
    return Joined([note(kind), *([note("some")] if min(counts) < 2 else [])], "sentences")


def label(metric: str, counted: str) -> str | Text:
    """An axis: metric and unit."""
    return Message("figures.metric", metric=words(metric), unit=unit(counted)) if counted else words(metric)


def axis(name: str, in_words: bool = False) -> str | Text:
    """What an axis counts, with its unit. in_words: of a translation, whose lengths are counted in words."""
    plain = translate_name("axes", name)
    return translate_name("axes", f"{name} in words", plain) if in_words else plain


def axis_name(name: str) -> str | Text:
    """What an axis counts, in a sentence."""
    return translate_name("axis_names", name)


def words(metric: str) -> str | Text:
    """A metric's name for readers."""
    return translate_name("metrics", metric, metric.replace("_", " "))


def phenomenon(name: str) -> str | Text:
    return translate_name("phenomena", name, name.replace("_", " "))


def unit(name: str) -> str | Text:
    """Of scores."""
    return translate_name("units", name)


def status(name: str) -> str | Text:
    """Of a cell."""
    return translate_name("statuses", name)


def component(name: str) -> str | Text:
    """Of a model's parameters."""
    return translate_name("components", name, name.replace("_", " "))


def of_data(name: str) -> str | Text:
    """A kind of fact about a task's data."""
    return translate_name("data.kinds", name, name.replace("_", " "))


def beginning(text: str, most: int) -> str:
    """A text of at most so many characters.

    >>> beginning("unbelievable", 6)
    'unbel…'
    """
    return text if len(text) <= most else text[: most - 1] + "…"


def shown(text: object, most: int) -> str:
    """Any text on one line of at most `most` characters, without what cannot be drawn or kept in an SVG file.

    >>> shown("a\\nb\\x00c\\u202ed", 9), shown("unbelievable", 6)
    ('a b\\ufffdcd', 'unbel…')
    """
    line = " ".join(str(text).split())
    kept = [c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line if unicodedata.category(c) != "Cf"]
    return beginning("".join(kept), most)


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


def lines(word: str | Text, most: int) -> dict[str, str | Text]:
    """How a long label is drawn, line by line: in another language the first line has all of it.

    >>> lines("decoding, one by one", 40)
    {'decoding, one': 'decoding, one by one', 'by one': ''}
    """
    first, *others = wrapped(shown(word, most)).split("\n")
    return {first: word} | dict.fromkeys(others, "")
