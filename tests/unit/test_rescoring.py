"""Scores made again from outputs alone: `bench score`."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench import __main__
from bench.data.examples import Split
from bench.data.ragged import Ragged
from bench.errors import DataError, UserError
from bench.evaluation.decoding import Hypotheses
from bench.evaluation.scores import output_rows, sanity, score_rows
from bench.records import store
from bench.runs import rescore
from bench.tasks.multi30k import Multi30k

TASK = {"name": "multi30k", "_target_": "bench.tasks.multi30k.Multi30k", "source": "en", "target": "fr"}
LINES = ["L'homme court dans la rue.", "Une femme lit un livre.", "Deux chiens jouent !", "Il pleut.", "Un chat dort."]


def cell(out: Path, **changes: object) -> tuple[Path, list[dict]]:
    """A finished cell and its scores. Its second split has an axis more than the first, so that outputs have gaps."""
    task = Multi30k(source="en", target="fr")
    scores, outputs = [], []
    both = {"a": {"length": [5] * 5 + [10] * 5}, "b": {"length": [5] * 10, "depth": [1] * 6 + [2] * 4}}
    for name, axes in both.items():
        references = LINES * 2
        ids = Ragged.of([[4]] * len(references))
        split = Split(name, ids, ids, {axis: np.array(values) for axis, values in axes.items()})
        for search, length in (("greedy", 4), ("beam5", 5)):
            hypotheses = [" ".join(line.split()[:length]).upper() for line in references[::-1]]
            scores += score_rows(task.metrics, split, search, hypotheses, references)
            right = task.correct(hypotheses, references)
            outputs += output_rows(task, split, search, references, hypotheses, references, right)
    forced = {"split": "a", "search": "teacher-forced", "metric": "loss", "value": 1.0, "unit": "nats a position",
              "n": 10, "axis": None, "at": None, "signature": "loss"}  # fmt: skip
    scores.append(forced)
    record = {"schema": store.SCHEMA, "cell": "cell", "status": "done", "config": {"task": TASK}, "scores": scores}
    folder = store.write(out, record | changes, outputs=outputs)
    path = (
        folder / store.RECORD
    )  # as of old: without sizes, by which a changed file is refused before it is looked into
    path.write_text(
        store.record_text({key: value for key, value in json.loads(path.read_text()).items() if key != "files"})
    )
    return folder, scores


def recorded(folder: Path) -> list[dict]:
    return json.loads((folder / store.RECORD).read_text(encoding="utf-8"))["scores"]


def test_what_is_added_is_what_a_new_cell_records(tmp_path, capsys):
    folder, scores = cell(tmp_path)
    assert {"length", "depth"} == {row["axis"] for row in scores if row["axis"] is not None}
    added = [row for row in scores if row["metric"] == "bleu_lit_fr"]
    assert len(added) == 2 * (1 + 2) + 2 * (1 + 2), "whole, and values of axes but one, which has too few"
    older = [row for row in scores if row["metric"] != "bleu_lit_fr"]
    store.replace_scores(folder, older)
    before = (folder / store.OUTPUTS).read_bytes()
    assert __main__.main(["score", str(tmp_path)]) == 0
    assert recorded(folder) == scores and (folder / store.OUTPUTS).read_bytes() == before
    assert capsys.readouterr().out == f"cell: {len(older) - 1} scores confirmed, added: bleu_lit_fr\n"
    assert rescore.rescore(folder) == (len(scores) - 1, 0, [])
    assert sorted(path.name for path in folder.iterdir()) == [store.OUTPUTS, store.RECORD]


def test_the_rest_of_a_record_stays_and_an_earlier_version_too(tmp_path):
    old = {"schema": 1, "parameters": {"total": 7, "width": 3, "target": 8, "mismatch": -0.125}}
    folder, scores = cell(tmp_path, **old)
    whole = (folder / store.RECORD).read_text(encoding="utf-8")
    store.replace_scores(folder, scores[:1])
    kept = json.loads((folder / store.RECORD).read_text(encoding="utf-8"))
    assert kept["scores"] == scores[:1] and kept["schema"] == 1 and kept["parameters"] == old["parameters"]
    rescore.rescore(folder)
    store.replace_scores(folder, scores)
    assert (folder / store.RECORD).read_text(encoding="utf-8") == whole


def test_sanity_flags_that_outputs_show_are_added_once(tmp_path, capsys):
    """Those of the first split and of greedy search, as a new cell has them; others are not looked at again."""
    held = {"loss_finite": True, "eos_share": 0.5, "empty_share": 0.125, "length_ratio": 9.0}
    folder, scores = cell(tmp_path, sanity=held)
    assert __main__.main(["score", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith(
        "confirmed, added: repeated_share, same_share, unknown_share, unknown_share_references\n"
    )
    found = json.loads((folder / store.RECORD).read_text(encoding="utf-8"))
    rows = store.read_outputs(folder).query("split == 'a' and search == 'greedy'")
    new = sanity(
        Hypotheses([[4]] * len(rows), [True] * len(rows)),
        *(rows[side].tolist() for side in ("source", "hypothesis", "reference")),
    )
    assert found["sanity"] == new | held and found["scores"] == scores
    before = (folder / store.RECORD).read_bytes()
    assert rescore.rescore(folder).added == [] and (folder / store.RECORD).read_bytes() == before


def _change_hypotheses(folder: Path) -> None:
    path = folder / store.OUTPUTS
    path.write_text(path.read_text(encoding="utf-8").replace("UN CHAT DORT.", "UN CHAT"), encoding="utf-8")


def _drop_a_line(folder: Path) -> None:
    path = folder / store.OUTPUTS
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:-1]), encoding="utf-8")


def _drop_an_axis(folder: Path) -> None:
    path = folder / store.OUTPUTS
    path.write_text(path.read_text(encoding="utf-8").replace("\tdepth", "\tother", 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_change_hypotheses, r"bleu \(a, greedy\) is .* in record.json but .* from outputs.tsv"),
        (_drop_a_line, r"bleu \(b, beam5\) covers 10 examples, but outputs.tsv has 9"),
        (_drop_an_axis, r"bleu \(b, greedy, depth 1\) covers 6 examples, but outputs.tsv has 0"),
    ],
)
def test_outputs_that_are_not_those_scored_change_nothing(tmp_path, change, message):
    folder, scores = cell(tmp_path)
    store.replace_scores(folder, older := [row for row in scores if row["metric"] != "bleu_lit_fr"])
    change(folder)
    with pytest.raises(DataError, match=message) as error:
        rescore.rescore(folder)
    assert "\n" not in str(error.value) and recorded(folder) == older
    assert __main__.main(["score", str(tmp_path)]) == 2


def test_a_score_with_another_signature_is_left_as_it_is(tmp_path):
    folder, scores = cell(tmp_path)
    others = [row | {"value": 1.0, "signature": "older"} if row["metric"] == "chrf" else row for row in scores]
    store.replace_scores(folder, others)
    left = sum(row["metric"] == "chrf" for row in scores)
    confirmed = sum(row["metric"] not in ("chrf", "loss") for row in scores)
    assert rescore.rescore(folder) == (confirmed, left, []) and left
    assert recorded(folder) == others


def test_what_could_not_be_checked_is_said(tmp_path, capsys):
    folder, scores = cell(tmp_path)
    store.replace_scores(folder, [row | {"signature": "older"} if row["metric"] == "chrf" else row for row in scores])
    assert __main__.main(["score", str(tmp_path)]) == 0
    assert "not checked (computed by another program or version)" in capsys.readouterr().out


def test_cells_without_outputs_are_left_out_and_said(tmp_path, capsys):
    folder, _ = cell(tmp_path)
    (folder / store.OUTPUTS).unlink()
    failed = {"schema": store.SCHEMA, "cell": "failed", "status": "failed", "config": None, "scores": []}
    store.write(tmp_path, failed)
    assert __main__.main(["score", str(tmp_path)]) == 0
    said = capsys.readouterr().err
    assert "cell: it has no outputs.tsv" in said and "failed: its status is failed" in said


def test_bad_input_is_a_users_error(tmp_path):
    with pytest.raises(UserError, match="is not a folder"):
        rescore.scorable(tmp_path / "nowhere")
    with pytest.raises(UserError, match="holds no results"):
        rescore.scorable(tmp_path)
    folder, _ = cell(tmp_path, config={"task": TASK | {"_target_": "bench.tasks.nowhere.Nothing"}})
    before = (folder / store.RECORD).read_bytes()
    with pytest.raises(UserError, match="there is no 'bench.tasks.nowhere.Nothing'"):
        rescore.rescore(folder)
    assert (folder / store.RECORD).read_bytes() == before
