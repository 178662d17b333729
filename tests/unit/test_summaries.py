"""ROUGE, copy rate and compression: against the library, by hand, and in a run on real files; wrong metrics."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from bench import __main__
from bench.analysis.evidence import Evidence
from bench.analysis.messages import texts
from bench.conf import compat
from bench.conf.compose import compose
from bench.data import summaries
from bench.errors import DataError
from bench.metrics import DESCRIPTIVE, METRICS, NO_WORDS, SUMMARY, TOO_SHORT, comparable, evaluate
from bench.records import store
from bench.report.tables import scoring
from bench.tasks.bitext import Bitext
from tests.unit.made_up import VOCABULARY, joined, lines

HYPOTHESES = ["The old man didn't sleep.", "", "cats, CATS & 12 dogs", "a b c"]
REFERENCES = ["An old man did not sleep!", "nothing", "12 cats", "c b a"]
CHINESE = "水开了，请把茶壶拿来。"


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


# Scores


@pytest.mark.parametrize("name", summaries.ROUGE)
def test_rouge_of_ascii_text_is_that_of_the_library_alone(name):
    from rouge_score.rouge_scorer import RougeScorer

    plain = RougeScorer([name])
    pairs = list(zip(REFERENCES, HYPOTHESES))
    expected = 100 * sum(plain.score(*pair)[name].fmeasure for pair in pairs) / len(pairs)
    score = evaluate(name, HYPOTHESES, REFERENCES)
    assert score.value == pytest.approx(expected) and 0 < expected < 100
    assert METRICS[name].unit == "points"


def test_rouge_by_hand():
    """Five words against six, with `old man` and `sleep` in common, `did` is not `didn`."""
    one, two, longest = (evaluate(name, HYPOTHESES[:1], REFERENCES[:1]).value for name in summaries.ROUGE)
    assert one == pytest.approx(100 * 2 * 3 / (6 + 6)) and longest == pytest.approx(one)
    assert two == pytest.approx(100 * 2 * 1 / (5 + 5))
    assert evaluate("rougeL", ["a b c"], ["c b a"]).value == pytest.approx(100 / 3)


@pytest.mark.parametrize(
    ("text", "tokeniser"),
    [(CHINESE, "zh"), (CHINESE, "char"), ("Чайник свистит", "13a"), ("Größe für Zoë", "13a"), ("पानी उबल रहा", "13a")],
)
def test_no_script_scores_zero_for_the_right_text(text, tokeniser):
    """The library's own tokeniser sees nothing but ASCII letters and digits."""
    for name in summaries.ROUGE:
        assert evaluate(name, [text], [text], tokeniser).value == pytest.approx(100)
    assert evaluate("rouge1", [text[: len(text) // 2]], [text], tokeniser).value > 0
    assert "".join(summaries.words(text, tokeniser)) == "".join(c for c in text.lower() if c not in " ，。")


def test_signatures_have_settings_tokeniser_and_version():
    plain, chinese = (evaluate("rouge2", ["a b"], ["a b"], tokeniser).signature for tokeniser in ("13a", "zh"))
    assert plain == (
        "rouge2|nrefs:1|case:lc|words:letters+marks+digits|stem:no|F1|mean over outputs|rouge-score|version:0.1.2"
    )
    assert "tok:zh" in chinese and comparable(plain) != comparable(chinese) and "version" not in comparable(plain)


def test_copy_rate_and_compression_by_hand():
    sources = ["The cat saw two dogs.", "It rained; it rained again and again."]
    outputs, references = ["the bird saw", "rain rained"], ["two dogs", "it rained"]
    value = {name: evaluate(name, outputs, references, "13a", sources).value for name in SUMMARY[3:]}
    assert value["copy_rate"] == 3 / 5 and value["copy_rate_references"] == 1.0
    assert value["compression"] == 12 / 5 and value["compression_references"] == 12 / 4
    assert all(METRICS[name].unit in DESCRIPTIVE for name in value)


def test_what_has_no_words_is_undefined_and_says_why():
    assert evaluate("rouge1", ["a"], ["...", "!"][:1]).reason == TOO_SHORT[1]
    assert evaluate("rouge2", ["a b"], ["a"]).reason == TOO_SHORT[2] and evaluate("rougeL", ["a"], ["a"]).value == 100
    empty = evaluate("compression", [""], ["a"], "13a", ["a b"])
    assert (empty.value, empty.reason) == (None, NO_WORDS)
    assert {scoring.reason_text(reason).key for reason in (*TOO_SHORT.values(), NO_WORDS)} == {
        "undefined.one", "undefined.two", "undefined.four", "undefined.none"
    }  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_metric_and_unit_has_its_words(language):
    names = [*(f"metrics.{name}" for name in SUMMARY), *(f"units.{name}" for name in DESCRIPTIVE)]
    assert set(names) <= texts(language).keys()


# A user's text


def write(long: int = 0) -> list[str]:
    """Articles of three sentences with the first as summary. Returns the settings that read them. long: words of one
    more article in training."""
    for seed, (name, size) in enumerate({"train": 60, "valid": 8, "test": 12}.items()):
        sentences = [lines("en", size, 10 * seed + number) for number in range(3)]
        articles, summary = [" ".join(each) for each in zip(*sentences)], [*sentences[0]]
        if name == "train" and long:
            articles, summary = [*articles, "dog " * long], [*summary, "dog"]
        Path(f"{name}.article").write_bytes(joined(articles))
        Path(f"{name}.summary").write_bytes(joined(summary))
    return [
        "task=bitext", "task.source=train.article", "task.target=train.summary",
        "task.valid=[valid.article,valid.summary]", "task.test=[test.article,test.summary]",
        f"task.vocabulary={VOCABULARY}",
    ]  # fmt: skip


TINY = (
    *("budget=smoke", "budget.epochs=0.05", "budget.parameters=20000", "budget.validations=1", "model=gru_none"),
    *("match.tolerance=0.3", "task.output_limit=0", "threads=1", "out=out"),
)


def test_files_are_summarised_and_scored_by_rouge(capfd):
    words = write()
    assert __main__.main(["run", *words, "task.metrics=[rouge,exact_match]", *TINY]) == 0
    assert "ROUGE of lower-cased words of letters and digits" in capfd.readouterr().err
    (folder,) = store.cell_folders(Path("out"))
    record = json.loads((folder / store.RECORD).read_text(encoding="utf-8"))
    rows = {row["metric"]: row for row in record["scores"] if row["axis"] is None and row["search"] == "greedy"}
    assert list(rows) == [*SUMMARY, "exact_match"] and record["config"]["task"]["metrics"] == list(rows)
    with (folder / store.OUTPUTS).open(encoding="utf-8", newline="") as file:
        outputs = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    sides = [[row[side] for row in outputs] for side in ("hypothesis", "reference", "source")]
    assert sides[2] == Path("test.article").read_text(encoding="utf-8").splitlines()
    for name in SUMMARY:
        assert rows[name]["value"] == evaluate(name, *sides[:2], "13a", sides[2]).value
        assert rows[name]["signature"] and rows[name]["n"] == 12
    assert rows["copy_rate_references"]["value"] == 1.0 and rows["compression_references"]["value"] > 2
    evidence = Evidence(store.load(Path("out")))
    (setting,) = evidence.settings()
    assert evidence.headline(setting).metric == "rouge1"
    assert evidence.metrics(setting)[:4] == [*summaries.ROUGE, "exact_match"]
    before = (folder / store.RECORD).read_bytes()
    assert __main__.main(["score", "out"]) == 0 and (folder / store.RECORD).read_bytes() == before
    capfd.readouterr()


def test_chinese_summaries_are_scored_by_the_tokeniser_of_their_script(capfd):
    write()
    for name in ("train", "valid", "test"):
        count = len(Path(f"{name}.summary").read_text(encoding="utf-8").splitlines())
        Path(f"{name}.summary").write_bytes(joined([f"{CHINESE}{i}" for i in range(count)]))
    task = Bitext(
        source="train.article", target="train.summary", vocabulary=80, metrics=("rouge", "bleu"),
        valid=["valid.article", "valid.summary"], test=["test.article", "test.summary"],
    )  # fmt: skip
    references = task.load().tests["test"].references
    assert task.tokeniser == "zh" and evaluate("rouge1", references, references, task.tokeniser).value == 100
    first, second = task.language_lines()
    assert first.startswith("ROUGE with sacreBLEU's tokeniser zh") and second.startswith("BLEU with")


def test_the_default_is_what_it_was():
    words = write()
    plain, same, rouge = (
        compose([*words, *extra]) for extra in ([], ["task.metrics=[bleu,chrf,exact_match]"], ["task.metrics=[rouge]"])
    )
    assert plain.hash == same.hash != rouge.hash and "metrics" not in plain.config["task"]
    assert plain.make_task().metrics == tuple(compat.NEUTRAL["task"]["metrics"]) == Bitext().metrics
    assert plain.make_task().length_edges[-1] == 50 and rouge.make_task().length_edges[-1] == 3200


def test_long_sources_are_whole_or_counted():
    words = write(long=9000)
    task = compose([*words, "task.metrics=[rouge]"]).make_task()
    data = task.load()
    assert data.counts["train_dropped_long"] == 1 and len(data.train) == 60
    test = data.tests["test"]
    assert [task.source_text(test.src[i].tolist()) for i in range(12)] == test.sources
    assert Counter(test.axes["length"].tolist()).keys() <= {0, 5, 10, 15, 20, 25, 30, 40, 50, 100}
    capped = compose([*words, "task.metrics=[rouge]", "task.max_length=25"]).make_task().load()
    assert capped.counts["train_dropped_long"] == 61 - len(capped.train) > 1

    Path("test.article").write_bytes(joined(["dog " * 9000, *test.sources[1:]]))
    with pytest.raises(DataError, match=r"test, source, line 1: [\d,]+ subwords, and the limit is 8,192; cut it"):
        compose([*words, "task.metrics=[rouge]"]).make_task().load()


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ("[rogue]", "there is no metric 'rogue' of text; there are bleu, chrf, exact_match, rouge, rouge1"),
        ("[mse]", "there is no metric 'mse' of text"),
        ("[rouge,rouge1]", "names rouge1 twice"),
        ("[]", "task.metrics is empty"),
        ("[copy_rate,rouge1]", "copy_rate only describes outputs; name a score first"),
        ("rouge", "task.metrics: write a list, as [A,B]"),
        ("null", "task.metrics"),
    ],
)
def test_metrics_that_there_are_not_are_one_line_and_status_2(metrics, message, capfd):
    words = write()
    assert __main__.main(["run", *words, f"task.metrics={metrics}", *TINY]) == 2
    error = capfd.readouterr().err
    assert message in error and error.count("\n") == 1 and "Traceback" not in error and not Path("out").exists()
