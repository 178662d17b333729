"""Overrides as they are typed. The values of some keys are plain text: paths, names, languages. They are taken
character by character, and quoted here for Hydra, in whose grammar brackets, commas, spaces and numbers have a
meaning.

Four forms of a plain value keep their meaning in Hydra: `null`; a value in quotes; an interpolation of a setting, such
as `out=runs/${seed}`; and in a multirun commas, `choice(...)` and the like. A path with `./` before it is never one of
the first two."""

from __future__ import annotations

import os
import re
import shlex
import types
import typing
from collections.abc import Iterator, Sequence
from functools import cache

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from bench.conf import checks, files, tuned_settings
from bench.errors import UserError
from bench.system import paths
from bench.tasks.base import Task

NULL = re.compile("null", re.IGNORECASE)
QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
CHOICE = re.compile(r"choice\((.*)\)", re.DOTALL)
SWEEP = re.compile(r"(range|interval|glob|shuffle|sort|tag)\(.*\)", re.DOTALL)
"""Hydra's functions that stand for several values; they have this meaning in a multirun alone."""

INTERPOLATION = re.compile(
    r"(\\*)\$\{(?!(?:seed|threads|device|task|model|budget|match|optim|search)[.\w]*\}|oc\.\w+:)"
)
"""The start of what would be an interpolation of no setting, with the backslashes before it."""


def as_typed(words: Sequence[str], multirun: bool = False) -> tuple[str, ...]:
    """The overrides with their plain values quoted. Words that are quoted already stay as they are.

    Raises UserError, one line with the word to paste, where a value could mean two things.
    """
    plain, lists = _text_keys(words)
    return tuple(_rewritten(word, plain, lists, multirun) for word in words)


def unreadable(words: Sequence[str], error: Exception) -> str | None:
    """What to write instead of the first word that Hydra cannot read; None where it reads all of them."""
    parser = OverridesParser.create()
    for word in words:
        try:
            parser.parse_overrides([word])
        except HydraException:
            key, _, value = word.partition("=")
            quoted = f"{key}={quote(value)}"
            try:
                parser.parse_overrides([quoted])
            except HydraException:
                return None
            reason = str(error).strip().split("\n", 1)[0]
            return f"{word!r} cannot be read: {reason}; quote the value: {for_shell(quoted)}"
    return None


def quote(text: str) -> str:
    """The text as Hydra's quoted string.

    >>> print(quote("a b.en"), quote("it's"), quote("a" + chr(92)))
    'a b.en' 'it\\'s' 'a\\\\'
    """
    return "'" + re.sub(r"(\\*)('|\Z)", lambda match: 2 * match[1] + (r"\'" if match[2] else ""), text) + "'"


def for_shell(word: str) -> str:
    """An override as a word to paste into a shell.

    >>> print(for_shell("out='a b'"), for_shell("out='$x'"), for_shell("out=./null"))
    out="'a b'" 'out='"'"'$x'"'"'' out=./null
    """
    key, _, value = word.partition("=")
    if shlex.quote(word) == word:
        return word
    return f'{key}="{value}"' if not re.search(r'["$`\\!]', value) else shlex.quote(word)


def _rewritten(word: str, plain: frozenset[str], lists: frozenset[str], multirun: bool) -> str:
    key, equals, value = word.partition("=")
    name = key.lstrip("+~")
    if not equals or key.startswith("~") or name not in plain | lists:
        return word
    paths.check_utf8(value, f"{key}=")
    if name in plain:
        return f"{key}={_text(key, value, multirun)}"
    if not multirun:
        return f"{key}={_list(key, value)}"
    return f"{key}={','.join(_list(key, each) for each in _split(value, brackets=True))}"


def _text(key: str, value: str, multirun: bool) -> str:
    """A plain value, or the values of a multirun, for Hydra."""
    if not multirun or QUOTED.fullmatch(value):
        return _element(key, value)
    if SWEEP.fullmatch(value):
        return value
    if choice := CHOICE.fullmatch(value):
        value = choice[1]
    parts = list(_split(value))
    if len(parts) == 1:
        return _element(key, value)
    _check_commas(key, parts, "{}")
    return ",".join(_element(key, part.strip()) for part in parts)


def _list(key: str, value: str) -> str:
    """A list of plain values for Hydra: `[a b.en, c.de]`."""
    text = value.strip()
    if not (text.startswith("[") and text.endswith("]")) or not text[1:-1].strip():
        return value if text == "[]" else _element(key, value)
    parts = [part.strip() for part in _split(text[1:-1])]
    _check_commas(key, parts, "[{}]")
    return f"[{','.join(part if QUOTED.fullmatch(part) else quote(_escaped(part)) for part in parts)}]"


def _element(key: str, value: str) -> str:
    """One plain value for Hydra. Raises UserError for a file that has the name `null`, for `???`, which marks a
    missing value, and the errors of `paths.check_tilde`."""
    if NULL.fullmatch(value):
        if key == "out" or os.path.lexists(value):
            meaning = "names no folder" if key == "out" else "means none"
            raise UserError(f"{key}={value} {meaning}; for what has that name write {key}=./{value}")
        return value
    if value == "???":
        raise UserError(f"{key}={value} stands for a missing value; for what has that name write {key}='./???'")
    if QUOTED.fullmatch(value):
        if key != "out" and os.path.lexists(value) and not os.path.lexists(value[1:-1]):
            raise UserError(f"{key}: quotes around a value are Hydra's; write {for_shell(f'{key}=./{value}')}")
        return value
    paths.check_tilde(value, f"{key}=")
    return quote(_escaped(value))


def _escaped(text: str) -> str:
    """The text with `${` as characters, except where it begins an interpolation of a setting and no file has this
    name."""
    if os.path.lexists(text):
        return checks.as_characters(text)
    return INTERPOLATION.sub(lambda match: 2 * match[1] + r"\${", text)


def _split(text: str, brackets: bool = False) -> Iterator[str]:
    """The parts of a text between its commas. Those within a quoted part, and with `brackets` those within [ ], do not
    count."""
    start = position = depth = 0
    while position < len(text):
        quoted = QUOTED.match(text, position) if not text[start:position].strip(" [") else None
        if quoted is not None:
            position = quoted.end()
            continue
        depth += {"[": 1, "]": -1}.get(text[position], 0) if brackets else 0
        if text[position] == "," and depth <= 0:
            yield text[start:position]
            start = position + 1
        position += 1
    yield text[start:]


def _check_commas(key: str, parts: Sequence[str], form: str) -> None:
    """Raises UserError where a comma separates values that do not exist, and a file has both with the comma in its
    name."""
    for first in range(len(parts)):
        for last in range(first + 1, len(parts)):
            joined = ",".join(parts[first : last + 1]).strip()
            if os.path.lexists(joined) and not all(os.path.lexists(part.strip()) for part in parts[first : last + 1]):
                values = [*parts[:first], joined, *parts[last + 1 :]]
                quoted = [part if QUOTED.fullmatch(part) else quote(part.strip()) for part in values]
                word = f"{key}={form.format(','.join(quoted))}"
                raise UserError(f"{key}: a comma separates values; for the name {joined!r} write {for_shell(word)}")


def _text_keys(words: Sequence[str]) -> tuple[frozenset[str], frozenset[str]]:
    """The keys whose values are plain text, and those whose values are lists of it, for the tasks that the words
    name."""
    plain, lists = {"out"}, set[str]()
    for task in tuned_settings.groups_of(words)["task"].split(","):
        for key, is_list in _fields(task.strip()).items():
            (lists if is_list else plain).add(f"task.{key}")
    return frozenset(plain), frozenset(lists)


@cache
def _fields(task: str) -> dict[str, bool]:
    """The options of a task that hold text, and whether each holds a list of it. Empty for an unknown task."""
    if task not in files.choices("task"):
        return {}
    content = yaml.safe_load((files.CONF / "task" / f"{task}.yaml").read_text(encoding="utf-8"))
    hints = typing.get_type_hints(checks.class_of(content["_target_"], Task))
    kinds = {str: False, list[str]: True}
    return {key: kinds[kind] for key in content if (kind := _without_none(hints.get(key))) in kinds}


def _without_none(hint: object) -> object:
    """`str` of `str | None`."""
    if isinstance(hint, types.UnionType):
        others = [each for each in typing.get_args(hint) if each is not type(None)]
        return others[0] if len(others) == 1 else None
    return hint
