"""Which checkpoints are kept, and that their average is the mean."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from bench.training.averaging import WeightAverager
from bench.training.config import BEST, LAST

LOSSES = [5.0, 3.0, 4.0, 2.0, 2.0, 6.0, 2.5]


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(3, 2)
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))


def run(averager: WeightAverager) -> list[dict[str, torch.Tensor]]:
    """Adds a model with other weights at every loss. Returns all weights there were."""
    torch.manual_seed(0)
    model, lowest, seen = Small(), float("inf"), []
    for place, loss in enumerate(LOSSES):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_()
            model.count.fill_(place)
        averager.add(model, 10 * place, loss, loss < lowest)
        lowest = min(lowest, loss)
        seen.append(copy.deepcopy(model.state_dict()))
    return seen


@pytest.mark.parametrize(
    ("count", "which", "places"),
    [
        *((2, LAST, [5, 6]), (3, LAST, [4, 5, 6]), (9, LAST, range(7))),
        *((1, BEST, [3]), (2, BEST, [3, 4]), (4, BEST, [1, 3, 4, 6])),
    ],
)
def test_the_average_is_the_mean_of_the_right_ones(count: int, which: str, places: list[int]) -> None:
    averager = WeightAverager(count, which)
    seen = run(averager)
    assert averager.steps == [10 * place for place in places]
    averaged = averager.average()
    assert averaged.keys() == seen[0].keys() and averaged["count"].dtype == torch.int64
    for name in ("one.weight", "one.bias"):
        mean = sum(seen[place][name].double() for place in places) / len(places)
        assert torch.equal(averaged[name], mean.float())


def test_the_first_of_equally_low_losses_is_the_best_and_none_is_kept_without_averaging() -> None:
    averager = WeightAverager()
    seen = run(averager)
    assert all(torch.equal(averager.best[name], seen[3][name]) for name in seen[3])
    assert averager.checkpoints == []


def test_the_mean_of_equal_weights_is_these_weights() -> None:
    averager, model = WeightAverager(3, LAST), Small()
    for step in range(3):
        averager.add(model, step, 1.0, step == 0)
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in averager.average().items())
