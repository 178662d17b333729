"""Run finished cells of a results folder again and compare: the same bits, or within the spread over seeds? No torch.

The new cells lie in a folder of their own, so nothing recorded changes, and an interrupted comparison continues.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from bench.analysis import arms, signatures
from bench.analysis.evidence import Evidence
from bench.analysis.missing_values import flatten
from bench.conf import schema, tuned_settings
from bench.conf.compose import compose
from bench.conf.overrides import quote
from bench.errors import UserError
from bench.records import store
from bench.runs.suite import Job
from bench.seeding import numpy_generator
from bench.system.environment import code_version

SAME, WITHIN, OUTSIDE, UNKNOWN = "same bits", "within the spread", "not reproduced", "no spread known"
"""Outcomes of a check."""

LEVEL = 0.99
"""Of the prediction interval for one more seed: a cell in a hundred is outside by chance."""

TIMED = ("seconds",)
"""Columns of curve.csv that differ from run to run."""

MACHINE = ("environment.cpu", "environment.libraries.torch", "environment.libraries.numpy", "environment.ranks")
"""Facts of a record on which the bits of a cell depend, beside its code."""


@dataclass(frozen=True)
class Check:
    """One cell that was run again. outcome: one of the four above; why: what differs, "" for the same bits."""

    cell: str
    outcome: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.cell}: {self.outcome}{f'; {self.why}' if self.why else ''}"


def choose(folder: Path, count: int) -> list[dict[str, Any]]:
    """The records of `count` finished cells, each of another arm as far as there are arms; the same at every call.

    Raises UserError where the folder has no finished cell, or a record that cannot be read."""
    records = [record for record in store.read_all(folder).values() if record["status"] == "done"]
    if not records:
        raise UserError(f"{folder} has no finished cell, so there is nothing to run again")
    order = numpy_generator(0, "verify").permutation(len(records))
    by_arm: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for place in order:
        by_arm.setdefault((records[place]["task"], records[place]["model"]), []).append(records[place])
    # In turns over arms: the first of each, then the second of each.
    longest = max(map(len, by_arm.values()))
    turns = [own[turn] for turn in range(longest) for own in by_arm.values() if turn < len(own)]
    return turns[:count]


def job_of(record: Mapping[str, Any]) -> Job:
    """The recorded cell, to be run again. Raises UserError where this version makes another cell of it."""
    name, config = record["cell"], record["config"]
    again = schema.checked({**config, "out": "."})
    if again.name != name:
        raise UserError(f"{name}: this version makes {again.name} of its configuration; use the version that ran it")
    words = [f"{group}={config[group]['name']}" for group in ("task", "model", "budget")]
    today, wanted = (flatten(cell.config) for cell in (compose(words), again))
    words += [f"{key}={_written(wanted[key])}" for key in wanted if key != "out" and today.get(key) != wanted[key]]
    # Options of the model may select choices of their own, which override what is equal to today's.
    chosen = tuned_settings.choice(words)
    written = {word.partition("=")[0] for word in words}
    words += [f"{key}={_written(wanted[key])}" for key in (chosen.set if chosen else ()) if key not in written]
    job = Job.of(words)
    if job.cell.name != name:
        raise UserError(f"{name}: its settings make {job.cell.name} today; use the version that ran it")
    return job


def check_earlier(out: Path, cells: Sequence[str]) -> None:
    """Raises UserError where one of these cells was run again before, by other code: its bits would say nothing about
    this code."""
    now = code_version()["commit"]
    for name in cells:
        if now is not None and store.finished(out, name, store.STATUSES):
            commit = (store.read(out / name).get("code") or {}).get("commit")
            if commit not in (None, now):
                raise UserError(
                    f"{out / name} was run by other code ({str(commit)[:12]}, now {str(now)[:12]}); delete {out}, or "
                    "name another --out"
                )


def compare(folder: Path, again: Path, cells: Sequence[str]) -> list[Check]:
    """Each cell of `folder` beside the one of the same name in `again`."""
    evidence = Evidence(store.load(folder))
    return [_compare(evidence, folder / name, again / name) for name in cells]


def _compare(evidence: Evidence, ours: Path, theirs: Path) -> Check:
    recorded, new = store.read(ours), store.read(theirs)
    if new["status"] != "done":
        return Check(ours.name, OUTSIDE, f"it {new['status']}: {new['reason']}")
    scores = _scores(new)
    unchanged = all(scores.get(key) == value for key, value in _scores(recorded).items())
    if unchanged and _curve(ours) == _curve(theirs):
        return Check(ours.name, SAME)
    before, after = flatten(recorded), flatten(new)
    differing = [name for name in MACHINE if before.get(name) != after.get(name)]
    changes = [f"{name.split('.')[-1]} {before.get(name)} -> {after.get(name)}" for name in differing]
    if recorded["code"]["commit"] != new["code"]["commit"]:
        commits = [str(record["code"]["commit"])[:7] for record in (recorded, new)]
        changes.append(f"commit {commits[0]} -> {commits[1]}")
    outcome, score = _within(evidence, recorded, new)
    return Check(ours.name, outcome, "; ".join([score, ", ".join(changes) or "the same code and kind of machine"]))


def _within(evidence: Evidence, recorded: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, str]:
    """Whether the headline score is where one more seed of the arm would lie, and the numbers in words."""
    cells = evidence.done.set_index("cell")
    setting, arm = cells.loc[recorded["cell"], "setting"], cells.loc[recorded["cell"], "arm"]
    headline = evidence.headline(setting)
    if not headline.metric:
        before, after = (record["selection"]["value"] for record in (recorded, new))
        same = math.isclose(before, after, rel_tol=1e-6, abs_tol=1e-9)
        return WITHIN if same else UNKNOWN, f"no scores; validation loss {after:.6g}, recorded {before:.6g}"
    rows = evidence.select(setting, *headline)
    seeds = rows[rows["arm"] == arm]["value"].to_numpy(dtype=float)
    recorded_name = str(rows[signatures.RECORDED].iloc[0]) if len(rows) else headline.metric
    key = (headline.split, headline.search, recorded_name, None, None)
    before, after = (_scores(record).get(key) for record in (recorded, new))
    if before is None or after is None:
        return OUTSIDE, f"{headline.metric} is undefined in one of them"
    text = f"{headline.metric} of {arms.base(str(arm))} {after:.4g}, recorded {before:.4g}"
    if math.isclose(before, after, rel_tol=1e-6, abs_tol=1e-9):
        return WITHIN, text
    if len(seeds) < 2:
        return UNKNOWN, f"{text}, one seed alone"
    reach = stats.t.ppf(0.5 + LEVEL / 2, len(seeds) - 1) * float(np.std(seeds, ddof=1)) * math.sqrt(1 + 1 / len(seeds))
    low, high = seeds.mean() - reach, seeds.mean() + reach
    outcome = WITHIN if low <= after <= high else OUTSIDE
    return outcome, f"{text}; one more seed lies in {low:.4g} to {high:.4g} ({len(seeds)} seeds, {LEVEL:.0%})"


def _scores(record: Mapping[str, Any]) -> dict[tuple[object, ...], float | None]:
    """Every score by what it is of."""
    return {
        tuple(row[name] for name in ("split", "search", "metric", "axis", "at")): row["value"]
        for row in record["scores"]
    }


def _curve(folder: Path) -> str:
    """The curve without times."""
    return pd.read_csv(folder / store.CURVE, dtype=str).drop(columns=list(TIMED), errors="ignore").to_csv(index=False)


def _written(setting: object) -> str:
    """A setting as the right side of an override."""
    if isinstance(setting, str):
        return quote(setting)
    if isinstance(setting, list):
        return f"[{','.join(map(_written, setting))}]"
    return json.dumps(setting)
