"""Everything that the pages show, computed once for all languages: figures, tables, verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.analysis.claims import judge
from bench.analysis.claims.judge import Verdict
from bench.analysis.evidence import Evidence
from bench.analysis.messages import Message, Text
from bench.analysis.settings import Setting
from bench.analysis.stats import RESAMPLES
from bench.records.store import Records
from bench.report.figures import attention, matrix, phenomena, reach, scores
from bench.report.figures.canvas import Figure
from bench.report.tables import (
    examples,
    facts,
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
    """Tables, figures and examples of one setting. name: the shortest unambiguous one; anchor: id of the heading."""

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


@dataclass(frozen=True)
class Contents:
    """What the templates show; its fields are their variables.

    glance: None if no cell has finished; sizes: figures against the number of parameters; shown_in: by letter of a
    claim, the sections of the settings that its verdict compares arms in; long_sentences: sections and figures that
    stand beside claim A without being part of its rule; published: by letter, the table of published numbers;
    published_rows: the same as data; resamples: of the bootstrap; called: what counts as a difference.
    """

    evidence: Evidence
    overview: list[tuple[Text, str]]
    warnings: list[Text]
    sections: list[Section]
    glance: Table | None
    matrix: Figure | None
    sizes: list[Figure]
    literature: Table | None
    verdicts: list[Verdict]
    shown_in: dict[str, list[Section]]
    long_sentences: list[tuple[Section, Figure]]
    published: dict[str, Table | None]
    published_rows: dict[str, list[PublishedRow]]
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
        figures = [figure for section in self.sections for figure in section.figures] + self.sizes
        return figures + ([self.matrix] if self.matrix else [])

    @property
    def tables(self) -> list[Table]:
        """Every table with rows."""
        tables = [
            verdict_table(self.verdicts), self.glance, self.unfinished, self.gates, self.doubtful, self.literature,
            self.settings, self.trials, self.penalties, self.components, self.models, self.options, self.text_data,
            self.data,
            *self.published.values(), *(table for section in self.sections for table in section.tables),
        ]  # fmt: skip
        return [table for table in tables if table is not None and table.rows]


def make(records: Records, folder: Path, figures: Path) -> Contents:
    """The contents of a report. folder: of the cells; figures: the folder that figures are drawn into."""
    evidence = Evidence(records)
    sections = [_section(evidence, setting, folder, figures) for setting in evidence.settings()]
    published = {claim.letter: published_numbers.of_claim(evidence, claim.letter) for claim in judge.CLAIMS}
    sizes, arm_matrix = scores.by_parameters(evidence, figures), matrix.draw(evidence, figures)
    verdicts = judge.verdicts_from(evidence)
    return Contents(
        evidence=evidence,
        overview=facts.overview(evidence),
        warnings=facts.warnings(evidence),
        sections=sections,
        glance=results.glance(evidence) if sections else None,
        matrix=arm_matrix,
        sizes=sizes,
        literature=published_numbers.multi30k(evidence),
        verdicts=verdicts,
        shown_in={verdict.letter: _shown_in(verdict, sections) for verdict in verdicts},
        long_sentences=[
            (section, figure)
            for section in sections
            for figure in scores.long_sentences(evidence, section.setting, section.figures)
        ],
        published={letter: published_numbers.table_of(letter, rows) for letter, rows in published.items()},
        published_rows=published,
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
            verdict.corrected,
        ]
        for verdict in verdicts
    ]
    return table("verdicts", Message("page.verdicts"), judge.CRITERION, columns("claim", "verdict", "corrected"), rows)


def _section(evidence: Evidence, setting: Setting, folder: Path, figures: Path) -> Section:
    return Section(
        setting,
        evidence.name(setting),
        setting.slug,
        results.of_setting(evidence, setting),
        solving.table_of(evidence, setting),
        translation.table_of(evidence, setting),
        results.other_scores(evidence, setting),
        phenomena_table.table_of(evidence, setting),
        [
            *scores.of_setting(evidence, setting, figures),
            *phenomena.of_setting(evidence, setting, figures),
            *reach.of_setting(evidence, setting, folder, figures),
            *attention.of_setting(evidence, setting, folder, figures),
        ],
        examples.of_setting(evidence, setting, folder),
    )


def _shown_in(verdict: Verdict, sections: list[Section]) -> list[Section]:
    """The sections of the settings that a verdict compares arms in."""
    settings = {judged.comparison.setting for judged in verdict.comparisons}
    return [section for section in sections if section.setting in settings]
