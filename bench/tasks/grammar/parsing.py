"""Back from an English sentence to its tree, by the grammar's own readings.

A recursive descent that yields what fits, the longest first: what follows a clause inside another one belongs to the
inner one, as it does in the sentences that are drawn. The first reading of the whole sentence is taken.

    >>> translate("yesterday the old man turned off the lamp .")
    'gestern machte der alte Mann die Lampe aus .'
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from bench.tasks.grammar import german
from bench.tasks.grammar.english import BE, OBJECTS, PREPOSITIONS, SUBJECTS
from bench.tasks.grammar.german_declension import DETERMINERS
from bench.tasks.grammar.lexicon import Lexicon, Verb, lexicon
from bench.tasks.grammar.trees import (
    ATTACHED,
    COMPLEMENT,
    COORDINATE,
    MODALS,
    QUESTION_WORDS,
    SUBORDINATE,
    TEMPORAL,
    Clause,
    Phrase,
    Place,
    Pronoun,
    Time,
    person,
)

Found = Iterator[tuple]
"""Pairs of what was read and the place after it."""

SINGULAR, PLURAL = (False,), (True,)
NUMBERS = {"a": SINGULAR, "every": SINGULAR} | dict.fromkeys(
    ("bare", "many", "some", "all", "two", "three", "four", "five", "ten"), PLURAL
)
"""Determiners that go with one number alone."""


def translate(text: str, words: Lexicon | None = None) -> str:
    """The German of an English sentence. Raises ValueError for one that the grammar does not have."""
    return " ".join(german.realise(parse(text, words))[0])


def parse(text: str, words: Lexicon | None = None) -> Clause:
    """The tree of an English sentence. Raises ValueError for one that the grammar does not have."""
    reader = _Reader(text.split(), words or lexicon())
    for clause, at in reader.sentence():
        if at == len(reader.words):
            _resolve(clause)
            return clause
    raise ValueError(f"not a sentence of the grammar: {text!r}")


def _resolve(clause: Clause) -> None:
    """Gives `it` what it stands for: the object of the main clause where that is no person, or else its subject."""
    for joined in (clause.adverbial, clause.coordinated):
        if joined is None:
            continue
        inner: Clause | None = joined[1]
        while inner is not None:
            for pronoun in (inner.subject, inner.object):
                if isinstance(pronoun, Pronoun) and pronoun.antecedent is None:
                    nouns = [one for one in (clause.object, clause.subject) if isinstance(one, Phrase)]
                    fitting = [
                        one for one in nouns if not one.noun.person and one.plural is (pronoun.person == "they")
                    ]
                    if pronoun.person in ("it", "they") and fitting:
                        pronoun.antecedent = fitting[0]
            inner = inner.complement[1] if inner.complement is not None else None


class _Reader:
    def __init__(self, words: list[str], known: Lexicon) -> None:
        self.words, self.known = words, known

    # Words

    def said(self, at: int, *texts: str) -> bool:
        return self.words[at : at + len(texts)] == list(texts)

    def word(self, at: int) -> str:
        return self.words[at] if at < len(self.words) else ""

    @cached_property
    def nouns(self) -> dict[str, tuple]:
        return {noun.english[many]: (noun, many) for noun in self.known.nouns for many in (False, True)}

    @cached_property
    def adjectives(self) -> dict[str, object]:
        return {adjective.english: adjective for adjective in self.known.adjectives}

    def verbs(self, at: int, form: int) -> list[Verb]:
        """Those with the word at a place as their base, third person, past or participle: form 0 to 3."""
        return [verb for verb in self.known.verbs if verb.english[form] == self.word(at)]

    # Sentences and clauses

    def sentence(self) -> Found:
        for clause, at in self.question() if self.words[-1:] == ["?"] else self.main(0):
            if self.word(at) in (".", "?"):
                yield clause, at + 1

    def main(self, at: int) -> Found:
        for first, value, after in self.fronted(at):
            for subject, next_ in self.noun(after, SUBJECTS):
                for clause, end in self.predicate(next_, person(subject), subject):
                    name = {"clause": "adverbial"}.get(first, first)
                    if first == "subject":
                        yield from self.joined(clause, end)
                    elif getattr(clause, name) is None:
                        clause.prefield = first
                        setattr(clause, name, value)
                        yield from self.joined(clause, end)
                        setattr(clause, name, None)

    def fronted(self, at: int) -> Iterator[tuple]:
        yield from (("time", *found) for found in self.time(at))
        yield from (("place", *found) for found in self.place(at))
        for value, after in self.subordinate(at, SUBORDINATE):
            if self.said(after, ","):
                yield "clause", value, after + 1
        yield "subject", None, at

    def joined(self, clause: Clause, at: int) -> Found:
        if clause.adverbial is None:
            for adverbial, end in self.subordinate(at, SUBORDINATE):
                clause.adverbial = adverbial
                yield clause, end
                clause.adverbial = None
        after = at + self.said(at, ",")
        if self.word(after) in COORDINATE and (self.word(after) == "but") is self.said(at, ","):
            for other, end in self.main(after + 1):
                clause.coordinated = (self.word(after), other)
                yield clause, end
                clause.coordinated = None
        yield clause, at

    def subordinate(self, at: int, conjunctions: dict[str, str]) -> Found:
        if self.word(at) in conjunctions:
            for subject, after in self.noun(at + 1, SUBJECTS):
                for clause, end in self.predicate(after, person(subject), subject):
                    yield (self.word(at), clause), end

    def question(self) -> Found:
        question = self.word(0) if self.word(0) in (*QUESTION_WORDS, "who", "whom") else "yes"
        gap = question in ("whom", "what")
        if question == "who":
            for clause, end in self.predicate(1, "s", None):
                clause.question = question
                yield clause, end
            return
        start = 0 if question == "yes" else 1
        for subject, after in self.noun(start + 1, SUBJECTS):
            # The words as they would stand in a statement, then read as one.
            turned = [*self.words[start + 1 : after], self.words[start], *self.words[after:]]
            other = _Reader(turned, self.known)
            size = after - start - 1
            auxiliary = turned[size]
            found = other.predicate(size, person(subject), subject, gap)
            if auxiliary in ("do", "does", "did"):
                found = other.emphatic(size, subject, gap)
            for clause, end in found:
                clause.question = question
                yield clause, end + start

    def emphatic(self, at: int, subject: Phrase | Pronoun, gap: bool) -> Found:
        """A verb with do, does or did, as in a question."""
        wanted = "does" if person(subject) == "s" else "do"
        if self.word(at) not in ("did", wanted):
            return
        tense = "past" if self.word(at) == "did" else "present"
        for verb in self.verbs(at + 1, 0):
            yield from self.rest(Clause(verb, tense, subject), at + 2, gap)

    def predicate(self, at: int, who: str, subject: Phrase | Pronoun | None, gap: bool = False) -> Found:
        for tense, negative, verb, quality, after in self.group(at, who):
            clause = Clause(verb, tense, subject, predicative=quality, negative=negative)
            for clause, end in self.rest(clause, after, gap):
                if self.said(end, "and") and not gap:
                    for second, last in self.predicate(end + 1, who, None):
                        clause.coordinated_predicate = second
                        yield clause, last
                        clause.coordinated_predicate = None
                yield clause, end

    def group(self, at: int, who: str) -> Iterator[tuple]:
        """Tense, whether negated, verb or None and its adjective, and the place after."""
        place = "isp".index(who)
        for tense, modal in MODALS.items():
            for negative, forms in ((True, modal.negative), (False, modal.english)):
                texts = forms[place].split() if forms is not None else ["."]
                if self.said(at, *texts):
                    after = at + len(texts)
                    yield from ((tense, negative, v, None, after + 1) for v in self.verbs(after, 0))
        if self.word(at) == ("has" if who == "s" else "have"):
            negative = self.said(at + 1, "not")
            after = at + 1 + negative
            yield from (("perfect", negative, v, None, after + 1) for v in self.verbs(after, 3))
        for past, tense in ((False, "present"), (True, "past")):
            if self.word(at) == BE[past][who]:
                negative = self.said(at + 1, "not")
                quality = self.adjectives.get(self.word(at + 1 + negative))
                if quality is not None:
                    yield tense, negative, None, quality, at + 2 + negative
            helper = "did" if past else "does" if who == "s" else "do"
            if self.said(at, helper, "not"):
                yield from ((tense, True, v, None, at + 3) for v in self.verbs(at + 2, 0))
            form = 2 if past else 1 if who == "s" else 0
            yield from ((tense, False, v, None, at + 1) for v in self.verbs(at, form))

    def rest(self, clause: Clause, at: int, gap: bool) -> Found:
        """What follows the verb."""
        verb = clause.verb
        if verb is None:
            yield from self.circumstances(clause, at)
            return
        particle = verb.particle
        if particle is not None and self.said(at, particle):
            at += 1
            particle = None
        for clause, end in self.objects(clause, at, gap, early=verb.particle is not None and particle is None):
            if particle is not None:
                if not isinstance(clause.object, Pronoun) or not self.said(end, particle):
                    continue
                end += 1
            if verb.frame in ("clause", "question"):
                wanted = "that" if verb.frame == "clause" else "whether"
                if not self.said(end, wanted):
                    continue
                for complement, last in self.subordinate(end, COMPLEMENT):
                    clause.complement = complement
                    yield clause, last
                clause.complement = None
                continue
            yield from self.circumstances(clause, end)

    def objects(self, clause: Clause, at: int, gap: bool, early: bool) -> Found:
        """early: the particle has been read, so that a pronoun may follow a preposition alone."""
        verb = clause.verb
        if verb.frame in ("none", "clause", "question"):
            if not gap:
                yield clause, at
            return
        if verb.frame == "double":
            for indirect_object, after in self.noun(at, OBJECTS):
                for goal, end in self.noun(after, OBJECTS):
                    clause.indirect_object, clause.object = indirect_object, goal
                    yield clause, end
            clause.indirect_object = clause.object = None
            return
        if gap:
            yield clause, at
            return
        for goal, end in self.noun(at, OBJECTS):
            if isinstance(goal, Pronoun) and early and verb.particle not in PREPOSITIONS:
                continue
            if _fits(goal, verb.objects):
                clause.object = goal
                yield clause, end
        clause.object = None

    def circumstances(self, clause: Clause, at: int) -> Found:
        for place, after in [*self.place(at), (None, at)]:
            for time, end in [*self.time(after), (None, after)]:
                clause.place, clause.time = place, time
                yield clause, end
        clause.place = clause.time = None

    # PhraseSampler

    def time(self, at: int) -> Found:
        for adverb in self.known.adverbs:
            if adverb.kind == "time" and self.said(at, *adverb.english):
                yield Time(adverb=adverb), at + len(adverb.english)
        if self.word(at) in TEMPORAL:
            for phrase, end in self.noun(at + 1, {}):
                yield Time(preposition=self.word(at), phrase=phrase), end

    def place(self, at: int) -> Found:
        for adverb in self.known.adverbs:
            if adverb.kind == "place" and self.said(at, *adverb.english):
                yield Place(adverb=adverb), at + len(adverb.english)
        if self.said(at, "in"):
            for phrase, end in self.noun(at + 1, {}):
                yield Place(phrase=phrase), end

    def noun(self, at: int, pronouns: dict[str, str]) -> Found:
        for key, text in pronouns.items():
            if self.word(at) == text:
                yield Pronoun(key), at + 1
        for one, after in self.plain(at):
            yield from self.modified(one, after)
            if self.said(after, "and") and pronouns is SUBJECTS:
                for other, end in self.plain(after + 1):
                    one.conjunct = other
                    yield one, end
                    one.conjunct = None
            yield one, after

    def plain(self, at: int) -> Found:
        """Determiner, adjective and noun."""
        word = self.word(at)
        det = {"an": "a", "these": "this"}.get(word, word)
        if det not in DETERMINERS or det in ("bare", "no"):
            det, after = "bare", at
        else:
            after = at + 1
        adjective = self.adjectives.get(self.word(after))
        after += adjective is not None
        noun, many = self.nouns.get(self.word(after), (None, False))
        fits = many in NUMBERS.get(det, (False, True)) and (det != "this" or (word == "these") is many)
        if noun is not None and fits:
            yield Phrase(det, noun, many, adjective=adjective), after + 1

    def modified(self, phrase: Phrase, at: int) -> Found:
        for preposition in ATTACHED:
            texts = preposition.split()
            if self.said(at, *texts):
                for other, end in self.plain(at + len(texts)):
                    phrase.modifier = (preposition, other)
                    yield phrase, end
                phrase.modifier = None
        if self.word(at) == ("who" if phrase.noun.person else "that"):
            for clause, end in self.predicate(at + 1, "p" if phrase.plural else "s", None):
                if _does(phrase, clause):
                    phrase.relative, phrase.gap = clause, "subject"
                    yield phrase, end
        if self.word(at) == ("whom" if phrase.noun.person else "that"):
            for subject, after in self.noun(at + 1, SUBJECTS):
                for clause, end in self.predicate(after, person(subject), subject, gap=True):
                    if clause.verb is not None and _fits(phrase, clause.verb.objects):
                        phrase.relative, phrase.gap = clause, "object"
                        yield phrase, end
        phrase.relative = None


def _fits(phrase: Phrase | Pronoun, classes: tuple[str, ...]) -> bool:
    """Whether it is of one of the classes; a pronoun may be of any."""
    if isinstance(phrase, Pronoun):
        return True
    return bool(set(phrase.noun.classes) & set(classes))


def _does(phrase: Phrase, clause: Clause) -> bool:
    return clause.verb is None or bool(set(phrase.noun.classes) & set(clause.verb.subjects))
