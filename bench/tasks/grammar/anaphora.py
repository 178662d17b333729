"""Anaphora: which noun a pronoun in a following clause refers to, and whether such a pronoun would be ambiguous.

`it` and `they` refer to the object of the preceding main clause if that is no person, otherwise to its subject. The
sampler creates pronouns by this rule, and the parser resolves them by it.
"""

from __future__ import annotations

from bench.tasks.grammar.trees import Clause, Phrase, Pronoun

PRONOUN_OF_PERSON = {"m": "he", "f": "she"}


def refers_to_object(clause: Clause) -> bool:
    """Whether a pronoun in the next clause refers to the object of this one."""
    return isinstance(clause.object, Phrase) and not clause.object.noun.person


def pronoun_for_object(clause: Clause) -> Pronoun | None:
    """A pronoun for an object that is no person; None: it would be ambiguous."""
    antecedent, subject = clause.object, clause.subject
    assert isinstance(antecedent, Phrase)
    other_thing = isinstance(subject, Phrase) and not subject.noun.person
    if clause.negative or antecedent.determiner == "every" or other_thing:
        return None
    return Pronoun("they" if antecedent.plural else "it", antecedent)


def pronoun_for_subject(clause: Clause) -> Pronoun | None:
    """A pronoun for the subject; None: it would be ambiguous."""
    subject = clause.subject
    if not isinstance(subject, Phrase) or isinstance(clause.object, Pronoun) or clause.indirect_object is not None:
        return None
    noun = subject.noun
    if (
        subject.determiner == "every"
        or subject.conjunct is not None
        or (not noun.person and clause.object is not None)
    ):
        return None
    if noun.person and not subject.plural and noun.gender == "n":
        return None  # `das Mädchen`: she in English, es in German
    if subject.plural:
        return Pronoun("they", subject)
    return Pronoun(PRONOUN_OF_PERSON[noun.gender] if noun.person else "it", subject)


def resolve_pronouns(clause: Clause) -> None:
    """Sets the antecedents of `it` and `they` in the adverbial and the coordinated clause of a main clause."""
    candidates = [phrase for phrase in (clause.object, clause.subject) if isinstance(phrase, Phrase)]
    for joined in (clause.adverbial, clause.coordinated):
        inner = joined[1] if joined is not None else None
        while inner is not None:
            for pronoun in (inner.subject, inner.object):
                if isinstance(pronoun, Pronoun) and pronoun.antecedent is None and pronoun.person in ("it", "they"):
                    plural = pronoun.person == "they"
                    pronoun.antecedent = next(
                        (phrase for phrase in candidates if not phrase.noun.person and phrase.plural is plural), None
                    )
            inner = inner.complement[1] if inner.complement is not None else None
