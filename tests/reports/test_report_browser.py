"""The HTML report in a real browser: what axe-core, a keyboard, a phone, a printer and hostile texts find."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pytest_duolog.gate.decide import decide_record
from pytest_duolog.history.folder import Folder
from pytest_duolog.history.trends import trends_of
from pytest_duolog.reports.report import dialogues_text, history_text, report_text
from pytest_duolog.results.plan import GatePlan, RunPlan
from pytest_duolog.results.record import RunRecord
from tests.dialogues import LIGHTHOUSES, RITUAL, dialogue
from tests.histories import DROP
from tests.hostile import HOSTILE
from tests.reports.browser import DESK, PHONE, SHEET, Browser, started
from tests.reports.pages import LOOPING, blame_of, filed, gate_of, screen_page, spoken
from tests.run_records import bar_record, header

pytestmark = pytest.mark.slow

LONG = dialogue(*LIGHTHOUSES, "A very long answer, which goes on. " * 40, *RITUAL)
SAID = [
    "The crate lies beside the barrel.",
    "Do you mean the old crate?",
    "It lies in the second hall. " * 40,
]


def run_text(record: RunRecord) -> str:
    return report_text(record, decide_record(record), {})


PAGES = {
    "topic": lambda: dialogues_text(
        [filed(dialogue(*LIGHTHOUSES, *RITUAL).model_copy(update={"topic": "how lighthouses changed"}))]
    ),
    "dialogue": lambda: dialogues_text([filed(LOOPING)]),
    "collection": lambda: dialogues_text([filed(LOOPING, "loop"), filed(LONG, "long")]),
    "run": lambda: run_text(spoken(bar_record({"t.py::test_a": "+" * 4 + "-", "t.py::test_b": "+++"}))),
    "gate that blocks": lambda: run_text(gate_of({"a": ("+" * 5, "-" * 5), "b": ("+" * 5, "-" * 5)})),
    "gate that passes": lambda: run_text(gate_of(dict.fromkeys("ab", ("+" * 5, "+" * 5)), GatePlan("0.5"))),
    "gate that is open": lambda: run_text(gate_of({"a": ("+-+", "++-")})),
    "blame": lambda: run_text(blame_of("----------", "++++++++++", "----------", "----------")),
    "history": lambda: history_text(trends_of(Folder(DROP))),
    "screen": lambda: screen_page(
        {
            "lamp": [(SAID, SAID)] * 2,
            "harbour": [(SAID, SAID), (SAID[:1] * 3, ["Goodbye!"] * 3), (SAID, SAID)],
        }
    ),
    "gate without samples": lambda: run_text(RunRecord(header(RunPlan({"a": None}, GatePlan())))),
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with started(tmp_path_factory.mktemp("pages")) as found:
        yield found


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_on_paper_at_night_and_on_a_phone(browser: Browser, name: str):
    text = PAGES[name]()
    for size, dark in ((DESK, False), (DESK, True), (PHONE, False)):
        with browser.opened(text, size, dark=dark) as opened:
            opened.unfold()
            assert opened.violations() == []
            assert opened.width == size[0]


@pytest.mark.parametrize("name", ["dialogue", "run", "gate that blocks", "screen"])
def test_everything_is_there_without_script(browser: Browser, name: str):
    text = PAGES[name]()
    with browser.opened(text, scripts=False) as plain, browser.opened(text) as scripted:
        assert plain.page.inner_text("main") != ""
        assert not plain.page.is_visible("#theme")
        assert scripted.page.is_visible("#theme")
        assert (
            plain.page.locator(".m, .cols .no").count() == scripted.page.locator(".m, .cols .no").count() > 0
        )


def test_a_keyboard_reaches_and_opens_everything(browser: Browser):
    with browser.opened(PAGES["gate that blocks"]()) as opened:
        page = opened.page
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the report"
        assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
        focused = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            focused.add(page.evaluate("document.activeElement.tagName"))
        assert {"A", "BUTTON", "SUMMARY"} <= focused
        page.focus(".other > summary")
        assert not page.is_visible(".other .cols")
        page.keyboard.press("Enter")
        assert page.is_visible(".other .cols")
        page.focus("#theme")
        page.keyboard.press("Enter")
        assert page.evaluate("document.documentElement.className") == "js dark"


def test_keys_go_to_the_next_part_only_where_the_dialogue_has_the_focus(browser: Browser):
    with browser.opened(PAGES["dialogue"]()) as opened:
        page = opened.page
        page.keyboard.press("n")
        assert page.evaluate("scrollY") == 0
        page.focus(".msgs")
        before = page.evaluate("scrollY")
        page.keyboard.press("n")
        assert page.evaluate("scrollY") > before


def test_a_link_opens_what_is_folded(browser: Browser):
    with browser.opened(PAGES["dialogue"]()) as opened:
        page = opened.page
        assert not page.is_visible("#d1-m32")
        page.evaluate("location.hash = 'd1-m32'")
        page.wait_for_selector("#d1-m32", state="visible")


def test_paper_is_light_and_has_no_controls(browser: Browser):
    with browser.opened(PAGES["collection"](), SHEET, dark=True) as opened:
        page = opened.page
        page.emulate_media(media="print")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not page.is_visible("#theme")
        assert opened.width == SHEET[0]
        opened.unfold()
        page.evaluate("document.querySelectorAll('.said > details').forEach(long => { long.open = false })")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator(".said > details:not([open])").count() == 0
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator(".said > details:not([open])").count() > 0


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_hostile_texts_are_inert(browser: Browser, size: tuple[int, int]):
    attacks = (
        *HOSTILE,
        "<img src=x onerror=\"document.title='owned'\">",
        "\x00",
        "\u202e" * 5000,
        "W" * 1_000_000,
    )
    page_of_one = dialogues_text([filed(dialogue(*attacks), "<b>talk</b>")])
    page_of_gate = run_text(
        gate_of({f"t.py::test_{text}": ("+++", "---") for text in attacks[:8]}, said=attacks)
    )
    page_of_screen = screen_page({text[:999]: [(attacks[:3], [text] * 3)] for text in attacks})
    for text in (page_of_one, page_of_gate, page_of_screen):
        with browser.opened(text, size) as opened:
            opened.unfold()
            assert opened.page.title().endswith("· duolog")
            assert "owned" not in opened.page.title()
            assert opened.page.locator("img, iframe, object, embed, link, form").count() == 0
            assert opened.page.locator("script").count() == 1
            assert opened.width == size[0]
