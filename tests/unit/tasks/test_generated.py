"""How generated tasks are drawn: in chunks, by any number of processes, in splits that share no source."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from itertools import product
from typing import ClassVar

import numpy as np
import pytest

from bench.data.examples import FIRST_FREE_ID, TaskData
from bench.data.ragged import Ragged
from bench.data.splits import belongs, source_hashes
from bench.errors import UserError
from bench.tasks.adding import Adding
from bench.tasks.copy import Copy
from bench.tasks.copy_memory import CopyMemory
from bench.tasks.dyck import Dyck
from bench.tasks.kinds import drawing, generated
from bench.tasks.kinds.bins import bin_width, lower_edges
from bench.tasks.kinds.drawing import CHUNK
from bench.tasks.kinds.generated import Generated, generate
from bench.tasks.listops import Listops
from bench.tasks.mqar import Mqar
from bench.tasks.parity import Parity
from bench.tasks.recall import Recall
from bench.tasks.reverse import Reverse
from bench.tasks.selective_copy import SelectiveCopy
from tests.unit.tasks.shown import assert_binned, assert_even, near, show, splits

FEW = {"train_size": 60, "valid_size": 20, "test_size": 25}

TASKS = {
    "reverse": Reverse(symbols=5, train_longest=8, test_longest=12, **FEW),
    "parity": Parity(train_longest=14, test_longest=18, **FEW),
    "dyck": Dyck(length=16, deepest=5, train_farthest=8, **FEW),
    "listops": Listops(train_longest=20, train_shortest=4, test_longest=30, deepest=4, most_arguments=4, **FEW),
    "mqar": Mqar(length=16, pairs=3, fewest_pairs=1, vocabulary=20, **FEW),
    "recall": Recall(slots=6, pairs=2, keys=4, values=4, train_farthest=6, **FEW),
    "selective_copy": SelectiveCopy(train_shortest=4, train_longest=8, test_longest=12, most_kept=3, **FEW),
    "adding": Adding(train_shortest=3, train_longest=8, test_longest=12, **FEW),
}

TINY = {
    "two symbols, one length": Copy(symbols=2, train_shortest=9, train_longest=9, test_longest=10, **FEW),
    "few facts": Recall(slots=2, pairs=1, keys=5, values=40, **FEW),
    "short parity": Parity(train_longest=9, test_longest=11, **FEW),
    "short expressions": Listops(train_shortest=4, train_longest=4, test_longest=None, deepest=2, **FEW),
}

each_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


def equal(one: TaskData, other: TaskData) -> None:
    """Asserts that two data are equal, bit for bit."""
    assert one.checksums == other.checksums and one.counts == other.counts and one.notes == other.notes
    for (name, ours), (other_name, theirs) in zip(splits(one), splits(other), strict=True):
        assert name == other_name
        for side in ("src", "tgt"):
            for part in ("tokens", "offsets"):
                a, b = (getattr(getattr(drawn, side), part) for drawn in (ours, theirs))
                assert a.dtype == b.dtype and a.tobytes() == b.tobytes()
        assert list(ours.axes) == list(theirs.axes)
        assert all(np.array_equal(ours.axes[axis], theirs.axes[axis]) for axis in ours.axes)


def sources(drawn) -> list[bytes]:
    """Each source as bytes; not its hash."""
    return [drawn.src[i].tobytes() for i in range(len(drawn.src))]


@each_task
def test_the_same_seed_gives_the_same_data_and_another_gives_others(task: Generated) -> None:
    data = task.load()
    equal(data, replace(task).load())
    other = replace(task, data_seed=1).load()
    assert all(data.checksums[name] != other.checksums[name] for name in data.checksums)
    assert len(set(data.checksums.values())) == len(data.checksums), "no split is another one"


def test_tasks_of_one_kind_draw_different_strings() -> None:
    settings = {"symbols": 5, "train_longest": 8, "test_longest": 12, **FEW}
    ours, theirs = Reverse(**settings).load(), Copy(**settings).load()
    assert len({sources(drawn)[0] for data in (ours, theirs) for _, drawn in splits(data)}) == 8


def test_every_chunk_of_every_split_has_a_generator_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two test sets, which draw from one share of all sources, have different seeds too."""
    seeds: list[tuple] = []
    original = drawing.numpy_generator
    for module in (drawing, generated):
        monkeypatch.setattr(module, "numpy_generator", lambda *names: (seeds.append(names), original(*names))[1])
    task = replace(TASKS["parity"], train_size=2 * CHUNK, data_seed=7)
    task.load()
    assert len(set(seeds)) == len(seeds)
    for name in ("train", "valid", "test", "test_longer"):
        chunks = [number for *names, number in seeds if names == [7, "parity", name]]
        assert chunks == list(range(len(chunks))) and len(chunks) >= (3 if name == "train" else 1)
    chunks = [names for names in seeds if names[1] != "size"]  # "size": the sample that estimates a split's memory
    assert {name for _, _, name, _ in chunks} == {"train", "valid", "test", "test_longer"}


@each_task
def test_a_larger_split_begins_with_the_smaller_one(task: Generated) -> None:
    """An example depends on its chunk, not on the size of the split."""
    small = dict(splits(task.load()))
    large = dict(splits(replace(task, train_size=2 * CHUNK, valid_size=21, test_size=26).load()))
    for name, drawn in small.items():
        assert sources(large[name])[: len(drawn.src)] == sources(drawn)
        assert show(task, large[name])[: len(drawn.src)] == show(task, drawn)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["parity", "adding"])
def test_three_processes_draw_what_one_does(name: str) -> None:
    """With several chunks a split, repeated held-out sources, and real values."""
    sizes = {"train_size": 3 * CHUNK, "valid_size": 300, "test_size": 300}
    task = replace(TASKS[name], **sizes)
    equal(generate(task, workers=3), generate(task, workers=1))


class Pool:
    """Replaces a pool of processes; runs everything in this one. sizes: the number of workers of every pool."""

    sizes: ClassVar[list[int]] = []

    def __init__(self, workers: int, context: object) -> None:
        Pool.sizes.append(workers)
        assert context.get_start_method() == "spawn"

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    map = staticmethod(map)


def test_the_environment_variable_sets_the_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.system.processes.ProcessPoolExecutor", Pool)
    task = TASKS["reverse"]
    Pool.sizes.clear()
    monkeypatch.delenv("BENCH_WORKERS", raising=False)
    plain = task.load()
    monkeypatch.setenv("BENCH_WORKERS", "1")
    equal(task.load(), plain)
    assert Pool.sizes == [], "one process needs no pool"
    monkeypatch.setenv("BENCH_WORKERS", "3")
    equal(task.load(), plain)
    assert Pool.sizes == [3]


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "", " 2"])
def test_another_number_of_processes_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_WORKERS", value)
    with pytest.raises(UserError) as caught:
        TASKS["reverse"].load()
    assert str(caught.value) == f"BENCH_WORKERS must be a whole number above 0, got {value!r}"


@pytest.mark.parametrize("task", [*TASKS.values(), *TINY.values()], ids=[*TASKS, *TINY])
def test_no_source_is_in_two_splits_and_none_is_held_out_twice(task: Generated) -> None:
    data = task.load()
    by_split = {name: sources(drawn) for name, drawn in splits(data)}
    assert {name: len(own) for name, own in by_split.items()} == {part.name: part.size for part in task.split_specs()}
    for name, own in by_split.items():
        assert data.counts[f"{name}_examples"] == len(own)
        assert data.counts[f"{name}_distinct"] == len(set(own))
        assert name == "train" or len(set(own)) == len(own)
        if name != "train":
            assert data.counts[f"{name}_also_in_train"] == 0
            assert not set(own) & set(by_split["train"])
    held_out = [source for name, own in by_split.items() if name != "train" for source in own]
    assert len(set(held_out)) == len(held_out)
    assert sorted(data.counts) == sorted(
        [f"{name}_{what}" for name in by_split for what in ("examples", "distinct")]
        + [f"{name}_also_in_train" for name in by_split if name != "train"]
    )


@pytest.mark.parametrize(
    "task", [TINY["short parity"], TINY["few facts"], Dyck(length=60, **FEW)], ids=["parity", "recall", "dyck"]
)
def test_the_note_of_training_counts_its_sources(task: Generated) -> None:
    data = replace(task, train_size=3_000).load()
    distinct = len(set(sources(dict(splits(data))["train"])))
    if distinct == 3_000:
        assert "train" not in data.notes
    else:
        assert data.notes["train"] == f"drawn with replacement: {distinct:,} of 3,000 sources are distinct"
    assert (distinct == 3_000) == isinstance(task, Dyck)


def available(share: str, longest: int) -> list[int]:
    """For each length from 0 on, the number of strings over two symbols that hash into the share."""
    ids = (FIRST_FREE_ID, FIRST_FREE_ID + 1)
    return [
        int(belongs(share, source_hashes(Ragged.of(product(ids, repeat=length)))).sum())
        for length in range(longest + 1)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_the_note_on_lengths_with_too_few_sources(seed: int) -> None:
    """Against a count of all strings: too few up to the length in the note, enough beyond it."""
    task = Parity(train_longest=16, test_longest=None, train_size=50, valid_size=400, test_size=800, data_seed=seed)
    data = task.load()
    for name, split in (("valid", data.valid), ("test", data.tests["test"])):
        counts, there = Counter(split.src.lengths.tolist()), available(name, 16)
        assert all(counts[length] <= there[length] for length in range(1, 17))
        note = re.fullmatch(
            r"length up to (\d+): too few distinct sources for an equal share; drawn without replacement, "
            r"([\d,]+) of ([\d,]+) examples",
            data.notes[name],
        )
        last, affected, size = (int(each.replace(",", "")) for each in note.groups())
        assert (affected, size) == (sum(counts[length] for length in range(1, last + 1)), len(split))
        # The number of examples of each longer length, if they are equal.
        share = (size - affected) / (16 - last)
        assert there[last] < share < there[last + 2]
        assert 0.85 * sum(there[1 : last + 1]) <= affected
        for length in range(last + 3, 17):
            assert near(counts[length], size - affected, 1 / (16 - last))


def test_there_is_no_note_where_nothing_ran_out() -> None:
    data = Reverse(symbols=16, train_shortest=6, train_longest=20, test_longest=30, train_size=5_000).load()
    assert data.notes == {}


def test_lengths_stay_even_after_the_splits_are_taken_apart() -> None:
    data = Recall(slots=8, train_size=16_000, valid_size=2_000, test_size=2_000).load()
    for _, drawn in splits(data):
        assert_even(Counter(drawn.axes["distance"].tolist()), list(range(2, 17, 2)))


def test_a_split_can_have_all_sources_but_not_one_more() -> None:
    """About 1,638 of 16,384 strings belong to the test split; drawing goes on until it has all of them."""
    there = {share: available(share, 14)[14] for share in ("valid", "test")}
    task = Parity(train_shortest=14, train_longest=14, test_longest=None, train_size=10, valid_size=5)
    data = replace(task, test_size=there["test"]).load()
    assert len(set(sources(dict(splits(data))["test"]))) == there["test"]
    with pytest.raises(UserError) as caught:
        replace(task, test_size=there["test"] + 1).load()
    assert str(caught.value) == (
        f"task.test_size={there['test'] + 1} asks for more distinct sources with length 14-14 than the "
        f"{there['test']:,} that were drawn for split test; lower task.test_size or make the task larger"
    )


@pytest.mark.parametrize("share", ["valid", "test"])
def test_too_much_is_refused_in_one_line_and_soon(share: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After about three times the chunks of a full split, not forty times."""
    task = Parity(train_longest=10, test_longest=None, train_size=10, valid_size=10, test_size=10)
    drawn: list[str] = []
    own = Parity.draw
    monkeypatch.setattr(Parity, "draw", lambda self, *rest: (drawn.append(rest[-1].name), own(self, *rest))[1])
    with pytest.raises(UserError) as caught:
        replace(task, **{f"{share}_size": 60_000}).load()
    message = str(caught.value)
    assert (
        message.startswith(f"task.{share}_size=60000 asks for more distinct sources") and f"split {share};" in message
    )
    assert "\n" not in message
    assert drawn.count(share) <= 3 * (1 + 60_000 // (CHUNK // 10))


def test_the_second_test_set_is_refused_by_its_own_name() -> None:
    """A tenth of 240 sources is enough for the first test set; a tenth of 120 is not enough for the second."""
    task = Recall(slots=3, pairs=1, keys=3, values=40, train_farthest=4, train_size=10, valid_size=5, test_size=18)
    with pytest.raises(
        UserError, match=r"task.test_size=18 asks .* with distance 6-6 than .* drawn for split test_farther;"
    ):
        task.load()


def test_training_on_nothing_is_refused() -> None:
    """Two possible sources, neither of which belongs to training."""
    for blanks in range(1, 200):
        task = CopyMemory(items=1, symbols=2, train_shortest=blanks, train_longest=blanks, test_longest=None, **FEW)
        both = Ragged.of(task.source_ids(f"{item} {'. ' * blanks}:") for item in "ab")
        if not belongs("train", source_hashes(both)).any():
            break
    with pytest.raises(UserError, match=f"task.train_size=60 asks .* with blanks {blanks}-{blanks} than the 0 that"):
        task.load()


@pytest.mark.parametrize(
    ("low", "high", "width"),
    [(1, 1, 1), (1, 25, 1), (1, 26, 2), (1, 50, 2), (1, 51, 5), (41, 500, 20), (0, 125, 10), (7, 2506, 100)],
)
def test_bins_are_as_narrow_as_twenty_five_of_them_can_be(low: int, high: int, width: int) -> None:
    assert bin_width(low, high) == width
    values = np.arange(low, high + 1)
    binned = lower_edges(values, low, high)
    assert_binned(binned, values.tolist(), low, high)
    assert len(np.unique(binned)) <= 25 and binned[0] == low


def test_an_axis_that_is_not_the_splits_own_begins_where_its_values_do() -> None:
    data = Adding(train_shortest=20, train_longest=60, test_longest=200, train_size=300).load()
    for _, drawn in splits(data):
        distances = [int(np.argmax(drawn.src[i][::-1][:, 1].cumsum() == 2)) + 1 for i in range(len(drawn.src))]
        assert_binned(drawn.axes["distance"], distances, min(distances), max(distances))


PINNED = {
    "reverse": "e0b0254916c9bbe6d4aed5ed1c019b008a4b9c44ec6d59e8d30f045dbd8dbe2e",
    "parity": "516b53aae276656f8039683735b8071feb877df125c21c4c2cbe9d275b54ee04",
    "dyck": "cb38ca39e46cbb8bdc25b533ac06ae5cf63fbe025feab01e1973c4e2f95422db",
    "listops": "15f82ab13daa008f122ed7b2a78fb957528f0d075d23d16ea6e3b556efa19b5b",
    "mqar": "d0d051559cd2eaf5d23fb0202fb3ff910d4d94734aa7e88bbb25eed240e62599",
    "recall": "a792726ae7cbaf088e6043d24172b4b256286ba586ba8dd1c5e941017959de23",
    "selective_copy": "f1feeacd72c8c80cf470f4bc3811ec39984eea7a5cf78cd50056771849b8c20a",
    "adding": "3459f0af4acaf9817a42c46375487a25d51e509df1b26f046125e797ef8f3b1e",
}


@pytest.mark.parametrize("name", PINNED)
def test_the_generators_still_draw_what_they_drew(name: str) -> None:
    """Records identify data by checksums, so a change here separates new records from old ones."""
    assert TASKS[name].load().checksums["test"] == PINNED[name]
