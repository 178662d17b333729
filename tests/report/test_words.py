"""The texts of a report: the same keys in each language, all of them used, and pages in Chinese."""

from __future__ import annotations

import ast
import copy
import html
import json
import pickle
import re
import string
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.analysis import arms, messages
from bench.analysis.claims import judge
from bench.analysis.messages import Joined, Message
from bench.errors import UserError
from bench.records import store
from bench.report import page
from bench.report.rendering import PAGES
from tests.report import pages
from tests.report.conftest import Folder
from tests.report.test_figures import attended
from tests.report.test_phenomena import planted

BENCH = Path(page.__file__).parents[1]
ENGLISH = messages.texts("en")
LANGUAGES = [code for code in messages.languages() if code != "en"]
WRAPPERS = {
    "note": "figures.notes.{}", "part": "figures.parts.{}", "columns": "columns.{}", "_message": "published.{}",
    "figure_text": "figures.each.{}.title",
}  # fmt: skip
"""Functions whose arguments are the last part of a key."""


def placeholders(text: str) -> set[tuple[str, str]]:
    return {(name, form) for _, name, form, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_languages_have_the_same_keys_and_placeholders(language):
    other = messages.texts(language)
    assert set(other) == set(ENGLISH)
    for key, text in ENGLISH.items():
        assert isinstance(other[key], str) and placeholders(other[key]) == placeholders(text), key
        assert other[key].strip() or not text.strip(), key


def test_chinese_has_no_space_beside_a_full_width_mark_and_one_beside_latin():
    one_head = Message("spoken.with", arm=Message("spoken.transformer"), options=Message("spoken.one_head"))
    values = {
        "place": Message("says.place.test", task="grammar"),
        "first": one_head, "a": Message("quantity.percent", percent="91.8"),
        "second": Message("spoken.lstm_dot"), "b": Message("quantity.amount", amount="85.7", metric="BLEU"),
        "notes": Message("says.seeds.many", count=8),
    }  # fmt: skip
    said = Message("says.score", **values).render("zh")
    assert said == "在 grammar 上，Transformer（1 个头）91.8 %，带点积注意力的 LSTM 的 BLEU 为 85.7（各 8 个种子）。"


def pattern(node: ast.JoinedStr) -> str:
    """What an f-string can come to, as a regular expression."""
    return "".join(re.escape(part.value) if isinstance(part, ast.Constant) else "(.+)" for part in node.values)


def first_arguments(node: ast.expr) -> list[ast.expr]:
    return [*first_arguments(node.body), *first_arguments(node.orelse)] if isinstance(node, ast.IfExp) else [node]


class Sources:
    """keys: asked for by `Message`, in full; patterns: the same with gaps; strings: every string of
    the code; shapes: every f-string of the report's."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.patterns: set[str] = set()
        self.strings: set[str] = set()
        self.shapes: set[str] = set()
        self._known: dict[tuple[str, int], bool] = {}
        for path in BENCH.rglob("*.py"):
            ours = path.relative_to(BENCH).parts[0] in ("analysis", "report")
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if ours or isinstance(node, ast.Constant):
                    self._node(node)
        for path in (BENCH / "report" / "templates").glob("*.j2"):
            self.keys |= set(re.findall(r'say\("([^"]+)"', path.read_text(encoding="utf-8")))

    def _node(self, node: ast.AST) -> None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            self.strings.add(node.value)
        elif isinstance(node, ast.JoinedStr) and any(isinstance(part, ast.Constant) for part in node.values):
            self.shapes.add(pattern(node))
        elif isinstance(node, ast.Call) and node.args:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            for first in first_arguments(node.args[0]):
                if name == "Message":
                    self._key(first)
            if name == "translate_name" and isinstance(node.args[0], ast.Constant):
                self.patterns.add(re.escape(f"{node.args[0].value}.") + "(.+)")
            for argument in node.args if name == "columns" else node.args[:1] if name in WRAPPERS else ():
                for one in first_arguments(argument):
                    if isinstance(one, ast.Constant):
                        self.keys.add(WRAPPERS[name].format(one.value))

    def _key(self, node: ast.expr) -> None:
        if isinstance(node, ast.Constant):
            self.keys.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            self.patterns.add(pattern(node))

    def known(self, text: str, depth: int = 2) -> bool:
        """Whether a string of the code can come to this, in at most so many steps."""
        if (text, depth) not in self._known:
            self._known[text, depth] = text in self.strings or (
                depth > 0
                and any(
                    (match := re.fullmatch(shape, text))
                    and all(self.known(part, depth - 1) for part in match.groups())
                    for shape in self.shapes
                )
            )
        return self._known[text, depth]

    def uses(self, key: str) -> bool:
        return key in self.keys or any(
            (match := re.fullmatch(shape, key)) and all(map(self.known, match.groups())) for shape in self.patterns
        )


@pytest.fixture(scope="module")
def sources() -> Sources:
    return Sources()


def test_every_key_that_is_used_exists(sources):
    assert len(sources.keys) > 200 and len(sources.patterns) > 15
    assert not sorted(sources.keys - set(ENGLISH))
    for shape in sources.patterns:
        assert any(re.fullmatch(shape, key) for key in ENGLISH), shape


def test_no_key_is_unused(sources):
    looked_up = {key for key in ENGLISH if key.startswith(("between.", "components.", "phenomena."))}
    assert not sorted(key for key in set(ENGLISH) - looked_up if not sources.uses(key))
    assert {key.split(".")[1] for key in ENGLISH if key.startswith("between.")} <= sources.strings


def test_every_claim_has_its_words():
    for claim in judge.CLAIMS:
        for text in (claim.sentence, claim.predicts, claim.rule, claim.scope, *claim.corrected.values()):
            assert text and text.render("zh") != text
    assert {f"verdicts.{verdict}" for verdict in judge.VERDICTS} <= set(ENGLISH)
    first = "注意力机制使 Transformer 能捕捉长距离依赖，而 RNN、LSTM 只能捕捉短距离依赖。"
    assert judge.CLAIMS[0].sentence.render("zh") == first


def test_a_text_is_its_english_and_knows_the_other_languages():
    text = Message("difference.few", seeds=Message("difference.of_seeds.many", count=2), least=3)
    assert text == "n = 2 seeds, fewer than 3: not decided" and f"{text}" == text
    assert text.render("zh") == "n = 2 个种子，少于 3 个：不作判定"
    both = Joined([text, "{not a placeholder}"], "reasons")
    assert both.endswith("; {not a placeholder}") and both.render("zh").endswith("；{not a placeholder}")
    for same in (copy.deepcopy(both), pickle.loads(pickle.dumps(both))):
        assert same == both and same.render("zh") == both.render("zh")
    assert messages.render("plain", "zh") == "plain" and messages.render(3, "zh") == 3


def test_an_unknown_key_or_a_missing_value_is_refused():
    with pytest.raises(LookupError, match="no.such.key"):
        Message("no.such.key")
    with pytest.raises(LookupError, match="difference.few: no 'seeds'"):
        Message("difference.few", least=3)


def test_an_unknown_language_is_refused(folder, capsys):
    assert messages.parse_languages("zh, en,zh") == ["zh", "en"]
    with pytest.raises(UserError, match="'xx'; there are en, zh"):
        messages.parse_languages("en,xx")
    folder.cell()
    assert main(["report", str(folder.path), "--lang", "xx"]) == 2
    assert "no texts in the language 'xx'" in capsys.readouterr().err and not (folder.path / "report.html").exists()


WORDS = ["training", "chance", "work", "<b>"]
"""Tokens of a figure, which are no words of the report."""
ATTACK = "<script>alert(1)</script> | **bold** {title} {evil}"


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A folder with a report in both languages: three tasks, phenomena, attention, cells that failed, a doubtful one,
    hostile text."""
    made = Folder(tmp_path_factory.mktemp("both"))
    made.full(seeds=(1, 2, 3))
    made.cell("recall", "rnn_none", 1, change={"sanity.eos_share": 0.1, "environment.cpu": "<b>fast {cpu}</b>"})
    for seed, status in enumerate(store.STATUSES[1:], start=5):
        made.cell("recall", "lstm_dot", seed, status=status)
    planted(made)
    attended(made, "transformer", 2, 1, WORDS)
    for arm in ("transformer", "lstm_dot"):
        made.cell("reverse", arm, 1, hypothesis=ATTACK)
    page.build(made.path, None, ("en", "zh"))
    return made.path


def shown(name: str, text: str) -> str:
    """What a reader sees of a page, without what is no sentence of the report's: code, and the other language's
    link."""
    if name.endswith(".html"):
        text = re.sub(r"<(script|style|code)\b.*?</\1>", "", text, flags=re.DOTALL)
        text = re.sub(r'<a [^>]*lang="en"[^>]*>[^<]*</a>', "", text)
        text = re.sub(r'aria-label="([^"]*)"', r">\1<", text)
        return html.unescape(re.sub(r"<[^<>]*>", "\n", text))
    return re.sub(r"\[This report in English\]\([^)]*\)|`[^`]*`", "", text)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["html", "md"])
def test_a_chinese_page_holds_no_english_sentence_and_no_placeholder(both, kind):
    text = shown(f"pages.{kind}", pages.html(both, "zh") if kind == "html" else pages.markdown(both, "zh"))
    text = text.replace("a b c d", "")  # references of the made-up translations
    assert text.count("种子") > 50
    assert not re.findall(r"[A-Za-z]+(?:,? [A-Za-z]+){3,}", text)
    assert set(re.findall(r"\{[a-z_]+\}", text)) <= {"{title}", "{evil}", "{cpu}"}
    for word in (*judge.VERDICTS, *store.STATUSES):
        assert not re.search(rf"(?<![a-z:]){word}(?![a-z])", text.replace("made up: ", "made_up:")), word


@pytest.mark.slow
def test_both_pages_say_the_same_and_lead_to_each_other(both):
    for name, text in pages.html_pages(both).items():
        assert '<html lang="en">' in text and f'href="{Path(name).stem}.zh.html"' in text
    for name, text in pages.html_pages(both, "zh").items():
        assert '<html lang="zh-CN">' in text and f'href="{Path(name).name.partition(".")[0]}.html"' in text
    english, chinese = pages.html(both), pages.html(both, "zh")
    assert "report.zh.md" in chinese
    ids = [re.findall(r' id="(?:table-)?[a-z0-9_-]+"', text) for text in (english, chinese)]
    badges = [re.findall(r'class="badge ([a-z-]+)"', text) for text in (english, chinese)]
    rows = [text.count("<tr>") for text in (english, chinese)]
    assert ids[0] == ids[1] and badges[0] == badges[1] and rows[0] == rows[1]
    claims = json.loads((both / "verdicts.json").read_text(encoding="utf-8"))["claims"]
    for each in claims:
        assert len(each["texts"]["zh"]["evidence"]) == len(each["evidence"])
        for sentence in (each["texts"]["zh"]["sentence"], each["texts"]["zh"]["corrected"]):
            assert html.escape(sentence) in chinese


@pytest.mark.slow
def test_words_of_figures_are_chinese_and_names_stay(both):
    chinese = pages.html(both, "zh")
    drawn = re.findall(r">([^<>]+)</text>", chinese)
    there = {
        "训练",
        "批量解码",
        "进程",
        "随机水平",
        "距离（词元）",
        "完全匹配率（比例）",
        "主谓一致",
        "源词元",
        "第 2 头",
    }
    assert there <= set(drawn) and {"transformer", "lstm_none", "training", "chance", "work", "&lt;b&gt;"} <= set(
        drawn
    )
    english = {text for key, text in ENGLISH.items() if re.search(r"^figures\.(parts|each\..*\.[xy]$)|^axes\.", key)}
    assert not (english - set(WORDS)) & set(drawn)
    assert "work" in (both / "figures" / "speed-recall-quick-100000-cpu.svg").read_text(encoding="utf-8")


@pytest.mark.slow
def test_hostile_text_is_shown_as_text_in_chinese_too(both):
    every = pages.html_pages(both, "zh")
    chinese = "\n".join(every.values())
    assert chinese.count("<script") == len(every) and "<b>fast" not in chinese
    assert html.escape(ATTACK, quote=False) in chinese and "&lt;b&gt;fast {cpu}&lt;/b&gt;" in chinese


@pytest.mark.slow
def test_a_page_of_a_language_not_asked_for_goes_and_an_error_leaves_all(folder, monkeypatch):
    folder.cell()
    assert page.build(folder.path, None, ("zh", "en")).name == "report.zh.html"
    before = {name: (folder.path / name).read_bytes() for name in PAGES}
    with monkeypatch.context() as patch:
        patch.setattr(page.exports, "write_verdicts", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            page.build(folder.path, None, ("zh", "en"))
    assert {name: (folder.path / name).read_bytes() for name in PAGES} == before
    page.build(folder.path)
    assert [name for name in PAGES if (folder.path / name).exists()] == [
        "report.html",
        "report.md",
        "details.html",
        "details.md",
    ]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_arm_has_a_name_in_a_sentence(language: str) -> None:
    for arm in arms.ORDER:
        assert Message(f"spoken.{arm}").render(language), arm
