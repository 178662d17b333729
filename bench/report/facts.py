"""What was run, on what and how, in words: read off the records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import pandas as pd

from bench.matching import COUNTED, RULES
from bench.records import STATUSES
from bench.report import arms
from bench.report.evidence import Evidence, Setting, column, given, option
from bench.report.tables import NONE, Table, differing_options, measured, table

NOT_SHOWN = ("name", "_target_")


def overview(evidence: Evidence) -> list[tuple[str, str]]:
    """Term and text: what any reader has to see before the numbers."""
    cells = evidence.cells
    counts = Counter(cells["status"])
    known = [status for status in (*STATUSES, *sorted(set(counts) - set(STATUSES))) if counts[status]]
    facts = [
        ("Cells", f"{len(cells)}: " + ", ".join(f"{counts[status]} {status}" for status in known)),
        ("Suite", distinct(cells, "suite")),
        ("Tasks", ", ".join(sorted(set(cells["task_told"])))),
        ("Arms", ", ".join(arms.ordered(cells["model"]))),
        ("Seeds", ", ".join(f"{seed:g}" for seed in sorted(set(cells["seed"].dropna()))) or "not recorded"),
        ("Budgets", "; ".join(_budgets(cells)) or "not recorded"),
        ("Matched", "; ".join(_matching(evidence))),
        ("Processor", distinct(cells, "environment.cpu")),
        ("Device", distinct(cells, "environment.device")),
        ("GPU", distinct(cells, "environment.gpu")),
        ("Threads a cell", distinct(cells, "environment.threads")),
        ("Cells run beside each other", distinct(cells, "environment.concurrent_cells")),
        ("Platform", distinct(cells, "environment.platform")),
        ("Python", distinct(cells, "environment.python")),
        ("Libraries", _libraries(cells)),
        ("Code", _code(cells)),
    ]
    return [(term, text) for term, text in facts if text]


def warnings(evidence: Evidence) -> list[str]:
    """What a reader has to know before comparing anything."""
    said = []
    mixed = [setting for setting in evidence.settings() if not evidence.same_machine(setting)]
    if mixed:
        said.append(
            "Speeds and memory of these settings were measured on unlike machines, threads or concurrency, and enter "
            f"no verdict: {'; '.join(map(str, mixed))}."
        )
    busy = pd.to_numeric(column(evidence.cells, "environment.concurrent_cells"), errors="coerce")
    if (busy > 1).any():
        said.append("Cells ran beside each other, so speeds are lower than on an idle machine.")
    commits = {value for value in column(evidence.done, "code.commit") if given(value)}
    if len(commits) > 1:
        said.append("Cells come from more than one version of the code.")
    if any(given(value) and not bool(value) for value in column(evidence.done, "code.clean")):
        said.append("Some cells were run with changes that were not committed.")
    few = [setting for setting in evidence.settings() if _fewest_seeds(evidence, setting) == 1]
    if few:
        said.append(f"One seed, and so no interval over seeds, for an arm of: {'; '.join(map(str, few))}.")
    return said


def data(evidence: Evidence) -> Table:
    """Checksums, counts, training ranges and chance of each task's data."""
    rows = []
    for setting in evidence.settings():
        cells = evidence.of(setting)
        for name in cells.columns:
            if name.startswith("data.") and (values := distinct(cells, name, counted=False)):
                kind, _, rest = name.removeprefix("data.").partition(".")
                rows.append([setting.task, kind.replace("_", " "), rest, values])
    unique = list(dict.fromkeys(tuple(row) for row in rows))
    note = "Equal checksums mean equal data; more than one value means that the cells did not share their data."
    return table("data", "Data", note, ["task", "what", "name", "value"], unique)


def trials(evidence: Evidence) -> Table:
    """What every arm's settings were chosen from: one row an arm, all trials with their validation loss."""
    rows = []
    for setting in evidence.settings():
        cells = evidence.of(setting)
        for arm in evidence.arms(setting):
            own = column(cells[cells["arm"] == arm], "tuning")
            held = next((choice for choice in own if isinstance(choice, Mapping) and choice.get("set")), None)
            if held is not None:
                tried = held.get("trials") or {}
                shown = [f"{what}: {_loss(loss)}" for what, loss in tried.items()]
                chosen = ", ".join(f"{key}={value}" for key, value in held["set"].items())
                rows.append([evidence.name(setting), arm, chosen, measured(len(tried)), "; ".join(shown) or NONE])
    note = (
        "Settings that do not come from the arm's own file, and the trials behind them with their validation loss; no "
        "trial touches a test set. Without trials: set by hand or carried over from another budget."
    )
    columns = ["task", "arm", "chosen", "trials", "validation loss of each trial"]
    return table("trials", "What the settings were chosen from", note, columns, rows)


def penalties(evidence: Evidence) -> Table:
    """The length penalty of each cell's beam, where it was chosen, and the validation score of every candidate."""
    rows = []
    for setting in evidence.settings():
        cells = evidence.of(setting)
        for arm in evidence.arms(setting):
            for row in cells[cells["arm"] == arm].sort_values("seed").to_dict("records"):
                choice = row.get("selection.length_penalty")
                if isinstance(choice, Mapping):
                    tried = [f"{each['length_penalty']:g}: {each['value']:.4g}" for each in choice["candidates"]]
                    by = f"{choice['search']}, {choice['metric']} ({choice['unit']})"
                    chosen = measured(choice["chosen"], "{:g}")
                    rows.append([evidence.name(setting), arm, measured(row["seed"]), by, chosen, "; ".join(tried)])
    note = (
        "What the beam's length penalty was chosen from: the validation split, decoded once with each candidate. Of "
        "equal scores the candidate named first is taken; the test sets are decoded once, with the chosen one."
    )
    columns = ["task", "arm", "seed", "search and score", "chosen", "validation score of each candidate"]
    return table("length-penalties", "Length penalties chosen on validation", note, columns, rows)


def _loss(loss: float | None) -> str:
    return "failed" if loss is None else f"{loss:.3g}"


def options(evidence: Evidence) -> Table:
    """Every option of task, budget and search, with the values it takes in each task."""
    rows = []
    for task in sorted(set(evidence.cells["task_told"])):
        configs = evidence.cells[evidence.cells["task_told"] == task]["config"]
        for key, values in differing_options(configs).items():
            if not key.startswith("model.") and key.rpartition(".")[2] not in NOT_SHOWN:
                rows.append([task, key, ", ".join(values)])
    note = "Every option besides those of the model; where arms differ in one, all values are listed."
    return table("options", "Configuration", note, ["task", "option", "values"], rows)


def models(evidence: Evidence) -> Table:
    """Every option of each arm's model, a row for each arm of a task."""
    told: dict[tuple[str, str], list[object]] = {}
    for task, arm, config in evidence.cells[["task_told", "arm", "config"]].itertuples(index=False):
        told.setdefault((task, arm), []).append(option(config, "model"))
    rows = []
    for task in sorted({task for task, _ in told}):
        for arm in arms.ordered(arm for at, arm in told if at == task):
            found = differing_options(told[task, arm])
            shown = [f"{key} {' / '.join(values)}" for key, values in found.items() if key not in NOT_SHOWN]
            rows.append([task, arm, ", ".join(shown) or NONE])
    note = "Options of each arm's model; a width that was solved for stands under the settings of each arm."
    return table("models", "Models", note, ["task", "arm", "options"], rows)


def signatures(evidence: Evidence) -> list[str]:
    """What each metric computes, as its own program says it."""
    pairs = evidence.scores[["metric", "signature"]].dropna().drop_duplicates()
    return sorted(f"{row.metric}: {row.signature}" for row in pairs.itertuples())


def glossary(evidence: Evidence) -> list[tuple[str, str]]:
    """Arm and description."""
    return [(arm, arms.describe(arm)) for arm in arms.ordered(evidence.cells["arm"])]


def distinct(cells: pd.DataFrame, name: str, counted: bool = True) -> str:
    """The values of a column, each with its number of cells where there are several; "" for none."""
    counts = Counter(_plain(value) for value in column(cells, name) if given(value))
    if len(counts) <= 1 or not counted:
        return "; ".join(counts)
    return "; ".join(f"{value} ({count} cells)" for value, count in counts.most_common())


def _plain(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return " to ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _budgets(cells: pd.DataFrame) -> Iterable[str]:
    for name in sorted(set(cells["budget_name"])):
        configs = cells[cells["budget_name"] == name]["config"]
        found = differing_options(config.get("budget") for config in configs if given(config))
        told = ", ".join(f"{key} {' / '.join(v)}" for key, v in found.items() if key not in NOT_SHOWN)
        yield f"{name} ({told})" if told else name


def _matching(evidence: Evidence) -> Iterable[str]:
    """For each rule its targets, and how far from them the arms are."""
    settings = evidence.cells["setting"]
    for rule in RULES:
        targets = sorted({setting.target for setting in settings if setting.rule == rule and setting.target >= 0})
        if not targets:
            continue
        cells = evidence.cells[[setting.rule == rule for setting in settings]]
        off = pd.to_numeric(column(cells, "match.mismatch"), errors="coerce").dropna()
        spread = f", arms lie between {100 * off.min():+.1f} % and {100 * off.max():+.1f} % of it" if len(off) else ""
        yield f"{COUNTED[rule]}: target {', '.join(f'{target:,}' for target in targets)}{spread}"


def _libraries(cells: pd.DataFrame) -> str:
    names = [name for name in cells.columns if name.startswith("environment.libraries.")]
    return ", ".join(f"{name.removeprefix('environment.libraries.')} {distinct(cells, name)}" for name in names)


def _code(cells: pd.DataFrame) -> str:
    commit, version = distinct(cells, "code.commit"), distinct(cells, "code.version")
    clean = [bool(value) for value in column(cells, "code.clean") if given(value)]
    tree = "" if not clean else ", clean tree" if all(clean) else ", with uncommitted changes in some cells"
    return (
        ", ".join(filter(None, [f"version {version}" if version else "", f"commit {commit}" if commit else ""])) + tree
    )


def _fewest_seeds(evidence: Evidence, setting: Setting) -> int:
    return int(evidence.of(setting).groupby("arm")["seed"].nunique().min())
