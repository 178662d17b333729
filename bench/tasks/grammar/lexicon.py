"""The lexicon, read from the .tsv files beside this module, which list every form that no rule derives.

Within each class (person, animal, thing, ...; for verbs the frame) a table begins with the words that a small lexicon
keeps: `lexicon(6)` is the first six words of every class.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

NOUN_CLASSES = ("person", "animal", "thing", "door", "device", "text", "food", "place", "event")
FRAMES = ("none", "accusative", "dative", "double", "clause", "question")
"""Subcategorisation frames: no object, an object in a case, an indirect and a direct object, a complement clause with
`that` or with `whether`."""


@dataclass(frozen=True, eq=False)
class Noun:
    """english: singular and plural. gender: m, f or n. weak: ends in -n in every case but the nominative. classes:
    semantic classes; the first is one of NOUN_CLASSES."""

    english: tuple[str, str]
    german: str
    gender: str
    genitive: str
    plural: str
    weak: bool
    classes: tuple[str, ...]

    @property
    def person(self) -> bool:
        """Whether the noun denotes a person."""
        return "person" in self.classes


@dataclass(frozen=True, eq=False)
class Verb:
    """english: base form, third person, past, participle. particle: the English word after the verb. prefix: the
    German separable prefix; infinitive, third person and preterite exclude it, the participle includes it. frame: one
    of FRAMES. subjects, objects: the classes of nouns that the verb accepts."""

    english: tuple[str, str, str, str]
    particle: str | None
    prefix: str | None
    infinitive: str
    third_person: str
    preterite: str
    participle: str
    auxiliary: str
    frame: str
    subjects: tuple[str, ...]
    objects: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Adjective:
    """german: the predicative form. stem: the base of attributive forms. classes: of the nouns it describes."""

    english: str
    german: str
    stem: str
    classes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Adverb:
    """english, german: one or more words. kind: time or place. tenses: past, present or future."""

    english: tuple[str, ...]
    german: tuple[str, ...]
    kind: str
    tenses: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Lexicon:
    """The words of the grammar, in the order of the tables."""

    nouns: tuple[Noun, ...]
    verbs: tuple[Verb, ...]
    adjectives: tuple[Adjective, ...]
    adverbs: tuple[Adverb, ...]


def _rows(name: str) -> list[dict[str, str]]:
    with (Path(__file__).parent / f"{name}.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def _optional(cell: str) -> str | None:
    return None if cell == "-" else cell


def _noun(row: dict[str, str]) -> Noun:
    return Noun(
        english=(row["english"], row["plural"]),
        german=row["german"],
        gender=row["gender"],
        genitive=row["genitive"],
        plural=row["german_plural"],
        weak=row["weak"] == "weak",
        classes=tuple(row["class"].split(",")),
    )


def _verb(row: dict[str, str]) -> Verb:
    return Verb(
        english=(row["english"], row["third"], row["past"], row["participle"]),
        particle=_optional(row["particle"]),
        prefix=_optional(row["prefix"]),
        infinitive=row["german"],
        third_person=row["er"],
        preterite=row["preterite"],
        participle=row["german_participle"],
        auxiliary=row["auxiliary"],
        frame=row["frame"],
        subjects=tuple(row["subjects"].split(",")),
        objects=() if row["objects"] == "-" else tuple(row["objects"].split(",")),
    )


def _adjective(row: dict[str, str]) -> Adjective:
    return Adjective(row["english"], row["german"], row["stem"], tuple(row["classes"].split(",")))


def _adverb(row: dict[str, str]) -> Adverb:
    return Adverb(
        english=tuple(row["english"].split()),
        german=tuple(row["german"].split()),
        kind=row["kind"],
        tenses=tuple(row["tenses"].split(",")),
    )


@cache
def full_lexicon() -> Lexicon:
    """Every word of the tables."""
    return Lexicon(
        tuple(_noun(row) for row in _rows("nouns")),
        tuple(_verb(row) for row in _rows("verbs")),
        tuple(_adjective(row) for row in _rows("adjectives")),
        tuple(_adverb(row) for row in _rows("adverbs")),
    )


@cache
def lexicon(limit: int | None = None) -> Lexicon:
    """The first `limit` words of every class; None: all words.

    >>> [noun.german for noun in lexicon(2).nouns][:4]
    ['Mann', 'Frau', 'Hund', 'Katze']
    >>> len(lexicon().nouns) >= 60, len(lexicon().verbs) >= 50, len(lexicon().adjectives) >= 25
    (True, True, True)
    """
    words = full_lexicon()
    if limit is None:
        return words
    nouns = [noun for name in NOUN_CLASSES for noun in [n for n in words.nouns if n.classes[0] == name][:limit]]
    verbs = [verb for frame in FRAMES for verb in [v for v in words.verbs if v.frame == frame][:limit]]
    adjectives = [a for name in NOUN_CLASSES for a in [a for a in words.adjectives if name in a.classes][:limit]]
    adverbs = [adverb for kind in ("time", "place") for adverb in [a for a in words.adverbs if a.kind == kind][:limit]]
    # An adjective of several classes is listed once.
    return Lexicon(tuple(nouns), tuple(verbs), tuple(dict.fromkeys(adjectives)), tuple(adverbs))
