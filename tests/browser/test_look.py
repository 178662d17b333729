"""How a report's page looks at a phone's and a desk's width, light and dark: whole, inside its place, and readable."""

from __future__ import annotations

import pytest

from tests.browser.conftest import SCHEMES, WIDTHS, pages

LEAST_CONTRAST = 4.5
"""Of text and what is behind it: WCAG 2.2, success criterion 1.4.3, level AA."""

OPEN = "document.querySelectorAll('details').forEach(each => { each.open = true; })"

FIGURES = """figures => figures.map(figure => {
  const svg = figure.querySelector("svg"), box = svg.getBoundingClientRect(), around = figure.getBoundingClientRect();
  const inside = (inner, outer) => inner.left >= outer.left - 2 && inner.right <= outer.right + 2
    && inner.top >= outer.top - 2 && inner.bottom <= outer.bottom + 2;
  const cut = [...svg.querySelectorAll("text")].filter(text => !inside(text.getBoundingClientRect(), box));
  const drawn = [...svg.querySelectorAll("path, use, image, rect, text")].filter(each => {
    const size = each.getBoundingClientRect();
    return size.width + size.height > 0;
  });
  return {
    title: figure.querySelector("h3, h4").textContent,
    width: box.width, height: box.height, inside: inside(box, around),
    cut: cut.map(text => text.textContent), drawn: drawn.length, caption: figure.querySelector("figcaption").innerText,
    files: [...figure.querySelectorAll("a")].map(link => link.getAttribute("href")),
  };
})"""

OUTSIDE = """() => {
  const own = each => ["auto", "scroll"].includes(getComputedStyle(each).overflowX);
  const scrolls = each => each && (own(each) || scrolls(each.parentElement));
  return [...document.body.querySelectorAll("*")]
    .filter(each => !each.closest("svg") && each.getBoundingClientRect().right > innerWidth + 1)
    .filter(each => !scrolls(each.parentElement))
    .map(each => each.outerHTML.slice(0, 80));
}"""

BOXES = """boxes => boxes.map(box => {
  box.scrollLeft = 1e6;
  return [box.scrollWidth - box.clientWidth, Math.ceil(box.scrollLeft)];
})"""

# The background of text in a figure is the last shape before it that is filled and lies under its middle.
CONTRAST = """async () => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const over = (colour, below) => {
    canvas.fillStyle = `rgb(${below})`; canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const behind = each =>
    each ? over(getComputedStyle(each).backgroundColor, behind(each.parentElement)) : [255, 255, 255];
  const light = rgb => rgb.map(c => c / 255).map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const contrast = (a, b) => {
    const [low, high] = [light(a), light(b)].sort((x, y) => x - y);
    return (high + .05) / (low + .05);
  };
  const contrasts = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const each = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || each.closest("svg, script, style")) continue;
    const below = behind(each), ink = over(getComputedStyle(each).color, below);
    contrasts.push([contrast(ink, below), walk.currentNode.textContent.trim().slice(0, 60)]);
  }
  const pixels = new Map();
  for (const each of document.querySelectorAll("figure svg image")) {
    const image = new Image();
    image.src = each.href.baseVal;
    await image.decode();
    const sheet = new OffscreenCanvas(image.naturalWidth, image.naturalHeight).getContext("2d");
    sheet.drawImage(image, 0, 0);
    pixels.set(each, sheet);
  }
  const sampled = (image, x, y) => {
    const place = new DOMPoint(x, y).matrixTransform(image.getScreenCTM().inverse()), sheet = pixels.get(image);
    const part = (at, from, size) =>
      Math.floor((at - image[from].baseVal.value) / image[size].baseVal.value * sheet.canvas[size]);
    const [r, g, b, a] = sheet.getImageData(part(place.x, "x", "width"), part(place.y, "y", "height"), 1, 1).data;
    return `rgba(${r}, ${g}, ${b}, ${a / 255})`;
  };
  for (const svg of document.querySelectorAll("figure svg")) {
    const shapes = [];
    for (const each of svg.querySelectorAll("path, rect, image, text")) {
      const box = each.getBoundingClientRect(), style = getComputedStyle(each);
      if (each.tagName !== "text") {
        if (!each.closest("defs") && style.fill !== "none") shapes.push([box, each, style]);
        continue;
      }
      const x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2;
      let below = behind(svg);
      for (const [under, shape, fill] of shapes)
        if (under.left <= x && x <= under.right && under.top <= y && y <= under.bottom)
          below = over(shape.tagName === "image" ? sampled(shape, x, y)
            : fill.fill.replace(/^rgb\\((.*)\\)$/, `rgba($1, ${fill.fillOpacity * fill.opacity})`), below);
      const where = svg.getAttribute("aria-label").slice(0, 60);
      contrasts.push([contrast(over(style.fill, below), below), `${where}: ${each.textContent}`]);
    }
  }
  return contrasts;
}"""


@pytest.mark.parametrize("width", WIDTHS)
def test_every_figure_is_whole_and_says_what_to_see(in_any_language, visit, width):
    figures = []
    for path in pages(in_any_language):
        page = visit(path, width)
        page.evaluate(OPEN)
        figures += [(path.parent, figure) for figure in page.eval_on_selector_all("figure", FIGURES)]
    assert len(figures) > 30
    for folder, figure in figures:
        assert figure["inside"] and figure["cut"] == [], figure
        assert figure["width"] > 300 and figure["height"] > 60 and figure["drawn"] > 10, figure
        assert figure["caption"].split(" CSV")[0].rstrip(".") != "" and set(".。") & set(figure["caption"]), figure
        numbers, drawing = figure["files"]
        assert "tables/" in numbers and len((folder / numbers).read_text().splitlines()) > 1, figure
        assert "figures/" in drawing and (folder / drawing).exists(), figure


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_lies_beyond_the_page_s_edge(in_any_language, visit, width):
    boxes = []
    for path in pages(in_any_language):
        page = visit(path, width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        page.evaluate(OPEN)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.evaluate(OUTSIDE) == [], path
        boxes += page.eval_on_selector_all(".scroll", BOXES)
    assert all(reached >= beyond - 1 for beyond, reached in boxes)
    assert width > 390 or sum(beyond > 0 for beyond, _ in boxes) > 5, "no table is wider than a phone"


def test_figures_stand_side_by_side_at_a_desk_and_below_each_other_on_a_phone(file, visit):
    for width, abreast in ((390, 1), (1440, 3)):
        page = visit(pages(file)[2], width)
        lefts = "figures => new Set(figures.map(figure => figure.getBoundingClientRect().left)).size"
        grids = page.locator("main > section > .figures").all()
        assert max(grid.locator("figure").evaluate_all(lefts) for grid in grids) == abreast


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_stands_out_from_what_is_behind_it(in_any_language, visit, scheme):
    contrasts = []
    for path in pages(in_any_language):
        page = visit(path, scheme=scheme)
        page.evaluate(OPEN)
        contrasts += page.evaluate(CONTRAST)
    assert len(contrasts) > 500
    assert [each for each in contrasts if each[0] < LEAST_CONTRAST] == []


def test_the_two_schemes_differ(long_range, visit):
    colours = {
        visit(long_range, scheme=s).evaluate("getComputedStyle(document.body).backgroundColor") for s in SCHEMES
    }
    assert len(colours) == 2
