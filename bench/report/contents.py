"""Everything that the pages show, computed once for all languages: figures, tables, verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.analysis.claims import judge
from bench.analysis.claims.judge import Verdict
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Message, Text
from bench.analysis.settings import Setting
from bench.analysis.stats import RESAMPLES
from bench.records import article_rows
from bench.records.pool import Pool
from bench.report import article
from bench.report.article import ArticleSection
from bench.report.figures import attention, deciding, phenomena, reach, scores
from bench.report.figures.canvas import Figure
from bench.report.tables import (
    examples,
    exploratory,
    facts,
    families,
    generalisation,
    origins,
    published_numbers,
    results,
    sanity,
    solving,
    text_data,
    training,
    translation,
)
from bench.report.tables import phenomena as phenomena_table
from bench.report.tables.base import Table, columns, table
from bench.report.tables.examples import Example
from bench.report.tables.published_numbers import PublishedRow


@dataclass(frozen=True)
class Section:
    """Tables, figures and examples of one setting. name: the shortest unambiguous one; page: stem of the file of its
    page; origin: the results folders of its cells, "" if there is one folder alone; folder: of all its cells, None if
    they lie in several."""

    setting: Setting
    name: str | Text
    page: str
    origin: Text | str
    folder: Path | None
    results: Table
    solved: Table | None
    generalisation: Table | None
    translation: Table | None
    other: Table | None
    phenomena: Table | None
    figures: list[Figure]
    examples: list[Example]

    @property
    def tables(self) -> list[Table | None]:
        return [self.results, self.solved, self.generalisation, self.translation, self.other, self.phenomena]


@dataclass(frozen=True)
class Contents:
    """What the templates show; its fields are their variables.

    short: the claims in a few words; deciding: the figure of each verdict that has one; origin: the results folders
    that each verdict rests on; these three by letter of a claim. folders: the pooled results folders, None for one.
    run: the overview in short; families: which family is ahead, None if no two can be compared,
    and wins: the part of it that the page shows.
    glance: None if no cell has finished; sizes: figures against parameters, bytes of state and training pairs;
    shown_in: by letter of a claim, the sections of the settings that its verdict compares arms in; long_sentences:
    sections and figures that stand beside claim A without being part of its rule; untested: the claims that were not
    tested if they are most of them, which the page then has in one line, below the scores of each setting, in_short;
    published: by letter, the table of published numbers; published_rows: the same as data; resamples: of the
    bootstrap; called: what counts as a difference.
    """

    evidence: Evidence
    short: dict[str, Text]
    deciding: dict[str, Figure]
    origin: dict[str, Text | str]
    folders: Table | None
    run: list[tuple[Text, str]]
    overview: list[tuple[Text, str]]
    warnings: list[Text]
    sections: list[Section]
    glance: Table | None
    families: Table | None
    wins: Table | None
    sizes: list[Figure]
    literature: Table | None
    article: ArticleSection | None
    verdicts: list[Verdict]
    untested: list[Verdict]
    in_short: list[Table]
    shown_in: dict[str, list[Section]]
    long_sentences: list[tuple[Section, Figure]]
    published: dict[str, Table | None]
    published_rows: dict[str, list[PublishedRow]]
    exploratory: Table
    unfinished: Table
    gates: Table
    doubtful: Table
    settings: Table
    trials: Table
    penalties: Table
    components: Table
    models: Table
    options: Table
    text_data: Table
    data: Table
    signatures: list[str]
    glossary: list[tuple[str, Text]]
    called: Text = judge.CRITERION
    resamples: str = f"{RESAMPLES:,}"

    @property
    def figures(self) -> list[Figure]:
        """Every figure of the report."""
        return [figure for section in self.sections for figure in section.figures] + self.sizes + self.first_figures

    @property
    def first_figures(self) -> list[Figure]:
        """The figures of the first page."""
        return [*self.deciding.values(), *([self.article.figure] if self.article else [])]

    @property
    def first_tables(self) -> list[Table]:
        """The tables of the first page, with rows."""
        tables = [verdict_table(self.verdicts), self.families, self.folders, *self.published.values(), *self.in_short]
        return [table for table in tables if table is not None and table.rows]

    @property
    def tables(self) -> list[Table]:
        """Every table with rows."""
        tables = [
            verdict_table(self.verdicts), self.families, self.glance, self.exploratory, self.unfinished, self.gates,
            self.doubtful, self.literature, self.settings, self.trials, self.penalties, self.components, self.models,
            self.options, self.text_data, self.data, self.folders,
            *self.published.values(), *(table for section in self.sections for table in section.tables),
        ]  # fmt: skip
        return [table for table in tables if table is not None and table.rows]


def make(pool: Pool, figures: Path, first_page: bool = False) -> Contents:
    """The contents of a report. figures: the folder that figures are drawn into; first_page: of the figures and
    examples of sections, which take most of the time, only those that the first page shows or leads to."""
    evidence = Evidence(pool.records)
    sections = [_section(evidence, setting, pool, figures, first_page) for setting in evidence.settings()]
    published = {claim.letter: published_numbers.of_claim(evidence, claim.letter) for claim in judge.CLAIMS}
    sizes = [] if first_page else scores.by_size(evidence, figures) + scores.by_pairs(evidence, figures)
    by_family = families.table_of(evidence)
    verdicts = judge.verdicts_from(evidence)
    untested = _untested(verdicts) if sections else []
    drawn = {verdict.letter: deciding.draw(evidence, verdict, figures) for verdict in verdicts}
    return Contents(
        evidence=evidence,
        short={claim.letter: Message(f"page.short.{claim.letter}") for claim in judge.CLAIMS},
        deciding={letter: figure for letter, figure in drawn.items() if figure is not None},
        origin={verdict.letter: origins.of_verdict(evidence, verdict, pool) for verdict in verdicts},
        folders=origins.table_of(evidence, pool),
        run=facts.overview(evidence, facts.IN_SHORT),
        overview=facts.overview(evidence),
        warnings=facts.warnings(evidence),
        sections=sections,
        glance=results.glance(evidence) if sections else None,
        families=by_family,
        wins=families.short(by_family) if by_family else None,
        sizes=sizes,
        literature=published_numbers.multi30k(evidence),
        article=_article(pool, figures),
        verdicts=verdicts,
        untested=untested,
        in_short=[results.in_short(evidence, each.setting, each.results) for each in (sections if untested else [])],
        shown_in={verdict.letter: _shown_in(verdict, sections) for verdict in verdicts},
        long_sentences=[
            (section, figure)
            for section in sections
            for figure in scores.long_sentences(evidence, section.setting, section.figures)
        ],
        published={letter: published_numbers.table_of(letter, rows) for letter, rows in published.items()},
        published_rows=published,
        exploratory=exploratory.table_of(evidence, verdicts),
        unfinished=sanity.unfinished(evidence),
        gates=sanity.summary(evidence),
        doubtful=sanity.marked_cells(evidence),
        settings=training.settings(evidence),
        trials=training.trials(evidence),
        penalties=training.penalties(evidence),
        components=training.components(evidence),
        models=facts.models(evidence),
        options=facts.options(evidence),
        text_data=text_data.table_of(evidence),
        data=facts.data(evidence),
        signatures=facts.signatures(evidence),
        glossary=facts.glossary(evidence),
    )


def verdict_table(verdicts: list[Verdict]) -> Table:
    """The verdicts as the page lists them first."""
    rows = [
        [
            Message("page.claim", letter=verdict.letter, sentence=verdict.claim.sentence),
            verdict.word,
            verdict.sentence,
            verdict.corrected,
        ]
        for verdict in verdicts
    ]
    heads = columns("claim", "verdict", "sentence", "corrected")
    return table("verdicts", Message("page.verdicts"), judge.CRITERION, heads, rows)


def _section(evidence: Evidence, setting: Setting, pool: Pool, figures: Path, first_page: bool) -> Section:
    return Section(
        setting,
        evidence.name(setting),
        setting.slug,
        origins.of_settings(evidence, [setting]),
        origins.folder_of(evidence, setting, pool),
        results.of_setting(evidence, setting),
        solving.table_of(evidence, setting),
        generalisation.table_of(evidence, setting),
        translation.table_of(evidence, setting),
        results.other_scores(evidence, setting),
        phenomena_table.table_of(evidence, setting),
        _figures(evidence, setting, pool, figures, first_page),
        [] if first_page else examples.of_setting(evidence, setting, pool.cells),
    )


def _figures(evidence: Evidence, setting: Setting, pool: Pool, folder: Path, first_page: bool) -> list[Figure]:
    if first_page:
        return scores.of_long_sentences(evidence, setting, folder)
    return [
        *scores.of_setting(evidence, setting, folder),
        *phenomena.of_setting(evidence, setting, folder),
        *reach.of_setting(evidence, setting, pool.cells, folder),
        *attention.of_setting(evidence, setting, pool.cells, folder),
    ]


def _article(pool: Pool, figures: Path) -> ArticleSection | None:
    """The section on the article's own code, of the first results folder that has its files."""
    sections = (article.section(folder / article_rows.FOLDER, figures) for folder in pool.folders)
    return next((section for section in sections if section is not None), None)


def _untested(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The claims that were not tested if they are most of them, else none."""
    untested = [verdict for verdict in verdicts if verdict.verdict == judge.NOT_TESTED]
    return untested if len(untested) > len(verdicts) / 2 else []


def _shown_in(verdict: Verdict, sections: list[Section]) -> list[Section]:
    """The sections of the settings that a verdict compares arms in."""
    settings = {judged.comparison.setting for judged in verdict.comparisons}
    return [section for section in sections if section.setting in settings]
