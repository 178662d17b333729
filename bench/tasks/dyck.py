"""Close the last open bracket, which is of one of two kinds.

Input: a prefix of a balanced word over two kinds of brackets, with at least one bracket open. Output: the bracket that
closes the last open one. The distance is the number of tokens from that opening bracket to the answer; a balanced word
lies between them. The depth is the number of open brackets. Distances are uniform; depths are uniform up to the number
of brackets that fit before the last open one. The source has `length` tokens, or one more if the parity of distance
and depth requires it.

    >>> task = Dyck(length=12, train_size=20, valid_size=5, test_size=5)
    >>> examples = task.draw(np.random.default_rng(3), 1, task.split_specs()[0])
    >>> task.source_text(examples.src[0]), task.target_text(examples.tgt[0])
    ('[ [ ] ] ( [ [ ] ] ( [ ] )', ')')
    >>> examples.axes["distance"].tolist(), examples.axes["depth"].tolist()
    ([9], [1])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.data.examples import FIRST_FREE_ID
from bench.data.ragged import Ragged
from bench.tasks.kinds.examples import Examples, SplitSpec
from bench.tasks.kinds.orders import lowest_indices
from bench.tasks.kinds.symbols import Symbols, single

KINDS = ("()", "[]")


@dataclass
class Dyck(Symbols):
    """The bracket that closes the last open one. Raises ValueError for impossible sizes."""

    length: int = 48  # source tokens, or one more
    deepest: int = 8  # most brackets open at the end
    train_farthest: int | None = None  # greatest distance in training, in tokens; null: the greatest possible

    axis = "distance"
    extrapolation_split = "test_farther"
    metrics = ("exact_match",)

    def __post_init__(self) -> None:
        if self.length < 3:
            raise ValueError(f"task.length must be at least 3, got {self.length}")
        if not 1 <= self.deepest <= self.length:
            raise ValueError(f"task.deepest must be 1 to task.length ({self.length}), got {self.deepest}")
        if self.train_farthest is not None and not 1 <= self.train_farthest < self._farthest:
            raise ValueError(
                f"task.train_farthest must be at least 1 and below the greatest distance of length {self.length}, "
                f"{self._farthest}, got {self.train_farthest}"
            )
        super().__post_init__()
        self.train_range["depth"] = (1, self.deepest)
        self.chance = {"exact_match": 1.0 / len(KINDS)}

    @property
    def _farthest(self) -> int:
        """The greatest distance. Distances are odd, because a balanced word has an even number of brackets."""
        return (self.length - 1) // 2 * 2 + 1

    @property
    def training_bounds(self) -> tuple[int, int]:
        return 1, self._farthest if self.train_farthest is None else (self.train_farthest - 1) // 2 * 2 + 1

    @property
    def extrapolation_bounds(self) -> tuple[int, int] | None:
        return None if self.train_farthest is None else (self.training_bounds[1] + 2, self._farthest)

    def words(self) -> Sequence[str]:
        return [kind[0] for kind in KINDS] + [kind[1] for kind in KINDS]

    def draw(self, generator: np.random.Generator, count: int, spec: SplitSpec) -> Examples:
        distance = 2 * generator.integers(spec.low // 2, spec.high // 2 + 1, size=count) + 1
        before = self.length - distance
        # The number of open brackets before the last one. A path of `before` steps ends at a height of the same
        # parity.
        height = generator.integers(0, np.minimum(self.deepest - 1, before) + 1)
        before += (before - height) % 2
        first, second = _paths(generator, before, height), _paths(generator, distance - 1, 0 * height)
        steps = _join(first, before, second, distance - 1)
        closing = steps < 0
        kinds = _match_kinds(generator.integers(0, len(KINDS), size=steps.shape), steps)
        rows = FIRST_FREE_ID + kinds + len(KINDS) * closing
        target = FIRST_FREE_ID + len(KINDS) + kinds[np.arange(count), before]
        return Examples(
            Ragged.of_rows(rows, before + distance), single(target), {"distance": distance, "depth": height + 1}
        )

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        return np.full_like(source_lengths, 3)


def _paths(generator: np.random.Generator, steps: np.ndarray, height: np.ndarray) -> np.ndarray:
    """One uniform random path for each row: `steps` steps of 1 and -1 that end at `height` and never go below 0.

    steps, height (N,); returns (N, longest), 0 after a path's end. Cycle lemma (Dvoretzky and Motzkin 1947): among the
    rotations of a path with h more ups than downs, h stay above 0 after every step. So we shuffle the steps and one
    more up, take a random good rotation, and remove its first step, which is an up.
    """
    rows, total = np.arange(len(steps)), steps + 1
    position = np.arange(int(total.max()))
    inside = position < total[:, None]
    order = lowest_indices(np.where(inside, generator.random(inside.shape, dtype=np.float32), np.float32(2.0)))
    ups = (steps + height) // 2 + 1
    path = np.empty(inside.shape, dtype=np.int32)
    np.put_along_axis(path, order, np.where(position < ups[:, None], 1, -1), axis=1)
    path[~inside] = 0
    # A rotation from position i is good if every later sum exceeds the sum before i, and every earlier sum does too
    # once the whole path has been added to it.
    after = path.cumsum(axis=1)
    before = after - path
    later = np.where(inside, after, np.iinfo(np.int32).max)
    lowest_later = np.minimum.accumulate(later[:, ::-1], axis=1)[:, ::-1]
    lowest_earlier = np.minimum.accumulate(before, axis=1) + height[:, None] + 1
    good = inside & (lowest_later > before) & (lowest_earlier > before)
    start = np.where(good, generator.random(inside.shape, dtype=np.float32), np.float32(-1.0)).argmax(axis=1)
    rotated = path[rows[:, None], (start[:, None] + position) % total[:, None]]
    return np.where(inside, rotated, 0)[:, 1:]


def _join(first: np.ndarray, first_lengths: np.ndarray, second: np.ndarray, second_lengths: np.ndarray) -> np.ndarray:
    """(N, longest): the first path of each row, one step up, its second path, then 0."""
    position = np.arange(int((first_lengths + second_lengths).max()) + 1)
    offset = position - first_lengths[:, None]
    wide = np.concatenate([first, np.zeros((len(first), len(position) - first.shape[1]), dtype=first.dtype)], axis=1)
    rows = np.arange(len(first))[:, None]
    padded = np.concatenate([second, np.zeros((len(second), 1), dtype=second.dtype)], axis=1)
    tail = padded[rows, np.clip(offset - 1, 0, padded.shape[1] - 1)]
    tail = np.where(offset <= second_lengths[:, None], tail, 0)
    return np.where(offset < 0, wide, np.where(offset == 0, 1, tail))


def _match_kinds(kinds: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """(N, L) kinds in which every closing bracket has the kind of the bracket that it closes.

    At each height, opening and closing brackets alternate. So in a stable order by height, every closing bracket
    follows the opening one that it closes.
    """
    height = steps.cumsum(axis=1)
    level = np.where(steps < 0, height + 1, height)
    level[steps == 0] = np.iinfo(level.dtype).max
    order = level.argsort(axis=1, kind="stable")
    sorted_kinds = np.take_along_axis(kinds, order, axis=1)
    closing = np.take_along_axis(steps, order, axis=1) < 0
    sorted_kinds[:, 1:] = np.where(closing[:, 1:], sorted_kinds[:, :-1], sorted_kinds[:, 1:])
    matched = np.empty_like(kinds)
    np.put_along_axis(matched, order, sorted_kinds, axis=1)
    return matched
