"""Every setting of a cell, found in the composed configuration of every task, model and budget, with every value that
nobody means; and words that are no settings. Nothing trains: what a worker checks before it does is checked here."""

from __future__ import annotations

import copy
import math
import traceback
from collections.abc import Container, Iterator, Mapping
from functools import cache

import pytest
import yaml

from bench.conf import checks, compose, files, schema
from bench.data.examples import Sizes
from bench.errors import UserError
from bench.runs import building, suite
from tests.reliability.bad_values import HUGE, LONG, furnish
from tests.reliability.watched import limited, listing, run
from tests.thorough import THOROUGH, some

VALUES = (
    *(None, True, False, "", " ", "nonsense", LONG, "nan", "1e999", "a\x00b", "\ud800", "é", "../..", "/dev/null"),
    *([], [1], ["a", "b"], [[1]], {}, {"a": 1}),
    *(-1, 0, 1.5, -0.0, math.nan, math.inf, -math.inf, 1e30, HUGE, -HUGE, 2**31, 2**63, -(2**63) - 1),
)

FEW = (None, "nonsense", LONG, [], {"a": 1}, -1, math.nan, math.inf, HUGE)


@cache
def composed(task: str, model: str, budget: str = "smoke") -> dict:
    return compose.resolve([f"task={task}", f"model={model}", f"budget={budget}", "match.rule=params"])


def leaves(config: Mapping, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every key, sections too."""
    for key, value in config.items():
        yield (*above, key)
        if isinstance(value, Mapping):
            yield from leaves(value, (*above, key))


def changed(config: dict, path: tuple[str, ...], value: object) -> dict:
    config = copy.deepcopy(config)
    place = config
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return config


def checked(config: dict, section: str) -> dict:
    """All that is checked of a section before a cell trains, but for what needs its data. Returns it as it is used."""
    checks.check_keys(config)
    checks.check_names(config)
    if section == "task":
        return vars(schema.build_task(config["task"]))
    if section == "model":
        one_stack = str(config["model"].get("_target_")).endswith("Stack")
        sizes = Sizes(20, 20, shared=False, one_stack=one_stack)
        if config["model"]["width"] is None:
            config["match"] |= {"rule": "width", "target": 16.0}
        building.fit_width(schema.checked(config), sizes, (20, 20))
        return config
    if section == "match":
        return vars(schema.typed(schema.Match, config["match"], "match"))
    if section == "search":
        return vars(schema.search_config(config["search"]))
    if section in ("optim", "budget"):
        return vars(schema.training_config(config["optim"], schema.typed(schema.Budget, config["budget"], "budget")))
    return schema.checked(config).config


def wrongly(config: dict, path: tuple[str, ...], value: object) -> str | None:
    """What is wrong with how a value is answered; None: it is refused in one line, or taken as the number it is."""
    try:
        with limited(10):
            checked(changed(config, path, value), path[0])
    except UserError as error:
        return None if str(error).strip() else "an empty message"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return "".join(traceback.format_exception(error))[-600:]
    return None if may_pass(config, path, value) else "it was taken"


def may_pass(config: dict, path: tuple[str, ...], value: object) -> bool:
    """Whether a value is of the kind that was there, and no larger than a table can hold."""
    before: object = config
    for key in path:
        if key not in before:
            return False
        before = before[key]
    if path == ("out",):
        return isinstance(value, str | int | float) and not isinstance(value, bool) and bool(str(value).strip())
    real = isinstance(before, float) or path in (("match", "target"), ("search", "length_penalty"))
    if (isinstance(value, float) and not math.isfinite(value)) or (isinstance(value, int) and abs(value) > 2**63 - 1):
        if isinstance(before, bool):
            return isinstance(value, int)  # of which OmegaConf makes true
        return real and isinstance(value, int)  # a finite number, however large
    if value is None or before is None:
        return True  # an option: what it may hold instead, its type says, and numbers among them are bounded above
    if isinstance(before, bool) or isinstance(value, bool):
        return isinstance(before, bool)
    if isinstance(before, int | float):
        return isinstance(value, int | float) or (path == ("search", "length_penalty") and value == [1])
    return isinstance(value, type(before))


def sweep(config: dict, sections: tuple[str, ...], known: Container[tuple[str, ...]] = ()) -> tuple[int, list[str]]:
    """How many cases, and what was wrong. known: keys that were swept with every value elsewhere; of them only
    some."""
    wrong, cases = [], 0
    for path in leaves(config):
        if path[0] not in sections:
            continue
        tried = [(path, value) for value in some(FEW if path in known else VALUES, 6)]
        for place, value in [*tried, ((*path[:-1], f"{path[-1]}x"), 1)]:
            cases += 1
            if (found := wrongly(config, place, value)) is not None:
                wrong.append(f"{'.'.join(place)}={str(value)[:40]!r}: {found}")
    return cases, wrong


@cache
def before(group: str, name: str) -> frozenset[tuple[str, ...]]:
    """Keys of all that stand before a name in its group."""
    names = list(files.choices(group))
    return frozenset(path for each in names[: names.index(name)] for path in leaves({group: described(group, each)}))


@cache
def described(group: str, name: str) -> dict:
    return yaml.safe_load((files.CONF / group / f"{name}.yaml").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    furnish(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path.parent / "cache"))
    before = listing(tmp_path)
    yield tmp_path
    assert listing(tmp_path) == before, "something was written"


def test_settings_of_every_cell(record_property) -> None:
    config = composed("recall", "transformer")
    sections = tuple(key for key in config if key not in ("task", "model"))
    cases, wrong = sweep(config, sections)
    record_property("cases", cases)
    assert not wrong, f"{len(wrong)} of {cases}:\n" + "\n".join(wrong)
    assert cases > (1000 if THOROUGH else 200) and {
        "optim",
        "search",
        "match",
        "budget",
        "seed",
        "threads",
        "device",
        "out",
    } <= set(sections)


@pytest.mark.parametrize("task", some(files.choices("task"), 4))
def test_settings_of_every_task(task: str, record_property) -> None:
    config = composed("recall", "transformer") | {"task": described("task", task)}
    cases, wrong = sweep(config, ("task",), before("task", task))
    record_property("cases", cases)
    assert not wrong, f"{len(wrong)} of {cases}:\n" + "\n".join(wrong)


@pytest.mark.parametrize("model", some(files.choices("model"), 4))
def test_settings_of_every_model(model: str, record_property) -> None:
    config = composed("recall", "transformer") | {"model": described("model", model)}
    cases, wrong = sweep(config, ("model",), before("model", model))
    record_property("cases", cases)
    assert not wrong, f"{len(wrong)} of {cases}:\n" + "\n".join(wrong)


WORDS = (
    *(
        "x",
        "x=[",
        "x=1",
        "+x=1",
        "++x=1",
        "~x",
        "~x=1",
        "+x.y=1",
        "optim",
        "optim=3",
        "optim=null",
        "+optim=3",
        "match=x",
    ),
    *(
        "search=[]",
        "task={a:1}",
        "model=null",
        "budget=",
        "task=",
        "task=nope",
        "model=nope",
        "budget=nope",
        "nogroup=recall",
    ),
    *("+nogroup=recall", "task@x=recall", "task/x=recall", "task=../recall", "task=/etc/passwd", "task=recall/x"),
    *(
        "task.name=../../x",
        "task._target_=os.system",
        "task._target_=builtins.int",
        "task._target_=3",
        "model._target_=nope.x",
    ),
    *(
        "task._target_=models.transformer.Transformer",
        "+match.reference_model={a:1}",
        "+budget.nope=1",
        "+optim.nope=1",
    ),
    *(
        "+search.nope=1",
        "+match.nope=1",
        "+task.nope=1",
        "~match.rule=params",
        "~search.beam=1",
        "~seed=1",
        "~task=reverse",
    ),
    *("~task", "~optim", "hydra=nope", "hydra.nope=1", "hydra/launcher=nope", "seed=${nope}", "seed=${oc.env:HOME}"),
    *(
        "seed=${oc.decode:3}",
        "seed=???",
        "seed=1,2",
        "seed=range(1,3)",
        "task=glob(*)",
        "seed=[1]",
        "seed={}",
        "seed='1'",
    ),
    *(
        "seed=1.0",
        "seed=1e3",
        "seed=",
        "seed=null",
        "seed= 1x",
        "out=",
        "out=null",
        "out=a\x00b",
        "out=dangling",
    ),
    *(
        "out=loop",
        f"out={LONG}",
        "out=file",
        "out=file/below",
        "out=foreign",
        f"{LONG}=1",
        f"seed={LONG}",
        f"seed={HUGE}",
    ),
    *(
        "seed=nan",
        "seed=inf",
        "threads=1e999",
        "device=\ud800",
        "é=1",
        "=",
        "=1",
        "a b=1",
        "seed=1 2",
        "\x00",
        "seed=\x00",
        "-m",
    ),
)


@pytest.mark.parametrize("multirun", [False, True])
def test_words_that_are_no_settings(multirun, here, monkeypatch, capfd, record_property) -> None:
    def worker_s_checks(jobs: list[suite.Job], out: object, board: object, **how: object) -> dict[str, str]:
        for job in jobs:
            for section in ("optim", "search", "model"):
                checked(job.cell.config, section)
        return {job.cell.name: "done" for job in jobs}

    monkeypatch.setattr(suite, "run", worker_s_checks)
    wrong = []
    for word in (*some(WORDS, 10), "seed=range(1,100000000000)", "seed=range(1,10,0)", "seed=range(1,10,1e-9)"):
        if multirun and word in ("-m", "seed=1,2", "seed=range(1,3)", "task=glob(*)"):
            continue
        ended = run(["run", *(["-m"] if multirun else []), "task=reverse", word], here, capfd)
        if not ended.refused and word != "-m":
            wrong.append(f"{word[:60]!r}: {ended}"[:900])
    record_property("cases", len(some(WORDS, 10)) + 3)
    assert not wrong, "\n".join(wrong)


def test_a_setting_that_is_set_twice_is_refused(here, monkeypatch, capfd) -> None:
    seen = []
    monkeypatch.setattr(suite, "run", lambda jobs, out, board, **how: seen.append(jobs[0].cell.seed) or {})
    ended = run(["run", "task=reverse", "seed=1", "seed=2"], here, capfd)
    assert ended.refused and "seed" in ended.errors and not seen
