"""A cell that chooses its length penalty: on validation alone, and what is used afterwards is what was chosen."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from bench.conf.compose import compose
from bench.errors import UserError
from bench.evaluation import evaluate, length_penalty
from bench.evaluation.decoding import decode_split
from bench.records import store
from bench.runs import cell as cell_module
from bench.runs import trained, translate

TINY = ["task=reverse", "task.train_size=300", "task.valid_size=40", "task.test_size=30", "budget=smoke"]
WORDS = [*TINY, "model=gru_none", "search.beam=3", "search.length_penalty=[0,1,2]"]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Counter:
    """How often each split was decoded with each search."""
    counts: Counter = Counter()

    def noted(model, split, limits, how, *rest):
        counts[split.name, how.name, how.length_penalty if how.beam > 1 else None] += 1
        return decode_split(model, split, limits, how, *rest)

    for module in (evaluate, length_penalty):
        monkeypatch.setattr(module, "decode_split", noted)
    return counts


@pytest.mark.slow
def test_the_tests_are_decoded_once_with_what_validation_chose(
    decoded: Counter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = iter([0.1, 0.3, 0.2])  # a tiny model is right with none, so the best is set here
    rows = length_penalty.score_rows
    monkeypatch.setattr(
        length_penalty, "score_rows", lambda *all: [row | {"value": next(planted)} for row in rows(*all)]
    )
    cell = compose(WORDS)
    assert cell_module.run_cell(cell, tmp_path) == "done"
    record = store.read(tmp_path / cell.name)
    choice = record["selection"]["length_penalty"]
    values = {each["length_penalty"]: each["value"] for each in choice["candidates"]}
    assert values == {0.0: 0.1, 1.0: 0.3, 2.0: 0.2} and choice["chosen"] == 1.0
    assert (choice["search"], choice["metric"]) == ("beam3", "exact_match")
    tests = list(dict.fromkeys(score["split"] for score in record["scores"]))
    assert decoded == Counter(
        {("valid", "beam3", each): 1 for each in values}
        | {(split, "greedy", None): 1 for split in tests}
        | {(split, "beam3", 1.0): 1 for split in tests}
    )
    assert store.load(tmp_path).cells["selection.length_penalty"].tolist() == [choice]


@pytest.mark.slow
def test_translation_goes_on_with_what_was_chosen(tmp_path: Path) -> None:
    cell = compose(WORDS)
    assert cell_module.run_cell(cell, tmp_path) == "done"
    folder = tmp_path / cell.name
    rows = store.read_outputs(folder)
    for beam, search in ((1, "greedy"), (3, "beam3")):
        own = rows[rows["search"] == search].head(4)
        assert list(translate.translate(folder, own["source"], beam=beam)) == own["hypothesis"].tolist()
    record = store.read(folder)
    for chosen in (0.0, 2.0):
        record["selection"]["length_penalty"]["chosen"] = chosen
        (folder / store.RECORD).write_text(json.dumps(record))
        assert trained.load(folder).length_penalty == chosen


@pytest.mark.slow
def test_a_cell_without_evaluation_has_not_chosen(tmp_path: Path, decoded: Counter) -> None:
    cell = compose([*WORDS, "evaluate=false"])
    assert cell_module.run_cell(cell, tmp_path) == "done" and not decoded
    folder = tmp_path / cell.name
    assert store.read(folder)["selection"]["length_penalty"] is None
    assert len(list(translate.translate(folder, ["a b c"], beam=1))) == 1
    with pytest.raises(UserError, match="so its length penalty was never chosen; use --beam 1"):
        list(translate.translate(folder, ["a b c"], beam=5))


@pytest.mark.slow
def test_a_number_chooses_nothing(tmp_path: Path, decoded: Counter) -> None:
    cell = compose([*WORDS[:-1], "search.length_penalty=0.5"])
    assert cell_module.run_cell(cell, tmp_path) == "done"
    assert store.read(tmp_path / cell.name)["selection"]["length_penalty"] is None
    assert {split for split, _, _ in decoded} & {"valid"} == set()
    assert trained.load(tmp_path / cell.name).length_penalty == 0.5
