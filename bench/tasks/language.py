"""Language models of running text: predict each token from those before it, in contexts of a fixed length.

    bench run task=language model=transformer_stack task.text=mine.txt
    bench run task=shakespeare model=lstm_stack

Without a text, sentences of the grammar follow one another (`bench.tasks.grammar`); they do not refer to each other,
so nothing is gained from a context longer than one of them.

The scores are losses: in nats a token, in bits a character, and as perplexity; by position in the context (Kaplan et
al. 2020, Fig. 7), and of the same tokens with the context cut to the last tokens (Khandelwal et al. 2018).

    >>> task = LanguageModel(train_size=300, valid_size=50, test_size=50, context=16)
    >>> data = task.load()
    >>> bool((data.train.src[0][1:] == data.train.tgt[0][:-1]).all())
    True
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bench.data import running_text, subwords
from bench.data.corpora.files import file_checksum, require_unchanged
from bench.data.examples import EOS, FIRST_FREE_ID, MAX_LENGTH, UNK, Sizes, Split, TaskData, fingerprint
from bench.data.running_text import MARKS, Characters, Parts
from bench.data.subwords import Subwords
from bench.errors import UserError
from bench.seeding import numpy_generator
from bench.tasks.base import Task
from bench.tasks.grammar import english
from bench.tasks.grammar.lexicon import lexicon
from bench.tasks.grammar.random_choices import RandomChoices
from bench.tasks.grammar.sampling import RULES, TreeSampler

GRAMMAR, SHAKESPEARE, NEWS = "grammar", "shakespeare", "news"
CORPORA = (GRAMMAR, SHAKESPEARE, NEWS)
CHARACTERS, SUBWORDS = "characters", "subwords"
UNITS = (CHARACTERS, SUBWORDS)
GRAMMAR_DEPTH = 2
SHOWN = 80
"""Characters of the vocabulary that an error lists."""

MAX_SENTENCES = 10**6


@dataclass
class LanguageModel(Task):
    """Running text in windows. Raises ValueError for settings that name no text or contradict each other."""

    text: str | None = None  # a file of running text; null: `corpus`
    corpus: str = GRAMMAR  # grammar, shakespeare, news
    units: str = CHARACTERS  # characters, subwords
    vocabulary: int = 4000  # subwords, learnt from the training part
    context: int = 128  # tokens of a window
    held_out: float = 0.1  # share of `text` for validation and test, one half each
    files: dict[str, str] | None = None  # SHA-256 of `text`; null: computed from the file
    train_size: int = 20_000  # sentences of the grammar
    valid_size: int = 1_000
    test_size: int = 1_000
    data_seed: int = 0  # of the grammar's sentences

    metrics = ()
    scored_by_loss = True

    def __post_init__(self) -> None:
        for name, value, known in (("corpus", self.corpus, CORPORA), ("units", self.units, UNITS)):
            if value not in known:
                raise ValueError(f"task.{name} must be one of {', '.join(known)}; got {value!r}")
        if not 1 <= self.context <= MAX_LENGTH:
            raise ValueError(f"task.context must be 1 to {MAX_LENGTH:,}, got {self.context}")
        if not 0 < self.held_out < 1:
            raise ValueError(f"task.held_out must be above 0 and below 1, got {self.held_out}")
        if self.vocabulary <= FIRST_FREE_ID:
            raise ValueError(f"task.vocabulary must be above {FIRST_FREE_ID}, got {self.vocabulary}")
        for name in ("train_size", "valid_size", "test_size"):
            if not 1 <= getattr(self, name) <= MAX_SENTENCES:
                raise ValueError(f"task.{name} must be 1 to {MAX_SENTENCES:,}, got {getattr(self, name)}")
        if self.data_seed < 0:
            raise ValueError(f"task.data_seed must be at least 0, got {self.data_seed}")
        self._check_used()
        named = [] if self.text is None else [self.text]
        if self.files is None:
            self.files = {path: file_checksum(Path(path)) for path in named}
        if set(self.files) != set(named):
            raise ValueError(f"task.files has checksums of {list(self.files)}, but the task reads {named}")
        if self.units == CHARACTERS:
            self.unwritten = (*Task.unwritten, EOS)  # a line break is a character

    def _check_used(self) -> None:
        """Refuse settings that the others make useless; but presets set the sizes of the grammar for every text."""
        for name, used, where in (
            ("corpus", self.text is None, "with task.text"),
            ("held_out", self.text is not None, "without task.text"),
            ("vocabulary", self.units == SUBWORDS, f"with task.units={self.units}"),
        ):
            default = next(field.default for field in fields(self) if field.name == name)
            if not used and getattr(self, name) != default:
                raise ValueError(f"task.{name}={getattr(self, name)} has no effect {where}; leave it out")

    @property
    def sizes(self) -> Sizes:
        """Of subwords as configured. The number of characters is known once the text is."""
        size = self.vocabulary if self.units == SUBWORDS else self._units.size
        return Sizes(size, size, shared=True, one_stack=True)

    def load(self) -> TaskData:
        """See `Task.load`. Raises DataError for a text shorter than one context."""
        parts, units = self._parts, self._units
        streams = {name: self._encoded(getattr(parts, name)) for name in ("train", "valid", "test")}
        where = self.text or f"task.corpus={self.corpus}"
        train, valid, test = (
            running_text.windows(name, ids, self.context, f"{where}: the {name} part") for name, ids in streams.items()
        )
        counts = {f"{name}_tokens": len(ids) for name, ids in streams.items()}
        counts |= {f"{name}_characters": len(getattr(parts, name)) for name in streams}
        counts |= running_text.count_unknown(streams)
        vocabulary = units.model if isinstance(units, Subwords) else units.to_bytes()
        return TaskData(
            train,
            valid,
            {"test": test},
            units.size,
            units.size,
            True,
            {**parts.checksums, **{each.name: fingerprint(each) for each in (train, valid, test)}},
            counts,
            vocabulary=vocabulary,
        )

    def restore(self, data: TaskData) -> None:
        if self.units == SUBWORDS:
            self.__dict__["_units"] = Subwords(data.vocabulary, escaped=True)
        else:
            self.__dict__["_units"] = Characters.from_bytes(data.vocabulary)

    def hashed_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options with the contents of the text in place of its path."""
        kept = {key: value for key, value in options.items() if key != "files"}
        return kept | ({} if self.text is None else {"text": (self.files or {})[self.text]})

    @cached_property
    def _parts(self) -> Parts:
        if self.text is not None:
            files = self.files or {}
            require_unchanged(files)
            return running_text.read_file(self.text, self.held_out, files[self.text])
        if self.corpus == GRAMMAR:
            train, valid, test = (
                self._sentences(part, size)
                for part, size in enumerate((self.train_size, self.valid_size, self.test_size))
            )
            return Parts(train, valid, test, {})
        return running_text.shakespeare() if self.corpus == SHAKESPEARE else running_text.news()

    def _sentences(self, part: int, count: int) -> str:
        """Sentences of the grammar, one a line."""
        random = RandomChoices(numpy_generator(self.data_seed, "language", part))
        sampler = TreeSampler(lexicon(None), RULES)
        lines = (" ".join(english.realise(sampler.sentence(random, GRAMMAR_DEPTH))) for _ in range(count))
        return "\n".join(lines) + "\n"

    @cached_property
    def _units(self) -> Characters | Subwords:
        train = self._parts.train
        if self.units == CHARACTERS:
            return Characters.of_text(train)
        return subwords.learn(_lines(train), self.vocabulary, escaped=True)

    def _encoded(self, text: str) -> np.ndarray:
        """(N,) ids. Subwords do not cross a line break, for which the end token stands."""
        units = self._units
        if isinstance(units, Characters):
            return units.encode(text)
        return np.fromiter(_joined(units.encode(_lines(text)), text.endswith("\n")), dtype=np.int32)

    def chance_loss(self, split: Split) -> float | None:
        """Of equal probabilities for all units, and for the end of a line in subwords."""
        return math.log(self._units.size - FIRST_FREE_ID + (self.units == SUBWORDS))

    def source_text(self, ids: Sequence[Any]) -> str:
        """Ids as visible text in one line: a line break and a lone space have signs of their own."""
        text = self.running_text(ids)
        return MARKS.get(text, text.replace("\n", MARKS["\n"]))

    target_text = source_text

    def prompt_ids(self, text: str) -> list[int]:
        """Ids of a prompt. Raises UserError for characters that the vocabulary does not know."""
        units, unknown_characters = self._units, "the prompt has characters that do not occur in the training text: "
        if isinstance(units, Characters):
            unknown = sorted(set(text) - set(units.characters))
            if unknown:
                raise UserError(
                    f"{unknown_characters}{' '.join(map(repr, unknown))}; "
                    f"it has {repr(units.characters[:SHOWN])[1:-1]}"
                    + (f" and {len(units.characters) - SHOWN} more" if len(units.characters) > SHOWN else "")
                )
            return units.encode(text).tolist()
        ids = list(_joined(units.encode(_lines(text)), text.endswith("\n")))
        if UNK in ids:
            unknown = [each for each in sorted(set(text) - {"\n"}) if UNK in units.encode([each])[0]]
            raise UserError(f"{unknown_characters}{' '.join(map(repr, unknown))}")
        return ids

    def running_text(self, ids: Sequence[int]) -> str:
        """Ids as text with its line breaks."""
        units = self._units
        if isinstance(units, Characters):
            return units.decode(ids)
        lines: list[list[int]] = [[]]
        for i in ids:
            if i == EOS:
                lines.append([])
            else:
                lines[-1].append(i)
        return "\n".join(units.decode(line) for line in lines)


def _lines(text: str) -> list[str]:
    r"""The lines of a text: a break is "\n" alone, as in `bench.data.text`."""
    return text.removesuffix("\n").split("\n")


def _joined(lines: Iterable[Sequence[int]], ends: bool) -> Iterator[int]:
    """The ids of lines, with the end token between them. ends: and after the last."""
    for number, line in enumerate(lines):
        yield from (EOS, *line) if number else line
    if ends:
        yield EOS
