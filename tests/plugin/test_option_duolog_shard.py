"""`--duolog-shard I/N`: a run in several parts, which `duolog merge` makes one of, and decides."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from pytest_duolog.cli import main
from pytest_duolog.gate.decide import decide_record
from pytest_duolog.gate.decision import Decision
from pytest_duolog.gate.tally import Pair
from pytest_duolog.results.plan import FIRST_CANARY
from pytest_duolog.results.record import Arm, RunRecord
from pytest_duolog.results.store import read_record
from tests.chat_server import ChatServer
from tests.workers import alone_or_in_workers

SUITE = """
import pytest
from pytest_duolog import Speaker

def log(what):
    with open("ran.txt", "a") as file:
        print(what, file=file)

@pytest.mark.dialogue(
    a=Speaker("Ann", model="openai:asker"),
    b=Speaker("Ben", model="openai:old", role="agent", seed=1),
    turns=1,
)
@pytest.mark.parametrize("n", range(5))
def test_talk(n, duolog_scenario, dialogue):
    log(f"talk {n}")
    assert "wrong" not in dialogue.messages[1].content

@pytest.fixture
def duolog_scenario(n):
    return {"opener": f"Opener {n}."}

@pytest.mark.parametrize("n", range(4))
def test_plain(n):
    log(f"plain {n}")
"""
PLAIN = """
import pytest

@pytest.mark.parametrize("n", range(3))
def test_plain(n):
    with open("ran.txt", "a") as file:
        print(n, file=file)
"""
EVERYTHING = sorted([*(f"talk {n}" for n in range(5)), *(f"plain {n}" for n in range(4))])
N = 3


class Models:
    """Models whose answers depend on nothing but model, opener and seed, and are wrong as often as `wrong` says."""

    def __init__(self, server: ChatServer) -> None:
        self.wrong: dict[str, float] = {"worse": 0.4, "old": 0.05, "same": 0.05}
        server.answer = self._answer

    def _answer(self, body: dict[str, Any]) -> Any:
        model, seed = body["model"], body.get("seed")
        if model == "gone":
            return 404, b"{}"
        opener = body["messages"][-1]["content"]
        chance = random.Random(f"{model} {seed} {opener}").random()
        return f"{'wrong' if chance < self.wrong.get(model, 0) else 'right'} answer {seed} to {opener} by {model}"


@pytest.fixture
def models(chat_server: ChatServer) -> Models:
    return Models(chat_server)


@pytest.fixture
def suite(pytester: pytest.Pytester, models: Models):
    pytester.makepyfile(test_it=SUITE)

    def run(*options: str) -> pytest.RunResult:
        return pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once", *options)

    return run


def gate(candidate: str) -> str:
    return f"--duolog-candidate=agent=openai:{candidate}"


def shards(run, *options: str, n: int = N, status: int = pytest.ExitCode.OK) -> list[pytest.RunResult]:
    """Every shard, one after the other."""
    results = [run(f"--duolog-shard={number}/{n}", *options) for number in range(1, n + 1)]
    assert [result.ret for result in results] == [status] * n
    return results


def records(*numbers: int) -> list[str]:
    return [f".duolog/record-{number}-of-{N}.jsonl" for number in numbers]


def merged(*numbers: int, status: int) -> RunRecord:
    assert main(["merge", *records(*numbers), "-o", "run.jsonl"]) == status
    return read_record(Path("run.jsonl"))


def said_in(record: RunRecord) -> dict[tuple[Any, ...], Any]:
    """The samples of a record by what they are, with their words and outcomes."""
    return {sample.key: (sample.outcome, sample.fingerprint) for sample in record.samples}


# A gate


@pytest.mark.parametrize(
    ("candidate", "options", "decision"),
    [
        ("same", ("--duolog-margin=0.3", "--duolog-rounds=8"), Decision.PASS),
        ("worse", ("--duolog-rounds=8",), Decision.BLOCK),
        ("same", ("--duolog-rounds=4",), Decision.INCONCLUSIVE),
    ],
    ids=["pass", "block", "inconclusive"],
)
def test_merged_shards_decide_as_one_run_does(
    suite, candidate: str, options: tuple[str, ...], decision: Decision
) -> None:
    status = int(decision is not Decision.PASS)
    assert suite(gate(candidate), *options).ret == status
    whole = read_record(Path(".duolog/record.jsonl"))
    for result in shards(suite, gate(candidate), *options):
        result.stdout.fnmatch_lines(
            [
                "UNDECIDED: this is shard ?/3 of a gate; duolog merge decides from the records of all shards",
                f"candidate for agent: openai:{candidate} instead of openai:old",
                "baseline * of * passed, candidate * of * passed, in ? of 5 scenarios",
                "run record: *record-?-of-3.jsonl (duolog merge reads it)",
            ]
        )
    together = merged(2, 3, 1, status=3 if decision is Decision.INCONCLUSIVE else status)
    assert decide_record(together) == decide_record(whole)
    assert decide_record(together).decision is decision
    assert together.looks == whole.looks
    assert said_in(whole).items() <= said_in(together).items()


def test_workers_make_the_same_shards(suite) -> None:
    options = ("--duolog-shard=2/3", gate("worse"), "--duolog-rounds=3")
    suite(*options)
    alone = said_in(read_record(Path(records(2)[0])))
    result = suite(*options, "-n2")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["UNDECIDED: *", "baseline *, in 2 of 5 scenarios", "3 of 9 tests belong *"])
    assert said_in(read_record(Path(records(2)[0]))) == alone


def test_missing_shard_leaves_the_gate_open_and_is_named(suite, capsys: pytest.CaptureFixture[str]) -> None:
    shards(suite, gate("same"), "--duolog-rounds=3")
    capsys.readouterr()
    record = merged(1, 3, status=3)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == (
        "INCONCLUSIVE: the evidence decides neither way; round 1 lacks 2 pairs: test_it.py::test_talk[1], "
        "test_it.py::test_talk[4]"
    )
    assert lines[-1] == (
        "shard 2/3 is missing or ended early: it has no samples of test_it.py::test_talk[1], test_it.py::test_talk[4]"
    )
    assert len(record.header.plan.scenarios) == 5
    assert main(["merge", "run.jsonl", *records(2), "-o", "run.jsonl"]) == 3
    assert "missing" not in capsys.readouterr().out


def test_shards_of_other_tests_are_not_merged(suite, capsys: pytest.CaptureFixture[str]) -> None:
    suite("--duolog-shard=1/3", gate("same"), "--duolog-rounds=3")
    suite("--duolog-shard=2/3", gate("same"), "--duolog-rounds=3", "-k", "not 3")
    assert main(["merge", *records(1, 2), "-o", "run.jsonl"]) == 2
    assert "these records have different plans" in capsys.readouterr().err


def test_failing_candidate_does_not_fail_a_shard(suite, models: Models) -> None:
    models.wrong["worse"] = 1
    result = suite("--duolog-shard=1/3", gate("worse"), "--duolog-rounds=4", "--junitxml=junit.xml", "-x")
    result.assert_outcomes(passed=3)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["baseline * of 8 passed, candidate 0 of 8 passed, in 2 of 5 scenarios"])
    talk, *_ = (
        case for case in ET.parse("junit.xml").getroot().iter("testcase") if "talk" in case.attrib["name"]
    )
    properties = {found.get("name"): found.get("value") for found in talk.iter("property")}
    assert str(properties["duolog_verdict"]).startswith("UNDECIDED: this is shard 1/3 of a gate")
    assert properties["duolog_candidate"] == "0/4"


@alone_or_in_workers()
def test_models_that_cannot_be_asked_fail_the_shard(suite, options: tuple[str, ...]) -> None:
    result = suite("--duolog-shard=1/3", gate("gone"), "--duolog-rounds=3", *options)
    result.assert_outcomes(failed=2, passed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "UNDECIDED: this is shard 1/3 of a gate; *",
            "candidate: 0 of 0 passed",
            "*sample 1 of the candidate* (error):",
            "* attempts ended in an error, which counts neither as pass nor as failure: *",
            "to continue, repeat this with --record-mode=once*",
        ]
    )


def test_other_failures_fail_their_shard_alone(suite, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=SUITE + "    assert n != 0\n")
    status = [suite(f"--duolog-shard={n}/3", gate("same"), "--duolog-rounds=3").ret for n in (1, 2, 3)]
    assert sorted(status) == [0, 0, 1]


@alone_or_in_workers()
def test_budget_that_is_used_up_leaves_a_shard_incomplete_and_not_failed(
    suite, options: tuple[str, ...]
) -> None:
    """What it lacks may lie beyond the decision; the budget is that of all shards together."""
    result = suite("--duolog-shard=1/3", gate("same"), "--duolog-budget=dialogues=24", *options)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        ["* attempts ended in an error, *budget of this run is used up*", "to continue, repeat *"]
    )
    assert sum(sample.is_measured for sample in read_record(Path(records(1)[0])).samples) == 8


def test_budget_of_a_few_rounds_keeps_the_early_stop(suite, models: Models, chat_server: ChatServer) -> None:
    models.wrong.clear()
    options = (gate("same"), "--duolog-margin=0.1")
    shards(suite, *options, "--duolog-budget=dialogues=42")
    assert [len(pairs) for pairs in decided_pairs(merged(1, 2, 3, status=3))] == [3] * 5
    n_asked = len(chat_server.requests)
    shards(suite, *options, "--duolog-budget=dialogues=96")
    assert [len(pairs) for pairs in decided_pairs(merged(1, 2, 3, status=0))] == [8] * 5
    seeds = [request["seed"] for request in chat_server.requests[n_asked:] if "seed" in request]
    assert min(seeds) > 3, "what was recorded is not asked for again"


def decided_pairs(record: RunRecord) -> list[list[Pair]]:
    pairs = decide_record(record).pairs
    assert pairs is not None
    return [tally.pairs for tally in pairs.tallies]


def test_shard_with_every_scenario_decides_and_stops_as_a_run_does(suite) -> None:
    result = suite("--duolog-shard=1/1", gate("worse"))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["BLOCK: *"])
    whole = read_record(Path(".duolog/record-1-of-1.jsonl"))
    assert len(whole.samples) < 200
    assert main(["merge", ".duolog/record-1-of-1.jsonl", "-o", "run.jsonl"]) == 1


def test_stored_baseline_serves_every_shard(suite, models: Models, chat_server: ChatServer) -> None:
    models.wrong.clear()
    shards(suite, "--duolog-samples=9", "-k", "talk")
    merged(1, 2, 3, status=0)
    n_asked = len(chat_server.requests)
    options = (gate("same"), "--duolog-baseline=run.jsonl", "--duolog-rounds=5", "-k", "talk")
    shards(suite, *options)
    canaries = [request for request in chat_server.requests[n_asked:] if request["model"] == "old"]
    assert len(canaries) == 5 * 5
    assert min(request["seed"] for request in canaries) >= FIRST_CANARY
    together = merged(1, 2, 3, status=3)
    assert decide_record(together).pairs.n_rounds == 5
    assert (
        suite("--duolog-shard=1/3", *options[:1], f"--duolog-baseline={records(1)[0]}", "-k", "talk").ret != 0
    )


# Samples without a gate


def test_tests_with_samples_are_decided_in_their_shards(suite) -> None:
    options = ("--duolog-samples=8",)
    suite(*options)
    whole = read_record(Path(".duolog/record.jsonl"))
    verdicts = decide_record(whole).scenarios
    failing = {name for name, verdict in verdicts.items() if verdict.decision is Decision.BLOCK}
    assert 0 < len(failing) < 5
    for number, path in enumerate(records(1, 2, 3), start=1):
        result = suite(f"--duolog-shard={number}/{N}", *options, "--duolog-ctrf=ctrf.json")
        own = {sample.scenario for sample in read_record(Path(path)).samples}
        assert result.ret == bool(own & failing)
        result.assert_outcomes(failed=len(own & failing), passed=3 - len(own & failing))
        for name in verdicts:
            shown = any(line.startswith(f"{name}: ") for line in result.outlines)
            assert shown == (name in own)
        tests = json.loads(Path("ctrf.json").read_text())["results"]["tests"]
        assert len(tests) == len(own)
    together = merged(1, 2, 3, status=1)
    assert decide_record(together).scenarios == verdicts
    assert said_in(together) == said_in(whole)


def test_missing_shard_leaves_its_tests_open(
    suite, models: Models, capsys: pytest.CaptureFixture[str]
) -> None:
    models.wrong.clear()
    shards(suite, "--duolog-samples=4")
    capsys.readouterr()
    merged(1, 2, status=3)
    out = capsys.readouterr().out
    assert "test_it.py::test_talk[2]: INCONCLUSIVE: sample 1 is missing; 0 of 0 passed" in out
    assert "shard 3/3 is missing or ended early: it has no samples of test_it.py::test_talk[2]" in out


# Which tests


@pytest.mark.parametrize(
    ("n", "options"),
    [(2, ()), (4, ()), pytest.param(2, ("-n2",), marks=pytest.mark.slow)],
    ids=["two", "four", "xdist"],
)
def test_every_test_runs_in_one_shard(suite, n: int, options: tuple[str, ...]) -> None:
    ran: list[list[str]] = []
    for number in range(1, n + 1):
        Path("ran.txt").unlink(missing_ok=True)
        suite(f"--duolog-shard={number}/{n}", "--duolog-samples=2", *options)
        ran.append(sorted(set(Path("ran.txt").read_text().splitlines())))
    assert sorted(name for names in ran for name in names) == EVERYTHING
    sizes = Counter(len([name for name in names if name.startswith("talk")]) for names in ran)
    assert max(sizes) - min(sizes) <= 1
    assert max(map(len, ran)) - min(map(len, ran)) <= 1


def test_order_of_collection_makes_no_difference(suite, pytester: pytest.Pytester) -> None:
    suite("--duolog-shard=2/3", "--duolog-samples=2")
    before = sorted(Path("ran.txt").read_text().splitlines())
    Path("ran.txt").unlink()
    pytester.makeconftest("def pytest_collection_modifyitems(items):\n    items.reverse()\n")
    suite("--duolog-shard=2/3", "--duolog-samples=2")
    assert sorted(Path("ran.txt").read_text().splitlines()) == before


def test_only_chosen_tests_are_dealt(suite) -> None:
    result = suite("--duolog-shard=1/2", "--duolog-samples=2", "-k", "talk and (0 or 3)")
    result.assert_outcomes(passed=1, deselected=8)
    result.stdout.fnmatch_lines(["-* shard 1/2 -*", "1 of 2 tests belong to this shard"])


def test_tests_without_dialogues_are_dealt_as_well(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PLAIN)
    for number in (1, 2):
        pytester.runpytest(f"--duolog-shard={number}/2", "-p", "no:cacheprovider")
    assert sorted(Path("ran.txt").read_text().split()) == ["0", "1", "2"]
    assert not Path(".duolog").exists()


def test_ini_twin(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PLAIN)
    pytester.makeini("[pytest]\nduolog_shard = 1/3\n")
    pytester.runpytest().assert_outcomes(passed=1, deselected=2)
    pytester.runpytest("--duolog-shard=1/1").assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("source", "options"),
    [(SUITE, ()), (PLAIN, ()), pytest.param(PLAIN, ("-n1",), marks=pytest.mark.slow)],
    ids=["dialogues", "plain", "xdist"],
)
def test_shard_without_tests_is_no_mistake(
    pytester: pytest.Pytester, source: str, options: tuple[str, ...]
) -> None:
    pytester.makepyfile(test_it=source)
    n_tests = 9 if source is SUITE else 3
    result = pytester.runpytest("--duolog-shard=10/10", "-p", "no:cacheprovider", *options)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines([f"0 of {n_tests} tests belong to this shard"])
    missed = pytester.runpytest("--duolog-shard=1/10", "-p", "no:cacheprovider", "-k", "nosuch", *options)
    assert missed.ret == pytest.ExitCode.NO_TESTS_COLLECTED


# Bad input


@pytest.mark.parametrize("given", ["0/3", "4/3", "x", "/"])
def test_what_is_no_shard_is_refused_before_anything_runs(pytester: pytest.Pytester, given: str) -> None:
    pytester.makepyfile(PLAIN)
    result = pytester.runpytest(f"--duolog-shard={given}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [f"ERROR: duolog_shard: '{given}' is not I/N, the number of this shard and the number*"]
    )
    assert not Path("ran.txt").exists()


@pytest.mark.parametrize("option", ["--lf", "--stepwise", "--stepwise-skip"])
def test_choice_by_what_ran_here_is_refused(pytester: pytest.Pytester, option: str) -> None:
    pytester.makepyfile(PLAIN)
    result = pytester.runpytest("--duolog-shard=1/2", option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --duolog-shard: --* selects tests by what ran on this machine*"])
    assert not Path("ran.txt").exists()


# What a shard leaves


def test_records_of_shards_lie_beside_each_other(suite) -> None:
    shards(suite, gate("same"), "--duolog-rounds=1")
    suite("--duolog-shard=1/3", gate("same"), "--duolog-rounds=1", "--duolog-record=out/mine.jsonl")
    found = {path.name: read_record(path).header.shard for path in Path().glob("*/*.jsonl")}
    assert found == {
        "mine.jsonl": "1/3",
        "record-1-of-3.jsonl": "1/3",
        "record-2-of-3.jsonl": "2/3",
        "record-3-of-3.jsonl": "3/3",
    }
    assert all(arm in {sample.arm for sample in read_record(Path("out/mine.jsonl")).samples} for arm in Arm)


def test_reports_of_verdicts_are_not_written_by_a_shard_of_a_gate(
    suite, monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(pytester.path / "summary.md"))
    result = suite(
        "--duolog-shard=1/3",
        gate("worse"),
        "--duolog-rounds=3",
        "--duolog-ctrf=ctrf.json",
        "--duolog-code-quality=q.json",
    )
    result.stdout.fnmatch_lines(
        [
            "CTRF report: *ctrf.json is not written, because a shard of a gate has no verdict",
            "Code Quality report: *q.json is not written, because a shard of a gate has no verdict",
        ]
    )
    result.stdout.no_fnmatch_line("::error*")
    assert not any(Path(name).exists() for name in ("ctrf.json", "q.json", "summary.md"))


def test_plan_is_that_of_all_shards_and_says_what_this_one_runs(suite) -> None:
    result = suite("--duolog-shard=2/3", gate("same"), "--duolog-plan", "--duolog-rounds=5")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "*none needs more than 50",
            "in shards 50 dialogues: each runs every round of its tests (without them a gate stops early)",
            "these are the numbers of all 3 shards together; shard 2/3 runs 2 of 5 tests with samples, and 1 of 4*",
            "nothing was run*: this is the plan (--duolog-plan)",
        ]
    )
    assert not Path("ran.txt").exists()
    assert not Path(".duolog").exists()
