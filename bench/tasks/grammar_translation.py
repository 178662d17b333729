"""Translation between two languages of one grammar: English sentences and their German, without any corpus.

Input: an English sentence, in words. Output: its German, in words. The grammar (`bench.tasks.grammar`) gives every
English sentence exactly one German one, so that exact match is a fair measure, and knows of every decisive German
word what it depends on and how far away that is. So beside BLEU there are two scores for each phenomenon, against
distance: how often the decisive word is right in the output (it stands where the reference has it), and how often the
reference is more probable than the same sentence with that one word wrong (Linzen et al. 2016; Sennrich 2017,
Lingeval97; Tang et al. 2018).

Three test sets: `test`, as in training; `test_longer`, longer and deeper; `test_unseen`, where in every sentence
words are together (an adjective and its noun, a verb and its object) that are known, but never together in training.

    >>> task = Grammar(train_size=20, valid_size=5, test_size=5)
    >>> data = task.load()
    >>> task.source_text(data.train.src[0]).split()[-1] in (".", "?")
    True
    >>> list(data.tests)
    ['test', 'test_longer', 'test_unseen']
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.tasks.grammar import english, german
from bench.tasks.grammar.annotations import PHENOMENA
from bench.tasks.grammar.trees import Clause
from bench.tasks.grammar.vocabulary import english_words, german_words
from bench.tasks.kinds.generated import Part
from bench.tasks.kinds.sentences import UNSEEN, Example, Sentences


@dataclass
class Grammar(Sentences):
    """Raises ValueError for sizes that cannot be."""

    metrics = ("exact_match", "bleu", "token_accuracy")
    phenomena = PHENOMENA

    def source_words(self) -> Sequence[str]:
        return english_words(self.words, self.switched_on)

    def target_words(self) -> Sequence[str]:
        return german_words(self.words, self.switched_on)

    def parts(self) -> list[Part]:
        return [*super().parts(), Part(UNSEEN, "test", self.test_size, *self.seen)]

    def example(self, tree: Clause) -> Example:
        target, marks = german.realise(tree)
        found = [(mark.phenomenon, mark.at, mark.distance, mark.foil) for mark in marks]
        return Example(english.realise(tree), target, found, {})
