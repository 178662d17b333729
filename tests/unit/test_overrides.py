"""Paths and names on the command line are taken as they are typed, or refused with the word to paste."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from bench import __main__
from bench.cli import hydra_run
from bench.conf.compose import compose
from bench.conf.overrides import as_typed, for_shell, quote
from bench.errors import UserError
from bench.runs import suite
from bench.system import paths

CELL = ("task=bitext", "model=lstm_dot", "budget=smoke")

NAMES = (
    *("été.en", "train (1).en", "a=b.en", "1e5", "007.en", "1_000", "0x10", "1.0", "nan", "true", "False", "no"),
    *("a b.en", " a ", "a,b.en", "[a].en", "[a", "a]", "{a: 1}", "it's", 'a"b', "'", '"', "\\", "a\\", "\\'", "\\\\'"),
    *("$x", "${x}", "${x", "\\${x}", "$${x}", "${oc.nope}", "#", "%", "~", "~x", "中文 数据.en", "日本", "e\u0301.en"),
    *(
        "*",
        "?",
        "-",
        "--",
        "choice(1)",
        "glob(*)",
        "range(1,3)",
        "a\nb",
        "a\tb",
        "\u2028",
        "\ufeff",
        "@",
        ":",
        ";",
        "&",
    ),
    *("${seed}", "None", "=", "a==b", "()", "a.b.c", "+x", "tag(x)", "📁 👩‍💻"),
)
"""Names of files that mean something else in Hydra's grammar, in OmegaConf's, or in YAML."""

FILE_NAMES = st.text(
    st.one_of(st.sampled_from("'\"\\$[]{}(),=~#%: a1é中"), st.characters(codec="utf-8", exclude_characters="\0/")),
    min_size=1,
    max_size=20,
).filter(lambda name: len(name.encode()) < 250 and name not in (".", "..") and name.strip())


def ambiguous(name: str) -> bool:
    """Whether a name also is something in Hydra that a user may mean, and has no meaning as a file of that name."""
    return bool(re.fullmatch(r"null|\?\?\?|'.*'|\".*\"", name, re.IGNORECASE | re.DOTALL))


def touch(folder: Path, name: str) -> None:
    (folder / name).write_text(f"{name}\n" * 3, encoding="utf-8")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One folder for all generated names."""
    return tmp_path_factory.mktemp("names")


@pytest.mark.parametrize("name", NAMES[::3])
def test_a_name_is_taken_as_typed(name, here):
    touch(here, name)
    touch(here, "target")
    config = compose([*CELL, f"task.source={name}", "task.target=target", f"out={name}.d"]).config
    assert config["task"]["source"] == name
    assert config["out"] == ("1.d" if name == "${seed}" else f"{name}.d"), "out may hold a setting"
    assert set(config["task"]["files"]) == {name, "target"}


@pytest.mark.slow
@given(name=FILE_NAMES)
@example(name="${}\\${")
@example(name="a\\\\")
@settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_name_is_taken_as_typed(name, folder, monkeypatch):
    """Whatever the characters are: alone if it is not ambiguous, and always after `./`, in quotes, and in a list."""
    monkeypatch.chdir(folder)
    touch(folder, name)
    touch(folder, "target.de")
    listed = f"task.valid=[{quote(name)}, target.de]"
    typed = [f"./{name}", quote(name)] if "${" not in name else [f"./{name}"]
    typed += [] if ambiguous(name) else [name]
    try:
        for value in typed:
            config = compose([*CELL, f"task.source={value}", "task.target=target.de"]).config["task"]
            assert Path(config["source"]).name == name
        if "${" not in name:
            assert as_typed([*CELL, listed])[-1] == f"task.valid=[{quote(name)},'target.de']"
    finally:
        (folder / name).unlink(missing_ok=True)


@given(name=FILE_NAMES)
@settings(max_examples=150, deadline=None, database=None)
def test_hydra_reads_any_name_as_typed(name):
    """As above, without composing a cell: what Hydra's parser and OmegaConf make of the word."""
    (word,) = as_typed([*CELL, f"out=./{name}"])[len(CELL) :]
    (parsed,) = OverridesParser.create().parse_overrides([word])
    value = OmegaConf.create({"out": parsed.value()}).out if "${seed}" not in name else f"./{name}"
    assert value == f"./{name}"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("null", "task.source=./null"),
        ("NULL", "task.source=./NULL"),
        ("'a b'", "task.source=\"./'a b'\""),
        ("???", "task.source='./???'"),
    ],
)
def test_a_name_that_means_something_else_is_refused_with_the_word_to_paste(name, written, here):
    touch(here, name)
    touch(here, "target")
    with pytest.raises(UserError) as error:
        compose([*CELL, f"task.source={name}", "task.target=target"])
    assert written in str(error.value)
    (word,) = shlex.split(str(error.value).partition("write ")[2])
    assert compose([*CELL, word, "task.target=target"]).config["task"]["source"] == f"./{name}"


def test_null_and_interpolations_keep_their_meaning(here):
    touch(here, "text3")
    touch(here, "t")
    cell = compose(
        [*CELL, "task.source=text${seed}", "task.target=t", "task.valid=null", "seed=3", "out=${model.name}"]
    )
    assert cell.config["task"]["source"] == "text3" and cell.config["task"]["valid"] is None
    assert str(cell.out) == "lstm_dot"


def test_lists_of_names(here):
    names = ["a b.en", "c.de", "é(1).en", "x[1].de", "1e5", "t,1.de"]
    for name in names:
        touch(here, name)
    words = ["task.source=a b.en", "task.target=c.de", "task.valid=[é(1).en,x[1].de]", "task.test=[1e5, 't,1.de']"]
    task = compose([*CELL, *words]).config["task"]
    assert (task["valid"], task["test"]) == (["é(1).en", "x[1].de"], ["1e5", "t,1.de"])


def test_a_comma_in_a_name_of_a_list_is_refused_with_the_word_to_paste(here):
    touch(here, "a,b c.en")
    with pytest.raises(UserError, match="a comma separates values") as error:
        as_typed([*CELL, "task.valid=[a,b c.en,d.de]"])
    (word,) = shlex.split(str(error.value).partition("write ")[2])
    assert as_typed([*CELL, word])[-1] == "task.valid=['a,b c.en','d.de']"


def test_words_are_quoted_once(here):
    for name in NAMES:
        touch(here, name)
        once = as_typed([*CELL, f"task.source={name}", f"task.valid=[{quote(name)},b]"])
        assert as_typed(once) == once


def test_options_of_other_kinds_keep_hydra_s_grammar():
    words = (
        "seed=1e3",
        "optim.lr=[1, 2]",
        "+x=${y}",
        "~task.source",
        "hydra.verbose=true",
        "task.held_out=0.1",
        "a b",
    )
    assert as_typed([*CELL, *words])[len(CELL) :] == words


def test_every_text_option_of_a_task_is_taken_as_typed():
    for task, key in (("bitext", "split"), ("bitext", "subset"), ("multi30k", "source"), ("news", "target")):
        assert as_typed([f"task={task}", f"task.{key}=train[:10%]"])[-1] == f"task.{key}='train[:10%]'"
    assert as_typed(["task=nope", "task.source=a b"])[-1] == "task.source=a b"


# Several values


def expanded(*words: str) -> list[dict[str, object]]:
    """The source and model of every cell of a multirun."""
    return [compose(words).config for words in hydra_run.expand(words, multirun=True)]


def test_commas_of_a_multirun_separate_values(here):
    for name in ("a b.en", "é.en", "c,d.en", "t"):
        touch(here, name)
    cells = expanded(
        CELL[0], CELL[2], "model=lstm_dot,gru_dot", "task.source=a b.en,é.en", "task.target=t", "out=x y,z"
    )
    assert len(cells) == 8
    assert {cell["task"]["source"] for cell in cells} == {"a b.en", "é.en"}
    assert {cell["out"] for cell in cells} == {"x y", "z"}
    quoted = expanded(*CELL, "seed=1,2", "task.source='c,d.en',é.en", "task.target=t")
    assert [cell["task"]["source"] for cell in quoted] == ["c,d.en", "é.en"] * 2


@pytest.mark.slow
def test_a_multirun_over_lists_and_hydra_s_functions(here):
    for name in ("a b", "c", "é", "d(1)", "t"):
        touch(here, name)
    lists = expanded(*CELL, "task.source=c", "task.target=t", "task.valid=[a b,d(1)],[é,d(1)],null")
    assert [cell["task"]["valid"] for cell in lists] == [["a b", "d(1)"], ["é", "d(1)"], None]
    chosen = expanded(*CELL, "task.source=choice('a b',c)", "task.target=t")
    assert [cell["task"]["source"] for cell in chosen] == ["a b", "c"]


def test_a_name_with_a_comma_in_a_multirun_is_refused_with_the_word_to_paste(here):
    touch(here, "a,b.en")
    with pytest.raises(UserError) as error:
        hydra_run.expand([*CELL, "task.source=a,b.en", "seed=1,2"], multirun=True)
    (word,) = shlex.split(str(error.value).partition("write ")[2])
    assert word == "task.source='a,b.en'"
    assert len(hydra_run.expand([*CELL, word, "seed=1,2"], multirun=True)) == 2


@pytest.mark.slow
@pytest.mark.parametrize("flags", [[], ["-m"]])
def test_the_command_passes_names_on(flags, here, monkeypatch):
    """Hydra's own parsing, its sweeper, and the composition in the job all get the same names."""
    names = [name for name in NAMES if not name.startswith("range(") and name != "a,b.en"] if flags else list(NAMES)
    taken = []
    monkeypatch.setattr(
        suite, "run", lambda jobs, out, board, **options: taken.extend(jobs) or {j.cell.name: "done" for j in jobs}
    )
    touch(here, "target")
    for name in names[:: 1 if not flags else 4]:
        touch(here, name)
        taken.clear()
        value = f"./{name}" if name.startswith(("choice", "glob", "tag")) else name
        value = quote(name) if flags and "," in name else value
        words = [*CELL, f"task.source={value}", "task.target=target", *(["seed=1,2"] if flags else [])]
        assert __main__.main(["run", *flags, *words]) == 0
        assert {Path(job.cell.config["task"]["source"]).name for job in taken} == {name}
        assert len(taken) == (2 if flags else 1)


def test_a_value_that_hydra_cannot_read_comes_back_quoted(here, capfd):
    assert __main__.main(["run", "task=reverse", "optim.schedule=é t"]) == 2
    message = capfd.readouterr().err
    assert message.count("\n") == 1 and "optim.schedule=\"'é t'\"" in message


# Paths of other options


@pytest.mark.parametrize(
    "words", [["report", "~"], ["report", ".", "--out", "~/x"], ["run", "task=reverse", "out=~/x"]]
)
def test_a_tilde_that_the_shell_did_not_replace(words, here, capfd, monkeypatch):
    monkeypatch.setenv("HOME", str(here / "home"))
    assert __main__.main(words) == 2
    message = capfd.readouterr().err
    assert message.count("\n") == 1 and f"write {words[-1].partition('=')[0] if '=' in words[-1] else ''}" in message
    assert str(here / "home") in message and list(here.iterdir()) == []


def test_a_tilde_is_a_character_of_a_name_that_exists(here):
    (here / "~").mkdir()
    assert paths.parse("~") == Path("~") and paths.parse("~no such user") == Path("~no such user")


@pytest.mark.parametrize(
    "words", [["report"], ["compare", "."], ["hypotheses"], ["translate", "--run"], ["run", "task=reverse"]]
)
def test_a_name_that_is_not_utf8(words, here, capfd):
    name = os.fsdecode(b"caf\xe9")
    (here / name).mkdir()
    last = f"out={name}" if words[0] == "run" else name
    assert __main__.main([*words, last]) == 2
    message = capfd.readouterr().err
    assert message.count("\n") == 1 and "is not UTF-8; rename it" in message


@given(text=st.text(max_size=30))
@settings(max_examples=200, deadline=None, database=None)
def test_a_word_for_a_shell_is_that_word(text):
    word = f"out={quote(text)}"
    if "\0" not in text:
        assert shlex.split(for_shell(word)) == [word]
