"""Every option and argument of every command, as click knows them, with every value that nobody means.

A command or an option that is new is swept without a change here; GOOD says only how a command is called rightly, so
that the value under test is the one thing wrong. Nothing trains: see `checks_only`.
"""

from __future__ import annotations

import functools
import io
import math
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

from bench import __main__
from bench.cli import cells as cell_commands
from bench.cli import hydra_run
from bench.conf.compose import compose
from bench.conf.schema import Cell
from bench.diagnostics import article, generators, model_card
from bench.diagnostics.profile import plan, session
from bench.diagnostics.profile import rounds as profile_rounds
from bench.diagnostics.reach import session as reach_session
from bench.records.article_rows import ArticleRow
from bench.records.profile_rows import MEASURED
from bench.report import page
from bench.report import profile_page as profile_report
from bench.runs import runner, suite, tune
from bench.runs.cell import run_cell
from tests.reliability.bad_values import EVERY, LONG, PATHS, furnish, real, whole
from tests.reliability.watched import run
from tests.thorough import some

SMALL = (
    "task=grammar",
    "task.lexicon=4",
    "task.train_size=60",
    "task.valid_size=20",
    "task.test_size=20",
    "budget=smoke",
)


def trained_cell(model: str) -> Cell:
    """One of the two that the commands which read results are called with."""
    return compose([*SMALL, "task.test_longest=null", f"model={model}", "evaluate=true"])


CELL, OTHER = (f"results/{trained_cell(model).name}" for model in ("lstm_dot", "gru_none"))

GOOD: dict[str, dict[str, Sequence[str]]] = {
    "run": {"settings": (*SMALL, "out=new")},
    "suite": {"name": ("smoke",), "out": ("new",)},
    "tune": {"name": ("smoke",), "only": ("recall",), "grid_options": ("optim.lr=1e-3",), "out": ("new",)},
    "report": {"folders": ("results",), "out": ("new",)},
    "compare": {"first": ("results",), "second": ("results",)},
    "profile": {"out": ("new",), "models": ("lstm_dot",), "lengths": ("16",)},
    "reach": {"runs": (CELL,)},
    "translate": {"run_folder": (CELL,)},
    "score": {"folder": ("results",)},
    "hypotheses": {"folder": ("results",), "out": ("new",)},
    "significance": {"first": (CELL,), "second": (OTHER,), "resamples": ("10",), "trials": ("10",)},
    "list": {"what": ("model",), "name": ("lstm_dot",)},
    "data generators": {"names": ("reverse",), "budgets": ("smoke",)},
}


def commands(group: click.Group = __main__.cli, above: str = "") -> Iterator[tuple[str, click.Command]]:
    """All there are, by the words that call them."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{above}{name} ")
        yield f"{above}{name}", command


COMMANDS = dict(commands())


def line(
    name: str, command: click.Command, changed: click.Parameter | None = None, words: Sequence[str] = ()
) -> list[str]:
    """The command called rightly, but for one parameter."""
    good, found = GOOD.get(name, {}), name.split()
    for parameter in sorted(command.params, key=lambda each: isinstance(each, click.Argument)):
        given = words if parameter is changed else good.get(parameter.name, ())
        if isinstance(parameter, click.Option):
            found += [word for value in given for word in (parameter.opts[-1], value)]
        else:
            found += given
    return found


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with two trained cells that answered the same test sets."""
    out = tmp_path_factory.mktemp("trained") / "results"
    for model in ("lstm_dot", "gru_none"):
        cell = trained_cell(model)
        assert run_cell(cell, out) == "done"
        assert (out / cell.name / "outputs.tsv").stat().st_size > 0
    shutil.rmtree(out / ".work", ignore_errors=True)
    return out


@pytest.fixture
def here(tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, below the folder that is watched."""
    folder = tmp_path / "above" / "here"
    folder.mkdir(parents=True)
    furnish(folder)
    shutil.copytree(trained, folder / "results")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BENCH_OFFLINE", "1")
    monkeypatch.delenv("BENCH_MIRROR", raising=False)
    return folder


@pytest.fixture
def checks_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command does once its input is found good costs nothing: no training, no measuring, no drawing."""
    cached = functools.cache(compose)
    for module in (hydra_run, runner, model_card, plan):
        monkeypatch.setattr(module, "compose", lambda words=(), adopted=False: cached(tuple(words), adopted))
    monkeypatch.setattr(suite, "run", lambda jobs, out, board, **how: {job.cell.name: "done" for job in jobs})
    monkeypatch.setattr(tune, "rows_of", lambda trials, out: [])
    monkeypatch.setattr(tune, "write", lambda rows, out, axes: {})
    monkeypatch.setattr(cell_commands, "write_report", write_report)
    monkeypatch.setattr(page, "write", lambda *arguments: SimpleNamespace(verdicts=[]))
    monkeypatch.setattr(session, "run", lambda plan, out, board: [{"status": MEASURED}])
    monkeypatch.setattr(profile_report, "build", lambda out: out)
    monkeypatch.setattr(profile_rounds, "measure_rounds", lambda plan, rounds, progress: [])
    monkeypatch.setattr(reach_session, "run", lambda todo, shown, skip_unusable: {})
    monkeypatch.setattr(generators, "measure_all", lambda orders, shown: [])
    monkeypatch.setattr(article, "train", untrained)
    monkeypatch.setattr(article, "mapping", lambda workers: nullcontext(map))


write_report_of_the_report_command = cell_commands.write_report


def write_report(folders: Sequence[Path], out: Path, *arguments: object) -> None:
    """The suite's report is of cells that were not run; the one of `bench report` is checked as ever."""
    if list(folders) != [out]:
        write_report_of_the_report_command(folders, out, *arguments)


def untrained(recipe: str, seed: int, rate: float, settings: article.Settings) -> list[ArticleRow]:
    """The rows of a training of the article's code, without one."""
    ends = (settings.steps * number // settings.validations for number in range(1, settings.validations + 1))
    return [ArticleRow(recipe, seed, step, 1.0, 0.5) for step in ends]


LEAST = {"tune seeds": 0}
"""Of whole numbers that an option takes, where it is not 1."""

MOST = {
    "suite jobs": 2,
    "tune jobs": 2,
    "suite cell_timeout": 10**7,
    "suite workers": 0,  # without --on, to which these two belong
    "suite minutes": 0,
    "tune seeds": 2**63 - 1,
    "translate beam": 1000,
    "significance resamples": 100_000,
    "significance trials": 100_000,
    "profile threads": 1024,
    "profile tokens": 10**7,
    "profile repeats": 10**6,
}

STRINGS = {
    "run settings": ("--",),
    "list settings": ("--",),
    "profile settings": ("--",),
    "data generators names": ("--",),
    "data check name": ("--",),
    "report folders": ("--",),
    "ledger folders": ("--",),
    "data fetch name": (),
    "suite seeds": ("0",),
}
"""Words that a parameter takes: `--`, for click the end of the options; seed 0 is a seed."""


def may_pass(name: str, parameter: click.Parameter, word: str) -> bool:
    """Whether a value that looks odd to anybody is in truth one that the parameter takes."""
    key = f"{name} {parameter.name}"
    if word in STRINGS.get(key, ()):
        return True
    if isinstance(parameter.type, click.types.FloatParamType):
        return real(word) is not None and real(word) > 0
    if isinstance(parameter.type, click.types.IntParamType):
        number = whole(word)
        return number is not None and LEAST.get(key, 1) <= number <= MOST.get(key, math.inf)
    if isinstance(parameter.type, click.Path):
        # These write beside other things, over none of them.
        free = name in ("article", "report", "hypotheses") and word == "."
        return parameter.name == "out" and (free or word not in NO_PLACES)
    return False


NO_PLACES = (
    "",
    " ",
    "\t",
    "a\x00b",
    "\x00",
    "\ud800",
    LONG,
    "9" * 10_000,
    *PATHS[2:3],
    *PATHS[6:9],
    *PATHS[13:14],
    *PATHS[15:],
)
"""Where nothing can be written: no names, below a file, links that lead nowhere."""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_and_argument_with_every_bad_value(
    name: str, here: Path, trained: Path, checks_only: None, capfd, monkeypatch, record_property
) -> None:
    command, wrong, cases = COMMANDS[name], [], 0
    source = (here / CELL / "outputs.tsv").read_text().splitlines()[1].split("\t")[3]
    for parameter in command.params:
        for arguments, word in sweep(name, command, parameter):
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{source}\n".encode())))
            ended = run(arguments, here.parent, capfd)
            passed = ended.code == 0 and not ended.trace
            cases += 1
            if not (ended.refused or (passed and may_pass(name, parameter, word))):
                wrong.append(f"{' '.join(arguments)[:300]!r}: {str(ended)[:1500]}")
            if ended.changed:  # a good run's work
                shutil.rmtree(here)
                here.mkdir()
                furnish(here)
                shutil.copytree(trained, here / "results")
                os.chdir(here)
    record_property("cases", cases)
    assert not wrong, f"{len(wrong)} of {cases} cases:\n" + "\n".join(wrong)
    assert cases >= (len(TRIED) - 1 if command.params else 0)


TRIED = some(EVERY, 10)


def sweep(name: str, command: click.Command, parameter: click.Parameter) -> Iterator[tuple[list[str], str]]:
    """The lines that try one parameter: with every value; and of an option, without a value, twice, and misspelt."""
    flag = getattr(parameter, "is_flag", False)
    for word in TRIED:
        if word == "/" and isinstance(parameter.type, click.Path):
            continue  # the one folder whose contents are not the test's own
        if flag:
            yield [*line(name, command), f"{parameter.opts[-1]}={word}"], word
        else:
            several = parameter.nargs == -1
            yield (
                line(
                    name, command, parameter, [*(GOOD.get(name, {}).get(parameter.name, ()) if several else ()), word]
                ),
                word,
            )
    if isinstance(parameter, click.Option):
        yield [*line(name, command), f"{parameter.opts[-1]}x"], "a misspelt option"
        if not flag:
            yield [*line(name, command), parameter.opts[-1]], "no value"


def test_click_is_asked_for_every_command_there_is() -> None:
    assert len(COMMANDS) >= 15 and {"run", "suite", "data fetch"} <= set(COMMANDS)
    assert set(GOOD) <= set(COMMANDS)
    for name, good in GOOD.items():
        assert set(good) <= {parameter.name for parameter in COMMANDS[name].params}


@pytest.mark.parametrize("name", GOOD)
def test_a_line_called_rightly_is_good(name: str, here: Path, checks_only: None, capfd, monkeypatch) -> None:
    """Else every value would be refused for what is beside it."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n")))
    ended = run(line(name, COMMANDS[name]), here.parent, capfd)
    assert ended.code == 0 and not ended.trace, ended
