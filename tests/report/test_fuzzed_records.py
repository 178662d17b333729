"""Records, curves, outputs and attention maps damaged at random: what reads them gives a result or one line, and no
other exception. BENCH_FUZZ says how many times; it is a multiple of the quick number in the reliability run."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

import bench
from bench.analysis.compare import sets
from bench.errors import UserError
from bench.records import pool, store
from bench.report import contents, page
from bench.report.figures import canvas, deciding, phenomena, reach, scores
from bench.report.labels import FigureText
from tests.report.mutations import mutated

ROOT = Path(__file__).parents[2]
REFERENCE, RECORDS = ROOT / "results" / "reference", ROOT / "tests" / "records" / "v3"
MUTATIONS = int(os.environ.get("BENCH_FUZZ", "60"))
EVERY = {"tables": 3, "comparison": 7, "pages": 50}
"""All are read and made one table; one in so many has the report's tables and verdicts made too, is compared, is built
with its figures and pages, each of which takes longer by far."""

UNDRAWN = canvas.Figure("undrawn", FigureText("", ""), pd.DataFrame(), svg="")
TOKENS = ["a", "b", "</s>"]
MAPS = {
    "schema": 1,
    "split": "test",
    "index": 0,
    "cut": False,
    "source": TOKENS,
    "output": TOKENS,
    "maps": [
        {"kind": kind, "layer": "last", "head": 0, "weights": [[0.2, 0.3, 0.5]] * 3} for kind in ("cross", "encoder")
    ],
}


def small(source: Path, target: Path, maps: bool) -> None:
    """A committed cell with its first scores, and a few of its outputs or made-up ones."""
    shutil.copytree(source, target)
    record = json.loads((source / store.RECORD).read_text())
    kept: Counter = Counter()
    scores = []
    for row in record["scores"]:
        kept[row["metric"], row["axis"]] += 1
        scores += [row] if kept[row["metric"], row["axis"]] <= 3 else []
    record.pop("files", None)  # the sizes of the whole outputs
    (target / store.RECORD).write_text(json.dumps(record | {"scores": scores}))
    if maps:
        (target / store.ATTENTION).write_text(json.dumps(MAPS))
    lines = (
        [*store.OUTPUT_COLUMNS, "length"],
        *[["test", "greedy", str(i), "a b", "b a", "b a", "1", "2"] for i in range(9)],
    )
    outputs = "".join("\t".join(line) + "\n" for line in lines)
    if (source / store.OUTPUTS).exists():
        outputs = "".join((source / store.OUTPUTS).read_text(encoding="utf-8").splitlines(keepends=True)[:10])
    (target / store.OUTPUTS).write_text(outputs, encoding="utf-8")


@pytest.fixture(scope="module", params=["reverse", "multi30k"])
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two committed cells, with attention and without."""
    out = tmp_path_factory.mktemp("fuzzed") / "results"
    of = RECORDS if request.param == "reverse" else REFERENCE / "faq"
    for arm in ("transformer", "lstm_none" if request.param == "reverse" else "lstm_dot"):
        cell = min(of.glob(f"{request.param}-{arm}-*"))
        small(cell, out / cell.name, maps=arm == "transformer")
    return out


def everything(out: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is made of a folder; number: which in the row it is, see EVERY."""
    bench.load(out)
    if number % EVERY["pages"] == 0:
        page.build(out, out.parent / "report", languages=("en", "zh"))
    if number % EVERY["comparison"] == 0:
        sets.compare(out, out, seed=1, resamples=10, trials=10)
    if number % EVERY["tables"]:
        return
    with monkeypatch.context() as patch:
        for module in (scores, phenomena, reach):
            patch.setattr(module, "of_setting", lambda *_: [])
        patch.setattr(scores, "by_size", lambda *_: [])
        patch.setattr(deciding, "draw", lambda *_: None)
        patch.setattr(canvas, "save", lambda *_: UNDRAWN)  # attention maps are read and laid out
        contents.make(pool.read([out]), out.parent / "report")


@pytest.mark.slow
def test_damaged_files_give_a_result_or_one_line(
    results: Path, monkeypatch: pytest.MonkeyPatch, record_property
) -> None:
    record_property("cases", MUTATIONS // 2)
    everything(results, 0, monkeypatch)
    files = sorted(path for path in results.rglob("*") if path.is_file())
    before = {path: path.read_bytes() for path in files}
    monkeypatch.setattr(canvas, "PNG_DPI", 20)
    outcomes: Counter = Counter()
    for seed in range(MUTATIONS // 2):
        path = files[seed % len(files)]
        path.write_bytes(mutated(path, seed))
        try:
            everything(results, outcomes["result"] + 1, monkeypatch)
            outcomes["result"] += 1
        except UserError as error:
            assert "\n" not in str(error).strip() and len(str(error)) < 2000, (seed, path)
            outcomes["line"] += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}, {path.parent.name}/{path.name}: {error!r}") from error
        finally:
            path.write_bytes(before[path])
    assert min(outcomes["result"], outcomes["line"]) > MUTATIONS // 20, outcomes
