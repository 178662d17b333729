"""Recognition: is a string in a formal language? Tested on random strings, and on pairs that differ in one edit.

As in FLaRe (Butoi et al. 2025) and MLRegTest (van der Poel et al. 2024), a string is answered by `yes` or `no`, read
off at a blank after it. Half of the strings that are drawn are in the language; repeated ones are left out, so that
fewer are where it has few of a length. Chance is the share of the more frequent answer of a test split.

Random strings outside a language can often be told by their look. So each string of `test_pairs` has a partner at edit
distance one (one symbol replaced, inserted or left out) with the other answer, and the score `pairs` counts a pair if
both answers are right. A test string without such a partner outside the training and validation data is in no pair,
and counted (`test_without_partner`): short strings, and most unbalanced brackets.

The languages, by what a string must be:
    parity              an even number of b's
    even_pairs          first and last symbol equal
    cycle_navigation    a walk that ends where it began
    modular_arithmetic  an expression with the value 0 modulo 5
    dyck                balanced brackets of two kinds

    >>> task = Recognition(language="dyck", train_size=50, valid_size=5, test_size=6)
    >>> [task.answer(text) for text in ("( [ ] )", "( [ ) ]", "( )", ")")]
    ['yes', 'no', 'yes', 'no']
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.data.examples import FIRST_FREE_ID, PAIRS, Split, TaskData, fingerprint
from bench.data.ragged import Ragged
from bench.seeding import numpy_generator
from bench.tasks.kinds import automata
from bench.tasks.kinds.examples import Examples, SplitSpec
from bench.tasks.kinds.symbols import BLANK, ByLength, single

ANSWERS: dict[str, tuple[tuple[str, ...], Callable[[np.ndarray, np.ndarray], np.ndarray]]] = {
    "parity": (("a", "b"), automata.ones_parity),
    "even_pairs": (("a", "b"), automata.changes_parity),
    "cycle_navigation": (("=", "+", "-"), automata.walk_end),
    "modular_arithmetic": (("0", "1", "2", "3", "4", "+", "-", "*"), automata.expression_value),
}
"""The symbols of each of these, and a function of its strings that is 0 for those in the language."""

DYCK = "dyck"
BRACKETS = ("(", ")", "[", "]")
CLOSING = {0: 1, 2: 3}
"""The closing bracket of each opening one, as indices of BRACKETS."""

LANGUAGES = (*ANSWERS, DYCK)
EDITS = 200
"""Edits that are tried for a partner before the string is left out of the pairs, as a short string may be: all its
partners may be training data."""

DRAWS = 60
"""Strings that are drawn for one in the language, or outside it. Where the language has none of the length, or all,
the last one is taken."""


@dataclass
class Recognition(ByLength):
    """Strings in and outside a language, half each. Raises ValueError for an unknown language or impossible sizes."""

    train_longest: int = 40
    test_longest: int | None = 500
    language: str = "parity"  # parity, even_pairs, cycle_navigation, modular_arithmetic, dyck

    one_stack = True
    metrics = ("exact_match",)

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise ValueError(f"task.language must be one of {', '.join(LANGUAGES)}; got {self.language!r}")
        # Expressions have an odd length; brackets an even one, so that the length does not tell the answer.
        self.step = 2 if self.language in ("modular_arithmetic", DYCK) else 1
        self.first = 0 if self.language == DYCK else 1
        super().__post_init__()
        self.chance = {"exact_match": 0.5}  # until the data are loaded

    @property
    def symbols(self) -> tuple[str, ...]:
        """The words of a string. Strings are lists of indices into them."""
        return BRACKETS if self.language == DYCK else ANSWERS[self.language][0]

    def words(self) -> Sequence[str]:
        return [*self.symbols, "yes", "no", BLANK]

    def answer(self, text: str) -> str:
        """`yes` or `no` for a string as text."""
        return "yes" if self.contains([self.symbols.index(word) for word in text.split()]) else "no"

    def contains(self, string: Sequence[int]) -> bool:
        """Whether a string is in the language."""
        if self.language != DYCK:
            rows = np.array([string])
            return bool(ANSWERS[self.language][1](rows, np.ones_like(rows, dtype=bool))[0] == 0)
        open_brackets: list[int] = []
        for symbol in string:
            if symbol in CLOSING:
                open_brackets.append(symbol)
            elif not open_brackets or CLOSING[open_brackets.pop()] != symbol:
                return False
        return not open_brackets

    def examples(self, generator: np.random.Generator, lengths: np.ndarray) -> tuple[Ragged, Ragged]:
        strings = [self._string(generator, int(length), bool(i % 2)) for i, length in enumerate(lengths)]
        return self._sides(strings)

    def draw(self, generator: np.random.Generator, count: int, spec: SplitSpec) -> Examples:
        examples = super().draw(generator, count, spec)
        return replace(examples, answered_at=_at_the_blank(examples.src))

    def load(self) -> TaskData:
        """See `Task.load`. Adds a split of pairs to each test split, made from its strings."""
        data = super().load()
        tests: dict[str, Split] = {}
        seen = {split.src[i].tobytes() for split in (data.train, data.valid) for i in range(len(split))}
        for name, split in data.tests.items():
            tests[name] = split
            tests[name + PAIRS] = self._pairs(split, seen)
        checksums = data.checksums | {name: fingerprint(split) for name, split in tests.items()}
        counts = data.counts | {f"{name}_examples": len(split) for name, split in tests.items()}
        for name, split in data.tests.items():
            counts[f"{name}_without_partner"] = len(split) - len(tests[name + PAIRS]) // 2
        loaded = replace(data, tests=tests, checksums=checksums, counts=counts)
        self.restore(loaded)
        return loaded

    def restore(self, data: TaskData) -> None:
        """Set chance to the share of the more frequent answer, the largest of the test splits."""
        shares = [np.bincount(split.tgt.tokens).max() / len(split) for split in data.tests.values()]
        self.chance = {"exact_match": float(max(shares))}

    def _string(self, generator: np.random.Generator, length: int, inside: bool) -> list[int]:
        """A random string of this length that is in the language or not. Where the language has none of this length,
        the other answer."""
        if self.language == DYCK and inside:
            return _balanced(generator, length)
        for _ in range(DRAWS):
            string = self._random(generator, length)
            if self.contains(string) == inside:
                return string
        return string

    def _random(self, generator: np.random.Generator, length: int) -> list[int]:
        if self.language == "modular_arithmetic":
            return [int(symbol) for symbol in automata.expressions(generator, np.array([length]))[0][0]]
        return generator.integers(0, len(self.symbols), size=length).tolist()

    def _source(self, string: Sequence[int]) -> np.ndarray:
        """Ids of a string and the blank."""
        return FIRST_FREE_ID + np.array([*string, len(self.words()) - 1], dtype=np.int32)

    def _sides(self, strings: Sequence[Sequence[int]]) -> tuple[Ragged, Ragged]:
        """Sources, closed by the blank, and targets."""
        yes = FIRST_FREE_ID + len(self.symbols)
        return Ragged.of(map(self._source, strings)), Ragged.of(
            [[yes + (not self.contains(string))] for string in strings]
        )

    def _pairs(self, split: Split, seen: set[bytes]) -> Split:
        """Each string of a test split that has a partner, followed by it. seen: sources of training and validation."""
        generator = numpy_generator(self.data_seed, "partners", self.language, split.name)
        strings: list[list[int]] = []
        kept: list[int] = []
        for i in range(len(split)):
            string = (split.src[i][:-1] - FIRST_FREE_ID).tolist()
            if (partner := self._partner(generator, string, seen)) is not None:
                strings += [string, partner]
                kept.append(i)
        src, tgt = self._sides(strings)
        lengths = {self.axis: np.repeat(split.axes[self.axis][kept], 2)}
        return Split(split.name + PAIRS, src, tgt, lengths, answered_at=_at_the_blank(src))

    def _partner(self, generator: np.random.Generator, string: list[int], seen: set[bytes]) -> list[int] | None:
        """A string at edit distance one with the other answer that is no seen source; None where none is found."""
        answer = self.contains(string)
        for _ in range(EDITS):
            edited = self._edited(generator, string)
            if edited and self.contains(edited) != answer and self._source(edited).tobytes() not in seen:
                return edited
        return None

    def _edited(self, generator: np.random.Generator, string: list[int]) -> list[int]:
        """The string with one symbol replaced, inserted or left out. In an expression, digits and operators take
        turns, so there a symbol is replaced by one of its kind."""
        # Every second edit is at an end: for some languages nothing else changes the answer.
        at_end = generator.random() < 0.5
        place = int(generator.choice([0, len(string) - 1])) if at_end else int(generator.integers(len(string)))
        if self.language == "modular_arithmetic":
            low, high = (automata.PLUS, len(self.symbols)) if place % 2 else (0, automata.MODULUS)
            return [*string[:place], int(generator.integers(low, high)), *string[place + 1 :]]
        kind, symbol = generator.integers(3), int(generator.integers(len(self.symbols)))
        if kind == 0:
            return [*string[:place], symbol, *string[place + 1 :]]
        if kind == 1:
            place += int(generator.integers(2))
            return [*string[:place], symbol, *string[place:]]
        return [*string[:place], *string[place + 1 :]]


def _at_the_blank(src: Ragged) -> Ragged:
    """The answer's position in each source, the last one."""
    return single((src.lengths - 1).astype(np.int32))


def _balanced(generator: np.random.Generator, length: int) -> list[int]:
    """A balanced word of an even length.

    Opens or closes at each place with the odds at which all shapes of the word are equally probable (Arnold and Sleep
    1980); each pair is of a random kind.
    """
    word: list[int] = []
    open_brackets: list[int] = []
    for left in range(length, 0, -1):
        depth = len(open_brackets)
        opens = (depth + 2) * (left - depth) / (2 * left * (depth + 1))
        if generator.random() < opens:
            kind = int(generator.integers(2)) * 2
            open_brackets.append(kind)
            word.append(kind)
        else:
            word.append(CLOSING[open_brackets.pop()])
    return word
