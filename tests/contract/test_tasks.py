"""What every task that needs no download keeps: same data at every call, splits apart, text that reads back."""

from __future__ import annotations

import numpy as np
import pytest

from bench import schema
from bench.errors import DataUnavailable
from bench.metrics import METRICS
from bench.tasks.base import FIRST_FREE_ID, Task, TaskData, fingerprint

NAMES = sorted(schema.choices("task"))


@pytest.fixture(scope="module", params=NAMES)
def loaded(request: pytest.FixtureRequest) -> tuple[Task, TaskData]:
    task = schema.build_task(schema.compose([f"task={request.param}"]).config["task"])
    try:
        return task, task.load()
    except DataUnavailable as error:
        pytest.skip(str(error))


def test_the_same_at_every_call(loaded: tuple[Task, TaskData]) -> None:
    task, data = loaded
    again = type(task)(**vars_of(task)).load()
    assert again.checksums == data.checksums
    for ours, theirs in zip(splits(data), splits(again), strict=True):
        assert fingerprint(ours) == fingerprint(theirs)


def test_no_test_source_was_trained_on(loaded: tuple[Task, TaskData]) -> None:
    _, data = loaded
    train = {data.train.src[i].tobytes() for i in range(len(data.train))}
    for split in [data.valid, *data.tests.values()]:
        shared = sum(split.src[i].tobytes() in train for i in range(len(split)))
        assert shared == 0, f"{shared} sources of {split.name} are also trained on"


def test_ids_are_in_range_and_axes_fit(loaded: tuple[Task, TaskData]) -> None:
    _, data = loaded
    for split in splits(data):
        assert len(split.src) == len(split.tgt) > 0
        assert split.src.lengths.min() > 0
        for ragged, size in ((split.src, data.src_size), (split.tgt, data.tgt_size)):
            assert ragged.tokens.min() >= FIRST_FREE_ID - 1 and ragged.tokens.max() < size
        assert all(len(values) == len(split) for values in split.axes.values())
        assert all(text is None or len(text) == len(split) for text in (split.sources, split.references))


def test_sizes_are_known_without_data(loaded: tuple[Task, TaskData]) -> None:
    task, data = loaded
    fresh = type(task)(**vars_of(task))
    assert fresh.sizes == data.sizes
    assert (data.sizes.source, data.sizes.target, data.sizes.shared) == (data.src_size, data.tgt_size, data.shared)


def test_mean_lengths_count_the_end_token(loaded: tuple[Task, TaskData]) -> None:
    _, data = loaded
    for mean, side in zip(data.mean_lengths, (data.train.src, data.train.tgt), strict=True):
        assert mean == round((len(side.tokens) + len(side)) / len(side))


def test_text_reads_back(loaded: tuple[Task, TaskData]) -> None:
    task, data = loaded
    split = next(iter(data.tests.values()))
    for i in range(0, len(split), max(1, len(split) // 50)):
        ids = split.src[i].tolist()
        assert task.source_ids(task.source_text(ids)) == ids
        assert "\n" not in task.target_text(split.tgt[i].tolist())


def test_limits_leave_room_for_every_reference(loaded: tuple[Task, TaskData]) -> None:
    task, data = loaded
    for split in data.tests.values():
        assert np.all(task.target_limit(split.src.lengths) > split.tgt.lengths)


def test_metrics_exist_and_are_perfect_on_references(loaded: tuple[Task, TaskData]) -> None:
    task, data = loaded
    split = next(iter(data.tests.values()))
    references = split.references or [task.target_text(split.tgt[i].tolist()) for i in range(len(split))]
    for name in task.metrics:
        value, signature = METRICS[name].score(references, references)
        assert value == pytest.approx(100.0 if METRICS[name].unit == "points" else 1.0) and signature


def vars_of(task: Task) -> dict:
    return {name: getattr(task, name) for name in type(task).__dataclass_fields__}


def splits(data: TaskData) -> list:
    return [data.train, data.valid, *data.tests.values()]
