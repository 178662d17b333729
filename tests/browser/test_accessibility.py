"""Keyboard, screen reader, paper: who cannot point, see or scroll reads the same report. axe-core checks the rules of
WCAG that a program can check."""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import pages
from tests.browser.test_look import OPEN

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="`make browser` installs axe")

HARMFUL = ("serious", "critical")
"""Impact of a finding, in axe's words."""

EMPTY_DRAWINGS = "document.querySelectorAll('figure svg').forEach(each => each.replaceChildren())"
"""A drawing is one image with a name. Its thousands of shapes would take axe minutes; test_look checks their words."""

HEADINGS = """heads => heads.filter(each => each.checkVisibility()).map(each => Number(each.tagName[1]))"""

NAMELESS = """all => all.filter(each => !(each.textContent.trim() || each.getAttribute("aria-label")))
  .map(each => each.outerHTML.slice(0, 80))"""


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_axe_finds_nothing_serious(in_any_language, visit, width, scheme):
    for path in pages(in_any_language):
        page = visit(path, width, scheme)
        page.evaluate(OPEN)
        page.evaluate(EMPTY_DRAWINGS)
        findings = axe.Axe().run(page).response["violations"]
        harmful = [(each["id"], each["nodes"][0]["html"][:120]) for each in findings if each["impact"] in HARMFUL]
        assert harmful == [], path


def test_axe_would_find_it(everything, visit):
    page = visit(everything)
    page.evaluate("document.documentElement.removeAttribute('lang')")
    page.evaluate(EMPTY_DRAWINGS)
    assert "html-has-lang" in {each["id"] for each in axe.Axe().run(page).response["violations"]}


def test_the_keyboard_opens_and_closes_a_claim(file, visit):
    page = visit(file)
    claim, summary = page.locator("#claim-D"), page.locator("#claim-D > summary")
    page.locator("#claim-C > summary").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.parentElement.id") == "claim-D", "closed claims are one stop each"
    assert summary.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
    for key in ("Enter", "Space"):
        page.keyboard.press(key)
        assert claim.evaluate("element => element.open") and claim.locator("dl").is_visible()
        page.keyboard.press(key)
        assert not claim.evaluate("element => element.open") and not claim.locator("dl").is_visible()


def test_a_screen_reader_hears_the_verdict_in_the_name_of_a_claim(file, visit):
    tree = visit(file, 1440).locator("#verdicts").aria_snapshot()
    for letter in "ABCDEFGH":
        assert re.search(rf"{letter} .*(supported|refuted|qualified|inconclusive|not tested)", tree), letter


@pytest.mark.parametrize("letter", ["A", "H"])
def test_an_address_opens_its_claim(file, visit, letter):
    page = visit(file)
    page.goto(f"{file.as_uri()}#claim-{letter}")
    assert page.locator("details.claim[open]").evaluate_all("all => all.map(each => each.id)") == [f"claim-{letter}"]
    top = page.locator(f"#claim-{letter} > summary").evaluate("element => element.getBoundingClientRect().top")
    assert page.locator("nav").evaluate("bar => bar.getBoundingClientRect().bottom") <= top + 1
    assert top < page.viewport_size["height"]
    page.evaluate("location.hash = 'claim-B'")
    page.wait_for_function("document.getElementById('claim-B').open")


@pytest.mark.parametrize("script", [True, False])
def test_paper_shows_every_claim_unfolded(file, visit, script):
    page = visit(file, java_script_enabled=script)
    page.emulate_media(media="print")
    for letter in "ABCDEFGH":
        claim = page.locator(f"#claim-{letter}")
        assert claim.locator(".unfolded").evaluate("element => element.getBoundingClientRect().height") > 100
        assert claim.locator("dl").is_visible()
    assert not page.locator("nav").is_visible()
    page.emulate_media(media="screen")
    assert not page.locator("#claim-A dl").is_visible()


def test_paper_is_white(file, visit):
    page = visit(file, scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_headings_are_in_order_and_everything_that_acts_has_a_name(in_any_language, visit):
    for path in pages(in_any_language):
        page = visit(path)
        page.evaluate(OPEN)
        levels = page.eval_on_selector_all("h1, h2, h3, h4, h5, h6", HEADINGS)
        assert levels[0] == 1 and levels.count(1) == 1, path
        assert all(after <= before + 1 for before, after in zip(levels, levels[1:])), path
        assert page.eval_on_selector_all("summary, a, button", NAMELESS) == []
        assert page.locator("main").count() == page.locator("html[lang]").count() == 1
        assert page.title()
