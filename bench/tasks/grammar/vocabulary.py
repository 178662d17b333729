"""All words that sentences of a lexicon can hold, known without drawing any."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from bench.tasks.grammar import english, morphology, trees
from bench.tasks.grammar.german import ASKED, OTHER_PREFIX
from bench.tasks.grammar.lexicon import Lexicon, Verb
from bench.tasks.grammar.trees import MODALS

TENSES = ("perfect", "modals")
WITH_VERB_FINAL = ("relatives", "subordinate", "complements")


def _ordered(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(words)))


def english_words(lexicon: Lexicon, rules: Collection[str]) -> tuple[str, ...]:
    """Every word of a source, in alphabetical order."""
    words = {".", ",", "a", "an", "the", "and", "who", "whom", "that"}
    if "determiners" in rules or "modifiers" in rules:
        words |= {det for det in morphology.DETERMINERS if det not in ("bare", "no")} | {"these"}
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
    words.update(form for forms_ in english.BE.values() for form in forms_.values())
    words |= {"have", "has", "did", "do", "does", "not", "be"}
    if "modals" in rules:
        sides = (side for modal in MODALS.values() for side in (modal.english, modal.negative or ()))
        words.update(word for side in sides for form in side for word in form.split())
    if "questions" in rules:
        words |= {"?", *ASKED, "whom"}
    words.update(trees.SUBORDINATE, trees.COMPLEMENT, trees.COORDINATE)
    return _ordered(words)


def german_words(lexicon: Lexicon, rules: Collection[str]) -> tuple[str, ...]:
    """Every word of a target, and every wrong one that a reference is compared with, in alphabetical order."""
    words = {".", ",", "und", "nicht"}
    dets = morphology.DETERMINERS if {"determiners", "modifiers", "negation"} & set(rules) else ("the", "a")
    if "adverbials" in rules:
        dets = dict.fromkeys((*dets, "this", "our"))
    places = [(case, gender) for case in morphology.CASES for gender in morphology.GENDERS]
    for det in dets:
        words.update(form for place in places if (form := morphology.determiner(det, *place)))
    words.update(morphology.RELATIVE.values())
    for noun in lexicon.nouns:
        words.update(morphology.noun_form(noun, case, plural) for case in morphology.CASES for plural in (False, True))
    for adjective in lexicon.adjectives:
        words.add(adjective.german)
        words.update(adjective.stem + end for end in ("e", "en", "er", "es", "em"))
    nonfinite = bool({*TENSES, *WITH_VERB_FINAL} & set(rules))
    for verb in _verbs(lexicon, rules):
        for past in (False, True):
            words.update(morphology.finite(verb, past, person) for person in morphology.PERSONS)
            words.update(morphology.joined(verb, past, person) for person in morphology.PERSONS)
        if nonfinite:
            words |= {verb.participle, morphology.infinitive(verb)}
    prefixes = {verb.prefix for verb in _verbs(lexicon, rules) if verb.prefix is not None}
    words |= prefixes | {OTHER_PREFIX[prefix] for prefix in prefixes}
    used = ["sein", "haben", *({modal.german for modal in MODALS.values()} if "modals" in rules else ())]
    for infinitive in used:
        words.update(form for tense in morphology.IRREGULAR[infinitive] for form in tense)
        words.add(morphology.PARTICIPLES[infinitive])
    words |= {"sein", "kein"}
    if {"adverbials", "modifiers"} & set(rules):
        words |= {"in", "im", *(word for adverb in lexicon.adverbs for word in adverb.german)}
    if "modifiers" in rules:
        prepositions = (*trees.ATTACHED.values(), *trees.TEMPORAL.values())
        words.update(preposition for preposition, _ in prepositions if preposition)
    words.update(form for three in morphology.PRONOUNS.values() for form in three)
    if "questions" in rules:
        words |= {"?", "wer", "wen", "wem", *ASKED.values()}
    words.update(trees.SUBORDINATE.values(), trees.COMPLEMENT.values(), trees.COORDINATE.values())
    return _ordered(words)


def _verbs(lexicon: Lexicon, rules: Collection[str]) -> list[Verb]:
    needs = {"dative": "dative", "double": "double", "clause": "complements", "question": "complements"}
    return [
        verb
        for verb in lexicon.verbs
        if (verb.prefix is None or "separable" in rules) and (verb.frame not in needs or needs[verb.frame] in rules)
    ]
