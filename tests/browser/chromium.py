"""A headless Chromium for the checks of the report's page. As a program it says which one there is, or exits with
1."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SYSTEM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""Names on the path, for where Playwright has no build of its own."""


class NoBrowser(Exception):
    """Why no Chromium can be started."""


@contextlib.contextmanager
def started() -> Iterator[Browser]:
    """Playwright's own Chromium, else the system's. Raises NoBrowser."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise NoBrowser("the package playwright is not installed (make browser)") from None
    with sync_playwright() as playwright:
        reasons = []
        for path in (None, *filter(None, map(shutil.which, SYSTEM))):
            try:
                browser = playwright.chromium.launch(executable_path=path)
                break
            except Error as error:
                reasons.append(f"{path or 'of playwright'}: {str(error).strip().splitlines()[0]}")
        else:
            raise NoBrowser(f"no Chromium starts (make browser): {'; '.join(reasons)}")
        try:
            yield browser
        finally:
            browser.close()


if __name__ == "__main__":
    try:
        with started() as browser:
            print(f"Chromium {browser.version}")
    except NoBrowser as error:
        sys.exit(str(error))
