"""`--duolog-blame` and `duolog blame`: which side of a dialogue carries its failure."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pytest_duolog.cli import main
from pytest_duolog.recording.journal_file import read_header
from pytest_duolog.results.arm import Pairing
from pytest_duolog.results.store import read_record
from tests.chat_server import ChatServer

SUITE = """
import pytest
from pytest_duolog import Speaker

@pytest.mark.dialogue(
    a=Speaker("Ann", model="openai:steady"), b=Speaker("Ben", model="openai:sorry"), turns=2, opener="Well?",
)
def test_it(dialogue):
    assert dialogue.never_says("sorry")

def test_other():
    pass
"""
PAIRS = (
    "openai:steady + openai:sorry",
    "openai:steady + openai:steady",
    "openai:sorry + openai:sorry",
    "openai:sorry + openai:steady",
)


@pytest.fixture
def blamed(pytester: pytest.Pytester, chat_server: ChatServer):
    """Runs the suite with blame; the models whose names are in `sorry` always say sorry."""
    pytester.makepyfile(SUITE)
    asked = {"n": 0, "sorry": {"sorry"}}

    def answer(body: dict[str, Any]) -> str:
        asked["n"] += 1
        return f"{'Sorry' if body['model'] in asked['sorry'] else 'Well'}, answer {asked['n']}."

    chat_server.answer = answer

    def run(*options: str) -> pytest.RunResult:
        return pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once", "--duolog-blame", *options)

    run.asked = asked
    return run


def test_the_side_is_named_with_counts_and_where_the_failure_begins(blamed, pytester: pytest.Pytester):
    result = blamed("--duolog-report=report.html")
    assert (result.ret, result.parseoutcomes()) == (0, {"passed": 1, "blamed": 1})
    result.stdout.fnmatch_lines(
        [
            "*::test_it: BLAME: Ben (openai:sorry): it fails with this suspect and not without it",
            f"  {PAIRS[0]}*failed in 7 of 7 (100 %, 95 % interval 64.6 % to 100 %)",
            f"  {PAIRS[1]}*failed in 0 of 7 (0 %, *",
            f"  {PAIRS[2]}*failed in 7 of 7 *",
            f"  {PAIRS[3]}*failed in 7 of 7 *",
            f"  {PAIRS[1]} against {PAIRS[2]}: p = 0.0006",
            "  1 % is the level of this look; every claim needs two comparisons that both reach it",
            "  the failure begins in message 2, said by Ben in 7 of 7",
            "  7 rounds of at most 40; *",
            "cost with both suspects: Ann (openai:steady) * Ben (openai:sorry) *",
        ]
    )
    record = read_record(pytester.path / ".duolog" / "record.jsonl")
    (name,) = record.header.plan.scenarios
    assert {arm: len(record.measured(name, arm)) for arm in Pairing} == dict.fromkeys(Pairing, 7)
    recordings = list((pytester.path / "cassettes").rglob("*.7.jsonl"))
    assert len(recordings) == 4
    assert all(
        read_header(path)["gate"] for path in recordings
    )  # so that `duolog cassettes prune` keeps them
    page = (pytester.path / "report.html").read_text("utf-8")
    assert "Which side carries the failure?" in page
    assert page.count('role="img" aria-label="100 %, 95 % interval') == 3


def test_a_run_that_was_cut_short_continues_from_its_recordings(blamed, chat_server: ChatServer):
    result = blamed("--duolog-budget=dialogues=9", "--duolog-concurrency=1", "--duolog-rounds=6")
    result.stdout.fnmatch_lines(
        ["*CANNOT TELL: rounds are missing (round 3 is next)", "to continue, repeat this *"]
    )
    n_asked = len(chat_server.requests)
    assert n_asked == 9 * 4
    assert blamed("--duolog-concurrency=1", "--duolog-rounds=6").ret == 0
    assert len(chat_server.requests) == 6 * 4 * 4
    assert blamed("--duolog-concurrency=1", "--duolog-rounds=40").ret == 0
    assert len(chat_server.requests) == 7 * 4 * 4  # more rounds continue it as well


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sorry", "why"),
    [
        ({"steady", "sorry"}, "the pairings fail alike, as far as so many dialogues can tell"),
        (set(), "it fails too seldom to compare"),
    ],
    ids=["both", "neither"],
)
def test_where_both_or_neither_are_faulty_nobody_is_named(blamed, sorry, why):
    blamed.asked["sorry"] = sorry
    blamed().stdout.fnmatch_lines([f"*::test_it: CANNOT TELL: {why}"])


def test_with_candidates_each_side_is_held_old_and_new(blamed):
    blamed.asked["sorry"] = {"new-ann"}
    candidates = ("--duolog-candidate=Ann=openai:new-ann", "--duolog-candidate=Ben=openai:new-ben")
    result = blamed(*candidates, "--duolog-rounds=6")
    result.stdout.fnmatch_lines(
        [
            "*::test_it: BLAME: Ann (openai:new-ann): *",
            "  openai:new-ann + openai:new-ben *failed in 6 of 6 *",
            "  openai:new-ann + openai:sorry *failed in 6 of 6 *",
            "  openai:steady + openai:new-ben *failed in 0 of 6 *",
            "  openai:steady + openai:sorry *failed in 0 of 6 *",
            "  the failure begins in message 3, said by Ann in 6 of 6",
        ]
    )


def test_a_model_from_the_command_line_has_its_own_name_on_both_sides(blamed, pytester):
    pytester.makepyfile(SUITE.replace('"openai:sorry"', '"openai:old", label="old"'))
    result = blamed("--duolog-model=Ben=openai:sorry", "--duolog-rounds=6")
    result.stdout.fnmatch_lines([f"  {pairing} *failed in *" for pairing in PAIRS])


@pytest.mark.slow
def test_workers_name_the_side_as_well(blamed):
    result = blamed("-n2")
    assert result.parseoutcomes() == {"passed": 1, "blamed": 1}
    result.stdout.fnmatch_lines(["*::test_it: BLAME: Ben (openai:sorry): *"])


def test_dialogues_that_cannot_be_had_fail_the_test(blamed, chat_server: ChatServer):
    chat_server.answer = lambda body: (404, b"{}")
    result = blamed()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*CANNOT TELL: the dialogues of some pairing ended in errors*"])


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--duolog-samples=3",), "--duolog-samples: it has no effect with --duolog-blame"),
        (("--duolog-shard=1/2",), "--duolog-shard: it has no effect with --duolog-blame"),
        (("--duolog-rounds=5",), "5 rounds are too few to blame a side (at least 6)"),
        (("--duolog-model=Ben=openai:steady",), "::test_it have the same model"),
        (("--duolog-candidate=Ben=openai:new",), "::test_it has no candidate for Ann."),
        (
            ("--duolog-candidate=Ben=openai:sorry", "--duolog-candidate=Ann=openai:new"),
            "already uses a candidate as its own model",
        ),
        (
            ("--duolog-model=Ann=scripted:echo",),
            "::test_it, Ann speaks by a script",
        ),
    ],
    ids=["samples", "shard", "rounds", "same model", "one candidate", "same candidate", "script"],
)
def test_what_cannot_be_blamed_is_refused_before_anything_runs(blamed, chat_server, options, complaint):
    result = blamed(*options)
    assert result.ret != 0
    assert complaint in "\n".join([*result.outlines, *result.errlines])
    assert chat_server.requests == []


@pytest.mark.parametrize(
    ("models", "label"),
    [
        (('"openai:steady", label="x"', '"openai:sorry", label="x"'), "x + x"),
        (('make("fine")', 'make("sorry")'), "callable:make.locals.bot + callable:make.locals.bot"),
    ],
    ids=["labels", "closures"],
)
def test_pairings_that_look_alike_are_refused_before_anything_runs(
    blamed, pytester, chat_server, models, label
):
    make = """
def make(word):
    def bot(messages):
        return word
    return bot
"""
    code = SUITE.replace('"openai:steady"', models[0]).replace('"openai:sorry"', models[1])
    pytester.makepyfile(make + code)
    result = blamed()
    assert result.ret != 0
    text = "\n".join([*result.outlines, *result.errlines])
    assert f"different pairings of models have the label {label}, so they would share recordings" in text
    assert chat_server.requests == []


def test_the_plan_says_the_most_that_it_takes(blamed, chat_server: ChatServer):
    blamed("--duolog-plan").stdout.fnmatch_lines(
        ["at most 160 dialogues: 40 rounds of four pairings of each"]
    )
    assert chat_server.requests == []


def test_the_command_reads_a_record(blamed, pytester: pytest.Pytester, capsys, monkeypatch):
    blamed("--duolog-rounds=6")
    monkeypatch.chdir(pytester.path)
    capsys.readouterr()
    assert main(["blame", ".duolog/record.jsonl"]) == 0
    assert "BLAME: Ben (openai:sorry)" in capsys.readouterr().out
    assert main(["blame", "--format", "json", ".duolog/record.jsonl"]) == 0
    (blame,) = json.loads(capsys.readouterr().out)["blames"]
    assert (blame["carrier"], blame["why"], blame["speakers"], blame["rounds"]) == (
        "b",
        "named",
        ["Ann", "Ben"],
        6,
    )
    assert [(pair["models"], pair["failed"]) for pair in blame["pairings"]] == [
        (pair.split(" + "), failed) for pair, failed in zip(PAIRS, (6, 0, 6, 6), strict=True)
    ]
    assert blame["onset"] == {"message": 2, "low": 2, "high": 2, "dialogues": 6, "speakers": {"Ben": 6}}
    assert main(["gate", ".duolog/record.jsonl"]) == 2
    assert "duolog blame reads them" in capsys.readouterr().err


def test_the_command_refuses_the_record_of_another_run(
    pytester: pytest.Pytester, chat_server, capsys, monkeypatch
):
    pytester.makepyfile(SUITE)
    pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once", "--duolog-collect=1")
    monkeypatch.chdir(pytester.path)
    assert main(["blame", ".duolog/record.jsonl"]) == 2
    assert "this record is not of duolog blame" in capsys.readouterr().err


def test_the_command_runs_tests(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(pytester.path)
    pytester.makepyfile(
        """
        import itertools, pytest
        from pytest_duolog import Speaker
        N = itertools.count()
        def steady(messages): return f"Well, answer {next(N)}."
        def sorry(messages): return f"Sorry, answer {next(N)}."

        @pytest.mark.dialogue(a=Speaker("Ann", model=steady), b=Speaker("Ben", model=sorry), turns=2)
        def test_it(dialogue):
            assert dialogue.never_says("sorry")
        """
    )
    name = "test_the_command_runs_tests.py"
    assert main(["blame", name, "--", "--duolog-rounds=6", "-p", "no:cacheprovider"]) == 0
    out = capfd.readouterr().out
    assert f"{name}::test_it: BLAME: Ben (callable:sorry): " in out
    assert "1 blamed" in out


@pytest.mark.slow
def test_the_command_says_that_no_test_ran(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(pytester.path)
    assert main(["blame", "--format=json", "test_nothing.py"]) == 2
    assert "duolog: no dialogue ran: pytest ended with status 4" in capfd.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="a console sends Ctrl-C there")
@pytest.mark.slow
@pytest.mark.parametrize("command", ["blame", "shrink"])
def test_pytest_ends_in_its_own_time_after_ctrl_c(tmp_path: Path, command: str):
    (tmp_path / "test_it.py").write_text(
        """
import pathlib, time
import pytest
from pytest_duolog import Speaker

def test_it():
    pathlib.Path("began").touch()
    try:
        time.sleep(60)
    finally:
        time.sleep(0.5)
        pathlib.Path("ended").touch()

@pytest.mark.dialogue(a=Speaker("Ann", model="openai:a"), b=Speaker("Bob", model="openai:b"), turns=1)
def test_talk(dialogue):
    assert dialogue.messages
""",
        "utf-8",
    )
    duolog = [sys.executable, "-c", "from pytest_duolog.cli import main; raise SystemExit(main())", command]
    child = subprocess.Popen(  # this package
        [*duolog, "test_it.py"], cwd=tmp_path, start_new_session=True, stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 30
    while not (tmp_path / "began").exists() and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(child.pid, signal.SIGINT)
    _, errors = child.communicate(timeout=30)
    assert (child.returncode, (tmp_path / "ended").exists()) == (130, True)
    assert "Traceback" not in errors
