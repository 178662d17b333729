"""What a report's page does in a browser: it is quiet, sorts its tables, shows texts as text, and its links lead
on."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

import pytest

from tests.browser.conftest import ATTACK, WIDTHS

COLUMNS = """table => [...table.tHead.rows[0].cells].map(head => head.classList.contains("n"))"""
SORT = """(table, place) => {
  const head = table.tHead.rows[0].cells[place];
  head.querySelector("button").click();
  const texts = [...table.tBodies[0].rows].map(row => row.cells[place].textContent);
  const marked = [...table.tHead.rows[0].cells].filter(each => each.hasAttribute("aria-sort")).length;
  return [head.getAttribute("aria-sort"), texts, marked];
}"""


def number(text: str) -> float | None:
    """The number that a cell begins with, or the share that `1 of 2` or `1 / 2` is; None for a dash."""
    if share := re.fullmatch(r"(\d+) (?:of|/) (\d+)", text):
        return int(share[1]) / int(share[2])
    return None if text == "-" else float(re.match(r"[-+]?[\d,]+(\.\d+)?(e[-+]?\d+)?", text).group().replace(",", ""))


def test_nothing_is_fetched_or_complained_of(in_any_language, visit):
    messages, requests = [], []

    def watch(page):
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on("dialog", lambda dialog: (messages.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: requests.append(request.url))

    page = visit(in_any_language, watch=watch)
    page.wait_for_load_state("networkidle")
    page.locator("th button").first.click()
    assert messages == [] and requests == [in_any_language.as_uri()]


def test_every_column_of_every_table_sorts(file, visit):
    page = visit(file)
    telling = 0
    tables = page.locator("table.sortable").element_handles()
    assert len(tables) > 10
    for table in tables:
        for place, numeric in enumerate(table.evaluate(COLUMNS)):
            (first, up, marked), (second, down, _) = (table.evaluate(SORT, place) for _ in range(2))
            assert (first, second, marked) == ("ascending", "descending", 1)
            assert sorted(up) == sorted(down)
            if numeric:
                rising, falling = (list(map(number, texts)) for texts in (up, down))
                shown = [value for value in rising if value is not None]
                empty = [None] * (len(rising) - len(shown))
                assert rising == sorted(shown) + empty and falling == sorted(shown, reverse=True) + empty
                telling += shown != [number(text) for text in sorted(up) if text != "-"]
            elif all(re.fullmatch("[a-z_]+", text) for text in up):
                assert up == sorted(up) and down == up[::-1]
    assert telling, "no column in which the order of numbers is not that of their texts"


def test_sorting_by_mouse_and_keyboard(long_range, visit):
    page = visit(long_range)
    table = page.locator("table.sortable[id^=table-results]").first
    arms = table.locator("tbody td:first-child")
    as_built = arms.all_text_contents()
    button = table.locator("th button").first
    button.click()
    assert arms.all_text_contents() == sorted(as_built) != as_built
    button.press("Enter")
    assert arms.all_text_contents() == sorted(as_built, reverse=True)
    page.keyboard.press("Space")
    assert arms.all_text_contents() == sorted(as_built)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == table.locator("th button").nth(1).text_content()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_an_attack_is_shown_as_text(everything, visit):
    page = visit(everything)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.hacked") is None
    hypotheses = page.locator(".example td").all_inner_texts()
    assert sum(text.startswith(ATTACK) for text in hypotheses) == 3
    assert page.locator("#table-not-finished td", has_text="window.hacked").inner_text() == ATTACK
    assert ATTACK in page.locator("#run").inner_text()
    assert page.locator("img, iframe").count() == 0


def test_differences_of_examples_are_marked_without_colour(everything, visit):
    page = visit(everything)

    def row(arm: str):
        rows = page.locator(".example").first.locator("tr")
        return rows.filter(has=page.get_by_role("rowheader", name=arm)).locator("td").first

    assert row("lstm_dot").locator("ins").all_inner_texts() == ["x", "y"]
    assert row("lstm_none").locator("del").all_inner_texts() == ["a"] and row("lstm_none").inner_text() == "a b c d"
    assert row("gru_dot").inner_text() == "(empty)" and row("transformer").locator("ins").inner_text() == ATTACK
    line = "element => getComputedStyle(element).textDecorationLine"
    assert row("lstm_dot").locator("ins").first.evaluate(line) == "underline"
    assert row("lstm_none").locator("del").evaluate(line) == "line-through"


def test_links_lead_to_what_is_there(in_any_language, visit):
    page = visit(in_any_language)
    targets = page.eval_on_selector_all("a", "links => links.map(link => link.getAttribute('href'))")
    ids = page.eval_on_selector_all("[id]", "all => all.map(each => each.id)")
    assert len(ids) == len(set(ids)) and len(targets) > 50
    for target in targets:
        parts = urlsplit(target)
        assert parts.scheme == parts.netloc == "", target
        if parts.path:
            assert (in_any_language.parent / unquote(parts.path)).stat().st_size, target
        else:
            assert parts.fragment in ids, target


@pytest.mark.parametrize("width", WIDTHS)
def test_contents_lead_to_headings_in_sight(file, visit, width):
    page = visit(file, width)
    contents = page.get_by_role("navigation").first
    for link in contents.get_by_role("link").all():
        link.click()
        heading = page.locator(f"{link.get_attribute('href')} h2").bounding_box()
        bar = contents.bounding_box()
        assert bar["y"] + bar["height"] <= heading["y"] + 1 < page.viewport_size["height"], link.text_content()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_claim_s_evidence_is_two_clicks_away(everything, visit, width):
    """The first screen tells every verdict; one click leads to its evidence, the next to its tables and figures."""
    page = visit(everything, width)
    box = "element => element.getBoundingClientRect().bottom"
    first = page.locator(".strip a:visible, table.stacked a:visible")
    for letter in "ABCDEFGH":
        link = first.locator(f"xpath=self::*[@href='#claim-{letter}']").first
        assert link.evaluate(box) < page.viewport_size["height"]
    page.locator("[href='#claim-G']:visible").first.click()
    claim = page.locator("#claim-G")
    evidence = claim.locator("dt", has_text="Evidence")
    assert evidence.evaluate(box) < page.viewport_size["height"]
    assert "p " in claim.locator("li").first.inner_text() and claim.locator(".badge").count() == 1
    claim.locator("dt", has_text="Tables and figures").locator("xpath=..").locator("a").first.click()
    target = page.locator(page.evaluate("location.hash"))
    assert target.locator("table.sortable").count() and target.locator("figure").count()


def test_the_page_works_without_javascript(file, visit):
    plain, scripted = (visit(file, java_script_enabled=enabled) for enabled in (False, True))
    assert plain.locator("body").inner_text() == scripted.locator("body").inner_text()
    assert plain.locator("figure:visible").count() == plain.locator("figure").count() > 10
    table = plain.locator("details:not([open]) table").first.element_handle()
    assert not table.is_visible()
    plain.locator("details:not([open]) summary").first.click()
    assert table.is_visible()
