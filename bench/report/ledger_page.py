"""The ledger of published numbers as a page (Markdown, in English) and as a table (CSV)."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from bench.analysis.evidence import Evidence
from bench.analysis.ledger import IN, NO_SCORE, NOT_RUN, OTHER, OUT, Entry, OwnResult, entries
from bench.analysis.published_score import FAR_POINTS, MEDIAN, NEAR, NEAR_POINTS, PublishedScore
from bench.analysis.solved import SOLVED
from bench.errors import StorageError, UserError, reason
from bench.metrics import LOSS
from bench.records import pool, store
from bench.report.tables.base import NONE
from bench.system.files import replacing
from bench.system.markdown import table as markdown_table

PAGE, TABLE = "published.md", "published.csv"

COLUMNS = (
    *("outcome", "claims", "source", "data", "protocol", "system", "published", "band_low", "band_high", "compared"),
    *("folder", "setting", "arm", "value", "mean", "lowest", "highest", "best_seed", "best", "seeds", "solved_seeds"),
    *("without_score", "doubted", "steps", "parameters", "differs"),
)
"""Columns of published.csv. value: what of our seeds is compared with the band."""

HEAD = """# Published numbers and ours

Written by `bench ledger` from the records alone; [published.csv](published.csv) has the same rows. Every published
number that this project knows is here, misses included.

{counts}

- **Band.** A published range is the band (a mean with its deviation, "at least N"). A single number: everything from
  {near:g} point below it upwards (of 100), a loss up to {loss:g} % above it, a squared error up to {error:g} % above.
  A number that shows that a system does not learn its task (below {solved:g} %, or an error near that of guessing):
  {far:g} points, or the same share of the loss or error, on either side.
- **What of ours is compared.** Our best seed where the published number is the best of several runs, our median where
  its source takes medians, else our mean over seeds. Few seeds of ours stand against many of theirs.
- **Solved.** Seeds with at least {solved:g} %, or at most a tenth of the error of guessing.
- **Other set-up.** An option of the published protocol is another one here, and the last column names it: neither in
  nor out.
- Ours is the arm most similar to the published system, with all its finished cells. The last column counts cells that
  fail a sanity gate or have no score.
"""

RESULT_HEADS = (
    *("claim", "data and measure", "system", "published", "band", "outcome", "our arm, folder"),
    *("our mean (lowest-highest)", "best seed", "seeds", "solved", "what differs"),
)
NOT_RUN_HEADS = ("claim", "source", "data and measure", "system", "published", "why")


def build(folders: Sequence[Path], out: Path) -> list[Entry]:
    """Write published.md and published.csv into the folder `out`, and return their entries.

    Nothing is written before all records are read. Raises UserError if a folder holds no results, a record cannot be
    read, or `out` cannot be written to.
    """
    # In small tables, Python strings are faster than Arrow's, which pandas uses if pyarrow is installed.
    with pd.option_context("mode.string_storage", "python"):
        records = pool.read(folders)
        every = entries(Evidence(records.records), records.names[0])
    try:
        out.mkdir(parents=True, exist_ok=True)
        with replacing(out / PAGE) as page, replacing(out / TABLE) as table:
            page.write_text(markdown(every), encoding="utf-8")
            _write_csv(every, table)
    except OSError as error:
        raise StorageError(f"cannot write the ledger into {out}: {reason(error)}; name another --out") from error
    return every


def default_folders(reference: Path) -> list[Path]:
    """The folders in `reference` that hold records, by name. Raises UserError if there are none."""
    folders = sorted(path.parent.parent for path in reference.glob(f"*/*/{store.RECORD}"))
    if not folders:
        raise UserError(f"{reference} has no results folders; name some: bench ledger DIR ... --out DIR")
    return list(dict.fromkeys(folders))


def summary(every: Sequence[Entry]) -> str:
    """How many published numbers have a result of ours, and how many results are in the band."""
    results = Counter(entry.outcome for entry in every)
    alike = {id(entry.published) for entry in every if entry.outcome in (IN, OUT, NO_SCORE)}
    other = {id(entry.published) for entry in every if entry.outcome == OTHER}
    unlike = sum(entry.published.ours is None for entry in every)
    ended = f", {results[NO_SCORE]} without a score" if results[NO_SCORE] else ""
    return (
        f"{len({id(entry.published) for entry in every})} published numbers. {len(alike)} have results of ours by "
        f"their protocol: {results[IN]} results in the band, {results[OUT]} out{ended}. {len(other)} have results of "
        f"another set-up only. {results[NOT_RUN]} are not run; for {unlike} of these, nothing here has a comparable "
        "score."
    )


def markdown(every: Sequence[Entry]) -> str:
    """The page: a table for each source that we have results for, then what is not run."""
    head = HEAD.format(
        counts=summary(every), near=NEAR_POINTS, far=FAR_POINTS, loss=100 * NEAR[LOSS], error=100 * NEAR["mse"],
        solved=100 * SOLVED,
    )  # fmt: skip
    parts = [head]
    compared = [(entry, entry.own) for entry in every if entry.own is not None]
    for source in dict.fromkeys(str(entry.published.source) for entry, _ in compared):
        own = [(entry, result) for entry, result in compared if str(entry.published.source) == source]
        protocols = dict.fromkeys(
            (entry.published.protocol.text, entry.published.protocol.differs)
            for entry, _ in own
            if entry.published.protocol is not None
        )
        texts = [f"Published: {text}\nOurs: {differs}\n" for text, differs in protocols]
        parts.append("\n".join([f"## {source}\n", *texts, _table(RESULT_HEADS, (_result(*each) for each in own))]))
    rest = [entry.published for entry in every if entry.own is None]
    parts.append(f"## Not run\n\n{_table(NOT_RUN_HEADS, map(_not_run, rest))}")
    return "\n".join(parts)


def _result(entry: Entry, own: OwnResult) -> list[str]:
    published, outcome, scores = entry.published, entry.outcome, [NONE] * 4
    if own.values:
        low, high = min(own.values.values()), max(own.values.values())
        spread = f" ({_number(low)}-{_number(high)})" if len(own.values) > 1 else ""
        solved = NONE if own.solved is None else f"{own.solved} of {len(own.values)}"
        scores = [_number(own.mean) + spread, _number(own.best[1]), str(len(own.values)), solved]
    if outcome in (IN, OUT):
        value = f" {_number(own.compared(MEDIAN))}" if published.compared == MEDIAN else ""
        outcome = f"{outcome if outcome == IN else f'**{OUT}**'}, by our {published.compared}{value}"
    return [
        _claims(published), str(published.what), str(published.system), str(published.number),
        str(published.band or NONE), outcome, f"`{own.arm}`, {', '.join(own.folders)}", *scores,
        differences(published, own),
    ]  # fmt: skip


def _claims(published: PublishedScore) -> str:
    return ", ".join(published.claims) or NONE


def _not_run(published: PublishedScore) -> list[str]:
    why = "no comparable score here" if published.ours is None else "no cells yet"
    return [_claims(published), *map(str, (published.source, published.what, published.system)),
            str(published.number), why]  # fmt: skip


def differences(published: PublishedScore, own: OwnResult) -> str:
    """What differs in this result, read from its records: options, training steps, parameters, cells left out."""
    words = [f"{key.split('.')[-1].replace('_', ' ')} {ours}, theirs {theirs}" for key, ours, theirs in own.other]
    theirs = None if published.protocol is None else published.protocol.steps
    for count, named, reference in (
        (own.steps, "steps", theirs), (own.parameters, "parameters", published.parameters)
    ):  # fmt: skip
        if count is not None:
            words.append(f"{count:,.0f} {named}" + (f", theirs {reference:,.0f}" if reference else ""))
    if own.without_score:
        words.append(f"cells without a score: {own.without_score}")
    if own.doubted:
        words.append(f"cells that fail a sanity gate: {own.doubted}")
    return "; ".join(words)


def _number(value: float) -> str:
    return f"{value:.4g}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(markdown_table(heads, rows)) + "\n"


def _write_csv(every: Sequence[Entry], path: Path) -> None:
    """One row for each entry; the columns are COLUMNS, empty where there is no value."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(_row(entry) for entry in every)


def _row(entry: Entry) -> dict[str, object]:
    published, own, band = entry.published, entry.own, entry.published.band
    protocol = published.protocol
    row: dict[str, object] = {
        "outcome": entry.outcome, "claims": published.claims, "source": published.source, "data": published.what,
        "protocol": "" if protocol is None else protocol.text, "system": published.system,
        "published": published.number, "differs": published.differs if protocol is None else protocol.differs,
    }  # fmt: skip
    if band is not None:
        low, high = (end if math.isfinite(end) else "" for end in (band.low, band.high))
        row |= {"band_low": low, "band_high": high, "compared": published.compared}
    if own is not None:
        row |= {
            "folder": ";".join(own.folders), "setting": own.setting, "arm": own.arm, "seeds": len(own.values),
            "solved_seeds": own.solved, "without_score": own.without_score, "doubted": own.doubted,
            "steps": own.steps, "parameters": own.parameters,
            "differs": " ".join([str(row["differs"]), differences(published, own)]),
        }  # fmt: skip
    if own is not None and own.values:
        seed, best = own.best
        row |= {
            "value": own.compared(published.compared), "mean": own.mean, "lowest": min(own.values.values()),
            "highest": max(own.values.values()), "best_seed": seed, "best": best,
        }  # fmt: skip
    return row
