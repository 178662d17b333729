"""Every command, setting, path, link and example in the project's Markdown documents is valid. Nothing is run."""

from __future__ import annotations

import ast
import doctest
import json
import re
import shlex
import tomllib
import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

import click
import pytest
import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

import bench
from bench.__main__ import cli
from bench.cli import hydra_run
from bench.conf import files, suites
from bench.conf.compose import compose
from bench.conf.tuned_settings import GROUPS
from bench.errors import UserError
from bench.report import rendering

ROOT = Path(__file__).resolve().parents[2]
MAX_README = 10_000
"""Bytes of README.md and README.zh.md."""

HISTORY = ("CHANGELOG.md",)
"""Documents that also name files and modules of the past."""

OURS = re.compile(r"(^|\| *)([A-Z_]+=\S+ +)*(\S*/)?(bench|make|pytest|python3?|pip|ruff|torchrun)( |$)")
"""A line that makes its block one of shell commands."""

OTHER_PROGRAMS = ("cd", "compare-mt", "echo", "git", "mypy", "sacrebleu")
"""Programs in shell blocks that are not checked."""

PLACEHOLDER = re.compile(r"[A-Z][A-Z_]*|\.\.\.")
SETTING = re.compile(r"\+?(optim|search|match|budget|model|task)\.[a-z_0-9]+(=.*)?")
DOTTED = re.compile(r"(?:bench|models|tests)(?:\.\w+)+")
SUFFIXES = (".py", ".yaml", ".md", ".tsv", ".txt", ".toml", ".j2", ".cff")
TOP_LEVEL = ("bench", "models", "tests", "results")
WRITTEN = ("results/runs", "~")
"""Where commands write; such a path need not exist."""


@dataclass(frozen=True)
class Document:
    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def generated(self) -> bool:
        """Whether `bench report` wrote it; then it shows no commands."""
        return self.path.name.startswith("report.")

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tokens(self) -> list[Token]:
        return MarkdownIt("commonmark").enable("table").parse(self.text)

    @cached_property
    def blocks(self) -> list[Token]:
        """Code blocks, fenced or indented."""
        return [token for token in self.tokens if token.type in ("fence", "code_block")]

    @cached_property
    def codes(self) -> list[str]:
        """Inline code, once each, with white space collapsed."""
        return list(dict.fromkeys(" ".join(each.content.split()) for each in self._inline("code_inline")))

    @cached_property
    def links(self) -> list[str]:
        if self.generated:  # long, so that parsing it would take seconds
            return re.findall(r"\]\(([^)\s]+)\)", self.text)
        links = [str(token.attrs["href"]) for token in self._inline("link_open")]
        return links + [str(token.attrs["src"]) for token in self._inline("image")]

    @cached_property
    def anchors(self) -> set[str]:
        """The anchors that GitHub gives to headings, and those of HTML elements."""
        anchors: set[str] = set(re.findall(r'\b(?:id|name)="([^"]+)"', self.text))
        for opening, heading in zip(self.tokens, self.tokens[1:]):
            if opening.type == "heading_open":
                words = "".join(child.content for child in heading.children or ())
                anchor = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
                number = sum(re.fullmatch(re.escape(anchor) + r"(-\d+)?", each) is not None for each in anchors)
                anchors.add(f"{anchor}-{number}" if number else anchor)
        return anchors

    @cached_property
    def examples(self) -> set[str]:
        """Paths of files that the document tells the reader to write: named in the paragraph before their content."""
        paths = set()
        for number, block in enumerate(self.tokens):
            if block.type == "fence" and block.info in ("python", "yaml") and number >= 2:
                before = self.tokens[number - 2].children or ()
                paths |= {child.content for child in before if child.type == "code_inline" and "/" in child.content}
        return {path for path in paths if path.endswith(SUFFIXES) and not (ROOT / path).exists()}

    def _inline(self, kind: str) -> Iterator[Token]:
        for token in self.tokens:
            yield from (child for child in token.children or () if child.type == kind)


def _documents() -> list[Document]:
    paths = []
    for folder in (ROOT, *(ROOT / name for name in TOP_LEVEL)):
        paths += folder.glob("*.md") if folder == ROOT else folder.rglob("*.md")
    shown = [path for path in sorted(paths) if not path.is_relative_to(ROOT / "results" / "runs")]
    return [Document(path) for path in shown]


DOCUMENTS = _documents()
WRITTEN_BY_HAND = [document for document in DOCUMENTS if not document.generated]


def _names(documents: Sequence[Document]) -> dict[str, object]:
    return {"argvalues": documents, "ids": [document.name for document in documents]}


@dataclass(frozen=True)
class Command:
    """One command of a document. complete: whether no argument may be missing, as in a code block."""

    words: tuple[str, ...]
    complete: bool = field(default=True, compare=False)

    @property
    def program(self) -> str:
        return self.words[0].rsplit("/", 1)[-1]


def commands(document: Document) -> list[Command]:
    """All commands of a document, once each. Raises ValueError for a line of a shell block that is not a command."""
    every = []
    for block in document.blocks:
        lines = block.content.replace("\\\n", " ").splitlines()
        if block.type == "fence" and block.info not in ("", "bash", "sh", "console"):
            continue
        if any(OURS.search(line.strip()) for line in lines):
            every += [command for line in lines for command in split(line.strip(), complete=True)]
    for code in document.codes:
        if OURS.match(code) and " " in code:
            every += split(code, complete=False)
    return list(dict.fromkeys(every))


def split(line: str, complete: bool) -> list[Command]:
    """The commands of a line of shell, without variables before them. Raises ValueError where it cannot be parsed."""
    lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    parts: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("|&;"):
            parts.append([])
        elif parts[-1] or not re.match(r"[A-Z_]+=", word):
            parts[-1].append(word)
    return [Command(tuple(words), complete) for words in parts if words]


def is_placeholder(word: str) -> bool:
    return any(PLACEHOLDER.fullmatch(part) for part in re.split(r"[,=/\[\]]", word))


def check(command: Command, examples: Sequence[str]) -> None:
    """Raises AssertionError or click.ClickException for a command that cannot work. examples: see `Document`."""
    program, words = command.program, list(command.words[1:])
    if program == "torchrun":
        module = words.index("-m")
        program, words = words[module + 1], words[module + 2 :]
    if program.startswith("python") and words[:2] == ["-m", "bench"]:
        program, words = "bench", words[2:]
    if program == "bench":
        check_bench(words, command.complete, examples)
    elif program == "make":
        check_make(words)
    elif program in ("pip", "ruff", "pytest") or program.startswith("python"):
        for word in words:
            if word.startswith("seq2seq-bench[") or word.startswith(".["):
                extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
                assert word.split("[")[1].rstrip("]") in extras, f"no extra {word}"
            elif word.startswith("tests.") or "/" in word:
                path = word.split("::")[0].replace(".", "/") + ".py" if word.startswith("tests.") else word
                assert is_placeholder(path) or (ROOT / path.split("::")[0]).exists(), f"no {word}"
    else:
        assert program in OTHER_PROGRAMS, f"{program} is not a known program"


def check_make(words: Sequence[str]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in words:
        name, equals, _ = word.partition("=")
        pattern = rf"\b{name}\b" if equals else rf"^{re.escape(name)}:"
        is_there = re.search(pattern, makefile, re.MULTILINE) or (not equals and is_placeholder(name))
        assert is_there, f"the Makefile has no {name}"


def check_bench(words: list[str], complete: bool, examples: Sequence[str]) -> None:
    """Let click parse a command of ours, and check its arguments."""
    command: click.Command = cli
    context = click.Context(cli, info_name="bench")
    while isinstance(command, click.Group):
        if not words or words[0].startswith("-") or is_placeholder(words[0]):
            return
        name, words = words[0], words[1:]
        subcommand = command.get_command(context, name)
        assert subcommand is not None, f"bench has no command {name}"
        command, context = subcommand, click.Context(subcommand, parent=context, info_name=name)
    if "--help" in words:
        return
    words = [word for word in words if word != "..."]
    try:
        parameters = command.make_context(command.name, list(words)).params
    except click.MissingParameter:
        if complete:
            raise
        return
    except click.BadParameter:
        if not any(is_placeholder(word) for word in words):
            raise
        words = ["1" if is_placeholder(word) else word for word in words]
        parameters = command.make_context(command.name, words).params
    check_arguments(command.name or "", parameters, examples)


def check_arguments(command: str, parameters: dict, examples: Sequence[str]) -> None:
    if command in ("suite", "tune") and not is_placeholder(parameters["name"]):
        suites.load(parameters["name"], parameters["only"])
    if command == "list" and parameters["what"] == "model" and parameters["name"]:
        assert known("model", parameters["name"], examples), f"no model {parameters['name']}"
    if command == "profile":
        for model in (parameters["models"] or "transformer").split(","):
            assert known("model", model, examples), f"no model {model}"
    for option in parameters.get("grid_options", ()):
        check_key(option.partition("=")[0])
    for path in [*parameters.values(), *parameters.get("folders", ())]:
        if isinstance(path, Path) and str(path).startswith("results/reference"):
            assert is_placeholder(str(path)) or (ROOT / path).exists(), f"no {path}"
    settings = parameters.get("settings", ())
    for word in settings:
        check_key(word.partition("=")[0])
    if any(is_placeholder(word) or is_example(word, examples) for word in settings):
        return
    if command == "run" and parameters["multirun"]:
        settings = hydra_run.expand(settings, multirun=True)[0]
    composed(tuple(files.with_size_defaults(settings) if command in ("profile", "list") else settings))


def known(group: str, name: str, examples: Sequence[str]) -> bool:
    return is_placeholder(name) or name in files.choices(group) or is_example(name, examples)


def is_example(word: str, examples: Sequence[str]) -> bool:
    """Whether a word names a file that the document tells the reader to write, as in model=mean."""
    return word.rpartition("=")[2] in {Path(example).stem for example in examples}


@cache
def composed(settings: tuple[str, ...]) -> None:
    compose(settings)


@cache
def keys() -> frozenset[str]:
    """Every key that the configuration files have, as `section.key`."""
    paths = [files.CONF / "config.yaml", *(path for group in GROUPS for path in (files.CONF / group).glob("*.yaml"))]
    every = set(GROUPS)
    for path in paths:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        section = {files.CONF: ""}.get(path.parent, f"{path.parent.name}.")
        for key, value in content.items():
            every |= {f"{section}{key}"} | ({f"{key}.{name}" for name in value} if isinstance(value, dict) else set())
    return frozenset(every)


def check_key(key: str) -> None:
    assert key.lstrip("+~") in keys() or is_placeholder(key), f"no setting {key}"


@cache
def sources() -> dict[str, str]:
    """Path and content of our modules, and the paths of the other files beside them."""
    paths = [path for name in ("bench", "models", "tests") for path in (ROOT / name).rglob("*.*")]
    return {
        f"/{path.relative_to(ROOT).as_posix()}": path.read_text() if path.suffix == ".py" else "" for path in paths
    }


def exists(path: str, document: Document) -> bool:
    """Whether a path exists: from the root, from the document's folder, as the end of a module's path, or as the name
    of a file that one of our modules writes."""
    if (ROOT / path).exists() or (document.path.parent / path).exists():
        return True
    if path.split("/")[0] in TOP_LEVEL:
        return False
    return any(each.endswith(f"/{path}") or f'"{path}"' in content for each, content in sources().items())


def named_paths(document: Document) -> Iterator[str]:
    """The paths of files and folders in a document's inline code and in its drawings of trees."""
    for code in document.codes:
        is_path = re.fullmatch(r"[\w.+~-]+(/[\w.+~-]+)*/?", code) and not code.startswith("/")
        is_file = code.endswith(SUFFIXES) and not SETTING.fullmatch(code)
        if is_path and (is_file or ("/" in code and code.split("/")[0] in TOP_LEVEL)):
            yield code
    for block in document.blocks:
        if not block.info and not any(OURS.search(line.strip()) for line in block.content.splitlines()):
            yield from tree_paths(block.content)


def tree_paths(tree: str) -> Iterator[str]:
    """The paths of a drawing of a tree: a name on each line, a folder's files indented below it."""
    above: list[tuple[int, str]] = []
    for line in tree.splitlines():
        entry = re.match(r"( *)([\w.+/-]+(?:, [\w.+/-]+)*)(?:  |$)", line)
        if entry is None or not re.search(r"/|\.\w+", entry[2]):
            continue
        above = [each for each in above if each[0] < len(entry[1])]
        folder = above[-1][1] if above else ""
        for name in entry[2].split(", "):
            yield folder + name
        if entry[2].endswith("/"):
            above.append((len(entry[1]), folder + entry[2]))


# The tests


def test_the_documents_are_there():
    names = {document.name for document in DOCUMENTS}
    folders = ("bench", "bench/conf", "bench/tasks", "models", "results", "tests")
    assert names >= {"README.md", "README.zh.md", "CONTRIBUTING.md", *(f"{folder}/README.md" for folder in folders)}


@pytest.mark.parametrize("document", **_names(WRITTEN_BY_HAND))
def test_every_command_is_valid(document, tmp_path, monkeypatch):
    shown = commands(document)
    for name in re.findall(
        r"[\w-]+\.(?:en|de|tsv|csv|txt)(?:\.gz)?", " ".join(word for each in shown for word in each.words)
    ):
        (tmp_path / name).write_text(f"{name}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for command in shown:
        try:
            check(command, sorted(document.examples))
        except (AssertionError, UserError, click.ClickException) as error:
            message = error.format_message() if isinstance(error, click.ClickException) else error
            pytest.fail(f"{document.name}: `{' '.join(command.words)}`: {message}")


@pytest.mark.parametrize("document", **_names(WRITTEN_BY_HAND))
def test_every_setting_exists(document):
    for code in document.codes:
        if SETTING.fullmatch(code) and not code.endswith((*SUFFIXES, ".safetensors")):
            check_key(code.partition("=")[0])


@pytest.mark.parametrize("document", **_names(WRITTEN_BY_HAND))
def test_every_path_exists(document):
    missing = {
        path
        for path in named_paths(document)
        if not (path.startswith(WRITTEN) or is_placeholder(path.rpartition(".")[0]) or path in document.examples)
        and not exists(path, document)
    }
    assert missing == set() or document.name in HISTORY


@pytest.mark.parametrize("document", **_names(WRITTEN_BY_HAND))
def test_every_module_exists(document):
    dotted = {name for code in document.codes for name in DOTTED.findall(code) if name == code.split("(")[0]}
    examples = {path.removesuffix(".py").replace("/", ".") for path in document.examples}
    missing = {name for name in dotted if not name.startswith(tuple(examples)) and not has_name(name)}
    assert missing == set() or document.name in HISTORY


def has_name(dotted: str) -> bool:
    """Whether a dotted name is a module, or a name that its module has."""
    parts = dotted.split(".")
    for size in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:size])
        for module in (path.with_suffix(".py"), path / "__init__.py"):
            if module.exists():
                return all(re.search(rf"\b{name}\b", module.read_text(encoding="utf-8")) for name in parts[size:])
    return False


@pytest.mark.parametrize("document", **_names(DOCUMENTS))
def test_every_link_leads_somewhere(document):
    broken = [link for link in document.links if not leads_somewhere(link, document)]
    assert broken == []


@cache
def _document(path: Path) -> Document:
    return next((each for each in DOCUMENTS if each.path == path), Document(path))


def leads_somewhere(link: str, document: Document) -> bool:
    """Whether a link's file and anchor exist; true for addresses of the web, which are not fetched."""
    if re.match(r"[a-z]+:", link):
        return link.startswith("https://")
    path, _, anchor = urllib.parse.unquote(link).partition("#")
    target = (document.path.parent / path).resolve() if path else document.path
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return not anchor or (target.suffix == ".md" and anchor in _document(target).anchors)


@pytest.mark.parametrize(("name", "language"), [("README.md", "en"), ("README.zh.md", "zh")])
def test_the_verdicts_of_the_readme_are_those_of_the_page_it_leads_to(name: str, language: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    folder = ROOT / "results/reference/all"
    assert rendering.file_name("md", language=language) in [
        Path(link).name for link in re.findall(r"\]\((results/reference/all/[^)]+)\)", text.partition("\n## ")[0])
    ]
    claims = json.loads((folder / "verdicts.json").read_text(encoding="utf-8"))["claims"]
    words = {
        each["letter"]: each["verdict"] if language == "en" else each["texts"][language]["verdict"] for each in claims
    }
    assert dict(re.findall(r"^\| ([A-H]) [^|]*\| \*\*([^*]+)\*\* \|", text, flags=re.MULTILINE)) == words


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_the_readme_is_short(name):
    assert len((ROOT / name).read_bytes()) <= MAX_README


def test_the_citation_names_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert (citation["version"], citation["license"]) == (bench.__version__, "Apache-2.0")


@pytest.mark.parametrize("document", **_names(WRITTEN_BY_HAND))
def test_every_example_compiles(document, tmp_path):
    for block in document.blocks:
        if block.info == "python":
            session = doctest.DocTestParser().get_examples(block.content) if block.content.startswith(">>>") else []
            ast.parse("".join(example.source for example in session) or block.content)
        elif block.info == "yaml":
            content = yaml.safe_load(block.content)
            if "cells" in content:
                path = tmp_path / "example.yaml"
                path.write_text(block.content, encoding="utf-8")
                composed(suites.read(path).cells[0])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("bench rum task=recall", "no command rum"),
        ("bench suite quick --job 2", "No such option"),
        ("bench suite quik", "unknown suite"),
        ("bench suite quick --only recal", "no task 'recal'"),
        ("bench suite", "Missing argument"),
        ("bench run task=recall optim.rate=1e-3", "no setting optim.rate"),
        ("bench run task=recall optim.schedule=cosin", "cosin"),
        ("bench run task=recal", "unknown task"),
        ("bench tune quick --try optim.learning=1", "no setting optim.learning"),
        ("bench report results/reference/nowhere", "no results/reference/nowhere"),
        ("bench list model lstm", "no model lstm"),
        ("make tests", "no tests"),
        ("make bench TORCH=x", "no TORCH"),
        ("pip install 'seq2seq-bench[dataset]'", "no extra"),
        (".venv/bin/python -m pytest tests/unit/test_nothing.py", "no tests/unit"),
        ("frobnicate --all", "not a known program"),
    ],
)
def test_an_invalid_command_is_refused(line, message):
    (command,) = split(line, complete=True)
    with pytest.raises((AssertionError, UserError, click.ClickException)) as refusal:
        check(command, ())
    text = refusal.value.format_message() if isinstance(refusal.value, click.ClickException) else str(refusal.value)
    assert message in text


def test_a_broken_document_is_refused(tmp_path):
    path = ROOT / "bench" / "README.md"
    document = Document(path)
    assert document.blocks and len(commands(document)) > 20
    assert not leads_somewhere("nowhere.md", document) and not leads_somewhere("#nowhere", document)
    assert leads_somewhere("conf/README.md#suites", document) and not leads_somewhere("conf/README.md#suite", document)
    assert not exists("bench/nowhere.py", document) and not has_name("bench.nowhere") and not has_name("bench.lode")
    assert list(tree_paths("a/     words\n  b.py, c.py   words\nd.py")) == ["a/", "a/b.py", "a/c.py", "d.py"]


@pytest.mark.parametrize(
    ("folder", "modules"),
    [
        ("models", "*.py"), ("bench/conf", "*.py"), ("bench/diagnostics", "**/*.py"), ("bench/evaluation", "*.py"),
        ("bench/report", "**/*.py"), ("bench/training", "*.py"), ("bench/analysis", "*.py"),
        ("bench/tasks", "kinds/*.py"),
    ],
)  # fmt: skip
def test_the_list_of_a_folder_s_files_is_complete(folder: str, modules: str) -> None:
    text = (ROOT / folder / "README.md").read_text(encoding="utf-8")
    names = {path.name for path in (ROOT / folder).glob(modules)} - {"__init__.py"}
    assert names and not [name for name in sorted(names) if not re.search(rf"\b{re.escape(name)}", text)]
