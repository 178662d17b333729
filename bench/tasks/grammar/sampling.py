"""Random trees from the lexicon, by the rules that are switched on."""

from __future__ import annotations

from bench.tasks.grammar.anaphora import pronoun_for_object, pronoun_for_subject, refers_to_object
from bench.tasks.grammar.lexicon import Verb
from bench.tasks.grammar.random_choices import RandomChoices
from bench.tasks.grammar.sampling_phrases import PERSONS, PhraseSampler
from bench.tasks.grammar.trees import MODALS, Clause, Phrase, Pronoun, required

RULES = (
    *("adjectives", "determiners", "modifiers", "relatives", "coordination", "adverbials", "fronting", "perfect"),
    *("modals", "separable", "dative", "double", "pronouns", "anaphora", "subordinate", "complements", "negation"),
    *("questions", "copula"),
)
"""The rules that can be switched off. Without any, a sentence is a subject, a verb and perhaps an object, in the
present or the past."""

PRESENT_MODALS = ("can", "must", "want", "may", "should", "will", "will")
PAST_MODALS = ("could", "had", "wanted", "was")
QUESTION_MODALS = ("can", "should", "will", "could")
NOT_NEGATED_MODALS = ("must", "had")

MOTION_VERBS = ("kommen", "laufen", "folgen")
"""Verbs after which `in` would be a direction, which German puts in another case. They take no place."""

STATIVE_VERBS = (
    *("lieben", "hassen", "kennen", "brauchen", "gehören", "gefallen", "vertrauen"),
    *("verlieren", "vergessen", "verschwinden"),
)
"""Verbs that are odd with a modal: nobody is able, allowed or obliged to do them."""

PAST_CONJUNCTIONS = ("because", "although", "while", "when", "until")
PRESENT_CONJUNCTIONS = ("because", "although", "while", "if", "until")

FRAMES_OF_QUESTION = {
    "who": ("none", "accusative", "dative"), "whom": ("accusative", "dative"), "what": ("accusative",),
}  # fmt: skip
"""Question word to the frames of its verb; the other questions take every frame without a complement clause."""


class TreeSampler(PhraseSampler):
    """Draws trees.

    rules: names of RULES. combinations: whether the combinations held out from training are drawn too;
    `held_out_pairs` counts those of the last sentence.
    """

    def sentence(self, random: RandomChoices, depth: int) -> Clause:
        """The tree of a sentence. depth: the greatest nesting depth below the main clause."""
        self.random, self.held_out_pairs = random, 0
        past = random.chance(0.55)
        if "questions" in self.rules and random.chance(0.12):
            return self._question(past)
        clause = self._clause(past, depth, main=True)
        extendable = clause.complement is None and not _has_relative(clause.object)
        roll = random.uniform()
        if depth > 0 and "subordinate" in self.rules and clause.complement is None and roll < 0.35:
            self._add_adverbial(clause, past, depth)
        elif "coordination" in self.rules and extendable and roll > 0.85:
            if roll > 0.93 and clause.tense in ("past", "present") and clause.verb is not None:
                clause.coordinated_predicate = self._coordinated_predicate(clause, past)
            else:
                clause.coordinated = self._coordinated(clause, past)
        return clause

    # Clauses. past: the sentence is about the past. depth: the nesting depth left below the clause.

    def _clause(self, past: bool, depth: int, main: bool = False) -> Clause:
        """A clause with a subject."""
        random = self.random
        if "copula" in self.rules and random.chance(0.12):
            return self._copula_clause(past, depth)
        frame = random.choice(self.frames)
        if frame == "clause" and depth < 1:
            frame = "accusative"
        verb = random.choice(self.verbs[frame])
        subject_class = self._subject_class(verb)
        clause = Clause(verb, self._tense(past, subject_class == "person", verb), None)
        clause.negative = "negation" in self.rules and clause.tense not in NOT_NEGATED_MODALS and random.chance(0.15)
        clause.subject = self.subject(subject_class, depth, past, clause.negative)
        self._add_objects(clause, verb, depth, past)
        if not clause.negative and "adverbials" in self.rules:
            self._add_time_and_place(clause, verb, main)
        return clause

    def _copula_clause(self, past: bool, depth: int) -> Clause:
        random = self.random
        classes = [name for name in ("person", "person", "animal", "thing", "text") if name in self.nouns]
        noun = random.choice(self.nouns[random.choice(classes)])
        negative = "negation" in self.rules and random.chance(0.15)
        subject = self.noun_phrase(noun, depth, past, negative, is_subject=True)
        predicative = random.choice(self.predicatives[noun])
        return Clause(None, _simple_tense(past), subject, predicative=predicative, negative=negative)

    def _subject_class(self, verb: Verb) -> str:
        """The class of the subject's noun."""
        name = self.random.choice(verb.subjects) if len(verb.subjects) > 1 else verb.subjects[0]
        return name if name in self.nouns else verb.subjects[0]

    def _add_objects(self, clause: Clause, verb: Verb, depth: int, past: bool) -> None:
        """Adds the objects or the complement clause that the verb takes."""
        random = self.random
        if verb.frame == "none":
            return
        if verb.frame in ("clause", "question"):
            conjunction = "whether" if verb.frame == "question" else "that"
            clause.complement = (conjunction, self._clause(past, depth - 1))
            return
        noun = self.object_noun(verb)
        if verb.frame == "double":
            clause.indirect_object = self.indirect_object(past, clause.negative)
        elif noun.person and "pronouns" in self.rules and random.chance(0.2):
            subject = clause.subject
            if isinstance(subject, Pronoun):
                random.uniform()  # unused: recorded results depend on the sequence of draws
                # Never reflexive: `he saw him` would be ambiguous, and nobody says `I saw me`.
                clause.object = Pronoun("they" if subject.person != "they" else "she")
            else:
                clause.object = Pronoun(random.choice(PERSONS))
            return
        clause.object = self.noun_phrase(noun, 0 if clause.negative else depth, past, clause.negative)

    def _tense(self, past: bool, person: bool, verb: Verb) -> str:
        """person: the subject denotes a person."""
        roll = self.random.uniform()
        if "modals" in self.rules and roll < 0.25 and person and _takes_modal(verb):
            return self.random.choice(PAST_MODALS if past else PRESENT_MODALS)
        if not past and "perfect" in self.rules and roll < 0.6:
            return "perfect"
        return _simple_tense(past)

    def _add_time_and_place(self, clause: Clause, verb: Verb, main: bool) -> None:
        """Adds time and place, and may put one of them in the prefield of a main clause."""
        random = self.random
        final = clause.complement is None and not _has_relative(clause.object)
        front = main and "fronting" in self.rules
        if not final and not front:
            return
        if random.chance(0.3):
            clause.time = self.time(clause.tense)
        takes_place = verb.frame in ("none", "accusative") and verb.infinitive not in MOTION_VERBS
        if takes_place and random.chance(0.2) and (final or clause.time is None):
            clause.place = self.place()
        if clause.time is None and clause.place is None:
            return
        if front and (not final or random.chance(0.5)):
            both = clause.time is not None and clause.place is not None
            clause.prefield = "place" if clause.time is None or (both and random.chance(0.3)) else "time"

    def add_relative(self, phrase: Phrase, depth: int, past: bool) -> None:
        random, noun = self.random, phrase.noun
        governing = self.verbs_by_object[noun]
        if governing and random.chance(0.45):
            verb = random.choice(governing)
            self.count_held_out(verb.infinitive, noun.german)
            subject_class = random.choice(verb.subjects)
            if subject_class not in self.nouns:
                subject_class = verb.subjects[0]
            tense = self._tense(past, subject_class == "person", verb)
            phrase.relative = Clause(verb, tense, self.subject(subject_class, depth, past, negative=False))
            phrase.gap = "object"
            return
        verbs = self.verbs_by_subject.get(noun.classes[0])
        if not verbs or ("copula" in self.rules and random.chance(0.15)):
            if "copula" in self.rules:
                predicative = random.choice(self.predicatives[noun])
                phrase.relative = Clause(None, _simple_tense(past), None, predicative=predicative)
            return
        verb = random.choice(verbs)
        clause = Clause(verb, self._tense(past, noun.classes[0] == "person", verb), None)
        clause.negative = "negation" in self.rules and clause.tense not in NOT_NEGATED_MODALS and random.chance(0.1)
        self._add_objects(clause, verb, depth, past)
        takes_place = verb.frame == "none" and verb.infinitive not in MOTION_VERBS and not clause.negative
        if takes_place and "adverbials" in self.rules and random.chance(0.4):
            clause.place = self.place()
        phrase.relative = clause

    # Clauses joined to another

    def _add_adverbial(self, clause: Clause, past: bool, depth: int) -> None:
        """Adds an adverbial clause."""
        random = self.random
        conjunction = random.choice(PAST_CONJUNCTIONS if past else PRESENT_CONJUNCTIONS)
        anaphoric = self._anaphoric(clause, past, depth) if "anaphora" in self.rules and random.chance(0.6) else None
        front = anaphoric is None and "fronting" in self.rules and random.chance(0.4)
        inner = anaphoric or self._clause(past, depth - 1)
        if inner.verb is None:
            # A state has no beginning or end for `until` or `while`.
            conjunction = random.choice(("because", "although"))
        clause.adverbial = (conjunction, inner)
        if front and clause.prefield == "subject":
            clause.prefield = "clause"

    def _coordinated_predicate(self, clause: Clause, past: bool) -> Clause:
        """A second predicate, with a verb that accepts the same subject."""
        subject = clause.subject
        subject_class = subject.noun.classes[0] if isinstance(subject, Phrase) else "person"
        verbs = [v for v in self.verbs_by_subject[subject_class] if v.frame in ("none", "accusative", "dative")]
        verb = self.random.choice(verbs)
        predicate = Clause(verb, _simple_tense(past), None)
        if verb.frame != "none":
            predicate.object = self.noun_phrase(self.object_noun(verb), 0, past, negative=False)
        return predicate

    def _coordinated(self, clause: Clause, past: bool) -> tuple[str, Clause]:
        """A conjunction and a second main clause."""
        random = self.random
        anaphoric = self._anaphoric(clause, past, 0) if "anaphora" in self.rules and random.chance(0.4) else None
        return random.choice(("and", "but")), anaphoric or self._clause(past, 0, main=True)

    def _anaphoric(self, clause: Clause, past: bool, depth: int) -> Clause | None:
        """A clause with a pronoun that refers to a noun of `clause` (see `anaphora`). None: every pronoun would be
        ambiguous."""
        pronoun = pronoun_for_object(clause) if refers_to_object(clause) else pronoun_for_subject(clause)
        if pronoun is None:
            return None
        random, tense = self.random, _simple_tense(past)
        noun = required(pronoun.antecedent).noun
        inner = None
        if refers_to_object(clause):
            verbs = [v for v in self.verbs_by_object[noun] if v.frame == "accusative" and "person" in v.subjects]
            if verbs and random.chance(0.4):
                verb = random.choice(verbs)
                inner = Clause(verb, tense, self._person(past), object=pronoun)
        elif noun.person and self.verbs["none"] and random.chance(0.4):
            inner = Clause(random.choice(self.verbs["none"]), tense, pronoun)
        if inner is None:
            inner = Clause(None, tense, pronoun, predicative=random.choice(self.predicatives[noun]))
        speech_verbs = [v for v in self.verbs["clause"] if v.frame == "clause"]
        if depth > 1 and "complements" in self.rules and speech_verbs and random.chance(0.35):
            speaker = self._person(past)
            return Clause(random.choice(speech_verbs), tense, speaker, complement=("that", inner))
        return inner

    def _person(self, past: bool) -> Phrase:
        """A subject that denotes a person, without relative clause."""
        return self.noun_phrase(self.random.choice(self.nouns["person"]), 0, past, negative=False, is_subject=True)

    # Questions

    def _question(self, past: bool) -> Clause:
        random = self.random
        question = random.choice(("yes", "yes", "who", "whom", "what", "where", "when", "why"))
        frames = FRAMES_OF_QUESTION.get(question, ("none", "accusative", "dative", "double"))
        verbs = self._question_verbs(question, random.choice([frame for frame in frames if frame in self.frames]))
        if not verbs:
            question, verbs = "yes", self.verbs["none"]
        verb = random.choice(verbs)
        clause = Clause(verb, self._question_tense(question, past, verb), None, question=question)
        if question != "who":
            subject_class = "person" if "person" in verb.subjects else verb.subjects[0]
            clause.subject = self.subject(subject_class, 0, past, negative=False)
        if verb.frame == "double":
            clause.indirect_object = self.indirect_object(past, negative=False)
        if verb.frame != "none" and question not in ("whom", "what"):
            clause.object = self.noun_phrase(self.object_noun(verb), 0, past, negative=False)
        return clause

    def _question_verbs(self, question: str, frame: str) -> list[Verb]:
        """The verbs of a frame that the question can be asked with."""
        verbs = [v for v in self.verbs[frame] if "person" in v.subjects]
        if question in ("whom", "what"):
            return [v for v in verbs if ("person" in v.objects) is (question == "whom")]
        if question == "where":
            return [v for v in verbs if v.infinitive not in MOTION_VERBS]
        return verbs

    def _question_tense(self, question: str, past: bool, verb: Verb) -> str:
        roll = self.random.uniform()
        if "modals" in self.rules and verb.infinitive not in STATIVE_VERBS and roll < 0.25:
            return self.random.choice([modal for modal in QUESTION_MODALS if MODALS[modal].past is past])
        if "perfect" in self.rules and not past and roll < 0.6 and question not in ("where", "when"):
            return "perfect"
        return _simple_tense(past)


def _simple_tense(past: bool) -> str:
    return "past" if past else "present"


def _takes_modal(verb: Verb) -> bool:
    return verb.infinitive not in STATIVE_VERBS and verb.frame not in ("clause", "question")


def _has_relative(phrase: Phrase | Pronoun | None) -> bool:
    """Whether a phrase ends in a relative clause, so that words after it could be read as part of that clause."""
    return isinstance(phrase, Phrase) and phrase.relative is not None
