"""Translation between two languages of one grammar: English sentences into German, without a corpus.

Input: an English sentence, in words. Output: its German translation, in words. The grammar (`bench.tasks.grammar`)
gives every English sentence exactly one translation, so exact match is a fair metric. For every decisive German word
it knows the word that determines it and their distance. So beside BLEU there are two scores for each phenomenon, by
distance: how often the decisive word is correct in the output (where the reference has it), and how often the
reference is more probable than the same sentence with this one word wrong (Linzen et al. 2016; Sennrich 2017,
Lingeval97; Tang et al. 2018).

Three test sets: `test`, as in training; `test_longer`, longer and deeper; `test_unseen`, in which every sentence
combines words (an adjective before its noun, a verb with its object) that occur in training, but never together; with
the rule `copula` an adjective may be said of that noun (`the cat is tired`).

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
from bench.tasks.kinds.examples import SplitSpec
from bench.tasks.kinds.sentences import UNSEEN, Example, Sentences


@dataclass
class Grammar(Sentences):
    """English sentences into their German translation. Raises ValueError for impossible sizes."""

    metrics = ("exact_match", "bleu", "token_accuracy")
    phenomena = PHENOMENA

    def source_words(self) -> Sequence[str]:
        return english_words(self.words, self.active_rules)

    def target_words(self) -> Sequence[str]:
        return german_words(self.words, self.active_rules)

    def split_specs(self) -> list[SplitSpec]:
        return [*super().split_specs(), SplitSpec(UNSEEN, "test", self.test_size, *self.training_bounds)]

    def example(self, tree: Clause) -> Example:
        target, marks = german.realise(tree)
        return Example(english.realise(tree), target, marks, {})
