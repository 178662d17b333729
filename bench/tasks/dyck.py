"""Close the right bracket: which of two kinds of bracket was opened last and is still open?

Input: a word over two kinds of brackets of which every beginning closes no bracket that is not open. Output: the
bracket that closes the one opened last. The distance is the number of tokens from that opening bracket to the answer: a
balanced word of any length may lie between. The depth is the number of brackets still open. Both are drawn evenly, the
depth as far as there is room before the bracket; the source has `length` tokens, or one more where distance and depth
ask for it.

    >>> task = Dyck(length=12, train_size=20, valid_size=5, test_size=5)
    >>> drawn = task.draw(np.random.default_rng(3), 1, task.parts()[0])
    >>> task.source_text(drawn.src[0]), task.target_text(drawn.tgt[0])
    ('[ [ ] ] ( [ [ ] ] ( [ ] )', ')')
    >>> drawn.axes["distance"].tolist(), drawn.axes["depth"].tolist()
    ([9], [1])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.data.examples import FIRST_FREE_ID
from bench.data.ragged import Ragged
from bench.tasks.kinds.generated import Drawn, Part
from bench.tasks.kinds.orders import lowest
from bench.tasks.kinds.symbols import Symbols, single

KINDS = ("()", "[]")


@dataclass
class Dyck(Symbols):
    """Raises ValueError for sizes that cannot be."""

    length: int = 48  # source tokens, or one more
    deepest: int = 8  # most brackets open at the end
    train_farthest: int | None = None  # greatest distance in training, in tokens; null: all there are

    axis = "distance"
    beyond_name = "test_farther"
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
        """Distances are odd: what lies between has as many closing as opening brackets."""
        return (self.length - 1) // 2 * 2 + 1

    @property
    def seen(self) -> tuple[int, int]:
        return 1, self._farthest if self.train_farthest is None else (self.train_farthest - 1) // 2 * 2 + 1

    @property
    def beyond(self) -> tuple[int, int] | None:
        return None if self.train_farthest is None else (self.seen[1] + 2, self._farthest)

    def words(self) -> Sequence[str]:
        return [kind[0] for kind in KINDS] + [kind[1] for kind in KINDS]

    def draw(self, generator: np.random.Generator, count: int, part: Part) -> Drawn:
        distance = 2 * generator.integers(part.low // 2, part.high // 2 + 1, size=count) + 1
        before = self.length - distance
        # How many are open before the last one; a path of `before` steps ends at a height of its own parity.
        height = generator.integers(0, np.minimum(self.deepest - 1, before) + 1)
        before += (before - height) % 2
        first, second = _paths(generator, before, height), _paths(generator, distance - 1, 0 * height)
        steps = _joined(first, before, second, distance - 1)
        closing = steps < 0
        kinds = _matched(generator.integers(0, len(KINDS), size=steps.shape), steps)
        rows = FIRST_FREE_ID + kinds + len(KINDS) * closing
        asked = kinds[np.arange(count), before]
        target = FIRST_FREE_ID + len(KINDS) + asked
        return Drawn(
            Ragged.of_rows(rows, before + distance), single(target), {"distance": distance, "depth": height + 1}
        )

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        return np.full_like(source_lengths, 3)


def _paths(generator: np.random.Generator, steps: np.ndarray, height: np.ndarray) -> np.ndarray:
    """(N, longest) steps of 1 and -1, 0 after a path's end: of all paths of so many steps that end at this height and
    never go below 0, one at random.

    By the cycle lemma (Dvoretzky and Motzkin 1947): of the rotations of a path with h more ups than downs, h stay above
    0 after every step. So one up is added, one of the good rotations is taken, and its first step, an up, is left out.
    """
    rows, total = np.arange(len(steps)), steps + 1
    place = np.arange(int(total.max()))
    inside = place < total[:, None]
    order = lowest(np.where(inside, generator.random(inside.shape, dtype=np.float32), np.float32(2.0)))
    ups = (steps + height) // 2 + 1
    path = np.empty(inside.shape, dtype=np.int32)
    np.put_along_axis(path, order, np.where(place < ups[:, None], 1, -1), axis=1)
    path[~inside] = 0
    # A rotation that begins at a place is good where every later sum is above the sum there, and every earlier one
    # above it too once the whole has been gone through.
    after = path.cumsum(axis=1)
    at = after - path
    later = np.where(inside, after, np.iinfo(np.int32).max)
    least_later = np.minimum.accumulate(later[:, ::-1], axis=1)[:, ::-1]
    least_earlier = np.minimum.accumulate(at, axis=1) + height[:, None] + 1
    good = inside & (least_later > at) & (least_earlier > at)
    chosen = np.where(good, generator.random(inside.shape, dtype=np.float32), np.float32(-1.0)).argmax(axis=1)
    turned = path[rows[:, None], (chosen[:, None] + place) % total[:, None]]
    return np.where(inside, turned, 0)[:, 1:]


def _joined(first: np.ndarray, lengths: np.ndarray, second: np.ndarray, more: np.ndarray) -> np.ndarray:
    """(N, longest): each row's first path, one step up, its second path, and 0 after that."""
    place = np.arange(int((lengths + more).max()) + 1)
    beyond = place - lengths[:, None]
    wide = np.concatenate([first, np.zeros((len(first), len(place) - first.shape[1]), dtype=first.dtype)], axis=1)
    rows = np.arange(len(first))[:, None]
    padded = np.concatenate([second, np.zeros((len(second), 1), dtype=second.dtype)], axis=1)
    tail = padded[rows, np.clip(beyond - 1, 0, padded.shape[1] - 1)]
    tail = np.where(beyond <= more[:, None], tail, 0)
    return np.where(beyond < 0, wide, np.where(beyond == 0, 1, tail))


def _matched(kinds: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """(N, L) kinds, every closing bracket given the kind of the one it closes.

    At each height opening and closing brackets take turns, so behind an opening one, in the order of heights, stands
    the one that closes it.
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
