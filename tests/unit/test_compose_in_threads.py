"""Several threads of one process compose cells."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from bench.conf import compose


def test_threads_compose_at_once() -> None:
    """Hydra has one state for a process: without a lock, one thread clears what another one has set up."""
    words = [("task=recall", "budget=smoke", f"seed={900 + seed}") for seed in range(16)]
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda each: compose.compose(list(each)).name, words))
    assert [f"-s{900 + seed}-" in name for seed, name in enumerate(names)] == [True] * 16
