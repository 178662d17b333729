"""The record of a cell before it runs: the configuration and the machine are filled in, everything else is null.

A cell whose process dies keeps this record. No torch here."""

from __future__ import annotations

import platform

from bench.conf.schema import UNHASHED, Cell
from bench.records import store
from bench.seeding import derive
from bench.system import environment, torchrun

PURPOSES = ("initialisation", "order", "dropout", "segmentation")
"""A cell's seed is split into one seed for each of these; each has a generator of its own."""

UNREACHED = (
    *("match", "parameters", "architecture", "flops", "budget"),
    *("throughput", "memory", "selection", "sanity", "data"),
)
TIMES = ("data", "train", "validate", "evaluate", "total")


def new_record(
    cell: Cell,
    suite: str | None,
    status: str,
    reason: str | None = None,
    traceback: str | None = None,
    *,
    concurrent: int | None = None,
    gpu: str | None = None,
) -> dict:
    """A record with all keys of results/README.md. concurrent: how many cells run at the same time; gpu: its name, if
    known."""
    return {
        "schema": store.SCHEMA,
        "cell": cell.name,
        "task": cell.task,
        "model": cell.model,
        "budget_name": cell.budget,
        "seed": cell.seed,
        "suite": suite,
        "status": status,
        "reason": reason,
        "traceback": traceback,
        "config": {key: value for key, value in cell.config.items() if key not in UNHASHED},
        "config_hash": cell.hash,
        "tuning": cell.tuning,
        "code": environment.code_version(),
        "seeds": {
            "base": cell.seed,
            **{purpose: derive(cell.seed, purpose) for purpose in PURPOSES},
            "data": cell.config["task"].get("data_seed"),
        },
        "environment": {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "cpu": environment.cpu_name(),
            "cores": environment.usable_cores(),
            "threads": cell.threads,
            "device": cell.device,
            "gpu": gpu,
            "concurrent_cells": concurrent,
            **({"ranks": torchrun.size()} if torchrun.size() > 1 else {}),
            **environment.preloaded(),
            "libraries": environment.versions(),
        },
        "times": dict.fromkeys(TIMES),
        "files": {},
        "scores": [],
        **dict.fromkeys(UNREACHED),
    }
