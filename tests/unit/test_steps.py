"""What a suite does after its cells: done once, in its order, and a failure is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.conf import suites
from bench.conf.compose import compose
from bench.conf.suites import Step
from bench.diagnostics.profile.measure import make_subject
from bench.errors import UserError
from bench.runs import steps


def test_a_step_whose_file_exists_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    class Ended:
        returncode = 0

    def run(words, **options):
        calls.append(words)
        out = Path(words[words.index("--out") + 1])
        out.mkdir()
        (out / "table.csv").write_text("made")
        return Ended()

    monkeypatch.setattr(steps.subprocess, "run", run)
    step = Step("profile 'task=re call' --rounds 7", "profile/table.csv")
    assert steps.run([step, step], tmp_path, 1) == []
    assert len(calls) == 1 and calls[0][-6:] == [
        "profile",
        "task=re call",
        "--rounds",
        "7",
        "--out",
        str(tmp_path / "profile"),
    ]


@pytest.mark.slow
def test_a_step_that_fails_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    failures = steps.run([Step("list nonsense", "x/y.csv")], tmp_path, 1)
    assert failures == ["bench list nonsense ended with exit status 2 and without x/y.csv"]
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    "entry", ["profile", "{run: profile}", "{run: profile, makes: 3}", "{run: p, makes: x, more: y}"]
)
def test_a_step_of_another_form_is_one_line(tmp_path: Path, entry: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(f"cells:\n  - task: reverse\nthen:\n  - {entry}\n")
    with pytest.raises(UserError, match="an entry of then must have run: COMMAND and makes: FILE"):
        suites.read(path)


def test_the_default_suite_measures_costs_after_its_cells() -> None:
    suite = suites.load("quick")
    assert suite.steps[0].makes == "profile/rounds.csv" and "--rounds" in suite.steps[0].words


def test_the_arms_of_the_default_profile_meet_its_size() -> None:
    words = suites.load("quick").steps[0].words
    options = dict(zip(words, words[1:]))
    arms = options["--models"]
    for arm in arms.split(","):
        make_subject(compose((f"model={arm}", *(each for each in words if "=" in each))))
