"""Where decoding stops: never before the longest answer there may be, and what is cut there is counted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from bench.analysis.evidence import Evidence
from bench.conf import compat, files, schema
from bench.conf.compose import compose
from bench.data.counts import CHANGED, LEFT_OUT, SET_ASIDE, SPLIT_OFF
from bench.data.examples import Split
from bench.data.ragged import Ragged
from bench.errors import UserError
from bench.evaluation.decoding import Hypotheses
from bench.evaluation.output_limits import CutOutputs, check_positions, output_limits
from bench.records import store
from bench.report.tables import text_data
from bench.runs.cell import run_cell
from bench.seeding import numpy_generator
from bench.tasks.kinds.generated import Generated
from bench.tasks.multi30k import Multi30k
from bench.training.progress import Silent
from tests.contract.arms import CASES, IDS, build
from tests.unit.made_up import VOCABULARY, joined, lines

TEXTS = ("multi30k", "tatoeba", "news", "tatoeba+news", "iwslt14", "iwslt15", "wmt14", "bitext")
RUNNING_TEXTS = ("language", "shakespeare", "news_text")
GENERATED = [name for name in sorted(files.choices("task")) if name not in (*TEXTS, *RUNNING_TEXTS)]
DRAWN = 200


def check_room(task: Generated, count: int) -> None:
    """Every drawn target, with its end token, fits into the limit of its source."""
    for spec in task.split_specs():
        examples = task.draw(numpy_generator(5, spec.name), count, spec)
        limits = task.target_limit(examples.src.lengths)
        assert np.all(limits >= examples.tgt.lengths + (examples.tgt.kind == "tokens")), spec.name


@pytest.mark.slow
@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_answer_always_has_room(name):
    task = schema.build_task(compose([f"task={name}", "budget=quick"]).config["task"])
    assert isinstance(task, Generated)
    check_room(task, DRAWN if name != "grammar" else 400)


@pytest.mark.slow
@pytest.mark.parametrize("budget", sorted(files.choices("budget")))
def test_so_it_has_at_every_preset(budget):
    for name in GENERATED:
        check_room(schema.build_task(compose([f"task={name}", f"budget={budget}"]).config["task"]), DRAWN)


# Options and hashes


@pytest.mark.slow
def test_shipped_corpora_keep_their_limits_and_hashes():
    lengths = np.array([1, 10, 4000])
    assert (Multi30k().target_limit(lengths) == 2 * lengths + 10).all()
    for name in TEXTS[1:-1]:
        task = schema.build_task(compose([f"task={name}"]).config["task"])
        assert (task.target_limit(lengths) == 3 * lengths + 20).all() and task.overlap in ("source", "either")
    plain = compose(["task=multi30k"])
    assert "output_limit" not in plain.config["task"]
    assert compose(["task=multi30k", "+task.output_limit=0"]).hash == plain.hash
    wide = compose(["task=multi30k", "+task.output_limit=90"])
    assert wide.hash != plain.hash and wide.config["task"]["output_limit"] == 90
    assert wide.make_task().target_limit(lengths).tolist() == [90, 90, 8010]


def test_the_default_of_bitext_is_in_hash_and_record(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_texts()
    words = ["task=bitext", "task.source=train.en", "task.target=train.de"]
    cell, before = compose(words), compose([*words, "task.output_limit=0"])
    assert cell.config["task"]["output_limit"] is None and "output_limit" not in before.config["task"]
    assert cell.hash != before.hash
    assert (cell.config["task"]["overlap"], cell.config["task"]["max_length"]) == ("source", None)
    assert compat.NEUTRAL["task"]["output_limit"] == 0


# Counting


def ended(*flags: bool) -> Hypotheses:
    return Hypotheses([[5, 6]] * len(flags), list(flags))


def test_cut_outputs_are_counted_for_each_split_and_search():
    cut = CutOutputs()
    cut.add(
        "test", "greedy", ended(True, False, False, False), ["a", "b c", "x x x x", "y y y"], ["a", "b", "x", "y y y"]
    )
    cut.add("test", "beam5", ended(True, True, True, True), list("abcd"), list("abcd"))
    cut.add("longer", "greedy", ended(True, False), ["a", "z z z z"], ["a", "z"])
    assert cut.counts == {"test": {"greedy": 3, "beam5": 0}, "longer": {"greedy": 1}}
    assert cut.share == 0.5, "an output that only repeats itself would reach any limit"
    assert cut.warnings[0].startswith(
        "3 of 4 outputs of test (greedy) reached the output limit and were cut, of which 1"
    )
    assert len(cut.warnings) == 2


def test_learned_positions_bound_outputs_and_refuse_longer_data():
    model = build(*CASES[IDS.index("transformer [learned positions]")], max_len=12)
    split = Split("test", Ragged.of([[5] * 6, [5]]), Ragged.of([[5] * 4, [6]]))

    class Doubling:
        def target_limit(self, lengths: np.ndarray) -> np.ndarray:
            return 2 * lengths + 10

    assert output_limits(model, Doubling(), split).tolist() == [12, 12]
    data = type("Data", (), {"train": split, "valid": split, "tests": {"test": split}})
    check_positions(model, data)
    data.tests = {"test": replace(split, src=Ragged.of([[5] * 12, [5]]))}
    with pytest.raises(
        UserError, match="learned reads at most 12 tokens, and test has a sequence of 13; set model.max_len=13"
    ):
        check_positions(model, data)


# A whole cell


class Lines(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def write_texts() -> None:
    for seed, (name, size) in enumerate({"train": 60, "valid": 20, "test": 20}.items()):
        for language in ("en", "de"):
            Path(f"{name}.{language}").write_bytes(joined(lines(language, size, seed)))


def test_a_cell_says_counts_and_reports(tmp_path, monkeypatch):
    """Hardly trained, it ends no output by itself."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    write_texts()
    cell = compose(
        ["task=bitext", "task.source=train.en", "task.target=train.de", "task.valid=[valid.en,valid.de]",
         "task.test=[test.en,test.de]", f"task.vocabulary={VOCABULARY}", "budget=smoke", "model=gru_none",
         "budget.epochs=0.02", "budget.parameters=20000", "budget.validations=1", "search.beam=2"]
    )  # fmt: skip
    shown = Lines()
    assert run_cell(cell, tmp_path / "out", progress=shown) == "done"
    record = json.loads((tmp_path / "out" / cell.name / store.RECORD).read_text())
    printed = " | ".join(shown.lines)
    assert "data: 60 training pairs read, 60 kept, none left out" in printed
    assert "warning: valid has only 20 pairs" in printed
    assert set(record["sanity"]["cut"]) == {"test"} and len(record["sanity"]["cut"]["test"]) == 2
    assert record["data"]["report"]["pairs"]["read"] == 60
    cut = record["sanity"]["cut"]["test"]["greedy"]
    assert cut == round(20 * (1 - record["sanity"]["eos_share"]))
    assert any("valid has only 20 pairs" in each for each in record["data"]["warnings"])
    assert any("reached the output limit" in each for each in record["data"]["warnings"]) == bool(cut)
    evidence = Evidence(store.load(tmp_path / "out"))
    table = text_data.table_of(evidence)
    rows = {str(row[1].text): str(row[2].text) for row in table.rows}
    assert rows["Training pairs"] == "60 read, 60 kept, 0 left out"
    assert rows["Cut outputs, test, greedy search"] == f"gru_none {cut} of 20"
    assert "20 pairs" in rows["Held-out set test"]
    warnings = [str(text) for text in text_data.warnings(evidence)]
    assert any("valid has only 20 pairs" in text for text in warnings)
    counts = [count for count in record["sanity"]["cut"]["test"].values() if count]
    (one,) = [text for text in warnings if "reached the output limit" in text] if counts else [""]
    assert (
        not counts or f"in 1 of 1 cells, at most {5 * max(counts):.1f} % of a test set ({max(counts)}: gru_none" in one
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_reason_has_its_words_on_the_page(language):
    path = Path(text_data.__file__).parents[2] / "analysis" / "texts" / f"{language}.yaml"
    reasons = yaml.safe_load(path.read_text(encoding="utf-8"))["text_data"]["reasons"]
    assert set(reasons) == {*LEFT_OUT, *CHANGED, *SPLIT_OFF, *SET_ASIDE}
