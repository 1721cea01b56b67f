"""The body of a comment on a pull request: the plot, the link, its length, and that texts in it stay texts."""

from __future__ import annotations

from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from pytest_duolog.gate.decide import decide_record
from pytest_duolog.reports.comment import MARK, report_text
from pytest_duolog.results.record import RunRecord
from tests.hostile import HOSTILE
from tests.reports.pages import gate_of
from tests.run_records import bar_record, gate_record

RUN = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "o/r.x", "GITHUB_RUN_ID": "12"}


@pytest.fixture(autouse=True)
def at_a_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in RUN:
        monkeypatch.delenv(name, raising=False)


def comment(record: RunRecord) -> str:
    return report_text(record, decide_record(record), {})


def plot(record: RunRecord) -> list[str]:
    return comment(record).partition("<pre>")[2].partition("</pre>")[0].splitlines()


def test_it_begins_with_its_mark_and_the_verdict():
    lines = comment(gate_record({"a": ("+" * 20, "-" * 20), "b": ("+" * 20, "+" * 20)})).splitlines()
    assert lines[0] == MARK
    assert lines[1].startswith("## BLOCK")


def test_the_plot_has_the_suite_then_the_worst_first():
    lines = plot(gate_record({"b": ("+" * 20, "+" * 20), "a": ("+" * 20, "-" * 20)}))
    assert [line.split()[:2] for line in lines[1:4]] == [["✕", "BLOCK"], ["▼", "worse"], ["=", "same"]]
    assert "◆" in lines[1]
    assert lines[2].rstrip().endswith("● 100")
    assert "┼" in lines[3] or "●" in lines[3]
    assert {line.index("→") for line in lines[1:4]}  # every line has its counts


def test_of_many_scenarios_the_rest_is_counted_and_the_body_stays_short():
    record = gate_of({f"t.py::test_{at}": ("+" * 3, "-" * 3) for at in range(60)})
    text = comment(record)
    assert "and 45 more scenarios" in text
    assert len(text.encode()) <= 60_000


def test_without_a_pair_or_a_gate_nothing_is_drawn():
    assert "●" not in comment(gate_record({"a": (" ", " ")}))
    assert "no pair" in comment(gate_record({"a": ("+", " ")}))
    assert "<pre>" not in comment(bar_record({"t.py::test_a": "+" * 20}))


@pytest.mark.parametrize(
    ("changed", "is_linked"),
    [
        ({}, True),
        ({"GITHUB_RUN_ID": ""}, False),
        ({"GITHUB_RUN_ID": "1) [x](https://example.org"}, False),
        ({"GITHUB_SERVER_URL": "javascript:alert(1)"}, False),
    ],
)
def test_it_links_to_the_run(monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], is_linked: bool):
    for name, value in (RUN | changed).items():
        monkeypatch.setenv(name, value)
    link = "[The run, with its report and recordings](https://github.com/o/r.x/actions/runs/12)"
    assert (link in comment(gate_record({"a": ("+", "+")}))) is is_linked


@pytest.mark.parametrize("hostile", HOSTILE)
def test_names_are_only_text(hostile: str):
    text = comment(gate_record({hostile: ("+++", "---"), f"{hostile}[</pre>]": ("+++", "+++")}))
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    for tag in ("<script", "<img", "<a ", "<h1", "<ul>\n<li>list", "alert(1)</script>"):
        assert tag not in html
    assert html.count("<pre>") == html.count("</pre>") == 1


def test_a_run_of_pytest_writes_it(pytester: pytest.Pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.dialogue(a="scripted:counter", b="scripted:counter", turns=1, samples=2)
        def test_talk(dialogue):
            assert dialogue.messages
        """
    )
    result = pytester.runpytest(
        "-p", "no:cacheprovider", "--record-mode=once", "--duolog-comment=out/comment.md"
    )
    result.stdout.fnmatch_lines(["comment: *comment.md"])
    assert Path("out/comment.md").read_text("utf-8").startswith(MARK)
