"""Every number of every sentence of a verdict is that of results.csv or of the profile, in both languages."""

from __future__ import annotations

import io
import math
import re
from statistics import fmean

import pandas as pd
import pytest

from bench.analysis import results_table
from bench.analysis.claims import judge, missing, primary, questions
from bench.analysis.claims.answers import answers
from bench.analysis.claims.primary import Primary
from bench.analysis.comparisons import LEVEL, MARGIN, Judgement, format_difference
from bench.analysis.evidence import Evidence
from bench.conf import suites
from bench.records.cost_rounds import RoundRow
from tests.unit import made_records
from tests.unit.made_records import DISTANCES, Made

NUMBER = re.compile(r"(?<![\w.\d])[+-]?\d+(?:\.\d+)?(?!\w)")
NEAR, FAR = DISTANCES[: len(DISTANCES) // 4], DISTANCES[-(len(DISTANCES) // 4) :]
LANGUAGES = ("en", "zh")


def numbers(text: str) -> list[str]:
    """The numbers of a text in their order, without signs of size zero and thousands; one head is a word."""
    return NUMBER.findall(re.sub(r"`[^`]*`|(?<!\d)1 个头", "", text).replace("13a", ""))


def csv_of(evidence: Evidence) -> pd.DataFrame:
    """results.csv, written and read again."""
    return pd.read_csv(io.StringIO(results_table.table(evidence).to_csv(index=False)))


class Numbers:
    """What a sentence on an entry must say, from the file and the rounds alone."""

    def __init__(self, made: Made) -> None:
        self.evidence = Evidence(made.records())
        self.table, self.rounds = csv_of(self.evidence), made.rounds
        self.options = {row["cell"]: row["config"]["model"] for row in made.cells}

    def seeds(self, entry: Primary, task: str, first: bool, places: tuple[int, ...] = ()) -> list[float]:
        """A value for each seed of one arm: of the whole split, or the mean over places."""
        arm, rows = entry.first if first else entry.second, self.table[self.table["task"] == task]
        head = rows.iloc[0]
        wanted = {"split": entry.split or head["split"], "metric": entry.metric or head["metric"]}
        for name, value in (wanted | {"search": entry.search}).items():
            rows = rows[rows[name] == value]
        rows = rows[rows["at"].isin(places)] if places else rows[rows["axis"].isna()]
        rows = rows[[arm.matches(model, self.options[cell]) for model, cell in zip(rows["model"], rows["cell"])]]
        return [fmean(of_seed["value"]) for _, of_seed in rows.groupby("seed")]

    def unit(self, entry: Primary) -> str:
        return "points" if entry.metric == "bleu" else "share"

    def cost(self, row: RoundRow, what: str) -> float:
        counted = {"flops": row.flops / row.tokens, "state_bytes": row.state_bytes, "parameters": row.parameters}
        return counted.get(what, row.seconds / row.tokens)

    def values(self, entry: Primary, task: str) -> tuple[list[float], list[float]]:
        """The value of each seed of both arms."""
        places = () if entry.measure == primary.SCORE else FAR
        ours, theirs = (self.seeds(entry, task, first, places) for first in (True, False))
        if entry.measure == primary.GROWTH:
            near = [self.seeds(entry, task, first, NEAR) for first in (True, False)]
            ours, theirs = ([far - own for far, own in zip(values, of)] for values, of in zip((ours, theirs), near))
        return ours, theirs

    def says(self, entry: Primary, task: str) -> list[str]:
        """The numbers of the sentence on an entry, in its order."""
        if entry.measure == primary.COST:
            timed = "latency" if entry.what == "latency" else "train"
            rows = [row for row in self.rounds if row.what == timed]
            longest = max(row.length for row in rows)
            ours, theirs = (
                {row.round: self.cost(row, entry.what) for row in rows if (row.arm, row.length) == (str(arm), longest)}
                for arm in (entry.first, entry.second)
            )
            ratio = math.exp(fmean(math.log(ours[number] / theirs[number]) for number in ours))
            counted = entry.what in questions.COUNTED
            return [str(longest), f"{ratio:.2f}", *([] if counted else [str(len(ours))])]
        ours, theirs = self.values(entry, task)
        words = [str(NEAR[0]), str(NEAR[-1])] if entry.measure == primary.GROWTH else []
        words += [str(FAR[0]), str(FAR[-1])] if entry.measure != primary.SCORE else []
        shown = [self.shown(fmean(values), entry) for values in (ours, theirs)]
        names = [self.heads(entry, first) for first in (True, False)]
        words += [*names[0], shown[0], *names[1], shown[1], str(len(ours))]
        line = 90 if self.unit(entry) == "points" else 0.9
        apart = 30 if self.unit(entry) == "points" else 0.3
        if any(min(each) < line <= max(each) and max(each) - min(each) >= apart for each in (ours, theirs)):
            words += ["90", *(str(n) for each in (ours, theirs) for n in (sum(v >= line for v in each), len(each)))]
        return words

    def asks_the_same(self, key: Primary, entry: Primary) -> bool:
        """Whether only the second arm of an entry is another: its sentence then gives that arm's value alone."""
        if primary.GROWTH in (key.measure, entry.measure) or primary.COST in (key.measure, entry.measure):
            return False
        ours, theirs = ((each.task, each.measure, each.metric, each.split, each.first) for each in (key, entry))
        return ours == theirs and self.values(key, key.task)[0] == self.values(entry, entry.task)[0]

    def says_second(self, entry: Primary) -> list[str]:
        """The number of the short clause on an entry."""
        return [*self.heads(entry, False), self.shown(fmean(self.values(entry, entry.task)[1]), entry)]

    def heads(self, entry: Primary, first: bool) -> list[str]:
        own, other = (entry.first, entry.second) if first else (entry.second, entry.first)
        differ = [pair for pair in own.options if own.model == other.model and pair not in other.options]
        return [value for name, value in differ if name == "n_heads" and value != "1"]

    def shown(self, value: float, entry: Primary) -> str:
        if self.unit(entry) == "points":
            return f"{value:.2f}"
        return f"{100 * value:+.1f}" if entry.measure == primary.GROWTH else f"{100 * value:.1f}"

    def level(self, entry: Primary) -> str:
        """The margin that a sentence on level arms names."""
        if entry.measure == primary.COST:
            return "1.05"
        return "2" if self.unit(entry) == "share" else f"{MARGIN['points']:.2f}"


def tail(judgement: Judgement, entry: Primary, of: Numbers, task: str) -> list[str]:
    """The numbers of an item of the evidence after its sentence."""
    difference, unit = judgement.difference, judgement.comparison.unit
    if difference is None:
        return []
    low, high = (format_difference(end, unit) for end in difference.interval)
    p = [f"{value:.2g}" if value >= 1e-4 else "0.0001" for value in (difference.p, judgement.p_holm)]
    if judgement.comparison.paired:
        return [of.says(entry, task)[1], "95", low, high, *p, str(difference.n[0])]
    ours, theirs = map(fmean, of.values(entry, task))
    effect = [f"{difference.effect:.1f}"] if difference.effect is not None else []
    return [format_difference(ours - theirs, unit), "95", low, high, *effect, *p, str(difference.n[0])]


def mixed() -> Made:
    """The pilots of quick, but with an arm that solves or does not, arms that are level, and an open comparison."""
    made = made_records.suite(made_records.PILOTS | {("grammar", "lstm_dot"): 94.98})
    for row in made.scores:
        if (row["task"], row["model"], row["seed"]) == ("parity", "lstm_none", 13):
            row["value"] = 0.52
    return made


@pytest.mark.slow
@pytest.mark.parametrize("make", [made_records.suite, mixed], ids=["pilots", "mixed"])
def test_every_number_of_every_sentence_comes_back_out_of_the_table(make) -> None:
    made = make()
    of = Numbers(made)
    letters = [claim.letter for claim in judge.CLAIMS if claim.letter != judge.INSPECTED]
    own = answers(of.evidence, {letter: questions.of_claim(of.evidence, letter) for letter in letters})
    calls = set()
    for verdict in judge.verdicts_from(of.evidence):
        if verdict.letter == judge.INSPECTED:
            continue
        given = own[verdict.letter]
        keys = [each for each in given if each.entry.role == primary.KEY]
        contrary = [
            each
            for each in given
            if each.entry.role == primary.QUALIFIES and each.supports not in (None, keys[0].supports)
        ]
        spoken = [keys[0], *(contrary[:1] if verdict.verdict == judge.QUALIFIED else [])]
        expected = []
        for each in spoken:
            shorter = each is not keys[0] and of.asks_the_same(keys[0].entry, each.entry)
            expected += of.says_second(each.entry) if shorter else of.says(each.entry, each.entry.task)
            expected += [of.level(each.entry)] if each.judgement.call == LEVEL else []
        for language in LANGUAGES:
            assert numbers(verdict.sentence.render(language)) == expected, verdict.letter
            for each, item in zip(given, verdict.evidence, strict=True):
                calls.add(each.judgement.call)
                whole = of.says(each.entry, each.entry.task) + tail(each.judgement, each.entry, of, each.entry.task)
                whole += [of.level(each.entry)] if each.judgement.call == LEVEL else []
                assert numbers(item.render(language)) == whole, item
    assert {"above", "level"} <= calls
    assert make is not mixed or "open" in calls


def test_the_differences_of_the_evidence_are_those_of_the_table() -> None:
    """First minus second, of means over seeds."""
    made = Made("standard").arm("lstm_dot", 0.9).arm("lstm_none", 0.5)
    of, verdict = Numbers(made), made.verdict("G")
    (entry,) = (each for each in primary.list_of_budget("standard").claims["G"] if each.role == primary.KEY)
    first, second = (fmean(of.seeds(entry, "recall", one)) for one in (True, False))
    assert f"Difference, first minus second: {first - second:+.3f} (" in verdict.evidence[0]


def test_numbers_are_read_as_a_reader_reads_them() -> None:
    text = "over 33-39 tokens, 99.0 % of -2.5 (3 seeds), at 90 %: 3/3; test_2016, `--seeds 4-9`, H2"
    assert numbers(text) == ["33", "39", "99.0", "-2.5", "3", "90", "3", "3"]


def test_b_is_of_the_records_too() -> None:
    made = Made().arm("transformer", 0.9, seeds=(1,))
    row = made.cells[0]
    share = f"{100 * row['parameters.feed_forward'] / row['parameters.total']:.0f}"
    for language in LANGUAGES:
        sentence = made.verdict("B").sentence.render(language).replace(",", "")
        counts = [str(row[f"parameters.{name}"]) for name in ("feed_forward", "total")]
        assert sorted(numbers(sentence)) == sorted([*counts, share])


def open_claim(gap: float = 0.05, spread: float = 0.05) -> Made:
    """Four seeds of two arms whose means differ by the gap."""
    made = Made("standard")
    for seed, (ours, theirs) in enumerate([(-1.2, 0.9), (-0.3, -1.1), (0.4, 0.4), (1.1, -0.2)], start=1):
        made.arm("lstm_dot", 0.6 + gap + spread * ours, seeds=(seed,), noise=0)
        made.arm("lstm_none", 0.6 + spread * theirs, seeds=(seed,), noise=0)
    for row in made.cells:
        row["suite"] = "standard"
    return made


def test_what_an_open_claim_needs_is_counted_and_its_command_parses() -> None:
    made = open_claim()
    verdict = made.verdict("G")
    assert verdict.verdict == "inconclusive"
    (own,) = (each for each, role in zip(verdict.comparisons, verdict.roles) if role == "key")
    seeds = missing.seeds_for(own)
    minutes = 2 * (seeds - 4) * 30.0 / 60
    shown = [numbers(verdict.needed.render(language)) for language in LANGUAGES]
    size = format_difference(own.mean, "share")
    assert shown == [["4", size, str(seeds), f"{minutes:.0f}"]] * 2
    assert seeds > 4 and verdict.needed.endswith("`.")
    (command,) = re.findall(r"`([^`]*)`", verdict.needed)
    assert command == f"bench suite standard --out results/runs/standard --only recall --seeds 5-{4 + seeds - 4}"
    wanted = suites.load("standard", seeds=command.rpartition(" ")[2])
    assert {each for cell in wanted.cells for each in cell if each.startswith("seed=")} == {
        f"seed={seed}" for seed in range(5, 5 + seeds - 4)
    }


def test_more_seeds_for_smaller_differences_and_wider_spreads() -> None:
    def needed(gap: float, spread: float) -> int | None:
        return missing.seeds_for(open_claim(gap, spread).verdict("G").comparisons[0])

    assert needed(0.05, 0.05) < needed(0.05, 0.10) and needed(0.10, 0.10) < needed(0.05, 0.10)
    assert needed(0.01, 0.1) == needed(0.015, 0.1), "a difference below the margin is sought at the margin"
    assert needed(0.0, 2.0) is None, "more than anyone would run"
    assert "More seeds of this kind will hardly decide it" in open_claim(0.0, 2.0).verdict("G").needed


def test_open_costs_take_more_rounds_of_the_same_profile() -> None:
    made = Made().arm("transformer", 0.5, task="parity")
    made.profile({"transformer": 1.02, "lstm_dot": 1.0, "lstm_none": 1.0}, noise=0.2)
    verdict = made.verdict("D")
    assert verdict.verdict == "inconclusive" and "7 rounds" in verdict.needed
    expected = "--models transformer,lstm_dot,lstm_none --lengths 16,64,256 --what train,latency --tokens 1024"
    assert f"{expected} --rounds 21 --out results/runs/quick/profile`" in verdict.needed
    assert verdict.needed.render("zh").count("21") == 1
