"""Pages of reports in a headless Chromium; skipped where there is none."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.records import cost_rounds, store
from bench.report import page as report
from tests import once
from tests.browser.chromium import NoBrowser, started
from tests.report.conftest import Folder, rounds
from tests.report.test_figures import attended
from tests.report.test_phenomena import planted as with_phenomena
from tests.report.test_reach_figures import planted as with_reach

ROOT = Path(__file__).resolve().parents[2]
ATTACK = "<script>window.hacked = 1</script> <img src=x onerror='window.hacked = 2'> {{ 7 * 7 }} &amp; </table>"
WIDTHS = (390, 1440)
SCHEMES = ("light", "dark")


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """One Chromium for a module: an open one would keep its event loop running under other modules' tests."""
    with contextlib.ExitStack() as stack:
        try:
            chromium = stack.enter_context(started())
        except NoBrowser as error:
            pytest.skip(str(error))
        yield chromium


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a made-up folder with every kind of table and figure, and with texts that attack it."""
    return once.made(tmp_path_factory, "everything", _everything) / "report.html"


def _everything(path: Path) -> None:
    folder = Folder(path, "made_up")
    folder.full(seeds=(1, 2, 3))
    cost_rounds.write(path / store.PROFILE, rounds())
    with_phenomena(folder)
    with_reach(folder)
    attended(folder, "transformer", 2)
    penalty = {"chosen": 1.0, "search": "beam5", "metric": "bleu", "unit": "points",
               "candidates": [{"length_penalty": each, "value": 20 + each} for each in (0.6, 1.0)]}  # fmt: skip
    for arm, hypothesis in (("transformer", ATTACK), ("lstm_dot", "a x b y"), ("gru_dot", ""), ("lstm_none", "b")):
        folder.cell("multi30k", arm, 1, hypothesis=hypothesis,
                    level=lambda split, at: 0.3, change={"selection.length_penalty": penalty})  # fmt: skip
    folder.cell("reverse", "gru_none", 1, change={"sanity.eos_share": 0.1, "environment.cpu": ATTACK})
    folder.cell("reverse", "gru_dot", 1, status="failed", change={"reason": ATTACK})
    report.build(path, None, ("en", "zh"))


@pytest.fixture(scope="session")
def long_range(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of committed records."""

    def make(path: Path) -> None:
        report.build(ROOT / "results/reference/long_range", path)

    return once.made(tmp_path_factory, "long_range", make) / "report.html"


@pytest.fixture(scope="session")
def chinese(everything: Path) -> Path:
    """The Chinese page of the folder of `everything`."""
    return everything.with_name("report.zh.html")


@pytest.fixture(params=["everything", "long_range"])
def file(request: pytest.FixtureRequest, browser: object) -> Path:
    """The page of a report; asks for the browser first, so that none is built in vain."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["everything", "long_range", "chinese"])
def in_any_language(request: pytest.FixtureRequest, browser: object) -> Path:
    """The same, and the Chinese page."""
    return request.getfixturevalue(request.param)


def pages(first: Path) -> list[Path]:
    """Every page of a report in the language of its first page: that page, the details, the tasks."""
    language = first.name.removeprefix("report").removesuffix(".html")
    of_tasks = [path for path in (first.parent / "tasks").iterdir() if path.name.count(".") == 1 + bool(language)]
    return [first, first.with_name(f"details{language}.html"), *sorted(of_tasks)]


def task_page(first: Path, task: str) -> Path:
    """The page of a task in the language of the report's first page."""
    return next(path for path in pages(first) if path.name.startswith(f"{task}-"))


@pytest.fixture
def visit(browser) -> Iterator[Callable]:
    """Opens a page: visit(file, width=1440, scheme="light", **options of the browser's context)."""
    contexts = []

    def opened(file: Path, width: int = 1440, scheme: str = "light", watch: Callable = lambda page: None, **options):
        size = {"width": width, "height": 844 if width < 500 else 900}
        contexts.append(browser.new_context(viewport=size, color_scheme=scheme, **options))
        contexts[-1].set_default_timeout(60_000)
        page = contexts[-1].new_page()
        watch(page)
        page.goto(file.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Pages are built and looked at one after another: slow."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.slow)
