"""The report as a whole: built from made-up folders, in every state a folder can be in."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from bench.analysis import arms
from bench.errors import UserError
from bench.records import store
from bench.report import page
from bench.report.figures import style
from tests.report import pages
from tests.report.conftest import SIGNATURE, Folder

ROOT = Path(page.__file__).parents[2]
PRODUCED = {
    *("report.md", "report.html", "details.md", "details.html", "tasks", "results.csv", "verdicts.json"),
    *("figures", "tables"),
}


def built(folder) -> tuple[str, str]:
    """HTML and Markdown of a folder's report, made anew."""
    page.build(folder.path)
    return texts(folder)


def texts(folder) -> tuple[str, str]:
    """HTML and Markdown of the report that is there."""
    return pages.html(folder.path), pages.markdown(folder.path)


def section(text: str, title: str) -> str:
    """A part of the Markdown, from its heading to the next of the same level."""
    return re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", text, flags=re.DOTALL | re.MULTILINE).group(1)


def visible(text: str) -> str:
    """A page's text without tags, styles and figures."""
    text = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", text, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", " ", text))


def test_full_folder(full):
    page_text, text = texts(full)
    for word in ("Made-up CPU", "torch 2.9.0", "abc1234", "target 100,000", "epochs 3.0", "batch_tokens 2500"):
        assert word in visible(page_text) and word in text.replace("\\_", "_"), word
    for arm in ("transformer", "lstm_dot", "gru_dot", "lstm_none", "gru_none"):
        assert arm in visible(page_text)
    for letter in "ABCDEFGH":
        assert f'id="claim-{letter}"' in page_text and f"### {letter}. " in text
    methods = section(text, "Methods").replace("\\_", "_")
    for word in ("n_layers 2, dropout 0.1", "optim.lr", "ab" * 32, SIGNATURE["bleu"]):
        assert word in methods.replace("\\|", "|"), word
    assert "Every cell finished." in text
    assert {path.name for path in full.path.iterdir() if path.name in PRODUCED} == PRODUCED
    assert not list(full.path.glob(".report-*"))


def test_page_is_self_contained(full):
    for page_text in pages.html_pages(full.path).values():
        without_namespaces = re.sub(r'xmlns(:\w+)?="[^"]*"', "", page_text)
        assert not re.search(r'(?:src|href)="(?:https?:)?//', without_namespaces)
        assert "@import" not in page_text and "url(http" not in page_text
        assert page_text.count("<script") == 1 and "<script src" not in page_text
        ids = re.findall(r'\sid="([^"]+)"', page_text)
        assert len(ids) == len(set(ids))
        for link in re.findall(r'href="#([^"]+)"', page_text):
            assert link in ids, link


def test_links_lead_to_files_that_are_there(full):
    every = pages.html_pages(full.path)
    links = [(name, link) for name, text in every.items() for link in re.findall(r'href="([^"#]+)', text)]
    links += [("", link) for link in re.findall(r"\]\(([^)#]+)\)", pages.markdown(full.path))]
    assert len(links) > 100
    for name, link in links:
        assert ((full.path / name).parent / html.unescape(link) if name else full.path / link).is_file(), (name, link)
    for svg in (full.path / "figures").glob("*.svg"):
        assert svg.with_suffix(".png").exists() and (full.path / "tables" / f"{svg.stem}.csv").exists()


@pytest.mark.slow
def test_one_seed_is_said_and_decides_nothing(folder):
    folder.budget = "made_up"
    folder.full(seeds=(1,), tasks=("recall", "multi30k"))
    page_text, text = built(folder)
    assert "(one seed)" in section(text, "recall")
    assert "[" not in section(text, "recall").split("\n\n")[2]  # no interval in the table of results
    verdicts = dict(
        re.findall(r"^\| ([A-H]) .*?\| \*\*([a-z ]+)\*\* \|", section(text, "Verdicts"), flags=re.MULTILINE)
    )
    assert {verdicts[letter] for letter in "AGH"} == {"inconclusive"}
    assert "one seed: no interval over seeds" in visible(page_text)


def test_only_skipped_cells(folder):
    folder.cell("multi30k", "transformer", status="skipped", change={"reason": "no corpus; put it there"})
    page_text, text = built(folder)
    assert "skipped" in text and "no corpus; put it there" in section(text, "Cells without a result")
    assert "no corpus; put it there" in visible(page_text)


ATTACK = "<script>alert(1)</script> <img src=x onerror=alert(2)> | **bold** `code` [a](b) &amp;"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory) -> tuple[str, str]:
    """HTML and Markdown of a folder with cells of every status, a doubtful cell and hostile texts."""
    folder = Folder(tmp_path_factory.mktemp("mixed") / "results")
    hostile = {"hypothesis": ATTACK, "change": {"environment.cpu": "<b>fast</b>"}}
    folder.cell("recall", "transformer", 1, **hostile)
    folder.cell("recall", "lstm_none", 1, **hostile)
    folder.cell("recall", "lstm_none", 2, change={"sanity.eos_share": 0.1}, outputs=False)
    folder.cell("recall", "gru_dot", 1, status="failed", change={"reason": "<script>alert(3)</script>"})
    for seed, status in enumerate(store.STATUSES[1:], start=2):
        folder.cell("recall", "lstm_dot", seed, status=status)
    return built(folder)


def test_every_status_is_mentioned_with_its_reason(mixed):
    page_text, text = mixed
    listed = section(text, "Cells without a result")
    for status in store.STATUSES[1:]:
        count = 2 if status == "failed" else 1
        assert f"made up: {status}" in listed and f"{count} {status}" in section(text, "What was run")
        assert f"made up: {status}" in visible(page_text)
    assert "3 done" in section(text, "What was run")


def test_doubtful_cells_are_marked_and_kept(mixed):
    _, text = mixed
    assert "lstm\\_none (1 doubtful)" in text
    assert "only 10 % of outputs ended by themselves" in section(text, "Cells without a result")


def test_output_is_shown_as_text(mixed):
    page_text, text = mixed
    assert page_text.count("<script") == 3 and "<img" not in page_text and "<b>fast" not in page_text
    unmarked = re.sub("</?ins>", "", page_text)  # words that differ from the reference
    assert visible(unmarked).count(ATTACK) == 6  # three examples, two arms
    assert "<script" not in text and "<b>" not in text
    row = next(line for line in text.splitlines() if "alert(1)" in line)
    assert len(re.findall(r"(?<!\\)\|", row)) == 4 and "\\*\\*bold\\*\\*" in row and "&amp;amp;" in row


def test_records_with_missing_keys(folder):
    """Whatever a record lacks, a report is made of the rest."""
    whole = folder.cell("recall", "transformer", 1)
    optional = [
        key for key in whole if key not in ("schema", "cell", "task", "model", "budget_name", "seed", "status")
    ]
    for number, key in enumerate(optional, start=2):
        for value in (None, "absent"):
            record = whole | {"cell": f"c{number}{value}", "seed": number, key: value}
            if value == "absent":
                del record[key]
            store.write(folder.path, record)
    page_text, _ = built(folder)
    assert "transformer" in page_text
    assert not (folder.path / "tables" / "families.csv").exists(), "one family has nothing to be compared with"


@pytest.mark.parametrize("record", [{}, {"task": "recall", "status": "failed"}])
def test_almost_empty_records(folder, record):
    store.write(folder.path, {"schema": store.SCHEMA, "cell": "a", **record})
    built(folder)


@pytest.mark.slow
def test_what_was_matched_is_said(folder):
    """Cells of one task and budget under two rules: two tables, each with its rule, and two figures of sizes."""
    flops = {"match.rule": "flops", "match.target": 1234567.6, "match.mismatch": -0.031}
    for seed, change in ((1, {}), (2, {**flops, "cell": "other"})):
        folder.cell("recall", "lstm_dot", seed, change=change)
    page_text, text = built(folder)
    for shown in (visible(page_text), text.replace("\\_", "_")):
        assert "parameters: target 100,000, from which arms deviate by +0.1 % to +0.1 %" in shown
        assert "FLOPs a target token: target 1,234,568, from which arms deviate by -3.1 % to -3.1 %" in shown
        assert (
            "deviation from target (parameters)" in shown and "deviation from target (FLOPs a target token)" in shown
        )
        assert "recall (budget quick, 100,000 parameters, cpu)" in shown
        assert "recall (budget quick, 1,234,568 FLOPs a target token, cpu)" in shown
        assert "arms are equal in FLOPs a target token; the target is 1,234,568 FLOPs a target token." in shown
    tables = {path.stem for path in (folder.path / "tables").iterdir()}
    assert {"parameters-recall-quick-cpu", "parameters-recall-quick-flops-cpu"} <= tables
    assert {"results-recall-quick-100000-cpu", "results-recall-quick-flops-1234568-cpu"} <= tables


@pytest.mark.slow
def test_same_records_same_bytes_in_another_process_and_without_torch(folder, tmp_path):
    for arm in ("transformer", "lstm_none"):
        for seed in (1, 2):
            folder.cell("recall", arm, seed, noise=0.1)
    first, second = (tmp_path / name for name in ("one", "two"))
    page.build(folder.path, first)
    code = (
        "import sys; from pathlib import Path; from bench.report.page import build; build(*map(Path, sys.argv[1:]));"
        "print(sorted({'torch', 'models', 'hydra', 'bench.tasks'} & set(sys.modules)))"
    )
    words = [sys.executable, "-c", code, str(folder.path), str(second)]
    process = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
    assert process.stdout.strip() == "[]"
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert len(files) > 40 and files == sorted(
        path.relative_to(second) for path in second.rglob("*") if path.is_file()
    )
    for name in files:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


@pytest.mark.slow
def test_an_error_leaves_the_earlier_report(folder, monkeypatch):
    cell = folder.cell("recall", "transformer", 1)["cell"]
    page.build(folder.path)

    def snapshot() -> dict[str, bytes]:
        files = (path for name in PRODUCED for path in [folder.path / name, *(folder.path / name).rglob("*")])
        return {str(path): path.read_bytes() for path in files if path.is_file()}

    before = snapshot()
    maps = folder.path / cell / store.ATTENTION
    maps.write_text("{")  # read after other figures have been drawn
    with pytest.raises(UserError, match="attention.json is broken") as caught:
        page.build(folder.path)
    assert "\n" not in str(caught.value) and snapshot() == before
    maps.unlink()
    folder.cell("recall", "transformer", 2)
    move = os.replace

    def fail_late(source: Path, target: Path) -> None:
        if source.name == "verdicts.json" and source.parent.name.startswith(".report-"):  # after other files
            raise OSError("disk full")
        move(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail_late)
        with pytest.raises(OSError, match="disk full"):
            page.build(folder.path)
    assert snapshot() == before
    assert not list(folder.path.glob(".report-*"))
    page.build(folder.path)
    assert snapshot() != before


def test_errors_a_user_can_act_on(tmp_path, folder):
    with pytest.raises(UserError, match="is not a folder"):
        page.build(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no results"):
        page.build(tmp_path / "empty")
    assert not list((tmp_path / "empty").iterdir())
    folder.cell("recall", "transformer")
    broken = next(folder.path.glob("*/record.json"))
    broken.write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match="is not JSON") as caught:
        page.build(folder.path)
    assert "\n" not in str(caught.value)


def test_csv_of_figures_equals_the_records(full):
    tables = full.path / "tables"
    written = {path.parent.name: json.loads(path.read_text()) for path in full.path.glob("*/record.json")}
    seeds = pd.read_csv(tables / "seeds-recall-quick-100000-cpu.csv")
    assert len(seeds) == 5 * 3
    for row in seeds.itertuples():
        whole = next(s for s in written[row.cell]["scores"] if s["axis"] is None and s["split"] == row.split)
        assert row.value == pytest.approx(whole["value"], abs=1e-12)
    by_distance = pd.read_csv(tables / "distance-recall-quick-100000-cpu.csv")
    assert len(by_distance) == 5 * 16
    for row in by_distance.itertuples():
        own = [
            score["value"] for record in written.values() for score in record["scores"]
            if record["task"] == "recall" and record["model"] == row.arm and score["at"] == row.at
        ]  # fmt: skip
        assert (row.mean, row.min, row.max, row.seeds) == pytest.approx((sum(own) / 3, min(own), max(own), 3))
    curves = pd.read_csv(tables / "learning-time-recall-quick-100000-cpu.csv")
    for cell, rows in curves.groupby("cell"):
        original = pd.read_csv(full.path / str(cell) / "curve.csv")
        assert rows["valid_loss"].tolist() == pytest.approx(original["valid_loss"].tolist())
        assert rows["seconds"].tolist() == pytest.approx(original["seconds"].tolist())
        # Made-up cells: 1e12 FLOPs over all of training, on 300,000 target tokens.
        assert rows["flops"].tolist() == pytest.approx((original["target_tokens"] / 300_000 * 1e12).tolist())
    speed = pd.read_csv(tables / "speed-recall-quick-100000-cpu.csv")
    assert len(speed) == 5 * 3 * 3
    for row in speed[speed["what"] == "training"].itertuples():
        assert row.tokens_per_second == pytest.approx(written[row.cell]["throughput"]["train"]["median"])
    sizes = pd.read_csv(tables / "parameters-recall-quick-cpu.csv")
    for row in sizes.itertuples():
        assert row.parameters == written[row.cell]["parameters"]["total"]
    scores = pd.read_csv(full.path / "results.csv")
    assert len(scores) == sum(len(record["scores"]) for record in written.values())


def test_every_trial_is_shown(full):
    trials = pd.read_csv(full.path / "tables" / "trials.csv")
    assert set(trials["task"]) == {"reverse"}, "the others had none"
    assert set(trials["chosen"]) == {"optim.lr=0.002"} and set(trials["trials"]) == {3}
    assert set(trials["validation loss of each trial"]) == {
        "optim.lr=1e-3: 0.75; optim.lr=2e-3: 0.5; optim.lr=1: failed"
    }
    assert "optim.lr=2e-3: 0.5" in pages.markdown(full.path)


def test_splits_and_searches_never_share_a_column(full):
    reverse = pd.read_csv(full.path / "tables" / "results-reverse-quick-100000-cpu.csv")
    inside = reverse.loc[reverse["arm"] == "transformer", "Exact match, test (in-distribution)"].iloc[0]
    longer = reverse.loc[reverse["arm"] == "transformer", "Exact match, test_longer"].iloc[0]
    assert 0.9 < float(inside.split()[0]) < 1 and float(longer.split()[0]) < 0.3
    seeds = pd.read_csv(full.path / "tables" / "seeds-multi30k-quick-100000-cpu.csv")
    assert set(seeds["search"]) == {"greedy"} and len(seeds) == 5 * 3 * 3


def test_published_numbers_stand_in_a_column_of_their_own(full):
    table = pd.read_csv(full.path / "tables" / "literature.csv", keep_default_na=False)
    ours = table["system"].str.endswith("(ours)")
    assert (table.loc[~ours, "sacreBLEU 13a, cased"] == "-").all() and ours.sum() == 10
    kinds = ("literature-style BLEU", "sacreBLEU 13a, cased")
    literature, default = (table.loc[ours, kind].str.split().str[0].astype(float) for kind in kinds)
    assert (literature - default).tolist() == pytest.approx([full.above] * 10, abs=0.11)
    assert set(table.loc[ours, "direction"]) == {"en-de"}
    unconfirmed = {"33.36", "29.88", "61.80", "53.46", "44.52", "2.6"}
    assert not any(number in value for number in unconfirmed for value in table.astype(str).to_numpy().ravel())


@pytest.mark.slow
def test_literature_style_bleu_stands_apart_and_enters_no_verdict(full, folder):
    other = pd.read_csv(full.path / "tables" / "other-scores-multi30k-quick-100000-cpu.csv")
    assert set(other.loc[other["metric"] == "BLEU, literature-style (points)", "signature"]) == {"moses"}
    assert not other.loc[other["metric"] == "BLEU (points)", "signature"].str.contains("moses").any()
    results = pd.read_csv(full.path / "tables" / "results-multi30k-quick-100000-cpu.csv")
    assert not any("literature" in column for column in results)
    folder.budget = "made_up"
    for seed in range(1, 5):  # so that claim H has something to say
        folder.cell("multi30k", "transformer", seed, level=lambda split, at: 0.3, noise=0.001)
        folder.cell("multi30k", "lstm_dot", seed, level=lambda split, at: 0.4, noise=0.001)
    older = folder.cell("multi30k", "gru_dot")
    older["scores"] = [row for row in older["scores"] if row["metric"] == "bleu"]
    store.write(folder.path, older)
    verdicts = section(built(folder)[1], "Claim by claim").replace("\\", "")
    assert "bleu" in verdicts and "bleu_lit" not in verdicts
    table = pd.read_csv(folder.path / "tables" / "literature.csv").set_index("system")["literature-style BLEU"]
    assert set(table.loc["gru_dot (ours)"]) == {"-"} and "-" not in set(table.loc["transformer (ours)"])


def test_looks_are_fixed_and_tell_arms_apart():
    assert set(style.LOOKS) == set(arms.ORDER)
    stacks = [arm for arm in style.LOOKS if arm.endswith(arms.STACK)]
    known = [arm for arm in style.LOOKS if arm not in stacks]
    for own in (known, stacks):
        assert len({style.look(arm) for arm in own}) == len(own)
    main = ["transformer", "lstm_dot", "gru_dot", "lstm_none", "gru_none"]
    assert len({style.look(arm).colour for arm in main}) == len(main)
    for arm in known:
        dashed = arms.kind(arm) == arms.PLAIN
        assert (style.look(arm).line == "--") == dashed and style.look(arm).filled != dashed
    assert style.look("fancy_new_arm") == style.look("fancy_new_arm")
    assert style.look("residual_lstm_none").line == "--"
    for options in (
        [f"positions={kind}" for kind in ("none", "rotary", "sinusoidal", "learned", "alibi")],
        [f"n_heads={count}" for count in (1, 2, 4, 8, 16)],
        ["n_layers=1, n_heads=1", "n_layers=1, n_heads=4", "n_layers=2, n_heads=4"],
    ):
        variants = {style.look(f"transformer [{option}]") for option in options}
        assert len(variants) == len(options)
        assert not {variant.colour for variant in variants} & {style.look(arm).colour for arm in main[1:]}
    by_depth = [sum(to_rgb(style.look(f"transformer_stack [n_layers={count}]").colour)) for count in (1, 2, 4, 8)]
    assert by_depth == sorted(set(by_depth), reverse=True), "the deeper, the darker"
    assert arms.ordered(["zebra", "gru_none", "transformer", "lstm_dot"]) == [
        "transformer",
        "lstm_dot",
        "gru_none",
        "zebra",
    ]


def test_fallback_look_does_not_depend_on_the_process():
    code = "from bench.report.figures import style; print(style.look('fancy_new_arm'))"
    looks = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
            cwd=ROOT,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(looks) == 1
