"""German declension: determiners, nouns, personal and relative pronouns. Adjectives are in `german_adjectives`.

Cases are `nom`, `acc`, `dat` and `gen`. Genders are `m`, `f`, `n` and `p` for the plural, which has no gender.
The tables are those of Duden 4, Die Grammatik, "Flexion".
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from bench.tasks.grammar.lexicon import Noun

CASES = ("nom", "acc", "dat", "gen")
GENDERS = "mfnp"

Forms = dict[tuple[str, str], str]
"""(case, gender) to a form or an ending."""


def form_table(text: str) -> Forms:
    """Reads four lines (cases) of four forms (genders); `-` stands for an empty form."""
    rows = [line.split() for line in text.strip().splitlines()]
    cells = {(case, gender): form for case, row in zip(CASES, rows) for gender, form in zip(GENDERS, row)}
    return {place: "" if form == "-" else form for place, form in cells.items()}


# Determiners

THE = form_table("""
    der die das die
    den die das die
    dem der dem den
    des der des der
""")
DER_ENDINGS = form_table("""
    er e es e
    en e es e
    em er em en
    es er es er
""")
EIN_ENDINGS = form_table("""
    - e - e
    en e - e
    em er em en
    es er es er
""")


class Determiner(NamedTuple):
    """The German determiner for an English one: the kind of its inflection and its stem.

    Kinds: `the`, the definite article; `der` and `ein`, inflected like these words; `strong`, inflected like `der`,
    but followed by a strong adjective, as if there were no determiner; `fixed`, not inflected; `none`, no word."""

    kind: str
    stem: str


DETERMINERS = {
    "the": Determiner("the", ""),
    "this": Determiner("der", "dies"),
    "every": Determiner("der", "jed"),
    "a": Determiner("ein", "ein"),
    "no": Determiner("ein", "kein"),
    "my": Determiner("ein", "mein"),
    "our": Determiner("ein", "unser"),
    "his": Determiner("ein", "sein"),
    "her": Determiner("ein", "ihr"),
    "many": Determiner("strong", "viel"),
    "some": Determiner("strong", "einig"),
    "all": Determiner("der", "all"),
    "two": Determiner("fixed", "zwei"),
    "three": Determiner("fixed", "drei"),
    "four": Determiner("fixed", "vier"),
    "five": Determiner("fixed", "fünf"),
    "ten": Determiner("fixed", "zehn"),
    "bare": Determiner("none", ""),
}
"""English determiner to the German one. `bare` stands for no determiner."""

POSSESSIVES = ("my", "our", "his", "her")


@cache
def determiner_form(determiner: str, case: str, gender: str) -> str:
    """The German form of an English determiner; "" where German has no word.

    >>> determiner_form("our", "dat", "f"), determiner_form("a", "acc", "m"), determiner_form("bare", "nom", "p")
    ('unserer', 'einen', '')
    """
    kind, stem = DETERMINERS[determiner]
    if kind == "the":
        return THE[case, gender]
    if kind in ("none", "fixed"):
        return stem
    return stem + (EIN_ENDINGS if kind == "ein" else DER_ENDINGS)[case, gender]


CONTRACTIONS = {("in", "dem"): "im"}
"""A preposition and a definite article that always merge into one word."""


# Nouns


@cache
def noun_form(noun: Noun, case: str, plural: bool) -> str:
    """The form of a noun. The lexicon lists the genitive and the plural; the dative plural adds -n."""
    if plural:
        return noun.plural + ("n" if case == "dat" and noun.plural[-1] not in "ns" else "")
    if case == "gen" or (noun.weak and case != "nom"):
        return noun.genitive
    return noun.german


# Pronouns

PRONOUNS = {
    "i": ("ich", "mich", "mir"),
    "he": ("er", "ihn", "ihm"),
    "she": ("sie", "sie", "ihr"),
    "it": ("es", "es", "ihm"),
    "we": ("wir", "uns", "uns"),
    "they": ("sie", "sie", "ihnen"),
}
"""English pronoun to the German nominative, accusative and dative."""

PRONOUN_OF_GENDER = {"m": "he", "f": "she", "n": "it", "p": "they"}
GENDER_OF_PRONOUN = {"he": "m", "she": "f", "it": "n", "they": "p"}

RELATIVE_PRONOUNS = form_table("""
    der die das die
    den die das die
    dem der dem denen
    dessen deren dessen deren
""")


def pronoun_form(pronoun: str, case: str) -> str:
    """The German form of an English pronoun, a key of PRONOUNS."""
    return PRONOUNS[pronoun][CASES.index(case)]
