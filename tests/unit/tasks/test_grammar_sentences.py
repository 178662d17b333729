"""The sentences: against hand-written pairs, against a parser, and against a checker with tables of its own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bench.tasks.grammar import english, german, parsing, trees
from bench.tasks.grammar import german_conjugation as conjugation
from bench.tasks.grammar import german_declension as declension
from bench.tasks.grammar.annotations import PHENOMENA
from bench.tasks.grammar.lexicon import lexicon
from bench.tasks.grammar.random_choices import RandomChoices
from bench.tasks.grammar.sampling import RULES, TreeSampler
from bench.tasks.grammar.vocabulary import english_words, german_words

LINES = (Path(__file__).parent / "grammar_pairs.tsv").read_text(encoding="utf-8").splitlines()
PAIRS = [tuple(line.split("\t")) for line in LINES if not line.startswith("#")]


def drawn(seed: int, count: int, depth: int = 2) -> list[trees.Clause]:
    sampler, random = TreeSampler(lexicon(), RULES), RandomChoices(np.random.default_rng(seed))
    return [sampler.sentence(random, depth) for _ in range(count)]


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=[source for source, _ in PAIRS])
def test_hand_written_pairs(source: str, target: str) -> None:
    tree = parsing.parse(source)
    assert " ".join(english.realise(tree)) == source
    assert " ".join(german.realise(tree)[0]) == target


def test_the_pairs_use_every_word_and_every_phenomenon() -> None:
    assert len(PAIRS) >= 200 and len(set(PAIRS)) == len(PAIRS)
    german_tokens = {word for pair in PAIRS for word in pair[1].split()}
    for noun in lexicon().nouns:
        assert german_tokens & {
            declension.noun_form(noun, case, many) for case in declension.CASES for many in (False, True)
        }, noun.german
    verbs = Counter()
    marked = Counter()
    for source, _ in PAIRS:
        tree = parsing.parse(source)
        marked.update(mark.phenomenon for mark in german.realise(tree)[1])
        verbs.update(clause.verb for clause in clauses(tree))
    assert set(lexicon().verbs) <= set(verbs)
    assert set(marked) == set(PHENOMENA)
    tokens = " ".join(source for source, _ in PAIRS)
    for text in (*trees.ATTACHED, *trees.TEMPORAL, *trees.SUBORDINATE, *trees.COMPLEMENT, *trees.COORDINATE):
        assert f" {text} " in f" {tokens} ", text
    for det in declension.DETERMINERS:
        assert det in ("bare", "no") or f" {det} " in f" {tokens} ", det


def clauses(tree: trees.Clause) -> list[trees.Clause]:
    """A clause and all that lie in it."""
    inner = [
        tree.coordinated_predicate,
        *(joined[1] for joined in (tree.complement, tree.adverbial, tree.coordinated) if joined),
    ]
    for phrase in (tree.subject, tree.object, tree.indirect_object):
        if isinstance(phrase, trees.Phrase):
            inner.append(phrase.relative)
    return [tree, *(one for clause in inner if clause is not None for one in clauses(clause))]


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_what_is_drawn_reads_back_to_the_same_german(depth: int) -> None:
    """So that an English sentence decides its German one."""
    for tree in drawn(depth, 400, depth):
        source, target = " ".join(english.realise(tree)), " ".join(german.realise(tree)[0])
        assert parsing.translate(source) == target, source


def test_clauses_nest_as_deep_as_asked_for_and_no_deeper() -> None:
    for depth in range(4):
        assert max(trees.depth_of(tree) for tree in drawn(depth, 1500, depth)) == depth


def test_every_word_is_in_the_vocabulary() -> None:
    sources, targets = set(english_words(lexicon(), RULES)), set(german_words(lexicon(), RULES))
    for tree in drawn(5, 1500, 3):
        words, marks = german.realise(tree)
        assert set(english.realise(tree)) <= sources
        assert set(words) | {mark.foil for mark in marks} <= targets


def test_marks_point_at_what_they_say() -> None:
    prefixes = {verb.prefix for verb in lexicon().verbs if verb.prefix}
    nonfinite = {verb.participle for verb in lexicon().verbs} | {
        conjugation.infinitive(verb) for verb in lexicon().verbs
    }
    counts = Counter()
    for tree in drawn(7, 1500, 2):
        words, marks = german.realise(tree)
        assert len({mark.phenomenon for mark in marks}) == len(marks)
        for mark in marks:
            counts[mark.phenomenon] += 1
            word = words[mark.at]
            assert word != mark.foil and mark.distance > 0
            assert mark.attractors == 0 or mark.phenomenon == "agreement"
            if mark.phenomenon == "separable":
                assert word in prefixes and mark.foil in prefixes
                assert mark.at + 1 == len(words) or words[mark.at + 1] in (".", "?", ",", "und", *prefixes), words
            elif mark.phenomenon == "bracket":
                assert word in nonfinite | {"sein"}
            elif mark.phenomenon == "negation":
                assert word == "nicht" or word.startswith("kein")
            elif mark.phenomenon == "verb_second":
                assert words[mark.at + 1] == mark.foil
            elif mark.phenomenon == "verb_final":
                opener = words[mark.at - mark.distance]
                openers = {
                    *trees.SUBORDINATE.values(),
                    *trees.COMPLEMENT.values(),
                    *declension.RELATIVE_PRONOUNS.values(),
                }
                assert opener in openers
    assert set(counts) == set(PHENOMENA) and min(counts.values()) >= 20


# The checker. Its tables are its own, and it sees German words alone, with the genders and numbers of nouns.

ARTICLES = {
    "der": "nm df gf gp", "die": "nf af np ap", "das": "nn an", "den": "am dp", "dem": "dm dn", "des": "gm gn",
    "im": "dm dn",
}  # fmt: skip
DER_WORDS = {"er": "nm df gf gp", "e": "nf af np ap", "es": "nn an gm gn", "en": "am dp", "em": "dm dn"}
EIN_WORDS = {"": "nm nn an", "e": "nf af np ap", "en": "am dp", "em": "dm dn", "er": "df gf gp", "es": "gm gn"}
STRONG_ENDINGS = {"er": "nm df gf gp", "e": "nf af np ap", "es": "nn an", "en": "am dp gm gn", "em": "dm dn"}
WEAK_E = {"nm", "nf", "nn", "af", "an"}
EVERY_CELL = {case + gender for case in "nadg" for gender in "mfnp"}
NUMBERS = ("zwei", "drei", "vier", "fünf", "zehn")


def cells(determiner: str) -> tuple[str, set[str]] | None:
    """How adjectives go after a word, and the cases and genders that it may be; None: it is no determiner."""
    if determiner in ARTICLES:
        return "weak", set(ARTICLES[determiner].split())
    if determiner in NUMBERS:
        return "strong", {case + "p" for case in "nadg"}
    for stem, table, kind in (
        *((stem, EIN_WORDS, "mixed") for stem in ("ein", "kein", "mein", "sein", "ihr", "unser")),
        *((stem, DER_WORDS, "weak") for stem in ("dies", "jed", "all")),
        *((stem, STRONG_ENDINGS, "strong") for stem in ("viel", "einig")),
    ):
        if determiner.startswith(stem) and determiner[len(stem) :] in table:
            allowed = set(table[determiner[len(stem) :]].split())
            return kind, {c for c in allowed if c[1] == "p"} if stem in ("viel", "einig", "all") else allowed
    return None


def noun_cells() -> dict[str, set[str]]:
    """Noun form to what it may be, from the columns of the table of nouns alone."""
    forms: dict[str, set[str]] = {}
    for noun in lexicon().nouns:
        for case in "nadg":
            bent = noun.genitive if case == "g" or (noun.weak and case != "n") else noun.german
            forms.setdefault(bent, set()).add(case + noun.gender)
            many = noun.plural + "n" if case == "d" and not noun.plural.endswith(("n", "s")) else noun.plural
            forms.setdefault(many, set()).add(case + "p")
    return forms


NOUN_CELLS = noun_cells()
STEMS = {adjective.stem for adjective in lexicon().adjectives}


def phrase_cells(words: list[str], at: int) -> set[str]:
    """What the noun at a place may be, by itself, its adjective and its determiner; empty: they do not agree. A word
    that may be a relative or a personal pronoun and no determiner is read both ways."""
    before = at - 1
    end = None
    for ending in ("e", "en", "er", "es", "em"):
        if before >= 0 and words[before].endswith(ending) and words[before][: -len(ending)] in STEMS:
            end = ending
    if end is not None:
        before -= 1
    known = cells(words[before]) if before >= 0 else None
    agreeing = _agreeing(words, at, before, end, known)
    if known is not None and (words[before - 1] == "," or words[before] == "ihr"):
        agreeing |= _agreeing(words, at, before, end, None)
    return agreeing


def _agreeing(words: list[str], at: int, before: int, end: str | None, known: tuple[str, set[str]] | None) -> set[str]:
    """See `phrase_cells`. end: the ending of the adjective, known: the cells of the determiner; None without one."""
    kind, allowed = "strong", set(NOUN_CELLS[words[at]])
    if known is not None:
        kind, own = known
        allowed &= own
    else:
        allowed = {c for c in allowed if c[1] == "p"}
    if end is None:
        return allowed
    if kind == "strong":
        return allowed & set(STRONG_ENDINGS[end].split())
    if kind == "mixed" and words[before][-1] in "nr" and words[before].removeprefix("k") in (
        "ein", "mein", "sein", "ihr", "unser"
    ):  # fmt: skip
        return allowed & {"er": {"nm"}, "es": {"nn", "an"}}.get(end, set())
    return allowed & (WEAK_E if end == "e" else EVERY_CELL - WEAK_E if end == "en" else set())


def test_the_checker_tells_right_from_wrong() -> None:
    good = ("der alte Mann", "den alten Mann", "einem klugen Studenten", "alte Männer", "ein kleines Kind",
            "unser alter Herr")  # fmt: skip
    bad = ("der alten Mann", "den alter Mann", "einem klugen Student", "die alte Männer", "ein kleine Kind",
           "das alte Frau", "viele alten Frauen", "dem Lehrern", "unser alte Herr")  # fmt: skip
    for text in good:
        assert phrase_cells(text.split(), len(text.split()) - 1), text
    for text in bad:
        assert not phrase_cells(text.split(), len(text.split()) - 1), text


def test_determiners_adjectives_nouns_and_verbs_agree() -> None:
    plurals = {conjugation.prefixed(v, past, "p") for v in lexicon().verbs for past in (False, True)}
    plurals |= {conjugation.finite(v, past, "p") for v in lexicon().verbs for past in (False, True)}
    plurals |= {"sind", "waren", "haben", "werden", "können", "müssen", "wollen", "dürfen"}
    plurals |= {"konnten", "mussten", "wollten", "durften", "sollten"}
    checked = Counter()
    for tree in drawn(11, 3000, 2):
        words, marks = german.realise(tree)
        for at, word in enumerate(words):
            if word in NOUN_CELLS and word[0].isupper():
                assert phrase_cells(words, at), (word, " ".join(words))
                checked["phrases"] += 1
        for mark in marks:
            if mark.phenomenon != "agreement":
                continue
            if "und" in words:
                continue  # two subjects, of which the mark names one
            places = [at for at in (mark.at - mark.distance, mark.at + mark.distance) if 0 <= at < len(words)]
            nouns = [at for at in places if words[at] in NOUN_CELLS and words[at][0].isupper()]
            assert nouns
            number = {cell[1] == "p" for at in nouns for cell in phrase_cells(words, at) if cell[0] == "n"}
            if len(number) == 1:
                assert (words[mark.at] in plurals) is number.pop(), " ".join(words)
                checked["verbs"] += 1
    assert checked["phrases"] > 5000 and checked["verbs"] > 800, checked


def test_there_are_more_than_ten_million_sentences() -> None:
    """Counted, not drawn: subject, transitive verb and object alone, each of the two with one of five determiners of a
    number and one or no adjective that training may put before it, in the present and the past."""
    sampler = TreeSampler(lexicon(), RULES)

    def phrases(nouns: list) -> int:
        return sum(2 * 5 * (1 + len(sampler.adjectives[noun])) for noun in nouns)

    count = 0
    for verb in sampler.verbs["accusative"]:
        subjects = {noun for name in verb.subjects for noun in sampler.nouns[name]}
        count += 2 * phrases(list(subjects)) * phrases(sampler.objects[verb])
    assert count > 10_000_000, count
    sources = {" ".join(english.realise(tree)) for tree in drawn(13, 4000, 2)}
    long = [" ".join(words) for words in map(english.realise, drawn(17, 4000, 2)) if len(words) >= 12]
    assert len(set(long)) == len(long) and len(sources) > 3900


def test_a_broken_sentence_is_not_one_of_the_grammar() -> None:
    for text in (
        *("the man sleep .", "the man the dog saw .", "the man whom the dog saw the cat slept .", "a men slept ."),
        *("the man slept", "these man slept .", "the man slept the dog .", "the apple bought a man .", ""),
    ):
        with pytest.raises(ValueError, match="not a sentence of the grammar"):
            parsing.parse(text)
