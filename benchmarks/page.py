"""How long a report of 400 dialogues takes to make and to open in Chromium, beside a bare page of the same size.

    python benchmarks/page.py [--repeat 7]

The record is written to disk and read from there, as `duolog report` does. A page is opened from disk, in a new
browser context each time, a report and a bare page in turns. Prints CPU seconds and the medians, from the start of the
navigation, until something is painted and until the page has loaded.
"""

from __future__ import annotations

import argparse
import html
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

from pytest_duolog.gate.decide import decide_record
from pytest_duolog.reports.report import report_text
from pytest_duolog.results.store import read_record, write_record
from tests.reports.pages import gate_of, spoken
from tests.run_records import bar_record

MOMENTS = """() => ({
    painted: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null,
    loaded: performance.getEntriesByType("navigation")[0].loadEventEnd,
})"""
# A report of a run has samples of 20 tests; a gate has as many dialogues in two arms.
RECORDS = {
    "run": lambda: spoken(bar_record({f"t.py::test_a[{at}]": "+" * 18 + "--" for at in range(20)})),
    "gate": lambda: gate_of({f"t.py::test_a[{at}]": ("+" * 10, "+-" * 5) for at in range(20)}),
}


def opened_ms(chromium: Any, page: Path) -> tuple[float, float]:
    """Milliseconds until the first paint and until the page has loaded."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    view = context.new_page()
    view.goto(page.as_uri())
    view.wait_for_function("performance.getEntriesByName('first-contentful-paint').length > 0")
    found = view.evaluate(MOMENTS)
    context.close()
    return found["painted"], found["loaded"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=7)
    repeat = parser.parse_args().repeat
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        for name, make in RECORDS.items():
            path = Path(temporary, f"{name}.jsonl")
            write_record(path, make())
            began = time.process_time()
            record = read_record(path)
            text = report_text(record, decide_record(record), {})
            seconds = time.process_time() - began
            report, bare = Path(temporary, f"{name}.html"), Path(temporary, f"{name}-bare.html")
            report.write_text(text, "utf-8")
            bare.write_text(f"<!doctype html><meta charset=utf-8><pre>{html.escape(text)}</pre>", "utf-8")
            times = [(opened_ms(chromium, report), opened_ms(chromium, bare)) for _ in range(repeat)]
            (painted, loaded), (bare_painted, bare_loaded) = (
                [median(moments) for moments in zip(*side, strict=True)] for side in zip(*times, strict=True)
            )
            print(
                f"{name}: {sum(len(sample.dialogues) for sample in record.samples)} dialogues, "
                f"{len(text.encode()) / 1e6:.2f} MB, made in {seconds:.2f} s of CPU; painted after {painted:.0f} ms, "
                f"loaded after {loaded:.0f} ms; a bare page {bare_painted:.0f} and {bare_loaded:.0f} ms"
            )
        chromium.close()


if __name__ == "__main__":
    main()
