"""Who may import whom, read from the source: the design holds as long as this passes."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = ("bench", "models")
HYDRA = ("hydra", "omegaconf")
HARNESS = (
    *(
        "bench.training.trainer",
        "bench.training.teacher_forcing",
        "bench.training.loss",
        "bench.training.optimiser",
        "bench.training.precision",
    ),
    *("bench.training.config", "bench.training.schedule", "bench.training.averaging", "bench.training.overfit"),
    *(
        "bench.evaluation.decoding",
        "bench.evaluation.scores",
        "bench.evaluation.length_penalty",
        "bench.system.resources",
        "bench.training.checkpoint",
    ),
)


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
    found: list[Import] = []

    def visit(node: ast.AST, lazy: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                found.extend(Import(name.name, child.lineno, lazy) for name in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    parts = module.split(".") if package else module.split(".")[:-1]
                    parts = parts[: len(parts) - child.level + 1]
                    base = ".".join([*parts, *([base] if base else [])])
                for name in child.names:
                    deeper = f"{base}.{name.name}"
                    found.append(Import(deeper if deeper in known else base, child.lineno, lazy))
            guarded = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            visit(child, lazy or guarded or inside)

    visit(ast.parse(source), False)
    return found


def matches(module: str, patterns: Iterable[str]) -> bool:
    """Whether the module is, or lies in, one of the patterns (`*` stands for one or more names)."""
    return any(fnmatchcase(module, pattern) or fnmatchcase(module, f"{pattern}.*") for pattern in patterns)


@dataclass(frozen=True)
class Rule:
    """For the modules `of` (less `but`): what of ours they may import (None: anything), and what nobody there may.
    only: the one third-party library allowed (None: any)."""

    what: str
    of: tuple[str, ...]
    ours: tuple[str, ...] | None = None
    never: tuple[str, ...] = ()
    but: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None


CONCRETE_TASKS = "a concrete task"

SHARED_BY_TASKS = ("bench.tasks.base", "bench.tasks.kinds", "bench.tasks.grammar")
"""What of `bench.tasks` is no task itself."""

RULES = (
    Rule("a model knows torch and models", ("models",), ours=("models",), only=("torch",)),
    Rule(
        "a task knows no model and no Hydra",
        ("bench.tasks.*",),
        ours=(*SHARED_BY_TASKS, "bench.data", "bench.metrics", "bench.seeding", "bench.errors"),
        never=HYDRA,
    ),
    Rule(
        "data know no model and no Hydra",
        ("bench.data",),
        never=("models", "bench.runs.cell", "bench.conf.schema", *HYDRA),
    ),
    Rule(
        "the harness knows interfaces alone",
        HARNESS,
        ours=(
            *("models.interface", "models.dropout", "bench.tasks.base", "bench.training.batches", "bench.metrics"),
            *(
                "bench.seeding",
                "bench.errors",
                "bench.training.progress",
                "bench.records.store",
                "bench.records.phenomena",
            ),
            *("bench.evaluation.degeneration", "bench.system.signals", "bench.system.files", "bench.data.code_hash"),
            *HARNESS,
        ),
        never=HYDRA,
    ),
    Rule("the names of scores, which the report reads too, need nothing", ("bench.records.phenomena",), ours=()),
    Rule("what is seen in outputs alone needs nothing else", ("bench.evaluation.degeneration",), ours=()),
    Rule(
        "architecture.py looks into any model, and knows interfaces alone",
        ("bench.evaluation.architecture",),
        ours=("models.interface", "models.hidden", "bench.seeding"),
        never=HYDRA,
    ),
    Rule(
        "attention_maps.py shows any model's attention on any task's example, and knows interfaces alone",
        ("bench.evaluation.attention_maps",),
        ours=(
            *(
                "models.interface",
                "models.attention",
                "bench.tasks.base",
                "bench.training.batches",
                "bench.data.ragged",
            ),
            "bench.evaluation.decoding",
        ),
        never=HYDRA,
    ),
    Rule(
        "building.py makes models, run.py joins them with tasks, trained.py reads them back, cards.py describes them, "
        "architecture.py and attention_maps.py look into them, profile/measure.py measures them, reach/probe.py probes "
        "them; nobody else knows one",
        ("bench",),
        never=("models",),
        but=(
            *(
                "bench.runs.building",
                "bench.runs.cell",
                "bench.runs.trained",
                "bench.diagnostics.model_card",
                "bench.diagnostics.profile.measure",
            ),
            *(
                "bench.evaluation.architecture",
                "bench.evaluation.attention_maps",
                "bench.diagnostics.reach.probe",
                *HARNESS,
            ),
        ),
    ),
    Rule(
        "measure.py measures any model through the harness, and knows no other module of a profile than its words",
        ("bench.diagnostics.profile.measure",),
        ours=(
            *("models.interface", "models.cost", "bench.tasks.base", "bench.training.batches", "bench.runs.building"),
            *(
                "bench.conf.schema",
                "bench.seeding",
                "bench.errors",
                "bench.system.allocator",
                "bench.diagnostics.profile.plan",
            ),
            *("bench.records.profile_rows", "bench.runs.cell", *HARNESS),
        ),
    ),
    Rule(
        "a profile's rows and defaults need no more than a file's writing, and the report nothing else of a profile",
        ("bench.records.profile_rows", "bench.diagnostics.profile.defaults"),
        ours=("bench.system.files",),
    ),
    Rule(
        "a report knows a profile's rows alone",
        ("bench.report",),
        never=(
            "bench.diagnostics.profile.plan",
            "bench.diagnostics.profile.session",
            "bench.diagnostics.profile.process",
            "bench.diagnostics.profile.measure",
        ),
    ),
    Rule(
        "trained.py reads any cell back: its model through the interface, its task through the base",
        ("bench.runs.trained",),
        ours=(
            *(
                "models.interface",
                "bench.tasks.base",
                "bench.tasks.task_cache",
                "bench.runs.building",
                "bench.conf.schema",
            ),
            "bench.sections",
            *("bench.records.store", "bench.records.weights", "bench.system.allocator", "bench.errors"),
        ),
    ),
    Rule(
        "probe.py probes any model on any task's examples, and knows interfaces alone",
        ("bench.diagnostics.reach.probe",),
        ours=(
            *("models.interface", "bench.tasks.base", "bench.training.batches", "bench.data.ragged", "bench.metrics"),
            *("bench.seeding", "bench.errors"),
        ),
        never=HYDRA,
    ),
    Rule(
        "reach/rows.py needs no more than a file's writing, and the report nothing else of a reach",
        ("bench.records.reach_rows",),
        ours=("bench.system.files",),
    ),
    Rule(
        "a report knows a reach's rows alone",
        ("bench.report",),
        never=("bench.diagnostics.reach.probe", "bench.diagnostics.reach.measure", "bench.diagnostics.reach.session"),
    ),
    Rule(
        "generators.py makes any generated task's data, and knows the kind alone",
        ("bench.diagnostics.generators",),
        ours=(
            *("bench.tasks.base", "bench.tasks.kinds", "bench.data.ragged"),
            *("bench.conf.schema", "bench.system.environment", "bench.errors"),
        ),
    ),
    Rule(
        "building.py needs no data, no training and no record",
        ("bench.runs.building",),
        ours=(
            *(
                "models.interface",
                "models.width_search",
                "models.meta_device",
                "bench.tasks.base",
                "bench.records.matching",
            ),
            *("bench.conf.schema", "bench.sections", "bench.seeding", "bench.errors"),
        ),
    ),
    Rule(
        "schema and the command line compose; nobody else knows Hydra",
        ("bench",),
        never=HYDRA,
        but=("bench.conf.schema", "bench.cli.hydra_run"),
    ),
    Rule(
        "a task is named in conf/task alone",
        ("bench", "models"),
        never=(CONCRETE_TASKS,),
    ),
)

WITHOUT = {
    # These work from records: nothing they reach may need torch, a model or a task.
    (
        *("bench.report", "bench.analysis.claims.judge", "bench.analysis.stats", "bench.records.store"),
        *("bench.records.hypotheses", "bench.analysis.significance", "bench.analysis.tidy", "bench.analysis.compare"),
    ): ("torch", "models", "bench.tasks", *HYDRA),
    # These start at once, and the parent of a suite's cells stays small.
    (
        "bench.__main__",
        "bench.runs.suite",
        "bench.runs.worker",
        "bench.runs.display",
        "bench.conf.schema",
        "bench.cli",
    ): ("torch",),
    ("bench.diagnostics.profile.plan", "bench.diagnostics.profile.session", "bench.diagnostics.profile.process"): (
        "torch",
    ),
    ("bench.diagnostics.generators",): ("torch",),
}


def violations(project: Mapping[str, str], packages: Iterable[str] = ()) -> list[str]:
    """The broken rules of a project, one line each. project: source by module name; packages: which are packages."""
    packages = set(packages)
    graph = {name: imports(source, name, project, name in packages) for name, source in project.items()}
    return [*_direct(graph), *_reached(graph)]


def _direct(graph: Mapping[str, list[Import]]) -> Iterator[str]:
    for module, imported in sorted(graph.items()):
        for rule in RULES:
            if not matches(module, rule.of) or matches(module, rule.but):
                continue
            for one in imported:
                top = one.module.split(".")[0]
                ours = top in OURS
                concrete = one.module.startswith("bench.tasks.") and not matches(one.module, SHARED_BY_TASKS)
                if (
                    (ours and rule.ours is not None and not matches(one.module, rule.ours))
                    or matches(one.module, rule.never)
                    or (concrete and CONCRETE_TASKS in rule.never)
                    or (not ours and rule.only is not None and top not in (*rule.only, *sys.stdlib_module_names))
                ):
                    yield f"{module}:{one.line} imports {one.module}: {rule.what}"


def _reached(graph: Mapping[str, list[Import]]) -> Iterator[str]:
    for starts, banned in WITHOUT.items():
        for start in sorted(name for name in graph if matches(name, starts)):
            # Functions count in a report, which calls them; in the command line they are the point of being late.
            lazy_too = "bench.report" in starts
            for path in _paths(graph, start, lazy_too):
                if matches(path[-1], banned):
                    yield f"{' -> '.join(path)}: {start} must do without {path[-1].split('.')[0]}"


def _paths(graph: Mapping[str, list[Import]], start: str, lazy_too: bool) -> Iterator[tuple[str, ...]]:
    """A shortest chain of imports to each module that `start` reaches, packages above a module included."""
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
    for top in OURS:
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
        for pattern in (*rule.of, *rule.but):
            assert any(matches(name, [pattern]) for name in sources), f"{pattern} names nothing"


SOUND = {
    "bench": "",
    "bench.runs.cell": "import torch\nfrom models.cost import parameters\nfrom bench import building, training",
    "bench.runs.building": "from models.width_search import Fit\nfrom bench import schema",
    "bench.conf.schema": "import hydra",
    "bench.training.trainer": "import torch\nfrom models.interface import Seq2Seq\nfrom bench.tasks.base import Split",
    "bench.tasks": "",
    "bench.tasks.base": "import numpy",
    "bench.tasks.copy": "from bench.tasks.base import Task\nfrom bench.data import batches",
    "bench.tasks.sort": "from bench import seeding",
    "bench.data": "",
    "bench.diagnostics.generators": "from bench import schema\nfrom bench.tasks.kinds.generated import generate",
    "bench.training.batches": "import torch",
    "bench.seeding": "def generator():\n    import torch",
    "bench.records.store": "import pandas",
    "bench.report": "",
    "bench.report.page": "from bench import records\nfrom . import tables\nfrom .tables import table",
    "bench.report.tables.base": "import jinja2",
    "bench.analysis.stats": "import numpy",
    "bench.runs.suite": "from bench import records",
    "bench.diagnostics.profile": "",
    "bench.records.profile_rows": "import json",
    "bench.diagnostics.profile.plan": "from bench import schema\nfrom bench.records.profile_rows import WHATS",
    "bench.diagnostics.profile.process": "from bench.diagnostics.profile.plan import Request\ndef main():\n    from bench.diagnostics.profile import measure",
    "bench.diagnostics.profile.measure": "import torch\nfrom models.cost import parameters\nfrom bench import building, training",
    "bench.runs.trained": "import torch\nfrom models.interface import Seq2Seq\nfrom bench import building, records, schema",
    "bench.diagnostics.reach": "",
    "bench.records.reach_rows": "import csv",
    "bench.diagnostics.reach.probe": "import torch\nfrom models.interface import Seq2Seq\nfrom bench.tasks.base import Split",
    "bench.diagnostics.reach.measure": "from bench import trained\nfrom bench.diagnostics.reach import probe\nfrom bench.records.reach_rows import Row",
    "bench.report.figures.reach": "from bench.diagnostics.reach import rows",
    "bench.__main__": "import click\ndef run():\n    from bench.runs.cell import run_cell",
    "models": "",
    "models.interface": "import torch",
    "models.lstm": "import math\nfrom torch import nn\nfrom models.interface import Seq2Seq\nfrom . import interface",
    "models.cost": "",
    "models.width_search": "",
}

PACKAGES = {
    "bench",
    "bench.tasks",
    "bench.data",
    "bench.diagnostics.profile",
    "bench.diagnostics.reach",
    "bench.report",
    "models",
}


def test_a_sound_project_has_no_violations():
    assert violations(SOUND, PACKAGES) == []


@pytest.mark.parametrize(
    ("module", "line", "blamed"),
    [
        ("models.lstm", "import numpy", "numpy"),
        ("models.lstm", "import bench.seeding", "bench.seeding"),
        ("models.lstm", "def f():\n    from bench.tasks.base import PAD", "bench.tasks.base"),
        ("bench.tasks.copy", "from models.interface import select", "models.interface"),
        ("bench.tasks.copy", "from hydra import compose", "hydra"),
        ("bench.tasks.copy", "if True:\n    import omegaconf", "omegaconf"),
        ("bench.tasks.copy", "from .sort import Sort", "bench.tasks.sort"),
        ("bench.tasks.copy", "from . import sort", "bench.tasks.sort"),
        ("bench.tasks.copy", "from bench import training", "bench.training.trainer"),
        ("bench.tasks.base", "from bench import schema", "bench.conf.schema"),
        ("bench.training.batches", "from models import interface", "models.interface"),
        ("bench.training.trainer", "from models.lstm import LSTM", "models.lstm"),
        ("bench.training.trainer", "from models import lstm", "models.lstm"),
        ("bench.training.trainer", "from bench.tasks import copy", "bench.tasks.copy"),
        ("bench.training.trainer", "import omegaconf", "omegaconf"),
        ("bench.training.trainer", "from bench import schema", "bench.conf.schema"),
        ("bench.runs.cell", "from bench.tasks.copy import Copy", "bench.tasks.copy"),
        ("bench.runs.cell", "import hydra", "hydra"),
        ("bench.runs.building", "from models.lstm import LSTM", "models.lstm"),
        ("bench.runs.building", "from bench.tasks.copy import Copy", "bench.tasks.copy"),
        ("bench.runs.building", "from bench import training", "bench.training.trainer"),
        ("bench.runs.suite", "from models import lstm", "models.lstm"),
        ("bench.diagnostics.profile.plan", "from models.cost import parameters", "models.cost"),
        ("bench.diagnostics.profile.plan", "import torch", "torch"),
        ("bench.diagnostics.profile.process", "from bench.diagnostics.profile import measure", "torch"),
        ("bench.diagnostics.profile.measure", "from models.lstm import LSTM", "models.lstm"),
        ("bench.diagnostics.profile.measure", "from bench import suite", "bench.runs.suite"),
        ("bench.diagnostics.profile.measure", "import hydra", "hydra"),
        ("bench.records.profile_rows", "from bench import records", "bench.records.store"),
        ("bench.report.page", "from bench.diagnostics.profile import plan", "bench.diagnostics.profile.plan"),
        ("bench.report.figures.reach", "from bench.diagnostics.reach import probe", "bench.diagnostics.reach.probe"),
        (
            "bench.report.figures.reach",
            "from bench.diagnostics.reach.measure import measure",
            "bench.diagnostics.reach.measure",
        ),
        ("bench.records.reach_rows", "from bench import records", "bench.records.store"),
        ("bench.diagnostics.reach.probe", "from models.lstm import LSTM", "models.lstm"),
        ("bench.diagnostics.reach.probe", "from bench import schema", "bench.conf.schema"),
        ("bench.diagnostics.reach.measure", "from models import interface", "models.interface"),
        ("bench.runs.trained", "from bench.tasks.copy import Copy", "bench.tasks.copy"),
        ("bench.runs.trained", "from bench import training", "bench.training.trainer"),
        ("bench.diagnostics.generators", "from bench.tasks.copy import Copy", "bench.tasks.copy"),
        ("bench.diagnostics.generators", "from bench import run", "bench.runs.cell"),
        ("bench.diagnostics.generators", "from bench.training.batches import Batch", "torch"),
        ("bench.runs.suite", "import hydra", "hydra"),
        ("bench.runs.suite", "import torch", "torch"),
        ("bench.runs.suite", "from bench import run", "torch"),
        ("bench.runs.suite", "from bench.training.batches import Batch", "torch"),
        ("bench.__main__", "from bench.runs.cell import run_cell", "torch"),
        ("bench.report.tables.base", "import torch", "torch"),
        ("bench.report.tables.base", "def f():\n    import torch", "torch"),
        ("bench.report.page", "from bench.data import batches", "torch"),
        ("bench.report.page", "from bench.tasks.base import PAD", "bench.tasks"),
        ("bench.analysis.stats", "from bench.seeding import generator", "torch"),
        ("bench.records.store", "import models", "models"),
        ("bench.report", "import torch", "torch"),
    ],
)
def test_a_broken_rule_is_found(module, line, blamed):
    broken = SOUND | {module: SOUND[module] + "\n" + line}
    found = violations(broken, PACKAGES)
    assert any(blamed in violation and module in violation for violation in found), found
