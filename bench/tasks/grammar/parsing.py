"""Parser: from an English sentence back to its tree, in the reading that the grammar generates.

A recursive descent that yields every reading, the longest first: words after an embedded clause belong to the embedded
clause, as in the sentences of the sampler. The first reading of the whole sentence is taken.

    >>> translate("yesterday the old man turned off the lamp .")
    'gestern machte der alte Mann die Lampe aus .'
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.tasks.grammar import german
from bench.tasks.grammar.anaphora import resolve_pronouns
from bench.tasks.grammar.english import BE, OBJECTS, PREPOSITIONS, SUBJECTS
from bench.tasks.grammar.lexicon import Adjective, Lexicon, Verb, lexicon
from bench.tasks.grammar.parsing_phrases import PhraseParser, Readings, belongs_to
from bench.tasks.grammar.trees import (
    COMPLEMENT,
    COORDINATE,
    MODALS,
    QUESTION_WORDS,
    SUBORDINATE,
    Clause,
    Phrase,
    Pronoun,
    person,
)

JoinedClause = tuple[str, Clause]
"""A conjunction and a subordinate clause."""


def translate(text: str, words: Lexicon | None = None) -> str:
    """The German translation of an English sentence. Raises ValueError for a sentence outside the grammar."""
    return " ".join(german.realise(parse(text, words))[0])


def parse(text: str, words: Lexicon | None = None) -> Clause:
    """The tree of an English sentence. words: None for the full lexicon. Raises ValueError for a sentence outside the
    grammar."""
    parser = _ClauseParser(text.split(), words or lexicon())
    for clause, end in parser.sentence():
        if end == len(parser.words):
            resolve_pronouns(clause)
            return clause
    raise ValueError(f"not a sentence of the grammar: {text!r}")


class _ClauseParser(PhraseParser):
    """Parses sentences and clauses. A clause is changed in place: a reading is valid until the next is requested."""

    def sentence(self) -> Readings[Clause]:
        """Statements, or questions if the last word is a question mark."""
        for clause, at in self._question() if self.words[-1:] == ["?"] else self._main(0):
            if self.word(at) in (".", "?"):
                yield clause, at + 1

    # Clauses

    def _main(self, at: int) -> Readings[Clause]:
        for time, after in self.time(at):
            for clause, end in self._statement(after):
                if clause.time is None:
                    clause.prefield, clause.time = "time", time
                    yield from self._joined(clause, end)
                    clause.time = None
        for place, after in self.place(at):
            for clause, end in self._statement(after):
                if clause.place is None:
                    clause.prefield, clause.place = "place", place
                    yield from self._joined(clause, end)
                    clause.place = None
        for adverbial, after in self._subordinate(at, SUBORDINATE):
            if self.matches(after, ","):
                for clause, end in self._statement(after + 1):
                    clause.prefield, clause.adverbial = "clause", adverbial
                    yield from self._joined(clause, end)
                    clause.adverbial = None
        for clause, end in self._statement(at):
            yield from self._joined(clause, end)

    def _statement(self, at: int) -> Readings[Clause]:
        """A subject and its predicate."""
        for subject, after in self.noun_phrase(at, SUBJECTS):
            yield from self.predicate(after, person(subject), subject)

    def _joined(self, clause: Clause, at: int) -> Readings[Clause]:
        """The main clause with a following adverbial clause or a coordinated main clause; then without."""
        if clause.adverbial is None:
            for adverbial, end in self._subordinate(at, SUBORDINATE):
                clause.adverbial = adverbial
                yield clause, end
                clause.adverbial = None
        comma = self.matches(at, ",")
        conjunction = self.word(at + comma)
        if conjunction in COORDINATE and (conjunction == "but") is comma:
            for other, end in self._main(at + comma + 1):
                clause.coordinated = (conjunction, other)
                yield clause, end
                clause.coordinated = None
        yield clause, at

    def _subordinate(self, at: int, conjunctions: dict[str, str]) -> Readings[JoinedClause]:
        if self.word(at) in conjunctions:
            for clause, end in self._statement(at + 1):
                yield (self.word(at), clause), end

    def _question(self) -> Readings[Clause]:
        first = self.word(0)
        question = first if first in (*QUESTION_WORDS, "who", "whom") else "yes"
        gap = question in ("whom", "what")
        if question == "who":
            for clause, end in self.predicate(1, "s", None):
                clause.question = question
                yield clause, end
            return
        start = 0 if question == "yes" else 1
        for subject, after in self.noun_phrase(start + 1, SUBJECTS):
            # Put the words in the order of a statement and parse that.
            parser = _ClauseParser(
                [*self.words[start + 1 : after], self.words[start], *self.words[after:]], self.lexicon
            )
            at = after - start - 1
            if self.words[start] in ("do", "does", "did"):
                readings = parser._do_predicate(at, subject, gap)
            else:
                readings = parser.predicate(at, person(subject), subject, gap)
            for clause, end in readings:
                clause.question = question
                yield clause, end + start

    # Predicates

    def _do_predicate(self, at: int, subject: Phrase | Pronoun, gap: bool) -> Readings[Clause]:
        """A predicate with do, does or did without negation, which only questions have."""
        present = "does" if person(subject) == "s" else "do"
        if self.word(at) not in ("did", present):
            return
        tense = "past" if self.word(at) == "did" else "present"
        for verb in self.verbs(at + 1, 0):
            yield from self._complements(Clause(verb, tense, subject), at + 2, gap)

    def predicate(
        self, at: int, verb_person: str, subject: Phrase | Pronoun | None, gap: bool = False
    ) -> Readings[Clause]:
        for start, after in self._verb_group(at, verb_person):
            start.subject = subject
            for clause, end in self._complements(start, after, gap):
                if self.matches(end, "and") and not gap:
                    for predicate, last in self.predicate(end + 1, verb_person, None):
                        clause.coordinated_predicate = predicate
                        yield clause, last
                        clause.coordinated_predicate = None
                yield clause, end

    def _verb_group(self, at: int, verb_person: str) -> Readings[Clause]:
        """Clauses with verb, tense, negation and predicative adjective only."""
        for tense, negative, after in self._modals(at, "isp".index(verb_person)):
            yield from self._with_verbs(tense, negative, after, 0)
        if self.word(at) == ("has" if verb_person == "s" else "have"):
            negative = self.matches(at + 1, "not")
            yield from self._with_verbs("perfect", negative, at + 1 + negative, 3)
        for past, tense in ((False, "present"), (True, "past")):
            if self.word(at) == BE[past][verb_person]:
                negative = self.matches(at + 1, "not")
                adjective: Adjective | None = self.adjective(at + 1 + negative)
                if adjective is not None:
                    yield Clause(None, tense, None, predicative=adjective, negative=negative), at + 2 + negative
            if self.matches(at, "did" if past else "does" if verb_person == "s" else "do", "not"):
                yield from self._with_verbs(tense, True, at + 2, 0)
            yield from self._with_verbs(tense, False, at, 2 if past else 1 if verb_person == "s" else 0)

    def _modals(self, at: int, form: int) -> Iterator[tuple[str, bool, int]]:
        """Tense, negation and the index after the modal. form: index of the person."""
        for tense, modal in MODALS.items():
            for negative, forms in ((True, modal.negative), (False, modal.english)):
                if forms is not None and self.matches(at, *forms[form].split()):
                    yield tense, negative, at + len(forms[form].split())

    def _with_verbs(self, tense: str, negative: bool, at: int, form: int) -> Readings[Clause]:
        """Clauses with each verb whose form (see `verbs`) stands at an index."""
        for verb in self.verbs(at, form):
            yield Clause(verb, tense, None, negative=negative), at + 1

    def _complements(self, clause: Clause, at: int, gap: bool) -> Readings[Clause]:
        """Adds what follows the main verb."""
        verb = clause.verb
        if verb is None:
            yield from self._circumstances(clause, at)
            return
        particle = verb.particle
        early = particle is not None and self.matches(at, particle)
        for end in self._objects(clause, verb, at + early, gap, early):
            if particle is not None and not early:
                if not isinstance(clause.object, Pronoun) or not self.matches(end, particle):
                    continue
                end += 1
            if verb.frame in ("clause", "question"):
                if self.matches(end, "that" if verb.frame == "clause" else "whether"):
                    for complement, last in self._subordinate(end, COMPLEMENT):
                        clause.complement = complement
                        yield clause, last
                    clause.complement = None
            else:
                yield from self._circumstances(clause, end)

    def _objects(self, clause: Clause, verb: Verb, at: int, gap: bool, early: bool) -> Iterator[int]:
        """Adds the objects and yields the index after them. early: the particle precedes the object, so the object can
        be a pronoun only if the particle is a preposition."""
        if verb.frame in ("none", "clause", "question"):
            if not gap:
                yield at
        elif verb.frame == "double":
            for indirect, after in self.noun_phrase(at, OBJECTS):
                for direct, end in self.noun_phrase(after, OBJECTS):
                    clause.indirect_object, clause.object = indirect, direct
                    yield end
            clause.indirect_object = clause.object = None
        elif gap:
            yield at
        else:
            for direct, end in self.noun_phrase(at, OBJECTS):
                if isinstance(direct, Pronoun) and early and verb.particle not in PREPOSITIONS:
                    continue
                if belongs_to(direct, verb.objects):
                    clause.object = direct
                    yield end
            clause.object = None

    def _circumstances(self, clause: Clause, at: int) -> Readings[Clause]:
        """Adds place and time, if there are any."""
        for place, after in [*self.place(at), (None, at)]:
            for time, end in [*self.time(after), (None, after)]:
                clause.place, clause.time = place, time
                yield clause, end
        clause.place = clause.time = None
