"""What programs read: `bench.load`, results.csv and results.parquet, LaTeX tables, verdicts.json, published
numbers."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import bench
from bench.__main__ import main
from bench.analysis import published, results_table
from bench.analysis.claims import judge
from bench.analysis.evidence import Evidence
from bench.errors import UserError
from bench.report import exports, latex
from bench.report.tables import published_numbers
from bench.report.tables.base import Cell, Table
from tests.report import pages

ROOT = Path(bench.__file__).parents[1]
SPECIAL = "\\ { } $ & % # _ ~ ^ < > | ` ' \" [x] *y -- --- äöü 中"


def test_load_gives_the_documented_table(full):
    scores = bench.load(full.path)
    written = [json.loads(path.read_text()) for path in full.path.glob("*/record.json")]
    assert list(scores.columns) == list(results_table.COLUMNS) and len(scores) == sum(
        len(each["scores"]) for each in written
    )
    one = scores[(scores["cell"] == "recall-lstm_none-quick-s2-00100000") & (scores["at"] == 16)].iloc[0]
    record = next(each for each in written if each["cell"] == one["cell"])
    score = next(each for each in record["scores"] if each["at"] == 16)
    assert (one["value"], one["n"], one["axis"], one["unit"]) == (score["value"], 40, "distance", "share")
    assert (one["arm"], one["seed"], one["chance"], one["doubt"]) == ("lstm_none", 2, 1 / 16, "")
    assert one["parameters"] == record["parameters"]["total"]
    assert one["train_tokens_per_second"] == record["throughput"]["train"]["median"]
    assert one["setting"] == "recall (budget quick, 100,000 parameters, cpu)" and one["commit"] == "abc1234"
    whole = scores[scores["axis"].isna() & (scores["task"] == "multi30k")]
    assert len(whole) == 5 * 3 * 3 * 2 * 2 and whole["chance"].isna().all() and scores["gpu"].isna().all()
    described = (ROOT / "results" / "README.md").read_text(encoding="utf-8")
    assert [name for name in results_table.COLUMNS if f"`{name}`" not in described] == []


def test_columns_have_the_same_types_in_every_folder(full, folder):
    folder.cell("recall", "transformer", change={"parameters.total": None, "match": None})
    types = [bench.load(each.path).dtypes for each in (full, folder)]
    assert types[0].equals(types[1])
    assert bench.load(folder.path)["parameters"].isna().all()


def test_load_complains_in_one_line(tmp_path):
    with pytest.raises(UserError, match="is not a folder"):
        bench.load(tmp_path / "nowhere")


def test_importing_bench_is_light(full):
    code = (
        "import sys, bench; assert not {'pandas', 'numpy', 'torch'} & set(sys.modules); "
        f"assert len(bench.load({str(full.path)!r})); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_csv_and_parquet_hold_that_table(full):
    scores = bench.load(full.path)
    csv = pd.read_csv(full.path / "results.csv", keep_default_na=False, na_values={"value": "", "at": ""})
    assert list(csv.columns) == list(scores.columns) and csv["value"].tolist() == scores["value"].tolist()
    parquet = pytest.importorskip("pyarrow.parquet", reason="pip install 'seq2seq-bench[parquet]'")
    both = pd.read_parquet(full.path / "results.parquet"), scores
    read, expected = (table.astype(object).where(table.notna(), None) for table in both)
    pd.testing.assert_frame_equal(read, expected)
    types = {field.name: str(field.type) for field in parquet.read_schema(full.path / "results.parquet")}
    assert "string" in types["gpu"], "a column without a value has a type too"


def test_without_pyarrow_parquet_is_left_out_and_that_is_said(folder, monkeypatch, capsys):
    folder.cell("recall", "transformer")
    (folder.path / "results.parquet").write_text("of an earlier report")
    find = importlib.util.find_spec
    hidden = lambda name, *more: None if name == "pyarrow" else find(name, *more)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", hidden)
    assert main(["report", str(folder.path)]) == 0
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1 and "results.parquet" in printed and "seq2seq-bench[parquet]" in printed
    assert not (folder.path / "results.parquet").exists() and (folder.path / "results.csv").exists()


@pytest.mark.slow
def test_report_out_leaves_the_records_alone(folder, tmp_path, capsys):
    folder.cell("recall", "transformer")
    before = sorted(folder.path.rglob("*"))
    assert main(["report", str(folder.path), "--out", str(tmp_path / "page")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "page" / "report.html")
    assert sorted(folder.path.rglob("*")) == before and (tmp_path / "page" / "verdicts.json").is_file()


def unescaped(text: str) -> str:
    """What LaTeX prints of escaped text, by the reading of one who knows these commands alone; others are an error."""
    commands = {value: key for key, value in latex.SPECIAL.items()} | {"{}": ""}
    printed = ""
    while text:
        known = next((name for name in sorted(commands, key=len, reverse=True) if text.startswith(name)), None)
        assert known is not None or text[0] not in '\\{}$&%#_~^<>|"[]*', text[:30]
        printed, text = printed + (commands[known] if known else text[0]), text[len(known or "x") :]
    return printed


def read_back(source: str) -> tuple[str, list[list[str]]]:
    """Column letters and rows of a tabular or longtable, its environments, braces and rules checked."""
    plain = re.sub(r"\\[{}]", "", re.sub(r"^%.*\n", "", source))
    assert plain.count("{") == plain.count("}")
    opened = re.findall(r"\\begin\{(\w+)\}", source)
    assert opened[::-1] == re.findall(r"\\end\{(\w+)\}", source) and len(opened) in (1, 2)
    assert source.count("\\bottomrule") == 1 and source.count("\\caption") == 1
    columns = re.search(r"\\begin\{(?:tabular|longtable)\}\{((?:[lr]|p\{0\.\d+\\linewidth\})*)\}", source).group(1)
    ended = [line for line in source.splitlines() if line.endswith(r" \\") and "caption" not in line]
    lines = [line.removesuffix(r" \\") for line in ended]
    assert not any(re.search(r"\\\\", line) for line in lines)
    rows = [[unescaped(cell) for cell in re.split(r"(?<!\\)&", f" {line} ")] for line in lines]
    return re.sub(r"p\{.*?\}", "l", columns), [[cell[1:-1] for cell in row] for row in rows]


@pytest.mark.parametrize("rows", [1, latex.ROWS, latex.ROWS + 1])
def test_latex_says_what_the_table_says(rows):
    cells = [[Cell(f"{SPECIAL} {row}", ""), Cell(f"[{row}]", float(row))] for row in range(rows)]
    made = Table("a-b", "A 5 % table", "With_note & more", ["arm_", "value [%]"], cells, frozenset({1}))
    source = latex.source(made)
    columns, read = read_back(source)
    assert columns == "lr" and ("longtable" in source) == (rows > latex.ROWS)
    heads = 2 if rows > latex.ROWS else 1
    assert read == [made.columns] * heads + [[cell.text for cell in row] for row in made.rows]
    assert r"\caption{A 5 \% table. With\_note \& more}\label{tab:a-b}" in source
    assert not re.search(r"\\\\\s*[\[*]", source), "a row's end would take these for its option"


def test_every_table_of_the_report_is_there_as_latex(full):
    text = pages.markdown(full.path)
    shown = re.findall(r"\(tables/([^)]*)\.csv\)", text)
    figures = {path.stem for path in (full.path / "figures").glob("*.svg")}
    wanted = (set(shown) - figures) | {"verdicts"}
    tables = {path.stem: path.read_text(encoding="utf-8") for path in (full.path / "tables").glob("*.tex")}
    assert set(tables) == wanted and len(wanted) > 15
    for name, source in tables.items():
        csv = pd.read_csv(full.path / "tables" / f"{name}.csv", keep_default_na=False, dtype=str)
        columns, rows = read_back(source)
        assert len(columns) == len(csv.columns)
        body = [row for row in rows if row != [" ".join(name.split()) for name in csv.columns]]
        assert body == [[" ".join(cell.split()) for cell in row] for row in csv.to_numpy().tolist()], name


def test_verdicts_for_programs(full):
    verdicts = json.loads((full.path / "verdicts.json").read_text(encoding="utf-8"))
    assert (verdicts["schema"], verdicts["bench"]) == (exports.VERDICTS_SCHEMA, bench.__version__)
    by_letter = {each["letter"]: each for each in verdicts["claims"]}
    assert list(by_letter) == list("ABCDEFGH")
    for verdict in judge.verdicts(results_table.read(full.path)):
        each = by_letter[verdict.letter]
        assert (each["verdict"], each["scope"]) == (verdict.verdict, verdict.scope)
        assert each["corrected"] == verdict.corrected
        assert (each["sentence"], each["predicts"], each["rule"]) == (
            verdict.claim.sentence, verdict.claim.predicts, verdict.claim.rule
        )  # fmt: skip
        assert each["evidence"] == verdict.evidence
    rows = by_letter["H"]["published"]
    tiny = next(row for row in rows if row["system"] == "Transformer-Tiny")
    assert tiny["number"] == "41.02" and [own["arm"] for own in tiny["ours"]] == ["transformer"]
    assert tiny["ours"][0]["seeds"] == 3 and by_letter["B"]["published"] == []


def test_published_numbers_stand_beside_ours_under_their_claim(full):
    text = (full.path / "report.md").read_text(encoding="utf-8").replace("\\", "")
    parts = dict(re.findall(r"^### ([A-H])\. (.*?)(?=^### |^## )", text, flags=re.DOTALL | re.MULTILINE))
    html = (full.path / "report.html").read_text(encoding="utf-8")
    evidence = Evidence(results_table.read(full.path))
    for letter in "ACDEFGH":
        rows = [row for row in published.PUBLISHED if letter in row.claims]
        assert rows
        numbers = published_numbers.of_claim(evidence, letter)
        shown = [row.published for row in numbers if row.ours or row.published.ours is None]
        assert (f'id="table-published-{letter}"' in html) == bool(shown)
        for row in shown:
            assert row.number in parts[letter] and row.source in parts[letter], row
            assert row.what and row.system and row.differs, row
        if shown and len(shown) < len(numbers):
            assert f"{len(numbers) - len(shown)} more are of tasks or arms that were not run" in parts[letter]
    assert "published-B" not in html
    rows = published_numbers.of_claim(evidence, "C")
    parity = [row for row in rows if row.published.ours and row.published.ours.task == "parity"]
    assert len(parity) == 3 and all(row.ours == [] for row in parity), "nothing of ours, and so nothing beside it"


def test_ours_beside_is_the_mean_of_trusted_cells_in_their_unit(folder):
    for seed, value in ((1, 0.5), (2, 0.7)):
        folder.cell("multi30k", "transformer", seed, level=lambda split, at, value=value: value)
    folder.cell("multi30k", "transformer", 3, level=lambda split, at: 0.0, change={"sanity.eos_share": 0.1})
    rows = {
        row.published.system: row.ours
        for row in published_numbers.of_claim(Evidence(results_table.read(folder.path)), "H")
    }
    (own,) = rows["Transformer-Tiny"]
    assert (own.mean, own.low, own.high, own.seeds) == (60 + folder.above, 50 + folder.above, 70 + folder.above, 2)
    assert rows["Transformer"] == [], "that is of another direction"


def test_unconfirmed_numbers_stand_nowhere():
    unconfirmed = {"33.36", "29.88", "61.80", "53.46", "44.52", "2.6M", "96.4", "27.9", "99.3", "91.9"}
    words = " ".join(f"{row.number} {row.differs} {row.system}" for row in published.PUBLISHED)
    assert not any(number in words for number in unconfirmed)


def test_every_published_row_can_meet_a_score():
    tasks = {path.stem for path in (ROOT / "bench" / "conf" / "task").glob("*.yaml")}
    models = {path.stem for path in (ROOT / "bench" / "conf" / "model").glob("*.yaml")}
    for row in published.PUBLISHED:
        assert set(row.claims) <= set("ABCDEFGH")
        if row.ours is not None:
            assert row.ours.task in tasks and set(row.ours.arms) <= models, row


@pytest.mark.slow
def test_readme_script_runs(tmp_path):
    """The script of results/reference/README.md."""
    text = (ROOT / "results" / "reference" / "README.md").read_text(encoding="utf-8")
    (script,) = [code for code in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL) if "bench.load(" in code]
    assert "results/reference/long_range" in script and "savefig" in script
    (tmp_path / "results").symlink_to(ROOT / "results")
    done = subprocess.run(
        [sys.executable, "-c", "import matplotlib; matplotlib.use('Agg')\n" + script],
        cwd=tmp_path, env={**__import__("os").environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.search(r"parity.*\n?.*lstm_none", done.stdout) and list(tmp_path.glob("*.png"))
