"""What was run, on what and how, in words: read off the records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import pandas as pd

from bench.analysis import arms
from bench.analysis.evidence import Evidence, Setting, column, is_present, option
from bench.analysis.messages import Joined, Message, Text
from bench.records.matching import RULES
from bench.records.store import STATUSES
from bench.report import labels
from bench.report.tables.base import NONE, Table, columns, differing_options, measured, table

NOT_SHOWN = ("name", "_target_")


def overview(evidence: Evidence) -> list[tuple[Text, str]]:
    """Term and text: what any reader has to see before the numbers."""
    cells = evidence.cells
    counts = Counter(cells["status"])
    known = [status for status in (*STATUSES, *sorted(set(counts) - set(STATUSES))) if counts[status]]
    counted = Joined(Message("facts.status", count=counts[status], status=labels.status(status)) for status in known)
    unknown = Message("facts.not_recorded")
    facts = {
        "cells": Message("facts.cells", count=len(cells), statuses=counted),
        "suite": distinct(cells, "suite"),
        "tasks": Joined(sorted(set(cells["task_label"]))),
        "arms": Joined(arms.ordered(cells["model"])),
        "seeds": Joined(f"{seed:g}" for seed in sorted(set(cells["seed"].dropna()))) or unknown,
        "budgets": "; ".join(_budgets(cells)) or unknown,
        "matched": Joined(_matching(evidence), "reasons"),
        "processor": distinct(cells, "environment.cpu"),
        "device": distinct(cells, "environment.device"),
        "gpu": distinct(cells, "environment.gpu"),
        "threads": distinct(cells, "environment.threads"),
        "beside": distinct(cells, "environment.concurrent_cells"),
        "platform": distinct(cells, "environment.platform"),
        "python": distinct(cells, "environment.python"),
        "libraries": _libraries(cells),
        "code": _code(cells),
    }
    return [(Message(f"facts.terms.{term}"), text) for term, text in facts.items() if text]


def warnings(evidence: Evidence) -> list[Text]:
    """What a reader has to know before comparing anything."""
    said = []
    mixed = [setting for setting in evidence.settings() if not evidence.same_machine(setting)]
    if mixed:
        said.append(Message("warnings.unlike", settings=Joined((setting.text for setting in mixed), "reasons")))
    busy = pd.to_numeric(column(evidence.cells, "environment.concurrent_cells"), errors="coerce")
    if (busy > 1).any():
        said.append(Message("warnings.busy"))
    commits = {value for value in column(evidence.done, "code.commit") if is_present(value)}
    if len(commits) > 1:
        said.append(Message("warnings.versions"))
    if any(is_present(value) and not bool(value) for value in column(evidence.done, "code.clean")):
        said.append(Message("warnings.changes"))
    few = [setting for setting in evidence.settings() if _fewest_seeds(evidence, setting) == 1]
    if few:
        said.append(Message("warnings.one_seed", settings=Joined((setting.text for setting in few), "reasons")))
    return said


def data(evidence: Evidence) -> Table:
    """Checksums, counts, training ranges and chance of each task's data."""
    rows = []
    for setting in evidence.settings():
        cells = evidence.finished(setting)
        for name in cells.columns:
            if name.startswith("data.") and (values := distinct(cells, name, counted=False)):
                kind, _, rest = name.removeprefix("data.").partition(".")
                rows.append([setting.task, labels.of_data(kind), rest, values])
    unique = list(dict.fromkeys(tuple(row) for row in rows))
    return table("data", Message("data.title"), Message("data.note"), columns("task", "what", "name", "value"), unique)


def trials(evidence: Evidence) -> Table:
    """What every arm's settings were chosen from: one row an arm, all trials with their validation loss."""
    rows = []
    for setting in evidence.settings():
        cells = evidence.finished(setting)
        for arm in evidence.arms(setting):
            own = column(cells[cells["arm"] == arm], "tuning")
            held = next((choice for choice in own if isinstance(choice, Mapping) and choice.get("set")), None)
            if held is not None:
                tried = held.get("trials") or {}
                shown = [Message("tables.trials.one", what=what, loss=_loss(loss)) for what, loss in tried.items()]
                chosen = ", ".join(f"{key}={value}" for key, value in held["set"].items())
                losses = Joined(shown, "reasons") or NONE
                rows.append([evidence.name(setting), arm, chosen, measured(len(tried)), losses])
    heads = columns("task", "arm", "chosen", "trials", "trial_losses")
    return table("trials", Message("tables.trials.title"), Message("tables.trials.note"), heads, rows)


def penalties(evidence: Evidence) -> Table:
    """The length penalty of each cell's beam, where it was chosen, and the validation score of every candidate."""
    rows = []
    for setting in evidence.settings():
        cells = evidence.finished(setting)
        for arm in evidence.arms(setting):
            for row in cells[cells["arm"] == arm].sort_values("seed").to_dict("records"):
                choice = row.get("selection.length_penalty")
                if isinstance(choice, Mapping):
                    tried = [f"{each['length_penalty']:g}: {each['value']:.4g}" for each in choice["candidates"]]
                    words = {"search": choice["search"], "metric": choice["metric"]}
                    by = Message("tables.penalties.by", unit=labels.unit(choice["unit"]), **words)
                    chosen = measured(choice["chosen"], "{:g}")
                    rows.append([evidence.name(setting), arm, measured(row["seed"]), by, chosen, "; ".join(tried)])
    heads = columns("task", "arm", "seed", "search_and_score", "chosen", "candidates")
    return table("length-penalties", Message("tables.penalties.title"), Message("tables.penalties.note"), heads, rows)


def _loss(loss: float | None) -> str | Text:
    return labels.status("failed") if loss is None else f"{loss:.3g}"


def options(evidence: Evidence) -> Table:
    """Every option of task, budget and search, with the values it takes in each task."""
    rows = []
    for task in sorted(set(evidence.cells["task_label"])):
        configs = evidence.cells[evidence.cells["task_label"] == task]["config"]
        for key, values in differing_options(configs).items():
            if not key.startswith("model.") and key.rpartition(".")[2] not in NOT_SHOWN:
                rows.append([task, key, ", ".join(values)])
    heads = columns("task", "option", "option_values")
    return table("options", Message("tables.options.title"), Message("tables.options.note"), heads, rows)


def models(evidence: Evidence) -> Table:
    """Every option of each arm's model, a row for each arm of a task."""
    told: dict[tuple[str, str], list[object]] = {}
    for task, arm, config in evidence.cells[["task_label", "arm", "config"]].itertuples(index=False):
        told.setdefault((task, arm), []).append(option(config, "model"))
    rows = []
    for task in sorted({task for task, _ in told}):
        for arm in arms.ordered(arm for at, arm in told if at == task):
            found = differing_options(told[task, arm])
            shown = [f"{key} {' / '.join(values)}" for key, values in found.items() if key not in NOT_SHOWN]
            rows.append([task, arm, ", ".join(shown) or NONE])
    return table(
        "models",
        Message("tables.models.title"),
        Message("tables.models.note"),
        columns("task", "arm", "options"),
        rows,
    )


def signatures(evidence: Evidence) -> list[str]:
    """What each metric computes, as its own program says it."""
    pairs = evidence.scores[["metric", "signature"]].dropna().drop_duplicates()
    return sorted(f"{row.metric}: {row.signature}" for row in pairs.itertuples())


def glossary(evidence: Evidence) -> list[tuple[str, Text]]:
    """Arm and description."""
    return [(arm, arms.describe(arm)) for arm in arms.ordered(evidence.cells["arm"])]


def distinct(cells: pd.DataFrame, name: str, counted: bool = True) -> Text:
    """The values of a column, each with its number of cells where there are several; empty for none."""
    counts = Counter(_plain(value) for value in column(cells, name) if is_present(value))
    if len(counts) <= 1 or not counted:
        return Joined(counts, "reasons")
    parts = [Message("facts.of_cells", value=value, count=count) for value, count in counts.most_common()]
    return Joined(parts, "reasons")


def _plain(value: object) -> str | Text:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return Joined(map(str, value), "ends") if isinstance(value, list | tuple) else str(value)


def _budgets(cells: pd.DataFrame) -> Iterable[str]:
    for name in sorted(set(cells["budget_name"])):
        configs = cells[cells["budget_name"] == name]["config"]
        found = differing_options(config.get("budget") for config in configs if is_present(config))
        told = ", ".join(f"{key} {' / '.join(v)}" for key, v in found.items() if key not in NOT_SHOWN)
        yield f"{name} ({told})" if told else name


def _matching(evidence: Evidence) -> Iterable[Text]:
    """For each rule its targets, and how far from them the arms are."""
    settings = evidence.cells["setting"]
    for rule in RULES:
        targets = sorted({setting.target for setting in settings if setting.rule == rule and setting.target >= 0})
        if not targets:
            continue
        cells = evidence.cells[[setting.rule == rule for setting in settings]]
        off = pd.to_numeric(column(cells, "match.mismatch"), errors="coerce").dropna()
        words = {"counted": Message(f"matched.{rule}.word"), "targets": Joined(f"{target:,}" for target in targets)}
        if len(off):
            ends = {"low": f"{100 * off.min():+.1f}", "high": f"{100 * off.max():+.1f}"}
            yield Message("facts.target_and_spread", **words, **ends)
        else:
            yield Message("facts.target", **words)


def _libraries(cells: pd.DataFrame) -> Text:
    names = [name for name in cells.columns if name.startswith("environment.libraries.")]
    short = {name: name.removeprefix("environment.libraries.") for name in names}
    return Joined(Message("facts.library", name=short[name], version=distinct(cells, name)) for name in names)


def _code(cells: pd.DataFrame) -> Text:
    commit, version = distinct(cells, "code.commit"), distinct(cells, "code.version")
    clean = [bool(value) for value in column(cells, "code.clean") if is_present(value)]
    parts = [Message("facts.version", version=version)] if version else []
    parts += [Message("facts.commit", commit=commit)] if commit else []
    parts += [Message("facts.clean" if all(clean) else "facts.not_clean")] if clean else []
    return Joined(parts, "clauses")


def _fewest_seeds(evidence: Evidence, setting: Setting) -> int:
    return int(evidence.finished(setting).groupby("arm")["seed"].nunique().min())
