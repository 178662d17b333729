"""Tables of scores: all settings at a glance, one setting's arms, and its other metrics."""

from __future__ import annotations

from bench.analysis import arms
from bench.analysis.comparisons import score_format
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Joined, Message, search_name
from bench.analysis.missing_values import column_mean, is_present
from bench.analysis.settings import Setting
from bench.report import labels, series
from bench.report.series import MEBI
from bench.report.tables import scoring
from bench.report.tables.base import NONE, Cell, Row, Table, columns, mean_cell, number_cell, table


def glance(evidence: Evidence) -> Table:
    """Means of the headline metric on the first split: arms by settings, comparable within a column only."""
    settings = evidence.settings()
    names = arms.ordered(arm for setting in settings for arm in evidence.arms(setting))
    heads: list[str] = []
    rows: dict[str, list[Cell]] = {arm: [] for arm in names}
    for setting in settings:
        scores = series.headline_by_seed(evidence, setting)
        split = next(iter(evidence.splits(setting)), "")
        metric, unit = (scores[key].iloc[0] if len(scores) else "" for key in ("metric", "unit"))
        heads.append(
            Message("tables.glance.column", setting=evidence.name(setting), metric=labels.metric_name(metric),
                split=split, unit=labels.unit(unit))
        )  # fmt: skip
        for arm in names:
            values = scores[(scores["arm"] == arm) & (scores["split"] == split)]["value"]
            rows[arm].append(number_cell(values.mean() if len(values) else None, score_format(unit)))
    title, note = Message("tables.glance.title"), Message("tables.glance.note")
    return table("glance", title, note, [*columns("arm"), *heads], [[arm, *rows[arm]] for arm in names])


def of_setting(evidence: Evidence, setting: Setting) -> Table:
    """One row per arm: the headline metric with a column per split, size, speed and memory."""
    scores, splits = series.headline_by_seed(evidence, setting), evidence.splits(setting)
    _, metric, search = evidence.headline(setting)
    unit = evidence.unit(setting, metric)
    cells = evidence.finished(setting)
    rows: list[Row] = []
    for arm in evidence.arms(setting):
        own, own_scores = cells[cells["arm"] == arm], scores[scores["arm"] == arm]
        doubtful = int((own["doubt"] != "").sum())
        rows.append([
            Cell(Message("tables.results.doubtful", arm=arm, count=doubtful) if doubtful else arm, arm),
            number_cell(own["seed"].nunique()),
            *[mean_cell(own_scores[own_scores["split"] == split]["value"], unit) for split in splits],
            number_cell(column_mean(own, "parameters.total")),
            number_cell(column_mean(own, "match.mismatch"), "{:+.1f} %", 100),
            number_cell(column_mean(own, "flops.forward_per_target_token"), "{:,.2f}", 1e-6),
            number_cell(column_mean(own, "throughput.train.median")),
            number_cell(column_mean(own, "throughput.decode.median")),
            number_cell(column_mean(own, "throughput.decode_one.median")),
            number_cell(column_mean(own, "times.train"), "{:,.1f}"),
            number_cell(column_mean(own, "memory.peak_rss_bytes"), scale=1 / MEBI),
            number_cell(column_mean(own, "memory.peak_gpu_bytes"), scale=1 / MEBI),
        ])  # fmt: skip
    counted = Message(f"matched.{setting.rule}.word")
    heads = [
        *columns("arm", "seeds"), *_score_heads(evidence, setting), *columns("parameters"),
        Message("columns.off_target", counted=counted),
        *columns("mflops", "train_speed", "decode_speed", "decode_one_speed", "train_seconds", "memory", "gpu_memory"),
    ]  # fmt: skip
    shown = Message(
        "tables.results.note",
        metric=labels.metric_name(metric),
        unit=labels.unit(unit),
        search=search_name(search),
        counted=counted,
        aim=setting.aim,
    )
    note = Joined([shown, *scoring.passed_over(evidence, setting)], "sentences")
    return table(f"results-{setting.slug}", setting.text, note, heads, rows).without_empty_columns()


def in_short(evidence: Evidence, setting: Setting, whole: Table) -> Table:
    """The scores alone of `of_setting`, and the seeds: one row per arm, a column per split."""
    _, metric, search = evidence.headline(setting)
    unit = labels.unit(evidence.unit(setting, metric))
    named = {"metric": labels.metric_name(metric), "unit": unit, "search": search_name(search)}
    note = Message("tables.results.in_short", aim=setting.aim, **named)
    heads = _score_heads(evidence, setting)
    scores = [place for place, head in enumerate(whole.columns) if head in heads]
    return whole.with_columns([0, *scores, 1], note)


def _score_heads(evidence: Evidence, setting: Setting) -> list[Message]:
    """Heads of the columns of the headline metric: the first split is the one of the training distribution."""
    _, metric, _ = evidence.headline(setting)
    return [
        Message(
            f"tables.results.{'split' if place else 'first_split'}", metric=labels.metric_name(metric), split=split
        )
        for place, split in enumerate(evidence.splits(setting))
    ]


def other_scores(evidence: Evidence, setting: Setting) -> Table | None:
    """Every metric, split and search except the headline, with the metric's signature."""
    headline = evidence.headline(setting)[1:]
    rows: list[Row] = []
    keys = ["split", "search", "metric", "unit", "signature"]
    groups = evidence.select(setting).groupby(keys, sort=False, dropna=False)
    for (split, search, metric, unit, signature), part in groups:
        if (metric, search) == headline:
            continue
        for arm in arms.ordered(part["arm"]):
            values = part[part["arm"] == arm]["value"]
            name = labels.metric_with_unit(metric, unit)
            shown = str(signature) if is_present(signature) else NONE
            rows.append([split, search_name(search), name, arm, mean_cell(values, unit), shown])
    rows += scoring.undefined_rows(evidence, setting)
    heads = columns("split", "search", "metric", "arm", "mean", "signature")
    title, note = Message("tables.other.title", setting=setting.text), Message("tables.other.note")
    return table(f"other-scores-{setting.slug}", title, note, heads, rows) if rows else None
