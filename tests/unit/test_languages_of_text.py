"""What the language of a text decides: BLEU's tokeniser, the unit of lengths, what counts as a repetition."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench.data import script, tokenisers
from bench.evaluation.degenerate_outputs import repeats
from bench.metrics import METRICS, comparable, evaluate
from bench.report.tables import examples
from bench.tasks import task_cache
from bench.tasks.bitext import Bitext
from tests.unit.made_up import joined, lines

CHINESE = "".join(chr(0x4E00 + 37 * number) for number in range(60))
THAI = "แมวสุนัขบ้านน้ำเดินกินนอนฝนตกแดดร้อน"
TEXTS = {
    "Latin": "Der Kessel pfeift, das Wasser kocht.", "Cyrillic": "Чайник свистит, вода кипит.",
    "Arabic": "الماء يغلي في الإبريق", "Han": "水开了，请把茶壶拿来。",
    "Japanese": "お湯が沸いたので、お茶を入れます。", "Hangul": "물이 끓어서 차를 끓입니다.", "Thai": THAI,
    "Khmer": "ទឹកពុះហើយ", "Lao": "ນ້ຳຟົດແລ້ວ",
    "Myanmar": "ရေဆူနေပြီ",
    "Tibetan": "ཆུ་ཁོལ་སོང་།",
}  # fmt: skip


def sentences(count: int, seed: int) -> list[str]:
    """Lines of four to twenty-five characters of Chinese."""
    draw = np.random.default_rng(seed)
    return ["".join(draw.choice(list(CHINESE), draw.integers(4, 26))) + "。" for _ in range(count)]


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SACREBLEU", str(tmp_path / "sacrebleu"))
    monkeypatch.setattr(tokenisers, "available", lambda name: name not in ("ja-mecab", "ko-mecab", "flores200"))
    monkeypatch.chdir(tmp_path)


def write(first: str, second: str, sizes: tuple[int, int, int] = (300, 110, 110)) -> None:
    """Files of all sets; zh: Chinese, else of made-up words."""
    for seed, (name, size) in enumerate(zip(("train", "valid", "test"), sizes, strict=True)):
        for language in (first, second):
            text = sentences(size, seed) if language == "zh" else lines(language, size, seed)
            Path(f"{name}.{language}").write_bytes(joined(text))


def task(first: str, second: str, **options) -> Bitext:
    held_out = {name: [f"{name}.{first}", f"{name}.{second}"] for name in ("valid", "test")}
    options = {"vocabulary": 150, **held_out, **options}
    return Bitext(source=f"train.{first}", target=f"train.{second}", **options)


# Scripts


@pytest.mark.parametrize("name", TEXTS)
def test_the_script_of_a_text(name):
    assert script.detect([TEXTS[name]] * 20) == name


def test_short_and_mixed_texts_are_undetermined():
    assert script.detect(["水开了。"]) == script.detect([]) == script.detect(["1 + 2 = 3"] * 100) == "undetermined"
    assert script.detect([TEXTS["Han"], TEXTS["Latin"], TEXTS["Arabic"]] * 20) == "undetermined"
    assert script.detect([TEXTS["Han"]] * 20 + ["ABC"] * 20) == "Han", "a few words of another script do not count"


def test_length_in_characters_leaves_out_spaces_marks_and_invisible_characters():
    assert script.length("水 开\u200b了。", script.CHARACTERS) == 4
    assert script.length("น้ำ", script.CHARACTERS) == 2, "the tone stands on a consonant"
    assert script.length("two words") == 2


# Tokenisers


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("Latin", "13a"), ("Cyrillic", "13a"), ("Arabic", "13a"), ("Han", "zh"), ("Japanese", "ja-mecab"),
     ("Hangul", "ko-mecab"), *((name, "flores200") for name in ("Thai", "Khmer", "Lao", "Myanmar", "Tibetan")),
     ("undetermined", "13a")],
)  # fmt: skip
def test_the_tokeniser_of_a_script(name, wanted, monkeypatch):
    choice = tokenisers.choose(None, name)
    missing = wanted in tokenisers.NEEDS
    assert (choice.wanted, choice.name) == (wanted, "char" if missing else wanted)
    assert (choice.because == "missing") == missing
    line = tokenisers.describe(choice, name)
    assert "\n" not in line and f"tokeniser {choice.name}" in line
    assert not missing or (wanted in line and tokenisers.INSTALL[wanted] in line)
    monkeypatch.setattr(tokenisers, "available", lambda name: True)
    assert tokenisers.choose(None, name).name == wanted


def test_nothing_is_downloaded_for_a_tokeniser(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr("sacrebleu.utils.SACREBLEU_DIR", "nowhere")
    monkeypatch.setattr(
        "sacrebleu.tokenizers.tokenizer_spm.download_file", lambda *_: pytest.fail("a model was downloaded")
    )
    choice = tokenisers.choose("th", "Thai")
    assert choice.name == "char" and evaluate("bleu", [THAI], [THAI], choice.name).value == pytest.approx(100)


def test_a_model_that_is_already_there_is_used(monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setattr("sacrebleu.utils.SACREBLEU_DIR", str(tmp_path))
    assert tokenisers.choose("th", "Thai").name == "char"
    tokenisers.flores_model().parent.mkdir()
    tokenisers.flores_model().write_bytes(b"")
    assert tokenisers.choose("th", "Thai").name == "flores200"


@pytest.mark.parametrize("tokeniser", ["13a", "zh", "char"])
def test_the_tokeniser_is_in_the_signature_and_read_from_it(tokeniser):
    score = evaluate("bleu", ["水开了，拿来。"], ["水开了，拿来。"], tokeniser)
    assert f"|tok:{tokeniser}|" in score.signature and tokenisers.of_signature(score.signature) == tokeniser
    assert f"tok:{tokeniser}" in comparable(score.signature) and "version" not in comparable(score.signature)


def test_european_text_is_scored_as_before():
    hypotheses, references = ["Das ist ein Hund ."], ["Das ist ein kleiner Hund."]
    value, signature = METRICS["bleu"].score(hypotheses, references)
    assert evaluate("bleu", hypotheses, references) == evaluate("bleu", hypotheses, references, "13a")
    assert (evaluate("bleu", hypotheses, references).value, signature.split("|")[3]) == (value, "tok:13a")


# Tasks of a user's text


def test_perfect_chinese_has_bleu_100():
    write("en", "zh")
    loaded = task("en", "zh")
    references = loaded.load().tests["test"].references
    score = evaluate("bleu", references, references, loaded.tokeniser)
    assert score.value == pytest.approx(100) and "tok:zh" in score.signature
    assert loaded.language_facts()["target_script"] == "Han" and loaded.language_facts()["length_unit"] == "words"
    (line,) = loaded.language_lines()
    assert "tokeniser zh" in line and "Han" in line


def test_a_source_without_spaces_is_measured_in_characters_also_from_the_cache():
    write("zh", "en")
    first, second = task("zh", "en"), task("zh", "en")
    loaded, restored = task_cache.load(first), task_cache.load(second)
    for data, own in ((loaded, first), (restored, second)):
        test = data.tests["test"]
        expected = [min(20, len(line) // 10 * 10) for line in test.sources]
        assert test.axes["length"].tolist() == expected and len(set(expected)) == 3
        assert own.train_range["length"] == (0, 20) and own.tokeniser == "13a"
        assert own.language_facts()["length_unit"] == "characters"
        assert any("characters" in line for line in own.language_lines())


def test_languages_of_the_configuration_come_before_the_script():
    write("zh", "en")
    loaded = task("zh", "en", source_language="de", target_language="ja")
    data = loaded.load()
    assert loaded.tokeniser == "char", "its library is not there"
    assert set(data.tests["test"].axes["length"].tolist()) == {0}, "one word a line"
    first, second = loaded.language_lines()
    assert "ja-mecab" in first and "task.target_language=ja" in second and "Latin" in second


def test_text_too_short_for_a_script_has_the_usual_tokeniser():
    write("en", "zh", (12, 5, 5))
    for name in ("train", "valid", "test"):
        Path(f"{name}.zh").write_bytes(joined([f"{number}: 水" for number in range(12 if name == "train" else 5)]))
    loaded = task("en", "zh", vocabulary=60)
    loaded.load()
    (line,) = loaded.language_lines()
    assert loaded.tokeniser == "13a" and "too few" in line and "task.target_language" in line


@pytest.mark.parametrize("code", ["german", "DE", "zh-cn", "xx", "", False])
def test_a_code_that_is_none_is_refused(code):
    with pytest.raises(ValueError, match="source_language"):
        Bitext(source_language=code)


# Repetitions


@pytest.mark.parametrize(
    ("text", "seen"),
    [("我我我我", True), ("他看见他看见他看见书", True), ("哈哈哈", False), ("看看书，看看画", False),
     ("好 好 好", True), ("มากมากมากมาก", True), ("はいはいはい", True), ("。。。。", False), ("a a a", True),
     ("aaaa", False), ("a b a b a b", False), ("ha ha ha", True), ("10000", False)],
)  # fmt: skip
def test_repetitions_with_and_without_spaces(text, seen):
    assert repeats(text) == seen


def test_outputs_without_spaces_are_aligned_by_characters():
    pieces = examples.compare("我看见三本红书。", "我看见四本红书。")
    assert pieces == [("", "我看见"), ("ins", "三"), ("", "本红书。")]
    assert examples.WORD.findall("ein T-Shirt, 茶") == ["ein", "T-Shirt", ",", "茶"]


# BLEU without four tokens


def test_bleu_is_undefined_without_four_tokens_in_any_reference():
    score = evaluate("bleu", ["a b c", "d"], ["a b c", "d e"])
    assert score.value is None and "four tokens" in str(score.reason) and "tok:13a" in score.signature
    assert evaluate("bleu", ["a"], ["a b c."]).value == 0.0, "the full stop is the fourth"
    assert evaluate("bleu", ["水开了"], ["水开了"], "zh").value is None
    assert evaluate("bleu", ["水开了。"], ["水开了。"], "zh").value == pytest.approx(100)
    assert evaluate("bleu_lit_de", ["a b c"], ["a b c"]).value is None
    assert evaluate("chrf", ["a b c"], ["a b c"]).reason is evaluate("exact_match", ["a"], ["a"]).reason is None


def test_a_record_can_hold_what_is_undefined():
    rows = json.dumps({"value": evaluate("bleu", ["a"], ["a"]).value}, allow_nan=False)
    assert rows == '{"value": null}'
