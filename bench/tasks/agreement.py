"""Subject-verb agreement at a known distance, with nouns of the other number in between (Linzen et al. 2016).

Input: a German sentence up to a verb, then the infinitive of the verb in angle brackets. Output: the verb in its
correct form. The noun of the subject, which stands before the verb, determines singular or plural; the bracketed word
gives the tense, `<sehen>` the present and `<sehen-te>` the preterite.

    die Frau , die den Hunden hilft , <singen>  ->  singt

Axis `distance`: the number of words from the noun to the verb. Axis `attractors`: the number of nouns of the other
number between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bench.tasks.grammar import german
from bench.tasks.grammar import german_conjugation as conjugation
from bench.tasks.grammar.trees import MODALS, Clause
from bench.tasks.grammar.vocabulary import german_words
from bench.tasks.kinds.sentences import Example, Sentences


@dataclass
class Agreement(Sentences):
    """The form of a verb that agrees with its subject. Raises ValueError for impossible sizes."""

    metrics = ("exact_match",)
    phenomena = ("agreement",)
    answer_position = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.chance = {"exact_match": 0.5}

    @cached_property
    def _prompts(self) -> dict[tuple[str, str], str]:
        """The bracketed infinitive for each pair of a correct form and the same verb in the other number."""
        prompts: dict[tuple[str, str], str] = {}
        for past in (False, True):
            suffix = "-te" if past else ""
            for verb in self.words.verbs:
                for prefix, form in (("", conjugation.finite), (verb.prefix or "", conjugation.prefixed)):
                    singular, plural = form(verb, past, "s"), form(verb, past, "p")
                    prompts.setdefault((singular, plural), f"<{prefix}{verb.infinitive}{suffix}>")
            for name in ("sein", "haben", *(modal.german for modal in MODALS.values())):
                singular, plural = (conjugation.auxiliary(name, past, person) for person in "sp")
                prompts.setdefault((singular, plural), f"<{name}{suffix}>")
        return prompts | {(plural, singular): prompt for (singular, plural), prompt in prompts.items()}

    def source_words(self) -> Sequence[str]:
        return (*german_words(self.words, self.active_rules), *sorted(set(self._prompts.values())))

    def target_words(self) -> Sequence[str]:
        return sorted({form for pair in self._prompts for form in pair})

    def example(self, tree: Clause) -> Example | None:
        words, marks = german.realise(tree)
        mark = next((mark for mark in marks if mark.phenomenon == "agreement"), None)
        if mark is None or not mark.follows:  # the noun is not in the input
            return None
        verb = words[mark.at]
        source = [*words[: mark.at], self._prompts[verb, mark.foil]]
        axes = {"distance": mark.distance, "attractors": mark.attractors}
        return Example(source, [verb], [replace(mark, at=0)], axes)

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        return np.full_like(source_lengths, 3)
