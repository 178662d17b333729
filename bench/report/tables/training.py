"""Tables of how arms were trained: settings and budget, trials, length penalties, parameters by component."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from bench.analysis.evidence import Evidence
from bench.analysis.messages import Joined, Message, Text, search_name
from bench.analysis.missing_values import column, column_mean, is_present, option
from bench.report import labels
from bench.report.tables.base import NONE, Row, Table, columns, number_cell, table

SETTINGS = (("optim", "lr"), ("model", "dropout"), ("model", "n_layers"))
"""Options of the configuration that have a column of their own."""


def settings(evidence: Evidence) -> Table:
    """The settings of each arm, and how much of the budget it used."""
    rows: list[Row] = []
    for setting in evidence.settings():
        cells = evidence.finished(setting)
        for arm in evidence.arms(setting):
            own = cells[cells["arm"] == arm]
            config: object = next((config for config in own["config"] if is_present(config)), {})
            rows.append([
                evidence.name(setting), arm,
                *[number_cell(option(config, *path), "{:g}") for path in SETTINGS],
                number_cell(column_mean(own, "match.width"), "{:g}"),
                number_cell(column_mean(own, "budget.epochs"), "{:g}"),
                number_cell(column_mean(own, "budget.steps")),
                number_cell(column_mean(own, "budget.target_tokens")),
                number_cell(column_mean(own, "budget.padding_share"), "{:.0f} %", 100),
                _seeds(own["seed"]),
            ])  # fmt: skip
    heads = columns("task", "arm", "learning_rate", "dropout", "layers", "width", "epochs", "steps", "target_tokens",
                    "padding", "seeds")  # fmt: skip
    return table("settings", Message("tables.settings.title"), Message("tables.settings.note"), heads, rows)


def trials(evidence: Evidence) -> Table:
    """The trials that each arm's settings were chosen from, with their validation losses: one row per arm."""
    rows: list[Row] = []
    for setting in evidence.settings():
        cells = evidence.finished(setting)
        for arm in evidence.arms(setting):
            records = column(cells[cells["arm"] == arm], "tuning")
            tuning = next((record for record in records if isinstance(record, Mapping) and record.get("set")), None)
            if tuning is not None:
                losses = tuning.get("trials") or {}
                shown = [Message("tables.trials.one", what=what, loss=_loss(loss)) for what, loss in losses.items()]
                chosen = ", ".join(f"{key}={value}" for key, value in tuning["set"].items())
                listed = Joined(shown, "reasons") or NONE
                rows.append([evidence.name(setting), arm, chosen, number_cell(len(losses)), listed])
    heads = columns("task", "arm", "chosen", "trials", "trial_losses")
    return table("trials", Message("tables.trials.title"), Message("tables.trials.note"), heads, rows)


def penalties(evidence: Evidence) -> Table:
    """The length penalty chosen for each cell's beam search, and every candidate's validation score."""
    rows: list[Row] = []
    for setting in evidence.settings():
        cells = evidence.finished(setting)
        for arm in evidence.arms(setting):
            for row in cells[cells["arm"] == arm].sort_values("seed").to_dict("records"):
                choice = row.get("selection.length_penalty")
                if isinstance(choice, Mapping):
                    tried = [f"{each['length_penalty']:g}: {each['value']:.4g}" for each in choice["candidates"]]
                    names = {"search": search_name(choice["search"]), "metric": choice["metric"]}
                    score = Message("tables.penalties.by", unit=labels.unit(choice["unit"]), **names)
                    chosen = number_cell(choice["chosen"], "{:g}")
                    rows.append(
                        [evidence.name(setting), arm, number_cell(row["seed"]), score, chosen, "; ".join(tried)]
                    )
    heads = columns("task", "arm", "seed", "search_and_score", "chosen", "candidates")
    return table("length-penalties", Message("tables.penalties.title"), Message("tables.penalties.note"), heads, rows)


def components(evidence: Evidence) -> Table:
    """Number of parameters by component of the model."""
    names = [name for name in evidence.cells.columns if name.startswith("parameters.")]
    rows: list[Row] = []
    for setting in evidence.settings():
        cells = evidence.finished(setting)
        for arm in evidence.arms(setting):
            own = cells[cells["arm"] == arm]
            rows.append([evidence.name(setting), arm, *[number_cell(column_mean(own, name)) for name in names]])
    heads = [*columns("setting", "arm"), *(labels.component(name.rpartition(".")[2]) for name in names)]
    title, note = Message("tables.components.title"), Message("tables.components.note")
    return table("components", title, note, heads, rows).without_empty_columns()


def _loss(loss: float | None) -> str | Text:
    return labels.status("failed") if loss is None else f"{loss:.3g}"


def _seeds(values: pd.Series) -> str:
    return ", ".join(str(int(value)) for value in sorted(set(values.dropna()))) or NONE
