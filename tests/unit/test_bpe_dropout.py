"""BPE dropout: SentencePiece's sampling, seeded each time, on training text alone."""

from __future__ import annotations

import numpy as np
import pytest

from bench.data import subwords
from bench.data.bpe_dropout import redraw_with_dropout
from bench.data.examples import UNK, Split
from bench.data.ragged import Ragged
from bench.errors import UserError
from bench.tasks.reverse import Reverse
from tests.unit.test_subwords import LINES


@pytest.fixture
def learnt(monkeypatch, tmp_path) -> subwords.Subwords:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    return subwords.learn(LINES, 80)


def generator(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_without_dropout_it_is_the_segmentation_itself(learnt: subwords.Subwords) -> None:
    assert learnt.sample(LINES, 0.0, generator(0)) == learnt.encode(LINES)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.95])
def test_the_text_stays_and_is_cut_finer(learnt: subwords.Subwords, p: float) -> None:
    sampled = learnt.sample(LINES, p, generator(0))
    assert [learnt.decode(ids) for ids in sampled] == LINES and not any(UNK in ids for ids in sampled)
    plain = learnt.encode(LINES)
    assert sum(map(len, sampled)) > sum(map(len, plain))


def test_the_same_generator_gives_the_same_whatever_was_drawn_before(learnt: subwords.Subwords) -> None:
    first = learnt.sample(LINES, 0.3, generator(7))
    learnt.sample(LINES[:5], 0.9, generator(1))
    assert learnt.sample(LINES, 0.3, generator(7)) == first != learnt.sample(LINES, 0.3, generator(8))
    own = generator(7)
    assert learnt.sample(LINES, 0.3, own) == first != learnt.sample(LINES, 0.3, own), "a generator goes on"


def test_one_merge_is_left_out_as_often_as_asked(monkeypatch, tmp_path) -> None:
    """Of a word whose one merge is left out with probability p, a share p stays in pieces."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    learnt = subwords.learn(["a b"] * 10, 8)  # 4 specials, the space, a, b, and one merge of the space with either
    word = next(word for word in "ab" if len(learnt.encode([word])[0]) == 1)
    count, p = 20_000, 0.2
    cut = sum(len(ids) == 2 for ids in learnt.sample([word] * count, p, generator(3)))
    assert abs(cut / count - p) < 4 * (p * (1 - p) / count) ** 0.5


def test_an_epoch_keeps_everything_but_the_ids(learnt: subwords.Subwords) -> None:
    sides = Ragged.of(learnt.encode(LINES)), Ragged.of(learnt.encode(LINES[::-1]))
    axes = {"length": np.arange(len(LINES))}
    train = Split("train", *sides, axes=axes, sources=LINES, references=LINES[::-1])
    drawn = redraw_with_dropout(learnt, train, 0.3)(generator(0))
    assert len(drawn) == len(train) and (drawn.sources, drawn.references) == (train.sources, train.references)
    assert drawn.axes is train.axes
    assert [learnt.decode(ids) for ids in drawn.src] == LINES
    assert [learnt.decode(ids) for ids in drawn.tgt] == LINES[::-1]
    assert drawn.src.lengths.sum() > train.src.lengths.sum() and drawn.tgt.lengths.sum() > train.tgt.lengths.sum()


def test_a_task_without_subwords_refuses() -> None:
    task = Reverse(symbols=12, train_longest=6, test_longest=8, train_size=50, valid_size=5, test_size=5)
    with pytest.raises(UserError, match="bpe_dropout=0.1 is for tasks with learned subwords, and Reverse has none"):
        task.with_bpe_dropout(task.load().train, 0.1)
