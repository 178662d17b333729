"""The list of primary comparisons: every name in it exists, and an entry of another form is refused."""

from __future__ import annotations

import re
from importlib import resources

import pytest
import yaml

from bench.analysis.claims import judge, missing, primary
from bench.analysis.claims.primary import Arm, Primary
from bench.analysis.claims.questions import COUNTED
from bench.conf import compose, suites
from bench.conf.files import choices
from bench.diagnostics.profile.plan import make_plan
from bench.metrics import LOSS, METRICS
from bench.records.profile_rows import QUANTITIES
from tests.unit import made_records
from tests.unit.made_records import ARMS

LISTS = {each.name: each for each in primary.lists()}
QUICK = LISTS["quick"]
ENTRIES = [
    pytest.param(each, entry, id=f"{each.name}-{letter}{number}")
    for each in primary.lists()
    for letter, entries in each.claims.items()
    for number, entry in enumerate(entries)
]
SCORED = [param for param in ENTRIES if param.values[1].measure != primary.COST]
TASK_METRICS = {"copy_accuracy", "token_accuracy", "pairs"}
"""Metrics that the tasks score by themselves."""
SEARCHES = ("greedy", "teacher-forced", "beam5")


def budgets(each: primary.PrimaryList) -> list[str]:
    return list(each.budgets) or ["standard"]


@pytest.mark.parametrize(("of_list", "entry"), SCORED)
def test_every_name_of_an_entry_exists(of_list: primary.PrimaryList, entry: Primary) -> None:
    """Each arm composes to a cell of its task whose model section it matches, options and all."""
    tasks = ["recall"] if entry.task in (primary.EVERY_TASK, primary.TRANSLATION) else [entry.task]
    assert set(tasks) <= set(choices("task")) and entry.search in SEARCHES
    assert entry.metric in ("", LOSS, *METRICS, *TASK_METRICS)
    for arm in (entry.first, entry.second):
        overrides = [f"model.{name}={value}" for name, value in arm.options]
        for budget in budgets(of_list):
            cell = compose.compose([f"task={tasks[0]}", f"model={arm.model}", f"budget={budget}", *overrides])
            options = cell.config["model"]
            assert arm.matches(cell.model, options), options
            assert all(name in options for name, _ in arm.options)
            assert not Arm(arm.model, (*arm.options, ("n_layers", "77"))).matches(cell.model, options)


@pytest.mark.parametrize(("of_list", "entry"), [p for p in ENTRIES if p.values[1].measure == primary.COST])
def test_every_cost_is_a_quantity_that_the_suite_profiles(of_list: primary.PrimaryList, entry: Primary) -> None:
    assert entry.what in COUNTED or entry.what in QUANTITIES
    for suite in of_list.budgets or ["quick"]:
        (profile,) = (step for step in suites.load(suite).steps if step.words[0] == "profile")
        options = dict(zip(profile.words, profile.words[1:]))
        assert {str(entry.first), str(entry.second)} <= set(options["--models"].split(","))
        assert entry.what in COUNTED or entry.what in options["--what"].split(",")


@pytest.mark.slow
@pytest.mark.parametrize("letter", [letter for letter in QUICK.claims])
def test_quick_runs_every_arm_of_its_list_once(letter: str) -> None:
    """Each (task, arm) of the list is one arm of the suite, with at least three seeds: as many as in simulations."""
    cells = [compose.compose(list(overrides)) for overrides in suites.load("quick").cells]
    for entry in QUICK.claims[letter]:
        for arm in (entry.first, entry.second) if entry.measure != primary.COST else ():
            of_task = [cell for cell in cells if cell.task == entry.task]
            own = [cell for cell in of_task if arm.matches(cell.model, cell.config["model"])]
            assert len({cell.seed for cell in own}) == len(own) >= 3, f"{entry.task} {arm}: {len(own)} cells"
            assert len(own) == len(made_records.seeds_of(entry.task, str(arm)))


def test_each_claim_of_a_list_of_a_suite_has_one_key() -> None:
    letters = {claim.letter for claim in judge.CLAIMS} - {judge.INSPECTED}
    for each in primary.lists():
        assert set(each.claims) == letters
        keys = {letter: [entry for entry in own if entry.role == primary.KEY] for letter, own in each.claims.items()}
        assert all(keys.values()) and (not each.budgets or all(len(own) == 1 for own in keys.values()))
    named = [budget for each in primary.lists() for budget in each.budgets]
    assert len(named) == len(set(named)), "a budget has one list"
    assert [each.name for each in primary.lists() if each.alone] == ["faq"]
    assert [each.name for each in primary.lists() if not each.budgets] == [primary.lists()[-1].name]


@pytest.mark.parametrize(("of_list", "entry"), ENTRIES)
def test_only_splits_that_tasks_have(of_list: primary.PrimaryList, entry: Primary) -> None:
    with_longer = ("parity", "grammar", "even_pairs", "cycle_navigation", "modular_arithmetic")
    if entry.task == "recognition":
        assert (entry.split, entry.metric) == ("test_longer_pairs", "pairs")
    else:
        assert not entry.split or (entry.split == "test_longer" and entry.task.removesuffix("_stack") in with_longer)
    assert entry.measure in (primary.SCORE, primary.COST) or not entry.split, "distances are of the first split"


ENTRY = {"role": "key", "task": "recall", "first": "transformer", "second": "lstm_none"}
COST = {"role": "key", "measure": "cost", "what": "train", "length": "longest"} | {
    name: ENTRY[name] for name in ("first", "second")
}


def test_an_entry_has_defaults() -> None:
    entry = Primary.parse(ENTRY)
    assert (entry.measure, entry.search, entry.expects, entry.split, entry.metric) == (
        "score",
        "greedy",
        "above",
        "",
        "",
    )
    assert Primary.parse(COST | {"length": 64}).length == "64"
    assert str(Arm.parse("transformer n_heads=8 positions=rotary")) == "transformer n_heads=8 positions=rotary"


@pytest.mark.parametrize(
    ("entry", "match"),
    [
        (ENTRY | {"role": "main"}, "role: main is none of key, qualifies, beside, exploratory"),
        (ENTRY | {"expects": "below"}, "expects: below"), (ENTRY | {"measure": "distance"}, "measure: distance"),
        (ENTRY | {"splits": "test"}, "splits: unknown"), (ENTRY | {"first": "transformer heads"}, "transformer heads"),
        (ENTRY | {"first": ""}, "not a model"), (ENTRY | {"second": "lstm_none encoder="}, "not a model"),
        ({key: value for key, value in ENTRY.items() if key != "role"}, "role: missing"),
        ({key: value for key, value in ENTRY.items() if key != "second"}, "second: missing"),
        ({key: value for key, value in ENTRY.items() if key != "task"}, "task: missing"),
        ({key: value for key, value in COST.items() if key != "what"}, "what: missing"),
        ({key: value for key, value in COST.items() if key != "length"}, "length: missing"),
        (COST | {"length": "long"}, "length: long is neither"),
    ],
)  # fmt: skip
def test_a_wrong_word_is_refused(entry: dict, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        Primary.parse(entry)


def test_the_head_of_the_file_names_what_the_code_knows() -> None:
    text = (resources.files("bench.analysis.claims") / "primary.yaml").read_text(encoding="utf-8")
    head = text[: text.index("\nquick:")]
    for word in (*primary.ROLES, *primary.MEASURES, primary.SHORTEST, primary.LONGEST, primary.NOT_ABOVE):
        assert re.search(rf"\b{word}\b", head), word
    assert yaml.safe_load(text).keys() == LISTS.keys()


@pytest.mark.parametrize("suite", ["quick", "faq"])
def test_more_rounds_are_those_of_the_suite_s_profile(suite: str) -> None:
    """The command of an open claim on costs measures what the suite's own step measures."""
    (profile,) = (step for step in suites.load(suite).steps if step.words[0] == "profile")
    options = dict(zip(profile.words, profile.words[1:]))
    budget, tokens = missing.PROFILES[options["--lengths"]]
    command = missing.PROFILE.format(
        arms=options["--models"],
        lengths=options["--lengths"],
        quantities=options["--what"],
        budget=budget,
        tokens=tokens,
    )
    assert command == f"bench {profile.command}".rpartition(" --rounds")[0]
    assert options["--models"] == ",".join(ARMS)
    plan = make_plan(tuple(profile.words[1:3]), options["--models"], options["--lengths"], options["--what"])
    assert len(plan.cells) == 3
