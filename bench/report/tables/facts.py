"""Facts about the run, read off the records: what was run and on which machine, warnings, data, options, models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

import pandas as pd

from bench.analysis import arms
from bench.analysis.evidence import Evidence, ran_beside_others
from bench.analysis.messages import Joined, Message, Text, one_or_many
from bench.analysis.missing_values import column, flatten, is_present, option
from bench.analysis.settings import Setting
from bench.records.matching import RULES
from bench.records.store import STATUSES
from bench.report import labels
from bench.report.tables import scoring, text_data
from bench.report.tables.base import NONE, Row, Table, columns, table

NOT_SHOWN = ("name", "_target_")
"""Options that tables leave out."""

REPORTED = ("data.report", "data.warnings")
"""Columns that have a table or a place of their own."""


IN_SHORT = ("cells", "suite", "tasks", "arms", "seeds", "processor", "gpu", "code")
"""Facts of the overview that stand on the first page."""


def overview(evidence: Evidence, terms: Collection[str] = ()) -> list[tuple[Text, str]]:
    """Term and text of the facts that a reader needs before the numbers. terms: only these, all by default."""
    cells = evidence.cells
    counts = Counter(cells["status"])
    statuses = [status for status in (*STATUSES, *sorted(set(counts) - set(STATUSES))) if counts[status]]
    counted = Joined(
        Message("facts.status", count=counts[status], status=labels.status(status)) for status in statuses
    )
    unknown = Message("facts.not_recorded")
    facts = {
        "cells": Message("facts.cells", count=len(cells), statuses=counted),
        "suite": distinct_values(cells, "suite"),
        "tasks": Joined(sorted(set(cells["task_label"]))),
        "arms": Joined(arms.ordered(cells["model"])),
        "seeds": Joined(f"{seed:g}" for seed in sorted(set(cells["seed"].dropna()))) or unknown,
        "budgets": "; ".join(_budgets(cells)) or unknown,
        "matched": Joined(_matching(evidence), "reasons"),
        "processor": distinct_values(cells, "environment.cpu"),
        "device": distinct_values(cells, "environment.device"),
        "gpu": distinct_values(cells, "environment.gpu"),
        "threads": distinct_values(cells, "environment.threads"),
        "beside": distinct_values(cells, "environment.concurrent_cells"),
        "platform": distinct_values(cells, "environment.platform"),
        "python": distinct_values(cells, "environment.python"),
        "libraries": _libraries(cells),
        "code": _code(cells),
    }
    return [
        (Message(f"facts.terms.{term}"), text) for term, text in facts.items() if text and term in (terms or facts)
    ]


def warnings(evidence: Evidence) -> list[Text]:
    """Warnings that limit every comparison in the report."""
    texts: list[Text] = []
    mixed = [setting for setting in evidence.settings() if not evidence.same_machine(setting)]
    if mixed:
        texts.append(Message("warnings.unlike", settings=Joined((setting.text for setting in mixed), "reasons")))
    if ran_beside_others(evidence.cells):
        texts.append(Message("warnings.busy"))
    several = [setting for setting in evidence.settings() if len(_commits(evidence.finished(setting))) > 1]
    if several:
        texts.append(Message("warnings.versions", settings=Joined((setting.text for setting in several), "reasons")))
    if any(is_present(value) and not bool(value) for value in column(evidence.done, "code.clean")):
        texts.append(Message("warnings.changes"))
    repeated = [
        Joined([arm, setting.text])
        for setting in evidence.settings()
        for arm, own in evidence.finished(setting).groupby("arm", sort=False)
        if own["seed"].duplicated().any()
    ]
    if repeated:
        texts.append(Message("warnings.same_seed", arms=Joined(repeated, "reasons")))
    single = [setting for setting in evidence.settings() if _fewest_seeds(evidence, setting) == 1]
    if single:
        texts.append(Message("warnings.one_seed", settings=Joined((setting.text for setting in single), "reasons")))
    texts.extend(text_data.warnings(evidence))
    texts.extend(scoring.warnings(evidence))
    return texts


def data(evidence: Evidence) -> Table:
    """Checksums, counts, training ranges and chance of each task's data."""
    rows: list[tuple[str, ...]] = []
    for setting in evidence.settings():
        cells = evidence.finished(setting)
        for name in cells.columns:
            if name in REPORTED:
                continue
            if name.startswith("data.") and (values := distinct_values(cells, name, counted=False)):
                kind, _, rest = name.removeprefix("data.").partition(".")
                rows.append((setting.task, labels.data_fact(kind), rest, values))
    unique = list(dict.fromkeys(rows))
    return table("data", Message("data.title"), Message("data.note"), columns("task", "what", "name", "value"), unique)


def options(evidence: Evidence) -> Table:
    """Every option of task, budget and search, with its values in each task."""
    rows: list[Row] = []
    for task in sorted(set(evidence.cells["task_label"])):
        configs = evidence.cells[evidence.cells["task_label"] == task]["config"]
        for key, values in option_values(configs).items():
            if not key.startswith("model.") and key.rpartition(".")[2] not in NOT_SHOWN:
                rows.append([task, key, ", ".join(values)])
    heads = columns("task", "option", "option_values")
    return table("options", Message("tables.options.title"), Message("tables.options.note"), heads, rows)


def models(evidence: Evidence) -> Table:
    """Every option of the model: one row per arm and task."""
    configs: dict[tuple[str, str], list[object]] = {}
    for task, arm, config in evidence.cells[["task_label", "arm", "config"]].itertuples(index=False):
        configs.setdefault((task, arm), []).append(option(config, "model"))
    rows: list[Row] = []
    for task in sorted({task for task, _ in configs}):
        for arm in arms.ordered(arm for of_task, arm in configs if of_task == task):
            rows.append([task, arm, ", ".join(_shown_options(configs[task, arm])) or NONE])
    heads = columns("task", "arm", "options")
    return table("models", Message("tables.models.title"), Message("tables.models.note"), heads, rows)


def signatures(evidence: Evidence) -> list[str]:
    """Metric and signature: how the metric's own program describes the computation."""
    pairs = evidence.scores[["metric", "signature"]].dropna().drop_duplicates()
    return sorted(f"{row.metric}: {row.signature}" for row in pairs.itertuples())


def glossary(evidence: Evidence) -> list[tuple[str, Text]]:
    """Arm and description."""
    return [(arm, arms.describe(arm)) for arm in arms.ordered(evidence.cells["arm"])]


def distinct_values(cells: pd.DataFrame, name: str, counted: bool = True) -> Text:
    """The distinct values of a column, empty if it has none. counted: if there are several, each with its number of
    cells."""
    counts = Counter(_plain(value) for value in column(cells, name) if is_present(value))
    if len(counts) <= 1 or not counted:
        return Joined(counts, "reasons")
    parts = [one_or_many("facts.of_cells", count, value=value) for value, count in counts.most_common()]
    return Joined(parts, "reasons")


def option_values(configs: Iterable[object]) -> dict[str, list[str]]:
    """Dotted option -> its distinct values over the configurations, in order of appearance."""
    options: dict[str, list[str]] = {}
    for config in configs:
        for key, value in flatten(config).items():
            values = options.setdefault(key, [])
            if str(value) not in values:
                values.append(str(value))
    return options


def _shown_options(configs: Iterable[object]) -> list[str]:
    """Each option with its values, without those of NOT_SHOWN."""
    options = option_values(configs)
    return [f"{key} {' / '.join(values)}" for key, values in options.items() if key not in NOT_SHOWN]


def _plain(value: object) -> str | Text:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return Joined(map(str, value), "ends") if isinstance(value, list | tuple) else str(value)


def _budgets(cells: pd.DataFrame) -> Iterator[str]:
    for name in sorted(set(cells["budget_name"])):
        configs = cells[cells["budget_name"] == name]["config"]
        options = ", ".join(_shown_options(config.get("budget") for config in configs if is_present(config)))
        yield f"{name} ({options})" if options else name


def _matching(evidence: Evidence) -> Iterator[Text]:
    """For each matching rule its targets, and the range of the arms' deviations from them."""
    settings = evidence.cells["setting"]
    for rule in RULES:
        targets = sorted({setting.target for setting in settings if setting.rule == rule and setting.target >= 0})
        if not targets:
            continue
        cells = evidence.cells[[setting.rule == rule for setting in settings]]
        mismatch = pd.to_numeric(column(cells, "match.mismatch"), errors="coerce").dropna()
        words = {"counted": Message(f"matched.{rule}.word"), "targets": Joined(f"{target:,}" for target in targets)}
        if len(mismatch):
            ends = {"low": f"{100 * mismatch.min():+.1f}", "high": f"{100 * mismatch.max():+.1f}"}
            yield Message("facts.target_and_spread", **words, **ends)
        else:
            yield Message("facts.target", **words)


def _libraries(cells: pd.DataFrame) -> Text:
    names = [name for name in cells.columns if name.startswith("environment.libraries.")]
    short = {name: name.removeprefix("environment.libraries.") for name in names}
    return Joined(Message("facts.library", name=short[name], version=distinct_values(cells, name)) for name in names)


def _code(cells: pd.DataFrame) -> Text:
    commit, version = distinct_values(cells, "code.commit"), distinct_values(cells, "code.version")
    clean = [bool(value) for value in column(cells, "code.clean") if is_present(value)]
    parts = [Message("facts.version", version=version)] if version else []
    parts += [Message("facts.commit", commit=commit)] if commit else []
    without = cells[[not is_present(value) for value in column(cells, "code.commit")]]
    if reason := distinct_values(without, "code.reason"):
        parts.append(Message("facts.no_commit", reason=reason))
    parts += [Message("facts.clean" if all(clean) else "facts.not_clean")] if clean else []
    return Joined(parts, "clauses")


def _commits(cells: pd.DataFrame) -> set[str]:
    return {value for value in column(cells, "code.commit") if is_present(value)}


def _fewest_seeds(evidence: Evidence, setting: Setting) -> int:
    """The smallest number of seeds of any arm."""
    return int(evidence.finished(setting).groupby("arm")["seed"].nunique().min())
