"""Learning-rate schedules against closed forms and against torch's own schedulers."""

from __future__ import annotations

import math

import pytest
import torch

from bench.training.schedule import SCHEDULES, Schedule

TOTAL, PEAK, WARM = 200, 3e-3, 20


def rates(name: str, warmup: float = WARM / TOTAL, total: int = TOTAL, peak: float = PEAK) -> list[float]:
    schedule = Schedule(name, peak, warmup, total)
    return [schedule.rate(step) for step in range(total)]


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name != "one_cycle"])
def test_every_warm_up_is_a_line_from_zero_to_the_peak(name: str) -> None:
    assert rates(name)[:WARM] == pytest.approx([PEAK * (step + 1) / WARM for step in range(WARM)])
    assert max(rates(name)) == pytest.approx(PEAK)


def test_inverse_sqrt_is_the_transformers() -> None:
    """lrate = d_model^-0.5 * min(step^-0.5, step * warmup^-1.5), steps counted from 1 (Vaswani et al. 2017, eq. 3)."""
    d_model = 512
    peak = (d_model * WARM) ** -0.5
    expected = [d_model**-0.5 * min(step**-0.5, step * WARM**-1.5) for step in range(1, TOTAL + 1)]
    assert rates("inverse_sqrt", peak=peak) == pytest.approx(expected, rel=1e-12)


def test_inverse_sqrt_does_not_depend_on_the_end() -> None:
    longer = rates("inverse_sqrt", warmup=WARM / (2 * TOTAL), total=2 * TOTAL)
    assert longer[:TOTAL] == rates("inverse_sqrt")


@pytest.mark.parametrize("warmup", [0.1, 0.3, 0.45])
def test_one_cycle_is_torchs(warmup: float) -> None:
    from torch.optim.lr_scheduler import OneCycleLR

    scheduler = OneCycleLR(
        torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK),
        PEAK, total_steps=TOTAL, pct_start=warmup, cycle_momentum=False,
    )  # fmt: skip
    expected = [scheduler.get_last_lr()[0]]
    for _ in range(TOTAL - 1):
        scheduler.optimizer.step()
        scheduler.step()
        expected.append(scheduler.get_last_lr()[0])
    assert rates("one_cycle", warmup) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("warmup", "total"), [(0.0, 10), (0.0, 1), (0.9, 2), (0.99, 3)])
@pytest.mark.parametrize("name", SCHEDULES)
def test_few_steps_and_no_warm_up_have_rates(name: str, warmup: float, total: int) -> None:
    values = rates(name, warmup, total)
    assert all(rate > 0 for rate in values) and max(values) == pytest.approx(PEAK)


def test_plateau_is_torchs() -> None:
    """Losses that fall, stay, rise, and tie; torch's patience counts the validations before the one that lowers."""
    from torch.optim.lr_scheduler import ReduceLROnPlateau

    losses = [5.0, 4.0, 4.0, 4.1, 3.9, 3.95, 3.9, 4.0, 4.0, 4.0, 4.0, 4.0, 3.0, 3.1, 3.2, 2.9, 3.0, 3.0, 3.0, 3.0]
    for factor, patience in ((0.5, 1), (0.3, 2), (0.1, 3)):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
        theirs = ReduceLROnPlateau(optimizer, factor=factor, patience=patience - 1, threshold=0.0, eps=0.0)
        ours = Schedule("plateau", PEAK, 0.0, TOTAL, factor, patience)
        for loss in losses:
            theirs.step(loss)
            ours.observe(loss)
            assert ours.rate(100) == pytest.approx(optimizer.param_groups[0]["lr"])
        assert ours.scale < factor, "it was lowered more than once"


def test_plateau_goes_on_from_its_state_and_others_take_no_note() -> None:
    whole, cut = (Schedule("plateau", PEAK, 0.1, TOTAL) for _ in range(2))
    losses = [1.0, 1.1, 1.2, 1.3, 0.9, 1.0, 1.0]
    for place, loss in enumerate(losses):
        whole.observe(loss)
        cut.observe(loss)
        resumed = Schedule("plateau", PEAK, 0.1, TOTAL)
        resumed.state = cut.state
        cut = resumed
        assert cut.rate(150) == whole.rate(150) and cut == whole, place
    assert whole.scale == 0.25
    constant = Schedule("constant", PEAK, 0.1, TOTAL)
    for _ in range(9):
        constant.observe(1.0)
    assert constant.rate(150) == PEAK


def test_the_earlier_schedules_are_what_they_were() -> None:
    share = [(step - WARM) / (TOTAL - WARM) for step in range(WARM, TOTAL)]
    assert rates("cosine")[WARM:] == [PEAK * 0.5 * (1 + math.cos(math.pi * done)) for done in share]
    assert rates("linear")[WARM:] == [PEAK * (1 - done) for done in share]
    assert set(rates("constant")[WARM:]) == {PEAK}
