"""A candidate on trial: every test in pairs, one decision, and an exit status that CI can trust."""

from __future__ import annotations

import json
import shlex
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from pytest_duolog.cli import main
from pytest_duolog.gate.decide import decide_record
from pytest_duolog.gate.decision import Decision
from pytest_duolog.results.record import Arm, SampleOutcome
from pytest_duolog.results.store import read_record
from tests.chat_server import ChatServer
from tests.workers import alone_or_in_workers

SUITE = """
import pytest
from pytest_duolog import Speaker

@pytest.mark.dialogue(
    a=Speaker("Ann", model="openai:asker"),
    b=Speaker("Ben", model="openai:old", role="agent", seed=100),
    turns=1,
)
@pytest.mark.parametrize("opener", [f"Opener {n}." for n in range(5)])
def test_it(opener, dialogue):
    assert "wrong" not in dialogue.messages[1].content

def test_other():
    pass
"""


class Models:
    """Models that are wrong in a share of their answers, evenly; every answer is another text."""

    def __init__(self, server: ChatServer) -> None:
        self.one_wrong_in = {"old": 0, "same": 0, "worse": 2, "bad": 1, "collapsed": 1}
        self.refusals: dict[str, tuple[int, dict[str, str]]] = {}
        self._counts: dict[tuple[str, str], int] = {}
        server.answer = self._answer

    def _answer(self, body: dict[str, Any]) -> Any:
        model, opener = body["model"], str(body["messages"])
        if model == "gone":
            return 404, b"{}"
        if model in self.refusals:
            status, error = self.refusals[model]
            return status, json.dumps({"error": error}).encode()
        asked = self._counts[model, opener] = self._counts.get((model, opener), 0) + 1
        number = body["seed"] - 99 if "seed" in body else asked  # samples come in any order
        wrong_in = self.one_wrong_in.get(model, 0)
        if model == "collapsed" and "Opener 3" not in opener:
            wrong_in = 0
        return f"{'wrong' if wrong_in and number % wrong_in == 0 else 'right'} answer {number} by {model}"


@pytest.fixture
def models(chat_server: ChatServer) -> Models:
    return Models(chat_server)


@pytest.fixture
def gate(pytester: pytest.Pytester, models: Models):
    pytester.makepyfile(SUITE)

    def run(candidate: str, *options: str) -> pytest.RunResult:
        arguments = ("-p", "no:cacheprovider", f"--duolog-candidate=agent=openai:{candidate}", *options)
        return pytester.runpytest(*arguments)

    return run


def record(pytester: pytest.Pytester):
    return read_record(pytester.path / ".duolog" / "record.jsonl")


@pytest.mark.skipif(not hasattr(pytest, "Subtests"), reason="this pytest has no subtests")
@alone_or_in_workers()
def test_candidate_that_fails_subtests_is_blocked(gate, pytester: pytest.Pytester, options):
    body = '    with subtests.test("right"):\n        assert "wrong" not in dialogue.messages[1].content'
    suite = SUITE.replace("(opener, dialogue)", "(opener, dialogue, subtests)")
    pytester.makepyfile(suite.replace('    assert "wrong" not in dialogue.messages[1].content', body))
    result = gate("bad", "--record-mode=once", *options)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*BLOCK: *", "baseline * passed (100 %), candidate *"])
    result.stdout.no_fnmatch_line("*SUBFAILED*")


def test_equal_candidate_passes(gate, pytester: pytest.Pytester):
    result = gate("same", "--record-mode=once")
    result.assert_outcomes(passed=6)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "PASS: the mean pass rate does not drop by 10 points or more",
            "baseline 40 of 40 passed (100 %), candidate 40 of 40 (100 %): mean drop 0 points*",
            "80 of at most 200 dialogues, 8 rounds over 5 scenarios",
            "*(the margin) passes in at most 5 % of gates",
            "*blocked in at most 5 % of gates*",
        ]
    )
    assert len(record(pytester).looks) == 7


@alone_or_in_workers()
def test_worse_candidate_is_blocked_and_its_failures_shown(gate, options: tuple[str, ...]):
    result = gate("worse", "--record-mode=once", "--junitxml=junit.xml", *options)
    result.assert_outcomes(passed=1, failed=5)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "BLOCK: *",
            "baseline: * of * passed",
            "candidate: * of * passed",
            "*sample 2 of the candidate (failed):",
            "*wrong answer 2 by worse*",
        ]
    )
    cases = [
        case for case in ET.parse("junit.xml").getroot().iter("testcase") if "test_it" in case.attrib["name"]
    ]
    assert [case.find("failure") is not None for case in cases] == [True] * 5
    for case in cases:
        properties = {found.get("name"): found.get("value") for found in case.iter("property")}
        assert str(properties["duolog_verdict"]).startswith("BLOCK: ")


def test_rounds_that_workers_run_after_the_decision_are_told(gate):
    result = gate("same", "--record-mode=once", "--duolog-rounds=9", "-n2")
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(
        ["80 of at most 90 dialogues, 8 rounds *", "90 dialogues were run; those after *"]
    )


def test_one_collapsed_scenario_is_named(gate):
    result = gate("collapsed", "--record-mode=once")
    result.assert_outcomes(passed=5, failed=1)
    result.stdout.fnmatch_lines(["BLOCK: 1 of 5 scenarios got worse: *Opener 3.*", "FAILED *Opener 3.*"])


@pytest.mark.parametrize(
    ("wrong", "outcomes"),
    [("answer", {"xfailed": 5}), ("nothing", {"failed": 5}), ("by old", {"failed": 5})],
    ids=["both arms fail", "both pass", "the candidate passes"],
)
def test_strict_xfail_looks_at_the_candidate(
    pytester: pytest.Pytester, models: Models, wrong: str, outcomes: dict[str, int]
):
    suite = SUITE.partition("def test_other")[0].replace('"wrong" not in', f'"{wrong}" not in')
    pytester.makepyfile(
        suite.replace("@pytest.mark.param", "@pytest.mark.xfail(strict=True)\n@pytest.mark.param", 1)
    )
    run = ("--record-mode=once", "--duolog-margin=0.4", "--duolog-candidate", "agent=openai:same")
    pytester.runpytest("-p", "no:cacheprovider", *run).assert_outcomes(**outcomes)


def test_test_whose_samples_cannot_be_had_says_so_where_the_gate_passes(
    pytester: pytest.Pytester, models: Models
):
    suite = SUITE.partition("def test_other")[0].replace("def test_it(opener, ", "def test_it(opener, sick, ")
    pytester.makepyfile(
        suite
        + "@pytest.fixture\ndef sick(opener):\n    yield\n    assert '4' not in opener, 'teardown broke'\n"
    )
    run = ("--record-mode=once", "--duolog-margin=0.4", "--duolog-candidate", "agent=openai:same")
    result = pytester.runpytest("-p", "no:cacheprovider", *run)
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(
        ["some samples of this test could not be had; the gate says PASS: *", "*teardown broke*"]
    )


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ((), pytest.ExitCode.TESTS_FAILED),
        (("--duolog-inconclusive=warn",), pytest.ExitCode.OK),
        (("-o", "duolog_inconclusive=warn"), pytest.ExitCode.OK),
        (("--duolog-inconclusive=75",), 75),
    ],
    ids=["fails", "warns", "ini", "status"],
)
def test_too_little_evidence_is_inconclusive(gate, options: tuple[str, ...], status: int):
    result = gate("same", "--record-mode=once", "--duolog-rounds=3", "--junitxml=junit.xml", *options)
    assert result.parseoutcomes() == {"passed": 1, "inconclusive": 5}
    assert result.ret == status
    skipped = [found.get("message", "") for found in ET.parse("junit.xml").getroot().iter("skipped")]
    assert [message.partition(":")[0] for message in skipped] == ["INCONCLUSIVE"] * 5
    result.stdout.fnmatch_lines(
        ["INCONCLUSIVE: the evidence decides neither way; about 5 more rounds needed (--duolog-rounds=8)"]
    )
    why = "INCONCLUSIVE fails the run (--duolog-inconclusive=warn lets it pass)"
    assert (why in result.outlines) == bool(status)


@alone_or_in_workers()
def test_decision_is_made_again_from_recordings_alone(
    gate, pytester: pytest.Pytester, chat_server: ChatServer, options: tuple[str, ...]
):
    gate("bad", "--record-mode=once")
    before = decide_record(record(pytester))
    chat_server.close()
    assert gate("bad", *options).ret == pytest.ExitCode.TESTS_FAILED
    assert decide_record(record(pytester)).decision is before.decision is Decision.BLOCK


def test_both_arms_of_a_pair_have_one_seed_and_pairs_have_their_own(gate, chat_server: ChatServer):
    gate("same", "--record-mode=once", "--duolog-rounds=3")
    seeds: dict[str, list[int]] = {"old": [], "same": []}
    for request in chat_server.requests:
        if request["model"] in seeds:
            seeds[request["model"]].append(request["seed"])
    assert sorted(seeds["old"]) == sorted(seeds["same"]) == sorted([100, 101, 102] * 5)


def test_interrupted_gate_goes_on_from_its_cassettes(gate, chat_server: ChatServer, models: Models):
    gate("same", "--record-mode=once", "--duolog-rounds=3")
    n_asked = len(chat_server.requests)
    gate("same", "--record-mode=once", "--duolog-rounds=9")
    asked = [request["seed"] for request in chat_server.requests[n_asked:] if "seed" in request]
    assert min(asked) == 103


def test_candidate_that_cannot_be_reached_is_inconclusive(gate, pytester: pytest.Pytester):
    result = gate("gone", "--record-mode=once")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["INCONCLUSIVE: no dialogue of the last rounds came to an end; *", "*attempts ended in an error*"]
    )
    assert not record(pytester).measured(next(iter(record(pytester).header.plan.scenarios)), Arm.CANDIDATE)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (
            400,
            {
                "code": "context_length_exceeded",
                "message": "This model's maximum context length is 512 tokens.",
            },
        ),
        (400, {"code": "content_filter", "message": "The response was filtered."}),
        (403, {"message": "Your input was flagged by our moderation."}),
    ],
    ids=["context", "filter", "moderation"],
)
def test_what_a_model_or_its_policy_answers_is_an_outcome(
    gate, models: Models, pytester: pytest.Pytester, status: int, error: dict[str, str]
):
    models.refusals["picky"] = (status, error)
    result = gate("picky", "--record-mode=once")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["BLOCK: *"])
    outcomes = {found.outcome for found in record(pytester).samples if found.arm is Arm.CANDIDATE}
    assert outcomes == {SampleOutcome.FAILED}


def test_own_status_of_an_inconclusive_gate_holds_where_samples_are_errors(gate):
    result = gate("gone", "--record-mode=once", "--duolog-inconclusive=75", "-k", "test_it")
    assert result.ret == 75
    result.stdout.fnmatch_lines(["INCONCLUSIVE: no dialogue of the last rounds came to an end; *"])


def test_gate_that_cannot_pass_is_told_before_anything_is_asked(gate, chat_server: ChatServer):
    result = gate("same", "--record-mode=once", "--duolog-rounds=3", "-k", "0")
    lines = result.outlines
    (warning,) = [
        at for at, line in enumerate(lines) if line.startswith("this gate cannot say PASS: 3 rounds over 1 ")
    ]
    assert lines[warning].endswith(
        "it needs --duolog-rounds=40, or more scenarios or a wider --duolog-margin"
    )
    assert warning < next(at for at, line in enumerate(lines) if "[100%]" in line)
    planned = gate("same", "--duolog-plan", "-k", "0")
    planned.stdout.fnmatch_lines(["this gate cannot say PASS: 20 rounds over 1 scenario are too few pairs *"])
    assert "cannot say PASS" not in gate("same", "--duolog-plan").stdout.str()


def test_failed_tests_can_be_tried_anew_alone(pytester: pytest.Pytester, models: Models):
    pytester.makepyfile(SUITE)
    options = ("--duolog-candidate=agent=openai:collapsed", "--record-mode=once")
    result = pytester.runpytest(*options)
    (line,) = [
        line
        for line in result.outlines
        if line.startswith("to try the failed tests anew, in a gate of these")
    ]
    program, *arguments = shlex.split(line.partition("alone: ")[2])
    assert program == "pytest"
    again = pytester.runpytest(*arguments)
    assert (again.ret, again.parseoutcomes().get("failed")) == (pytest.ExitCode.TESTS_FAILED, 1)
    again.stdout.fnmatch_lines(
        ["BLOCK: *", "this gate is about the tests that --lf chose, and says nothing of the others"]
    )


def test_costs_and_tries_are_told_by_arm_and_role(gate):
    result = gate("same", "--record-mode=once")
    result.stdout.fnmatch_lines(
        [
            "pass^3 (3 of 3 tries pass): baseline 100 %, candidate 100 %; pass@3 (1 of 3 passes): baseline 100 %, *",
            "cost of the baseline: Ann (openai:asker) 40 replies, * written; Ben (openai:old) 40 replies*",
            "cost of the candidate: Ann (openai:asker) 40 replies, *; Ben (openai:same) 40 replies, *",
            "*replies recorded (* s of model time; * tokens read; * written; * s on the clock)*",
        ]
    )


def test_no_recordings_fail_with_the_command_that_makes_them(gate, chat_server: ChatServer):
    result = gate("same")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    command = "pytest --record-mode=once --duolog-candidate=agent=openai:same '*test_it[[]Opener 0.]'"
    result.stdout.fnmatch_lines([f"*to fix: * record it: {command}"])
    assert chat_server.requests == []


@pytest.mark.parametrize(
    ("candidate", "options", "problem"),
    [
        (
            "x",
            ("--duolog-candidate=agnet=openai:x",),
            "*--duolog-candidate: no collected test has * 'agnet' *agent*",
        ),
        ("x", ("--duolog-candidate=Ann=nobody:x",), "*unknown provider 'nobody'*"),
        ("x", ("--duolog-margin=2",), "*margin 2 is not inside (0, 1)*"),
        ("x", ("--duolog-margin=wide",), "*duolog_margin: 'wide' is not a number*"),
        ("x", ("--duolog-margin=nan",), "*duolog_margin: 'nan' is not a number*"),
        (
            "x",
            ("--duolog-candidate=agent=openai:y",),
            "*--duolog-candidate: 'agent' is given twice (openai:x, openai:y)*",
        ),
        ("x", ("--duolog-rounds=0",), "*duolog_rounds: '0' is not a whole number above 0*"),
        ("x", ("--duolog-inconclusive=maybe",), "*duolog_inconclusive: 'maybe' is not known*"),
    ],
    ids=[
        "role",
        "provider",
        "margin",
        "margin no number",
        "margin nan",
        "two candidates",
        "rounds",
        "status",
    ],
)
def test_wrong_option_is_said_before_anything_runs(
    gate, chat_server: ChatServer, candidate: str, options: tuple[str, ...], problem: str
):
    result = gate(candidate, "--record-mode=once", *options)
    assert result.ret not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    lines = result.outlines + result.errlines
    assert pytest.LineMatcher(lines).fnmatch_lines_random([problem]) is None
    assert chat_server.requests == []


@pytest.mark.parametrize(
    "options",
    [(), pytest.param(("-n2",), marks=pytest.mark.slow), ("--duolog-plan",)],
    ids=["plain", "xdist", "plan"],
)
def test_candidate_that_is_the_baseline_is_refused(gate, chat_server: ChatServer, options: tuple[str, ...]):
    result = gate("old", "--record-mode=once", *options)
    assert result.ret != pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["--duolog-candidate: *Opener 0.*already uses agent=openai:old*"])
    assert chat_server.requests == []


def test_tests_that_the_candidate_plays_already_are_named(gate, pytester: pytest.Pytester):
    pinned = SUITE.replace("openai:old", "openai:same").replace("test_it", "test_pinned")
    pytester.makepyfile(test_pinned=pinned)
    gate("same", "--record-mode=once").stdout.fnmatch_lines(["--duolog-candidate: *test_pinned.py::*"])
    gate("same", "--record-mode=once", "-k", "not pinned").assert_outcomes(passed=6, deselected=6)


def test_record_is_decided_again_by_the_command(gate, pytester: pytest.Pytester, capsys):
    gate("bad", "--record-mode=once")
    capsys.readouterr()
    assert main(["gate", str(pytester.path / ".duolog" / "record.jsonl")]) == 1
    assert capsys.readouterr().out.startswith("BLOCK: ")


def test_budget_ends_a_gate_with_a_verdict_that_can_be_gone_on_with(gate, pytester: pytest.Pytester):
    result = gate("same", "--record-mode=once", "--duolog-budget=dialogues=32", "--duolog-concurrency=1")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "INCONCLUSIVE: the evidence decides neither way; round 4 lacks *; about 5 more rounds needed",
            "8 of 40 attempts ended in an error, which counts neither*budget of this run is used up: 32 of 32*",
        ]
    )
    assert len([sample for sample in record(pytester).samples if sample.is_measured]) == 32
    gate("same", "--record-mode=once").assert_outcomes(passed=6)
