"""The page and figures of a profile, made from `profile.csv`. If there is a `profile.json`, the page describes the
machine too."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bench.analysis import arms, growth
from bench.analysis.growth import Costs
from bench.errors import UserError
from bench.records import profile_rows
from bench.report.figures import profile
from bench.report.figures.canvas import Figure
from bench.report.rendering import markdown
from bench.report.series import MEBI
from bench.system.markdown import table as markdown_table

PAGE = "profile.md"
NONE = "-"

COMPARED = ("forward", "train", "latency")
"""Types of work in the table of lengths at which the Transformer is slower than another arm."""


def build(folder: Path) -> Path:
    """Write `profile.md` and `figures/` beside the `profile.csv` of a folder. Returns the page. Raises UserError if
    the file is missing or no profile."""
    folder = Path(folder)
    table = read(folder / profile_rows.TABLE)
    for name in (f"{kind}-{work}.svg" for kind in ("time", "memory") for work in profile_rows.QUANTITIES):
        (folder / "figures" / name).unlink(missing_ok=True)  # else the new figure would get a number in its name
    figures = profile.draw(table, folder / "figures")
    lines = page(table, read_machine(folder / profile_rows.METADATA), figures)
    (folder / PAGE).write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return folder / PAGE


def read(path: Path) -> pd.DataFrame:
    """The table of a profile. Raises UserError."""
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as a profile: {error}") from error
    if missing := [column for column in profile_rows.COLUMNS if column not in table.columns]:
        raise UserError(f"{path} is not a profile: it lacks {', '.join(missing)}")
    return table


def read_machine(path: Path) -> dict[str, Any]:
    """The content of `profile.json`: settings, environment and code. {} if there is no such file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def page(table: pd.DataFrame, machine: Mapping[str, Any], figures: Sequence[Figure]) -> Iterator[str]:
    """The lines of `profile.md`. machine: from `read_machine`."""
    yield from _introduction(table)
    yield from _method(table, machine)
    yield "## Speed"
    for work in _work_types(table):
        yield from _speed(table, work)
    yield from _growth(table)
    yield from _crossovers(table)
    yield from _utilisation(table)
    yield from _memory(table)
    yield from _not_measured(table)
    yield from ["## Figures", ""]
    for figure in figures:
        yield from [f"**{figure.title}**", "", f"![{figure.title}](figures/{figure.name}.png)", ""]
        yield from [f"{figure.caption} ([SVG](figures/{figure.name}.svg))", ""]


def costs(table: pd.DataFrame, work: str, arm: str, quantity: str) -> Costs:
    """Length -> cost of one arm. quantity: `time` (seconds per target token) or `memory` (bytes above those in use
    before the work)."""
    own = table[(table["what"] == work) & (table["arm"] == arm) & (table["status"] == profile_rows.MEASURED)]
    values = own["seconds"] / own["tokens"] if quantity == "time" else own["peak_bytes"] - own["base_bytes"]
    return {int(length): float(value) for length, value in zip(own["length"], values, strict=True)}


def _introduction(table: pd.DataFrame) -> Iterator[str]:
    yield from ["# Speed, memory and utilisation by length", ""]
    yield (
        "All numbers are for batches of random tokens. Every source and every target has the stated length, including "
        "the end token, so there is no padding. Speeds are in target tokens per second; for single sentences, in "
        "seconds per target token."
    )
    yield ""
    sizes = table.dropna(subset=["parameters"]).groupby("arm")["parameters"].first()
    parameters = ", ".join(f"`{arm}` {sizes[arm]:,.0f}" for arm in arms.ordered(sizes.index))
    yield from [f"Parameters: {parameters or 'not known, since nothing was measured'}.", ""]


def _method(table: pd.DataFrame, machine: Mapping[str, Any]) -> Iterator[str]:
    yield from ["## Method", ""]
    measured = table[table["status"] == profile_rows.MEASURED]
    if len(measured):
        rates = measured["matmul_flops_per_second"] / 1e9
        yield (
            f"- Each row of `{profile_rows.TABLE}` is measured in its own process. After a warm-up, which does not "
            f"count, the process makes {_range(measured['n'])} calls. The tables show their median and, in brackets, "
            "their quartiles."
        )
        yield (
            "- The machine's matrix-product rate is measured in the same process after the work, as the fastest of a "
            f"few large square float32 products: median {rates.median():,.1f} GFLOP/s, {rates.min():,.1f} to "
            f"{rates.max():,.1f} over all processes."
        )
        batches = measured[measured["what"] != "latency"]
        if len(batches):
            yield (
                f"- Batches hold a fixed number of tokens (up to {batches['tokens'].max():,.0f} target tokens), so "
                "batches of longer sentences hold fewer of them. In beam search a sentence counts once per hypothesis."
            )
    yield (
        "- Forward pass: the teacher-forced loss without gradients. Training step: forward, loss, backward, clipping, "
        "optimiser."
    )
    yield "- Decoding stops after as many tokens as the source has; the end token is never chosen."
    if machine:
        settings, environment = machine["settings"], machine["environment"]
        libraries = ", ".join(f"{name} {version}" for name, version in environment["libraries"].items())
        yield f"- Settings: `{' '.join(settings['words'])}`."
        yield (
            f"- Machine: {markdown(environment['cpu'])}, {environment['cores']} usable cores, threads: "
            f"{environment['threads']}, device {environment['device']}; {markdown(environment['platform'])}; "
            f"Python {environment['python']}, {libraries}."
        )
        for code in machine["code"]:
            clean = {True: "clean", False: "with changes", None: "state not known"}[code["clean"]]
            reason = f"; {markdown(code['reason'])}" if code.get("reason") else ""
            yield f"- Code: version {code['version']}, commit {code['commit'] or 'not known'} ({clean}{reason})."
    yield ""


def _speed(table: pd.DataFrame, work: str) -> Iterator[str]:
    yield from ["", f"### {_title(work)} ({profile_rows.UNITS[work]})", ""]

    def cell(row: pd.Series) -> str:
        return f"{_number(row['median'])} [{_number(row['q25'])}, {_number(row['q75'])}]"

    yield from _by_length(table, work, cell)


def _growth(table: pd.DataFrame) -> Iterator[str]:
    yield from ["", "## Growth with length", ""]
    yield (
        "The exponent with which a cost grows with length: the log-log slope, by least squares over the upper half of "
        "the measured lengths. Time is per target token. Memory is that of a batch with about equally "
        "many tokens, above the memory in use before the work. At slope 0 a token costs the same at every length, so "
        "the cost of a sentence is proportional to its length; at slope 1 it grows with the square. In batched "
        "decoding, longer sentences mean fewer sentences at a time, which alone gives a slope of up to 1."
    )
    yield ""
    rows = []
    for quantity, work in _quantities(table):
        for arm in _arms(table):
            slope = growth.slope(costs(table, work, arm, quantity))
            if slope is not None:
                span = f"{slope.low:,} to {slope.high:,}"
                cost = f"{quantity}, {profile_rows.QUANTITIES[work]}"
                rows.append((cost, f"`{arm}`", f"{slope.value:+.2f}", span, str(slope.n)))
    yield from _table(("cost", "arm", "slope", "lengths", "points"), rows, numeric=(2, 4))


def _crossovers(table: pd.DataFrame) -> Iterator[str]:
    yield from ["", "## Where the Transformer is slower", ""]
    yield (
        "Lengths at which the Transformer takes longer per target token than another arm, interpolated between "
        "measured lengths on logarithmic axes."
    )
    yield ""
    transformers = [arm for arm in _arms(table) if arms.kind(arm) == arms.TRANSFORMER]
    recurrent = [arm for arm in _arms(table) if arms.kind(arm) in arms.ANY_RECURRENT]
    rows = []
    for work in COMPARED:
        for ours in transformers:
            for other in recurrent:
                crossover = growth.crossover(costs(table, work, ours, "time"), costs(table, work, other, "time"))
                if crossover is not None:
                    rows.append((profile_rows.QUANTITIES[work], f"`{ours}` slower than `{other}`", str(crossover)))
    yield from _table(("work", "comparison", "lengths"), rows)


def _utilisation(table: pd.DataFrame) -> Iterator[str]:
    yield from ["", "## Utilisation", ""]
    yield (
        "Matrix-product FLOPs of the work divided by its time and by the machine's float32 matrix-product rate. FLOPs "
        "are counted from the model; attention counts as the whole square, also where the decoder masks half of it."
    )
    for work in _work_types(table):
        yield from ["", f"### {_title(work)} (share of the rate)", ""]
        yield from _by_length(table, work, lambda row: f"{row['utilisation']:.1%}")


def _memory(table: pd.DataFrame) -> Iterator[str]:
    yield from ["", "## Memory", ""]
    yield (
        "Peak above the memory in use before the work, in MiB, and in parentheses the whole peak. On a CPU it is the "
        "memory of the process with its libraries, on a GPU the memory that torch allocated."
    )

    def cell(row: pd.Series) -> str:
        return f"{(row['peak_bytes'] - row['base_bytes']) / MEBI:,.0f} ({row['peak_bytes'] / MEBI:,.0f})"

    for work in _work_types(table):
        yield from ["", f"### {_title(work)} (MiB)", ""]
        yield from _by_length(table, work, cell)


def _not_measured(table: pd.DataFrame) -> Iterator[str]:
    missing = table[table["status"] != profile_rows.MEASURED]
    yield from ["", "## Not measured", ""]
    if missing.empty:
        yield from ["Every requested measurement was made.", ""]
        return
    rows = []
    for _, row in missing.iterrows():
        work = profile_rows.QUANTITIES[row["what"]]
        rows.append((f"`{row['arm']}`", f"{row['length']:,}", work, row["status"], markdown(row["reason"])))
    yield from _table(("arm", "length", "work", "outcome", "reason"), rows, numeric=(1,))
    yield ""


def _by_length(table: pd.DataFrame, work: str, cell: Callable[[pd.Series], str]) -> Iterator[str]:
    """A table with a row per length and a column per arm. cell: text of a measured row; NONE stands for others."""
    own = table[table["what"] == work]
    measured = own[own["status"] == profile_rows.MEASURED]
    cells = {(row["arm"], row["length"]): cell(row) for _, row in measured.iterrows()}
    names = _arms(own)
    rows = [
        (f"{length:,}", *(cells.get((arm, length), NONE) for arm in names)) for length in sorted(set(own["length"]))
    ]
    yield from _table(("length", *(f"`{arm}`" for arm in names)), rows, numeric=range(len(names) + 1))


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], numeric: Collection[int] = ()) -> list[str]:
    return markdown_table(heads, rows, numeric) if rows else ["Too few lengths were measured."]


def _quantities(table: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Quantity and type of work of every cost."""
    yield from (("time", work) for work in _work_types(table))
    yield from (("memory", work) for work in _work_types(table) if work in profile.WITH_MEMORY)


def _work_types(table: pd.DataFrame) -> list[str]:
    return [work for work in profile_rows.QUANTITIES if work in set(table["what"])]


def _arms(table: pd.DataFrame) -> list[str]:
    return arms.ordered(table["arm"])


def _title(work: str) -> str:
    return profile_rows.QUANTITIES[work][0].upper() + profile_rows.QUANTITIES[work][1:]


def _range(values: pd.Series) -> str:
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low} to {high}"


def _number(value: float) -> str:
    """A number with three significant digits, or a whole number from 100 on."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
