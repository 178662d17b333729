"""Word forms of German: declension and conjugation, by table where there is one and by rule where there is none.

Cases are `nom`, `acc`, `dat` and `gen`; genders are `m`, `f`, `n` and, where number takes their place, `p` for the
plural. The tables are those of every school grammar (Duden 4, Die Grammatik, "Flexion").
"""

from __future__ import annotations

from functools import cache

from bench.tasks.grammar.lexicon import Noun, Verb

CASES = ("nom", "acc", "dat", "gen")
GENDERS = "mfnp"


def _table(text: str) -> dict[tuple[str, str], str]:
    """(case, gender) to form, from four lines of four; `-` stands for no ending or no form."""
    rows = [line.split() for line in text.strip().splitlines()]
    cells = {(case, gender): form for case, row in zip(CASES, rows) for gender, form in zip(GENDERS, row)}
    return {place: "" if form == "-" else form for place, form in cells.items()}


THE = _table("""
    der die das die
    den die das die
    dem der dem den
    des der des der
""")
DER_ENDINGS = _table("""
    er e es e
    en e es e
    em er em en
    es er es er
""")
EIN_ENDINGS = _table("""
    - e - e
    en e - e
    em er em en
    es er es er
""")
WEAK = _table("""
    e e e en
    en e e en
    en en en en
    en en en en
""")
MIXED = _table("""
    er e es en
    en e es en
    en en en en
    en en en en
""")
STRONG = _table("""
    er e es e
    en e es e
    em er em en
    en er en er
""")
RELATIVE = _table("""
    der die das die
    den die das die
    dem der dem denen
    dessen deren dessen deren
""")

DETERMINERS = {
    "the": ("the", None),
    "this": ("der", "dies"),
    "every": ("der", "jed"),
    "a": ("ein", "ein"),
    "no": ("ein", "kein"),
    "my": ("ein", "mein"),
    "our": ("ein", "unser"),
    "his": ("ein", "sein"),
    "her": ("ein", "ihr"),
    "many": ("strong", "viel"),
    "some": ("strong", "einig"),
    "all": ("der", "all"),
    "two": ("fixed", "zwei"),
    "three": ("fixed", "drei"),
    "four": ("fixed", "vier"),
    "five": ("fixed", "fünf"),
    "ten": ("fixed", "zehn"),
    "bare": ("none", None),
}
"""English determiner to its German kind and stem. Kinds: `the`; `der` and `ein`, inflected like these; `strong`, an
inflected word after which adjectives are strong as if it were not there; `fixed`, uninflected; `none`, no word."""

ADJECTIVE_TABLES = {"the": WEAK, "der": WEAK, "ein": MIXED, "strong": STRONG, "fixed": STRONG, "none": STRONG}


@cache
def determiner(word: str, case: str, gender: str) -> str:
    """The German form; "" where there is none.

    >>> determiner("our", "dat", "f"), determiner("a", "acc", "m"), determiner("bare", "nom", "p")
    ('unserer', 'einen', '')
    """
    kind, stem = DETERMINERS[word]
    if kind == "the":
        return THE[case, gender]
    if kind == "none":
        return ""
    if kind == "fixed":
        return stem
    return stem + (EIN_ENDINGS if kind == "ein" else DER_ENDINGS)[case, gender]


@cache
def ending(word: str, case: str, gender: str) -> str:
    """The adjective's ending after an English determiner: weak, mixed or strong."""
    return ADJECTIVE_TABLES[DETERMINERS[word][0]][case, gender]


@cache
def noun_form(noun: Noun, case: str, plural: bool) -> str:
    """A noun in a case."""
    if plural:
        return noun.plural + ("n" if case == "dat" and noun.plural[-1] not in "ns" else "")
    if case == "gen":
        return noun.genitive
    if noun.weak and case != "nom":
        return noun.genitive
    return noun.german


PRONOUNS = {
    "i": ("ich", "mich", "mir"),
    "he": ("er", "ihn", "ihm"),
    "she": ("sie", "sie", "ihr"),
    "it": ("es", "es", "ihm"),
    "we": ("wir", "uns", "uns"),
    "they": ("sie", "sie", "ihnen"),
}
"""Nominative, accusative and dative."""

BY_GENDER = {"m": "he", "f": "she", "n": "it", "p": "they"}


def pronoun(person: str, case: str) -> str:
    """`person`: a key of PRONOUNS."""
    return PRONOUNS[person][CASES.index(case)]


PERSONS = ("i", "s", "p")
"""Of verb forms: first person singular, third person singular, plural (first and third are the same)."""

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
"""Present and preterite of verbs that have no rule, or that are used as auxiliaries."""

PARTICIPLES = {
    "sein": "gewesen", "haben": "gehabt", "werden": "geworden", "können": "gekonnt", "müssen": "gemusst",
    "wollen": "gewollt", "dürfen": "gedurft", "sollen": "gesollt",
}  # fmt: skip


@cache
def auxiliary(infinitive: str, past: bool, person: str) -> str:
    """A form of one of IRREGULAR."""
    return IRREGULAR[infinitive][past][PERSONS.index(person)]


@cache
def finite(verb: Verb, past: bool, person: str) -> str:
    """The verb's form, without a separable prefix."""
    if verb.infinitive in IRREGULAR:
        return auxiliary(verb.infinitive, past, person)
    if past:
        plural = verb.preterite + ("n" if verb.preterite.endswith("e") else "en")
        return plural if person == "p" else verb.preterite
    if person == "s":
        return verb.er
    if person == "p":
        return verb.infinitive
    return (verb.infinitive[:-2] if verb.infinitive.endswith("en") else verb.infinitive[:-1]) + "e"


@cache
def joined(verb: Verb, past: bool, person: str) -> str:
    """The verb's form at the end of a clause, where a separable prefix is one word with it."""
    return (verb.prefix or "") + finite(verb, past, person)


@cache
def infinitive(verb: Verb) -> str:
    return (verb.prefix or "") + verb.infinitive


CONTRACTED = {("in", "dem"): "im"}
"""A preposition and the definite article as one word, wherever they meet."""
