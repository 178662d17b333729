"""`make reliability`: every fault as often as it says, and a table of what was lost:
results/reference/reliability.md."""

from __future__ import annotations

import argparse
import platform
import random
import re
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from bench.system import environment
from bench.system.files import replacing
from tests import commit
from tests.reliability.bed import ROOT, Bed
from tests.reliability.faults import FAULTS, Fault, Impossible

PAGE = ROOT / "results/reference/reliability.md"


ENDING = "one thread a cell."
AGAIN = f"{ENDING} Rows that say `again` were run once more, at the commit that they name."


@dataclass
class Tally:
    """What came of one fault. lost: the reason of each injection after which something was not as it must be."""

    fault: Fault
    runs: int
    done: int = 0
    injected: int = 0
    lost: list[str] = field(default_factory=list)
    impossible: str | None = None
    seconds: float = 0.0


def once(bed: Bed, tally: Tally, number: int) -> tuple[int, str | None, str | None, float]:
    """One run of a fault: how many were injected, what was lost, why none could be, and the seconds it took. The
    random generator is of the fault's name and the number, so that each can be had again."""
    began, injected, lost, impossible = time.monotonic(), 1, None, None
    try:
        injected = tally.fault.inject(bed, random.Random(f"{tally.fault.name} {number}")) or 1
    except Impossible as error:
        injected, impossible = 0, str(error)
    except Exception as error:
        lost = f"run {number}: {str(error).splitlines()[0][:300] if str(error) else type(error).__name__}"
        traceback.print_exc()
    return injected, lost, impossible, time.monotonic() - began


def told(tally: Tally) -> str:
    state = tally.impossible or f"{len(tally.lost)} with a loss"
    return f"{tally.fault.name}: {tally.injected:,} injected, {state}, {tally.seconds:.0f} s of work"


def row(tally: Tally, again: str = "") -> str:
    """A fault as a row of the table. again: the commit at which it was injected, if that is not the page's."""
    lost = "; ".join(tally.lost) or "nothing"
    if tally.impossible and not tally.injected:
        lost = f"not injected here: {tally.impossible}"
    if again:
        lost += f" (again at {again})"
    return f"| {tally.fault.name} | {tally.injected:,} | {tally.fault.holds} | {lost} |"


def with_rows(text: str, tallies: list[Tally]) -> str:
    """A page with the rows of these faults in the place of its own. Raises ValueError for a fault that it lacks."""
    for tally in tallies:
        start = text.index(f"| {tally.fault.name} |")
        stop = text.index("\n", start)
        text = text[:start] + row(tally, commit.name()) + text[stop:]
    if AGAIN not in text:
        text = text.replace(ENDING, AGAIN, 1)
    cells = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")][1:]
    total = sum(int(own[1].replace(",", "")) for own in cells)
    bad = sum(not own[3].startswith(("nothing", "not injected")) for own in cells)
    return re.sub(r"minutes: .*? with a loss", f"minutes: {total:,} faults injected, {bad} with a loss", text, count=1)


def page(tallies: list[Tally], seconds: float) -> str:
    """The table as Markdown."""
    rows = [row(tally) for tally in tallies]
    total = sum(tally.injected for tally in tallies)
    bad = sum(len(tally.lost) for tally in tallies)
    return "\n".join(
        [
            "# Reliability",
            "",
            f"Written by `make reliability` in {seconds / 60:.0f} minutes: {total:,} faults injected, {bad} with "
            f"a loss. Each is a "
            "function in `tests/reliability/faults.py` or a test that it names; its random choices come from its "
            "name and its number alone. Compared "
            "are weights and outputs byte by byte, and scores, curves, counts and choices digit by digit; times "
            "are not.",
            "",
            f"{environment.cpu_name()}, {environment.usable_cores()} cores, {platform.platform()}, Python "
            f"{platform.python_version()}, torch {environment.versions()['torch']}, commit {commit.name()}; {ENDING}",
            "",
            "| fault | injected | what must hold | what was lost |",
            "|---|--:|---|---|",
            *rows,
            "",
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=PAGE)
    parser.add_argument("--only", default="", help="faults whose name has this in it")
    parser.add_argument("--into", action="store_true", help="keep the page's rows of all other faults")
    parser.add_argument("--share", type=float, default=1.0, help="of the injections, to try it out")
    asked = parser.parse_args()
    began = time.monotonic()
    tallies = [Tally(fault, max(1, round(fault.full * asked.share))) for fault in FAULTS if asked.only in fault.name]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(max(1, environment.usable_cores())) as pool:
        bed = Bed(Path(folder))
        runs = {pool.submit(once, bed, tally, number): tally for tally in tallies for number in range(tally.runs)}
        for future in as_completed(runs):
            tally = runs[future]
            injected, lost, impossible, seconds = future.result()
            tally.done, tally.injected, tally.seconds = (
                tally.done + 1,
                tally.injected + injected,
                tally.seconds + seconds,
            )
            tally.lost += [lost] if lost else []
            tally.impossible = impossible or tally.impossible
            if tally.done == tally.runs:
                print(f"{time.monotonic() - began:5.0f} s  {told(tally)}", flush=True)
    text = page(tallies, time.monotonic() - began)
    if asked.into:
        text = with_rows(asked.out.read_text(encoding="utf-8"), tallies)
    with replacing(asked.out) as building:
        building.write_text(text, encoding="utf-8")
    print(asked.out)
    return int(any(tally.lost for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())
