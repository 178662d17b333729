"""The words of every figure, and readers' names for what records hold. The texts themselves are in
`bench/analysis/texts/`."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.analysis import arms
from bench.analysis.messages import Joined, Message, Text, translate_name
from bench.metrics import LESS_IS_BETTER
from bench.report.figures import fonts


@dataclass(frozen=True)
class FigureText:
    """The text of one figure.

    title: above the figure; caption: below it, beginning with what to see; x, y: axis labels with units; inside: the
    other words in the drawing, by the string that is drawn.
    """

    title: Text
    caption: Text
    x: str | Text = ""
    y: str | Text = ""
    inside: Mapping[str, str | Text] = field(default_factory=dict)

    @property
    def translatable(self) -> dict[str, str | Text]:
        """Drawn string -> text, for every word that other languages replace."""
        return {str(word): word for word in (self.x, self.y)} | dict(self.inside)


def figure_text(
    name: str, notes: Iterable[Text] = (), x: str | None = None, y: str | None = None,
    inside: Mapping[str, str | Text] | None = None, **values: object,
) -> FigureText:  # fmt: skip
    """The text of a figure. name: key under `figures.each`; notes: sentences at the end of the caption; x, y: axis
    labels that depend on what is drawn, instead of the key's; values: fill the placeholders."""
    key = f"figures.each.{name}"
    caption = Joined([Message(f"{key}.caption", **values), *notes], "sentences")
    return FigureText(
        Message(f"{key}.title", **values), caption, Message(f"{key}.x", **values) if x is None else x,
        Message(f"{key}.y", **values) if y is None else y, inside or {},
    )  # fmt: skip


def note(name: str, **values: object) -> Text:
    """An optional sentence of a caption."""
    return Message(f"figures.notes.{name}", **values)


def part(name: str, **values: object) -> Text:
    """A word inside a figure (legend entry, group, panel) or a part of its title."""
    return Message(f"figures.parts.{name}", **values)


def interval_note(shape: str, seeds: Iterable[int]) -> Text:
    """Says how intervals are drawn. shape: `bars` or `bands`; seeds: number of seeds behind each mean."""
    counts = {int(count) for count in seeds}
    if max(counts, default=0) < 2:
        return note("one seed")
    return Joined([note(shape), *([note("some")] if min(counts) < 2 else [])], "sentences")


def metric_with_unit(metric: str, unit_name: str) -> str | Text:
    """Axis label of a metric."""
    return quantity_with_unit(metric_name(metric), unit_name)


def quantity_with_unit(name: str | Text, unit_name: str) -> str | Text:
    """Axis label of anything with a unit."""
    return Message("figures.metric", metric=name, unit=unit(unit_name)) if unit_name else name


def axis_label(name: str, unit_name: str = "") -> str | Text:
    """Label of a task's axis, with its unit. unit_name: `words` or `characters` where lengths count these, as in
    translation, and not tokens."""
    plain = translate_name("axes", name)
    return translate_name("axes", f"{name} in {unit_name}", plain) if unit_name else plain


def axis_name(name: str) -> str | Text:
    """Name of a task's axis inside a sentence."""
    return translate_name("axis_names", name)


def by_merit(kind: str, unit: str) -> str:
    """The text of a kind of figure, by whether more or less of the unit is better."""
    return f"{kind}, less is better" if unit in LESS_IS_BETTER else kind


def metric_name(metric: str) -> str | Text:
    """A metric's name."""
    return translate_name("metrics", metric, metric.replace("_", " "))


def phenomenon(name: str) -> str | Text:
    """Name of a linguistic phenomenon."""
    return translate_name("phenomena", name, name.replace("_", " "))


def unit(name: str) -> str | Text:
    """Name of a score's unit."""
    return translate_name("units", name)


def status(name: str) -> str | Text:
    """Name of a cell's status."""
    return translate_name("statuses", name)


def component(name: str) -> str | Text:
    """Name of a model component that has parameters."""
    return translate_name("components", name, name.replace("_", " "))


def data_fact(name: str) -> str | Text:
    """Name of a kind of fact about a task's data."""
    return translate_name("data.kinds", name, name.replace("_", " "))


def truncate(text: str, max_length: int) -> str:
    """A text of at most `max_length` characters.

    >>> truncate("unbelievable", 6)
    'unbel…'
    """
    return text if len(text) <= max_length else text[: max_length - 1] + "…"


def printable(text: object, max_length: int) -> str:
    """Any text as one line of at most `max_length` characters, without characters that an SVG file cannot hold or a
    figure cannot draw.

    >>> printable("a\\nb\\x00c\\u202ed", 9), printable("unbelievable", 6)
    ('a b\\ufffdcd', 'unbel…')
    """
    line = " ".join(str(text).split())
    drawable = [c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line if unicodedata.category(c) != "Cf"]
    return truncate(fonts.drawable("".join(drawable)), max_length)


def short_names(names: Sequence[str], max_length: int) -> list[str]:
    """The names of arms as `printable`. Of names that are too long, options that all names of their arm share are left
    out, so that what tells them apart stays.

    >>> short_names(["transformer [n_layers=1, n_heads=4]", "transformer [n_layers=1, n_heads=1]", "gru_dot"], 30)
    ['transformer [n_heads=4]', 'transformer [n_heads=1]', 'gru_dot']
    """
    shortened = []
    for name in names:
        own = arms.options(name)
        alike = [arms.options(other) for other in names if arms.base(other) == arms.base(name)]
        telling = {key: each for key, each in own.items() if any(other.get(key) != each for other in alike)}
        if len(name) > max_length and telling:
            name = f"{arms.base(name)} [{', '.join(f'{key}={each}' for key, each in telling.items())}]"
        shortened.append(printable(name, max_length))
    return shortened


def wrap(label: str) -> str:
    """A long label broken into lines at spaces and underscores.

    >>> wrap("test_2016_flickr")
    'test_2016_\\nflickr'
    """
    words = label.replace("_", "_ ").split()
    if len(label) <= 12 or len(words) < 2:
        return label
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > 14 and lines[-1]:
            lines.append("")
        lines[-1] += (" " if lines[-1] and not lines[-1].endswith("_") else "") + word
    return "\n".join(lines)


def wrapped_lines(word: str | Text, max_length: int) -> dict[str, str | Text]:
    """Drawn line -> text, for a label broken into lines. Another language puts the whole label on the first line.

    >>> wrapped_lines("decoding, one by one", 40)
    {'decoding, one': 'decoding, one by one', 'by one': ''}
    """
    first, *others = wrap(printable(word, max_length)).split("\n")
    return {first: word} | dict.fromkeys(others, "")
