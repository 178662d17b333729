"""A profile in rounds: every arm once in each round, in random order, in one process.

A machine's speed drifts by more than the difference between two arms. Within a round all arms are measured seconds
apart, so the ratio of two arms within a round is free of the drift, and the round is the unit of a paired test
(`bench.analysis.cost_ratios`).
"""

from __future__ import annotations

from bench.analysis.comparisons import MIN_ROUNDS
from bench.diagnostics.profile.measure import WORK, Subject, Work, make_subject
from bench.diagnostics.profile.plan import Plan
from bench.errors import UserError
from bench.records.cost_rounds import RoundRow
from bench.seeding import numpy_generator
from bench.system.resources import clock
from bench.system.torch_setup import set_up_torch
from bench.training.progress import Progress
from models.cost import parameters, state_bytes

MAX_ROUNDS = 10_000
"""Only refuses slips of the keyboard. Fewer than MIN_ROUNDS leave the interval of a ratio wide."""

WARM_UP = 2
"""Calls of each kind before the first round."""


def check(rounds: int) -> None:
    """Raises UserError for a number of rounds that cannot be."""
    if not MIN_ROUNDS <= rounds <= MAX_ROUNDS:
        raise UserError(f"--rounds must be {MIN_ROUNDS} to {MAX_ROUNDS:,}, got {rounds}")


def measure_rounds(plan: Plan, rounds: int, progress: Progress) -> list[RoundRow]:
    """Time one call of every arm, length and quantity of the plan in each round.

    Raises UserError for fewer than MIN_ROUNDS rounds, for an arm that cannot be built, and where an arm fails at a
    length, since a round without one arm compares nothing.
    """
    check(rounds)
    set_up_torch(plan.threads)
    subjects = {arm: make_subject(cell) for arm, cell in plan.cells.items()}
    sizes = {arm: parameters(subject.model)["total"] for arm, subject in subjects.items()}
    rows: list[RoundRow] = []
    progress.stage("measure", rounds * len(plan.lengths), "rounds")
    for place, length in enumerate(plan.lengths):
        works = [
            (arm, quantity, _work(plan, subjects[arm], arm, length, quantity))
            for arm in plan.cells
            for quantity in plan.quantities
        ]
        states = {arm: state_bytes(subject.model, length, length) for arm, subject in subjects.items()}
        for _ in range(WARM_UP):
            for arm, _, work in works:
                _timed(subjects[arm], work)
        for number in range(1, rounds + 1):
            generator = numpy_generator(0, "profile rounds", length, number)
            for order, index in enumerate(generator.permutation(len(works)), start=1):
                arm, quantity, work = works[index]
                rows.append(
                    RoundRow(
                        number,
                        order,
                        arm,
                        length,
                        quantity,
                        work.tokens,
                        _timed(subjects[arm], work),
                        work.flops,
                        states[arm],
                        sizes[arm],
                        plan.device,
                    )
                )
            progress.advance(place * rounds + number, f"length {length}")
    return rows


def _work(plan: Plan, subject: Subject, arm: str, length: int, quantity: str) -> Work:
    try:
        return WORK[quantity](subject, plan.request(arm, length, quantity))
    except Exception as error:
        raise _failure(arm, length, quantity, error) from error


def _timed(subject: Subject, work: Work) -> float:
    """Seconds of one call. Training leaves a model in training mode, so each call sets its own."""
    subject.model.train(work.trains)
    device = subject.cell.device
    started = clock(device)
    work.call()
    return clock(device) - started


def _failure(arm: str, length: int, quantity: str, error: Exception) -> UserError:
    cause = f"{type(error).__name__}: {error}".splitlines()[0]
    return UserError(f"{arm}, length {length}, {quantity}: {cause}; leave it out with --models, --lengths or --what")
