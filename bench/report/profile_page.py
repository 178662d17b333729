"""A profile's page and figures, made from `profile.csv` alone. `profile.json`, where there is one, adds the machine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from bench.analysis import arms, growth
from bench.analysis.growth import Costs
from bench.errors import UserError
from bench.records import profile_rows
from bench.report.figures import profile
from bench.report.figures.canvas import Figure
from bench.report.page import markdown
from bench.report.series import MEBI

PAGE = "profile.md"
NONE = "-"

COMPARED = ("forward", "train", "latency")
"""Where the Transformer is asked to be no slower than the LSTM."""


def build(folder: Path) -> Path:
    """Write `profile.md` and `figures/` beside a folder's `profile.csv`; returns the page. Raises UserError where there
    is no such table or it is not one."""
    folder = Path(folder)
    table = read(folder / profile_rows.TABLE)
    for name in (f"{kind}-{what}.svg" for kind in ("time", "memory") for what in profile_rows.WHATS):
        (folder / "figures" / name).unlink(missing_ok=True)  # drawn anew, not beside the earlier ones
    lines = page(table, about(folder / profile_rows.ABOUT), profile.drawn(table, folder / "figures"))
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


def about(path: Path) -> dict:
    """`profile.json`, {} where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def page(table: pd.DataFrame, told: dict, figures: Sequence[Figure]) -> Iterator[str]:
    """The lines of `profile.md`. told: what `about` gives."""
    yield from _opening(table)
    yield from _how(table, told)
    yield "## Speed"
    for what in _whats(table):
        yield from _speed(table, what)
    yield from _growing(table)
    yield from _crossing(table)
    yield from _used(table)
    yield from _memory(table)
    yield from _left_out(table)
    yield from ["## Figures", ""]
    for figure in figures:
        yield from [f"**{figure.title}**", "", f"![{figure.title}](figures/{figure.name}.png)", ""]
        yield from [f"{figure.caption} ([SVG](figures/{figure.name}.svg))", ""]


def costs(table: pd.DataFrame, what: str, arm: str, quantity: str) -> Costs:
    """Length to seconds a target token (`time`) or to bytes above what there was before the work (`memory`)."""
    own = table[(table["what"] == what) & (table["arm"] == arm) & (table["status"] == profile_rows.MEASURED)]
    values = own["seconds"] / own["tokens"] if quantity == "time" else own["peak_bytes"] - own["base_bytes"]
    return {int(length): float(value) for length, value in zip(own["length"], values, strict=True)}


def _opening(table: pd.DataFrame) -> Iterator[str]:
    yield from ["# Speed, memory and use of the machine, by length", ""]
    yield (
        "Each number is for batches of random tokens in which every source and every target has the length given, the "
        "end token included, so nothing is padding. Speeds are target tokens a second; for one sentence at a time, "
        "seconds a target token."
    )
    yield ""
    sizes = table.dropna(subset=["parameters"]).groupby("arm")["parameters"].first()
    shown = ", ".join(f"`{arm}` {sizes[arm]:,.0f}" for arm in arms.ordered(sizes.index))
    yield from [f"Parameters: {shown or 'not known, since nothing was measured'}.", ""]


def _how(table: pd.DataFrame, told: dict) -> Iterator[str]:
    yield from ["## How it was measured", ""]
    measured = table[table["status"] == profile_rows.MEASURED]
    if len(measured):
        rates = measured["matmul_flops_per_second"] / 1e9
        yield (
            f"- Each row of `{profile_rows.TABLE}` is a process of its own. After a warm-up that does not count it makes "
            f"{_range(measured['n'])} calls; given are their median and, in brackets, their quartiles."
        )
        yield (
            f"- The machine's matrix-product rate, measured in the same process after the work (the fastest of a few "
            f"large square float32 products): median {rates.median():,.1f} GFLOP/s, {rates.min():,.1f} to "
            f"{rates.max():,.1f} over all processes."
        )
        batches = measured[measured["what"] != "latency"]
        if len(batches):
            yield (
                f"- Batches hold a fixed number of tokens (up to {batches['tokens'].max():,.0f} target tokens), so "
                "longer sentences are fewer; beam search counts one once for each hypothesis."
            )
    yield (
        "- Forward pass: the teacher-forced loss without gradients. Training step: forward, loss, backward, clipping, "
        "optimiser."
    )
    yield "- Decoding goes to a limit of as many tokens as the source has; the end token is never chosen."
    if told:
        settings, machine = told["settings"], told["environment"]
        libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())
        yield f"- Settings: `{' '.join(settings['words'])}`."
        yield (
            f"- Machine: {markdown(machine['cpu'])}, {machine['cores']} usable cores, threads: {machine['threads']}, "
            f"device {machine['device']}; {markdown(machine['platform'])}; Python {machine['python']}, {libraries}."
        )
        for code in told["code"]:
            clean = {True: "clean", False: "with changes", None: "state not known"}[code["clean"]]
            yield f"- Code: version {code['version']}, commit {code['commit'] or 'not known'} ({clean})."
    yield ""


def _speed(table: pd.DataFrame, what: str) -> Iterator[str]:
    unit = profile_rows.UNITS[what]
    yield from ["", f"### {_title(what)} ({unit})", ""]

    def cell(row: pd.Series) -> str:
        return f"{_number(row['median'])} [{_number(row['q25'])}, {_number(row['q75'])}]"

    yield from _grid(table, what, cell)


def _growing(table: pd.DataFrame) -> Iterator[str]:
    yield from ["", "## Growth with length", ""]
    yield (
        "The power of length that a cost grows with: the log-log slope, least squares over the upper half of the "
        "lengths measured. Time is that of one target token, memory that of a batch of about equal size in tokens, "
        "above what there was before the work. 0 means that a token costs the same at every length, so that the cost "
        "of a sentence grows in proportion to it; 1, that it grows with the square. Decoding in batches has fewer "
        "sentences at a time the longer they are, which alone gives a slope of up to 1."
    )
    yield ""
    lines = []
    for quantity, what in _quantities(table):
        for arm in _arms(table):
            found = growth.slope(costs(table, what, arm, quantity))
            if found is not None:
                span = f"{found.low:,} to {found.high:,}"
                lines.append(
                    (f"{quantity}, {profile_rows.WHATS[what]}", f"`{arm}`", f"{found.value:+.2f}", span, str(found.n))
                )
    yield from _table(("cost", "arm", "slope", "lengths", "points"), lines, numeric=(2, 4))


def _crossing(table: pd.DataFrame) -> Iterator[str]:
    yield from ["", "## Where the Transformer is slower", ""]
    yield (
        "The lengths at which a target token takes the Transformer longer than the other arm, interpolated between "
        "measured lengths on logarithmic axes."
    )
    yield ""
    ours = [arm for arm in _arms(table) if arms.kind(arm) == arms.TRANSFORMER]
    others = [arm for arm in _arms(table) if arms.kind(arm) in arms.ANY_RECURRENT]
    lines = []
    for what in COMPARED:
        for one in ours:
            for other in others:
                found = growth.crossover(costs(table, what, one, "time"), costs(table, what, other, "time"))
                if found is not None:
                    lines.append((profile_rows.WHATS[what], f"`{one}` slower than `{other}`", str(found)))
    yield from _table(("work", "who", "at lengths"), lines)


def _used(table: pd.DataFrame) -> Iterator[str]:
    yield from ["", "## Use of the machine", ""]
    yield (
        "Matrix-product FLOPs of the work, counted from the model (attention over the whole square, also where the "
        "decoder masks half of it), over the time, over the machine's matrix-product rate in float32."
    )
    for what in _whats(table):
        yield from ["", f"### {_title(what)} (share of the rate)", ""]
        yield from _grid(table, what, lambda row: f"{row['utilisation']:.1%}")


def _memory(table: pd.DataFrame) -> Iterator[str]:
    yield from ["", "## Memory", ""]
    yield (
        "The peak above what there was before the work, in MiB, and in brackets the whole peak: on a CPU that of the "
        "process with its libraries, on a GPU what torch allocated."
    )

    def cell(row: pd.Series) -> str:
        return f"{(row['peak_bytes'] - row['base_bytes']) / MEBI:,.0f} ({row['peak_bytes'] / MEBI:,.0f})"

    for what in _whats(table):
        yield from ["", f"### {_title(what)} (MiB)", ""]
        yield from _grid(table, what, cell)


def _left_out(table: pd.DataFrame) -> Iterator[str]:
    missing = table[table["status"] != profile_rows.MEASURED]
    yield from ["", "## Not measured", ""]
    if missing.empty:
        yield from ["Everything that was asked for was measured.", ""]
        return
    lines = [
        (
            f"`{row['arm']}`",
            f"{row['length']:,}",
            profile_rows.WHATS[row["what"]],
            row["status"],
            markdown(row["reason"]),
        )
        for _, row in missing.iterrows()
    ]
    yield from _table(("arm", "length", "work", "outcome", "why"), lines, numeric=(1,))
    yield ""


def _grid(table: pd.DataFrame, what: str, cell) -> Iterator[str]:
    """Lengths down, arms across; a dash where there is no number."""
    own = table[table["what"] == what]
    measured = {
        (row["arm"], row["length"]): cell(row) for _, row in own[own["status"] == profile_rows.MEASURED].iterrows()
    }
    names = _arms(own)
    lines = [
        (f"{length:,}", *(measured.get((arm, length), NONE) for arm in names)) for length in sorted(set(own["length"]))
    ]
    yield from _table(("length", *(f"`{arm}`" for arm in names)), lines, numeric=range(len(names) + 1))


def _table(heads: Sequence[str], lines: Iterable[Sequence[str]], numeric: Iterable[int] = ()) -> Iterator[str]:
    lines = list(lines)
    if not lines:
        yield "Nothing to say: too few lengths were measured."
        return
    numeric = set(numeric)
    yield f"| {' | '.join(heads)} |"
    yield f"|{'|'.join('---:' if place in numeric else '---' for place in range(len(heads)))}|"
    yield from (f"| {' | '.join(line)} |" for line in lines)


def _quantities(table: pd.DataFrame) -> Iterator[tuple[str, str]]:
    yield from (("time", what) for what in _whats(table))
    yield from (("memory", what) for what in _whats(table) if what in profile.WITH_MEMORY)


def _whats(table: pd.DataFrame) -> list[str]:
    return [what for what in profile_rows.WHATS if what in set(table["what"])]


def _arms(table: pd.DataFrame) -> list[str]:
    return arms.ordered(table["arm"])


def _title(what: str) -> str:
    return profile_rows.WHATS[what][0].upper() + profile_rows.WHATS[what][1:]


def _range(values: pd.Series) -> str:
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low} to {high}"


def _number(value: float) -> str:
    """Three figures, or whole above that."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
