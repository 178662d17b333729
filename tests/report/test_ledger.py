"""`bench ledger`: bands of published numbers, and our results beside them."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.analysis import ledger, published
from bench.analysis.evidence import Evidence
from bench.analysis.ledger import IN, NO_SCORE, NOT_RUN, OTHER, OUT, Entry
from bench.analysis.published import IN_LEDGER
from bench.analysis.published_score import BEST, MEAN, OwnScore, Protocol, PublishedScore, shows_failure
from bench.records import store
from bench.report import ledger_page

ROOT = Path(__file__).resolve().parents[2]
LENGTHS = {"train_shortest": 1, "train_longest": 40, "test_longest": 500}


def score(number: str, metric: str = "exact_match", times: float = 100, failure: bool = False) -> PublishedScore:
    ours = OwnScore("parity", ("lstm_none",), metric, times=times)
    return PublishedScore("C", "made up", "LSTM", number, "a paper", "nothing", ours, failure=failure)


@pytest.mark.parametrize(
    ("row", "inside", "outside"),
    [
        (score("100"), (99.0, 100.0), (98.9,)),
        (score("52.0", failure=True), (47.0, 52.0, 57.0), (46.9, 57.1, 100.0)),
        (score("67.7 +- 15.2"), (52.6, 82.8), (52.4, 83.0)),
        (score("at least 99"), (99.0, 100.0), (98.99,)),
        (score(".981", times=1), (0.972, 1.0), (0.970,)),
        (score(".008", times=1, failure=True), (0.0, 0.057), (0.059,)),
        (score("41.02", "bleu_lit_de", 1), (40.03, 45.0), (40.01,)),
        (score("1.88", "loss", 1), (1.0, 1.917), (1.918,)),
        (score("0.0204", "loss", 1, failure=True), (0.0200, 0.0208), (0.0199, 0.0209)),
        (score("0.000053", "mse", 1), (1e-6, 5.8e-5), (5.9e-5,)),
        (score("0.164", "mse", 1, failure=True), (0.148, 0.18), (0.1, 0.2)),
    ],
)
def test_bands(row, inside, outside):
    assert row.band is not None
    assert [value for value in inside if value not in row.band] == []
    assert [value for value in outside if value in row.band] == []


@pytest.mark.parametrize("number", ["about 100", "O(n^2 d); O(1); O(1)", "2.3e19, 24.6", "128 (its window)"])
def test_what_is_no_number_has_no_band(number):
    assert score(number).band is None


def test_a_failure_is_below_the_solved_line():
    assert [shows_failure(number, 100) for number in ("89.9", "90.0")] == [True, False]


def test_every_published_number_with_a_score_of_ours_has_a_protocol_and_a_band():
    for row in IN_LEDGER:
        if row.ours is not None:
            assert row.protocol is not None and row.band is not None, row
        assert len({(each.claims, each.what, each.system, each.source) for each in IN_LEDGER}) == len(IN_LEDGER)


def test_the_ledger_has_every_number_of_the_pages_and_no_other_letter():
    assert set(map(id, published.PUBLISHED)) < set(map(id, IN_LEDGER))
    assert all(set(row.claims) <= set("ABCDEFGH") for row in IN_LEDGER)
    sets = [(row.ours.split, row.number) for row in published.MULTI30K_OTHER_SETS if row.ours]
    assert sets == [("test_2017_flickr", "30.7"), ("test_2017_mscoco", "26.4"), ("test_2017_mscoco", "43.5")]


def test_unconfirmed_numbers_stand_nowhere():
    unconfirmed = {"33.36", "29.88", "61.80", "53.46", "44.52", "96.4", "27.9", "99.3", "91.9"}
    assert not unconfirmed & {str(row.number) for row in IN_LEDGER}


def test_every_score_can_meet_a_result():
    tasks, models = (
        {path.stem for path in (ROOT / "bench" / "conf" / group).glob("*.yaml")} for group in ("task", "model")
    )
    for row in IN_LEDGER:
        for each in (row.ours, row.stack):
            assert each is None or (each.task in tasks and set(each.arms) <= models), row


def test_the_same_numbers_stand_in_the_table_of_generalisation():
    for arm, text in published.MCCOY.items():
        rows = [row.number for row in published.QUESTION if row.ours and row.ours.arms == (arm,)]
        assert "; ".join(rows) == text


def parity(value: float, lengths: dict[str, int] = LENGTHS, **more: object) -> dict:
    """Changes that make a cell one of parity with this accuracy at longer strings."""
    shared = {"search": "greedy", "metric": "exact_match", "unit": "share", "n": 100, "axis": None, "at": None}
    scores = [
        {"split": split, "value": each, "signature": "made up", **shared}
        for split, each in (("test", 1.0), ("test_longer", value))
    ]
    return {"task": "parity", "config.task": {"name": "parity", **lengths}, "scores": scores, **more}


def entries_of(path: Path, number: PublishedScore) -> list[Entry]:
    every = ledger.entries(Evidence(store.load(path)), "made_up")
    return [entry for entry in every if entry.published is number]


def of_parity(system: str) -> PublishedScore:
    return next(
        row for row in IN_LEDGER if row.ours and (row.ours.task, row.system) == ("parity", system) and row.protocol
    )


def test_the_best_seed_is_compared_where_theirs_is_the_best_and_misses_stay(folder):
    for seed, value in ((1, 0.5), (2, 1.0), (3, 0.6)):
        folder.cell("recall", "lstm_none", seed, change=parity(value))
    folder.cell(
        "recall", "lstm_none", 4, status="diverged", change={"task": "parity", "config.task": parity(0)["config.task"]}
    )
    folder.cell("recall", "rnn_none", 1, change=parity(0.55, **{"sanity.eos_share": 0.1}))
    (entry,) = entries_of(folder.path, of_parity("LSTM"))
    own = entry.own
    assert own is not None and own.values == {1: 50.0, 2: 100.0, 3: 60.0}
    assert (own.best, own.mean, own.solved, own.without_score) == ((2, 100.0), 70.0, 1, 1)
    assert (own.compared(BEST), own.compared(MEAN)) == (100.0, 70.0) and entry.outcome == IN
    assert own.folders == ("made_up",) and own.arm == "lstm_none" and own.steps == 900
    (missed,) = entries_of(folder.path, of_parity("RNN"))
    assert missed.outcome == OUT and missed.own is not None and missed.own.doubted == 1
    (absent,) = entries_of(folder.path, of_parity("Transformer"))
    assert (absent.outcome, absent.own) == (NOT_RUN, None)


def test_another_protocol_is_neither_in_nor_out(folder):
    folder.cell("recall", "lstm_none", 1, change=parity(1.0, LENGTHS | {"test_longest": 100}))
    (entry,) = entries_of(folder.path, of_parity("LSTM"))
    assert entry.outcome == OTHER and entry.own is not None
    assert entry.own.other == (("task.test_longest", 100, 500),)
    assert "test longest 100, theirs 500" in ledger_page.differences(entry.published, entry.own)
    folder.cell("recall", "lstm_none", 2, target=200_000, change=parity(0.5))
    (entry,) = entries_of(folder.path, of_parity("LSTM"))
    assert entry.outcome == OUT, "the published protocol counts alone where there is one"


def test_an_arm_of_which_every_cell_failed_is_a_row(folder):
    change = {"task": "parity", "config.task": parity(0)["config.task"]}
    folder.cell("recall", "lstm_none", 1, status="diverged", change=change)
    folder.cell("recall", "rnn_none", 1, status="skipped", change=change)
    (entry,) = entries_of(folder.path, of_parity("LSTM"))
    assert entry.outcome == NO_SCORE
    assert entries_of(folder.path, of_parity("RNN"))[0].outcome == NOT_RUN, "its data are missing"
    every = ledger.entries(Evidence(store.load(folder.path)), "made_up")
    assert "0 out, 1 without a score" in ledger_page.summary(every)
    assert "| no score |" in ledger_page.markdown(every)


def test_the_lowest_validation_loss_stands_beside_nanogpt(folder):
    for seed, value in ((1, 1.7), (2, 1.9)):
        change = {
            "task": "shakespeare", "selection.value": value, "scores": [],
            "config.task": {"name": "shakespeare", "context": 64},
            "config.model": {"name": "transformer_stack", "n_layers": 4},
        }  # fmt: skip
        folder.cell("recall", "transformer_stack", seed, change=change)
    (entry,) = entries_of(folder.path, published.PLAYS[0])
    assert entry.own is not None and entry.own.mean == pytest.approx(1.8)
    assert entry.own.best == (1, 1.7) and entry.outcome == IN and entry.own.solved is None
    (gpu,) = entries_of(folder.path, published.PLAYS[1])
    assert gpu.outcome == OTHER


def test_bleu_is_of_the_published_direction_and_compared_by_its_mean(folder):
    folder.cell("multi30k", "transformer", 1, level=lambda split, at: 0.0)
    folder.cell("multi30k", "transformer", 2, level=lambda split, at: 0.04)
    (entry,) = entries_of(folder.path, published.MULTI30K[0])
    assert entry.own is not None and entry.own.values == {1: folder.above, 2: folder.above + 4}
    assert (entry.published.compared, entry.outcome, entry.own.solved) == (MEAN, IN, None)
    (other,) = entries_of(folder.path, published.MULTI30K[-1])
    assert other.published.system == "Transformer" and other.outcome == NOT_RUN


def test_another_source_language_is_no_result_of_the_direction(folder):
    folder.cell("multi30k", "transformer", 1, change={"config.task.source": "fr"})
    assert entries_of(folder.path, published.MULTI30K[0])[0].outcome == NOT_RUN


def test_a_number_with_a_deviation_is_a_mean_also_where_the_others_are_the_best():
    rows = [row for row in IN_LEDGER if row.ours and row.ours.task == "even_pairs"]
    assert [(row.system, row.compared) for row in rows] == [("RNN", BEST), ("LSTM", BEST), ("Transformer", MEAN)]


def test_the_command_writes_both_files_and_counts(folder, tmp_path, capsys):
    folder.cell("recall", "lstm_none", 1, change=parity(1.0))
    out = tmp_path / "new" / "ledger"
    assert main(["ledger", str(folder.path), "--out", str(out)]) == 0
    text = (out / "published.md").read_text(encoding="utf-8")
    assert "| in, by our best seed |" in text and "## Not run" in text
    assert ledger_page.HEAD.splitlines()[0] in text and capsys.readouterr().out.splitlines()[0] in text
    with (out / "published.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(IN_LEDGER) and tuple(rows[0]) == ledger_page.COLUMNS
    (hit,) = [row for row in rows if row["outcome"] == IN]
    assert (hit["folder"], hit["seeds"], float(hit["value"])) == (folder.path.name, "1", 100.0)
    assert (float(hit["band_low"]), hit["band_high"]) == (99.0, "")
    assert sum(row["outcome"] == NOT_RUN for row in rows) == len(IN_LEDGER) - 1
    assert sorted(path.name for path in out.iterdir()) == ["published.csv", "published.md"]


def test_an_error_leaves_an_earlier_ledger(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the committed ledger is where it would be written by default
    folder.cell("recall", "lstm_none", 1, change=parity(1.0))
    out = tmp_path / "out"
    assert main(["ledger", str(folder.path), "--out", str(out)]) == 0
    before = (out / "published.md").read_bytes()
    (tmp_path / "broken" / "cell").mkdir(parents=True)
    (tmp_path / "broken" / "cell" / "record.json").write_text("{")
    (tmp_path / "file").touch()
    (tmp_path / "taken" / "published.csv").mkdir(parents=True)
    capsys.readouterr()
    for arguments in (
        [str(folder.path), str(tmp_path / "broken"), "--out", str(out)],
        [str(folder.path), "--out", str(tmp_path / "file")],
        [str(folder.path), "--out", str(tmp_path / "taken")],
        [str(folder.path)],
    ):
        assert main(["ledger", *arguments]) == 2
        errors = capsys.readouterr().err
        assert errors.startswith("bench: ") and errors.count("\n") == 1, errors
    assert (out / "published.md").read_bytes() == before
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["published.csv"]


def test_the_committed_ledger_is_what_the_records_say(tmp_path):
    reference = ROOT / "results" / "reference"
    ledger_page.build(ledger_page.default_folders(reference), tmp_path)
    for name in (ledger_page.PAGE, ledger_page.TABLE):
        assert (tmp_path / name).read_text() == (reference / name).read_text(), "write it again: bench ledger"


def test_protocols_name_options_that_exist():
    from bench.conf.compose import compose

    for row in IN_LEDGER:
        protocol = row.protocol
        assert protocol is None or (isinstance(protocol, Protocol) and protocol.text and protocol.differs)
        if row.ours is not None and protocol is not None:
            config = compose((f"task={row.ours.task}", f"model={row.ours.arms[0]}")).config
            for key, value in protocol.same.items():
                section, option = key.split(".")
                assert option in config[section], f"{row.ours.task} has no {key}"
                assert not isinstance(value, float) or math.isfinite(value)
