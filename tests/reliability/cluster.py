"""Workers of a shared folder on tiny cells: what `bench suite --on` starts, for a made-up suite.

python -m tests.reliability.cluster alone OUT CELLS                  two at a time, in this process
python -m tests.reliability.cluster submit OUT CELLS WORKERS         start workers, print their processes' numbers
python -m tests.reliability.cluster ray OUT CELLS WORKERS ADDRESS    start workers on a Ray cluster
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from bench.conf.suites import Suite
from bench.records import store
from bench.runs import engines, plan, suite
from bench.runs.display import Board
from tests.reliability.bed import ARMS, words

SMALL = ("task.train_size=600", "budget.epochs=2", "budget.validations=2", "optim.average=0")


def jobs(cells: int) -> list[suite.Job]:
    """Cells of all arms in turn, each with a seed of its own."""
    return [suite.Job.of(words(ARMS[i % len(ARMS)], *SMALL, f"seed={i}")) for i in range(cells)]


def main() -> None:
    action, folder, cells, *more = sys.argv[1:]
    out = Path(folder)
    if action == "alone":
        every = jobs(int(cells))
        suite.run(every, out, Board(sys.stderr, len(every)), at_a_time=2, suite="cluster")
        return
    workers, *more = more
    planned = plan.read(out) or plan.make(Suite("cluster", "", 1, None, ()), jobs(int(cells)), out, concurrent=2)
    left = tuple(cell for cell in planned.cells if not store.finished(out, cell.name))
    if left:
        engine, address = (engines.RAY, more[0]) if action == "ray" else (engines.LOCAL, None)
        submitted = replace(planned, cells=left)
        arrays = engines.submit(engine, submitted, out, workers=int(workers), address=address)
        if engine == engines.LOCAL:
            print(*(number for array in arrays for number in array.jobs))


if __name__ == "__main__":
    main()
