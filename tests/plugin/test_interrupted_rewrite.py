"""A rewrite that ends early: whoever goes on records anew exactly what is not fresh."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.chat_server import ChatServer

SUITE = """
import os
import pytest

@pytest.mark.parametrize("opener", ["One.", "Two.", "Three.", "Four."])
@pytest.mark.dialogue(model="openai:m", turns=2, stop_on=())
def test_it(dialogue, opener):
    dialogue.messages
    {body}
"""
OLD, NEW = "old", "new"
FOLDER = Path(".duolog")
NOT_COMPLETE = (
    "the rewrite of ????-??-?? ??:?? is not complete: {} may still have older recordings (*::test_it)"
)


class Suite:
    """Four recorded tests, whose models say when they were asked."""

    def __init__(self, pytester: pytest.Pytester, server: ChatServer) -> None:
        self._pytester = pytester
        self._server = server
        self._numbers = itertools.count(1)
        self.write()
        self.answer(OLD)
        self.run("--record-mode=once").assert_outcomes(passed=4)
        self.answer(NEW)

    def write(self, body: str = "", source: str = SUITE) -> None:
        self._pytester.makepyfile(test_it=source.format(body=body))

    def answer(self, age: str, *, failing: str = "") -> None:
        """Answer from now on with this word; not where `failing` was said."""

        def answer(body: dict[str, Any]) -> Any:
            if failing and any(failing in message["content"] for message in body["messages"]):
                return 404, b'{"error": {"message": "no such model today"}}'
            return f"{age} {next(self._numbers)}"

        self._server.answer = answer
        self._server.requests.clear()

    @property
    def n_asked(self) -> int:
        """How many requests there were since the last call of `answer`."""
        return len(self._server.requests)

    def run(self, *options: str, apart: bool = False) -> pytest.RunResult:
        """Run the tests; `apart` in a process of its own, which may be killed or interrupted."""
        run = self._pytester.runpytest_subprocess if apart else self._pytester.runpytest
        return run("-p", "no:cacheprovider", "-p", "no:randomly", *options)

    def ages(self) -> list[str]:
        """When each recording was made; 'both' for a mixture."""
        found = []
        for path in sorted(self._pytester.path.rglob("cassettes/**/test_it*.jsonl")):
            text = path.read_text("utf-8")
            found.append("both" if OLD in text and NEW in text else OLD if OLD in text else NEW)
        return found


@pytest.fixture
def suite(pytester: pytest.Pytester, chat_server: ChatServer) -> Suite:
    return Suite(pytester, chat_server)


def test_budget_that_is_used_up_leaves_the_rest_to_record_mode_once(suite: Suite) -> None:
    result = suite.run("--record-mode=rewrite", "--duolog-budget=dialogues=2")
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*to fix:*raise --duolog-budget; then --record-mode=once continues*",
            NOT_COMPLETE.format("2 tests"),
            "to continue: --record-mode=once, which records these again and replays the others; *",
        ]
    )
    assert (suite.n_asked, sorted(suite.ages())) == (8, [NEW, NEW, OLD, OLD])

    result = suite.run()
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines([NOT_COMPLETE.format("2 tests")])
    assert suite.n_asked == 8

    result = suite.run("--record-mode=once")
    result.assert_outcomes(passed=4)
    assert (suite.n_asked, suite.ages()) == (16, [NEW] * 4)
    result.stdout.no_fnmatch_line("*rewrite of*")
    assert not FOLDER.exists()

    suite.run("--record-mode=once").assert_outcomes(passed=4)
    suite.run().assert_outcomes(passed=4)
    assert suite.n_asked == 16


def test_rewrite_that_is_complete_leaves_nothing(suite: Suite) -> None:
    suite.run("--record-mode=rewrite").assert_outcomes(passed=4)
    assert not FOLDER.exists()
    suite.run("--record-mode=once").assert_outcomes(passed=4)
    assert (suite.n_asked, suite.ages()) == (16, [NEW] * 4)


def test_another_rewrite_begins_anew(suite: Suite) -> None:
    suite.run("--record-mode=rewrite", "--duolog-budget=dialogues=3")
    suite.run("--record-mode=all").assert_outcomes(passed=4)
    assert suite.n_asked == 12 + 16
    assert not FOLDER.exists()


def test_budget_of_the_run_that_goes_on_counts_as_well(suite: Suite) -> None:
    suite.run("--record-mode=rewrite", "--duolog-budget=dialogues=1")
    for n_left in (2, 1):
        result = suite.run("--record-mode=once", "--duolog-budget=dialogues=1")
        result.assert_outcomes(passed=4 - n_left, failed=n_left)
    assert (suite.n_asked, sorted(suite.ages())) == (12, [NEW, NEW, NEW, OLD])


@pytest.mark.parametrize("options", [("--record-mode=once",), ("--record-mode=new_episodes",), ("-k", "One")])
def test_part_of_the_rest_may_go_first(suite: Suite, options: tuple[str, ...]) -> None:
    suite.answer(NEW, failing="One.")
    suite.run("--record-mode=rewrite").assert_outcomes(passed=3, failed=1)
    suite.answer(NEW)
    suite.run("--record-mode=once", *options).assert_outcomes(
        passed=1 if "-k" in options else 4, deselected=3 if "-k" in options else 0
    )
    assert (suite.n_asked, suite.ages()) == (4, [NEW] * 4)
    assert not FOLDER.exists()


INTERRUPTIONS = {
    "killed": ("os._exit(9)", True),
    "Ctrl-C": ("raise KeyboardInterrupt", True),
    "pytest.exit": ("pytest.exit('enough')", False),
    "first failure": ("assert 0", False),
}


@pytest.mark.parametrize(("body", "apart"), INTERRUPTIONS.values(), ids=INTERRUPTIONS.keys())
def test_run_that_ends_early_is_gone_on_with(suite: Suite, body: str, apart: bool) -> None:
    suite.write(f"if opener == 'Two.': {body}")
    suite.run("--record-mode=rewrite", "--duolog-concurrency=1", "-x", apart=apart)
    assert (suite.n_asked, sorted(suite.ages())) == (8, [NEW, NEW, OLD, OLD])
    suite.write()
    suite.run("--record-mode=once").assert_outcomes(passed=4)
    assert (suite.n_asked, suite.ages()) == (16, [NEW] * 4)
    assert not FOLDER.exists()


def test_dialogue_that_was_begun_is_gone_on_with(suite: Suite) -> None:
    result = suite.run("--record-mode=rewrite", "--duolog-budget=tokens=170", "--duolog-concurrency=1")
    n_before = suite.n_asked
    assert n_before % 4, "one was cut in its middle"
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    suite.run("--record-mode=once").assert_outcomes(passed=4)
    assert (suite.n_asked, suite.ages()) == (16, [NEW] * 4)


def test_what_an_earlier_rewrite_has_begun_is_no_part_of_this_one(suite: Suite) -> None:
    suite.answer(OLD)
    suite.run("--record-mode=rewrite", "--duolog-budget=tokens=30", "--duolog-concurrency=1")
    assert list(Path().rglob("*.partial.jsonl"))
    suite.answer(NEW)
    suite.run("--record-mode=rewrite", "--duolog-budget=dialogues=1", "-k", "Four")
    suite.run(
        "--record-mode=rewrite", "--duolog-budget=dialogues=1", "--duolog-concurrency=1", "-k", "Two or One"
    )
    suite.run("--record-mode=once").assert_outcomes(passed=4)
    assert suite.ages() == [NEW] * 4
    assert not list(Path().rglob("*.partial.jsonl"))


def test_workers_of_xdist_write_it_down_together(suite: Suite) -> None:
    suite.answer(NEW, failing="Three.")
    suite.run("--record-mode=rewrite", "-n2").assert_outcomes(passed=3, failed=1)
    assert len(list(FOLDER.glob("rewrite-*.jsonl"))) == 2
    suite.answer(NEW)
    result = suite.run("--record-mode=once")
    result.assert_outcomes(passed=4)
    result.stdout.no_fnmatch_line("*rewrite of*")
    assert (suite.n_asked, suite.ages()) == (4, [NEW] * 4)
    assert not FOLDER.exists()


def test_shards_go_on_each_for_itself_or_all_together(suite: Suite) -> None:
    for shard in ("1/2", "2/2"):
        suite.run("--record-mode=rewrite", f"--duolog-shard={shard}", "--duolog-budget=dialogues=2")
    assert sorted(suite.ages()) == [NEW, NEW, OLD, OLD]
    result = suite.run("--record-mode=once", "--duolog-shard=1/2")
    result.stdout.fnmatch_lines([NOT_COMPLETE.format("1 test")])
    assert suite.n_asked == 12
    suite.run("--record-mode=once").assert_outcomes(passed=4)
    assert (suite.n_asked, suite.ages()) == (16, [NEW] * 4)
    assert not FOLDER.exists()


SAMPLED = """
import pytest

@pytest.mark.dialogue(model="openai:m", turns=1, samples=3)
def test_it(dialogue):
    assert "{body}" not in dialogue.messages[1].content

@pytest.mark.dialogue(model="openai:m", turns=1, opener="Further.")
def test_it_too(dialogue):
    dialogue.messages
    dialogue.run(opener="Once more.").transcript
"""


def test_samples_and_further_dialogues_are_told_apart(suite: Suite, pytester: pytest.Pytester) -> None:
    for path in pytester.path.rglob("*.jsonl"):
        path.unlink()
    suite.write("nothing", SAMPLED)
    suite.answer(OLD)
    suite.run("--record-mode=once").assert_outcomes(passed=2)
    suite.answer(NEW)
    suite.run("--record-mode=rewrite", "--duolog-budget=dialogues=2", "--duolog-concurrency=1")
    assert sorted(suite.ages()) == [NEW, NEW, OLD, OLD, OLD]
    suite.write("old", SAMPLED)
    suite.run("--record-mode=once").assert_outcomes(passed=2)
    assert (suite.n_asked, suite.ages()) == (10, [NEW] * 5)


def test_test_that_is_gone_is_not_waited_for(suite: Suite) -> None:
    suite.run("--record-mode=rewrite", "--duolog-budget=dialogues=3")
    suite.write(source="def test_other(): pass")
    suite.run().assert_outcomes(passed=1)
    assert not FOLDER.exists()


def test_damaged_file_of_a_rewrite_does_no_harm(suite: Suite) -> None:
    suite.run("--record-mode=rewrite", "--duolog-budget=dialogues=2")
    (path,) = FOLDER.glob("rewrite-*.jsonl")
    with path.open("ab") as file:
        file.write(b'[]\n{"rewrite": 7}\n\xff\n{"test')
    suite.run("--record-mode=once").assert_outcomes(passed=4)
    assert suite.ages() == [NEW] * 4


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_rewrite_that_cannot_be_written_down_is_refused(suite: Suite) -> None:
    FOLDER.mkdir(mode=0o500)
    suite.run("--record-mode=rewrite")
    assert suite.n_asked == 0


def test_file_in_the_folders_place_is_told_before_a_model_is_asked(suite: Suite) -> None:
    FOLDER.write_text("mine")
    result = suite.run("--record-mode=rewrite")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert suite.n_asked == 0
    assert FOLDER.read_text() == "mine"


def test_a_plan_and_a_list_begin_nothing(suite: Suite) -> None:
    suite.run("--record-mode=rewrite", "--duolog-plan")
    suite.run("--record-mode=rewrite", "--collect-only")
    assert not FOLDER.exists()


def test_lines_say_what_is_fresh(suite: Suite) -> None:
    suite.run(
        "--record-mode=rewrite", "--duolog-budget=dialogues=1", "--duolog-concurrency=1", "-k", "One or Two"
    )
    (path,) = FOLDER.glob("rewrite-*.jsonl")
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [name.partition("[")[0] for name in lines[0]["tests"]] == ["test_it.py::test_it"] * 2
    assert "Two." not in json.dumps(lines[0]), "a parameter may be a key"
    assert [next(key for key in ("begun", "fresh", "done") if key in line) for line in lines[1:]] == [
        "begun",
        "fresh",
        "done",
    ]
