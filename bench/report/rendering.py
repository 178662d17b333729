"""Contents as pages: HTML and Markdown templates, filled in one language."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from bench.analysis import messages
from bench.analysis.messages import ENGLISH, Message, render
from bench.report.contents import Contents, Section
from bench.report.figures import style
from bench.report.figures.canvas import Figure
from bench.report.tables import examples

KINDS = ("html", "md")

TAG = re.compile(r"<[^<>]+>")
COLOURS = ((style.INK, "ink"), (style.GRID, "grid"), (style.SHADE, "shade"), ("#ffffff", "paper"))
"""Colour in a figure and the variable of the page's style sheet that replaces it."""


REPORT, DETAILS = "report", "details"
"""Stems of the first page, and of the page of everything across settings."""

TASKS = "tasks"
"""Folder of the pages of single settings."""


def file_name(kind: str, stem: str = REPORT, language: str = ENGLISH) -> str:
    """File of a page: `report.html`, `report.zh.html`."""
    return f"{stem}.{kind}" if language == ENGLISH else f"{stem}.{language}.{kind}"


PAGES = tuple(
    file_name(kind, stem, language)
    for stem in (REPORT, DETAILS) for language in messages.languages() for kind in KINDS
)  # fmt: skip
"""Files of all pages, beside TASKS, that a report can have."""


def pages(contents: Contents, languages: Sequence[str], place: Path | None = None) -> dict[str, str]:
    """Path in the report's folder -> text of every page in these languages. In Markdown, everything but the first page
    is one file.

    place: the folder of a first page that has no other pages: it leads to those of the results folders themselves.
    """
    texts = {}
    for language in languages:
        environment, name_of = _environment(language), partial(file_name, language=language)
        environment.globals |= dict(vars(contents)) | {"file_name": name_of, "whole": place is None}
        environment.globals["home_of"] = partial(_home_of, place=place, language=language)
        others = [code for code in languages if code != language]

        for kind in KINDS:
            for stem in (REPORT, DETAILS) if place is None else (REPORT,):
                links = [(code, file_name(kind, stem, code)) for code in others]
                page = environment.get_template(f"{stem}.{kind}.j2")
                texts[name_of(kind, stem)] = page.render(root="", others=links)
        for section in contents.sections if place is None else ():
            links = [(code, file_name("html", section.page, code)) for code in others]
            letters = [
                each for each, shown in contents.shown_in.items() if section.page in {one.page for one in shown}
            ]
            page = environment.get_template("task.html.j2")
            text = page.render(root="../", others=links, section=section, letters=letters)
            texts[f"{TASKS}/{name_of('html', section.page)}"] = text
    return texts


def _home_of(section: Section, place: Path | None, language: str) -> str | None:
    """Relative path from a first page in `place` to the report that has the page of a setting: "" in a whole report
    (place is None), None if there is none."""
    if place is None:
        return ""
    if section.folder is None or not (section.folder / TASKS / file_name("html", section.page, language)).is_file():
        return None
    return quote(Path(os.path.relpath(section.folder.resolve(), place.resolve())).as_posix()) + "/"


def _environment(language: str) -> jinja2.Environment:
    """Templates that render every expression in a language. `say` in them makes a text from its key."""
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
        "md": lambda text: markdown(render(text, language)),
        "code": lambda text: code(render(text, language)),
        "md_code": lambda text: markdown_code(render(text, language)),
        "inline": partial(inline, language=language),
        "marked": lambda pieces: Markup(examples.markup(pieces, html.escape, language)),
        "marked_md": lambda pieces: " ".join(examples.markup(pieces, escape_markdown, language).split()),
    }
    return environment


def markdown(text: object) -> str:
    """Any text as one line of Markdown that shows exactly that text, also inside a table."""
    return escape_markdown(" ".join(str(text).split()))


def escape_markdown(text: str) -> str:
    """A text with everything escaped that Markdown or HTML would interpret. White space stays."""
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", html.escape(text, quote=False))


def markdown_code(text: object) -> str:
    r"""Any text as one line of Markdown, also inside a table, with code where it stands in backticks.

    >>> print(markdown_code("`bench run` trains *one* cell"))
    `bench run` trains \*one\* cell
    """
    parts = re.split(r"(`[^`]+`)", " ".join(str(text).split()))
    return "".join(part.replace("|", r"\|") if part[:1] == "`" else escape_markdown(part) for part in parts)


def code(text: object) -> Markup:
    """Text as HTML, with `<code>` for backticks."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(str(text))))


def inline(figure: Figure, language: str = ENGLISH) -> Markup:
    """A figure as SVG for inclusion in the page. Its colours of text, axes and shading become the page's, light or
    dark; its words are translated; its ids get the figure's name as a prefix, because several figures share one
    document, and ids without references are removed."""
    svg = figure.svg[figure.svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    used = {name for tag in TAG.findall(svg) for name in re.findall(r"(?:href=\"|url\()#([^\")]+)", tag)}

    def adapt(tag: re.Match[str]) -> str:
        text = re.sub(r' id="([^"]*)"', lambda match: match.group() if match.group(1) in used else "", tag.group())
        text = re.sub(r'(id="|href="#|url\(#)([^")]+)', rf"\g<1>{figure.name}-\g<2>", text)
        for colour, variable in COLOURS:
            text = text.replace(colour, f"var(--{variable})")
        return text

    svg = TAG.sub(adapt, svg)  # tags only: words in a figure may look like ids or colours
    if language != ENGLISH:
        svg = _translated(svg, figure, language)
    description = render(Message("page.figure", title=figure.title, caption=figure.caption), language)
    label = html.escape(str(description), quote=True)
    return Markup(re.sub(r"<svg ", f'<svg role="img" aria-label="{label}" ', svg, count=1))


def _translated(svg: str, figure: Figure, language: str) -> str:
    """The SVG of a figure, drawn in English, with the figure's own words in another language. Names from the records
    stay."""
    words = {
        _character_data(drawn): _character_data(str(render(text, language)))
        for drawn, text in figure.text.translatable.items()
    }
    return re.sub(r"(?<=>)[^<>]+(?=</text>)", lambda match: words.get(match.group(), match.group()), svg)


def _character_data(text: str) -> str:
    return html.escape(text, quote=False)
