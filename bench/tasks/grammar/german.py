"""German sentences from trees, with the marks of what depends on what. This module decides the order of words in a clause.

A main clause has the finite verb in second position (verb-first in a yes-no question) and the rest of the verb at the end;
in a subordinate clause the whole verb is at the end. The middle field between them has the order: subject (if it is not
in the prefield), pronouns, time, indirect object, object, place, `nicht`. A relative clause directly follows its noun;
complement and adverbial clauses follow the whole clause.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.tasks.grammar import trees
from bench.tasks.grammar.annotations import Mark, Word, complete
from bench.tasks.grammar.german_conjugation import finite_form
from bench.tasks.grammar.german_phrases import GermanPhrases, NounPhrase
from bench.tasks.grammar.trees import Clause, required

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
        subject = self._prefield(clause)
        person = trees.verb_person(clause)
        verb = self.append(finite_form(clause, person, verb_final=False))
        after_verb = len(self.words)
        middle = self._middle(clause, omitted=clause.question or clause.prefield)
        self._end(clause, verb, middle.objects, verb_final=False)
        if subject is None and clause.question != "who":
            subject = required(middle.subject)
            follower = self.words[after_verb].text
            if clause.question == "yes":
                self.depends("question", verb, subject, follower)
            elif clause.question is None:
                self.depends("verb_second", verb, self.words[start], follower)
        if clause.question in ("who", "whom"):
            question_word = self.words[start]
            self.depends("question", question_word, verb, WHO_FOILS[question_word.text])
        if subject is not None:
            self._agreement(verb, subject, clause, person, verb_final=False)
            self._coordinated_predicate(clause, subject, person, verb_final=False)
        elif clause.coordinated_predicate is not None:
            self._predicate(clause.coordinated_predicate, None, person, verb_final=False)
        self._subordinate_between_commas(clause.complement)
        if clause.prefield != "clause":
            self._subordinate_between_commas(clause.adverbial)
        if clause.coordinated is not None:
            conjunction, other = clause.coordinated
            if conjunction == "but":
                self.append(",")
            self.append(trees.COORDINATE[conjunction])
            self.main(other)

    relative_clause = None
