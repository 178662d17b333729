"""Records made in memory whose truth is planted, arm by arm, and profiles in rounds. No tests of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd

from bench.analysis.claims import judge, primary
from bench.analysis.claims.primary import Arm
from bench.records.cost_rounds import RoundRow
from bench.records.store import KEYS, SCORE_COLUMNS, Records

DISTANCES = tuple(range(2, 33, 2))
SEEDS = (1, 2, 3, 4)
Level = Callable[[int], float] | float
"""Score at each distance, or on whole splits. Of translation in points, of all other tasks a share."""

SCORES = {
    "reverse": [("test", "greedy", "exact_match"), ("test", "teacher-forced", "copy_accuracy")],
    "parity": [("test", "greedy", "exact_match"), ("test_longer", "greedy", "exact_match")],
    "grammar": [("test", "greedy", "exact_match"), ("test", "greedy", "bleu"), ("test_longer", "greedy", "bleu")],
    "multi30k": [("test_2016_flickr", "greedy", "bleu")],
}
"""Split, search and metric of the scores of a task; other tasks have exact match on one split."""
DEFAULT = [("test", "greedy", "exact_match")]
TRANSLATION = ("grammar", "multi30k")
BY_DISTANCE = {"reverse": "copy_accuracy", "recall": "exact_match"}
CHANCE = {"exact_match": 1 / 16, "token_accuracy": 1 / 16, "mse": 1 / 6}

Costs = Mapping[str, float]
ARMS = ("transformer", "lstm_dot", "lstm_none")
QUANTITIES = ("train", "latency")
LENGTHS = (16, 64, 256)


def cell(task: str, arm: str, seed: int, change: Mapping[str, object], budget: str = "quick") -> dict:
    """A row of `Records.cells` that passes every gate. arm: with its options, as in `primary.yaml`."""
    of_arm = Arm.parse(arm)
    model = of_arm.model
    row = {
        "cell": f"{task}-{arm}-{seed}".replace(" ", "-"), "task": task, "model": model, "budget_name": budget,
        "seed": seed, "status": "done", "reason": None, "suite": "quick",
        "config": {"task": {"name": task}, "model": {"name": model} | dict(of_arm.options)},
        "environment.device": "cpu", "environment.cpu": "one", "environment.threads": 1,
        "environment.concurrent_cells": 1, "parameters.total": 100_000, "match.target": 100_000,
        "match.rule": "params",
        "parameters.feed_forward": 30_000 if model == "transformer" else 0,
        "flops.forward_per_target_token": 1e6, "throughput.train.median": 1000.0, "throughput.decode.median": 100.0,
        "throughput.decode_one.median": 10.0, "memory.peak_rss_bytes": 1e9, "times.total": 30.0,
        "sanity.loss_finite": True, "sanity.loss_fell": True, "sanity.eos_share": 1.0, "sanity.empty_share": 0.0,
        "sanity.length_ratio": 1.0, "data.train_range.distance": [2, 32],
    }  # fmt: skip
    return row | {f"data.chance.{metric}": share for metric, share in CHANCE.items()} | dict(change)


class Made:
    """Records put together arm by arm. budget: of every cell; it chooses the list of primary comparisons."""

    def __init__(self, budget: str = "quick") -> None:
        self.budget = budget
        self.cells: list[dict] = []
        self.scores: list[dict] = []
        self.rounds: list[RoundRow] = []

    def arm(
        self, arm: str, level: Level, *, task: str = "recall", seeds: Iterable[int] = SEEDS, noise: float = 0.004,
        change: Mapping[str, object] | None = None, searches: tuple[str, ...] = ("greedy",),
        longer: Level | None = None,
    ) -> Made:  # fmt: skip
        """Cells of an arm with its options. longer: level on `test_longer`, by default that of all splits; searches:
        of multi30k."""
        for seed in seeds:
            row = cell(task, arm, seed, change or {}, self.budget)
            self.cells.append(row)
            shift = float(np.random.default_rng([seed, *arm.encode(), *task.encode()]).normal()) * noise
            for split, search, metric in SCORES.get(task, DEFAULT):
                own = longer if longer is not None and split == "test_longer" else level
                for named in searches if task == "multi30k" else (search,):
                    self._score(row, (split, named, metric), own, shift)
        return self

    def _score(self, row: Mapping, named: tuple[str, str, str], level: Level, shift: float) -> None:
        split, search, metric = named
        task, points = row["task"], metric == "bleu"
        scale = 0.01 if task in TRANSLATION and not points else 1.0
        at_all = level if callable(level) else (lambda at: level)
        places = {at: scale * (at_all(at) + shift) for at in DISTANCES} if BY_DISTANCE.get(task) == metric else {}
        whole = float(np.mean([scale * (at_all(at) + shift) for at in DISTANCES]))
        for axis, at, value in [(None, None, whole), *(("distance", at, value) for at, value in places.items())]:
            score = (split, search, metric, value, "points" if points else "share", 50, axis, at, "signature")
            self.scores.append({key: row[key] for key in KEYS} | dict(zip(SCORE_COLUMNS, score, strict=True)))

    def profile(
        self, costs: Mapping[str, float], *, count: int = 7, noise: float = 0.01, lengths: tuple[int, ...] = LENGTHS,
        flops: Costs | None = None, state_bytes: Costs | None = None, latency: Costs | None = None,
    ) -> Made:  # fmt: skip
        """A profile in rounds on a machine that drifts by a factor of ten. costs: of training by arm, relative;
        latency, flops, state_bytes: the same, by default equal to `costs`, and 1,000 times `costs`."""
        draw = np.random.default_rng(0)
        for length in lengths:
            for number in range(1, count + 1):
                for what in QUANTITIES:
                    speed = 10 ** draw.uniform(0, 1)
                    times = latency or costs if what == "latency" else costs
                    for order, arm in enumerate(costs, start=1):
                        seconds = times[arm] * speed * length * math.exp(noise * draw.normal())
                        counts = [int(1000 * (of or costs)[arm]) for of in (flops, state_bytes)]
                        row = (number, order, arm, length, what, 100, seconds, 100 * counts[0], counts[1], 9, "cpu")
                        self.rounds.append(RoundRow(*row))
        return self

    def records(self) -> Records:
        return Records(
            pd.DataFrame(self.cells), pd.DataFrame(self.scores, columns=[*KEYS, *SCORE_COLUMNS]),
            pd.DataFrame(columns=[*KEYS, "step", "target_tokens", "seconds", "train_loss", "valid_loss"]),
            tuple(self.rounds),
        )  # fmt: skip

    def verdict(self, letter: str) -> judge.Verdict:
        return next(verdict for verdict in judge.verdicts(self.records()) if verdict.letter == letter)


def arms_of(budget: str = "quick") -> list[tuple[str, str]]:
    """Task and arm of every score that the primary comparisons of a budget name, each once."""
    entries = [each for of_claim in primary.list_of_budget(budget).claims.values() for each in of_claim]
    scored = [each for each in entries if each.measure != primary.COST]
    return list(dict.fromkeys((each.task, str(arm)) for each in scored for arm in (each.first, each.second)))


def fading(at: int) -> float:
    """A score that falls with the distance."""
    return max(0.08, 0.98 - at / 28)


SEEDS_OF_QUICK = tuple(range(11, 21))


def seeds_of(task: str, arm: str) -> tuple[int, ...]:
    """As many seeds as an arm has in the suite `quick`: ten of translation, eight of its variants of one layer, three
    of all else."""
    if task != "grammar":
        return SEEDS_OF_QUICK[:3]
    return SEEDS_OF_QUICK[:8] if "n_layers=1" in arm else SEEDS_OF_QUICK


PILOTS: dict[tuple[str, str], Level] = {
    ("reverse", "transformer positions=rotary"): 0.99,
    ("reverse", "transformer positions=none"): 0.04,
    ("reverse", "lstm_dot encoder=uni"): 0.985,
    ("reverse", "gru_dot encoder=uni"): lambda at: 1.0 - at / 64,
    ("reverse", "lstm_none encoder=uni"): fading,
    ("reverse", "gru_none encoder=uni"): fading,
    ("recall", "lstm_dot encoder=uni"): 1.0,
    ("recall", "lstm_none encoder=uni"): 0.44,
    ("parity", "transformer"): 0.50,
    ("parity", "lstm_none encoder=uni"): 0.98,
    ("grammar", "transformer n_layers=2"): 95.0,
    ("grammar", "lstm_dot"): 92.0,
    ("grammar", "transformer n_layers=1 n_heads=4"): 93.0,
    ("grammar", "transformer n_layers=1 n_heads=1"): 88.0,
}
"""Levels of the arms of the suite `quick`, near those of its pilots."""


def suite(levels: Mapping[tuple[str, str], Level] = PILOTS) -> Made:
    """Every arm of the primary comparisons of `quick`, with its number of seeds, and a profile. Noise over seeds: .4 %
    of shares, .3 points of translation."""
    made = Made()
    for task, arm in arms_of():
        points = task == "grammar"
        made.arm(arm, levels[task, arm], task=task, seeds=seeds_of(task, arm), noise=0.3 if points else 0.004)
    return made.profile(
        {"transformer": 1.2, "lstm_dot": 1.0, "lstm_none": 0.8},
        state_bytes={"transformer": 9.0, "lstm_dot": 3.0, "lstm_none": 1.0},
    )
