"""What would decide an open claim: arms, seeds, minutes, and the command."""

from __future__ import annotations

import math

import pandas as pd
from scipy import stats as distributions

from bench.analysis import arms
from bench.analysis.claims import primary
from bench.analysis.claims.answers import Answer
from bench.analysis.comparisons import FALSE_CALLS, MIN_ROUNDS, MIN_SEEDS, Comparison, Judgement, format_difference
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Message, Text
from bench.analysis.missing_values import column, is_present

RUN = "bench suite {name} --out results/runs/{name}"
QUICK = RUN.format(name="quick")
PROFILE = (
    "bench profile task=reverse budget={budget} --models {arms} --lengths {lengths} --what {quantities} "
    "--tokens {tokens}"
)
"""The profile that a suite takes, without rounds and folder."""
PROFILES = {"16,64,256": ("quick", 1024), "16,128,1024": ("faq", 2048)}
"""Budget and tokens of the suites' profiles, by their lengths."""
MORE_ROUNDS = 3
"""Factor by which the suggested profile has more rounds."""
POWER = 0.8
MOST_SEEDS = 1000


def needed(evidence: Evidence, key: Answer | None) -> Text:
    """A sentence on what the key comparison lacks. key: None where no suite named one for these records."""
    if key is None or key.judgement is None:
        why = Message("needed.nothing") if key is None else key.remark
        return Message("needed.run", why=why, command=_deciding_suite(evidence))
    comparison = key.judgement.comparison
    if comparison.paired:
        return Message("needed.rounds", have=len(comparison.ours), command=_profile(evidence, comparison))
    have = min(len(comparison.ours), len(comparison.theirs))
    seeds = seeds_for(key.judgement)
    if key.remark or seeds is None:
        return Message("needed.more", why=key.remark or Message("needed.noise"), have=have)
    seeds = max(seeds, have + 1)  # the approximation is too low for few seeds
    minutes = _minutes(evidence, comparison, seeds - have)
    size = format_difference(_size(key.judgement), comparison.unit)
    first = max((*comparison.ours, *comparison.theirs)) + 1
    suite = command(evidence.finished(comparison.setting))
    options = f"--only {arms.base(comparison.setting.task)} --seeds {first}-{first + seeds - have - 1}"
    return Message(
        "needed.seeds", seeds=seeds, have=have, size=size, minutes=f"{minutes:.0f}" if minutes else "?",
        command=Message("needed.by", command=f"{suite} {options}") if suite else "",
    )  # fmt: skip


def _deciding_suite(evidence: Evidence) -> str:
    """The command of the suite that runs every claim's comparisons: `faq` where all records are of its budget."""
    budgets = {setting.budget for setting in evidence.settings()}
    of_all = (each.name for each in primary.lists() if budgets and set(map(arms.base, budgets)) <= set(each.budgets))
    return RUN.format(name=next(of_all, "quick"))


def _profile(evidence: Evidence, comparison: Comparison) -> str:
    """The command that measures the arms, lengths and quantities of the profile again, in more rounds."""
    arms, lengths, quantities = (
        ",".join(dict.fromkeys(str(getattr(row, name)) for row in evidence.rounds))
        for name in ("arm", "length", "what")
    )
    rounds = MORE_ROUNDS * max(MIN_ROUNDS, len(comparison.ours))
    budget, tokens = PROFILES.get(lengths, ("quick", 1024))
    measure = PROFILE.format(budget=budget, arms=arms, lengths=lengths, quantities=quantities, tokens=tokens)
    folder = (command(evidence.cells) or QUICK).rpartition(" ")[2]
    return f"{measure} --rounds {rounds} --out {folder}/profile"


def seeds_for(judgement: Judgement) -> int | None:
    """Seeds of each arm with which a difference of the size seen (or of the margin, if that is larger) would be found
    in POWER of all cases, by the normal approximation with Bonferroni's correction; None without a spread, or for more
    than MOST_SEEDS."""
    difference = judgement.difference
    if difference is None or difference.error is None:
        return MIN_SEEDS
    have = min(difference.n)
    deviation = difference.error * math.sqrt(have / 2)
    level = FALSE_CALLS / max(1, judgement.family)
    z = float(distributions.norm.isf(level / 2) + distributions.norm.ppf(POWER))
    size = _size(judgement)
    seeds = max(MIN_SEEDS, math.ceil(2 * (z * deviation / size) ** 2)) if size else math.inf
    return int(seeds) if seeds <= MOST_SEEDS else None


def _size(judgement: Judgement) -> float:
    return max(abs(judgement.mean), judgement.comparison.margin)


def _minutes(evidence: Evidence, comparison: Comparison, seeds: int) -> float | None:
    """Minutes of one core for so many more seeds of every arm of the setting, by the cells of the records."""
    rows = evidence.finished(comparison.setting)
    if "times.total" not in rows:
        return None
    threads = pd.to_numeric(column(rows, "environment.threads"), errors="coerce").fillna(1)
    seconds = (pd.to_numeric(rows["times.total"], errors="coerce") * threads).groupby(rows["arm"]).mean().dropna()
    return seeds * float(seconds.sum()) / 60 if len(seconds) else None


def command(cells: pd.DataFrame) -> str:
    """The command that ran these cells: their suite; "" if they are of none, or of several."""
    suites = [str(name) for name in dict.fromkeys(column(cells, "suite")) if is_present(name)]
    return RUN.format(name=suites[0]) if len(suites) == 1 else ""
