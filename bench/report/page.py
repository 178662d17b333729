"""The report's pages: everything derived from records, rendered as HTML and Markdown in each language, put in place at
the end."""

from __future__ import annotations

import html
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup

from bench.analysis import messages, tidy
from bench.analysis.claims import judge
from bench.analysis.evidence import Evidence, Setting
from bench.analysis.messages import ENGLISH, Message, Text, render
from bench.analysis.stats import RESAMPLES
from bench.errors import UserError
from bench.records import store
from bench.report import exports
from bench.report.figures import attention, matrix, phenomena, reach, scores, style
from bench.report.figures.canvas import Figure
from bench.report.tables import base, examples, facts, published_numbers, sanity, solving, translation
from bench.report.tables.base import Table
from bench.report.tables.examples import Example

KINDS = ("html", "md")


def file_name(kind: str, language: str) -> str:
    """Of a page: `report.html`, `report.zh.html`."""
    return f"report.{kind}" if language == ENGLISH else f"report.{language}.{kind}"


PAGES = tuple(file_name(kind, language) for language in messages.languages() for kind in KINDS)
PRODUCED = (*PAGES, exports.RESULTS, exports.PARQUET, exports.VERDICTS, "figures", "tables")
"""What a build puts into its folder, replacing what was there under these names; what is not made anew goes."""


TAG = re.compile(r"<[^<>]+>")
COLOURS = ((style.INK, "ink"), (style.GRID, "grid"), (style.SHADE, "shade"), ("#ffffff", "paper"))
"""Of a figure, and what the page has for them."""


@dataclass(frozen=True)
class Section:
    """All of one setting. name: short where that is enough; anchor: of its heading."""

    setting: Setting
    name: str | Text
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


def build(folder: Path, out: Path | None = None, languages: Sequence[str] = (ENGLISH,)) -> Path:
    """Write the report of the records under `folder` into `out` (default: the same folder); returns the page in the
    first of the languages.

    The whole report is made beside its place and moved in at the end: an error leaves an earlier report as it was.
    Raises UserError where the folder holds no results or a record cannot be read.
    """
    # Of tables with a few hundred rows, strings in Python objects are faster than in Arrow's arrays, which pandas takes
    # where pyarrow is installed.
    with pd.option_context("mode.string_storage", "python"):
        return _build(Path(folder), Path(folder if out is None else out), languages)


def _build(folder: Path, out: Path, languages: Sequence[str]) -> Path:
    found = tidy.read(folder)
    try:
        out.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=".report-", dir=out))
    except OSError as error:
        raise UserError(f"cannot write a report into {out}: {error.strerror or error}") from error
    try:
        _write(found, folder, building, languages)
        _put_in_place(building, out)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return out / file_name("html", languages[0])


def _write(found: store.Records, folder: Path, building: Path, languages: Sequence[str]) -> None:
    context = contents(found, folder, building)
    for language in languages:
        environment = _environment(language)
        for kind in KINDS:
            others = [(code, file_name(kind, code)) for code in languages if code != language]
            page = environment.get_template(f"report.{kind}.j2").render(
                context, others=others, markdown_name=file_name("md", language)
            )
            (building / file_name(kind, language)).write_text(page, encoding="utf-8")
    exports.scores(tidy.table(context["evidence"]), building)
    exports.verdicts(context["verdicts"], context["beside"], building, languages)
    listed = [figure for section in context["sections"] for figure in section.figures] + context["sizes"]
    listed += [context["matrix"]] if context["matrix"] else []
    (building / "tables").mkdir(exist_ok=True)
    (building / "figures").mkdir(exist_ok=True)
    for figure in listed:
        figure.numbers.to_csv(building / "tables" / f"{figure.name}.csv", index=False)
    exports.tables(context["tables"], building / "tables")


def contents(found: store.Records, folder: Path, building: Path) -> dict:
    """Everything the templates show. Figures are drawn into `building`/figures on the way."""
    evidence, drawn = Evidence(found), building / "figures"
    sections = [
        Section(
            setting,
            evidence.name(setting),
            setting.slug,
            base.results(evidence, setting),
            solving.solved_table(evidence, setting),
            translation.table_of(evidence, setting),
            base.other_scores(evidence, setting),
            phenomena.table_of(evidence, setting),
            scores.of_setting(evidence, setting, drawn)
            + phenomena.figures_of(evidence, setting, drawn)
            + reach.of_setting(evidence, setting, folder, drawn)
            + attention.of_setting(evidence, setting, folder, drawn),
            examples.of_setting(evidence, setting, folder),
        )
        for setting in evidence.settings()
    ]
    fixed = {
        "glance": base.glance(evidence) if sections else None,
        "unfinished": base.not_finished(evidence),
        "gates": sanity.summary(evidence),
        "doubtful": sanity.marked(evidence),
        "literature": base.literature(evidence),
        "tuned": base.tuned(evidence),
        "trials": facts.trials(evidence),
        "penalties": facts.penalties(evidence),
        "components": base.components(evidence),
        "models": facts.models(evidence),
        "options": facts.options(evidence),
        "data": facts.data(evidence),
    }
    others = {claim.letter: published_numbers.beside(evidence, claim.letter) for claim in judge.CLAIMS}
    published = {letter: published_numbers.table_of(letter, rows) for letter, rows in others.items()}
    verdicts = judge.verdicts_from(evidence)
    every = [exports.verdict_table(verdicts), *fixed.values(), *published.values()]
    every += [table for section in sections for table in section.tables]
    return {
        "resamples": f"{RESAMPLES:,}",
        "evidence": evidence,
        "overview": facts.overview(evidence),
        "warnings": facts.warnings(evidence),
        "sections": sections,
        "sizes": scores.by_parameters(evidence, drawn),
        "matrix": matrix.drawn(evidence, drawn),
        "verdicts": verdicts,
        "shown_in": {verdict.letter: _shown_in(verdict, sections) for verdict in verdicts},
        "long_sentences": _long_sentences(evidence, sections),
        "beside": others,
        "published": published,
        "called": judge.CRITERION,
        "signatures": facts.signatures(evidence),
        "glossary": facts.glossary(evidence),
        "tables": [table for table in every if table is not None and table.rows],
        **fixed,
    }


def _shown_in(verdict: judge.Verdict, sections: list[Section]) -> list[Section]:
    """Where the tables and figures of the settings stand that a verdict compares arms in."""
    settings = {judged.comparison.setting for judged in verdict.comparisons}
    return [section for section in sections if section.setting in settings]


def _long_sentences(evidence: Evidence, sections: list[Section]) -> list[tuple[Section, Figure]]:
    """What stands beside claim A, outside its rule."""
    return [
        (section, figure)
        for section in sections
        for figure in translation.long_sentences(evidence, section.setting, section.figures)
    ]


def _environment(language: str) -> jinja2.Environment:
    """Templates whose every expression is told in a language; `say` in them is `Message`."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bench.report"),
        autoescape=lambda name: not (name or "").endswith(".md.j2"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        finalize=partial(render, language=language),
    )
    environment.globals |= {"say": Message, "render": render}
    environment.filters |= {
        "md": lambda text: markdown(render(text, language)), "code": lambda text: code(render(text, language)),
        "inline": partial(inline, language=language),
        "marked": lambda pieces: Markup(examples.marked(pieces, html.escape, language)),
        "marked_md": lambda pieces: " ".join(examples.marked(pieces, escaped, language).split()),
    }  # fmt: skip
    return environment


def markdown(text: object) -> str:
    """Any text as Markdown that shows exactly that text, also inside a table."""
    return escaped(" ".join(str(text).split()))


def escaped(text: str) -> str:
    """As `markdown`, with its spaces as they are."""
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", html.escape(text, quote=False))


def code(text: str) -> Markup:
    """Text as HTML, with code where it has backticks."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text)))


def inline(figure: Figure, language: str = ENGLISH) -> Markup:
    """A figure as SVG inside the page: its own colours for text, axes and shading give way to the page's (light or
    dark), its words to those of the page's language, and ids that nothing refers to go, because several figures share
    one document."""
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
    if language != ENGLISH:
        svg = _worded(svg, figure, language)
    spoken = Message("page.figure", title=figure.title, caption=figure.caption)
    label = html.escape(render(spoken, language), quote=True)
    return Markup(re.sub(r"<svg ", f'<svg role="img" aria-label="{label}" ', svg, count=1))


def _worded(svg: str, figure: Figure, language: str) -> str:
    """The SVG of a figure, drawn in English, with its own words in another language; what a record named stays."""
    own = {_cdata(drawn): _cdata(render(text, language)) for drawn, text in figure.said.drawn.items()}
    return re.sub(r"(?<=>)[^<>]+(?=</text>)", lambda found: own.get(found.group(), found.group()), svg)


def _cdata(text: str) -> str:
    return html.escape(text, quote=False)


def _put_in_place(building: Path, out: Path) -> None:
    """Move what was built to where it belongs; on an error put back what had been there."""
    earlier = building / "earlier"
    earlier.mkdir()
    saved: list[str] = []
    placed: list[str] = []
    try:
        for name in PRODUCED:
            if os.path.lexists(out / name):  # a link to nowhere too
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
