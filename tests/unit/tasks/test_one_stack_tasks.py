"""Tasks of one stack: where their answers stand, and that they are those of the same task with a decoder."""

from __future__ import annotations

import numpy as np
import pytest

from bench.conf import schema
from bench.conf.compose import compose
from bench.data.examples import PAD
from bench.tasks.mqar import Mqar
from bench.training.batches import Batcher

LANGUAGES = ("parity", "even_pairs", "cycle_navigation", "modular_arithmetic")
FEW = ("task.train_size=200", "task.valid_size=20", "task.test_size=40")


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_language_is_read_off_at_a_blank_after_the_string(name: str) -> None:
    task = schema.build_task(compose([f"task={name}_stack", *FEW]).config["task"])
    data = task.load()
    for split in (data.train, data.valid, *data.tests.values()):
        for i in range(len(split)):
            string, blank = task.source_text(split.src[i]).rsplit(" ", 1)
            assert blank == "_" and "_" not in string
            assert task.target_text(split.tgt[i]) == task.answer(string)
            assert split.answered_at[i].tolist() == [len(string.split())]
            assert split.axes["length"][i] <= len(string.split()), "the blank is not part of the length"


def test_a_sorted_string_is_read_off_at_blanks_after_it() -> None:
    task = schema.build_task(compose(["task=bucket_sort_stack", *FEW]).config["task"])
    data = task.load()
    for split in (data.train, data.valid, *data.tests.values()):
        for i in range(len(split)):
            words = task.source_text(split.src[i]).split()
            string, blanks = words[: len(words) // 2], words[len(words) // 2 :]
            assert set(blanks) == {"_"} and "_" not in string and len(string) == len(blanks)
            assert task.target_text(split.tgt[i]).split() == sorted(string)
            assert split.answered_at[i].tolist() == list(range(len(string), len(words)))


@pytest.mark.parametrize("name", ["parity", "bucket_sort"])
def test_the_shipped_tasks_with_a_decoder_are_unchanged(name: str) -> None:
    task = schema.build_task(compose([f"task={name}", *FEW]).config["task"])
    assert task.load().train.answered_at is None and "_" not in task.words()


@pytest.mark.parametrize("fillers", [True, False])
def test_mqar_asks_where_a_key_stands_and_the_value_is_its_own(fillers: bool) -> None:
    task = Mqar(
        length=40, pairs=5, fewest_pairs=2, vocabulary=64, random_fillers=fillers, one_stack=True,
        train_size=100, valid_size=20, test_size=40,
    )  # fmt: skip
    data = task.load()
    for split in (data.train, data.valid, *data.tests.values()):
        for i in range(len(split)):
            words, pairs = task.source_text(split.src[i]).split(), len(split.tgt[i])
            facts = dict(zip(words[0 : 2 * pairs : 2], words[1 : 2 * pairs : 2], strict=True))
            places = split.answered_at[i].tolist()
            assert places == sorted(places) and len(set(places)) == pairs and min(places) >= 2 * pairs
            assert [words[place] for place in places] != [], "there is a question"
            asked = [words[place] for place in places]
            assert sorted(asked) == sorted(facts) and task.target_text(split.tgt[i]) == " ".join(
                facts[key] for key in asked
            )


def test_a_batch_has_each_answer_at_its_position_and_padding_elsewhere() -> None:
    task = Mqar(
        length=24, pairs=3, fewest_pairs=1, vocabulary=16, one_stack=True, train_size=60, valid_size=5, test_size=5
    )
    split = task.load().train
    batcher = Batcher(split, 100)
    seen = 0
    for batch in batcher.epoch():
        assert batch.tgt_in is None and batch.tgt_out.shape == batch.src.shape
        assert batch.padded_tokens == batch.src.numel() + batch.target_tokens
        expected = np.full(batch.src.shape, PAD)
        for row, example in enumerate(batch.rows):
            expected[row, split.answered_at[example]] = split.tgt[example]
            assert (batch.src[row, : len(split.src[example])].numpy() == split.src[example]).all()
        assert (batch.tgt_out.numpy() == expected).all()
        assert batch.unpadded is not None and (batch.unpadded.numpy() == np.flatnonzero(expected)).all()
        assert batch.target_tokens == len(batch.unpadded)
        seen += len(batch.rows)
    assert seen == len(split)


def test_a_batch_that_asks_at_every_position_lists_none() -> None:
    task = schema.build_task(compose(["task=word_problem", *FEW]).config["task"])
    split = task.load().train
    alone = Batcher(split, 1).make(np.array([3]))
    assert alone.unpadded is None and alone.src_mask is None
    ragged = Batcher(split, 1).make(np.array([0, 1, 2, 3]))
    assert ragged.unpadded is not None and ragged.src_mask is not None
    assert ragged.src_mask.sum() == len(ragged.unpadded) == split.src.lengths[:4].sum()
