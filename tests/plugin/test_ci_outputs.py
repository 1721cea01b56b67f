"""What a run leaves for GitHub Actions, GitLab and readers of CTRF."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.workers import alone_or_in_workers

FAILING = """
import itertools
import pytest

numbers = itertools.count(1)

def speaks(messages):
    return f"::error::I am number {next(numbers)}."

@pytest.mark.dialogue(a=speaks, b=speaks, turns=1, samples=5)
def test_it(dialogue):
    print(dialogue.messages[1].content)
    assert dialogue.never_says("number")

@pytest.mark.dialogue(a=speaks, b=speaks, turns=1, samples=5)
def test_good(dialogue):
    assert dialogue.messages
"""

PLAIN = """
import pytest

@pytest.mark.dialogue(a="scripted:echo", b="scripted:echo", turns=1)
def test_it(dialogue):
    print("::error::owned")
    assert not dialogue.messages

def test_other():
    pass
"""


@pytest.fixture
def in_github(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that a step's summary is written to."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(pytester.path.parent))
    summary = pytester.path / "summary.md"
    summary.write_text("from a step before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    return summary


def run(pytester: pytest.Pytester, source: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(test_it=source)
    return pytester.runpytest("-p", "no:cacheprovider", *options)


@alone_or_in_workers()
def test_github_gets_annotations_and_a_summary(
    pytester: pytest.Pytester, in_github: Path, options: tuple[str, ...]
) -> None:
    result = run(pytester, FAILING, *options)
    result.assert_outcomes(passed=1, failed=1)
    annotation = (
        f"::error file={pytester.path.name}/test_it.py,line=9,title=test_it.py%3A%3Atest_it::FAIL: 0 of 1 *"
    )
    result.stdout.fnmatch_lines([annotation.replace("[", "[[]")])
    written = in_github.read_text()
    assert written.startswith("from a step before\n## FAIL&#58; 1 of 2 scenarios below their pass rate")
    assert "message 2, <code>" in written  # the evidence of the property that failed


def test_model_text_cannot_command_github(pytester: pytest.Pytester, in_github: Path) -> None:
    for source in (FAILING, PLAIN):
        lines = run(pytester, source).outlines
        begin = next(n for n, line in enumerate(lines) if line.startswith("::stop-commands::"))
        end = lines.index(f"::{lines[begin].removeprefix('::stop-commands::')}::")
        failures = next(n for n, line in enumerate(lines) if "= FAILURES =" in line)
        assert begin < failures < end
        outside = [line for line in lines[:begin] + lines[end + 1 :] if line.startswith("::")]
        assert all(line.startswith("::error file=") for line in outside)


def test_run_without_samples_leaves_no_summary(pytester: pytest.Pytester, in_github: Path) -> None:
    run(pytester, PLAIN)
    assert in_github.read_text() == "from a step before\n"


def test_run_without_dialogues_is_left_alone(pytester: pytest.Pytester, in_github: Path) -> None:
    result = run(pytester, "def test_it():\n    assert 0")
    result.stdout.no_fnmatch_line("::*")
    assert in_github.read_text() == "from a step before\n"


def test_summary_that_cannot_be_written_is_said(
    pytester: pytest.Pytester, in_github: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(pytester.path))
    result = run(pytester, FAILING)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines([f"step summary: {pytester.path} cannot be written: *".replace("[", "[[]")])


@pytest.mark.parametrize(
    "options",
    [
        ("--duolog-ctrf=out/ctrf.json", "--duolog-code-quality=out/quality.json"),
        ("-o", "duolog_ctrf=out/ctrf.json", "-o", "duolog_code_quality=out/quality.json"),
    ],
    ids=["options", "ini"],
)
def test_files_are_written_where_they_are_asked_for(
    pytester: pytest.Pytester, options: tuple[str, ...]
) -> None:
    result = run(pytester, FAILING, *options)
    result.stdout.fnmatch_lines(["CTRF report: *ctrf.json", "Code Quality report: *quality.json"])
    document = json.loads((pytester.path / "out" / "ctrf.json").read_text())
    assert [test["status"] for test in document["results"]["tests"]] == ["failed", "passed"]
    (entry,) = json.loads((pytester.path / "out" / "quality.json").read_text())
    assert entry["location"] == {"path": "test_it.py", "lines": {"begin": 9}}


def test_file_that_nothing_is_written_to_is_said(pytester: pytest.Pytester) -> None:
    result = run(pytester, PLAIN, "--duolog-ctrf=ctrf.json")
    result.stdout.fnmatch_lines(["CTRF report: *ctrf.json is not written, because no test has samples"])
    assert not (pytester.path / "ctrf.json").exists()


@alone_or_in_workers()
def test_page_of_a_run_without_samples_has_its_dialogues(
    pytester: pytest.Pytester, options: tuple[str, ...]
) -> None:
    pytester.makepyfile(
        """
        import pytest

        pytestmark = pytest.mark.dialogue(a="scripted:counter", b="scripted:counter", turns=1)

        def test_good(dialogue):
            assert dialogue.has_no_loops()

        def test_bad(dialogue):
            assert dialogue.mentions("lamp")
        """
    )
    result = pytester.runpytest("-p", "no:cacheprovider", "--duolog-report", "run.html", *options)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["HTML report: *run.html"])
    page = Path("run.html").read_text("utf-8")
    assert "test_good" in page
    assert "test_bad" in page
    assert "This is message 2 of mine." in page
    assert "dialogues are of tests that failed." in page


def test_page_of_a_run_without_dialogues_is_not_written(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): pass")
    result = pytester.runpytest("-p", "no:cacheprovider", "--duolog-report", "run.html")
    result.stdout.fnmatch_lines(["HTML report: *run.html is not written, because no test has samples"])
    assert not Path("run.html").exists()
