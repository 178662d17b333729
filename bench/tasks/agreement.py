"""Agreement of subject and verb at a known distance, with nouns of the other number between (Linzen et al. 2016).

Input: a German sentence up to a verb, then that verb's infinitive in angle brackets. Output: the form of the verb that
stands there. Which one it is, of singular and plural, is decided by the subject's noun; the tense is given by the
infinitive's sign, `<sehen>` for the present and `<sehen-te>` for the preterite.

    die Frau , die den Hunden hilft , <singen>  ->  singt

`distance` is the number of words from the noun to the verb, `attractors` that of nouns of the other number between.

    >>> task = Agreement(train_size=20, valid_size=5, test_size=5)
    >>> data = task.load()
    >>> data.train.tgt.lengths.tolist() == [1] * 20, sorted(data.train.axes)
    (True, ['attractors', 'depth', 'distance', 'length'])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.tasks.grammar import german
from bench.tasks.grammar import german_conjugation as conjugation
from bench.tasks.grammar.trees import MODALS, Clause
from bench.tasks.grammar.vocabulary import german_words
from bench.tasks.kinds.sentences import Example, Sentences


@dataclass
class Agreement(Sentences):
    """Raises ValueError for sizes that cannot be."""

    metrics = ("exact_match",)
    phenomena = ("agreement",)
    answer_at = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.chance = {"exact_match": 0.5}

    @cached_property
    def _asked(self) -> dict[tuple[str, str], str]:
        """Right and wrong form to how the verb is asked for."""
        asked: dict[tuple[str, str], str] = {}
        for past in (False, True):
            sign = "-te" if past else ""
            for verb in self.words.verbs:
                for joined, form in (("", conjugation.finite), (verb.prefix or "", conjugation.prefixed)):
                    one, many = form(verb, past, "s"), form(verb, past, "p")
                    asked.setdefault((one, many), f"<{joined}{verb.infinitive}{sign}>")
            for name in ("sein", "haben", *(modal.german for modal in MODALS.values())):
                one, many = (conjugation.auxiliary(name, past, person) for person in "sp")
                asked.setdefault((one, many), f"<{name}{sign}>")
        return asked | {(many, one): name for (one, many), name in asked.items()}

    def source_words(self) -> Sequence[str]:
        return (*german_words(self.words, self.switched_on), *sorted(set(self._asked.values())))

    def target_words(self) -> Sequence[str]:
        return sorted({form for pair in self._asked for form in pair})

    def example(self, tree: Clause) -> Example | None:
        words, marks = german.realise(tree)
        mark = next((mark for mark in marks if mark.phenomenon == "agreement"), None)
        if mark is None or tree.question == "yes":
            return None
        right = words[mark.at]
        source = [*words[: mark.at], self._asked[right, mark.foil]]
        found = [("agreement", 0, mark.distance, mark.foil)]
        return Example(source, [right], found, {"distance": mark.distance, "attractors": mark.attractors})

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        return np.full_like(source_lengths, 3)
