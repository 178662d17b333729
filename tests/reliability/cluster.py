"""Workers of a shared folder on tiny cells: what `bench suite --on local` starts, for a made-up suite.

python -m tests.reliability.cluster alone OUT CELLS            two at a time, in this process
python -m tests.reliability.cluster submit OUT CELLS WORKERS   start workers, print the numbers of their processes
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from bench.conf.suites import Suite
from bench.runs import engines, plan, suite
from bench.runs.display import Board
from tests.reliability.bed import ARMS, words

SMALL = ("task.train_size=600", "budget.epochs=2", "budget.validations=2", "optim.average=0")


def jobs(cells: int) -> list[suite.Job]:
    """Cells of all arms in turn, each with a seed of its own."""
    return [suite.Job.of(words(ARMS[i % len(ARMS)], *SMALL, f"seed={i}")) for i in range(cells)]


def main() -> None:
    action, folder, cells, *workers = sys.argv[1:]
    out, every, board = Path(folder), jobs(int(cells)), Board(sys.stderr, int(cells))
    if action == "alone":
        suite.run(every, out, board, at_a_time=2, suite="cluster")
        return
    left, _ = suite.left_to_run(every, out, Board(io.StringIO(), 1), retry=False)
    if left:
        planned = plan.make(Suite("cluster", "", 1, None, ()), left, out, concurrent=2)
        arrays = engines.submit(engines.LOCAL, planned, out, workers=int(workers[0]))
        print(*(number for array in arrays for number in array.jobs))


if __name__ == "__main__":
    main()
