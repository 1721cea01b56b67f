"""The end of a run: how long it gets, what it says first, and what Ctrl-C and git find."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_duolog.gate.decide import decide_record
from pytest_duolog.reports.run_summary import MOST_LINES, summary_lines
from pytest_duolog.results.record import RunRecord
from tests.run_records import bar_record, gate_record, sample

TALKS = """
    import pytest

    @pytest.mark.dialogue(a="scripted:counter", b="scripted:counter", turns=1, samples=1, min_pass_rate=1)
    @pytest.mark.parametrize("number", range({n}))
    def test_talk(dialogue, number):
        assert dialogue.messages and number % 3
"""


def summary(record: RunRecord, **options: bool) -> list[str]:
    return list(summary_lines(record, decide_record(record), **options))


def end_of(result: pytest.RunResult) -> list[str]:
    """What our package says at the end of a run."""
    lines = result.stdout.lines
    start = next(at for at, line in enumerate(lines) if line.strip("-").strip() in ("samples", "dialogues"))
    end = next((at for at, line in enumerate(lines) if "short test summary" in line), len(lines) - 1)
    return lines[start:end]


@pytest.mark.parametrize("n", [1, 30])
def test_the_end_of_any_run_fits_on_a_screen(pytester: pytest.Pytester, n: int):
    pytester.makepyfile(TALKS.format(n=n).replace("samples=1", "samples=2"))
    result = pytester.runpytest("-p", "no:cacheprovider", "--tb=no", "--record-mode=once")
    assert len(end_of(result)) <= 40


def test_of_many_scenarios_the_worst_come_first_and_the_rest_are_counted():
    outcomes = {f"t.py::test_{at}": "+" * 20 for at in range(100)} | {"t.py::test_bad": "-" * 3}
    lines = summary(bar_record(outcomes))
    assert len(lines) <= MOST_LINES
    assert lines[0] == "FAIL: 1 of 101 scenarios below their pass rate: t.py::test_bad"
    assert lines[1].startswith("t.py::test_bad: FAIL: 0 of 2 passed")
    (rest,) = [line for line in lines if line.startswith("and ")]
    assert "more scenarios, all of them PASS: duolog gate prints them" in rest
    assert any("of 20 samples must pass" in line for line in lines)


def test_few_scenarios_are_told_in_full():
    lines = summary(bar_record({"t.py::test_a": "+" * 20}))
    assert lines[0].startswith("t.py::test_a: PASS: ")
    assert len(lines) > 1


def test_damage_and_errors_are_told_however_many_scenarios_there_are():
    record = bar_record({f"t.py::test_{at}": "+" * 20 for at in range(60)})
    broken = sample("t.py::test_0", 21, "!", problem="HTTP 500")
    lines = summary(RunRecord(record.header, (*record.samples, broken), damage=("line 3 is cut short",)))
    assert "  line 3 is cut short" in lines
    assert any("ended in an error" in line and "HTTP 500" in line for line in lines)
    assert len(lines) <= MOST_LINES


@pytest.mark.parametrize(
    "record",
    [
        gate_record({f"a{at}": ("+" * 4, "+" * 4) for at in range(50)}),
        bar_record({f"t.py::test_{at}": "+" * 20 for at in range(50)}),
    ],
    ids=["gate", "bars"],
)
def test_a_quiet_run_says_the_verdict_and_little_else(record: RunRecord):
    lines = summary(record, is_quiet=True)
    assert 0 < len(lines) <= 4
    assert lines[0].startswith("PASS: ")


def test_why_dialogues_ended_is_told_unless_the_run_is_quiet(pytester: pytest.Pytester):
    pytester.makepyfile(TALKS.format(n=2).replace(", samples=1, min_pass_rate=1", ""))
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.stdout.fnmatch_lines(["2 dialogues", "stopped by: turns (2)"])
    quiet = pytester.runpytest("-p", "no:cacheprovider", "-q")
    quiet.stdout.fnmatch_lines(["2 dialogues"])
    quiet.stdout.no_fnmatch_line("stopped by*")


INTERRUPTED = """
    import pytest

    @pytest.mark.dialogue(a="scripted:counter", b="scripted:counter", turns=1)
    def test_talk(dialogue):
        assert dialogue.messages
        raise {error}
"""


INTERRUPTING = """
    def pytest_runtest_logreport(report):
        if hasattr(report, "node") and report.when == "teardown":  # in the controller
            raise KeyboardInterrupt
"""


@pytest.mark.parametrize(
    ("error", "mode", "is_told"),
    [
        ("KeyboardInterrupt", "once", True),
        ("KeyboardInterrupt", "none", False),
        ("pytest.exit.Exception('enough')", "once", False),
    ],
)
def test_an_interrupted_run_says_what_is_kept(
    pytester: pytest.Pytester, error: str, mode: str, is_told: bool
):
    pytester.makepyfile(INTERRUPTED.format(error=error))
    result = pytester.runpytest_inprocess(
        "-p", "no:cacheprovider", f"--record-mode={mode}", no_reraise_ctrlc=True
    )
    output = result.stdout.str()
    assert ("interrupted: all received replies are in their cassettes" in output) is is_told
    assert ("to continue, repeat this with --record-mode=once" in output) is is_told
    assert "run record" not in output


def test_an_interrupted_run_with_samples_names_its_record(pytester: pytest.Pytester):
    pytester.makepyfile(
        """
        import pytest

        ENDED = []

        @pytest.mark.dialogue(a="scripted:counter", b="scripted:counter", turns=1, samples=3, min_pass_rate=0.5)
        def test_talk(dialogue):
            if ENDED:
                raise KeyboardInterrupt
            ENDED.append(dialogue)
        """
    )
    result = pytester.runpytest_inprocess(
        "-p", "no:cacheprovider", "--record-mode=once", no_reraise_ctrlc=True
    )
    result.stdout.fnmatch_lines(["interrupted: *cassettes, and all finished samples in the run record"])


def test_the_controller_of_workers_says_what_is_kept(pytester: pytest.Pytester):
    pytester.makepyfile(TALKS.format(n=2).replace(", samples=1, min_pass_rate=1", ""))
    pytester.makeconftest(INTERRUPTING)
    result = pytester.runpytest_inprocess(
        "-p", "no:cacheprovider", "--record-mode=once", "-n1", no_reraise_ctrlc=True
    )
    result.stdout.fnmatch_lines(
        ["interrupted: all received replies are in their cassettes", "to continue, *"]
    )


def test_the_controller_says_it_before_a_dialogue_has_ended(pytester: pytest.Pytester):
    pytester.makepyfile(TALKS.format(n=2).replace(", samples=1, min_pass_rate=1", ""))
    pytester.makeconftest(INTERRUPTING.replace("teardown", "setup"))
    result = pytester.runpytest_inprocess(
        "-p", "no:cacheprovider", "--record-mode=once", "-n1", no_reraise_ctrlc=True
    )
    result.stdout.fnmatch_lines(["interrupted: all received replies are in their cassettes"])
    result.stdout.no_fnmatch_line("* dialogues")


FAILING = """
    import pytest

    @pytest.mark.dialogue(a="scripted:counter", b="scripted:counter", turns=1)
    @pytest.mark.parametrize("number", range(3))
    def test_talk(dialogue, number):
        assert dialogue.messages[number:] == ()
"""


@pytest.mark.parametrize(
    ("options", "why", "how"),
    [
        (("-x",), "stopping after 1 failures", " and without -x"),
        (("--maxfail=2",), "stopping after 2 failures", " and without --maxfail=2"),
        (("--stepwise",), "Test failed, continuing from this test next run.", " (with --stepwise-skip, *)"),
        (("-x", "-n1"), "stopping after 1 failures", " and without -x"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_run_that_stops_at_a_failure_says_what_is_kept(
    pytester: pytest.Pytester, options: tuple[str, ...], why: str, how: str
):
    pytester.makepyfile(FAILING)
    result = pytester.runpytest("--record-mode=once", *options)
    result.stdout.fnmatch_lines(
        [
            f"{why}: all received replies are in their cassettes",
            f"to continue, repeat this with --record-mode=once{how}: recorded replies are not asked for again",
        ]
    )


@pytest.mark.parametrize("options", [("--record-mode=none", "-x"), ("--record-mode=once", "--maxfail=3")])
def test_a_run_that_replays_or_ran_every_test_says_nothing_of_it(
    pytester: pytest.Pytester, options: tuple[str, ...]
):
    pytester.makepyfile(FAILING)
    result = pytester.runpytest("-p", "no:cacheprovider", *options)
    result.stdout.no_fnmatch_line("*all received replies*")


def test_a_run_that_cannot_be_collected_was_not_interrupted(pytester: pytest.Pytester):
    pytester.makepyfile(
        INTERRUPTED.format(error="KeyboardInterrupt"), test_broken="import nothing_of_this_name"
    )
    result = pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.no_fnmatch_line("*all received replies*")
    result.stdout.no_fnmatch_line("*to continue*")


def test_git_does_not_see_what_a_run_leaves_behind(pytester: pytest.Pytester):
    pytester.makepyfile(TALKS.format(n=1).replace("samples=1", "samples=2"))
    arguments = ("-p", "no:cacheprovider", "--record-mode=once", "--duolog-report=.duolog/pages/report.html")
    pytester.runpytest(*arguments)
    pytester.run("git", "init", "--quiet")
    assert ".duolog" not in pytester.run("git", "status", "--short", "--untracked-files=all").stdout.str()
    assert Path(".duolog/pages/report.html").exists()
    ignoring = Path(".duolog/.gitignore")
    ignoring.unlink()  # somebody wants to commit it
    pytester.runpytest(*arguments)
    assert not ignoring.exists()
