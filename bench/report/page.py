"""The report's page: everything derived from records, rendered twice (HTML and Markdown), put in place at the end."""

from __future__ import annotations

import html
import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markupsafe import Markup

from bench import claims, records, tidy
from bench.errors import UserError
from bench.report import attention, beside, examples, exports, facts, figures, gated, matrix, phenomena, reach_figures
from bench.report import solving, style, tables, translation
from bench.report.drawing import Figure
from bench.report.evidence import Evidence, Setting
from bench.report.examples import Example
from bench.report.tables import Table

TITLE = "How does a Transformer differ from RNN, LSTM and GRU?"
PRODUCED = ("report.md", "report.html", exports.RESULTS, exports.PARQUET, exports.VERDICTS, "figures", "tables")
"""What a build puts into its folder, replacing what was there under these names; what is not made anew goes."""


TAG = re.compile(r"<[^<>]+>")
COLOURS = ((style.INK, "ink"), (style.GRID, "grid"), (style.SHADE, "shade"), ("#ffffff", "paper"))
"""Of a figure, and what the page has for them."""


@dataclass(frozen=True)
class Section:
    """All of one setting. name: short where that is enough; anchor: of its heading."""

    setting: Setting
    name: str
    anchor: str
    results: Table
    solved: Table | None
    translation: Table | None
    other: Table | None
    phenomena: Table | None
    figures: list[Figure]
    examples: list[Example]

    @property
    def tables(self) -> list[Table | None]:
        return [self.results, self.solved, self.translation, self.other, self.phenomena]


def build(folder: Path, out: Path | None = None) -> Path:
    """Write the report of the records under `folder` into `out` (default: the same folder); returns report.html.

    The whole report is made beside its place and moved in at the end: an error leaves an earlier report as it was.
    Raises UserError where the folder holds no results or a record cannot be read.
    """
    folder = Path(folder)
    out = folder if out is None else Path(out)
    found = tidy.read(folder)
    try:
        out.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=".report-", dir=out))
    except OSError as error:
        raise UserError(f"cannot write a report into {out}: {error.strerror or error}") from error
    try:
        _write(found, folder, building)
        _put_in_place(building, out)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return out / "report.html"


def _write(found: records.Records, folder: Path, building: Path) -> None:
    context = contents(found, folder, building)
    for name in ("report.html", "report.md"):
        (building / name).write_text(_environment().get_template(f"{name}.j2").render(context), encoding="utf-8")
    exports.scores(tidy.table(context["evidence"]), building)
    exports.verdicts(context["verdicts"], context["beside"], building)
    listed = [figure for section in context["sections"] for figure in section.figures] + context["sizes"]
    listed += [context["matrix"]] if context["matrix"] else []
    (building / "tables").mkdir(exist_ok=True)
    (building / "figures").mkdir(exist_ok=True)
    for figure in listed:
        figure.numbers.to_csv(building / "tables" / f"{figure.name}.csv", index=False)
    exports.tables(context["tables"], building / "tables")


def contents(found: records.Records, folder: Path, building: Path) -> dict:
    """Everything the templates show. Figures are drawn into `building`/figures on the way."""
    evidence, drawn = Evidence(found), building / "figures"
    sections = [
        Section(
            setting,
            evidence.name(setting),
            setting.slug,
            tables.results(evidence, setting),
            solving.solved_table(evidence, setting),
            translation.table_of(evidence, setting),
            tables.other_scores(evidence, setting),
            phenomena.table_of(evidence, setting),
            figures.of_setting(evidence, setting, drawn)
            + phenomena.figures_of(evidence, setting, drawn)
            + reach_figures.of_setting(evidence, setting, folder, drawn)
            + attention.of_setting(evidence, setting, folder, drawn),
            examples.of_setting(evidence, setting, folder),
        )
        for setting in evidence.settings()
    ]
    fixed = {
        "glance": tables.glance(evidence) if sections else None,
        "unfinished": tables.not_finished(evidence),
        "gates": gated.summary(evidence),
        "doubtful": gated.marked(evidence),
        "literature": tables.literature(evidence),
        "tuned": tables.tuned(evidence),
        "trials": facts.trials(evidence),
        "penalties": facts.penalties(evidence),
        "components": tables.components(evidence),
        "models": facts.models(evidence),
        "options": facts.options(evidence),
        "data": facts.data(evidence),
    }
    others = {claim.letter: beside.beside(evidence, claim.letter) for claim in claims.CLAIMS}
    published = {letter: beside.table_of(letter, rows) for letter, rows in others.items()}
    verdicts = claims.verdicts(found)
    every = [exports.verdict_table(verdicts), *fixed.values(), *published.values()]
    every += [table for section in sections for table in section.tables]
    return {
        "title": TITLE,
        "evidence": evidence,
        "overview": facts.overview(evidence),
        "warnings": facts.warnings(evidence),
        "sections": sections,
        "sizes": figures.by_parameters(evidence, drawn),
        "matrix": matrix.drawn(evidence, drawn),
        "verdicts": verdicts,
        "shown_in": {verdict.letter: _shown_in(verdict, sections) for verdict in verdicts},
        "beside": others,
        "published": published,
        "called": claims.CALLED,
        "signatures": facts.signatures(evidence),
        "glossary": facts.glossary(evidence),
        "marks": examples.MARKS,
        "tables": [table for table in every if table is not None and table.rows],
        **fixed,
    }


def _shown_in(verdict: claims.Verdict, sections: list[Section]) -> list[Section]:
    """Where the tables and figures of the settings stand that a verdict compares arms in."""
    settings = {judged.comparison.setting for judged in verdict.comparisons}
    return [section for section in sections if section.setting in settings]


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bench.report"),
        autoescape=lambda name: not (name or "").endswith(".md.j2"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "md": markdown,
        "inline": inline,
        "marked": lambda pieces: Markup(examples.marked(pieces, html.escape)),
        "marked_md": lambda pieces: " ".join(examples.marked(pieces, escaped).split()),
    }
    return environment


def markdown(text: object) -> str:
    """Any text as Markdown that shows exactly that text, also inside a table."""
    return escaped(" ".join(str(text).split()))


def escaped(text: str) -> str:
    """As `markdown`, with its spaces as they are."""
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", html.escape(text, quote=False))


def inline(figure: Figure) -> Markup:
    """A figure as SVG inside the page: its own colours for text, axes and shading give way to the page's (light or
    dark), and ids that nothing refers to go, because several figures share one document."""
    svg = figure.svg[figure.svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    used = {name for tag in TAG.findall(svg) for name in re.findall(r"(?:href=\"|url\()#([^\")]+)", tag)}

    def adapted(tag: re.Match[str]) -> str:
        text = re.sub(r' id="([^"]*)"', lambda found: found.group() if found.group(1) in used else "", tag.group())
        text = re.sub(r'(id="|href="#|url\(#)([^")]+)', rf"\g<1>{figure.name}-\g<2>", text)
        for colour, variable in COLOURS:
            text = text.replace(colour, f"var(--{variable})")
        return text

    svg = TAG.sub(adapted, svg)  # and not what a token in the figure says
    label = html.escape(f"{figure.title}. {figure.caption}", quote=True)
    return Markup(re.sub(r"<svg ", f'<svg role="img" aria-label="{label}" ', svg, count=1))


def _put_in_place(building: Path, out: Path) -> None:
    """Move what was built to where it belongs; on an error put back what had been there."""
    earlier = building / "earlier"
    earlier.mkdir()
    saved: list[str] = []
    placed: list[str] = []
    try:
        for name in PRODUCED:
            if (out / name).exists():
                os.replace(out / name, earlier / name)
                saved.append(name)
            if (building / name).exists():
                os.replace(building / name, out / name)
                placed.append(name)
    except BaseException:
        _take_back(out, placed)
        for name in saved:
            os.replace(earlier / name, out / name)
        raise


def _take_back(out: Path, names: Iterable[str]) -> None:
    for name in names:
        path = out / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
