"""Options and ini keys without effect, or with files that cannot be written, are refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_duolog.plugin import REPORTS
from tests.workers import alone_or_in_workers

TEST = """
import pytest

@pytest.mark.dialogue(model="scripted:counter", turns=1)
def test_it(dialogue):
    open("ran.txt", "w").close()
    assert dialogue.messages
"""
VALUES = (
    *("model", "concurrency", "budget", "samples", "collect", "candidate", "margin", "rounds"),
    *("inconclusive", "record", "shard", "baseline"),
)


@pytest.mark.parametrize("given", ["", " "], ids=["empty", "space"])
@pytest.mark.parametrize("name", [*VALUES, *REPORTS])
def test_options_need_a_value(pytester: pytest.Pytester, name: str, given: str):
    """An unset variable in CI would silently mean one sample, no limit or every shard."""
    with pytest.raises(
        pytest.UsageError, match=f"--duolog-{name}: '{given}' is no value: give one, or leave"
    ):
        pytester.parseconfig(f"--duolog-{name}={given}")


def test_spaces_around_a_value_mean_nothing(pytester: pytest.Pytester):
    assert pytester.parseconfig("--duolog-samples= 3 ").getoption("duolog_samples") == "3"


def refused(pytester: pytest.Pytester, *options: str) -> str:
    """The error of a run that runs no test."""
    pytester.makepyfile(test_it=TEST)
    result = pytester.runpytest(*options)
    assert result.ret not in {
        pytest.ExitCode.OK,
        pytest.ExitCode.TESTS_FAILED,
        pytest.ExitCode.INTERNAL_ERROR,
    }
    assert not Path("ran.txt").exists()
    return "\n".join([*result.outlines, *result.errlines])


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--duolog-report=.",), "duolog_report: {here} cannot be written: it is a folder; name a file"),
        (
            ("--duolog-ctrf=test_it.py/ctrf.json",),
            "duolog_ctrf: {here}/test_it.py/ctrf.json cannot be written: {here}/test_it.py is not a folder",
        ),
        (
            ("--duolog-report=a.html", "--duolog-comment=a.html"),
            "duolog_report: {here}/a.html cannot be written: duolog_comment names this file, too",
        ),
        (
            ("--duolog-code-quality=a.json", "--duolog-record=a.json"),
            "duolog_code_quality: {here}/a.json cannot be written: duolog_record names this file, too",
        ),
    ],
    ids=["folder", "below a file", "two reports", "report and record"],
)
def test_report_that_cannot_be_written_is_refused(pytester: pytest.Pytester, options, problem: str):
    assert problem.format(here=pytester.path) in refused(pytester, *options)


def test_record_does_not_move_another_file_away(pytester: pytest.Pytester):
    pytester.path.joinpath("notes.txt").write_text("mine")
    said = refused(pytester, "--duolog-samples=2", "--duolog-record=notes.txt")
    assert "another file is there, which is not a run record" in said
    assert [path.name for path in pytester.path.glob("notes*")] == ["notes.txt"]


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("duolog_sample", "'duolog_sample': unknown ini key; did you mean 'duolog_samples'? (known: "),
        ("duolog-samples", "'duolog-samples': unknown ini key; did you mean 'duolog_samples'? (known: "),
        ("duolog_build", "'duolog_build': unknown ini key"),  # the option has no key
    ],
)
def test_unknown_ini_key_is_refused(pytester: pytest.Pytester, key: str, problem: str):
    pytester.makeini(f"[pytest]\n{key} = 20\n")
    assert problem in refused(pytester)


def test_unknown_ini_key_of_somebody_else_is_pytests_own_matter(pytester: pytest.Pytester):
    pytester.makeini("[pytest]\nother_samples = 20\n")
    pytester.makepyfile(test_it=TEST)
    pytester.runpytest().assert_outcomes(passed=1, warnings=1)


CANDIDATE = "--duolog-candidate=b=scripted:echo"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--duolog-record=run.jsonl",), "--duolog-record: it has no effect, because no test has samples"),
        (("--duolog-record=run.jsonl", "--duolog-shard=1/2"), "--duolog-record: it has no effect"),
        (("--duolog-record=run.jsonl", "--duolog-screen=2", CANDIDATE), "--duolog-record: it has no"),
        (("--duolog-inconclusive=75",), "--duolog-inconclusive: it is for a gate, but there is no gate"),
        (("--duolog-inconclusive=75", "--duolog-samples=2"), "--duolog-inconclusive: it is for a gate, but"),
        (("--duolog-inconclusive=75", "--duolog-collect=2"), "--duolog-inconclusive: it has no effect with"),
        (("--duolog-inconclusive=75", "--duolog-blame"), "--duolog-inconclusive: it has no effect with"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_record_and_status_without_what_they_are_for_are_refused(
    pytester: pytest.Pytester, options, problem: str
):
    assert problem in refused(pytester, *options)
    assert not list(pytester.path.glob("*.jsonl"))


@alone_or_in_workers()
def test_their_ini_keys_are_for_other_runs(pytester: pytest.Pytester, options: tuple[str, ...]):
    pytester.makeini("[pytest]\nduolog_record = run.jsonl\nduolog_inconclusive = 75\n")
    pytester.makepyfile(test_it=TEST)
    pytester.runpytest(*options).assert_outcomes(passed=1)


# Globs of transcripts


def globs(pytester: pytest.Pytester, *given: str, ini: str = "") -> None:
    pytester.makeini(f"[pytest]\nduolog_transcripts = {' '.join(given)}\n{ini}\n")
    pytester.mkdir("logs").joinpath("a.md").write_text(
        "**Ann:** Hello.\n\n**Bob:** Goodbye!\n\n**Ann:** Bye.\n"
    )
    pytester.makepyfile(**{"tests/test_plain": "def test_plain():\n    pass\n"})


@alone_or_in_workers()
def test_glob_without_a_file_is_a_warning(pytester: pytest.Pytester, options: tuple[str, ...]):
    globs(pytester, "logs/*.md", "log/*.md")
    result = pytester.runpytest("-Wdefault", *options)
    assert result.ret == pytest.ExitCode.OK
    [warned] = [line for line in result.outlines if "matches no file among those" in line]
    assert warned.endswith(
        "duolog_transcripts: 'log/*.md' matches no file among those that pytest looked at; globs are relative to "
        f"{pytester.path}"
    )


@alone_or_in_workers()
def test_glob_outside_testpaths_is_a_warning(pytester: pytest.Pytester, options: tuple[str, ...]):
    globs(pytester, "logs/*.md", ini="testpaths = tests")
    result = pytester.runpytest("-Wdefault", *options)
    assert result.ret == pytest.ExitCode.OK
    [_] = [line for line in result.outlines if "duolog_transcripts: 'logs/*.md' matches no file" in line]


@alone_or_in_workers()
def test_glob_without_a_file_fails_if_warnings_are_errors(
    pytester: pytest.Pytester, options: tuple[str, ...]
):
    globs(pytester, "log/*.md")
    result = pytester.runpytest("-Werror", *options)
    assert result.ret not in {pytest.ExitCode.OK, pytest.ExitCode.INTERNAL_ERROR}
    result.stdout.fnmatch_lines(["*duolog_transcripts: 'log/[*].md' matches no file*"])


@pytest.mark.parametrize(
    ("glob", "ini", "options", "is_told"),
    [
        ("LOGS/*.md", "", (), True),
        ("logs", "", (), True),
        ("logs/*.md", "testpaths = tests", (), True),
        ("log/*.md", "", (".",), True),
        ("logs/*.txt", "", ("logs",), True),
        ("*/*.md", "", (), False),
        ("./logs/*.md", "", (), False),
        ("log/*.md", "", ("tests",), False),
        ("log/*.md", "", ("tests/test_plain.py::test_plain",), False),
        ("logs/*.md", "", ("tests",), False),
    ],
)
def test_only_globs_whose_files_were_looked_for_are_told(pytester, glob, ini, options, is_told):
    globs(pytester, glob, ini=ini)
    result = pytester.runpytest("-Wdefault", *options)
    assert any("matches no file among those" in line for line in result.outlines) == is_told


# Nothing left to judge

WITH_PLAIN = """
import pytest
from pytest_duolog import Speaker

@pytest.mark.dialogue(a=Speaker("Ann", model="scripted:counter"), b=Speaker("Bob", model="scripted:counter"), turns=1)
def test_talk(dialogue):
    assert dialogue.messages

def test_plain():
    open("ran.txt", "w").close()
"""


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            ("--duolog-candidate=Bob=scripted:echo",),
            "no test with its role is left to run, so it would not be",
        ),
        (
            ("--duolog-candidate=Bob=scripted:echo", "-n2"),
            "no test with its role is left to run, so it would",
        ),
        (("--duolog-blame",), "--duolog-blame: no test with a dialogue is left to run"),
        (("--duolog-collect=3",), "--duolog-collect: no test with a dialogue is left to run"),
        (
            ("--duolog-collect=3", "--duolog-shard=1/2"),
            "--duolog-collect: no test with a dialogue is left to run",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_run_that_would_judge_nothing_is_not_green(pytester: pytest.Pytester, options, problem: str):
    pytester.makepyfile(test_it=WITH_PLAIN)
    result = pytester.runpytest("-k", "plain", *options)
    assert result.ret not in {pytest.ExitCode.OK, pytest.ExitCode.INTERNAL_ERROR}
    assert problem in "\n".join([*result.outlines, *result.errlines])
    assert not Path("ran.txt").exists()


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("--duolog-samples=3", "--duolog-samples: no test with a dialogue is left to run"),
        ("--duolog-margin=0.2", "--duolog-margin: it is for a gate, but there is no gate"),
        ("--duolog-baseline=run.jsonl", "--duolog-baseline run.jsonl: there is no candidate"),
        ("--duolog-screen-batch=2", "--duolog-screen-batch: it has no effect without --duolog-screen"),
        ("--duolog-budget=tea=2", "--duolog-budget: 'tea=2' is not a limit"),
        ("--duolog-concurrency=all", "duolog_concurrency: 'all' is not a whole number"),
    ],
)
def test_options_are_checked_without_dialogues_too(pytester: pytest.Pytester, option: str, problem: str):
    pytester.makepyfile(test_it='def test_plain():\n    open("ran.txt", "w").close()\n')
    result = pytester.runpytest(option)
    assert result.ret not in {pytest.ExitCode.OK, pytest.ExitCode.INTERNAL_ERROR}
    assert problem in "\n".join([*result.outlines, *result.errlines])
    assert not Path("ran.txt").exists()


def test_a_limit_is_for_runs_without_dialogues_too(pytester: pytest.Pytester):
    pytester.makepyfile(test_it="def test_plain():\n    pass\n")
    pytester.runpytest("--duolog-budget=tokens=5", "--duolog-concurrency=2").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "line",
    [
        "duolog_candidate = Bob=scripted:echo",
        "addopts = --duolog-candidate=Bob=scripted:echo",
        "addopts = --duolog-samples=3",
    ],
)
def test_a_gate_of_the_ini_file_is_for_other_runs(pytester: pytest.Pytester, line: str):
    pytester.makeini(f"[pytest]\n{line}\n")
    pytester.makepyfile(test_it=WITH_PLAIN)
    pytester.runpytest("-k", "plain").assert_outcomes(passed=1, deselected=1)


def test_a_variable_of_the_environment_is_for_other_runs(pytester: pytest.Pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "--duolog-samples=3", prepend=" ")
    pytester.makepyfile(test_it=WITH_PLAIN)
    pytester.runpytest("-k", "plain").assert_outcomes(passed=1, deselected=1)


@pytest.mark.parametrize("option", ["--setup-plan", "--setup-only"])
def test_a_run_of_set_ups_samples_nothing(pytester: pytest.Pytester, option: str):
    pytester.makepyfile(test_it=WITH_PLAIN)
    result = pytester.runpytest(option, "--duolog-candidate=Bob=scripted:echo", "--record-mode=once")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line("*PASS*")
    assert not (pytester.path / ".duolog").exists()
