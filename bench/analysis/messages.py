"""The words of a report in each language: `texts/LANGUAGE.yaml`, nested keys, named placeholders.

Rules, facts and tables hand out `Text`: it is its English (so that data, tests and programs read one language), and
knows how to be render in every other. A verdict is computed once, and render in a language when its page is made. A plain
str is the same in all languages: a name, a number, a text of a record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

import yaml

from bench.errors import UserError

ENGLISH = "en"


class Text(str):
    """English that can be render in other languages."""

    def render(self, language: str) -> str:
        raise NotImplementedError


class Message(Text):
    """The text under a key with its placeholders filled in; values are numbers, names or other `Text`.

    >>> text = Message("difference.of_seeds.many", count=3)
    >>> text, text.render("zh")
    ('n = 3 seeds', 'n = 3 个种子')
    """

    def __new__(cls, key: str, /, **values: object) -> Message:
        self = super().__new__(cls, _filled(key, values, ENGLISH))
        self.key, self.values = key, values
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict]:  # for copies
        return (self.key,), self.values

    def render(self, language: str) -> str:
        return _filled(self.key, {name: render(value, language) for name, value in self.values.items()}, language)


class Joined(Text):
    """Texts one after another. by: what stands between them, a key under `between`.

    >>> Joined(["lstm_dot", "gru_dot"]).render("zh")
    'lstm_dot、gru_dot'
    """

    def __new__(cls, parts: Iterable[str], by: str = "list") -> Joined:
        parts = list(parts)
        self = super().__new__(cls, texts(ENGLISH)[f"between.{by}"].join(parts))
        self.parts, self.by = parts, by
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[list[str], str], dict]:  # for copies
        return (self.parts, self.by), {}

    def render(self, language: str) -> str:
        return texts(language)[f"between.{self.by}"].join(render(part, language) for part in self.parts)


def render(value: object, language: str) -> object:
    """A value in a language; what is no `Text` stays as it is."""
    return value.render(language) if isinstance(value, Text) else value


def translate_name(group: str, name: str, otherwise: str | None = None) -> str | Text:
    """What stands under a group and a name that came with the records; for an unknown one `otherwise`, or the name."""
    key = f"{group}.{name}"
    return Message(key) if key in texts(ENGLISH) else name if otherwise is None else otherwise


def languages() -> list[str]:
    """Codes of the languages that there are texts in, English first."""
    found = [file.name.removesuffix(".yaml") for file in _folder().iterdir() if file.name.endswith(".yaml")]
    return sorted(found, key=lambda code: (code != ENGLISH, code))


def parse_languages(codes: str) -> list[str]:
    """The languages of `en,zh`, each once. Raises UserError for one that there are no texts in."""
    found = list(dict.fromkeys(code.strip() for code in codes.split(",")))
    for code in found:
        if code not in languages():
            raise UserError(f"no texts in the language {code!r}; there are {', '.join(languages())}")
    return found


@cache
def texts(language: str) -> dict[str, str]:
    """Dotted key to text, with its placeholders."""
    return _flat(yaml.safe_load((_folder() / f"{language}.yaml").read_text(encoding="utf-8")))


def _folder() -> Traversable:
    return resources.files("bench.analysis") / "texts"


def _flat(nested: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in nested.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def _filled(key: str, values: Mapping[str, object], language: str) -> str:
    try:
        return texts(language)[key].format_map(values)
    except KeyError as missing:
        raise LookupError(f"texts/{language}.yaml: {key}: no {missing}") from None
