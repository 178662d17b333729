"""What every task that needs no download keeps: same data at every call, splits apart, text that reads back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from bench.conf import files, schema
from bench.conf.compose import compose
from bench.data.examples import EOS, UNK, Split, TaskData, fingerprint
from bench.data.ragged import Ragged
from bench.errors import DataUnavailable, UserError
from bench.evaluation.scores import texts
from bench.metrics import DESCRIPTIVE, LESS_IS_BETTER, METRICS, computed
from bench.tasks import task_cache
from bench.tasks.base import Task
from tests.unit.made_up import VOCABULARY, joined, lines

NAMES = sorted(files.choices("task"))

SMALL = {"train_size": 3_000, "valid_size": 100, "test_size": 120}
"""Enough of every length and distance there is; what a budget asks for is drawn by the same code, only longer."""


SLOW = (
    *("tatoeba", "news", "tatoeba+news", "iwslt14", "iwslt15", "wmt14", "multi30k"),
    *("agreement", "grammar", "summary"),
)
"""Tasks whose data take seconds; the others run the same code."""


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in NAMES],
)
def loaded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Task, TaskData]]:
    """The shipped task, with fewer examples where it says how many; with made-up text where it needs a user's. A
    corpus that is not here is not fetched: some are gigabytes."""
    base = [f"task={request.param}"]
    if request.param == "bitext":
        base += own_text(tmp_path_factory.mktemp("text"))
    known = compose(base).config["task"]
    fewer = [f"task.{field}={size}" for field, size in SMALL.items() if field in known]
    task = schema.build_task(compose([*base, *fewer]).config["task"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_OFFLINE", "1")
        try:
            yield task, task.load()
        except DataUnavailable as error:
            pytest.skip(str(error))


def own_text(folder: Path) -> list[str]:
    """What a user says to translate a text of his own."""
    sides = {side: folder / f"text.{side}" for side in ("en", "de")}
    for side, path in sides.items():
        path.write_bytes(joined(lines(side, 300, 0)))
    return [f"task.source={sides['en']}", f"task.target={sides['de']}", f"task.vocabulary={VOCABULARY}"]


def test_the_same_at_every_call(loaded: tuple[Task, TaskData]) -> None:
    task, data = loaded
    again = copy_of(task).load()
    assert again.checksums == data.checksums and again.notes == data.notes and again.counts == data.counts
    for ours, theirs in zip(splits(data), splits(again), strict=True):
        assert fingerprint(ours) == fingerprint(theirs)


def test_the_data_come_back_from_the_cache(loaded: tuple[Task, TaskData]) -> None:
    _, data = loaded
    again = task_cache.from_bytes(task_cache.to_bytes(data))
    for field in fields(TaskData):
        if field.name not in ("train", "valid", "tests"):
            assert getattr(again, field.name) == getattr(data, field.name), field.name
    assert list(again.tests) == list(data.tests)
    for ours, theirs in zip(splits(data), splits(again), strict=True):
        assert fingerprint(ours) == fingerprint(theirs)
        assert (ours.name, ours.sources, ours.references) == (theirs.name, theirs.sources, theirs.references)
        assert list(ours.axes) == list(theirs.axes)
        assert all(np.array_equal(ours.axes[axis], theirs.axes[axis]) for axis in ours.axes)


def test_no_test_source_was_trained_on(loaded: tuple[Task, TaskData]) -> None:
    _, data = loaded
    train = {data.train.src[i].tobytes() for i in range(len(data.train))}
    for split in [data.valid, *data.tests.values()]:
        common = sum(split.src[i].tobytes() in train for i in range(len(split)))
        assert common == 0, f"{common} sources of {split.name} are also trained on"


def test_ids_and_values_are_in_range_and_axes_fit(loaded: tuple[Task, TaskData]) -> None:
    task, data = loaded
    for split in splits(data):
        assert len(split.src) == len(split.tgt) > 0
        assert split.src.lengths.min() > 0 and split.tgt.lengths.min() > 0
        for ragged, size in ((split.src, data.src_size), (split.tgt, data.tgt_size)):
            if ragged.kind == "values":
                assert ragged.tokens.shape[1] == size and ragged.tokens.dtype == np.float32
                assert np.isfinite(ragged.tokens).all() and np.all(ragged.tokens.std(axis=0) > 0)
            else:
                assert ragged.tokens.dtype == np.int32
                # In running text the end token ends a line.
                assert ragged.tokens.min() >= (EOS if task.scored_by_loss else UNK) and ragged.tokens.max() < size
        assert all(len(values) == len(split) for values in split.axes.values())
        assert all(text is None or len(text) == len(split) for text in (split.sources, split.references))


def test_sizes_are_known_without_data(loaded: tuple[Task, TaskData]) -> None:
    task, data = loaded
    assert copy_of(task).sizes == data.sizes
    assert (data.sizes.source, data.sizes.target, data.sizes.shared) == (data.src_size, data.tgt_size, data.shared)


def test_mean_lengths_count_the_end_token_where_there_is_one(loaded: tuple[Task, TaskData]) -> None:
    _, data = loaded
    for mean, side in zip(data.mean_lengths, (data.train.src, data.train.tgt), strict=True):
        ends = len(side) if side.tokens.ndim == 1 and not data.train.one_stack else 0
        assert mean == round((len(side.tokens) + ends) / len(side))


def test_text_reads_back(loaded: tuple[Task, TaskData]) -> None:
    task, data = loaded
    split = next(iter(data.tests.values()))
    for i in range(0, len(split), max(1, len(split) // 50)):
        source, target = split.src[i].tolist(), split.tgt[i].tolist()
        text = task.source_text(source)
        assert "\n" not in text and "\n" not in task.target_text(target)
        if task.scored_by_loss:
            assert task.running_text(source).count("\n") == source.count(EOS) or EOS not in source
        elif split.src.kind == "tokens":
            assert task.source_ids(text) == source
        else:
            assert len(text.split()) == len(source)
            with pytest.raises(UserError):
                task.source_ids(text)
        if split.tgt.kind == "values":
            numbers = [float(word) for word in task.target_text(target).split()]
            assert numbers == pytest.approx(np.ravel(target).tolist(), abs=1e-5)


def test_limits_leave_room_for_every_reference(loaded: tuple[Task, TaskData]) -> None:
    """And for its end token; of values, which have none, the limit is how many there are."""
    task, data = loaded
    for split in data.tests.values():
        limits = task.target_limit(split.src.lengths)
        assert limits.shape == (len(split),)
        if split.tgt.kind == "values":
            assert np.array_equal(limits, split.tgt.lengths)
        else:
            assert np.all(limits > split.tgt.lengths)


def test_metrics_exist_and_are_perfect_on_references(loaded: tuple[Task, TaskData]) -> None:
    task, data = loaded
    if task.scored_by_loss:
        assert not task.metrics and task.context and not task.chance
        return
    split = next(iter(data.tests.values()))
    sources, references = texts(task, split)
    scored = {*task.metrics, *(task.teacher_forced_score or ())[:1]}
    assert task.metrics and set(task.chance) <= scored
    for name in task.metrics:
        value, signature = computed(name, references, references, task.tokeniser, sources)
        unit = METRICS[name].unit
        if unit not in DESCRIPTIVE:
            assert value == pytest.approx(0.0 if unit in LESS_IS_BETTER else 100.0 if unit == "points" else 1.0)
        assert signature
    assert task.correct(references, references).all()


def test_answers_of_one_stack_stand_inside_their_source(loaded: tuple[Task, TaskData]) -> None:
    task, data = loaded
    assert task.sizes.one_stack == data.sizes.one_stack == (data.train.answered_at is not None)
    for split in splits(data):
        if split.answered_at is None:
            continue
        assert (split.answered_at.offsets == split.tgt.offsets).all()
        assert (split.answered_at.tokens >= 0).all()
        assert (split.answered_at.tokens < np.repeat(split.src.lengths, split.tgt.lengths)).all()
        inside = np.diff(split.answered_at.tokens)[np.diff(np.repeat(np.arange(len(split)), split.tgt.lengths)) == 0]
        assert (inside > 0).all(), "in order, none twice"


def test_what_is_said_of_a_split_is_said_of_one_that_is_there(loaded: tuple[Task, TaskData]) -> None:
    task, data = loaded
    names = [split.name for split in splits(data)]
    assert names == ["train", "valid", *data.tests] and len(set(names)) == len(names)
    assert set(data.notes) <= set(names)
    assert all("\n" not in note and note for note in data.notes.values())
    for split in data.tests.values():
        assert set(task.train_range) <= set(split.axes)
    for axis, (low, high) in task.train_range.items():
        assert low <= data.train.axes[axis].min() and data.train.axes[axis].max() <= high


def test_positions_of_the_loss(loaded: tuple[Task, TaskData]) -> None:
    task, data = loaded
    for split in data.tests.values():
        positions = task.loss_positions(split)
        assert positions.shape == (len(split),) and positions.min() > 0
        assert task.chance_loss(split) is None or task.chance_loss(split) > 0


def copy_of(task: Task) -> Task:
    """Another with the same fields."""
    return replace(task)


def splits(data: TaskData) -> list[Split]:
    return [data.train, data.valid, *data.tests.values()]


def test_a_side_of_values_is_told_from_one_of_ids() -> None:
    assert Ragged.of([[4]]).kind == "tokens" and Ragged.of_rows(np.zeros((1, 1, 1))).kind == "values"
