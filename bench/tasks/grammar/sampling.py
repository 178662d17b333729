"""Trees drawn at random from the lexicon, by the rules that are switched on."""

from __future__ import annotations

from bench.tasks.grammar.held_out import held_out
from bench.tasks.grammar.lexicon import Noun, Verb
from bench.tasks.grammar.phrases import Phrases
from bench.tasks.grammar.random_choices import Dice
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


class Builder(Phrases):
    """Draws trees. rules: names of RULES. combinations: whether pairs of words that training does not see are drawn
    too; `unseen` counts them, sentence by sentence."""

    def sentence(self, dice: Dice, depth: int) -> Clause:
        """A tree. depth: how many clauses may lie inside each other below the main one."""
        self.dice, self.unseen = dice, 0
        past = dice.chance(0.55)
        if "questions" in self.rules and dice.chance(0.12):
            return self._question(past)
        clause = self._clause(past, depth, main=True)
        plain = clause.complement is None and not _closed(clause.object)
        extra = dice.number()
        if depth > 0 and "subordinate" in self.rules and clause.complement is None and extra < 0.35:
            self._adverbial(clause, past, depth)
        elif "coordination" in self.rules and plain and extra > 0.85:
            if extra > 0.93 and clause.tense in ("past", "present") and clause.verb is not None:
                clause.second = self._second(clause, past)
            else:
                clause.also = self._also(clause, past)
        return clause

    # Clauses

    def _clause(self, past: bool, depth: int, main: bool = False) -> Clause:
        """A clause with a subject."""
        dice = self.dice
        if "copula" in self.rules and dice.chance(0.12):
            return self._is(past, depth, main)
        frame = dice.pick(self.frames)
        if frame == "clause" and depth < 1:
            frame = "accusative"
        verb = dice.pick(self.verbs[frame])
        kind = dice.pick(verb.subjects) if len(verb.subjects) > 1 else verb.subjects[0]
        if kind not in self.nouns:
            kind = verb.subjects[0]
        tense = self._tense(past, kind == "person", verb)
        clause = Clause(verb, tense, None)
        negative = "negation" in self.rules and tense not in UNNEGATED and dice.chance(0.15)
        clause.subject = self._subject(kind, depth, past, negative)
        clause.negative = negative
        self._fill(clause, depth, past)
        if not negative and "adverbials" in self.rules:
            self._circumstances(clause, main)
        return clause

    def _fill(self, clause: Clause, depth: int, past: bool) -> None:
        """The verb's objects."""
        verb, dice = clause.verb, self.dice
        frame = verb.frame
        if frame == "none":
            return
        if frame in ("clause", "question"):
            conjunction = "whether" if frame == "question" else "that"
            clause.complement = (conjunction, self._clause(past, depth - 1))
            return
        noun = self._object(verb)
        if frame == "double":
            clause.receiver = self._phrase(dice.pick(self.nouns["person"]), 0, past, clause.negative, clause_free=True)
        elif noun.person and "pronouns" in self.rules and dice.chance(0.2):
            clause.object = Pronoun(dice.pick(PEOPLE[:3] if isinstance(clause.subject, Pronoun) else PEOPLE))
            if isinstance(clause.subject, Pronoun):
                # `he saw him` is somebody else; `I saw me` nobody says.
                clause.object.person = "they" if clause.subject.person != "they" else "she"
            return
        clause.object = self._phrase(noun, 0 if clause.negative else depth, past, clause.negative, as_object=True)

    def _object(self, verb: Verb) -> Noun:
        noun = self.dice.pick(self.objects[verb])
        if self.combinations and held_out(verb.infinitive, noun.german):
            self.unseen += 1
        return noun

    def _is(self, past: bool, depth: int, main: bool) -> Clause:
        dice = self.dice
        kinds = [kind for kind in ("person", "person", "animal", "thing", "text") if kind in self.nouns]
        noun = dice.pick(self.nouns[dice.pick(kinds)])
        negative = "negation" in self.rules and dice.chance(0.15)
        subject = self._phrase(noun, depth, past, negative, as_subject=True)
        return Clause(
            None, "past" if past else "present", subject, quality=dice.pick(self.qualities[noun]), negative=negative
        )

    def _tense(self, past: bool, person: bool, verb: Verb) -> str:
        dice = self.dice
        roll = dice.number()
        active = person and verb.infinitive not in STATIVE and verb.frame not in ("clause", "question")
        if active and "modals" in self.rules and roll < 0.25:
            return dice.pick(PAST_MODALS if past else PRESENT_MODALS)
        if not past and "perfect" in self.rules and roll < 0.6:
            return "perfect"
        return "past" if past else "present"

    def _circumstances(self, clause: Clause, main: bool) -> None:
        """Time and place, and which of them comes first."""
        dice, verb = self.dice, clause.verb
        trailing = clause.complement is None and not _closed(clause.object) and not _closed(clause.receiver)
        front = main and "fronting" in self.rules
        if not trailing and not front:
            return
        if dice.chance(0.3):
            clause.time = self._time(clause.tense)
        if verb.frame in ("none", "accusative") and verb.infinitive not in MOVING and dice.chance(0.2):
            if trailing or clause.time is None:
                clause.place = self._place()
        if clause.time is None and clause.place is None:
            return
        if front and (not trailing or dice.chance(0.5)):
            first = "time" if clause.time is not None else "place"
            if clause.time is not None and clause.place is not None and dice.chance(0.3):
                first = "place"
            clause.first = first

    # What is joined to a clause

    def _adverbial(self, clause: Clause, past: bool, depth: int) -> None:
        dice = self.dice
        conjunction = dice.pick(AFTER_PAST if past else AFTER_PRESENT)
        inner = None
        if "anaphora" in self.rules and dice.chance(0.6):
            inner = self._about(clause, past, depth)
        front = inner is None and "fronting" in self.rules and dice.chance(0.4)
        inner = inner or self._clause(past, depth - 1)
        if inner.verb is None:
            # States have no beginning and no end that a clause with `until` or `while` could be about.
            conjunction = dice.pick(("because", "although"))
        clause.adverbial = (conjunction, inner)
        if front and clause.first == "subject":
            clause.first = "clause"

    def _about(self, clause: Clause, past: bool, depth: int) -> Clause | None:
        """A clause with a pronoun for a noun of `clause`: its object where that is no person, or else its subject.
        None: there is none that `it`, `he`, `she` or `they` stands for without a doubt."""
        dice, subject, goal = self.dice, clause.subject, clause.object
        tense = "past" if past else "present"
        if _plain(goal) and not goal.noun.person:
            if clause.negative or goal.det == "every" or (isinstance(subject, Phrase) and not subject.noun.person):
                return None
            stands = Pronoun("they" if goal.plural else "it", goal)
            fitting = [v for v in self.undergoing[goal.noun] if v.frame == "accusative" and "person" in v.subjects]
            if fitting and dice.chance(0.4):
                verb = dice.pick(fitting)
                doer = self._phrase(dice.pick(self.nouns["person"]), 0, past, False, as_subject=True)
                inner = Clause(verb, tense, doer, object=stands)
            else:
                inner = Clause(None, tense, stands, quality=dice.pick(self.qualities[goal.noun]))
        elif _plain(subject) and (goal is None or isinstance(goal, Phrase)) and clause.receiver is None:
            if subject.det == "every" or subject.other is not None or (not subject.noun.person and goal is not None):
                return None
            if subject.noun.person and not subject.plural and subject.noun.gender == "n":
                return None
            one = {"m": MALE, "f": FEMALE, "n": "it"}[subject.noun.gender] if subject.noun.person else "it"
            stands = Pronoun("they" if subject.plural else one, subject)
            doing = self.verbs["none"]
            if subject.noun.person and doing and dice.chance(0.4):
                inner = Clause(dice.pick([v for v in doing]), tense, stands)
            else:
                inner = Clause(None, tense, stands, quality=dice.pick(self.qualities[subject.noun]))
        else:
            return None
        sayers = [v for v in self.verbs["clause"] if v.frame == "clause"]
        if depth > 1 and "complements" in self.rules and sayers and dice.chance(0.35):
            teller = self._phrase(dice.pick(self.nouns["person"]), 0, past, False, as_subject=True)
            return Clause(dice.pick(sayers), tense, teller, complement=("that", inner))
        return inner

    def _second(self, clause: Clause, past: bool) -> Clause:
        """A second verb phrase, with a verb for the same kind of subject."""
        name = "person" if isinstance(clause.subject, Pronoun) else clause.subject.noun.classes[0]
        verb = self.dice.pick([v for v in self.doing[name] if v.frame in ("none", "accusative", "dative")])
        second = Clause(verb, "past" if past else "present", None)
        if verb.frame != "none":
            second.object = self._phrase(self._object(verb), 0, past, False, as_object=True)
        return second

    def _also(self, clause: Clause, past: bool) -> tuple[str, Clause]:
        dice = self.dice
        inner = self._about(clause, past, 0) if "anaphora" in self.rules and dice.chance(0.4) else None
        return dice.pick(("and", "but")), inner or self._clause(past, 0, main=True)

    def _question(self, past: bool) -> Clause:
        dice = self.dice
        asks = dice.pick(("yes", "yes", "who", "whom", "what", "where", "when", "why"))
        frames = {"who": ("none", "accusative", "dative"), "whom": ("accusative", "dative"), "what": ("accusative",)}
        frame = dice.pick(
            [f for f in frames.get(asks, ("none", "accusative", "dative", "double")) if f in self.frames]
        )
        verbs = [v for v in self.verbs[frame] if "person" in v.subjects]
        if asks in ("whom", "what"):
            verbs = [v for v in verbs if ("person" in v.objects) is (asks == "whom")]
        if asks == "where":
            verbs = [v for v in verbs if v.infinitive not in MOVING]
        if not verbs:
            asks, verbs = "yes", self.verbs["none"]
        verb = dice.pick(verbs)
        clause = Clause(verb, "past" if past else "present", None, asks=asks)
        roll = dice.number()
        if "modals" in self.rules and verb.infinitive not in STATIVE and roll < 0.25:
            modals = [modal for modal in ASKABLE if MODALS[modal].past is past]
            clause.tense = dice.pick(modals)
        elif "perfect" in self.rules and not past and roll < 0.6 and asks not in ("where", "when"):
            clause.tense = "perfect"
        if asks != "who":
            clause.subject = self._subject("person" if "person" in verb.subjects else verb.subjects[0], 0, past, False)
        if verb.frame == "double":
            clause.receiver = self._phrase(dice.pick(self.nouns["person"]), 0, past, False, clause_free=True)
        if verb.frame != "none" and asks not in ("whom", "what"):
            clause.object = self._phrase(self._object(verb), 0, past, False, as_object=True)
        return clause

    # Phrases

    def _subject(self, kind: str, depth: int, past: bool, negative: bool) -> Phrase | Pronoun:
        dice = self.dice
        if kind == "person" and "pronouns" in self.rules and dice.chance(0.15):
            return Pronoun(dice.pick(PEOPLE))
        noun = dice.pick(self.nouns[kind])
        if "coordination" in self.rules and not negative and dice.chance(0.1):
            others = [other for other in self.nouns[kind] if other is not noun]
            if others:
                one = self._bare(noun, negative)
                one.other = self._bare(dice.pick(others), negative)
                return one
        return self._phrase(noun, depth, past, negative, as_subject=True)

    def _phrase(
        self, noun: Noun, depth: int, past: bool, negative: bool,
        as_subject: bool = False, as_object: bool = False, clause_free: bool = False,
    ) -> Phrase:  # fmt: skip
        dice = self.dice
        many = dice.chance(0.35)
        det = self._det(noun, many, negative, as_subject or clause_free)
        phrase = Phrase(det, noun, many, adjective=self._adjective(noun))
        if clause_free:
            if det == "bare":
                # Between subject and object nothing would show the case of a noun without an article.
                phrase.det = "the"
            return phrase
        roll = dice.number()
        if depth > 0 and "relatives" in self.rules and roll < 0.3:
            self._relative(phrase, depth - 1, past)
        elif "modifiers" in self.rules and roll > 0.87:
            self._modifier(phrase)
        return phrase

    def _relative(self, phrase: Phrase, depth: int, past: bool) -> None:
        dice, noun = self.dice, phrase.noun
        kind = noun.classes[0]
        undergoing = self.undergoing[noun]
        if undergoing and dice.chance(0.45):
            verb = dice.pick(undergoing)
            if self.combinations and held_out(verb.infinitive, noun.german):
                self.unseen += 1
            doer = dice.pick(verb.subjects)
            doer = doer if doer in self.nouns else verb.subjects[0]
            tense = self._tense(past, doer == "person", verb)
            clause = Clause(verb, tense, self._subject(doer, depth, past, False))
            phrase.relative, phrase.relative_at = clause, "object"
            return
        doing = self.doing.get(kind)
        if not doing or ("copula" in self.rules and dice.chance(0.15)):
            if "copula" in self.rules:
                clause = Clause(None, "past" if past else "present", None, quality=dice.pick(self.qualities[noun]))
                phrase.relative = clause
            return
        verb = dice.pick(doing)
        clause = Clause(verb, self._tense(past, kind == "person", verb), None)
        if "negation" in self.rules and clause.tense not in UNNEGATED and dice.chance(0.1):
            clause.negative = True
        self._fill(clause, depth, past)
        placed = verb.frame == "none" and verb.infinitive not in MOVING and not clause.negative
        if placed and "adverbials" in self.rules and dice.chance(0.4):
            clause.place = self._place()
        phrase.relative = clause


def _closed(phrase: Phrase | Pronoun | None) -> bool:
    """Whether what follows it could be read as part of its relative clause."""
    return isinstance(phrase, Phrase) and phrase.relative is not None


def _plain(phrase: Phrase | Pronoun | None) -> bool:
    return isinstance(phrase, Phrase)
