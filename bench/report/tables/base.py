"""Tables of the report as plain rows of text, each cell with the value it is sorted by."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from bench.analysis import arms, published
from bench.analysis.comparisons import format_score, score_format
from bench.analysis.evidence import Evidence, Setting, column, flatten, is_present, option
from bench.analysis.messages import Message, Text
from bench.analysis.stats import summary
from bench.metrics import LITERATURE
from bench.report import labels, series
from bench.report.series import MEBI

NONE = "-"
REASON = 2000
"""Characters shown of why a cell has no result."""


@dataclass(frozen=True)
class Cell:
    """text as shown; key: what a column is sorted by (a number, or text)."""

    text: str | Text
    key: float | str


@dataclass(frozen=True)
class Table:
    """name: of its CSV; title and note are sentences; numeric: places of the columns set flush right."""

    name: str
    title: Text
    note: Text
    columns: list[str | Text]
    rows: list[list[Cell]]
    numeric: frozenset[int] = frozenset()


def columns(*names: str) -> list[Text]:
    """Heads of columns, by the names of their words."""
    return [Message(f"columns.{name}") for name in names]


def table(name: str, title: str, note: str, columns: list[str], rows: Iterable[Iterable[Cell | str]]) -> Table:
    """A table of cells or plain words; columns whose filled cells all sort by number are numeric."""
    full = [[cell if isinstance(cell, Cell) else Cell(cell, cell) for cell in row] for row in rows]
    numeric = frozenset(
        place
        for place in range(len(columns))
        if (filled := [row[place].key for row in full if row[place].text != NONE])
        and all(isinstance(key, float) for key in filled)
    )
    return Table(name, title, note, columns, full, numeric)


def measured(value: object, text: str = "{:,.0f}", scale: float = 1.0) -> Cell:
    """A number with its format, or a dash."""
    value = pd.to_numeric(value, errors="coerce") if is_present(value) else None
    return Cell(NONE, "") if not is_present(value) else Cell(text.format(float(value) * scale), float(value) * scale)


def spread(values: Iterable[float], unit: str) -> Cell:
    """Mean, 95 % interval and range over seeds."""
    found = summary(list(values))
    if found is None:
        return Cell(NONE, "")
    text = format_score(found.mean, unit)
    if found.interval is None:
        return Cell(Message("tables.one_seed", mean=text), found.mean)
    low, high = (format_score(end, unit) for end in found.interval)
    return Cell(
        f"{text} [{low}, {high}] ({format_score(found.min, unit)}-{format_score(found.max, unit)})", found.mean
    )


def glance(evidence: Evidence) -> Table:
    """Arms by settings, first split only: means, to be read within a column."""
    settings = evidence.settings()
    names = arms.ordered(arm for setting in settings for arm in evidence.arms(setting))
    heads, rows = [], {arm: [] for arm in names}
    for setting in settings:
        scores = series.every_seed(evidence, setting)
        split = next(iter(evidence.splits(setting)), "")
        metric, unit = (scores[key].iloc[0] if len(scores) else "" for key in ("metric", "unit"))
        words = {"setting": evidence.name(setting), "metric": metric, "split": split, "unit": labels.unit(unit)}
        heads.append(Message("tables.glance.column", **words))
        for arm in names:
            values = scores[(scores["arm"] == arm) & (scores["split"] == split)]["value"]
            rows[arm].append(measured(values.mean() if len(values) else None, score_format(unit)))
    title, note = Message("tables.glance.title"), Message("tables.glance.note")
    return table("glance", title, note, [*columns("arm"), *heads], [[arm, *rows[arm]] for arm in names])


def results(evidence: Evidence, setting: Setting) -> Table:
    """A row an arm: headline metric on each split in a column of its own, size, speed, memory."""
    scores, splits = series.every_seed(evidence, setting), evidence.splits(setting)
    _, metric, search = evidence.headline(setting)
    unit = evidence.unit(setting, metric)
    cells, rows = evidence.finished(setting), []
    for arm in evidence.arms(setting):
        own, mine = cells[cells["arm"] == arm], scores[scores["arm"] == arm]
        doubtful = int((own["doubt"] != "").sum())
        rows.append([
            Cell(Message("tables.results.doubtful", arm=arm, count=doubtful) if doubtful else arm, arm),
            measured(len(own)),
            *[spread(mine[mine["split"] == split]["value"], unit) for split in splits],
            measured(_mean(own, "parameters.total")),
            measured(_mean(own, "match.mismatch"), "{:+.1f} %", 100),
            measured(_mean(own, "flops.forward_per_target_token"), "{:,.2f}", 1e-6),
            measured(_mean(own, "throughput.train.median")),
            measured(_mean(own, "throughput.decode.median")),
            measured(_mean(own, "throughput.decode_one.median")),
            measured(_mean(own, "times.train"), "{:,.1f}"),
            measured(_mean(own, "memory.peak_rss_bytes"), scale=1 / MEBI),
            measured(_mean(own, "memory.peak_gpu_bytes"), scale=1 / MEBI),
        ])  # fmt: skip
    counted = Message(f"matched.{setting.rule}.word")
    scored = [
        Message("tables.results.split" if place else "tables.results.first_split", metric=metric, split=split)
        for place, split in enumerate(splits)
    ]
    heads = [
        *columns("arm", "seeds"), *scored, *columns("parameters"), Message("columns.off_target", counted=counted),
        *columns("mflops", "train_speed", "decode_speed", "decode_one_speed", "train_seconds", "memory", "gpu_memory"),
    ]  # fmt: skip
    note = Message(
        "tables.results.note", metric=metric, unit=labels.unit(unit), search=search, counted=counted, aim=setting.aim
    )
    return _without_empty(table(f"results-{setting.slug}", setting.text, note, heads, rows))


def other_scores(evidence: Evidence, setting: Setting) -> Table | None:
    """Every metric, split and search beside the headline, with its signature."""
    headline, rows = evidence.headline(setting)[1:], []
    found = evidence.select(setting)
    keys = ["split", "search", "metric", "unit", "signature"]
    for (split, search, metric, unit, signature), part in found.groupby(keys, sort=False, dropna=False):
        if (metric, search) == headline:
            continue
        for arm in arms.ordered(part["arm"]):
            values = part[part["arm"] == arm]["value"]
            label = Message("tables.metric", metric=metric, unit=labels.unit(unit))
            rows.append(
                [split, search, label, arm, spread(values, unit), str(signature) if is_present(signature) else NONE]
            )
    heads = columns("split", "search", "metric", "arm", "mean", "signature")
    title, note = Message("tables.other.title", setting=setting.text), Message("tables.other.note")
    return table(f"other-scores-{setting.slug}", title, note, heads, rows) if rows else None


def not_finished(evidence: Evidence) -> Table:
    """Cells that failed, diverged, were skipped or ran out of time."""
    cells = evidence.cells[evidence.cells["status"] != "done"]
    rows = [
        identity(row) + [labels.status(row["status"]), labels.beginning(_text(row["reason"]), REASON)]
        for row in cells.to_dict("records")
    ]
    title, note = Message("tables.not_finished.title"), Message("tables.not_finished.note")
    return table("not-finished", title, note, columns(*IDENTITY, "status", "reason"), rows)


def tuned(evidence: Evidence) -> Table:
    """What each arm was trained with, and what of the budget it used."""
    rows = []
    for setting in evidence.settings():
        cells = evidence.finished(setting)
        for arm in evidence.arms(setting):
            own = cells[cells["arm"] == arm]
            config = next((config for config in own["config"] if is_present(config)), {})
            picked = [option(config, *path) for path in
                      (("optim", "lr"), ("model", "dropout"), ("model", "n_layers"))]  # fmt: skip
            rows.append([
                evidence.name(setting), arm,
                *[measured(value, "{:g}") for value in picked],
                measured(_mean(own, "match.width"), "{:g}"),
                measured(_mean(own, "budget.epochs"), "{:g}"),
                measured(_mean(own, "budget.steps")),
                measured(_mean(own, "budget.target_tokens")),
                measured(_mean(own, "budget.padding_share"), "{:.0f} %", 100),
                _list(own["seed"]),
            ])  # fmt: skip
    heads = columns("task", "arm", "learning_rate", "dropout", "layers", "width", "epochs", "steps", "target_tokens",
                    "padding", "seeds")  # fmt: skip
    return table("settings", Message("tables.settings.title"), Message("tables.settings.note"), heads, rows)


def components(evidence: Evidence) -> Table:
    """Parameters by component, counted."""
    names = [name for name in evidence.cells.columns if name.startswith("parameters.")]
    rows = []
    for setting in evidence.settings():
        cells = evidence.finished(setting)
        for arm in evidence.arms(setting):
            own = cells[cells["arm"] == arm]
            rows.append([evidence.name(setting), arm, *[measured(_mean(own, name)) for name in names]])
    heads = [labels.component(name.rpartition(".")[2]) for name in names]
    title, note = Message("tables.components.title"), Message("tables.components.note")
    return _without_empty(table("components", title, note, [*columns("setting", "arm"), *heads], rows))


def literature(evidence: Evidence) -> Table | None:
    """Published BLEU on Multi30k and ours, the two kinds of BLEU in columns of their own."""
    settings = [setting for setting in evidence.settings() if setting.task.split(" [")[0] == "multi30k"]
    if not settings:
        return None
    rows = [
        [
            Message("tables.literature.theirs", system=row.system, source=row.source),
            "-".join(row.ours.languages),
            measured(row.number, "{:.2f}"),
            Cell(NONE, ""),
            row.differs,
        ]
        for row in published.MULTI30K
    ]
    for setting in settings:
        source, target = (_text(evidence.config_value(setting, "task", side)) for side in ("source", "target"))
        for search in evidence.searches(setting):
            scores = evidence.select(setting, "test_2016_flickr", search=search)
            kinds = [scores[scores["metric"] == metric] for metric in (LITERATURE + target, "bleu")]
            note = Message("tables.literature.how", search=search, budget=setting.budget, aim=setting.aim)
            for arm in arms.ordered(kinds[-1]["arm"]):
                ours = [spread(kind[kind["arm"] == arm]["value"], "points") for kind in kinds]
                rows.append([Message("tables.literature.ours", arm=arm), f"{source}-{target}", *ours, note])
    heads = columns("system", "direction", "literature_bleu", "sacrebleu", "notes")
    return table("literature", Message("tables.literature.title"), Message("published.note"), heads, rows)


IDENTITY = ["task", "arm", "budget", "seed"]
"""Columns, by the names of their words."""


def identity(row: dict) -> list[Cell | str]:
    """The columns IDENTITY of a row of the records' table."""
    seed = Cell(f"{row['seed']:g}", float(row["seed"])) if is_present(row["seed"]) else Cell(NONE, "")
    return [row["task"], row["arm"], row["budget_name"], seed]


def _text(value: object) -> str:
    return " ".join(str(value).split()) if is_present(value) else NONE


def _mean(cells: pd.DataFrame, name: str) -> float | None:
    values = pd.to_numeric(column(cells, name), errors="coerce").dropna()
    return statistics.fmean(values) if len(values) else None


def _list(values: pd.Series) -> str:
    return ", ".join(str(int(value)) for value in sorted(set(values.dropna()))) or NONE


def _without_empty(full: Table) -> Table:
    """Leave out columns that no row has a value for."""
    kept = [place for place in range(len(full.columns)) if any(row[place].text != NONE for row in full.rows)]
    rows = [[row[place] for place in kept] for row in full.rows]
    numeric = frozenset(new for new, old in enumerate(kept) if old in full.numeric)
    return Table(full.name, full.title, full.note, [full.columns[place] for place in kept], rows, numeric)


def differing_options(configs: Iterable[object]) -> dict[str, list[str]]:
    """Each option of the configurations with the values it takes, in order of appearance."""
    found: dict[str, list[str]] = {}
    for config in configs:
        for key, value in flatten(config).items():
            values = found.setdefault(key, [])
            if str(value) not in values:
                values.append(str(value))
    return found
