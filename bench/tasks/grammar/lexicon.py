"""The words: read from the tables beside this file, with all forms that cannot be derived written out in them.

Within its class (person, animal, thing, ...; of verbs, the objects they take) each table begins with the words that a
small lexicon keeps, so that `lexicon(6)` is the first six of every class.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

NOUN_CLASSES = ("person", "animal", "thing", "door", "device", "text", "food", "place", "event")
FRAMES = ("none", "accusative", "dative", "double", "clause", "question")
PLURAL = "p"


@dataclass(frozen=True, eq=False)
class Noun:
    """forms: English singular and plural. gender: m, f or n. weak: ends in -n in all cases but the nominative."""

    english: tuple[str, str]
    german: str
    gender: str
    genitive: str
    plural: str
    weak: bool
    classes: tuple[str, ...]

    @property
    def person(self) -> bool:
        return "person" in self.classes


@dataclass(frozen=True, eq=False)
class Verb:
    """english: base, third person, past, participle. particle: the English word after it. prefix: the separable German
    one, and infinitive, er (third person) and preterite are without it, the participle with it. frame: what it takes
    beside the subject; subjects and objects: classes of nouns."""

    english: tuple[str, str, str, str]
    particle: str | None
    prefix: str | None
    infinitive: str
    er: str
    preterite: str
    participle: str
    auxiliary: str
    frame: str
    subjects: tuple[str, ...]
    objects: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Adjective:
    english: str
    german: str
    stem: str
    classes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Adverb:
    """english, german: one or more words. tenses: past, present or future."""

    english: tuple[str, ...]
    german: tuple[str, ...]
    kind: str
    tenses: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Lexicon:
    nouns: tuple[Noun, ...]
    verbs: tuple[Verb, ...]
    adjectives: tuple[Adjective, ...]
    adverbs: tuple[Adverb, ...]


def _rows(name: str) -> list[dict[str, str]]:
    with (Path(__file__).parent / f"{name}.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def _given(cell: str) -> str | None:
    return None if cell == "-" else cell


def _noun(row: dict[str, str]) -> Noun:
    return Noun(
        (row["english"], row["plural"]),
        *(row[name] for name in ("german", "gender", "genitive", "german_plural")),
        weak=row["weak"] == "weak",
        classes=tuple(row["class"].split(",")),
    )


def _verb(row: dict[str, str]) -> Verb:
    return Verb(
        tuple(row[name] for name in ("english", "third", "past", "participle")),
        _given(row["particle"]),
        _given(row["prefix"]),
        *(row[name] for name in ("german", "er", "preterite", "german_participle", "auxiliary", "frame")),
        subjects=tuple(row["subjects"].split(",")),
        objects=() if row["objects"] == "-" else tuple(row["objects"].split(",")),
    )


@cache
def everything() -> Lexicon:
    """All words there are."""
    return Lexicon(
        tuple(_noun(row) for row in _rows("nouns")),
        tuple(_verb(row) for row in _rows("verbs")),
        tuple(
            Adjective(row["english"], row["german"], row["stem"], tuple(row["classes"].split(",")))
            for row in _rows("adjectives")
        ),
        tuple(
            Adverb(
                *(tuple(row[side].split()) for side in ("english", "german")),
                kind=row["kind"],
                tenses=tuple(row["tenses"].split(",")),
            )
            for row in _rows("adverbs")
        ),
    )


@cache
def lexicon(most: int | None = None) -> Lexicon:
    """The first `most` words of every class; None: all.

    >>> [noun.german for noun in lexicon(2).nouns][:4]
    ['Mann', 'Frau', 'Hund', 'Katze']
    >>> len(lexicon().nouns) >= 60, len(lexicon().verbs) >= 50, len(lexicon().adjectives) >= 25
    (True, True, True)
    """
    words = everything()
    if most is None:
        return words
    nouns = {noun: None for name in NOUN_CLASSES for noun in [n for n in words.nouns if n.classes[0] == name][:most]}
    verbs = {verb: None for name in FRAMES for verb in [v for v in words.verbs if v.frame == name][:most]}
    kinds = [[a for a in words.adverbs if a.kind == kind][:most] for kind in ("time", "place")]
    adjectives = {a: None for name in NOUN_CLASSES for a in [a for a in words.adjectives if name in a.classes][:most]}
    return Lexicon(tuple(nouns), tuple(verbs), tuple(adjectives), tuple(a for kind in kinds for a in kind))
