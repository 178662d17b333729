"""Text to text in languages of which only the configuration or the script of the text can tell: what follows for BLEU
and ROUGE, and for the unit of lengths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.data import script, tokenisers
from bench.data.examples import Split, TaskData
from bench.data.report import SIDES
from bench.data.text import ParallelText
from bench.metrics import DESCRIPTIVE, METRICS, SUMMARY
from bench.tasks.kinds.translation import Translation, length_bin

TRANSLATION = ("bleu", "chrf", "exact_match")
ROUGE = "rouge"
"""Stands for all of SUMMARY where metrics are chosen."""

LONG_SOURCES = (100, 200, 400, 800, 1600, 3200)
"""Further lower edges of the axis `length` where outputs are scored as summaries."""


@dataclass
class TextLanguages(Translation):
    """Text to text in languages that are configured, or else known by their script alone.

    The target language chooses the tokeniser of BLEU and ROUGE, the source language the unit of the axis `length`:
    characters where words are not separated by spaces. Raises ValueError for a code that is not in ISO 639-1, and for
    metrics that there are not.
    """

    metrics: tuple[str, ...] = TRANSLATION  # names of TRANSLATION, ROUGE or SUMMARY; the first is the headline

    source_language: str | None = None  # ISO 639-1 code (de, zh); null: by the script of the training text
    target_language: str | None = None  # likewise

    def __post_init__(self) -> None:
        super().__post_init__()
        self.metrics = chosen_metrics(self.metrics)
        for name in (f"{side}_language" for side in SIDES):
            code = getattr(self, name)
            if code is False:
                raise ValueError(f"{name}=False: YAML reads no as false; write {name}: 'no' for Norwegian")
            if code is not None and code not in script.LANGUAGES:
                raise ValueError(f"{name}={code!r}: not an ISO 639-1 code: two letters, as de, en or zh")
        self._scripts = dict.fromkeys(SIDES, script.UNDETERMINED)
        self._length_unit = script.WORDS
        self._choice = tokenisers.Choice(tokenisers.DEFAULT, tokenisers.UNDETERMINED, tokenisers.DEFAULT)

    @property
    def length_edges(self) -> tuple[int, ...]:
        summaries = set(self.metrics) & set(SUMMARY)
        return (*super().length_edges, *LONG_SOURCES) if summaries else super().length_edges

    def restore(self, data: TaskData) -> None:
        super().restore(data)
        self._detect(data.train)

    def language_facts(self) -> dict[str, str]:
        languages = {f"{side}_language": code for side in SIDES if (code := getattr(self, f"{side}_language"))}
        return {
            **languages,
            **{f"{side}_script": self._scripts[side] for side in SIDES},
            "length_unit": self._length_unit,
            "tokeniser": self._choice.name,
            "tokeniser_because": self._choice.because,
            "tokeniser_wanted": self._choice.wanted,
        }

    def language_lines(self) -> list[str]:
        tokenised = dict.fromkeys(
            tokenisers.ROUGE if name in SUMMARY else tokenisers.BLEU
            for name in self.metrics
            if METRICS[name].by_language
        )
        lines = [tokenisers.describe(self._choice, self._scripts["target"], score) for score in tokenised]
        by_script = tokenisers.choose(None, self._scripts["target"])
        if by_script.because != tokenisers.UNDETERMINED and by_script.wanted != self._choice.wanted:
            lines.append(
                f"task.target_language={self.target_language}, but the training targets are in "
                f"{self._scripts['target']} script, for which the tokeniser is {by_script.wanted}; check the option"
            )
        if self._length_unit == script.CHARACTERS:
            reason = "by task.source_language" if self.source_language else f"by the {self._scripts['source']} script"
            lines.append(f"length of a source in characters, {reason}: its words are not separated by spaces")
        return lines

    def _split(self, name: str, text: ParallelText) -> Split:
        split = super()._split(name, text)
        self._set_bins(split)
        return split

    def _train_split(self, text: ParallelText, counts: Counter[str]) -> Split:
        split = super()._train_split(text, counts)
        self._detect(split)
        self._set_bins(split)
        return split

    def _detect(self, train: Split) -> None:
        """Decide by the training pairs that are kept; only these are in the cache of data."""
        for side, lines in zip(SIDES, (train.sources, train.references), strict=True):
            self._scripts[side] = script.detect(lines or ())
        self._length_unit = script.length_unit(self.source_language, self._scripts["source"])
        self._choice = tokenisers.choose(self.target_language, self._scripts["target"])
        self.tokeniser = self._choice.name

    def _set_bins(self, split: Split) -> None:
        if self._length_unit != script.WORDS:
            bins = [length_bin(line, self.length_edges, self._length_unit) for line in split.sources or ()]
            split.axes["length"] = np.array(bins, dtype=np.int64)


def chosen_metrics(names: Sequence[str]) -> tuple[str, ...]:
    """Names of METRICS for names of TRANSLATION and SUMMARY, with ROUGE for all of SUMMARY. Raises ValueError for
    another name, for one that is repeated, for none, and where the first only describes outputs.

    >>> chosen_metrics(["rouge", "chrf"])[:3], chosen_metrics(["rouge", "chrf"])[-1]
    (('rouge1', 'rouge2', 'rougeL'), 'chrf')
    """
    known = (*TRANSLATION, ROUGE, *SUMMARY)
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"task.metrics: there is no metric {unknown[0]!r} of text; there are {', '.join(known)}")
    chosen = tuple(each for name in names for each in (SUMMARY if name == ROUGE else (name,)))
    if len(set(chosen)) < len(chosen):
        raise ValueError(f"task.metrics={list(names)} names {_repeated(chosen)} twice; name each metric once")
    if not chosen:
        raise ValueError("task.metrics is empty; name at least one, as task.metrics=[rouge]")
    if METRICS[chosen[0]].unit in DESCRIPTIVE:
        raise ValueError(f"task.metrics: {chosen[0]} only describes outputs; name a score first, as rouge or bleu")
    return chosen


def _repeated(names: Sequence[str]) -> str:
    return next(name for name in names if names.count(name) > 1)
