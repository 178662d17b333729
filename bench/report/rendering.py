"""Contents as pages: HTML and Markdown templates, filled in one language."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from functools import partial

import jinja2
from markupsafe import Markup

from bench.analysis import messages
from bench.analysis.messages import ENGLISH, Message, render
from bench.report.contents import Contents
from bench.report.figures import style
from bench.report.figures.canvas import Figure
from bench.report.tables import examples

KINDS = ("html", "md")

TAG = re.compile(r"<[^<>]+>")
COLOURS = ((style.INK, "ink"), (style.GRID, "grid"), (style.SHADE, "shade"), ("#ffffff", "paper"))
"""Colour in a figure and the variable of the page's style sheet that replaces it."""


def file_name(kind: str, language: str) -> str:
    """File of a page: `report.html`, `report.zh.html`."""
    return f"report.{kind}" if language == ENGLISH else f"report.{language}.{kind}"


PAGES = tuple(file_name(kind, language) for language in messages.languages() for kind in KINDS)
"""Files of all pages that a report can have."""


def pages(contents: Contents, languages: Sequence[str]) -> dict[str, str]:
    """File name -> text of every page in these languages."""
    texts = {}
    for language in languages:
        environment = _environment(language)
        for kind in KINDS:
            others = [(code, file_name(kind, code)) for code in languages if code != language]
            texts[file_name(kind, language)] = environment.get_template(f"report.{kind}.j2").render(
                _variables(contents), others=others, markdown_name=file_name("md", language)
            )
    return texts


def _variables(contents: Contents) -> dict[str, object]:
    """The fields of the contents by name."""
    return dict(vars(contents))


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
