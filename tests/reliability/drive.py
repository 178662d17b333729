"""A suite of the cells named on the command line, in a process of its own: OUT JOBS ARM..."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.runs import suite
from bench.runs.display import Board
from tests.reliability.bed import words


def main() -> None:
    out, jobs, *arms = sys.argv[1:]
    cells = [suite.Job.of(words(arm)) for arm in arms]
    outcomes = suite.run(cells, Path(out), Board(sys.stderr, len(cells)), at_a_time=int(jobs), suite="reliability")
    print(suite.summary(outcomes))


if __name__ == "__main__":
    main()
