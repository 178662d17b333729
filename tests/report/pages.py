"""All pages of a report as one text, for tests of what a report says wherever it says it."""

from __future__ import annotations

from pathlib import Path

from bench.analysis.messages import ENGLISH
from bench.report.rendering import DETAILS, REPORT, TASKS, file_name


def html_pages(out: Path, language: str = ENGLISH) -> dict[str, str]:
    """Path in the report's folder -> page in a language: details, tasks, the first page."""
    ending = file_name("html", "", language)
    of_tasks = [path for path in sorted((out / TASKS).iterdir()) if path.name.partition(".")[2] == ending[1:]]
    files = [out / file_name("html", DETAILS, language), *of_tasks, out / file_name("html", REPORT, language)]
    return {str(path.relative_to(out)): path.read_text(encoding="utf-8") for path in files}


def html(out: Path, language: str = ENGLISH) -> str:
    """Every HTML page in a language."""
    return "\n".join(html_pages(out, language).values())


def markdown(out: Path, language: str = ENGLISH) -> str:
    """Both Markdown files in a language, details first."""
    stems = (DETAILS, REPORT)
    return "\n".join((out / file_name("md", stem, language)).read_text(encoding="utf-8") for stem in stems)
