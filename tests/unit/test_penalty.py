"""The length penalty that is chosen on validation: a planted best one is found, ties go to the first, values are
real."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.conf.compose import compose
from bench.data.examples import BOS, EOS, Sizes, Split, TaskData
from bench.data.ragged import Ragged
from bench.errors import UserError
from bench.evaluation.decoding import decode_split
from bench.evaluation.length_penalty import choose
from bench.evaluation.search_config import Search, SearchConfig
from bench.metrics import METRICS
from bench.tasks.base import Task
from bench.training.progress import Silent
from models.interface import Seq2Seq, State

A, B = 4, 5


class ShortOrLong(Seq2Seq):
    """After the start: the end with probability 0.4, or A with 0.6, which B, B and the end follow with 0.8 each. The
    empty answer is more probable (0.4 against 0.31), the long one more probable a token."""

    def __init__(self) -> None:
        super().__init__()
        table = torch.full((6, 6), 1e-9)
        table[BOS, EOS], table[BOS, A] = 0.4, 0.6
        table[A, B], table[A, A] = 0.8, 0.2
        table[B, EOS], table[B, B] = 0.65, 0.35
        self.table = table.log()

    of_width = classmethod(lambda cls, *a, **k: None)
    component_of = matmul_flops = depth = features = project = None

    def start(self, src: Tensor, src_mask: Tensor | None = None) -> State:
        return {"rows": torch.zeros(len(src), 1)}

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        return self.table[token], state


class Letters(Task):
    """Target ids as letters; scored by exact match."""

    metrics = ("exact_match", "token_accuracy")
    sizes = Sizes(6, 6, shared=True)

    def load(self) -> TaskData:
        raise NotImplementedError

    def source_text(self, ids: Sequence[int]) -> str:
        return self.target_text(ids)

    def target_text(self, ids: Sequence[int]) -> str:
        return " ".join("ab"[i - A] for i in ids)

    def target_limit(self, source_lengths: np.ndarray) -> np.ndarray:
        return np.full(len(source_lengths), 6)


def valid(targets: list[list[int]]) -> Split:
    return Split(
        "valid", Ragged.of([[A]] * len(targets)), Ragged.of(targets), axes={"length": np.arange(len(targets))}
    )


def chosen(targets: list[list[int]], penalties: Sequence[float]) -> tuple[Search, dict]:
    searches = [Search(3, penalty) for penalty in penalties]
    return choose(ShortOrLong().eval(), Letters(), valid(targets), searches, 100, "cpu", Silent())


@pytest.mark.parametrize(
    ("targets", "best", "values"),
    [
        ([[A, B]] * 4 + [[]], 2.0, [0.2, 0.8]),  # four references are long, one is empty
        ([[A, B]] + [[]] * 4, 0.0, [0.8, 0.2]),
        ([[B, B]], 0.0, [0.0, 0.0]),  # neither is ever right: the first named
    ],
)
def test_the_best_on_validation_is_taken(targets: list[list[int]], best: float, values: list[float]) -> None:
    search, kept = chosen(targets, (0.0, 2.0))
    assert search == Search(3, best) and kept["chosen"] == best
    assert kept["candidates"] == [
        {"length_penalty": penalty, "value": value} for penalty, value in zip((0.0, 2.0), values, strict=True)
    ]
    assert (kept["search"], kept["metric"], kept["unit"]) == ("beam3", "exact_match", "share")
    assert kept["signature"] == "exact_match|whole line"


def test_of_equal_ones_the_first_named_is_taken() -> None:
    for penalties in ((0.0, 0.1, 2.0, 2.5), (2.5, 2.0, 0.1, 0.0)):
        for targets, best in (([[]] * 2, 0.0 if penalties[0] == 0.0 else 0.1), ([[A, B]], max(penalties[:3]))):
            assert chosen(targets, penalties)[0].length_penalty == best


def test_the_values_are_those_of_decoding_with_each() -> None:
    penalties, targets = (0.0, 0.5, 1.0, 3.0), [[A, B], [], [A, B], [A, A]]
    _, kept = chosen(targets, penalties)
    split = valid(targets)
    for penalty, candidate in zip(penalties, kept["candidates"], strict=True):
        decoded = decode_split(ShortOrLong().eval(), split, np.full(4, 6), Search(3, penalty), 100)
        hypotheses, references = (
            list(map(Letters().target_text, ids)) for ids in (decoded.hypotheses.tokens, targets)
        )
        assert candidate == {
            "length_penalty": penalty,
            "value": METRICS["exact_match"].score(hypotheses, references)[0],
        }


def searches(*words: str) -> SearchConfig:
    return compose(["task=reverse", *words]).search


def test_a_number_is_no_choice_and_a_list_is_one() -> None:
    assert searches("search.beam=5") == SearchConfig(Search(1), (Search(5),), 16000)
    assert searches("search.length_penalty=0.5").beams == ()
    beams = searches("search.beam=5", "search.length_penalty=[0,0.5,1]").beams
    assert beams == (Search(5, 0.0), Search(5, 0.5), Search(5, 1.0))


def test_where_there_is_nothing_to_choose_a_cell_keeps_its_name() -> None:
    """That of the default as it was before there was a choice."""
    beam = ["task=reverse", "search.beam=5"]
    assert compose([*beam, "search.length_penalty=1.0"]) == compose(beam)
    assert compose([*beam, "search.length_penalty=[1.0,2.0]"]) != compose(beam)


@pytest.mark.parametrize(
    ("words", "needle"),
    [
        (["search.length_penalty=[]"], "list two or more different numbers"),
        (["search.beam=5", "search.length_penalty=[1.0]"], "list two or more different numbers"),
        (["search.beam=5", "search.length_penalty=[1,0.5,1.0]"], "list two or more different numbers"),
        (["search.length_penalty=[0.5,1.0]"], "greedy search does not use it"),
        (
            ["search.beam=5", "search.length_penalty=[0.5,-1]"],
            "search.length_penalty must be at least 0 and finite, got -1",
        ),
        (["search.beam=5", "search.length_penalty=[0.5,x]"], "search.length_penalty"),
        (["search.beam=5", "search.length_penalty=inf"], "search.length_penalty must be a finite number, got inf"),
        (["search.beam=5", "search.length_penalty={a:1}"], "search.length_penalty"),
    ],
)
def test_a_list_that_is_no_choice_is_refused(words: list[str], needle: str) -> None:
    with pytest.raises(UserError, match="length_penalty") as refused:
        searches(*words)
    assert needle in str(refused.value)
