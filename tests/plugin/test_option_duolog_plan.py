"""`--duolog-plan`: what a run would take and risk, and nothing run."""

from __future__ import annotations

import pytest

from tests.workers import alone_or_in_workers

SUITE = """
import pytest

def speaks(messages):
    raise AssertionError("nobody is asked")

@pytest.mark.dialogue(a=speaks, b=speaks, turns=3, samples=20, min_pass_rate=0.9)
@pytest.mark.parametrize("opener", ["Hello.", "Hi."])
def test_sampled(dialogue, opener):
    open("ran.txt", "w")
    assert dialogue.messages

@pytest.mark.dialogue(a=speaks, b=speaks, turns=3, opener=None)
def test_once(dialogue):
    open("ran.txt", "w")

def test_plain():
    open("ran.txt", "w")
"""


def plan(pytester: pytest.Pytester, source: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(test_it=source)
    result = pytester.runpytest("-p", "no:cacheprovider", "--duolog-plan", *options)
    assert not (pytester.path / "ran.txt").exists()
    assert not (pytester.path / ".duolog").exists()
    return result


@alone_or_in_workers()
def test_plan_is_said_and_nothing_runs(pytester: pytest.Pytester, options: tuple[str, ...]) -> None:
    result = plan(pytester, SUITE, *options)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "-* plan of dialogues -*",
            "no earlier run is known*",
            "about 30 dialogues, and at most 40",
            "about 179 replies from models*",
            "at these pass rates at least one of 2 tests fails in 15 % of runs",
            "test_it.py::*Hello.*: 18 of 20 samples must pass (0.9)",
            "  a scenario that passes 95.8 % of the time fails this in about 5 % of runs*",
            "1 test with a dialogue that runs once: at most 7 replies",
            "nothing was run, and no record, history or report is written: this is the plan (--duolog-plan)",
        ]
    )


def test_files_that_are_asked_for_are_not_written(pytester: pytest.Pytester) -> None:
    files = (
        "--duolog-report=a.html",
        "--duolog-ctrf=b.json",
        "--duolog-record=c.jsonl",
        "--duolog-history=d",
    )
    result = plan(pytester, SUITE, *files)
    result.stdout.fnmatch_lines(["nothing was run, and no record, history or report is written: *"])
    result.stdout.no_fnmatch_line("*no test has samples*")
    assert [path.name for path in pytester.path.iterdir() if path.name[0] in "abcd"] == []


def test_scripted_speakers_cost_no_replies(pytester: pytest.Pytester) -> None:
    source = SUITE.replace("a=speaks", "a='scripted:farewell'")
    plan(pytester, source).stdout.fnmatch_lines(["about 89 replies from models*", "* at most 4 replies"])


def test_gate_with_workers_is_planned_with_every_round(pytester: pytest.Pytester) -> None:
    result = plan(pytester, SUITE, "--duolog-candidate=Model B=scripted:echo", "--duolog-rounds=5", "-n2")
    result.stdout.fnmatch_lines(["with workers of pytest-xdist 30 dialogues: *"])


def test_gate_is_planned(pytester: pytest.Pytester) -> None:
    result = plan(pytester, SUITE, "--duolog-candidate=Model B=scripted:echo", "--duolog-rounds=9")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        ["about * dialogues, baseline and candidate together*", "an equal candidate: PASS in * of gates, *"]
    )


def test_last_record_tells_of_rates_and_lengths(pytester: pytest.Pytester) -> None:
    source = SUITE.replace('raise AssertionError("nobody is asked")', 'return f"Reply {id(object())}."')
    pytester.makepyfile(test_it=source.replace('open("ran.txt", "w")', "pass"))
    pytester.runpytest("-p", "no:cacheprovider", "--duolog-samples=2")
    result = pytester.runpytest("-p", "no:cacheprovider", "--duolog-plan")
    result.stdout.fnmatch_lines(["pass rates and lengths of 2 of 2 scenarios are from the last run record"])


def test_suite_without_dialogues_has_nothing_to_plan(pytester: pytest.Pytester) -> None:
    result = plan(pytester, "def test_it():\n    open('ran.txt', 'w')")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["no collected test has a dialogue", "nothing was run*"])


def test_mistakes_in_tests_are_said_as_ever(pytester: pytest.Pytester) -> None:
    result = plan(pytester, SUITE.replace("samples=20", "samples=0"))
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*a plan needs at least 1 sample, not 0*"])


def test_words_that_steps_say_cost_no_reply(pytester: pytest.Pytester) -> None:
    source = """
import pytest
from pytest_duolog import Message, reply, say, talk

STEPS = [say("Hello."), reply(), say("4711"), reply(), talk(turns=2), say("Bye!"), reply()]

def speaks(messages):
    raise AssertionError("nobody is asked")

@pytest.mark.dialogue(a="scripted:echo", b=speaks, steps=STEPS)
def test_one_side(dialogue):
    pass

@pytest.mark.dialogue(a=speaks, b=speaks, steps=STEPS, opener_by="b")
def test_both(dialogue):
    pass

@pytest.mark.dialogue(a=speaks, b="scripted:echo", steps=STEPS, history=[
    Message(speaker="Model A", content="Hello."), Message(speaker="Model B", content="Hi."),
])
def test_history(dialogue):
    pass
"""
    # Of ten messages, three are said; of the others the scripted side has two, all, and five.
    plan(pytester, source).stdout.fnmatch_lines(
        ["3 tests with a dialogue that runs once: at most 14 replies"]
    )
