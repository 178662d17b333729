"""What a report's page does in a browser: it is quiet, sorts its tables, shows texts as text, and its links lead
on."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

import pytest

from tests.browser.conftest import ATTACK, WIDTHS, pages, task_page
from tests.browser.test_look import OPEN

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
    text = text.removeprefix("below ").removeprefix("(")
    return None if text == "-" else float(re.match(r"[-+]?[\d,]+(\.\d+)?(e[-+]?\d+)?", text).group().replace(",", ""))


def test_nothing_is_fetched_or_complained_of(in_any_language, visit):
    messages, requests = [], []

    def watch(page):
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on("dialog", lambda dialog: (messages.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: requests.append(request.url))

    every = pages(in_any_language)
    for path in every:
        page = visit(path, watch=watch)
        page.wait_for_load_state("networkidle")
        page.evaluate(OPEN)
        page.locator("th button:visible").first.click()
    assert messages == [] and requests == [path.as_uri() for path in every]


def test_every_column_of_every_table_sorts(file, visit):
    telling = 0
    tables = [table for path in pages(file) for table in visit(path).locator("table.sortable").element_handles()]
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
    page = visit(task_page(long_range, "parity"))
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
    for path in pages(everything):
        page = visit(path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("window.hacked") is None
        assert page.locator("img, iframe").count() == 0
    first, details = pages(everything)[:2]
    hypotheses = visit(task_page(everything, "multi30k")).locator(".example td").all_inner_texts()
    assert sum(text.startswith(ATTACK) for text in hypotheses) == 3
    unfinished = visit(details).locator("#table-not-finished td", has_text="window.hacked")
    assert unfinished.inner_text() == ATTACK and ATTACK in visit(first).locator("#run").inner_text()


def test_differences_of_examples_are_marked_without_colour(everything, visit):
    page = visit(task_page(everything, "multi30k"))

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
    links, ids = [], {}
    for path in pages(in_any_language):
        page = visit(path)
        targets = page.eval_on_selector_all("a", "links => links.map(link => link.getAttribute('href'))")
        links += [(path, target) for target in targets]
        own = page.eval_on_selector_all("[id]", "all => all.map(each => each.id)")
        assert len(own) == len(set(own))
        ids[path.resolve()] = set(own)
    assert len(links) > 100
    for path, target in links:
        parts = urlsplit(target)
        assert parts.scheme == parts.netloc == "", target
        reached = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
        assert reached.stat().st_size, target
        if parts.fragment:
            assert parts.fragment in ids[reached], target


def test_all_pages_are_reached_from_the_first(in_any_language, visit):
    seen, left = set(), [in_any_language.resolve()]
    while left:
        path = left.pop()
        if path in seen:
            continue
        seen.add(path)
        targets = visit(path).eval_on_selector_all("a", "links => links.map(link => link.getAttribute('href'))")
        parts = [urlsplit(target).path for target in targets]
        left += [(path.parent / unquote(part)).resolve() for part in parts if part.endswith(".html")]
    assert {path.resolve() for path in pages(in_any_language)} <= seen


@pytest.mark.parametrize("width", WIDTHS)
def test_contents_lead_to_headings_in_sight(file, visit, width):
    for path in pages(file)[:2]:
        _check_contents(visit(path, width))


def _check_contents(page):
    contents = page.get_by_role("navigation").first
    for link in contents.locator("a[href^='#']").all():
        link.click()
        heading = page.locator(f"{link.get_attribute('href')} h2").bounding_box()
        bar = contents.bounding_box()
        assert bar["y"] + bar["height"] <= heading["y"] + 1 < page.viewport_size["height"], link.text_content()


BOTTOM = "element => element.getBoundingClientRect().bottom"


def test_the_first_screen_of_a_desk_has_every_verdict_with_its_sentence(in_any_language, visit):
    page = visit(in_any_language, 1440)
    assert page.locator("h1").inner_text().endswith(("?", "？"))
    for letter in "ABCDEFGH":
        summary = page.locator(f"#claim-{letter} summary")
        assert summary.locator(".badge").is_visible() and len(summary.locator(".sentence").inner_text()) > 10
        assert summary.evaluate(BOTTOM) <= page.viewport_size["height"], letter
        assert summary.evaluate("element => element.scrollWidth <= element.clientWidth + 1")


def test_the_first_screen_of_a_phone_has_every_verdict_and_the_sentences_follow(in_any_language, visit):
    page = visit(in_any_language, 390)
    rows = page.locator(".strip li")
    assert rows.count() == 8
    for row, letter in zip(rows.all(), "ABCDEFGH"):
        assert row.inner_text().startswith(letter) and row.locator(".badge").is_visible()
        assert row.evaluate(BOTTOM) <= page.viewport_size["height"]
        row.locator("a").click()
        page.locator(f"#claim-{letter}[open] .sentence").wait_for()  # unfolded by an event after the click
        page.evaluate("scrollTo(0, 0)")


@pytest.mark.parametrize("width", WIDTHS)
def test_a_claim_s_evidence_is_two_clicks_away(everything, visit, width):
    """One click leads to a claim's figure and effects, the next to its tables."""
    page = visit(everything, width)
    page.locator("#claim-G summary").click()
    claim = page.locator("#claim-G")
    assert claim.locator("figure").is_visible() and claim.locator("figure").count() == 1
    assert "p " in claim.locator("li").first.inner_text() and claim.locator(".badge").count() == 1
    claim.locator("dt", has_text="Tables and figures").locator("xpath=..").locator("a").first.click()
    assert page.url.endswith(".html") and "/tasks/" in page.url
    assert page.locator("table.sortable").count() and page.locator("figure").count()
    page.locator("a[href$='#claim-G']").click()
    page.locator("#claim-G figure").wait_for(state="visible")  # the script unfolds the claim once the page is loaded
    assert page.url.endswith("report.html#claim-G")


def test_the_page_works_without_javascript(file, visit):
    for path in pages(file):
        plain, scripted = (visit(path, java_script_enabled=enabled) for enabled in (False, True))
        assert plain.locator("body").inner_text() == scripted.locator("body").inner_text()
        closed = plain.locator("details:not([open])").first
        if not closed.count():
            continue
        table = closed.locator("dl, table").first.element_handle()
        assert not table.is_visible()
        closed.locator("summary").click()
        assert table.is_visible()
