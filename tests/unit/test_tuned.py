"""What was chosen on validation reaches the cells of its arm, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.conf import files, tuned_settings
from bench.conf.compose import compose
from bench.conf.suites import Suite
from bench.errors import UserError
from bench.records import store
from bench.runs import tune
from bench.runs.record import new_record


@pytest.fixture
def choices(monkeypatch, tmp_path) -> Path:
    """A folder of choices for parity alone."""
    folder = tmp_path / "tuned"
    folder.mkdir()
    held = {
        "quick": {
            "gru_none": tuned_settings.Choice({"optim.lr": 0.003, "model.dropout": 0.25}, {"optim.lr=0.003": 0.5}),
            "gru_none model.encoder=uni": tuned_settings.Choice({"optim.lr": 0.007}),
        },
        "any": {
            "gru_none": tuned_settings.Choice({"optim.lr": 0.001}),
            "lstm_none": tuned_settings.Choice({"optim.lr": 0.009}),
        },
    }
    (folder / "parity.yaml").write_text(tuned_settings.as_yaml("parity", held), encoding="utf-8")
    monkeypatch.setattr(tuned_settings, "FOLDER", folder)
    return folder


def rate(*words: str) -> float:
    return compose(["task=parity", *words]).config["optim"]["lr"]


def test_a_variant_lies_over_its_arm_and_a_budget_over_any(choices: Path) -> None:
    assert rate("model=gru_none", "budget=quick") == 0.003
    assert rate("model=gru_none", "model.encoder=uni") == 0.007
    assert compose(["task=parity", "model=gru_none", "model.encoder=uni"]).config["model"]["dropout"] == 0.25
    assert rate("model=gru_none", "model.encoder='uni'") == 0.007, "whatever the spelling"
    assert rate("model=gru_none", "model.n_layers=2") == 0.003, "a variant without an entry has its arm's"
    assert rate("model=gru_none", "budget=standard") == 0.001
    assert rate("model=lstm_none") == 0.009
    assert rate("model=lstm_dot") == 0.002, "the configuration's, where nothing was chosen"
    assert compose(["task=copy", "model=gru_none"]).config["optim"]["lr"] == 0.002


def test_the_options_of_a_variant_have_no_order(choices: Path) -> None:
    path = choices / "parity.yaml"
    variant = "\n  lstm_none model.n_layers=2 model.encoder=uni:\n    set: {optim.lr: 0.013}\n"
    path.write_text(path.read_text(encoding="utf-8") + variant, encoding="utf-8")
    for options in (["model.n_layers=2", "model.encoder=uni"], ["model.encoder=uni", "model.n_layers=2"]):
        assert rate("model=lstm_none", *options) == 0.013


def test_what_a_user_says_comes_first(choices: Path) -> None:
    cell = compose(["task=parity", "model=gru_none", "optim.lr=0.5"])
    assert (cell.config["optim"]["lr"], cell.config["model"]["dropout"]) == (0.5, 0.25)


def test_the_choice_and_its_trials_go_with_the_cell_and_not_into_its_hash(choices: Path) -> None:
    words = ["task=parity", "model=gru_none"]
    cell = compose(words)
    assert cell.tuning == {"set": {"optim.lr": 0.003, "model.dropout": 0.25}, "trials": {"optim.lr=0.003": 0.5}}
    said = compose([*words, "optim.lr=0.003", "model.dropout=0.25"])
    assert said.hash == cell.hash
    assert compose(["task=copy"]).tuning is None


@pytest.mark.parametrize(
    "text",
    [
        "quick: [1, 2]",
        "quick: 3",
        "- quick",
        "quick: [",
        "quick: {transformer: {set: 3}}",
        "quick: {transformer: {}}",
        "quick: {transformer: {set: {1: 2}}}",
        "quick: {transformer: {set: {optim.lr: 0.1}, trials: [0.5]}}",
        "quick: {transformer: {set: {optim.lr: 0.1}, other: 1}}",
        "\0",
        "[" * 5000,
        "text",
    ],
)
def test_a_file_of_another_form_is_one_line(choices: Path, text: str) -> None:
    (choices / "copy.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="copy.yaml is not a file that `bench tune` writes") as refused:
        compose(["task=copy"])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("settings", ["{nope: 1}", "{'a b': 1}", "{model.nope: 1}", "{budget.epochs: null}"])
def test_choices_that_are_no_settings_are_refused_as_if_they_were_typed(choices: Path, settings: str) -> None:
    (choices / "copy.yaml").write_text(f"any: {{transformer: {{set: {settings}}}}}", encoding="utf-8")
    with pytest.raises(UserError) as refused:
        compose(["task=copy"])
    assert "\n" not in str(refused.value)


@pytest.mark.slow
def test_the_shipped_choices_are_of_arms_and_budgets_that_exist() -> None:
    for path in tuned_settings.FOLDER.glob("*.yaml"):
        assert path.stem in files.choices("task")
        for budget, arms in tuned_settings.choices_for(path.stem).items():
            assert budget == tuned_settings.ANY or budget in files.choices("budget")
            for arm, choice in arms.items():
                model, *options = arm.split()
                words = [f"task={path.stem}", f"model={model}", *options]
                words += [] if budget == tuned_settings.ANY else [f"budget={budget}"]
                cell = compose(words)
                assert choice.set.items() <= cell.tuning["set"].items()
                for key, value in choice.set.items():
                    section, _, name = key.partition(".")
                    assert cell.config[section][name] == value


def test_written_and_read_again_is_the_same(tmp_path: Path) -> None:
    held = {
        "quick": {
            "a model.x=1": tuned_settings.Choice({"optim.lr": 1e-5}, {"optim.lr=1e-5": 0.25, "optim.lr=1": None})
        }
    }
    (tmp_path / "copy.yaml").write_text(tuned_settings.as_yaml("copy", held), encoding="utf-8")
    assert tuned_settings.choices_for("copy", tmp_path) == held


AXES = {"optim.lr": ("1e-3", "4e-3"), "model.dropout": ("0.0", "0.1")}


def small(*cells: tuple[str, ...]) -> Suite:
    return Suite("made_up", "", 1, None, cells)


@pytest.mark.slow
def test_every_arm_gets_the_same_trials_and_seeds_of_the_suite_are_not_used() -> None:
    cells = [("task=recall", f"model={arm}", f"seed={seed}") for arm in ("gru_none", "transformer") for seed in (1, 2)]
    found = tune.trials(small(*cells), AXES, (101, 102))
    by_arm = {arm: [trial for trial in found if trial.group[2] == arm] for arm in ("gru_none", "transformer")}
    assert [trial.settings for trial in by_arm["gru_none"]] == [trial.settings for trial in by_arm["transformer"]]
    assert len(by_arm["gru_none"]) == 2 * 2 * 2 and len({trial.job.cell.name for trial in found}) == 16
    for trial in found:
        assert trial.job.cell.config["evaluate"] is False
        assert trial.job.cell.seed in (101, 102)
        assert f"optim.lr={trial.job.cell.config['optim']['lr']:g}" == f"optim.lr={float(trial.settings[0][9:]):g}"


def test_what_the_suite_sets_itself_cannot_be_tried() -> None:
    with pytest.raises(UserError, match="sets optim.lr itself"):
        tune.trials(small(("task=recall", "model=gru_none", "optim.lr=1e-3")), tune.DEFAULT_GRID)


@pytest.mark.parametrize("word", ["optim.lr", "optim.lr=", "=1", ""])
def test_a_trial_that_says_no_values_is_refused(word: str) -> None:
    with pytest.raises(UserError, match="write a setting with values"):
        tune.parse_grid([word])


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("seed=1,2", "tuning chooses settings of model, optim, budget alone"),
        ("evaluate=true,false", "tuning chooses settings of"),
        ("task.train_size=10,20", "tuning chooses settings of"),
        ("optim.lr=1e-3,1e-3", "names a value twice"),
    ],
)
def test_what_is_no_choice_of_an_arm_cannot_be_tried(word: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        tune.parse_grid([word])


def test_a_seed_that_is_named_twice_is_refused() -> None:
    with pytest.raises(UserError, match="--seed names a seed twice"):
        tune.trials(small(("task=recall", "model=gru_none")), tune.DEFAULT_GRID, (1, 1))


def row(arm: str, settings: str, loss: float | None, seed: int = 101) -> dict[str, object]:
    return {"task": "copy", "budget": "quick", "arm": arm, "round": tune.LAST, "settings": settings, "seed": seed,
            "status": "done" if loss is not None else "diverged", "valid_loss": loss, "chosen": False}  # fmt: skip


def test_the_lowest_mean_of_the_seeds_is_chosen_and_a_failed_run_is_not() -> None:
    rows = [
        row("a", "optim.lr=1e-3", 0.5), row("a", "optim.lr=1e-3", 0.7, 102),
        row("a", "optim.lr=2e-3", 0.1), row("a", "optim.lr=2e-3", None, 102),
        row("a", "optim.lr=4e-3", 0.4), row("a", "optim.lr=4e-3", 0.7, 102),
        row("b", "optim.lr=1e-3", 0.2), row("b", "optim.lr=2e-3", 0.2),
        row("c", "optim.lr=1e-3", None),
    ]  # fmt: skip
    found = tune.choose(rows)["copy"]["quick"]
    assert found["a"] == tuned_settings.Choice(
        {"optim.lr": 0.004}, {"optim.lr=1e-3": 0.6, "optim.lr=2e-3": None, "optim.lr=4e-3": 0.55}
    )
    assert found["b"].set == {"optim.lr": 0.001}, "of equal trials the first"
    assert "c" not in found
    assert [one["settings"] for one in rows if one["chosen"]] == ["optim.lr=4e-3"] * 2 + ["optim.lr=1e-3"]


def test_a_short_trial_is_never_chosen_and_its_loss_is_published() -> None:
    rows = [row("a", "budget.epochs=0.5 optim.lr=1e-3", 0.1) | {"round": tune.FIRST}]
    rows += [row("a", "budget.epochs=0.5 optim.lr=2e-3", 0.9) | {"round": tune.FIRST}, row("a", "optim.lr=1e-3", 0.3)]
    rows += [row("b", "budget.epochs=0.5 optim.lr=1e-3", None) | {"round": tune.FIRST}]
    choices = tune.choose(rows)
    assert choices["copy"]["quick"]["a"] == tuned_settings.Choice(
        {"optim.lr": 0.001},
        {"budget.epochs=0.5 optim.lr=1e-3": 0.1, "budget.epochs=0.5 optim.lr=2e-3": 0.9, "optim.lr=1e-3": 0.3},
    )
    assert "b" not in choices["copy"]["quick"]
    assert "| copy | quick | `a` | 0.1 | 0.9 | 0.3 | optim.lr=0.001 |" in tune.page(rows, choices, {"optim.lr": ()})


def test_of_each_arm_the_best_third_and_at_least_two_go_on_to_all_passes(tmp_path: Path) -> None:
    cells = [("task=recall", f"model={arm}", "budget=smoke") for arm in ("lstm_none", "gru_none")]
    rates = [f"{rate}e-3" for rate in range(1, 8)]
    planned = tune.trials(small(*cells), {"optim.lr": rates})
    first = tune.first_round(planned)
    assert all(short.job.cell.training.epochs == trial.job.cell.training.epochs / 4
               for trial, short in zip(planned, first, strict=True))  # fmt: skip

    def end(trial: tune.Trial, loss: float | None) -> None:
        record = new_record(trial.job.cell, "made_up", "diverged" if loss is None else "done", None)
        store.write(tmp_path, record | {"selection": {"value": loss}})

    for trial in first:  # the losses of the GRU are all but one infinite
        rate = int(trial.settings[-1].partition("=")[2][0])
        end(trial, abs(rate - 4.1) if "model=lstm_none" in trial.overrides else 1.0 if rate == 7 else None)
    kept = tune.second_round(planned, first, tmp_path)
    assert [trial.label for trial in kept] == [f"optim.lr={rate}e-3" for rate in (3, 4, 5, 7)]
    end(planned[0], 0.5)
    again = tune.second_round(planned, first, tmp_path)
    assert planned[0] in again and len(again) == 5, "what has run at the full budget is published"


def test_a_setting_that_has_run_with_some_seeds_alone_does_not_go_on(tmp_path: Path) -> None:
    """Its mean would be of other cells than those of the settings it competes with."""
    cell = ("task=recall", "model=lstm_none", "budget=smoke")
    planned = tune.trials(small(cell), {"optim.lr": ["1e-3", "2e-3", "4e-3"]}, seeds=(101, 102))
    first = tune.first_round(planned)

    def end(trial: tune.Trial, loss: float) -> None:
        store.write(tmp_path, new_record(trial.job.cell, "made_up", "done", None) | {"selection": {"value": loss}})

    for trial in first:
        end(trial, {"1e-3": 0.1, "2e-3": 0.2, "4e-3": 0.3}[trial.settings[-1].partition("=")[2]])
    lost = [trial for trial in planned if trial.label == "optim.lr=4e-3"]
    end(lost[0], 0.01)
    assert lost[0] not in tune.second_round(planned, first, tmp_path)
    end(lost[1], 0.02)
    assert len(tune.second_round(planned, first, tmp_path)) == 6


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"budget.epochs": ["1", "2", "3"]}, "shortens budget.epochs"),
        ({"optim.lr": ["1e-3", "2e-3"]}, "keeps the best 2 of each arm; try more values"),
    ],
)
def test_what_halving_cannot_halve_is_refused(grid: dict, message: str) -> None:
    planned = tune.trials(small(("task=recall", "model=lstm_none", "budget=smoke")), grid)
    with pytest.raises(UserError, match=message):
        tune.first_round(planned)


def test_the_page_shows_every_trial_and_marks_an_edge() -> None:
    axes = {"optim.lr": ("1e-3", "2e-3", "4e-3")}
    rows = [row("a", f"optim.lr={rate}", loss) for rate, loss in zip(axes["optim.lr"], (0.3, 0.2, 0.1), strict=True)]
    rows += [row("b", f"optim.lr={rate}", loss) for rate, loss in zip(axes["optim.lr"], (0.3, 0.1, None), strict=True)]
    text = tune.page(rows, tune.choose(rows), axes)
    assert "| copy | quick | `a` | 0.3 | 0.2 | 0.1 | optim.lr=0.004 (edge) |" in text
    assert "| copy | quick | `b` | 0.3 | 0.1 | failed | optim.lr=0.002 |" in text


@pytest.mark.parametrize(
    ("values", "marked"),
    [(("0.1", "0.2"), True), (("0.2", "0.1"), True), (("0.05", "0.1", "0.2"), False), (("0.1",), False),
     (("0.1", "none"), False)],
)  # fmt: skip
def test_of_two_values_each_is_at_the_edge(values: tuple[str, ...], marked: bool) -> None:
    """A suite with two dropouts was tuned with both of them too high for an arm, and the page did not say so."""
    axes = {"model.dropout": values}
    rows = [row("a", f"model.dropout={value}", 0.1 if value == "0.1" else 0.2) for value in values]
    assert ("(edge)" in tune.page(rows, tune.choose(rows), axes)) == marked


def test_adopting_keeps_what_it_does_not_replace(choices: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    rows = [row("gru_none", "optim.lr=1e-3", 0.5) | {"task": "parity"}, row("new", "optim.lr=1e-3", 0.5)]
    changed = tune.adopt(tune.write(rows, out, {"optim.lr": ("1e-3",)}), choices)
    assert sorted(path.name for path in changed) == ["copy.yaml", "parity.yaml"]
    assert rate("model=gru_none", "budget=quick") == 0.001
    assert rate("model=gru_none", "model.encoder=uni") == 0.007
    held = tuned_settings.choices_for("parity", choices)["quick"]["gru_none"]
    assert held.set == {"optim.lr": 0.001, "model.dropout": 0.25}, "the dropout was not tried, so it stays"
    assert tuned_settings.choices_for("copy", choices)["quick"]["new"].trials == {"optim.lr=1e-3": 0.5}


def test_one_small_search_from_words_to_choices(tmp_path: Path) -> None:
    cells = [("task=recall", f"model={arm}", "budget=smoke", "seed=1", "threads=1", "task.train_size=60",
              "task.valid_size=20", "task.test_size=20") for arm in ("lstm_none", "transformer")]  # fmt: skip
    found = tune.trials(small(*cells), {"optim.lr": ("1e-3", "1e-2")})
    from bench.runs.cell import run_cell
    from bench.training.progress import Silent

    for trial in found:
        assert run_cell(trial.job.cell, tmp_path, suite="made_up", progress=Silent()) == "done"
    records = [json.loads(path.read_text()) for path in tmp_path.glob("*/record.json")]
    assert all(record["scores"] == [] and record["times"]["evaluate"] is None for record in records)
    rows = tune.rows_of(found, tmp_path)
    assert {row["settings"] for row in rows} == {"optim.lr=1e-3", "optim.lr=1e-2"}
    assert {row["options"] for row in rows} == {"task.train_size=60 task.valid_size=20 task.test_size=20"}
    choices = tune.choose(rows)["recall"]["smoke"]
    for arm, choice in choices.items():
        best = min((r for r in rows if r["arm"] == arm), key=lambda r: r["valid_loss"])
        assert choice.set["optim.lr"] == float(best["settings"].partition("=")[2])


def test_an_adopted_whole_number_composes_as_one(
    choices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_TUNED", str(tmp_path / "mine"))
    label = "model.n_layers=2 budget.batch_tokens=1000 optim.lr=1e-3"
    rows = [row("gru_none", label, 0.5) | {"task": "parity"}]
    tune.adopt(tune.write(rows, tmp_path, {"model.n_layers": ("2",)}))
    overrides = ["task=parity", "model=gru_none", "budget=quick"]
    adopted, typed = compose(overrides, adopted=True), compose([*overrides, *label.split()])
    assert adopted.config == typed.config and adopted.hash == typed.hash


def test_adopted_settings_override_the_shipped_ones_where_they_are_asked_for(
    choices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_TUNED", str(tmp_path / "mine" / "tuned"))
    overrides = ["task=parity", "model=gru_none", "budget=quick"]
    assert tuned_settings.adopted_file(overrides) is None
    assert compose(overrides, adopted=True) == compose(overrides), "nothing was adopted yet"
    out = tmp_path / "out"
    out.mkdir()
    rows = [row("gru_none", "optim.lr=1e-3", 0.5) | {"task": "parity"}]
    (changed,) = tune.adopt(tune.write(rows, out, {"optim.lr": ("1e-3",)}))
    assert changed == tmp_path / "mine" / "tuned" / "parity.yaml" == tuned_settings.adopted_file(overrides)
    assert "gru_none model" in (choices / "parity.yaml").read_text(), "the shipped file stays as it was"
    assert compose(overrides).training.lr == 0.003
    cell = compose(overrides, adopted=True)
    assert (cell.training.lr, cell.config["model"]["dropout"]) == (0.001, 0.25)
    assert compose([*overrides, "optim.lr=0.5"], adopted=True).training.lr == 0.5
    assert tuned_settings.adopted_file(["task=parity", "model=lstm_none"]) is None


def test_without_a_folder_of_ones_own_settings_are_stored_under_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BENCH_TUNED", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert tuned_settings.user_folder() == tmp_path / "seq2seq-bench" / "tuned"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert tuned_settings.user_folder() == tmp_path / "home" / ".config" / "seq2seq-bench" / "tuned"
