"""Every word that the sentences of a lexicon can contain, known without drawing a sentence."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from bench.tasks.grammar import english, trees
from bench.tasks.grammar import german_conjugation as conjugation
from bench.tasks.grammar import german_declension as declension
from bench.tasks.grammar.german import WHO
from bench.tasks.grammar.german_adjectives import ENDINGS
from bench.tasks.grammar.lexicon import Lexicon, Verb
from bench.tasks.grammar.selection import RULE_OF_FRAME
from bench.tasks.grammar.trees import MODALS, QUESTION_WORDS

RULES_WITH_NONFINITE = ("modals", "relatives", "subordinate", "complements", "perfect")
"""Rules that use participles and infinitives, as words or as foils."""


def english_words(lexicon: Lexicon, rules: Collection[str]) -> tuple[str, ...]:
    """Every word of a source, in alphabetical order. rules: names of `sampling.RULES`."""
    words = {".", ",", "a", "an", "the", "and", "who", "whom", "that"}
    if "determiners" in rules or "modifiers" in rules:
        words |= {determiner for determiner in declension.DETERMINERS if determiner not in ("bare", "no")} | {"these"}
    for noun in lexicon.nouns:
        words.update(noun.english)
    for verb in _verbs(lexicon, rules):
        words.update(verb.english)
        words.add(verb.particle or "the")
    words.update(adjective.english for adjective in lexicon.adjectives)
    if "adverbials" in rules or "questions" in rules:
        words |= {"in", "our", "this", *(word for adverb in lexicon.adverbs for word in adverb.english)}
    if "modifiers" in rules:
        words.update(trees.TEMPORAL, *(preposition.split() for preposition in trees.ATTACHED))
    if "pronouns" in rules or "anaphora" in rules:
        words.update(english.SUBJECTS.values(), english.OBJECTS.values())
    words.update(form for by_person in english.BE.values() for form in by_person.values())
    words |= {"have", "has", "did", "do", "does", "not", "be"}
    if "modals" in rules:
        sides = (side for modal in MODALS.values() for side in (modal.english, modal.negative or ()))
        words.update(word for side in sides for form in side for word in form.split())
    if "questions" in rules:
        words |= {"?", *QUESTION_WORDS, "whom"}
    words.update(trees.SUBORDINATE, trees.COMPLEMENT, trees.COORDINATE)
    return _ordered(words)


def german_words(lexicon: Lexicon, rules: Collection[str]) -> tuple[str, ...]:
    """Every word of a target and every foil of a decisive word, in alphabetical order."""
    words = {".", ",", "und", "nicht"}
    cells = [(case, gender) for case in declension.CASES for gender in declension.GENDERS]
    for determiner in _determiners(rules):
        words.update(form for cell in cells if (form := declension.determiner_form(determiner, *cell)))
    words.update(declension.RELATIVE_PRONOUNS.values())
    for noun in lexicon.nouns:
        words.update(declension.noun_form(noun, case, plural) for case in declension.CASES for plural in (False, True))
    for adjective in lexicon.adjectives:
        words.add(adjective.german)
        words.update(adjective.stem + ending for ending in ENDINGS)
    words |= _verb_forms(lexicon, rules)
    words |= {"sein", "kein"}
    if {"adverbials", "modifiers"} & set(rules):
        words |= {"in", "im", *(word for adverb in lexicon.adverbs for word in adverb.german)}
    if "modifiers" in rules:
        prepositions = (*trees.ATTACHED.values(), *trees.TEMPORAL.values())
        words.update(preposition for preposition, _ in prepositions if preposition)
    words.update(form for by_case in declension.PRONOUNS.values() for form in by_case)
    if "questions" in rules:
        words |= {"?", *WHO.values(), *QUESTION_WORDS.values()}
    words.update(trees.SUBORDINATE.values(), trees.COMPLEMENT.values(), trees.COORDINATE.values())
    return _ordered(words)


def _determiners(rules: Collection[str]) -> Iterable[str]:
    """The English determiners that the rules use."""
    if {"determiners", "modifiers", "negation"} & set(rules):
        return declension.DETERMINERS
    return ("the", "a", "this", "our") if "adverbials" in rules else ("the", "a")


def _verb_forms(lexicon: Lexicon, rules: Collection[str]) -> set[str]:
    """German verb forms, separable prefixes and the foils of both."""
    words: set[str] = set()
    nonfinite = bool(set(RULES_WITH_NONFINITE) & set(rules))
    for verb in _verbs(lexicon, rules):
        for past in (False, True):
            words.update(conjugation.finite(verb, past, person) for person in conjugation.PERSONS)
            words.update(conjugation.prefixed(verb, past, person) for person in conjugation.PERSONS)
        if nonfinite:
            words |= {verb.participle, conjugation.infinitive(verb)}
        if verb.prefix is not None:
            words |= {verb.prefix, conjugation.PREFIX_FOILS[verb.prefix]}
    modals = {modal.german for modal in MODALS.values()} if "modals" in rules else set()
    for infinitive in ("sein", "haben", *modals):
        words.update(form for tense in conjugation.IRREGULAR[infinitive] for form in tense)
        words.add(conjugation.PARTICIPLES[infinitive])
    return words


def _verbs(lexicon: Lexicon, rules: Collection[str]) -> list[Verb]:
    """The verbs that the rules use."""
    return [
        verb
        for verb in lexicon.verbs
        if (verb.prefix is None or "separable" in rules)
        and (verb.frame not in RULE_OF_FRAME or RULE_OF_FRAME[verb.frame] in rules)
    ]


def _ordered(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(words)))
