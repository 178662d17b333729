"""Trees drawn at random from the lexicon, by the rules that are switched on."""

from __future__ import annotations

from bench.tasks.grammar.held_out import held_out
from bench.tasks.grammar.lexicon import Noun, Verb
from bench.tasks.grammar.random_choices import RandomChoices
from bench.tasks.grammar.sampling_phrases import PhraseSampler
from bench.tasks.grammar.trees import MODALS, Clause, Phrase, Pronoun

RULES = (
    *("adjectives", "determiners", "modifiers", "relatives", "coordination", "adverbials", "fronting", "perfect"),
    *("modals", "separable", "dative", "double", "pronouns", "anaphora", "subordinate", "complements", "negation"),
    *("questions", "copula"),
)
"""What can be switched off. A plain sentence is a subject, a verb and perhaps an object, in the present or the past."""

PRESENT_MODALS = ("can", "must", "want", "may", "should", "will", "will")
PAST_MODALS = ("could", "had", "wanted", "was")
ASKABLE = ("can", "should", "will", "could")
UNNEGATED = ("must", "had")
MOVING = ("kommen", "laufen", "folgen")
"""Verbs with which `in` would be where to, which German says in another case."""

STATIVE = (
    *("lieben", "hassen", "kennen", "brauchen", "gehören", "gefallen", "vertrauen"),
    *("verlieren", "vergessen", "verschwinden"),
)
"""Verbs that nobody is able, allowed or obliged to do, or hardly."""

AFTER_PAST = ("because", "although", "while", "when", "until")
AFTER_PRESENT = ("because", "although", "while", "if", "until")
PEOPLE = ("he", "she", "they", "we", "i")
MALE, FEMALE = "he", "she"


class TreeSampler(PhraseSampler):
    """Draws trees. rules: names of RULES. combinations: whether pairs of words that training does not see are drawn
    too; `unseen` counts them, sentence by sentence."""

    def sentence(self, random: RandomChoices, depth: int) -> Clause:
        """A tree. depth: how many clauses may lie inside each other below the main one."""
        self.random, self.held_out_pairs = random, 0
        past = random.chance(0.55)
        if "questions" in self.rules and random.chance(0.12):
            return self._question(past)
        clause = self._clause(past, depth, main=True)
        plain = clause.complement is None and not _closed(clause.object)
        extra = random.uniform()
        if depth > 0 and "subordinate" in self.rules and clause.complement is None and extra < 0.35:
            self._adverbial(clause, past, depth)
        elif "coordination" in self.rules and plain and extra > 0.85:
            if extra > 0.93 and clause.tense in ("past", "present") and clause.verb is not None:
                clause.coordinated_predicate = self._second(clause, past)
            else:
                clause.coordinated = self._also(clause, past)
        return clause

    # Clauses

    def _clause(self, past: bool, depth: int, main: bool = False) -> Clause:
        """A clause with a subject."""
        random = self.random
        if "copula" in self.rules and random.chance(0.12):
            return self._is(past, depth, main)
        frame = random.choice(self.frames)
        if frame == "clause" and depth < 1:
            frame = "accusative"
        verb = random.choice(self.verbs[frame])
        kind = random.choice(verb.subjects) if len(verb.subjects) > 1 else verb.subjects[0]
        if kind not in self.nouns:
            kind = verb.subjects[0]
        tense = self._tense(past, kind == "person", verb)
        clause = Clause(verb, tense, None)
        negative = "negation" in self.rules and tense not in UNNEGATED and random.chance(0.15)
        clause.subject = self._subject(kind, depth, past, negative)
        clause.negative = negative
        self._fill(clause, depth, past)
        if not negative and "adverbials" in self.rules:
            self._circumstances(clause, main)
        return clause

    def _fill(self, clause: Clause, depth: int, past: bool) -> None:
        """The verb's objects."""
        verb, random = clause.verb, self.random
        frame = verb.frame
        if frame == "none":
            return
        if frame in ("clause", "question"):
            conjunction = "whether" if frame == "question" else "that"
            clause.complement = (conjunction, self._clause(past, depth - 1))
            return
        noun = self._object(verb)
        if frame == "double":
            clause.indirect_object = self._phrase(
                random.choice(self.nouns["person"]), 0, past, clause.negative, clause_free=True
            )
        elif noun.person and "pronouns" in self.rules and random.chance(0.2):
            clause.object = Pronoun(random.choice(PEOPLE[:3] if isinstance(clause.subject, Pronoun) else PEOPLE))
            if isinstance(clause.subject, Pronoun):
                # `he saw him` is somebody else; `I saw me` nobody says.
                clause.object.person = "they" if clause.subject.person != "they" else "she"
            return
        clause.object = self._phrase(noun, 0 if clause.negative else depth, past, clause.negative, as_object=True)

    def _object(self, verb: Verb) -> Noun:
        noun = self.random.choice(self.objects[verb])
        if self.combinations and held_out(verb.infinitive, noun.german):
            self.held_out_pairs += 1
        return noun

    def _is(self, past: bool, depth: int, main: bool) -> Clause:
        random = self.random
        kinds = [kind for kind in ("person", "person", "animal", "thing", "text") if kind in self.nouns]
        noun = random.choice(self.nouns[random.choice(kinds)])
        negative = "negation" in self.rules and random.chance(0.15)
        subject = self._phrase(noun, depth, past, negative, as_subject=True)
        return Clause(
            None,
            "past" if past else "present",
            subject,
            predicative=random.choice(self.predicatives[noun]),
            negative=negative,
        )

    def _tense(self, past: bool, person: bool, verb: Verb) -> str:
        random = self.random
        roll = random.uniform()
        active = person and verb.infinitive not in STATIVE and verb.frame not in ("clause", "question")
        if active and "modals" in self.rules and roll < 0.25:
            return random.choice(PAST_MODALS if past else PRESENT_MODALS)
        if not past and "perfect" in self.rules and roll < 0.6:
            return "perfect"
        return "past" if past else "present"

    def _circumstances(self, clause: Clause, main: bool) -> None:
        """Time and place, and which of them comes first."""
        random, verb = self.random, clause.verb
        trailing = clause.complement is None and not _closed(clause.object) and not _closed(clause.indirect_object)
        front = main and "fronting" in self.rules
        if not trailing and not front:
            return
        if random.chance(0.3):
            clause.time = self._time(clause.tense)
        if verb.frame in ("none", "accusative") and verb.infinitive not in MOVING and random.chance(0.2):
            if trailing or clause.time is None:
                clause.place = self._place()
        if clause.time is None and clause.place is None:
            return
        if front and (not trailing or random.chance(0.5)):
            first = "time" if clause.time is not None else "place"
            if clause.time is not None and clause.place is not None and random.chance(0.3):
                first = "place"
            clause.prefield = first

    # What is joined to a clause

    def _adverbial(self, clause: Clause, past: bool, depth: int) -> None:
        random = self.random
        conjunction = random.choice(AFTER_PAST if past else AFTER_PRESENT)
        inner = None
        if "anaphora" in self.rules and random.chance(0.6):
            inner = self._about(clause, past, depth)
        front = inner is None and "fronting" in self.rules and random.chance(0.4)
        inner = inner or self._clause(past, depth - 1)
        if inner.verb is None:
            # States have no beginning and no end that a clause with `until` or `while` could be about.
            conjunction = random.choice(("because", "although"))
        clause.adverbial = (conjunction, inner)
        if front and clause.prefield == "subject":
            clause.prefield = "clause"

    def _about(self, clause: Clause, past: bool, depth: int) -> Clause | None:
        """A clause with a pronoun for a noun of `clause`: its object where that is no person, or else its subject.
        None: there is none that `it`, `he`, `she` or `they` stands for without a doubt."""
        random, subject, goal = self.random, clause.subject, clause.object
        tense = "past" if past else "present"
        if _plain(goal) and not goal.noun.person:
            if (
                clause.negative
                or goal.determiner == "every"
                or (isinstance(subject, Phrase) and not subject.noun.person)
            ):
                return None
            stands = Pronoun("they" if goal.plural else "it", goal)
            fitting = [
                v for v in self.verbs_by_object[goal.noun] if v.frame == "accusative" and "person" in v.subjects
            ]
            if fitting and random.chance(0.4):
                verb = random.choice(fitting)
                doer = self._phrase(random.choice(self.nouns["person"]), 0, past, False, as_subject=True)
                inner = Clause(verb, tense, doer, object=stands)
            else:
                inner = Clause(None, tense, stands, predicative=random.choice(self.predicatives[goal.noun]))
        elif _plain(subject) and (goal is None or isinstance(goal, Phrase)) and clause.indirect_object is None:
            if (
                subject.determiner == "every"
                or subject.conjunct is not None
                or (not subject.noun.person and goal is not None)
            ):
                return None
            if subject.noun.person and not subject.plural and subject.noun.gender == "n":
                return None
            one = {"m": MALE, "f": FEMALE, "n": "it"}[subject.noun.gender] if subject.noun.person else "it"
            stands = Pronoun("they" if subject.plural else one, subject)
            doing = self.verbs["none"]
            if subject.noun.person and doing and random.chance(0.4):
                inner = Clause(random.choice([v for v in doing]), tense, stands)
            else:
                inner = Clause(None, tense, stands, predicative=random.choice(self.predicatives[subject.noun]))
        else:
            return None
        sayers = [v for v in self.verbs["clause"] if v.frame == "clause"]
        if depth > 1 and "complements" in self.rules and sayers and random.chance(0.35):
            teller = self._phrase(random.choice(self.nouns["person"]), 0, past, False, as_subject=True)
            return Clause(random.choice(sayers), tense, teller, complement=("that", inner))
        return inner

    def _second(self, clause: Clause, past: bool) -> Clause:
        """A second verb phrase, with a verb for the same kind of subject."""
        name = "person" if isinstance(clause.subject, Pronoun) else clause.subject.noun.classes[0]
        verb = self.random.choice(
            [v for v in self.verbs_by_subject[name] if v.frame in ("none", "accusative", "dative")]
        )
        second = Clause(verb, "past" if past else "present", None)
        if verb.frame != "none":
            second.object = self._phrase(self._object(verb), 0, past, False, as_object=True)
        return second

    def _also(self, clause: Clause, past: bool) -> tuple[str, Clause]:
        random = self.random
        inner = self._about(clause, past, 0) if "anaphora" in self.rules and random.chance(0.4) else None
        return random.choice(("and", "but")), inner or self._clause(past, 0, main=True)

    def _question(self, past: bool) -> Clause:
        random = self.random
        question = random.choice(("yes", "yes", "who", "whom", "what", "where", "when", "why"))
        frames = {"who": ("none", "accusative", "dative"), "whom": ("accusative", "dative"), "what": ("accusative",)}
        frame = random.choice(
            [f for f in frames.get(question, ("none", "accusative", "dative", "double")) if f in self.frames]
        )
        verbs = [v for v in self.verbs[frame] if "person" in v.subjects]
        if question in ("whom", "what"):
            verbs = [v for v in verbs if ("person" in v.objects) is (question == "whom")]
        if question == "where":
            verbs = [v for v in verbs if v.infinitive not in MOVING]
        if not verbs:
            question, verbs = "yes", self.verbs["none"]
        verb = random.choice(verbs)
        clause = Clause(verb, "past" if past else "present", None, question=question)
        roll = random.uniform()
        if "modals" in self.rules and verb.infinitive not in STATIVE and roll < 0.25:
            modals = [modal for modal in ASKABLE if MODALS[modal].past is past]
            clause.tense = random.choice(modals)
        elif "perfect" in self.rules and not past and roll < 0.6 and question not in ("where", "when"):
            clause.tense = "perfect"
        if question != "who":
            clause.subject = self._subject("person" if "person" in verb.subjects else verb.subjects[0], 0, past, False)
        if verb.frame == "double":
            clause.indirect_object = self._phrase(
                random.choice(self.nouns["person"]), 0, past, False, clause_free=True
            )
        if verb.frame != "none" and question not in ("whom", "what"):
            clause.object = self._phrase(self._object(verb), 0, past, False, as_object=True)
        return clause

    # PhraseSampler

    def _subject(self, kind: str, depth: int, past: bool, negative: bool) -> Phrase | Pronoun:
        random = self.random
        if kind == "person" and "pronouns" in self.rules and random.chance(0.15):
            return Pronoun(random.choice(PEOPLE))
        noun = random.choice(self.nouns[kind])
        if "coordination" in self.rules and not negative and random.chance(0.1):
            others = [other for other in self.nouns[kind] if other is not noun]
            if others:
                one = self._bare(noun, negative)
                one.conjunct = self._bare(random.choice(others), negative)
                return one
        return self._phrase(noun, depth, past, negative, as_subject=True)

    def _phrase(
        self, noun: Noun, depth: int, past: bool, negative: bool,
        as_subject: bool = False, as_object: bool = False, clause_free: bool = False,
    ) -> Phrase:  # fmt: skip
        random = self.random
        many = random.chance(0.35)
        det = self._det(noun, many, negative, as_subject or clause_free)
        phrase = Phrase(det, noun, many, adjective=self._adjective(noun))
        if clause_free:
            if det == "bare":
                # Between subject and object nothing would show the case of a noun without an article.
                phrase.determiner = "the"
            return phrase
        roll = random.uniform()
        if depth > 0 and "relatives" in self.rules and roll < 0.3:
            self._relative(phrase, depth - 1, past)
        elif "modifiers" in self.rules and roll > 0.87:
            self._modifier(phrase)
        return phrase

    def _relative(self, phrase: Phrase, depth: int, past: bool) -> None:
        random, noun = self.random, phrase.noun
        kind = noun.classes[0]
        undergoing = self.verbs_by_object[noun]
        if undergoing and random.chance(0.45):
            verb = random.choice(undergoing)
            if self.combinations and held_out(verb.infinitive, noun.german):
                self.held_out_pairs += 1
            doer = random.choice(verb.subjects)
            doer = doer if doer in self.nouns else verb.subjects[0]
            tense = self._tense(past, doer == "person", verb)
            clause = Clause(verb, tense, self._subject(doer, depth, past, False))
            phrase.relative, phrase.gap = clause, "object"
            return
        doing = self.verbs_by_subject.get(kind)
        if not doing or ("copula" in self.rules and random.chance(0.15)):
            if "copula" in self.rules:
                clause = Clause(
                    None, "past" if past else "present", None, predicative=random.choice(self.predicatives[noun])
                )
                phrase.relative = clause
            return
        verb = random.choice(doing)
        clause = Clause(verb, self._tense(past, kind == "person", verb), None)
        if "negation" in self.rules and clause.tense not in UNNEGATED and random.chance(0.1):
            clause.negative = True
        self._fill(clause, depth, past)
        placed = verb.frame == "none" and verb.infinitive not in MOVING and not clause.negative
        if placed and "adverbials" in self.rules and random.chance(0.4):
            clause.place = self._place()
        phrase.relative = clause


def _closed(phrase: Phrase | Pronoun | None) -> bool:
    """Whether what follows it could be read as part of its relative clause."""
    return isinstance(phrase, Phrase) and phrase.relative is not None


def _plain(phrase: Phrase | Pronoun | None) -> bool:
    return isinstance(phrase, Phrase)
