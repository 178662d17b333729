"""The command line: output, exit statuses, and one line for invalid input."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench import __main__
from bench.cli import cells, hydra_run, listing
from bench.errors import UserError
from bench.runs import suite

ROOT = Path(__file__).resolve().parents[2]

TINY = ["budget=smoke", "task=reverse", "task.train_size=500", "task.valid_size=50", "task.test_size=50"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The working directory: a new folder with a file and folders that are no results folders."""
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("foreign").mkdir()
    Path("foreign", "thesis.tex").touch()
    Path("broken", "cell").mkdir(parents=True)
    Path("broken", "cell", "record.json").write_text("{")
    return tmp_path


def bench(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, **options)


BAD_INPUT = {
    "nonsense": "nonsense",
    "--nonsense": "--nonsense",
    "run nope=1": "nope",
    "run task=nope": "unknown task 'nope'; there are",
    "run model=nope": "unknown model 'nope'; there are",
    "run budget=nope": "unknown budget 'nope'; there are",
    "run task.nope=1": "nope",
    "run model.nope=1": "nope",
    "run optim.nope=1": "nope",
    "run seed=x": "seed must be a whole number",
    "run seed=-1": "seed must be at least 0",
    "run threads=0": "threads must be at least 1",
    "run device=abacus": "device must be cpu or cuda",
    "run budget.epochs=many": "epochs",
    "run budget.epochs=0": "budget.epochs must be above 0",
    "run match.rule=weight": "match.rule must be one of params, nonembedding, flops, width; got 'weight'",
    "run match.tolerance=-1": "match.tolerance must be at least 0",
    "run match.target=0": "match.target must be above 0",
    "run match.reference=nope": "match.reference must be one of",
    "run task=reverse task.train_size=x": "train_size",
    "run seed": "'seed' is not a setting; write key=value",
    "run seed=[": "'seed=[' cannot be read",
    "run model=transformer,lstm_dot": "names several values; add --multirun",
    "run -m model=transformer,nope": "unknown model 'nope'",
    "run -m seed=1,x": "seed must be a whole number",
    "run -m model=glob(nope*)": "model=glob(nope*): a pattern in this matches nothing",
    "run --nonsense": "--nonsense",
    "run --cfg nope": "nope",
    "run --cfg job task=nope": "unknown task 'nope'",
    "run --resolve": "--cfg",
    "run -m --cfg job": "--multirun",
    "run out=file": "file is a file",
    "run out=file/below": "is a file",
    "run out=foreign": "foreign is not empty",
    "run seed=1 task=recall task=parity": "task is set 2 times; set it once",
    "run -m seed=1,2 out=new,foreign": "foreign is not empty",
    "suite": "Missing argument 'NAME'",
    "suite nope": "unknown suite 'nope'; there are",
    "suite smoke more": "more",
    "suite smoke --jobs x": "'x' is not a valid integer",
    "suite smoke --jobs 0": "--jobs must be at least 1",
    "suite smoke --jobs 100000": "at most",
    "suite smoke --out file": "file is a file",
    "suite smoke --out foreign": "foreign is not empty",
    "report": "Missing argument 'DIR...'",
    "report absent": "absent is not a folder",
    "report file": "file is not a folder",
    "report foreign": "foreign holds no results",
    "report broken": "not JSON",
    "compare absent": "Missing argument 'DIR_B'",
    "compare absent foreign": "absent is not a folder",
    "compare foreign absent": "foreign holds no results",
    "compare broken broken": "not JSON",
    "compare absent foreign --nonsense": "--nonsense",
    "ledger": "results/reference has no results folders; name some",
    "ledger absent": "--out DIR",
    "ledger absent --out new": "absent is not a folder",
    "ledger file --out new": "file is not a folder",
    "ledger foreign --out new": "foreign holds no results",
    "ledger broken --out new": "not JSON",
    "ledger --out": "--out",
    "list nope": "nope",
    "data": "Missing command",
    "data nope": "nope",
    "data fetch nope": "nope",
    "data check nope": "nope",
    "hypotheses": "Missing argument 'FOLDER'",
    "hypotheses absent": "absent is not a folder",
    "hypotheses foreign": "foreign holds no results",
    "hypotheses broken": "has no outputs.tsv",
    "significance": "Missing argument 'DIR_A'",
    "significance absent": "Missing argument 'DIR_B'",
    "significance absent foreign": "absent has no outputs.tsv",
    "significance absent absent": "are the same cell",
    "significance absent foreign --seed 0": "0 is not in the range",
    "significance absent foreign --trials x": "x",
    "profile --rounds 9 --repeats 3": "--repeats does not apply with --rounds",
    "run suite=smoke": "suite is no setting of a cell",
    "status foreign": "foreign has no results; name a folder that has",
    "suite smoke --on local --lang en": "--lang does not apply here",
    "suite smoke --on local --no-report": "--no-report does not apply here",
    "suite smoke --on slurm --slurm a=1 --slurm a=2": "the Slurm option a is given twice",
    "suite smoke --seeds 0-999999999": "names 1,000,000,000 seeds; at most 1,000",
    "translate": "--run",
    "translate --run": "--run",
    "translate --run absent": "absent",
    "translate --run foreign": "no record.json",
    "translate --run broken/cell": "not JSON",
    "translate --run absent --beam x": "x",
}


@pytest.mark.parametrize("line", BAD_INPUT)
def test_bad_input_is_one_line_and_exit_status_2(line, here, capfd):
    before = sorted(here.rglob("*"))
    assert __main__.main(line.split()) == 2
    output, errors = capfd.readouterr()
    assert errors.startswith("bench: ") and errors.count("\n") == 1 and errors.endswith("\n"), errors
    assert BAD_INPUT[line] in errors
    assert output == ""
    assert sorted(here.rglob("*")) == before, "something was written"


def test_a_message_of_several_lines_becomes_one(monkeypatch, here, capsys):
    def refuse(*arguments, **options):
        raise UserError("first:\n  second")

    monkeypatch.setattr(suite, "concurrency", refuse)
    assert __main__.main(["suite", "smoke"]) == 2
    assert capsys.readouterr().err == "bench: first: second\n"


@pytest.mark.parametrize("line", ["run task=nope", "nonsense"])
def test_bad_input_of_the_real_command(line, here):
    ran = bench(*line.split(), cwd=here)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert ran.stderr.startswith("bench: ") and "Traceback" not in ran.stderr


@pytest.mark.slow
def test_what_only_a_worker_can_know_is_bad_is_refused_as_well(here, capfd):
    assert __main__.main(["run", *TINY, "model=transformer", "model.width=7"]) == 2
    _, errors = capfd.readouterr()
    assert errors.startswith("bench: ") and errors.count("\n") == 1 and "width 7 does not divide" in errors
    assert not (here / "results").exists()


@pytest.mark.parametrize("line", ["--help", "-h", "run --help", "suite --help", "data check --help", "--version", ""])
def test_help_imports_nothing_slow(line):
    check = (
        "import sys; from bench.__main__ import main; code = main(sys.argv[1:]);"
        "slow = {'torch', 'hydra', 'pandas', 'numpy', 'rich', 'matplotlib'} & set(sys.modules);"
        "sys.exit(f'imported {slow}' if slow else code)"
    )
    ran = subprocess.run([sys.executable, "-c", check, *line.split()], capture_output=True, text=True, cwd=ROOT)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "bench" in ran.stdout


def test_commands_that_do_not_train_do_without_torch(tmp_path):
    lines = [
        "list",
        "list suites",
        "run --cfg job",
        "data check",
        "report absent",
        "ledger absent --out new",
        "suite nope",
    ]
    check = (
        "import sys; from bench.__main__ import main;"
        "[main(line.split()) for line in sys.argv[1:]];"
        "import bench.runs.suite, bench.report.page, bench.report.ledger_page;"
        "sys.exit('imported torch' if 'torch' in sys.modules else 0)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-c", check, *lines], capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert ran.returncode == 0, ran.stderr


def test_help_comes_at_once():
    def seconds() -> float:
        began = time.monotonic()
        assert bench("--help").returncode == 0
        return time.monotonic() - began

    assert min(seconds() for _ in range(3)) < 1.0


def test_list_gives_every_configuration_a_line_that_describes_it(capsys):
    whole = []
    for heading, group in listing.GROUPS.items():
        assert __main__.main(["list", heading]) == 0
        lines = capsys.readouterr().out.splitlines()
        names = sorted(path.stem for path in (ROOT / "bench" / "conf" / group).glob("*.yaml"))
        assert [line.split()[0] for line in lines] == names
        for line in lines:
            assert len(line.split()) > 2, f"{group}/{line} does not open with a line of description"
        whole += [f"{heading}:", *(f"  {line}" for line in lines)]
    assert __main__.main(["list"]) == 0
    assert capsys.readouterr().out.splitlines() == whole


def test_cfg_prints_the_configuration_and_runs_nothing(here, capfd):
    before = sorted(here.rglob("*"))
    assert __main__.main(["run", "seed=7", "model=transformer", "--cfg", "job"]) == 0
    output, errors = capfd.readouterr()
    assert "seed: 7" in output and errors == ""
    assert sorted(here.rglob("*")) == before


@pytest.fixture
def ran(monkeypatch):
    """Cells are recorded as (model, seed, folder) instead of run; their outcome is `status`."""
    recorded: list[tuple[str, int, str]] = []

    def record(jobs, out, board, **options):
        recorded.extend((job.cell.model, job.cell.seed, str(out)) for job in jobs)
        return {job.cell.name: record.status for job in jobs}

    record.status, record.recorded = "done", recorded
    monkeypatch.setattr(suite, "run", record)
    return record


@pytest.mark.slow
def test_multirun_runs_every_combination_and_leaves_nothing_behind(ran, here, capfd):
    before = sorted(here.rglob("*"))
    arguments = [*TINY, "-m", "model=transformer,lstm_dot", "seed=0,1,2", "out='a b'"]
    assert __main__.main(["run", *arguments]) == 0
    assert ran.recorded == [(model, seed, "a b") for model in ("transformer", "lstm_dot") for seed in (0, 1, 2)]
    assert capfd.readouterr().out == "6 cells: 6 done\n"
    assert sorted(here.rglob("*")) == before


def test_one_cell_goes_to_the_default_folder(ran, here):
    assert __main__.main(["run", *TINY, "model=lstm_dot", "seed=3"]) == 0
    assert ran.recorded == [("lstm_dot", 3, str(Path("results", "runs", "default")))]


def test_multirun_checks_every_combination_before_the_first_runs(ran, here, capfd):
    assert __main__.main(["run", *TINY, "-m", "model=transformer,nope"]) == 2
    assert __main__.main(["run", *TINY, "-m", "seed=1,2,-3"]) == 2
    assert ran.recorded == []


def test_a_refusal_stops_a_multirun(ran, monkeypatch, here, capfd):
    def refuse(jobs, *rest, **options):
        ran(jobs, *rest, **options)
        raise UserError("cannot be had")

    monkeypatch.setattr(suite, "run", refuse)
    assert __main__.main(["run", *TINY, "-m", "seed=1,2"]) == 2
    assert capfd.readouterr().err == "bench: cannot be had\n"
    assert len(ran.recorded) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [("done", 0), ("skipped", 0), (suite.EARLIER, 0), ("failed", 1), ("diverged", 1), ("timeout", 1)],
)
@pytest.mark.parametrize("command", [["run", *TINY], ["suite", "smoke", "--no-report"]])
def test_exit_status(command, status, code, ran, here):
    ran.status = status
    assert __main__.main(command) == code


@pytest.mark.slow
def test_a_suite_writes_its_report_also_where_a_cell_failed(ran, here, monkeypatch, capsys):
    monkeypatch.setattr(cells, "write_report", lambda folders, out, lang: print(f"report of {out}"))
    ran.status = "failed"
    assert __main__.main(["suite", "smoke"]) == 1
    assert f"report of {Path('results', 'runs', 'smoke')}" in capsys.readouterr().out
    assert __main__.main(["suite", "smoke", "--out", "elsewhere", "--no-report"]) == 1
    assert "report of" not in capsys.readouterr().out


def test_more_threads_than_cores_is_a_message(ran, here, monkeypatch, capsys):
    for cores, said in ((1, False), (0, True)):
        monkeypatch.setattr("bench.runs.suite.usable_cores", lambda cores=cores: cores)
        assert __main__.main(["suite", "smoke", "--no-report"]) == 0
        assert ("threads=1, but there are only 0 usable cores" in capsys.readouterr().err) is said


def test_more_threads_than_cores_is_a_message_of_one_cell_too(ran, here, monkeypatch, capsys):
    monkeypatch.setattr("bench.runs.suite.usable_cores", lambda: 2)
    for threads, said in ((2, False), (3, True)):
        assert __main__.main(["run", *TINY, f"threads={threads}"]) == 0
        assert ("threads=3, but there are only 2 usable cores" in capsys.readouterr().err) is said


@pytest.mark.parametrize("command", [["run", *TINY], ["suite", "smoke"]])
def test_an_interrupt_says_how_to_go_on(command, here, monkeypatch, capsys):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(suite, "run", interrupted)
    assert __main__.main(command) == 130
    # click ends the line of the terminal's ^C first
    assert capsys.readouterr().err.lstrip("\n") == "bench: stopped; run the same command again to continue\n"


def test_broken_files_show_in_the_exit_status_of_data_check(monkeypatch, capsys):
    from bench.data.corpora import registry

    for fine, code in [(True, 0), (False, 1)]:
        monkeypatch.setattr(registry, "check", lambda name, fine=fine: iter([(fine, "a line"), (True, "another")]))
        assert __main__.main(["data", "check"]) == code
        assert capsys.readouterr().out == "a line\nanother\n"


def test_a_reader_that_leaves_is_no_traceback():
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    line = f"{sys.executable} -m bench list | true"
    ran = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=environment)
    assert ran.stderr == ""


def test_hydra_settings_are_not_part_of_a_cell():
    words = ["seed=1,2", "hydra.job.name=x", "hydra/launcher=basic"]
    assert hydra_run.expand(words, multirun=True) == [("seed=1",), ("seed=2",)]
