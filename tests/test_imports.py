"""Who may import whom, read from the source. Imports inside functions count.

A folder imports only folders on lower layers, so that there is no loop between folders; the rules below say the rest.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

LAYERS = (
    ("bench.__main__",),
    ("bench.cli",),
    ("bench.diagnostics",),
    ("bench.runs",),
    ("bench.conf", "bench.report"),
    ("bench.evaluation", "bench.analysis"),
    ("bench.tasks", "bench.training"),
    ("bench.metrics",),
    ("bench.data", "bench.records"),
    ("bench.system", "models"),
    ("bench.seeding", "bench.errors"),
)
"""From the top down. Folders on one layer do not know each other."""

HYDRA = ("hydra", "omegaconf")
CONTRACTS = ("models.interface", "models.dropout", "models.attention", "models.hidden")
"""The modules of `models` that are about any model."""

SHARED_BY_TASKS = ("bench.tasks.base", "bench.tasks.kinds", "bench.tasks.grammar", "bench.tasks.task_cache")
"""The modules of `bench.tasks` that are not a task."""

A_TASK = "bench.tasks.*, a concrete task"


@dataclass(frozen=True)
class Rule:
    """For the modules `of`, except `but`: modules that they must not import, unless these are in `allowed`.

    reached: the rule holds for everything that the modules reach at their own import, not for direct imports alone.
    """

    reason: str
    of: tuple[str, ...]
    banned: tuple[str, ...]
    but: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    reached: bool = False


RULES = (
    Rule("a task knows no model", ("bench.tasks", "bench.data"), ("models",)),
    Rule("a task is named in conf/task alone", ("bench", "models"), (A_TASK,)),
    Rule("training and evaluation know contracts alone", ("bench.training", "bench.evaluation"), ("models",),
         allowed=CONTRACTS),
    Rule("models are built, read back, described and measured, and nothing else", ("bench",), ("models",),
         but=("bench.training", "bench.evaluation", "bench.runs", "bench.diagnostics")),
    Rule("a model is named in conf/model alone", ("bench",),
         ("models.transformer", "models.recurrent", "models.residual", "models.encoder")),
    Rule("Hydra composes in conf and on the command line", ("bench", "models"), HYDRA,
         but=("bench.conf", "bench.cli.hydra_run")),
    Rule("analysis and report work from records", ("bench.analysis", "bench.report", "bench.records"),
         ("torch", "models", "bench.tasks", *HYDRA), but=("bench.records.weights",), reached=True),
    Rule("the command line and the parent of a suite's cells start at once",
         ("bench.__main__", "bench.cli", "bench.conf", "bench.runs.suite", "bench.runs.worker", "bench.runs.display",
          "bench.runs.shared_worker", "bench.runs.engines", "bench.runs.ray_arrays", "bench.runs.status"),
         ("torch", "pandas"), reached=True),
    Rule("a profile is planned, and its processes are started, without torch",
         ("bench.diagnostics.profile.plan", "bench.diagnostics.profile.session", "bench.diagnostics.profile.process",
          "bench.diagnostics.generators"), ("torch",), reached=True),
)  # fmt: skip


@dataclass(frozen=True)
class Import:
    """One imported module. lazy: inside a function, so not done when the importing module is."""

    module: str
    line: int
    lazy: bool


def imports(source: str, module: str, known: Iterable[str], package: bool = False) -> list[Import]:
    """Everything a module imports, TYPE_CHECKING blocks and functions included; a name that is itself a module of
    `known` counts as that module."""
    known = set(known)
    collected: list[Import] = []

    def visit(node: ast.AST, lazy: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                collected.extend(Import(name.name, child.lineno, lazy) for name in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    parts = module.split(".") if package else module.split(".")[:-1]
                    parts = parts[: len(parts) - child.level + 1]
                    base = ".".join([*parts, *([base] if base else [])])
                for name in child.names:
                    deeper = f"{base}.{name.name}"
                    collected.append(Import(deeper if deeper in known else base, child.lineno, lazy))
            guarded = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            visit(child, lazy or guarded or inside)

    visit(ast.parse(source), False)
    return collected


def matches(module: str, patterns: Iterable[str]) -> bool:
    """Whether the module is, or lies in, one of the patterns."""
    for pattern in patterns:
        if pattern == A_TASK:
            if module.startswith("bench.tasks.") and not matches(module, SHARED_BY_TASKS):
                return True
        elif fnmatchcase(module, pattern) or fnmatchcase(module, f"{pattern}.*"):
            return True
    return False


def layer(module: str) -> int | None:
    """The number of a module's layer, 0 at the top; None for a module on no layer."""
    return next((number for number, folders in enumerate(LAYERS) if matches(module, folders)), None)


def folder(module: str) -> str:
    return next(name for folders in LAYERS for name in folders if matches(module, (name,)))


def violations(project: Mapping[str, str], packages: Iterable[str] = ()) -> list[str]:
    """The broken rules of a project, one line each. project: source by module name; packages: which are packages."""
    packages = set(packages)
    graph = {name: imports(source, name, project, name in packages) for name, source in project.items()}
    return [*_layers(graph), *_only_torch(graph), *_rules(graph), *_circles(graph)]


def _layers(graph: Mapping[str, list[Import]]) -> Iterator[str]:
    for module, imported in sorted(graph.items()):
        if module == "bench":
            continue  # `bench.load` hands on a function of `bench.analysis`
        if (own := layer(module)) is None:
            yield f"{module} lies in no folder"
            continue
        for one in imported:
            other = layer(one.module)
            if other is not None and (other < own or (other == own and folder(module) != folder(one.module))):
                yield f"{module}:{one.line} imports {one.module}, which is not on a lower layer"


def _only_torch(graph: Mapping[str, list[Import]]) -> Iterator[str]:
    for module, imported in sorted(graph.items()):
        for one in imported if matches(module, ("models",)) else ():
            if one.module.split(".")[0] not in ("models", "torch", *sys.stdlib_module_names):
                yield f"{module}:{one.line} imports {one.module}: models know torch and themselves alone"


def _rules(graph: Mapping[str, list[Import]]) -> Iterator[str]:
    for rule in RULES:
        for module in sorted(name for name in graph if matches(name, rule.of) and not matches(name, rule.but)):
            if rule.reached:
                for path in _paths(graph, module):
                    if matches(path[-1], rule.banned):
                        yield f"{' -> '.join(path)}: {rule.reason}"
                continue
            for one in graph[module]:
                if matches(one.module, rule.banned) and not matches(one.module, rule.allowed):
                    yield f"{module}:{one.line} imports {one.module}: {rule.reason}"


def _circles(graph: Mapping[str, list[Import]]) -> Iterator[str]:
    """One line for each module that reaches itself."""
    targets = {
        name: {one.module for one in imported if one.module in graph} - {name} for name, imported in graph.items()
    }
    while leaves := [name for name, others in targets.items() if not others]:
        for name in leaves:
            del targets[name]
        for others in targets.values():
            others.difference_update(leaves)
    # What is left reaches a circle; what nobody left imports is on none.
    while roots := targets.keys() - set().union(*targets.values()):
        for name in roots:
            del targets[name]
    yield from (f"{name} is on a circle of imports" for name in sorted(targets))


def _paths(graph: Mapping[str, list[Import]], start: str) -> Iterator[tuple[str, ...]]:
    """A shortest chain of imports to each module that `start` reaches when it is imported, packages above it included.

    Imports in functions count where the report and the analysis call them; elsewhere they are late on purpose.
    """
    lazy_too = matches(start, ("bench.analysis", "bench.report"))
    seen = {start}
    queue = [(start,)]
    for path in queue:
        for one in graph.get(path[-1], ()):
            if one.lazy and not lazy_too:
                continue
            parts = one.module.split(".")
            for name in (".".join(parts[: size + 1]) for size in range(len(parts))):
                if name not in seen:
                    seen.add(name)
                    queue.append((*path, name))
                    yield queue[-1]


def project() -> tuple[dict[str, str], set[str]]:
    """Our own modules, and which of them are packages."""
    sources, packages = {}, set()
    for top in ("bench", "models"):
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if parts[-1] == "__init__":
                parts = parts[:-1]
                packages.add(".".join(parts))
            sources[".".join(parts)] = path.read_text(encoding="utf-8")
    return sources, packages


def test_the_project_keeps_its_rules():
    sources, packages = project()
    assert violations(sources, packages) == []


def test_the_rules_name_modules_that_exist():
    sources, _ = project()
    for rule in RULES:
        for pattern in (*rule.of, *rule.but, *rule.allowed):
            assert any(matches(name, [pattern]) for name in sources), f"{pattern} names nothing"
    for folders in LAYERS:
        for name in folders:
            assert name in sources, f"{name} is a folder or a module"


SOUND = {
    "bench": "def load():\n    from bench.analysis import results_table",
    "bench.__main__": "import click\nfrom bench import cli",
    "bench.cli": "def run():\n    from bench.runs.cell import run_cell",
    "bench.cli.hydra_run": "import hydra\nfrom bench.conf.compose import compose",
    "bench.diagnostics": "",
    "bench.diagnostics.profile": "from bench.runs import building\nfrom models.cost import parameters",
    "bench.runs": "",
    "bench.runs.cell": "import torch\nfrom models.cost import parameters\nfrom bench.training import trainer",
    "bench.runs.building": "from models.interface import Seq2Seq\nfrom bench.conf.schema import Cell",
    "bench.runs.suite": "from bench.records import store\nfrom bench.conf import compose",
    "bench.conf": "",
    "bench.conf.schema": "from bench.tasks.base import Task",
    "bench.conf.compose": "import hydra\nfrom bench.conf import schema",
    "bench.report": "",
    "bench.report.page": "from bench.analysis import results_table\nfrom . import tables\nfrom .tables import table",
    "bench.report.tables": "import jinja2",
    "bench.evaluation": "",
    "bench.evaluation.scores": "from bench.tasks.base import Task\nfrom models.interface import Seq2Seq",
    "bench.analysis": "",
    "bench.analysis.results_table": "import pandas\nfrom bench.records import store",
    "bench.tasks": "",
    "bench.tasks.base": "import numpy\nfrom bench import metrics",
    "bench.tasks.copy": "from bench.tasks.base import Task\nfrom bench.data import text",
    "bench.tasks.sort": "from bench import seeding",
    "bench.training": "",
    "bench.training.trainer": "import torch\nfrom models.interface import Seq2Seq\nfrom bench.training import loss",
    "bench.training.loss": "import torch",
    "bench.metrics": "import sacrebleu",
    "bench.data": "",
    "bench.data.text": "from bench import errors",
    "bench.records": "",
    "bench.records.store": "import json\nfrom bench.system import files",
    "bench.system": "",
    "bench.system.files": "import os\nfrom bench.errors import UserError",
    "bench.seeding": "def generator():\n    import torch",
    "bench.errors": "",
    "models": "",
    "models.interface": "import torch",
    "models.lstm": "import math\nfrom torch import nn\nfrom models.interface import Seq2Seq\nfrom . import interface",
    "models.transformer": "from models.interface import Seq2Seq",
    "models.cost": "",
}

PACKAGES = {name for name in SOUND if any(other.startswith(f"{name}.") for other in SOUND)}


def test_a_sound_project_has_no_violations():
    assert violations(SOUND, PACKAGES) == []


@pytest.mark.parametrize(
    ("module", "line", "blamed"),
    [
        ("models.lstm", "import numpy", "models know torch and themselves alone"),
        ("models.lstm", "import bench.seeding", "models know torch and themselves alone"),
        ("models.lstm", "def f():\n    from bench.tasks.base import PAD", "not on a lower layer"),
        ("models.interface", "from models import lstm", "models.interface is on a circle"),
        ("bench.tasks.base", "import models.interface", "a task knows no model"),
        ("bench.tasks.base", "from bench.training import trainer", "not on a lower layer"),
        ("bench.tasks.copy", "from bench.tasks.sort import Sort", "a task is named in conf/task alone"),
        ("bench.tasks.copy", "import omegaconf", "Hydra composes in conf"),
        ("bench.data.text", "from bench.tasks.base import Task", "not on a lower layer"),
        ("bench.data.text", "from models import interface", "a task knows no model"),
        ("bench.training.trainer", "from models.lstm import LSTM", "training and evaluation know contracts alone"),
        ("bench.training.trainer", "from models.cost import parameters", "know contracts alone"),
        ("bench.training.trainer", "from bench.tasks.base import Task", "not on a lower layer"),
        ("bench.training.loss", "def f():\n    from bench.training import trainer", "loss is on a circle"),
        ("bench.evaluation.scores", "from bench.conf.schema import Cell", "not on a lower layer"),
        ("bench.conf.schema", "from bench.runs.building import fit", "not on a lower layer"),
        ("bench.conf.schema", "import torch", "start at once"),
        ("bench.conf.schema", "import models.interface", "models are built, read back"),
        ("bench.runs.cell", "from models.transformer import Transformer", "a model is named in conf/model alone"),
        ("bench.runs.cell", "from bench.tasks.copy import Copy", "a task is named in conf/task alone"),
        ("bench.runs.cell", "from bench.diagnostics import profile", "not on a lower layer"),
        ("bench.runs.suite", "from bench.runs import cell", "bench.runs.suite -> bench.runs.cell -> torch"),
        ("bench.analysis.results_table", "def f():\n    import torch", "bench.analysis.results_table -> torch"),
        ("bench.analysis.results_table", "from bench.report import page", "not on a lower layer"),
        ("bench.report.page", "from bench.tasks.base import Task", "bench.report.page -> bench.tasks"),
        ("bench.report.tables", "from bench.report import page", "bench.report.tables is on a circle"),
        ("bench.records.store", "import bench.data.text", "not on a lower layer"),
        ("bench.records.store", "import torch", "analysis and report work from records"),
        ("bench.system.files", "from bench import records", "not on a lower layer"),
        ("bench.errors", "from bench import seeding", "not on a lower layer"),
        ("bench.__main__", "import pandas", "bench.__main__ -> pandas"),
        ("bench.cli", "from bench.runs.cell import run_cell", "bench.cli -> bench.runs.cell -> torch"),
    ],
)  # fmt: skip
def test_a_broken_rule_is_seen(module: str, line: str, blamed: str):
    broken = violations(SOUND | {module: f"{SOUND[module]}\n{line}"}, PACKAGES)
    assert any(blamed in violation for violation in broken), broken


def test_a_module_outside_every_folder_is_seen():
    assert violations(SOUND | {"bench.helpers": ""}, PACKAGES) == ["bench.helpers lies in no folder"]
