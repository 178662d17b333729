"""A tree in German words, with the marks of what depends on what.

The order of words: in a main clause the finite verb is second and the rest of the verb last; in a subordinate one all
of it is last. Between them stand the subject (where it is not first), pronouns, time, the indirect_object, the object, place
and `nicht`. A relative clause follows its noun at once; complement and adverbial clauses follow the whole clause."""

from __future__ import annotations

from bench.tasks.grammar import morphology, trees
from bench.tasks.grammar.annotations import Mark, Word
from bench.tasks.grammar.morphology import determiner, pronoun
from bench.tasks.grammar.trees import MODALS, Clause, Phrase, Place, Pronoun, Time

OTHER_CASE = {"nom": ("acc", "dat"), "acc": ("nom", "dat"), "dat": ("acc", "nom"), "gen": ("nom", "dat")}
OTHER_PREFIX = {
    "auf": "zu", "zu": "auf", "an": "aus", "aus": "an", "ein": "auf", "zurück": "an",
    "weg": "ein", "ab": "auf", "mit": "weg",
}  # fmt: skip
OTHER_GENDER = {"m": "f", "f": "n", "n": "m", "p": "m"}
ENDINGS = ("en", "e", "er", "es", "em")
ASKED = {"where": "wo", "when": "wann", "why": "warum", "what": "was"}
BY_PERSON = {"he": "m", "she": "f", "it": "n", "they": "p"}


def realise(tree: Clause) -> tuple[list[str], list[Mark]]:
    """The sentence, and for each phenomenon in it the mark with the greatest distance."""
    return _Sentence(tree).whole()


class _Sentence:
    def __init__(self, tree: Clause) -> None:
        self.out: list[str | Word] = []
        self.pairs: list[tuple[str, Word, Word, str]] = []
        self._main(tree)
        self.end = "?" if tree.question else "."

    def whole(self) -> tuple[list[str], list[Mark]]:
        """Without commas that meet another or the end."""
        texts: list[str] = []
        nouns: list[tuple[int, bool]] = []
        for word in self.out:
            if word.__class__ is Word:
                word.at = len(texts)
                texts.append(word.text)
                if word.plural is not None:
                    nouns.append((word.at, word.plural))
            elif word != "," or texts[-1] != ",":
                texts.append(word)
        if texts[-1] == ",":
            texts.pop()
        texts.append(self.end)
        found: dict[str, Mark] = {}
        for phenomenon, word, cause, wrong in self.pairs:
            distance = abs(word.at - cause.at)
            held = found.get(phenomenon)
            if held is not None and held.distance >= distance:
                continue
            attractors = 0
            if phenomenon == "agreement":
                low, high = sorted((cause.at, word.at))
                number = wrong.__class__ is _Plural
                attractors = sum(1 for at, plural in nouns if low < at < high and plural is number)
            found[phenomenon] = Mark(phenomenon, word.at, distance, str(wrong), attractors)
        return texts, list(found.values())

    # Clauses

    def _main(self, clause: Clause) -> None:
        out, first, question = self.out, clause.prefield, clause.question
        start = len(out)
        subject: Word | None = None
        if question:
            first = question
            if question == "who":
                out.append(Word("wer"))
            elif question == "whom":
                out.append(Word("wem" if clause.verb.frame == "dative" else "wen"))
            elif question != "yes":
                out.append(Word(ASKED[question]))
        elif first == "time":
            self._time(clause.time)
        elif first == "place":
            self._place(clause.place)
        elif first == "clause":
            self._subordinate(clause.adverbial)
            out.append(",")
        else:
            subject = self._noun(clause.subject, "nom")[0]
        verb, rest = self._verb(clause, self._person(clause), final=False)
        out.append(verb)
        at = len(out)
        inner = self._middle(clause, first)
        self._tail(clause, verb, rest)
        if subject is None and question != "who":
            subject = inner
            following = out[at]
            if not isinstance(following, str):
                following = following.text
            if question == "yes":
                self.pairs.append(("question", verb, subject, following))
            elif not question:
                opener = self._worded(start)
                self.pairs.append(("verb_second", verb, opener, following))
        if question in ("who", "whom"):
            other = {"wer": "wen", "wen": "wem", "wem": "wen"}[out[start].text]
            self.pairs.append(("question", out[start], verb, other))
        self._agree(verb, subject, clause, False)
        if clause.coordinated_predicate is not None:
            self._second(clause.coordinated_predicate, subject, self._person(clause), final=False)
        if clause.complement is not None:
            out.append(",")
            self._subordinate(clause.complement)
            out.append(",")
        if clause.adverbial is not None and first != "clause":
            out.append(",")
            self._subordinate(clause.adverbial)
            out.append(",")
        if clause.coordinated is not None:
            conjunction, other = clause.coordinated
            if conjunction == "but":
                out.append(",")
            out.append(trees.COORDINATE[conjunction])
            self._main(other)

    def _subordinate(self, joined: tuple[str, Clause]) -> None:
        conjunction, clause = joined
        opener = Word(trees.SUBORDINATE.get(conjunction) or trees.COMPLEMENT[conjunction])
        self.out.append(opener)
        subject = self._noun(clause.subject, "nom")[0]
        self._final(clause, opener, subject, trees.person(clause.subject))

    def _final(self, clause: Clause, opener: Word, subject: Word, person: str) -> None:
        """The rest of a clause whose verb is last, from the end of its subject or relative pronoun."""
        verb, rest = self._verb(clause, person, final=True)
        self._middle(clause, "subject")
        self._tail(clause, verb, rest, before=True)
        self.out.append(verb)
        self._agree(verb, subject, clause, True)
        self.pairs.append(("verb_final", verb, opener, _nonfinite(clause, verb.text)))
        if clause.coordinated_predicate is not None:
            self._second(clause.coordinated_predicate, subject, person, final=True)
        if clause.complement is not None:
            self.out.append(",")
            self._subordinate(clause.complement)
            self.out.append(",")
        if clause.adverbial is not None:
            self.out.append(",")
            self._subordinate(clause.adverbial)
            self.out.append(",")

    def _second(self, clause: Clause, subject: Word, person: str, final: bool) -> None:
        """A second verb phrase of the same subject."""
        self.out.append("und")
        verb, rest = self._verb(clause, person, final)
        if not final:
            self.out.append(verb)
        self._middle(clause, "subject")
        self._tail(clause, verb, rest, before=final)
        if final:
            self.out.append(verb)
        self._agree(verb, subject, clause, final, person)

    def _person(self, clause: Clause) -> str:
        return "s" if clause.subject is None else trees.person(clause.subject)

    def _verb(self, clause: Clause, person: str, final: bool) -> tuple[Word, tuple[str, str, str] | None]:
        """The finite verb, and of the rest: what it is, the word and a wrong one."""
        verb, tense = clause.verb, clause.tense
        if tense in MODALS:
            modal = MODALS[tense]
            infinitive = "sein" if verb is None else morphology.infinitive(verb)
            wrong = "gewesen" if verb is None else verb.participle
            if wrong == infinitive:
                wrong = morphology.joined(verb, False, "s")
            return Word(morphology.auxiliary(modal.german, modal.preterite, person)), ("bracket", infinitive, wrong)
        if verb is None:
            return Word(morphology.auxiliary("sein", tense == "past", person)), None
        if tense == "perfect":
            wrong = morphology.infinitive(verb)
            if wrong == verb.participle:
                wrong = morphology.joined(verb, False, "s")
            return Word(morphology.auxiliary(verb.auxiliary, False, person)), ("bracket", verb.participle, wrong)
        if verb.prefix is None or final:
            return Word(morphology.joined(verb, tense == "past", person)), None
        rest = ("separable", verb.prefix, OTHER_PREFIX[verb.prefix])
        return Word(morphology.finite(verb, tense == "past", person)), rest

    def _agree(self, verb: Word, subject: Word | None, clause: Clause, final: bool, person: str | None = None) -> None:
        """Marks agreement of the verb and its subject's noun."""
        if subject is None or subject.plural is None:
            return
        number = person or ("p" if verb.text in self._forms(clause, final, "p") else "s")
        wrong = self._forms(clause, final, "s" if number == "p" else "p")
        if wrong != verb.text:
            self.pairs.append(("agreement", verb, subject, (_Plural if number != "p" else _Singular)(wrong)))

    def _forms(self, clause: Clause, final: bool, person: str) -> str:
        return self._verb(clause, person, final)[0].text

    # What is inside a clause

    def _middle(self, clause: Clause, first: str) -> Word | None:
        """What stands between the two parts of the verb. Returns the subject's noun where it is there."""
        subject = None
        if first != "subject" and clause.subject is not None:
            subject = self._noun(clause.subject, "nom")[0]
        goal, indirect_object = clause.object, clause.indirect_object
        governed = "dat" if clause.verb is not None and clause.verb.frame == "dative" else "acc"
        objects = []
        if goal.__class__ is Pronoun:
            objects.append((*self._noun(goal, governed), governed))
        if indirect_object.__class__ is Pronoun:
            objects.append((*self._noun(indirect_object, "dat"), "dat"))
        if clause.time is not None and first != "time":
            self._time(clause.time)
        if indirect_object.__class__ is Phrase:
            objects.append((*self._noun(indirect_object, "dat"), "dat"))
        if goal.__class__ is Phrase:
            objects.append((*self._noun(goal, governed, clause.negative), governed))
        if clause.place is not None and first != "place":
            self._place(clause.place)
        self._objects = objects
        return subject

    def _tail(self, clause: Clause, verb: Word, rest: tuple[str, str, str] | None, before: bool = False) -> None:
        """`nicht`, the predicate and what of the verb stands at the end; marks what depends on the verb."""
        governor = verb
        if clause.negative:
            if self._kein is not None:
                self.pairs.append(("negation", self._kein, verb, self._kein.text[1:]))
                self._kein = None
            else:
                nicht = Word("nicht")
                self.out.append(nicht)
                self.pairs.append(("negation", nicht, verb, "kein"))
        if clause.predicative is not None:
            self.out.append(clause.predicative.german)
        if rest is not None:
            phenomenon, text, wrong = rest
            end = Word(text)
            self.out.append(end)
            self.pairs.append((phenomenon, end, verb, wrong))
            if phenomenon == "bracket":
                governor = end
        for noun, article, wrong, weak, _ in self._objects:
            if article is not None and wrong is not None:
                self.pairs.append(("case", article, governor, wrong))
            if weak is not None:
                self.pairs.append(("weak_noun", noun, governor, weak))
        self._objects = []

    _objects: list = []
    _kein: Word | None = None

    def _noun(
        self, phrase: Phrase | Pronoun, case: str, negated: bool = False
    ) -> tuple[Word, Word | None, str | None, str | None]:
        """Puts a noun phrase. Returns its noun; the word that shows its case, and what it would be in another one; and
        of a weak noun the form without its ending."""
        out = self.out
        if phrase.__class__ is Pronoun:
            return self._pronoun(phrase, case)
        noun, det = phrase.noun, phrase.determiner
        gender = "p" if phrase.plural else noun.gender
        if negated and det in ("a", "bare"):
            det = "no"
        text = determiner(det, case, gender)
        article = wrong = None
        if text:
            article = Word(text)
            out.append(article)
            if case != "nom":
                for other in OTHER_CASE[case]:
                    wrong = determiner(det, other, gender)
                    if wrong != text:
                        break
                else:
                    wrong = None
            if det == "no":
                self._kein = article
        form = morphology.noun_form(noun, case, phrase.plural)
        head = Word(form, phrase.plural)
        if phrase.adjective is not None:
            stem, end = phrase.adjective.stem, morphology.ending(det, case, gender)
            adjective = Word(stem + end)
            out.append(adjective)
            other = "e" if end != "e" else "en"
            self.pairs.append(("adjective", adjective, head, stem + other))
        out.append(head)
        phrase.mark = head
        weak = noun.german if noun.weak and case != "nom" and not phrase.plural else None
        if phrase.modifier is not None:
            word, other = phrase.modifier
            preposition, inner = trees.ATTACHED[word]
            self._prepositional(preposition, inner, other)
        elif phrase.relative is not None:
            self._relative(phrase, head, gender)
        if phrase.conjunct is not None:
            out.append("und")
            self._noun(phrase.conjunct, case)
        return head, article, wrong, weak

    def _pronoun(self, phrase: Pronoun, case: str) -> tuple[Word, Word | None, str | None, str | None]:
        antecedent, person = phrase.antecedent, phrase.person
        if antecedent is not None and not antecedent.plural and person == "it":
            person = morphology.BY_GENDER[antecedent.noun.gender]
        text = pronoun(person, case)
        word = Word(text)
        self.out.append(word)
        if antecedent is not None and antecedent.mark is not None and person in BY_PERSON:
            gender = OTHER_GENDER[BY_PERSON[person]]
            wrong = pronoun(morphology.BY_GENDER[gender], case)
            if wrong == text:
                wrong = pronoun(morphology.BY_GENDER[OTHER_GENDER[gender]], case)
            self.pairs.append(("pronoun", word, antecedent.mark, wrong))
        wrong = None
        for other in OTHER_CASE[case] if case != "nom" else ():
            if pronoun(person, other) != text:
                wrong = pronoun(person, other)
                break
        return word, word, wrong, None

    def _prepositional(self, preposition: str | None, case: str, phrase: Phrase) -> None:
        """A preposition, if there is one, and its phrase."""
        out = self.out
        at = len(out)
        if preposition is not None:
            out.append(Word(preposition))
        head, article, _, weak = self._noun(phrase, case)
        if weak is not None:
            self.pairs.append(("weak_noun", head, article if preposition is None else out[at], weak))
        if preposition is not None and article is not None:
            joined = morphology.CONTRACTED.get((preposition, article.text))
            if joined is not None:
                out[at].text = joined
                del out[at + 1]

    def _relative(self, phrase: Phrase, head: Word, gender: str) -> None:
        clause, out = phrase.relative, self.out
        out.append(",")
        kept, self._objects = self._objects, []
        kein, self._kein = self._kein, None
        if phrase.gap == "subject":
            case = "nom"
        else:
            case = "dat" if clause.verb.frame == "dative" else "acc"
        opener = Word(morphology.RELATIVE[case, gender])
        wrong = morphology.RELATIVE[case, OTHER_GENDER[gender]]
        if wrong == opener.text:
            wrong = morphology.RELATIVE[case, OTHER_GENDER[OTHER_GENDER[gender]]]
        out.append(opener)
        self.pairs.append(("relative", opener, head, wrong))
        if case == "nom":
            self._final(clause, opener, head, "p" if phrase.plural else "s")
        else:
            subject = self._noun(clause.subject, "nom")[0]
            self._final(clause, opener, subject, trees.person(clause.subject))
        out.append(",")
        self._objects, self._kein = kept, kein

    def _time(self, time: Time) -> None:
        if time.adverb is not None:
            self._adverb(time.adverb.german)
        else:
            self._prepositional(*trees.TEMPORAL[time.preposition], time.phrase)

    def _place(self, place: Place) -> None:
        if place.adverb is not None:
            self._adverb(place.adverb.german)
        else:
            self._prepositional(*trees.LOCAL, place.phrase)

    def _adverb(self, texts: tuple[str, ...]) -> None:
        self.out.append(Word(texts[0]))
        self.out.extend(texts[1:])

    def _worded(self, at: int) -> Word:
        """The word at a place of what is put so far, as something to measure from."""
        word = self.out[at]
        if word.__class__ is not Word:
            word = self.out[at] = Word(word)
        return word


def _nonfinite(clause: Clause, verb: str) -> str:
    """What stands where the finite verb has to be, in a sentence without one: its participle or its infinitive."""
    if clause.tense in MODALS:
        return morphology.PARTICIPLES[MODALS[clause.tense].german]
    if clause.verb is None:
        return morphology.PARTICIPLES["sein"]
    if clause.tense == "perfect":
        return morphology.PARTICIPLES[clause.verb.auxiliary]
    fitting = (clause.verb.participle, morphology.infinitive(clause.verb), morphology.PARTICIPLES["sein"])
    return next(form for form in fitting if form != verb)


class _Plural(str):
    """A wrong verb form that is the plural's."""


class _Singular(str):
    """A wrong verb form that is the singular's."""
