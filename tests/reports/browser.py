"""Chromium for the tests of pages: that of the system, driven by playwright, with axe-core to judge what it shows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)
try:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import Page, sync_playwright
except ImportError:
    WHY_NOT: str | None = (
        "playwright and axe-playwright-python are not installed (pip install --group browser)"
    )
else:
    WHY_NOT = None if CHROMIUM else "there is no chromium, chromium-browser or google-chrome"

PHONE, DESK, SHEET = (390, 844), (1280, 900), (794, 1123)
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


@dataclass
class Opened:
    """A page in a browser, and what it did that a report must not do."""

    page: Any
    misdeeds: list[str] = field(default_factory=list)

    def unfold(self) -> None:
        """Open everything that is folded."""
        self.page.evaluate("document.querySelectorAll('details').forEach(folded => { folded.open = true })")

    def violations(self) -> list[str]:
        """What axe-core objects to."""
        found = Axe().run(self.page).response["violations"]
        return [f"{one['id']} ({one['impact']}): {one['nodes'][0]['html'][:200]}" for one in found]

    @property
    def width(self) -> int:
        """How wide the page is."""
        return int(self.page.evaluate("document.documentElement.scrollWidth"))


@dataclass
class Browser:
    """Opens reports from disk."""

    chromium: Any
    folder: Path
    n_files: int = 0

    @contextmanager
    def opened(
        self, text: str, size: tuple[int, int] = DESK, *, dark: bool = False, scripts: bool = True
    ) -> Iterator[Opened]:
        """A page with this text, from a file; afterwards it must have done nothing that a report must not do."""
        self.n_files += 1
        file = self.folder / f"report-{self.n_files}.html"
        file.write_text(text, "utf-8")
        context = self.chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
            bypass_csp=False,
        )
        page: Page = context.new_page()
        opened = Opened(page)
        page.on("console", lambda said: opened.misdeeds.append(f"console: {said.text}"))
        page.on("pageerror", lambda error: opened.misdeeds.append(f"error: {error}"))
        page.on("dialog", lambda dialog: opened.misdeeds.append(f"dialog: {dialog.message}"))
        page.on("request", lambda asked: opened.misdeeds.append(f"request: {asked.url}"))
        page.goto(file.as_uri())
        assert opened.misdeeds.pop(0) == f"request: {file.as_uri()}"
        yield opened
        assert opened.misdeeds == []
        context.close()


@contextmanager
def started(folder: Path) -> Iterator[Browser]:
    """A browser, or a skip that says what is missing."""
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield Browser(chromium, folder)
        chromium.close()
