"""Random result sets with known truth, made in memory: no arm differs, but for what is planted. No tests of its
own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import pandas as pd

from bench.records.store import KEYS, SCORE_COLUMNS, Records
from tests.unit.test_claims import cell

ARMS = ("transformer", "lstm_dot", "gru_dot", "lstm_none", "gru_none")
VARIANTS = [("positions", kind) for kind in ("none", "sinusoidal", "rotary")] + [("n_heads", n) for n in (1, 2, 8)]
DISTANCES = tuple(range(2, 33, 2))
SPEEDS = [f"throughput.{name}.median" for name in ("train", "decode", "decode_one")] + ["memory.peak_rss_bytes"]
SHARES = ("exact_match", "token_accuracy")
SPLITS = {
    "recall": (["test"], SHARES), "reverse": (["test", "test_longer"], SHARES),
    "multi30k": (["test_2016_flickr"], ("bleu", "chrf")),
    "order": (["test"], SHARES), "many": (["test"], SHARES),
}  # fmt: skip


@cache
def _frame(seeds: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cells and scores of a report on every claim, without their values; scores know their `place` among the cells."""
    cells, scores = [], []
    for task, (splits, metrics) in SPLITS.items():
        variants = [each for each in VARIANTS if (each[0] == "positions") == (task == "order")]
        for arm, option in [("transformer", each) for each in variants] if task in ("order", "many") else [
            (arm, None) for arm in ARMS
        ]:  # fmt: skip
            for seed in range(1, seeds + 1):
                model = {"name": arm} | ({option[0]: option[1]} if option else {})
                row = cell(task, arm, seed, {"config": {"task": {"name": task}, "model": model}})
                row["cell"] = f"{task}-{arm}-{option}-{seed}"
                place, keys = len(cells), [row[key] for key in KEYS]
                cells.append(row)
                for split in splits:
                    for metric in metrics:
                        unit = "points" if task == "multi30k" else "share"
                        for search in ("greedy", "beam5") if task == "multi30k" else ("greedy",):
                            places = [(None, None)]
                            if task == "recall" and metric == metrics[0]:
                                places += [("distance", at) for at in DISTANCES]
                            scores += [
                                [*keys, split, search, metric, 0.0, unit, 500, axis, at, "made up", place]
                                for axis, at in places
                            ]
    return pd.DataFrame(cells), pd.DataFrame(scores, columns=[*KEYS, *SCORE_COLUMNS, "place"])


def made(
    draw: int,
    seeds: int | None = None,
    planted: Mapping[tuple[str, str], float] | None = None,
    spread: tuple[float, float] = (0.003, 0.1),
    lucky: bool = False,
) -> Records:
    """A result set of 3 to 5 seeds. planted: (task, arm) -> what is added to its scores (shares; BLEU in hundredths).

    spread: range of the standard deviation over seeds, drawn for each task, in half of the sets also by arm. lucky:
    each seed of an arm solves a task or stays at chance, by the toss of a coin; noise that is as far from normal as
    can be."""
    generator = np.random.default_rng([20_261_126, draw])
    cells, scores = _frame(seeds or int(generator.integers(3, 6)))
    cells = cells.copy()
    tasks = cells["task"].to_numpy()
    level = {task: generator.uniform(0.2, 0.9) for task in SPLITS}
    width = {task: np.exp(generator.uniform(*np.log(spread))) for task in SPLITS}
    arms = [f"{task} {arm} {config['model']}" for task, arm, config in zip(tasks, cells["model"], cells["config"])]
    uneven = {
        arm: np.exp(generator.uniform(np.log(0.5), np.log(2.0))) if draw % 2 else 1.0 for arm in dict.fromkeys(arms)
    }
    noise = (
        generator.standard_t(6, len(cells)) / np.sqrt(6 / 4) if draw % 3 == 0 else generator.normal(size=len(cells))
    )
    shift = np.array([width[task] * uneven[arm] for task, arm in zip(tasks, arms)]) * noise
    if lucky:
        shift = generator.integers(2, size=len(cells)) * 0.8 - 0.4 + 0.01 * noise
    shift += [(planted or {}).get((task, arm), 0.0) for task, arm in zip(tasks, cells["model"])]
    own = generator.normal(size=len(scores)) * np.array([0.2 * width[task] for task in scores["task"]])
    values = np.array([level[task] for task in scores["task"]]) + shift[scores["place"]] + own
    share = (scores["unit"] == "share").to_numpy()
    # A share of 500 examples stays between 0 and 1 where arms are alike; otherwise clipping would make means differ.
    values[share] = np.round(values[share] * 500) / 500
    values = np.where(share & (draw % 2 == 0), values.clip(0, 1), values)
    for name in SPEEDS:
        cells[name] = 100 * np.exp(generator.normal(size=len(cells)) * generator.uniform(0.005, 0.05))
    scores = scores.drop(columns="place").assign(value=np.where(share, values, 100 * values))
    curves = pd.DataFrame(columns=[*KEYS, "step", "target_tokens", "seconds", "train_loss", "valid_loss"])
    return Records(cells, scores, curves)
