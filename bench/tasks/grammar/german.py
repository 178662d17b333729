"""German sentences from trees, with marks on the decisive words. This module decides the word order of clauses.

A main clause has the finite verb in second position (first in a yes-no question) and the rest of the verb at the end;
a subordinate clause has the whole verb at the end. The middle field before the end has the order: subject (if it is
not in the prefield), pronouns, time, indirect object, object, place, `nicht`. A relative clause directly follows its
noun; complement and adverbial clauses follow the whole clause.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.tasks.grammar import trees
from bench.tasks.grammar.annotations import Mark, Word, complete
from bench.tasks.grammar.german_conjugation import closing_part, finite_form, nonfinite_foil
from bench.tasks.grammar.german_phrases import GermanPhrases, NounPhrase, object_case
from bench.tasks.grammar.trees import QUESTION_WORDS, Clause, Phrase, Pronoun, required, subject_of

WHO = {"nom": "wer", "acc": "wen", "dat": "wem"}
WHO_FOILS = {"wer": "wen", "wen": "wem", "wem": "wen"}


def realise(tree: Clause) -> tuple[list[str], list[Mark]]:
    """The words of a sentence, and for each phenomenon in it the mark with the greatest distance."""
    clauses = _Clauses()
    clauses.main(tree)
    return complete(clauses.words, clauses.dependencies, "?" if tree.question else ".")


@dataclass(frozen=True, slots=True)
class _MiddleField:
    """subject: the head of a subject that stands in the middle field. objects: indirect and direct object."""

    subject: Word | None
    objects: list[NounPhrase]


class _Clauses(GermanPhrases):
    """Appends clauses."""

    def main(self, clause: Clause) -> None:
        """A main clause or question, with the clauses joined to it."""
        start = len(self.words)
        prefield = clause.question or clause.prefield
        subject = self._prefield(clause, prefield)
        person = trees.person(clause.subject)
        verb = self.append(finite_form(clause, person, verb_final=False))
        after_verb = len(self.words)
        middle = self._middle_field(clause, prefield)
        self._end(clause, verb, middle.objects, verb_final=False)
        if subject is None and prefield != "who":
            subject = required(middle.subject)
            follower = self.words[after_verb].text
            if prefield == "yes":
                self.depends("question", verb, subject, follower)
            elif clause.question is None:
                self.depends("verb_second", verb, self.words[start], follower)
        if prefield in ("who", "whom"):
            question_word = self.words[start]
            self.depends("question", question_word, verb, WHO_FOILS[question_word.text])
        self._agreement(verb, subject, clause, verb_final=False)
        if clause.coordinated_predicate is not None:
            self._coordinated_predicate(clause.coordinated_predicate, subject, person, verb_final=False)
        self._between_commas(clause.complement)
        if prefield != "clause":
            self._between_commas(clause.adverbial)
        if clause.coordinated is not None:
            conjunction, other = clause.coordinated
            if conjunction == "but":
                self.append(",")
            self.append(trees.COORDINATE[conjunction])
            self.main(other)

    def relative_clause(self, phrase: Phrase, head: Word, pronoun: Word) -> None:
        clause = required(phrase.relative)
        if phrase.gap == "subject":
            self._verb_final(clause, pronoun, head, "p" if phrase.plural else "s")
        else:
            subject = self.noun_phrase(subject_of(clause), "nom").head
            self._verb_final(clause, pronoun, subject, trees.person(clause.subject))

    def _prefield(self, clause: Clause, prefield: str) -> Word | None:
        """What stands before the finite verb. Returns the head of the subject if that is the subject."""
        if prefield == "subject":
            return self.noun_phrase(subject_of(clause), "nom").head
        if prefield == "time":
            self.time(required(clause.time))
        elif prefield == "place":
            self.place(required(clause.place))
        elif prefield == "clause":
            self._subordinate(*required(clause.adverbial))
            self.append(",")
        elif prefield == "who":
            self.append(WHO["nom"])
        elif prefield == "whom":
            self.append(WHO[object_case(clause)])
        elif prefield != "yes":
            self.append(QUESTION_WORDS[prefield])
        return None

    def _between_commas(self, joined: tuple[str, Clause] | None) -> None:
        """A subordinate clause, if there is one."""
        if joined is not None:
            self.append(",")
            self._subordinate(*joined)
            self.append(",")

    def _subordinate(self, conjunction: str, clause: Clause) -> None:
        opener = self.append(trees.SUBORDINATE.get(conjunction) or trees.COMPLEMENT[conjunction])
        subject = self.noun_phrase(subject_of(clause), "nom").head
        self._verb_final(clause, opener, subject, trees.person(clause.subject))

    def _verb_final(self, clause: Clause, opener: Word, subject: Word, person: str) -> None:
        """The rest of a verb-final clause, after its subject or relative pronoun. opener: the conjunction or relative
        pronoun."""
        verb = Word(finite_form(clause, person, verb_final=True))
        middle = self._middle_field(clause, "subject")
        self._end(clause, verb, middle.objects, verb_final=True)
        self.words.append(verb)
        self._agreement(verb, subject, clause, verb_final=True)
        self.depends("verb_final", verb, opener, nonfinite_foil(clause, verb.text))
        if clause.coordinated_predicate is not None:
            self._coordinated_predicate(clause.coordinated_predicate, subject, person, verb_final=True)
        self._between_commas(clause.complement)
        self._between_commas(clause.adverbial)

    def _coordinated_predicate(self, clause: Clause, subject: Word | None, person: str, verb_final: bool) -> None:
        """`und` and a second predicate of the same subject, with the verb where the first predicate has it."""
        self.append("und")
        verb = Word(finite_form(clause, person, verb_final))
        if not verb_final:
            self.words.append(verb)
        middle = self._middle_field(clause, "subject")
        self._end(clause, verb, middle.objects, verb_final)
        if verb_final:
            self.words.append(verb)
        self._agreement(verb, subject, clause, verb_final, person)

    def _middle_field(self, clause: Clause, prefield: str) -> _MiddleField:
        """What stands between the two parts of the verb, without the part that stands in the prefield."""
        subject = None
        if prefield != "subject" and clause.subject is not None:
            subject = self.noun_phrase(clause.subject, "nom").head
        direct, indirect = clause.object, clause.indirect_object
        case = object_case(clause)
        objects = []
        if isinstance(direct, Pronoun):
            objects.append(self.noun_phrase(direct, case))
        if isinstance(indirect, Pronoun):
            objects.append(self.noun_phrase(indirect, "dat"))
        if clause.time is not None and prefield != "time":
            self.time(clause.time)
        if isinstance(indirect, Phrase):
            objects.append(self.noun_phrase(indirect, "dat"))
        if isinstance(direct, Phrase):
            objects.append(self.noun_phrase(direct, case, negated=clause.negative))
        if clause.place is not None and prefield != "place":
            self.place(clause.place)
        return _MiddleField(subject, objects)

    def _end(self, clause: Clause, verb: Word, objects: list[NounPhrase], verb_final: bool) -> None:
        """`nicht`, the predicative adjective and the closing part of the verb. Records what depends on the verb."""
        if clause.negative:
            kein = next((phrase.case_marker for phrase in objects if phrase.negated), None)
            if kein is not None:
                self.depends("negation", kein, verb, kein.text.removeprefix("k"))
            else:
                self.depends("negation", self.append("nicht"), verb, "kein")
        if clause.predicative is not None:
            self.append(clause.predicative.german)
        governor = verb
        closing = closing_part(clause, verb_final)
        if closing is not None:
            end = self.append(closing.text)
            self.depends(closing.phenomenon, end, verb, closing.foil)
            if closing.phenomenon == "bracket":
                governor = end
        for phrase in objects:
            if phrase.case_marker is not None and phrase.case_foil is not None:
                self.depends("case", phrase.case_marker, governor, phrase.case_foil)
            if phrase.weak_foil is not None:
                self.depends("weak_noun", phrase.head, governor, phrase.weak_foil)

    def _agreement(
        self, verb: Word, subject: Word | None, clause: Clause, verb_final: bool, person: str | None = None
    ) -> None:
        """Records the agreement of a verb with the noun of its subject; a pronoun is no noun. person: of the verb;
        None: inferred from its form."""
        if subject is None or subject.plural is None:
            return
        singular, plural = (finite_form(clause, number, verb_final) for number in ("s", "p"))
        if person is None:
            # A test for a substring: a singular preterite is part of its plural (`lachte`, `lachten`), so it counts as
            # plural and gets no agreement mark. Recorded results depend on these data, so the test stays.
            is_plural = verb.text in plural
        else:
            is_plural = person == "p"
        foil = singular if is_plural else plural
        if foil != verb.text:
            self.depends("agreement", verb, subject, foil, foil_plural=not is_plural)
