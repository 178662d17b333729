"""Names say what a thing is: a noun for a thing, a verb for a function. Some words name nothing, and are not used."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MEANINGLESS = ("found", "said", "asked", "held", "told", "given", "how", "whose")


def names(source: str) -> Iterator[tuple[int, str]]:
    """Every name that a module gives: variables, arguments, attributes, functions, classes, aliases of imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.alias) and node.asname:
            yield node.lineno, node.asname
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.lineno, node.name


def meaningless(source: str) -> list[str]:
    return [f"{line}: {name}" for line, name in names(source) if name.strip("_").lower() in MEANINGLESS]


def test_nothing_in_the_code_is_named_after_nothing():
    paths = [path for top in ("bench", "models") for path in sorted((ROOT / top).rglob("*.py"))]
    assert len(paths) > 100
    assert [str(path) for path in paths if path.stem in MEANINGLESS] == []
    broken = {str(path.relative_to(ROOT)): meaningless(path.read_text(encoding="utf-8")) for path in paths}
    assert {path: lines for path, lines in broken.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        "found = 1",
        "for held in x: pass",
        "def told(): pass",
        "def f(how): pass",
        "lambda asked: 1",
        "class Said: pass",
        "self.given = 1",
        "with x as _held: pass",
        "[found for found in x]",
        "import a as whose",
        "(found := 1)",
        "try: pass\nexcept E as told: pass",
        "def f(*, how=1): pass",
        "match x:\n    case [found]: pass",
    ],
)
def test_a_meaningless_name_is_seen(source: str):
    assert len(meaningless(source)) == 1


@pytest.mark.parametrize("source", ["held_out = 1", "x = found", "x.found", "f(how=1)", "'found'", "show = 1"])
def test_other_names_and_uses_are_not(source: str):
    assert meaningless(source) == []
