"""Tests that are renamed, moved or given other parameters keep their recordings, and no model is asked again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_duolog.cli import main
from pytest_duolog.recording.orphans import Recording
from tests.chat_server import plain_answer

BODY = """
import pytest
from pytest_duolog import Speaker

ANN = Speaker("Ann", model="openai:small", system="You are a customer.")
BEN = Speaker("Ben", model="openai:small", system="You sell lamps.")
"""
PLAIN = """
@pytest.mark.dialogue(a=ANN, b=BEN, opener="My lamp does not work.", turns=2)
def test_lamp(dialogue):
    assert len(dialogue.messages) == 5
"""
SECOND = """
@pytest.mark.dialogue(a=ANN, b=BEN, opener="My lamp does not work.", turns=2)
def test_lamp(dialogue):
    assert len(dialogue.messages) == 5
    assert len(dialogue.run(name="later", opener="It is still dark.").messages) == 5
"""
IN_CLASS = """
@pytest.mark.dialogue(a=ANN, b=BEN, opener="My lamp does not work.", turns=2)
class TestLamp:
    def test_it(self, dialogue):
        assert len(dialogue.messages) == 5
"""
BY_PARAMETER = """
@pytest.mark.parametrize("opener", ["My lamp does not work."], ids=["broken"])
@pytest.mark.dialogue(a=ANN, b=BEN, turns=2)
def test_lamp(dialogue, opener):
    assert len(dialogue.messages) == 5
"""
TWO_PARAMETERS = """
@pytest.mark.parametrize("opener", ["My lamp does not work.", "Hello."], ids=["broken", "hello"])
@pytest.mark.parametrize("turns", [2])
@pytest.mark.dialogue(a=ANN, b=BEN)
def test_lamp(dialogue, opener, turns):
    assert len(dialogue.messages) == 5
"""
REORDERED = """
@pytest.mark.parametrize("turns", [2])
@pytest.mark.parametrize("opener", ["My lamp does not work.", "Hello."], ids=["broken", "hello"])
@pytest.mark.dialogue(a=ANN, b=BEN)
def test_lamp(dialogue, opener, turns):
    assert len(dialogue.messages) == 5
"""
RENAMED = PLAIN.replace("test_lamp", "test_light")


@pytest.fixture
def recorded(pytester, chat_server, capsys, collecting_in_process):
    """Records a module, puts another one into its place, and forgets what models were asked and what was printed."""
    chat_server.answer = lambda body: f"{plain_answer(body)} ({len(chat_server.requests)})"

    def record(before: str, after: str, *, name: str = "test_old.py", now: str = "test_old.py", n: int = 1):
        pytester.makeini("[pytest]\naddopts = -p no:asyncio -p no:cacheprovider\nduolog_stop_on = nothing")
        write(name, before)
        pytester.runpytest("--record-mode=once").assert_outcomes(passed=n)
        capsys.readouterr()
        Path(name).unlink()
        write(now, after)
        chat_server.requests.clear()

    return record


def write(name: str, text: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(BODY + text)


def cassettes() -> set[str]:
    return {path.as_posix() for path in Path().rglob("cassettes/*/*.jsonl")}


GONE = {
    "function renamed": (PLAIN, RENAMED, "test_old.py", "test_old.py"),
    "module renamed": (PLAIN, PLAIN, "test_old.py", "test_new.py"),
    "module moved": (PLAIN, PLAIN, "test_old.py", "deep/er/test_old.py"),
    "into a class": (PLAIN, IN_CLASS, "test_old.py", "test_old.py"),
    "out of a class": (IN_CLASS, PLAIN, "test_old.py", "test_old.py"),
    "renamed and moved": (PLAIN, RENAMED, "test_old.py", "sub/test_new.py"),
    "with a further dialogue": (
        SECOND,
        SECOND.replace("test_lamp", "test_light"),
        "test_old.py",
        "test_old.py",
    ),
}
OTHER_PARAMETERS = {
    "parameter renamed": (BY_PARAMETER, BY_PARAMETER.replace('"broken"', '"dark"')),
    "from marker to parameter": (PLAIN, BY_PARAMETER),
    "from parameter to marker": (BY_PARAMETER, PLAIN),
}


def test_each_of_several_equal_dialogues_is_told_to_take_over_its_own_recording(recorded, pytester):
    several = PLAIN.replace("(dialogue)", "(dialogue, case)")
    several = f'@pytest.mark.parametrize("case", ["one", "two"]){several}'
    recorded(several, several.replace("test_lamp", "test_light"), n=2)
    result = pytester.runpytest()
    result.assert_outcomes(failed=2)
    lines = [line.partition("duolog ")[2] for line in result.outlines if "take it over: " in line]
    assert lines == [
        f"cassettes move 'test_old.py::test_lamp[{case}]' 'test_old.py::test_light[{case}]'"
        for case in ("one", "two")
    ]


@pytest.mark.parametrize("change", GONE)
def test_test_that_is_gone_is_named_with_the_command_that_moves_its_recordings(
    recorded, change, pytester, chat_server
):
    before, after, name, now = GONE[change]
    recorded(before, after, name=name, now=now)
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E * held by: *cassettes/*", "E *take it over: duolog cassettes move *"])
    [command] = [line for line in result.outlines if "take it over: " in line]
    arguments = command.partition("duolog ")[2].split()
    assert main(arguments) == 0
    pytester.runpytest().assert_outcomes(passed=1)
    assert not chat_server.requests


@pytest.mark.parametrize("change", ["function renamed", "renamed and moved", "with a further dialogue"])
def test_record_mode_once_takes_over_what_a_test_that_is_gone_has_left(
    recorded, change, pytester, chat_server
):
    before, after, name, now = GONE[change]
    recorded(before, after, name=name, now=now)
    n_files = len(cassettes())
    result = pytester.runpytest("--record-mode=once")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*took over the recording of *, which no longer exists*"])
    assert not chat_server.requests
    assert len(cassettes()) == n_files
    pytester.runpytest().assert_outcomes(passed=1)


@pytest.mark.parametrize("change", OTHER_PARAMETERS)
def test_test_with_other_parameters_is_told_which_recording_it_may_take(
    recorded, change, pytester, chat_server
):
    before, after = OTHER_PARAMETERS[change]
    recorded(before, after)
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    [command] = [line for line in result.outlines if "take it over: " in line]
    assert main([word.strip("'") for word in command.partition("duolog ")[2].split()]) == 0
    pytester.runpytest().assert_outcomes(passed=1)
    assert not chat_server.requests


def test_files_that_were_moved_with_their_folder_play(recorded, pytester, chat_server):
    recorded(SECOND, SECOND, now="sub/test_new.py")
    Path("sub/cassettes").mkdir()
    Path("cassettes/test_old").rename("sub/cassettes/test_new")
    result = pytester.runpytest()
    result.assert_outcomes(passed=1)
    assert not chat_server.requests


def test_recording_that_does_not_fit_names_the_test_that_it_was_made_for(recorded, pytester):
    recorded(PLAIN, PLAIN.replace("does not work", "is broken"), now="test_new.py")
    Path("cassettes/test_old").rename("cassettes/test_new")
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *recorded for: *test_old.py::test_lamp", "E *: edited"])


@pytest.mark.parametrize(
    "changed",
    [
        RENAMED.replace("does not work", "is broken"),
        RENAMED.replace("turns=2", "turns=3"),
        RENAMED.replace("b=BEN", "b=BEN, temperature=0.5"),
    ],
    ids=["opener", "turns", "temperature"],
)
def test_recording_of_another_dialogue_is_not_offered(recorded, changed, pytester):
    recorded(PLAIN, changed)
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*held by*")


def test_recording_that_another_test_still_uses_is_not_offered_or_taken(recorded, pytester, chat_server):
    recorded(PLAIN, PLAIN + RENAMED)
    result = pytester.runpytest("test_old.py::test_light")
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*held by*")
    pytester.runpytest("--record-mode=once").assert_outcomes(passed=2)
    assert len(chat_server.requests) == 4


def test_adopt_moves_what_a_whole_run_needs(recorded, pytester, chat_server, capsys):
    recorded(TWO_PARAMETERS + IN_CLASS, REORDERED + IN_CLASS.replace("TestLamp", "TestBulb"), n=3)
    assert main(["cassettes", "adopt", "--dry-run"]) == 0
    assert capsys.readouterr().out.count("would move: ") == 3
    assert main(["cassettes", "adopt"]) == 0
    assert capsys.readouterr().out.count("moved: ") == 3
    pytester.runpytest().assert_outcomes(passed=3)
    assert not chat_server.requests
    assert main(["cassettes", "adopt"]) == 0
    assert "nothing to move" in capsys.readouterr().out


def test_adopt_leaves_a_draw_alone_and_says_how_to_decide(recorded, pytester, capsys):
    both = PLAIN.replace("test_lamp", "test_lamp_a") + PLAIN.replace("test_lamp", "test_lamp_b")
    recorded(both, PLAIN.replace("test_lamp", "test_lamp_c"), n=2)
    before = cassettes()
    assert main(["cassettes", "adopt"]) == 1
    out = capsys.readouterr().out
    assert "test_old.py::test_lamp_a, test_old.py::test_lamp_b" in out
    assert "duolog cassettes move OLD test_old.py::test_lamp_c" in out
    assert cassettes() == before


def test_move_takes_samples_further_dialogues_and_parameters_along(recorded, pytester, chat_server, capsys):
    again = SECOND.replace("turns=2", "turns=2, samples=2")
    recorded(again, again.replace("test_lamp", "test_light"))
    n_files = len(cassettes())
    assert main(["cassettes", "move", "--dry-run", "test_old.py::test_lamp", "test_old.py::test_light"]) == 0
    assert capsys.readouterr().out.count("would move: ") == n_files == 4
    assert main(["cassettes", "move", "test_old.py::test_lamp", "test_old.py::test_light"]) == 0
    pytester.runpytest().assert_outcomes(passed=1)
    assert not chat_server.requests


def test_move_changes_nothing_but_the_header(recorded):
    recorded(PLAIN, PLAIN, now="test_new.py")
    [old] = [Path(name) for name in cassettes()]
    header, rest = old.read_bytes().split(b"\n", 1)
    assert main(["cassettes", "move", "test_old.py", "test_new.py"]) == 0
    [new] = [Path(name) for name in cassettes()]
    moved, moved_rest = new.read_bytes().split(b"\n", 1)
    assert moved_rest == rest
    assert json.loads(moved)["test"] == "test_new.py::test_lamp"
    assert json.loads(moved) | {"test": "", "sum": ""} == json.loads(header) | {"test": "", "sum": ""}
    assert not old.parent.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["test_old.py", "test_old.py::test_x"], "move needs two modules or two tests"),
        (
            ["test_old.py::test_nobody", "test_old.py::test_x"],
            "there is no recording of this test in cassettes/test_old",
        ),
        (["test_old.py::test_lamp", "test_old.py::test_light"], "there is a recording already"),
    ],
)
def test_move_that_cannot_be_is_refused_and_moves_nothing(recorded, arguments, said, pytester, capsys):
    recorded(PLAIN, RENAMED + PLAIN)
    pytester.runpytest("--record-mode=once").assert_outcomes(passed=2)
    before = cassettes()
    assert main(["cassettes", "move", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert cassettes() == before


def test_merge_conflict_is_told_with_what_to_do(recorded, pytester, capsys):
    recorded(PLAIN, PLAIN)
    [path] = [Path(name) for name in cassettes()]
    lines = path.read_text().split("\n")
    lines[2:3] = ["<<<<<<< ours", lines[2], "=======", lines[2].replace("hears", "sees"), ">>>>>>> theirs"]
    path.write_text("\n".join(lines))
    for mode in ("none", "once"):
        result = pytester.runpytest(f"--record-mode={mode}")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            ["E *unresolved merge conflict, from line 3 on", "E *git checkout --ours cassettes/*"]
        )
    assert main(["cassettes", "list"]) == 1
    assert "unresolved merge conflict" in capsys.readouterr().out


PRUNABLE = {
    "parameter removed": (
        TWO_PARAMETERS,
        TWO_PARAMETERS.replace(', "Hello."', "").replace(', "hello"', ""),
        2,
        "its test test_old.py::test_lamp[2-hello] no longer exists",
    ),
    "fewer samples": (
        PLAIN.replace("turns=2", "turns=2, samples=3"),
        PLAIN.replace("turns=2", "turns=2, samples=2"),
        1,
        "its test has 2 samples now",
    ),
    "further dialogue removed": (
        SECOND,
        PLAIN,
        1,
        "test_old.py::test_lamp no longer has a dialogue named 'later'",
    ),
    "no dialogue any more": (
        PLAIN,
        "def test_lamp():\n    pass\n",
        1,
        "its test test_old.py::test_lamp no longer exists",
    ),
}


@pytest.mark.parametrize("change", PRUNABLE)
def test_prune_knows_what_pytest_collects(recorded, change, capsys):
    before, after, n, reason = PRUNABLE[change]
    recorded(before, after, n=n)
    n_files = len(cassettes())
    assert main(["cassettes", "prune"]) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert line.endswith(f"({reason})")
    assert main(["cassettes", "prune", "--delete"]) == 0
    assert len(cassettes()) == n_files - 1


def test_prune_leaves_modules_alone_that_cannot_be_collected(recorded, capsys):
    recorded(PLAIN, "import nothing_of_this_name\n")
    assert main(["cassettes", "prune", "--delete"]) == 2
    assert "cannot be collected, so its recordings are kept" in capsys.readouterr().err
    assert len(cassettes()) == 1


@pytest.mark.parametrize(
    ("code", "test", "is_gone"),
    [
        ("class TestK:\n    def test_a(self): ...", "TestK::test_a", False),
        ("class TestK:\n    async def test_b(self): ...", "TestK::test_a", True),
        ("class TestK(Base):\n    pass", "TestK::test_a", False),
        ("def test_a(): ...", "test_a[x::y]", False),
        ("def broken(:", "test_a", False),
        (None, "test_a", True),
    ],
    ids=["method", "method is gone", "inherited", "parametrized", "cannot be read", "no module"],
)
def test_whether_a_test_is_gone_is_read_from_its_source(code, test, is_gone, tmp_path):
    if code is not None:
        (tmp_path / "test_k.py").write_text(code)
    path = tmp_path / "cassettes" / "test_k" / "test_a.openai-small.1.jsonl"
    assert bool(Recording(path, {"test": f"test_k.py::{test}"}).gone) is is_gone
