"""What a failed assertion shows: what a property said, once, and the line that failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_duolog.results.record import RunRecord, Sample, SampleOutcome

TEST = """
    import pytest

    @pytest.mark.dialogue(a="scripted:farewell", b="scripted:farewell", turns=12, stop_on=(){more})
    def test_it(dialogue):
        {body}
"""
NO_LOOPS = "NoLoops fails: messages 5 to 25 add nothing new (repeat, period 8): 21 messages, about 122 tokens"


def run(pytester: pytest.Pytester, body: str, *arguments: str, more: str = "") -> str:
    pytester.makepyfile(TEST.format(body=body.replace("\n", "\n        "), more=more))
    result = pytester.runpytest("-p", "no:cacheprovider", *arguments)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    return result.stdout.str()


@pytest.mark.parametrize("arguments", [(), ("-vv", "--tb=short")], ids=" ".join)
@pytest.mark.parametrize(
    "body",
    [
        "assert dialogue.has_no_loops()",
        "assert dialogue.has_no_loops(), 'it goes in circles'",
        "verdict = dialogue.has_no_loops()\nassert verdict",
        "assert len(dialogue.messages) > 3 and dialogue.has_no_loops()",
        "with pytest.raises(ValueError):\n    assert dialogue.has_no_loops()",
    ],
)
def test_a_verdict_is_told_in_full_once_and_nothing_else_of_it(
    pytester: pytest.Pytester, body: str, arguments: tuple[str, ...]
):
    output = run(pytester, body, *arguments)
    assert output.count(NO_LOOPS) == 1
    assert output.count("message 5 (Model A): 'Goodbye, and thanks again!'") == 1
    assert "\\n" not in output
    assert "bound method" not in output
    (line,) = [line for line in output.splitlines() if line.startswith("E  ") and "NoLoops fails" in line]
    assert len(line) <= 160
    assert " …" in line


def test_the_summary_names_the_property(pytester: pytest.Pytester):
    assert "test_it - assert NoLoops fails" in run(pytester, "assert dialogue.has_no_loops()")


def test_one_line_a_failure_has_the_property(pytester: pytest.Pytester):
    output = run(pytester, "assert dialogue.has_no_loops()", "--tb=line")
    assert any(
        ": AssertionError: assert NoLoops" in line or ": assert NoLoops" in line
        for line in output.splitlines()
    )
    assert "- dialogue -" not in run(pytester, "assert dialogue.has_no_loops()", "--tb=no")


def test_a_property_that_holds_and_should_not_is_told(pytester: pytest.Pytester):
    output = run(pytester, "assert not dialogue.never_says('refund')")
    assert (
        "assert not NeverSays(phrases=('refund',)) holds: 'refund' is in 0 of 25 messages (at most 0)\n"
        in output
    )
    assert "bound method" not in output


def test_a_verdict_on_a_transcript_stands_in_the_message_as_lines(pytester: pytest.Pytester):
    output = run(pytester, "assert dialogue.transcript.has_no_loops()")
    assert output.count(NO_LOOPS) == 1
    assert "E         message 5 (Model A): 'Goodbye, and thanks again!'" in output
    assert "\\n" not in output


def test_other_assertions_are_as_pytest_writes_them(pytester: pytest.Pytester):
    output = run(pytester, "assert len(dialogue.messages) == 3")
    assert "E       AssertionError: assert 25 == 3" in output or "E       assert 25 == 3" in output
    assert "+  where 25 = len(" in output


@pytest.mark.parametrize(
    ("body", "problem", "asserted", "why"),
    [
        ("assert dialogue.has_no_loops()", NO_LOOPS, "assert dialogue.has_no_loops()", NO_LOOPS),
        (
            "assert any(mark in dialogue.messages[-1].content for mark in '!?')",
            "assert False",
            "assert any(mark in dialogue.messages[-1].content for mark in '!?')",
            "assert any(mark in dialogue.messages[-1].content for mark in '!?'): False",
        ),
        (
            "dialogue.messages\nraise RuntimeError('x')",
            "RuntimeError: x",
            "raise RuntimeError('x')",
            "RuntimeError: x",
        ),
        ("dialogue.messages\npytest.fail('no', pytrace=False)", "Failed: no", "", "Failed: no"),
    ],
    ids=["property", "bare", "error", "without traceback"],
)
def test_a_record_has_what_the_property_said_and_the_line(
    pytester: pytest.Pytester, body: str, problem: str, asserted: str, why: str
):
    run(pytester, body, "--record-mode=once", more=", samples=2")
    sample = RunRecord.read(Path(".duolog/record.jsonl")).samples[0]
    assert sample.problem.startswith(problem)
    assert sample.asserted == asserted
    assert sample.why.startswith(why)


@pytest.mark.parametrize(
    ("problem", "asserted", "why"),
    [
        ("assert 7 == 0", "assert len(said) == 0", "assert len(said) == 0: 7 == 0"),
        ("AssertionError: assert False", "assert f(x)", "assert f(x): False"),
        ("assert False", "", "assert False"),
        ("NoLoops fails: x", "assert dialogue.has_no_loops()", "NoLoops fails: x"),
    ],
)
def test_why_a_sample_did_not_pass(problem: str, asserted: str, why: str):
    sample = Sample(scenario="a", number=1, outcome=SampleOutcome.FAILED, problem=problem, asserted=asserted)
    assert sample.why == why
