"""German conjugation: the forms of a verb, and which of them a clause needs.

A person is `i` (first singular), `s` (third singular) or `p` (plural; the first and the third person are the same).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from bench.tasks.grammar.lexicon import Verb
from bench.tasks.grammar.trees import MODALS, Clause

PERSONS = ("i", "s", "p")

IRREGULAR = {
    "sein": (("bin", "ist", "sind"), ("war", "war", "waren")),
    "haben": (("habe", "hat", "haben"), ("hatte", "hatte", "hatten")),
    "werden": (("werde", "wird", "werden"), ("wurde", "wurde", "wurden")),
    "können": (("kann", "kann", "können"), ("konnte", "konnte", "konnten")),
    "müssen": (("muss", "muss", "müssen"), ("musste", "musste", "mussten")),
    "wollen": (("will", "will", "wollen"), ("wollte", "wollte", "wollten")),
    "dürfen": (("darf", "darf", "dürfen"), ("durfte", "durfte", "durften")),
    "sollen": (("soll", "soll", "sollen"), ("sollte", "sollte", "sollten")),
    "wissen": (("weiß", "weiß", "wissen"), ("wusste", "wusste", "wussten")),
}
"""Present and preterite of auxiliaries and irregular verbs, by PERSONS."""

PARTICIPLES = {
    "sein": "gewesen", "haben": "gehabt", "werden": "geworden", "können": "gekonnt", "müssen": "gemusst",
    "wollen": "gewollt", "dürfen": "gedurft", "sollen": "gesollt",
}  # fmt: skip

PREFIX_FOILS = {
    "auf": "zu", "zu": "auf", "an": "aus", "aus": "an", "ein": "auf", "zurück": "an",
    "weg": "ein", "ab": "auf", "mit": "weg",
}  # fmt: skip
"""Separable prefix to the incorrect prefix it is compared with."""


@cache
def auxiliary(infinitive: str, past: bool, person: str) -> str:
    """A finite form of a verb in IRREGULAR."""
    return IRREGULAR[infinitive][past][PERSONS.index(person)]


@cache
def finite(verb: Verb, past: bool, person: str) -> str:
    """The finite form, without a separable prefix."""
    if verb.infinitive in IRREGULAR:
        return auxiliary(verb.infinitive, past, person)
    if past:
        plural = verb.preterite + ("n" if verb.preterite.endswith("e") else "en")
        return plural if person == "p" else verb.preterite
    if person == "s":
        return verb.third_person
    if person == "p":
        return verb.infinitive
    return (verb.infinitive[:-2] if verb.infinitive.endswith("en") else verb.infinitive[:-1]) + "e"


@cache
def prefixed(verb: Verb, past: bool, person: str) -> str:
    """The finite form at the end of a clause, where a separable prefix is part of the word."""
    return (verb.prefix or "") + finite(verb, past, person)


@cache
def infinitive(verb: Verb) -> str:
    """The infinitive, with a separable prefix."""
    return (verb.prefix or "") + verb.infinitive


@dataclass(frozen=True, slots=True)
class ClosingPart:
    """The part of the verb at the end of a main clause: participle or infinitive (phenomenon `bracket`) or prefix
    (`separable`). foil: the incorrect alternative."""

    phenomenon: str
    text: str
    foil: str


def finite_form(clause: Clause, person: str, verb_final: bool) -> str:
    """The finite verb of a clause. verb_final: it stands at the end, where a separable prefix is part of it."""
    verb, tense = clause.verb, clause.tense
    if tense in MODALS:
        modal = MODALS[tense]
        return auxiliary(modal.german, modal.preterite, person)
    if verb is None:
        return auxiliary("sein", tense == "past", person)
    if tense == "perfect":
        return auxiliary(verb.auxiliary, False, person)
    return (prefixed if verb_final else finite)(verb, tense == "past", person)


def closing_part(clause: Clause, verb_final: bool) -> ClosingPart | None:
    """The part of the verb beside the finite form; None: the finite form is the whole verb."""
    verb, tense = clause.verb, clause.tense
    if tense in MODALS:
        if verb is None:
            return ClosingPart("bracket", "sein", "gewesen")
        return ClosingPart("bracket", infinitive(verb), _foil(verb, infinitive(verb), verb.participle))
    if verb is None:
        return None
    if tense == "perfect":
        return ClosingPart("bracket", verb.participle, _foil(verb, verb.participle, infinitive(verb)))
    if verb.prefix is None or verb_final:
        return None
    return ClosingPart("separable", verb.prefix, PREFIX_FOILS[verb.prefix])


def _foil(verb: Verb, correct: str, foil: str) -> str:
    """Infinitive and participle are each other's foil; where they are equal (`gefallen`), a finite form is."""
    return foil if foil != correct else prefixed(verb, False, "s")


def nonfinite_foil(clause: Clause, finite_verb: str) -> str:
    """The foil of a finite verb at the end of a clause: a participle or infinitive, which leaves no finite verb."""
    if clause.tense in MODALS:
        return PARTICIPLES[MODALS[clause.tense].german]
    verb = clause.verb
    if verb is None:
        return PARTICIPLES["sein"]
    if clause.tense == "perfect":
        return PARTICIPLES[verb.auxiliary]
    candidates = (verb.participle, infinitive(verb), PARTICIPLES["sein"])
    return next(form for form in candidates if form != finite_verb)
