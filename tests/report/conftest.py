"""A generator of made-up results folders whose truth is known, so that a report can be held against it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from bench.records import store
from bench.records.cost_rounds import RoundRow
from tests import once

ARMS = ("transformer", "lstm_dot", "gru_dot", "lstm_none", "gru_none")
TASKS = {
    "reverse": ("exact_match", {"test": range(1, 21), "test_longer": range(21, 41)}, "length"),
    "recall": ("exact_match", {"test": range(2, 33, 2)}, "distance"),
    "multi30k": (
        "bleu",
        {
            "test_2016_flickr": range(5, 30, 5),
            "test_2017_flickr": range(5, 30, 5),
            "test_2017_mscoco": range(5, 30, 5),
        },
        "length",
    ),
}
SEARCHES = {"multi30k": ("greedy", "beam5")}
SIGNATURE = {"bleu": "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.5.1"}


class Folder:
    """Writes cells under `path`. budget: name of the cells' budget; the rules of a budget that is none of ours serve
    every task. level(task, arm, split, at) -> expected score of a place on the task's axis."""

    above = 40.0
    """Points that literature-style BLEU is above the default: more than any two arms are apart."""

    def __init__(self, path: Path, budget: str = "quick") -> None:
        self.path, self.budget = path, budget

    def cell(
        self,
        task: str = "recall",
        arm: str = "transformer",
        seed: int = 1,
        *,
        status: str = "done",
        level: Callable[[str, int], float] = lambda split, at: 0.5,
        noise: float = 0.0,
        target: int = 100_000,
        speed: float = 1000.0,
        hypothesis: str = "a b",
        change: Mapping[str, object] | None = None,
        outputs: bool = True,
    ) -> dict:
        """One cell; level(split, at): score at a place on the axis; change: dotted names to other values."""
        metric, splits, axis = TASKS[task]
        unit, scale = ("points", 100.0) if metric == "bleu" else ("share", 1.0)
        shift = float(np.random.default_rng([seed, len(arm), ord(arm[0])]).normal()) * noise
        rows = []
        for split, places in splits.items():
            for search in SEARCHES.get(task, ("greedy",)):
                values = {at: float(np.clip(level(split, at) + shift, 0, 1)) * scale for at in places}
                parts = [
                    (None, None, float(np.mean(list(values.values())))),
                    *((axis, at, v) for at, v in values.items()),
                ]
                for where, at, value in parts:
                    rows.append(
                        {"split": split, "search": search, "metric": metric, "value": value, "unit": unit, "n": 40,
                         "axis": where, "at": at, "signature": SIGNATURE.get(metric, f"{metric}|whole line")}
                    )  # fmt: skip
                    if metric == "bleu":
                        literature = {"metric": "bleu_lit_de", "value": value + self.above, "signature": "moses"}
                        rows.append(rows[-1] | literature)
        feed_forward = 40_000 if arm == "transformer" else 0
        record = {
            "schema": store.SCHEMA,
            "cell": f"{task}-{arm}-{self.budget}-s{seed}-{target:08d}",
            "task": task,
            "model": arm,
            "budget_name": self.budget,
            "seed": seed,
            "suite": "made_up",
            "status": "done",
            "reason": None,
            "traceback": None,
            "config": {
                "task": {"name": task, "source": "en", "target": "de"} if task == "multi30k" else {"name": task},
                "model": {"name": arm, "n_layers": 2, "dropout": 0.1},
                "optim": {"lr": 0.002},
                "budget": {"name": self.budget, "parameters": target, "epochs": 3.0, "batch_tokens": 2500},
                "match": {"rule": "params", "target": None, "reference": "transformer", "tolerance": 0.05},
                "seed": seed,
                "threads": 1,
                "device": "cpu",
            },
            "config_hash": "0" * 64,
            "code": {"version": "0.1.0", "commit": "abc1234", "clean": True},
            "seeds": {"base": seed, "initialisation": 1, "order": 2, "dropout": 3, "data": 0},
            "environment": {
                "python": "3.11.7",
                "platform": "Linux",
                "cpu": "Made-up CPU",
                "cores": 2,
                "threads": 1,
                "device": "cpu",
                "gpu": None,
                "concurrent_cells": 1,
                "libraries": {"torch": "2.9.0", "numpy": "2.0.0"},
            },
            "parameters": {
                "total": target + len(arm) * 10,
                "embedding": 5000,
                "recurrent": 0 if feed_forward else 60_000,
                "attention": 20_000,
                "feed_forward": feed_forward,
            },
            "match": {
                "rule": "params",
                "target": target,
                "got": target + len(arm) * 10,
                "mismatch": len(arm) * 10 / target,
                "tolerance": 0.05,
                "width": 64,
                "reference": None,
            },
            "flops": {"forward_per_target_token": 4e5 if arm == "transformer" else 3e5, "training_total": 1e12},
            "budget": {
                "epochs": 3.0,
                "steps": 900,
                "examples": 150_000,
                "target_tokens": 300_000,
                "source_tokens": 310_000,
                "padding_share": 0.12,
            },
            "times": {"data": 1.0, "train": 60.0, "validate": 5.0, "evaluate": 9.0, "total": 75.0},
            "throughput": {
                key: {
                    "median": speed * factor * (1 + 0.01 * shift),
                    "q25": speed * factor * 0.95,
                    "q75": speed * factor * 1.05,
                    "n": 20,
                    "unit": "target tokens/s",
                }
                for key, factor in (("train", 10.0), ("decode", 4.0), ("decode_one", 0.4))
            },
            "memory": {"peak_rss_bytes": 600 * 2**20, "peak_gpu_bytes": None},
            "tuning": {
                "set": {"optim.lr": 0.002},
                "trials": {"optim.lr=1e-3": 0.75, "optim.lr=2e-3": 0.5, "optim.lr=1": None},
            }
            if task == "reverse"
            else None,
            "selection": {"metric": "valid_loss", "step": 900, "value": 0.5},
            "scores": rows,
            "sanity": {
                "loss_finite": True,
                "loss_fell": True,
                "eos_share": 1.0,
                "empty_share": 0.0,
                "length_ratio": 1.0,
            },
            "data": {
                "checksums": {"train": "ab" * 32},
                "counts": {"train": 50_000, "overlap": 0},
                "train_range": {"length": [1, 20]}
                if axis == "length" and task == "reverse"
                else {"distance": [2, 32]}
                if axis == "distance"
                else {},
                "chance": {} if metric == "bleu" else {metric: 1 / 16},
            },
        }
        curve = [
            {"step": step, "target_tokens": step * 333, "seconds": step / 15 * (1 + len(arm) / 20),
             "train_loss": 3 / (1 + step / 200), "valid_loss": 3.1 / (1 + step / (150 + 20 * len(arm))),
             "valid_token_accuracy": 0.5, "learning_rate": 0.001}
            for step in range(100, 1000, 100)
        ]  # fmt: skip
        rest = " c d" if metric == "bleu" else ""  # BLEU of references with fewer than four tokens is undefined
        lines = [
            {"split": split, "search": "greedy", "index": i, "source": "a b c", "reference": "a b" + rest,
             "hypothesis": hypothesis and hypothesis + rest, "correct": hypothesis == "a b",
             "length": 3, "distance": 4}
            for split in splits for i in range(30)
        ]  # fmt: skip
        if status != "done":
            nothing = ("match", "parameters", "flops", "budget", "throughput", "memory", "selection", "sanity", "data")
            record |= dict.fromkeys(nothing) | {"status": status, "reason": f"made up: {status}", "scores": []}
            curve, lines = [], []
        for name, value in (change or {}).items():
            *groups, last = name.split(".")
            place = record
            for group in groups:
                place = place[group]
            place[last] = value
        store.write(self.path, record, curve, lines if outputs else ())
        return record

    def full(self, seeds: Sequence[int] = (1, 2, 3, 4), tasks: Sequence[str] = tuple(TASKS)) -> None:
        """All arms on all tasks. Planted: on recall attention holds and recurrent arms without it fall with distance;
        on reverse arms with attention are level inside the training lengths; on multi30k the Transformer leads."""

        def level(task: str, arm: str) -> Callable[[str, int], float]:
            attends = arm == "transformer" or arm.endswith("_dot")
            if task == "recall":
                return lambda split, at: 0.97 if attends else max(0.06, 0.98 - at / 28)
            if task == "reverse":
                inside, outside = (0.96, 0.30) if attends else (0.60, 0.02)
                return lambda split, at: inside - at / 400 if split == "test" else max(0.0, outside - at / 200)
            best = {"transformer": 0.36, "lstm_dot": 0.33, "gru_dot": 0.325}.get(arm, 0.22)
            return lambda split, at: best - at / 300 - 0.05 * (split != "test_2016_flickr")

        for task in tasks:
            for arm in ARMS:
                for seed in seeds:
                    self.cell(
                        task, arm, seed, level=level(task, arm), noise=0.006,
                        speed=1000.0 if arm == "transformer" else 1400.0,
                    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An empty results folder."""
    return Folder(tmp_path / "results")


@pytest.fixture(scope="session")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A folder in which every claim but C, E and F can be judged, and its report in both languages; tests only read
    it."""
    from bench.records import cost_rounds
    from bench.report.page import build

    def make(path: Path) -> None:
        Folder(path, "made_up").full(seeds=(1, 2, 3))
        cost_rounds.write(path / store.PROFILE, rounds())
        build(path, None, ("en", "zh"))

    return Folder(once.made(tmp_path_factory, "answered", make), "made_up")


def rounds() -> list[RoundRow]:
    """A made-up profile in eight rounds: the Transformer trains in half the time of the other arms, with twice the
    bytes of state."""
    factors = {"transformer": 0.5, "lstm_dot": 1.0, "lstm_none": 1.0}
    return [
        RoundRow(number, order, arm, length, what, 1000, factor * (1 + 0.01 * number + 0.003 * order), 10**6,
                 int(1000 / factor), 10**5, "cpu")
        for number in range(1, 9) for what in ("train", "latency") for length in (32, 128)
        for order, (arm, factor) in enumerate(factors.items(), start=1)
    ]  # fmt: skip


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A folder of all arms and tasks with three seeds, and its report; tests only read it."""
    from bench.report.page import build

    def make(path: Path) -> None:
        Folder(path).full(seeds=(1, 2, 3))
        build(path)

    return Folder(once.made(tmp_path_factory, "full", make))
