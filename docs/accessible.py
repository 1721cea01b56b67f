"""Asks axe-core whether everybody can read the site, by day and by night; `make docs` does so after it has built it.

    python docs/accessible.py docs/_build [PAGE ...]

Without pages it opens one of each kind. The exit status is 1 if axe-core calls anything serious or critical. Without a
browser it only says so.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

KINDS = (
    "index",
    "first-dialogue",  # commands and what they print, a picture
    "properties",  # wide tables
    "gate",  # tables of figures
    "generated/api",  # signatures
    "generated/options",
    "generated/commands",
    "search",
)
OPTIONS = ("--no-sandbox", "--disable-gpu", "--allow-file-access-from-files")


def problems(site: Path, names: tuple[str, ...], chromium: str) -> Iterator[str]:
    """A line for each thing on these pages that is serious."""
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415  # main says what to install
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=OPTIONS)
        for scheme in ("light", "dark"):
            page = browser.new_context(color_scheme=scheme).new_page()
            for name in names:
                page.goto((site / f"{name}.html").absolute().as_uri())
                for found in Axe().run(page).response["violations"]:
                    if found["impact"] in {"serious", "critical"}:
                        where = found["nodes"][0]
                        yield f"{name} ({scheme}): {found['id']}: {found['help']}: {where['html'][:160]}"
        browser.close()


def main() -> int:
    """Print what is serious; the exit status."""
    site, *pages = sys.argv[1:]
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    try:
        import axe_playwright_python  # noqa: F401, PLC0415  # may be missing
    except ImportError:
        chromium = None
    if chromium is None:
        print("not checked with axe-core: there is no Chromium, or no axe-playwright-python")
        return 0
    found = list(problems(Path(site), tuple(pages) or KINDS, chromium))
    print(*found or [f"axe-core finds nothing serious on {len(pages or KINDS)} pages"], sep="\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
