"""`--duolog-history FOLDER`: a file for each build, from runs with and without samples, workers and shards."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from pytest_duolog.cli import main
from pytest_duolog.history.folder import read_folder
from pytest_duolog.history.line import HistoryLine
from pytest_duolog.settings.builds import CI_VARIABLES
from tests.chat_server import ChatServer

SUITE = """
import pytest
from pytest_duolog import Speaker

@pytest.mark.dialogue(
    a=Speaker("Ann", model="openai:asker"), b=Speaker("Ben", model="openai:old", role="agent"), turns=1
)
@pytest.mark.parametrize("opener", ["Good day.", "Hello there."])
def test_it(opener, dialogue):
    assert "wrong" not in dialogue.messages[1].content
"""
TESTS = ["test_it.py::test_it[Good day.]", "test_it.py::test_it[Hello there.]"]
Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the suite; the answers to the second test are wrong."""
    for variable in (name for names in CI_VARIABLES for name in names):
        monkeypatch.delenv(variable, raising=False)
    pytester.makepyfile(test_it=SUITE)
    numbers = count()

    def answer(body: dict[str, Any]) -> str:
        is_wrong = any("there" in message["content"] for message in body["messages"])
        return f"{'wrong' if is_wrong else 'right'} answer {next(numbers)}"

    chat_server.answer = answer

    def run(*options: str, mode: str = "rewrite") -> pytest.RunResult:
        return pytester.runpytest("-p", "no:cacheprovider", f"--record-mode={mode}", *options)

    return run


def lines(folder: str = "history") -> list[HistoryLine]:
    found = read_folder(Path(folder))
    assert found.damage == []
    return sorted(found.lines, key=lambda line: (line.moment, line.scenario, line.arm))


def counts(found: list[HistoryLine]) -> list[tuple[str, int, int]]:
    return [(line.scenario, line.passed, line.samples) for line in found]


HISTORY = ("--duolog-history=history", "--duolog-build=one")


@pytest.mark.parametrize(
    "options", [(), pytest.param(("-n2",), marks=pytest.mark.slow)], ids=["one process", "xdist"]
)
def test_run_without_samples_adds_a_sample_of_each_test(run: Run, options: tuple[str, ...]):
    result = run(*HISTORY, *options)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["history: *.jsonl has 2 scenarios of build one (duolog history reads the folder)"]
    )
    found = lines()
    assert counts(found) == [(TESTS[0], 1, 1), (TESTS[1], 0, 1)]
    assert found[0].models == (("Ann", "openai:asker"), ("Ben", "openai:old"))
    assert [one.replies for one in found[0].speakers] == [1, 1]


@pytest.mark.parametrize(
    "options",
    [("--duolog-collect=3",), pytest.param(("--duolog-collect=3", "-n2"), marks=pytest.mark.slow)],
    ids=["one process", "xdist"],
)
def test_samples_are_counted(run: Run, options: tuple[str, ...]):
    run(*HISTORY, *options)
    assert counts(lines()) == [(TESTS[0], 3, 3), (TESTS[1], 0, 3)]


def test_replays_add_nothing_and_say_so(run: Run):
    run()
    result = run(*HISTORY, mode="none")
    result.stdout.fnmatch_lines(
        ["history: every dialogue was replayed, which is no new evidence: nothing is added"]
    )
    assert not Path("history").exists()
    quiet = run("-o", "duolog_history=history", mode="none")
    quiet.stdout.no_fnmatch_line("history:*")


def test_stored_samples_of_a_continued_run_do_not_count_again(run: Run):
    run("--duolog-collect=2")
    run(*HISTORY, "--duolog-collect=3", mode="once")
    assert [(line.samples, line.replayed) for line in lines()] == [(1, 2), (1, 2)]


def test_arms_of_a_gate_have_lines_of_their_own(run: Run):
    run(*HISTORY, "--duolog-candidate=agent=openai:new", "--duolog-rounds=2")
    found = [(line.scenario, line.arm.value, line.speakers[1].model) for line in lines()]
    assert found == [
        (name, arm, model)
        for name in TESTS
        for arm, model in (("baseline", "openai:old"), ("candidate", "openai:new"))
    ]


def test_two_runs_are_two_builds_and_an_earlier_file_stays(run: Run):
    run("-o", "duolog_history=history")
    (first,) = Path("history").iterdir()
    before = first.read_bytes()
    run("--duolog-history=history", "--duolog-build=two")
    assert len(list(Path("history").iterdir())) == 2
    assert first.read_bytes() == before
    one, *_, two = (line.build for line in lines())
    assert one != two == "two"


def test_second_run_of_a_build_does_not_count(run: Run):
    run(*HISTORY)
    run(*HISTORY, "--duolog-collect=3")
    assert [line.samples for line in lines()] == [1, 1]
    assert read_folder(Path("history")).n_copies == 2


def test_errors_are_not_failures(run: Run, chat_server: ChatServer):
    chat_server.answer = lambda body: (404, b"{}")
    run(*HISTORY)
    assert [(line.samples, line.errors) for line in lines()] == [(0, 1), (0, 1)]


def test_crash_of_a_bot_is_a_failure(run: Run, pytester: pytest.Pytester):
    pytester.makepyfile(
        test_it="""
        import pytest

        def speaks(messages):
            raise RuntimeError("bug")

        @pytest.mark.dialogue(a=speaks, b=speaks, opener="Hello.", turns=1)
        def test_it(dialogue):
            assert dialogue.messages
        """
    )
    run(*HISTORY).assert_outcomes(failed=1)
    assert [(line.samples, line.passed, line.errors) for line in lines()] == [(1, 0, 0)]


@pytest.mark.parametrize(
    ("mark", "passed"), [("xfail", 0), ("xfail(strict=True)", 1)], ids=["expected failure", "strict pass"]
)
def test_outcome_is_that_of_the_body(run: Run, pytester: pytest.Pytester, mark: str, passed: int):
    text = SUITE.replace("def test_it", f"@pytest.mark.{mark}\ndef test_it")
    pytester.makepyfile(test_it=text)
    run(*HISTORY, "-k", "Hello" if mark == "xfail" else "Good")
    assert [(line.passed, line.samples) for line in lines()] == [(passed, 1)]


def test_rerun_does_not_hide_a_failure(run: Run, pytester: pytest.Pytester):
    text = SUITE.replace("import pytest\n", "import pytest\nTRIED = []\n", 1)
    text += "    TRIED.append(1)\n    assert len(TRIED) > 1\n"
    pytester.makepyfile(test_it=text)
    result = run(*HISTORY, "--reruns=1", "-k", "Good")
    assert result.parseoutcomes() == {"passed": 1, "deselected": 1, "rerun": 1}
    assert counts(lines()) == [(TESTS[0], 0, 1)]


def test_shards_and_their_merged_record_say_the_same(run: Run, capsys):
    for shard in ("1/2", "2/2"):
        run(*HISTORY, "--duolog-collect=2", f"--duolog-shard={shard}")
    records = sorted(map(str, Path(".duolog").glob("record-*.jsonl")))
    merged = ["merge", *records, "-o", "run.jsonl", "--history", "merged", "--build", "one"]
    assert main(merged) == 0
    assert "merged has 2 scenarios" not in capsys.readouterr().out
    assert counts(lines()) == counts(lines("merged")) == [(TESTS[0], 2, 2), (TESTS[1], 0, 2)]
    assert main(["merge", *records, "-o", "run.jsonl", "--build", "one"]) == 2
    assert "--build: it has no effect without --history" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"GITHUB_SHA": "c" * 40, "GITHUB_RUN_ID": "77"}, "cccccccccc-77"),
        ({"CI_COMMIT_SHA": "d" * 40, "CI_PIPELINE_ID": "8"}, "dddddddddd-8"),
        ({"BUILD_SOURCEVERSION": "e" * 40, "BUILD_BUILDID": "9"}, "eeeeeeeeee-9"),
    ],
    ids=["github", "gitlab", "azure"],
)
def test_build_is_what_the_ci_system_calls_it(run: Run, monkeypatch, variables: dict[str, str], name: str):
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    run("--duolog-history=history")
    commit = next(iter(variables.values()))
    assert {(line.build, line.commit) for line in lines()} == {(name, commit)}


def test_secrets_and_words_are_not_in_the_file(run: Run, monkeypatch: pytest.MonkeyPatch, pytester):
    monkeypatch.setenv("SHOP_API_KEY", "correct-horse-battery")
    pytester.makepyfile(test_it=SUITE.replace("Good day.", "correct-horse-battery"))
    run("--duolog-history=history", "--duolog-build=correct-horse-battery", "-k", "not Hello")
    (path,) = Path("history").iterdir()
    assert "horse" not in path.name
    text = path.read_text("utf-8")
    assert "horse" not in text
    assert "answer" not in text


def test_tests_without_dialogues_add_nothing(pytester: pytest.Pytester):
    pytester.makepyfile("def test_it():\n    pass\n")
    result = pytester.runpytest("--duolog-history=history")
    result.stdout.fnmatch_lines(["history: no dialogue ran, so nothing is added"])
    assert not Path("history").exists()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            ("--duolog-build=one",),
            "--duolog-build: it has no effect without --duolog-history or duolog_history",
        ),
        (("--duolog-history=test_it.py",), "duolog_history: *test_it.py is not a folder"),
        (("--duolog-history=test_it.py/below",), "duolog_history: *test_it.py is not a folder"),
        (
            ("--duolog-history=h", f"--duolog-build={'x' * 201}"),
            "--duolog-build: a name of 201 characters is too long*",
        ),
        (
            ("--duolog-history=h", "--duolog-screen=1", "--duolog-candidate=agent=openai:new"),
            "--duolog-history: it has no effect with --duolog-screen, which asks for single messages",
        ),
    ],
    ids=["build alone", "a file", "below a file", "long name", "screen"],
)
def test_what_has_no_effect_is_refused(
    run: Run, chat_server: ChatServer, options: tuple[str, ...], problem: str
):
    result = run(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (result.stderr if result.stderr.lines else result.stdout).fnmatch_lines([f"*{problem}*"])
    assert chat_server.requests == []
