"""The words of a report in each language: `texts/LANGUAGE.yaml` with nested keys and named placeholders.

Rules, facts and tables return `Text`. A `Text` is a str in English, so that data, tests and programs read one
language, and it can be rendered in every other language. A verdict is therefore computed once and rendered for each
page. A plain str is the same in all languages: a name, a number, a text of a record."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

import yaml

from bench.errors import UserError

ENGLISH = "en"

BETWEEN_CJK = re.compile(
    r"(?<=[\u3001-\u9fff\uff01-\uff60]) (?=[\u3001-\u9fff\uff01-\uff60])"
    r"|(?<=[\u3001\u3002\u3008-\u3011\uff01-\uff60]) (?!$)| (?=[\u3001\u3002\uff01-\uff60])"
)
"""A space between two Chinese characters, or beside a full-width mark, which comes from filling a placeholder."""


class Text(str):
    """English that can be rendered in other languages."""

    def render(self, language: str) -> str:
        raise NotImplementedError


class Message(Text):
    """The text of a key with its placeholders filled in. values: numbers, names or other `Text`.

    >>> text = Message("difference.of_seeds.many", count=3)
    >>> text, text.render("zh")
    ('n = 3 seeds', 'n = 3 个种子')
    """

    key: str
    values: dict[str, object]

    def __new__(cls, key: str, /, **values: object) -> Message:
        self = super().__new__(cls, _fill(key, values, ENGLISH))
        self.key, self.values = key, values
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict]:  # for copies
        return (self.key,), self.values

    def render(self, language: str) -> str:
        return _fill(self.key, {name: render(value, language) for name, value in self.values.items()}, language)


class Joined(Text):
    """Texts one after another. by: the separator, a key under `between`.

    >>> Joined(["lstm_dot", "gru_dot"]).render("zh")
    'lstm_dot、gru_dot'
    """

    parts: list[str]
    by: str

    def __new__(cls, parts: Iterable[str], by: str = "list") -> Joined:
        parts = list(parts)
        self = super().__new__(cls, texts(ENGLISH)[f"between.{by}"].join(parts))
        self.parts, self.by = parts, by
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[list[str], str], dict]:  # for copies
        return (self.parts, self.by), {}

    def render(self, language: str) -> str:
        return texts(language)[f"between.{self.by}"].join(str(render(part, language)) for part in self.parts)


def render(value: object, language: str) -> object:
    """A value in a language; anything but a `Text` stays as it is."""
    return value.render(language) if isinstance(value, Text) else value


def translate_name(group: str, name: str, default: str | None = None) -> str | Text:
    """The text of a name from the records, under `group`; without one, the default or the name itself."""
    key = f"{group}.{name}"
    return Message(key) if key in texts(ENGLISH) else name if default is None else default


def one_or_many(key: str, count: int, **values: object) -> Message:
    """The text `KEY.one` or `KEY.many`, by a number, which is a placeholder of both.

    >>> one_or_many("difference.of_seeds", 1), one_or_many("difference.of_seeds", 3)
    ('n = 1 seed', 'n = 3 seeds')
    """
    return Message(f"{key}.{'one' if count == 1 else 'many'}", count=count, **values)


def search_name(search: str) -> str | Text:
    """A search of the records in words: `beam5` is `beam search of size 5`."""
    if match := re.fullmatch(r"beam(\d+)", search):
        return Message("searches.beam", size=match[1])
    return translate_name("searches", search)


def languages() -> list[str]:
    """Codes of the languages that have a file, English first."""
    codes = [file.name.removesuffix(".yaml") for file in _folder().iterdir() if file.name.endswith(".yaml")]
    return sorted(codes, key=lambda code: (code != ENGLISH, code))


def parse_languages(codes: str) -> list[str]:
    """The languages of `en,zh`, each once. Raises UserError for a language without a file."""
    wanted = list(dict.fromkeys(code.strip() for code in codes.split(",")))
    for code in wanted:
        if code not in languages():
            raise UserError(f"no texts in the language {code!r}; there are {', '.join(languages())}")
    return wanted


@cache
def texts(language: str) -> dict[str, str]:
    """Dotted key -> text with its placeholders."""
    return _flatten(yaml.safe_load((_folder() / f"{language}.yaml").read_text(encoding="utf-8")))


def _folder() -> Traversable:
    return resources.files("bench.analysis") / "texts"


def _flatten(nested: Mapping, prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in nested.items():
        flat |= _flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _fill(key: str, values: Mapping[str, object], language: str) -> str:
    """Raises LookupError for an unknown key or a missing placeholder."""
    try:
        return BETWEEN_CJK.sub("", texts(language)[key].format_map(values))
    except KeyError as missing:
        raise LookupError(f"texts/{language}.yaml: {key}: no {missing}") from None
