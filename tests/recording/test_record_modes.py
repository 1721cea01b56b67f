"""The record modes, from the outside: what is asked, what is played, what is on disk, and what is said."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pytest_duolog.recording.journal_file import read_journal
from pytest_duolog.storage.line_file import LineFile

PROJECT = """
import pytest
from pytest_duolog import Speaker

@pytest.mark.dialogue(
    a=Speaker("Ann", model="openai:small", system="You are a customer."),
    b=Speaker("Ben", model="openai:small", system="You sell lamps.", temperature=0.5, extra={'top_k': 1}),
    opener="My lamp does not work.",
    turns=3,
)
def test_lamp(dialogue):
    print(dialogue.transcript.to_markdown())
    assert dialogue.messages[0].content
"""
CASSETTE = "cassettes/test_project/test_lamp.openai-small.1.jsonl"


class Project:
    """A test with one dialogue of seven messages, and the server its models are at."""

    def __init__(self, pytester, server):
        self.pytester = pytester
        self.server = server
        self.cassette = pytester.path / CASSETTE
        pytester.makeini("[pytest]\naddopts = -p no:asyncio\nduolog_stop_on = nothing")
        self.write(PROJECT)

    def write(self, text):
        (self.pytester.path / "test_project.py").write_text(text)

    def text(self):
        return (self.pytester.path / "test_project.py").read_text()

    def change(self, old, new):
        assert old in self.text()
        self.write(self.text().replace(old, new))

    def run(self, *arguments):
        self.server.requests.clear()
        return self.pytester.runpytest("-p", "no:cacheprovider", *arguments)

    @property
    def n_asked(self):
        return len(self.server.requests)

    def files(self):
        return {
            path.relative_to(self.pytester.path).as_posix(): path.read_bytes()
            for path in (self.pytester.path / "cassettes").rglob("*")
            if path.is_file()
        }

    def n_kept(self, path=None):
        return len(read_journal(path or self.cassette).interactions)


@pytest.fixture
def project(pytester, chat_server):
    return Project(pytester, chat_server)


@pytest.fixture
def recorded(project):
    project.run("--record-mode=once").assert_outcomes(passed=1)
    assert project.n_asked == 6
    return project


def spoken(result):
    """The transcript that the test printed."""
    text = str(result.stdout)
    return text[text.index("# ") : text.index("1 dialogue")]


# Replay


def test_nothing_is_asked_without_a_recording(project):
    result = project.run()
    result.assert_outcomes(failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "E *CassetteMismatch: message 2 (Ben) has no recorded reply: there is no recording of this dialogue.",
            "E *test: *test_project.py::test_lamp",
            f"E *cassette: *{CASSETTE}",
            "E *to fix: *record it: pytest --record-mode=once test_project.py::test_lamp",
        ]
    )
    assert project.n_asked == 0
    assert project.files() == {}


def test_replay_needs_no_server_no_key_and_writes_nothing(recorded, monkeypatch):
    before = recorded.files()
    assert list(before) == [CASSETTE]
    recorded.server.close()
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("OPENAI_BASE_URL")
    result = recorded.run()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["1 dialogue, 6 replies replayed"])
    assert recorded.files() == before


@pytest.mark.parametrize("mode", ["none", "once", "new_episodes"])
def test_replays_are_the_recording_to_the_byte(project, mode):
    first = project.run("--record-mode=rewrite", "-rP")
    again = project.run(f"--record-mode={mode}", "-rP")
    assert project.n_asked == 0
    assert "Model Ben" in spoken(first) or "Ben: small hears" in spoken(first)
    assert spoken(again) == spoken(first)


def test_mode_may_come_from_the_ini_file(project):
    project.pytester.makeini(
        "[pytest]\naddopts = -p no:asyncio\nduolog_stop_on = nothing\nduolog_record_mode = once"
    )
    project.run().assert_outcomes(passed=1)
    assert project.n_asked == 6
    project.change("lamp does", "lamps do")
    project.run("--record-mode=none").assert_outcomes(failed=1)
    assert project.n_asked == 0


# A miss

CHANGES = {
    "model": (
        'a customer."),\n    b=Speaker("Ben", model="openai:small"',
        'a customer."),\n    b=Speaker("Ben", model="openai:large"',
        ["stale: *recorded with other models, in test_lamp.openai-small.1.jsonl",
         "*model of Ben: recorded 'openai:small', now 'openai:large'", "nearest: *message 2 (Ben)",
         "*differs: *model", "*recorded: 'small'", "*sent: * 'large'"],
    ),
    "system prompt": (
        "You sell lamps.", "You sell lamps. Never promise money.",
        ["*system prompt of Ben: edited", "nearest: *message 2 (Ben)", "*differs: *messages[[]0[]].content",
         "*recorded: 'You sell lamps.'", "*sent: * 'You sell lamps. Never promise money.'"],
    ),
    "opener": (
        "My lamp", "My old lamp",
        ["*opener: edited", "nearest: *message 2 (Ben)", "*differs: *messages[[]1[]].content",
         "*recorded: 'My lamp does not work.'", "*sent: * 'My old lamp does not work.'"],
    ),
    "temperature": (
        "temperature=0.5", "temperature=0.7",
        ["*settings of Ben: recorded {'temperature': 0.5, *}, now {'temperature': 0.7, *}", "nearest: *message 2 (Ben)",
         "*differs: *temperature", "*recorded: 0.5", "*sent: * 0.7"],
    ),
    "temperature left out": (
        ", temperature=0.5", "",
        ["nearest: *message 2 (Ben)", "*differs: *temperature", "*recorded: 0.5", "*sent: * (missing)"],
    ),
    "number that is equal to Python": (
        "extra={'top_k': 1}", "extra={'top_k': True}",
        ["*settings of Ben: recorded {*'top_k': 1}, now {*'top_k': True}",
         "*differs: *top_k", "*recorded: 1", "*sent: * True"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("mode", ["none", "once"])
@pytest.mark.parametrize("change", CHANGES)
def test_changed_request_is_a_miss_that_shows_the_difference(recorded, change, mode):
    old, new, lines = CHANGES[change]
    before = recorded.files()
    recorded.change(old, new)
    result = recorded.run(f"--record-mode={mode}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *CassetteMismatch: message 2 (Ben) has no recorded reply*",
            "E *test: *test_project.py::test_lamp",
            "E *cassette: *cassettes/test_project/test_lamp.*.1.jsonl",
            *(f"E *{line}" for line in lines),
            "E *to fix: *pytest --record-mode=rewrite test_project.py::test_lamp*",
        ]
    )
    assert recorded.n_asked == 0
    assert recorded.files() == before


def test_model_that_the_command_line_names_is_recorded_beside_the_other(recorded):
    before = recorded.files()
    result = recorded.run("--duolog-model=Ben=openai:large")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *stale: *recorded with other models, in test_lamp.openai-small.1.jsonl",
            "E *to fix: *record it: pytest --record-mode=once --duolog-model=Ben=openai:large test_project.py::*",
        ]
    )
    assert recorded.n_asked == 0
    recorded.run("--duolog-model=Ben=openai:large", "--record-mode=once").assert_outcomes(passed=1)
    assert recorded.n_asked == 6
    assert recorded.files().items() > before.items()
    recorded.run("--duolog-model=Ben=openai:large").assert_outcomes(passed=1)
    recorded.run().assert_outcomes(passed=1)


def test_model_for_another_role_does_not_make_a_swapped_model_a_wish(recorded):
    with (recorded.pytester.path / "test_project.py").open("a") as file:
        file.write(
            "\n@pytest.mark.dialogue(model='scripted:echo', b=Speaker('Dan'))\ndef test_b(dialogue): pass\n"
        )
    recorded.change('"Ben", model="openai:small"', '"Ben", model="openai:large"')
    result = recorded.run("--duolog-model=Dan=scripted:counter", "--record-mode=once")
    result.stdout.fnmatch_lines(
        ["E *record it: pytest --record-mode=rewrite --duolog-model=Dan=scripted:counter *"]
    )
    assert recorded.n_asked == 0


def test_change_in_the_middle_names_that_message(recorded):
    text = recorded.cassette.read_text()
    said = read_journal(recorded.cassette).interactions[2].response.content.decode()
    said = json.loads(said)["choices"][0]["message"]["content"]
    assert text.count(json.dumps(said)[1:-1]) == 1
    recorded.cassette.write_text(text.replace(json.dumps(said)[1:-1], json.dumps(said[:-1] + "!")[1:-1]))
    lines = recorded.cassette.read_text().splitlines()
    lines[4:5] = []
    recorded.cassette.write_text("\n".join(lines) + "\n")
    result = recorded.run()
    result.stdout.fnmatch_lines(
        [
            "*message 5 (Ann) has no recorded reply*",
            "*note: *line 5 refers to *, which is missing, and was left out",
        ]
    )
    assert recorded.n_asked == 0


@pytest.mark.parametrize("mode", ["none", "once"])
def test_more_turns_than_recorded(recorded, mode):
    recorded.change("turns=3", "turns=4")
    before = recorded.files()
    result = recorded.run(f"--record-mode={mode}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *message 8 (Ben) has no recorded reply: the recording ends after message 7.",
            "E *state: *6 recorded, 6 replayed",
            "E *turns: recorded 3, now 4",
            "E *to fix: *record the rest: pytest --record-mode=new_episodes test_project.py::test_lamp",
            "E *or record all of it again: pytest --record-mode=rewrite test_project.py::test_lamp",
        ]
    )
    assert recorded.n_asked == 0
    assert recorded.files() == before


@pytest.mark.parametrize("mode", ["none", "once"])
def test_fewer_turns_than_recorded(recorded, mode):
    recorded.change("turns=3", "turns=2")
    result = recorded.run(f"--record-mode={mode}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *UnusedMessages: *ended after message 5 (turns: 2 turns), but *: messages 6 to 7 are not used.",
            "E *turns: recorded 3, now 2",
            "E *to fix: *shorter dialogue is intended: pytest --record-mode=new_episodes test_project.py::test_lamp",
        ]
    )
    assert recorded.n_asked == 0


def test_fewer_turns_shorten_the_recording_and_ask_no_model(recorded):
    recorded.change("turns=3", "turns=2")
    result = recorded.run("--record-mode=new_episodes")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*: 2 recorded replies no longer match and were dropped"])
    assert recorded.n_asked == 0
    assert len(read_journal(recorded.cassette).interactions) == 4
    recorded.run().assert_outcomes(passed=1)


@pytest.mark.parametrize("mode", ["none", "once", "new_episodes"])
def test_recording_that_goes_on_for_no_known_reason_is_kept(recorded, mode):
    header, *lines = recorded.cassette.read_bytes().splitlines(keepends=True)
    facts = json.loads(header)
    facts["turns"] = 2
    facts.pop("sum", None)
    recorded.cassette.write_bytes(b"".join([json.dumps(facts).encode() + b"\n", *lines]))
    recorded.change("turns=3", "turns=2")
    before = recorded.files()
    result = recorded.run(f"--record-mode={mode}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *the shorter dialogue is intended: pytest --record-mode=rewrite *"])
    assert (recorded.n_asked, recorded.files()) == (0, before)


# Recording


def test_changed_end_of_the_dialogue_is_named(recorded):
    recorded.server.answer = lambda body: "Thank you, goodbye!"
    recorded.run("--record-mode=rewrite").assert_outcomes(passed=1)
    result = recorded.run("-o", "duolog_stop_on=goodbye")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *the dialogue ended after message * (goodbye *), but its recording has more messages: *",
            "E *stop on: recorded [[][]], now [[]'goodbye'[]]",
        ]
    )


def test_reply_that_has_been_played_is_not_called_another_request(recorded):
    asking = """
def ask(messages):
    for _ in range(TIMES):
        said = httpx.post(os.environ["OPENAI_BASE_URL"] + "/x", json={"model": "m", "messages": [{"content": "?"}]})
    return "Well."
"""
    recorded.write(f"import os, httpx\nTIMES = 1\n{asking}" + PROJECT.replace('"openai:small"', "ask", 1))
    recorded.run("--record-mode=rewrite").assert_outcomes(passed=1)
    recorded.change("TIMES = 1", "TIMES = 2")
    result = recorded.run()
    result.stdout.fnmatch_lines(
        ["E *nearest: *message 5 (Ann), the same request, whose reply was already replayed"]
    )


def test_new_episodes_adds_to_what_fits(recorded):
    kept = [json.loads(line) for line in recorded.cassette.read_text().splitlines()[1:7]]
    recorded.change("turns=3", "turns=4")
    result = recorded.run("--record-mode=new_episodes")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["1 dialogue, 6 replies replayed, 2 replies recorded (*)"])
    assert recorded.n_asked == 2
    assert list(recorded.files()) == [CASSETTE]
    lines = [json.loads(line) for line in recorded.cassette.read_text().splitlines()]
    assert lines[1:7] == kept
    assert recorded.n_kept() == 8
    recorded.run().assert_outcomes(passed=1)
    assert recorded.n_asked == 0


def test_new_episodes_says_what_no_longer_fits(recorded):
    recorded.change("You are a customer.", "You are an angry customer.")
    result = recorded.run("--record-mode=new_episodes")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*test_lamp: * recorded replies no longer match and were dropped"])
    assert recorded.n_kept() == 6
    recorded.run().assert_outcomes(passed=1)
    assert recorded.n_asked == 0


@pytest.mark.parametrize("mode", ["rewrite", "all"])
def test_rewrite_asks_everything_anew(recorded, mode):
    recorded.server.answer = lambda body: f"Another answer after {len(body['messages'])}."
    recorded.run(f"--record-mode={mode}").assert_outcomes(passed=1)
    assert recorded.n_asked == 6
    assert list(recorded.files()) == [CASSETTE]
    assert recorded.n_kept() == 6
    recorded.run("-rP").stdout.fnmatch_lines(["*Ben: Another answer after 2.*"])


def test_rewrite_touches_only_the_tests_that_ran(recorded):
    recorded.write(PROJECT + PROJECT.replace("test_lamp", "test_other").replace("import pytest", ""))
    recorded.run("--record-mode=once").assert_outcomes(passed=2)
    before = recorded.files()
    recorded.server.answer = lambda body: f"Another answer after {len(body['messages'])}."
    recorded.run("--record-mode=rewrite", "-k", "test_other").assert_outcomes(passed=1, deselected=1)
    assert recorded.n_asked == 6
    after = recorded.files()
    assert after[CASSETTE] == before[CASSETTE]
    assert after[CASSETTE.replace("lamp", "other")] != before[CASSETTE.replace("lamp", "other")]


def test_failed_rewrite_leaves_the_old_recording_in_place(recorded):
    before = recorded.files()
    recorded.server.answer = failing_at(4)
    recorded.run("--record-mode=rewrite").assert_outcomes(failed=1)
    after = recorded.files()
    assert after[CASSETTE] == before[CASSETTE]
    partial = CASSETTE.replace(".jsonl", ".partial.jsonl")
    assert set(after) == {CASSETTE, partial}
    result = recorded.run()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "*test_lamp: *.partial.jsonl is a newer recording that is incomplete; finish it with --record-mode=once*"
        ]
    )
    recorded.server.answer = lambda body: "And now it works."
    recorded.run("--record-mode=once").assert_outcomes(passed=1)
    assert recorded.n_asked == 3
    assert set(recorded.files()) == {CASSETTE}
    assert recorded.files()[CASSETTE] != before[CASSETTE]


# Interruptions


def failing_at(number):
    """Answers the first requests and fails from request `number` on."""
    asked = []

    def answer(body):
        asked.append(body)
        if len(asked) >= number:
            return 503, b'{"error": {"message": "overloaded"}}'
        return f"Answer {len(asked)} of the server."

    return answer


def test_once_goes_on_where_a_failure_stopped_it(project):
    project.server.answer = failing_at(4)
    result = project.run("--record-mode=once")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *no message 5 from Ann: HTTP 503: 'overloaded'*"])
    assert project.n_kept() == 3
    result = project.run()
    result.stdout.fnmatch_lines(
        [
            "E *message 5 (Ann) has no recorded reply: the recording was cut off after message 4.",
            "E *3 recorded, 3 replayed, incomplete",
            "E *to fix: *finish the recording: pytest --record-mode=once test_project.py::test_lamp",
        ]
    )
    assert project.n_asked == 0
    project.server.answer = lambda body: "It is back."
    result = project.run("--record-mode=once")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "1 dialogue, 3 replies replayed, 3 replies recorded (*)",
            "*test_lamp: test_lamp.openai-small.1.jsonl was incomplete: resumed after message 4",
        ]
    )
    assert project.n_asked == 3
    assert read_journal(project.cassette).is_finished
    project.run().assert_outcomes(passed=1)


def test_once_does_not_resume_another_dialogue(project):
    project.server.answer = failing_at(4)
    project.run("--record-mode=once")
    before = project.files()
    project.change("You sell lamps.", "You sell bulbs.")
    result = project.run("--record-mode=once")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E *message 2 (Ben) has no recorded reply.", "E *system prompt of Ben: edited"]
    )
    assert project.n_asked == 0
    assert project.files() == before


def test_resumed_recording_has_the_header_of_the_dialogue_that_finished_it(project):
    project.server.answer = failing_at(2)
    project.run("--record-mode=once")
    assert project.n_kept() == 1
    project.change("You are a customer.", "You are an old customer.")  # who has not spoken yet
    project.server.answer = lambda body: "It is back."
    project.run("--record-mode=once").assert_outcomes(passed=1)
    assert project.n_asked == 5
    assert list(project.files()) == [CASSETTE]
    project.run().assert_outcomes(passed=1)
    project.change("turns=3", "turns=4")
    result = project.run()
    result.stdout.fnmatch_lines(["E *turns: recorded 3, now 4"])
    result.stdout.no_fnmatch_line("*system prompt of*")


def test_rewriting_that_was_killed_at_its_last_step_is_put_in_place(recorded):
    partial = recorded.cassette.with_name(recorded.cassette.name.replace(".jsonl", ".partial.jsonl"))
    finished = recorded.cassette.read_bytes()
    recorded.cassette.write_bytes(finished.replace(b"small hears", b"small heard"))
    partial.write_bytes(finished)
    recorded.run("--record-mode=once").assert_outcomes(passed=1)
    assert recorded.n_asked == 0
    assert recorded.files() == {CASSETTE: finished}


# Two runs at once


@pytest.mark.parametrize("mode", ["once", "new_episodes", "rewrite"])
def test_recording_that_another_run_makes_meanwhile_is_not_replaced(recorded, mode):
    theirs = recorded.cassette.read_bytes()
    recorded.cassette.unlink()

    def answer(body):
        recorded.cassette.write_bytes(theirs)
        return "Too late."

    recorded.server.answer = answer
    result = recorded.run(f"--record-mode={mode}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E *UnreadableCassette: another run has recorded this cassette in the meantime"]
    )
    assert recorded.files() == {CASSETTE: theirs}


@pytest.mark.parametrize("mode", ["once", "rewrite"])
def test_no_reply_is_paid_for_while_another_run_records_it(project, mode):
    project.server.answer = failing_at(4)
    project.run("--record-mode=once")
    place = project.cassette
    if mode == "rewrite":
        place = place.rename(place.with_name(place.name.replace(".jsonl", ".partial.jsonl")))
        project.cassette.write_bytes(place.read_bytes())
    before = project.files()
    with LineFile(place):
        result = project.run(f"--record-mode={mode}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *UnreadableCassette: another run is recording this cassette right now"])
    assert project.n_asked == 0
    assert project.files() == before


@pytest.mark.parametrize(
    ("how", "number"),
    [
        pytest.param(signal.SIGKILL, 1, marks=pytest.mark.slow),
        (signal.SIGKILL, 4),
        (signal.SIGINT, 4),
        pytest.param(signal.SIGTERM, 4, marks=pytest.mark.slow),
    ],
    ids=["SIGKILL, first", "SIGKILL", "SIGINT", "SIGTERM"],
)
def test_killed_run_loses_no_finished_message(project, how, number):
    reached, release = threading.Event(), threading.Event()
    asked = []

    def hanging(body):
        asked.append(body)
        if len(asked) == number:
            reached.set()
            release.wait(60)
        return f"Answer {len(asked)} of the server."

    project.server.answer = hanging
    command = [sys.executable, "-m", "pytest", "--record-mode=once", "-p", "no:cacheprovider"]
    child = subprocess.Popen(
        command, cwd=project.pytester.path, stdout=subprocess.DEVNULL, start_new_session=True
    )
    assert reached.wait(60)
    os.kill(child.pid, how)
    child.wait(60)
    release.set()
    if number == 1:
        assert project.files() == {}
    else:
        assert project.n_kept() == number - 1
    result = project.run("--record-mode=once")
    result.assert_outcomes(passed=1)
    assert project.n_asked == 6 - (number - 1)
    if number > 1:
        result.stdout.fnmatch_lines([f"*was incomplete: resumed after message {number}"])
    recorded = project.files()
    assert list(recorded) == [CASSETTE]
    project.server.close()
    project.run().assert_outcomes(passed=1)
    assert project.files() == recorded


def test_torn_line_is_said_and_recorded_again(recorded):
    whole = recorded.cassette.read_bytes()
    recorded.cassette.write_bytes(whole[: whole.index(b'"n":4') + 30])
    result = recorded.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E *cut off after message 4.", "note: *line 5 is incomplete (* bytes) and was left out"]
    )
    result = recorded.run("--record-mode=once")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["*line 5 is incomplete (* bytes) and was left out", "*resumed after message 4"]
    )
    assert recorded.n_asked == 3
    assert [json.loads(line) for line in recorded.cassette.read_bytes().splitlines()][4]["n"] == 4
    recorded.run().assert_outcomes(passed=1)


# Files that cannot be used


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"interactions: []\n", "line 1 of the cassette is not a header"),
        (b'{"duolog": 7}\n', "the cassette has format 7; this version of pytest-duolog reads up to 3"),
    ],
)
@pytest.mark.parametrize("mode", ["none", "once"])
def test_unreadable_cassette_fails_with_its_reason(recorded, content, line, mode):
    recorded.cassette.write_bytes(content)
    result = recorded.run(f"--record-mode={mode}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [f"E *UnreadableCassette: {line}", f"E *cassette: *{CASSETTE}", "E *to fix: *"]
    )
    assert recorded.n_asked == 0
    assert recorded.cassette.read_bytes() == content


@pytest.mark.parametrize("content", [b"", b'{"du', b'{"duolog":1,"plugin'])
def test_cassette_that_was_cut_off_before_its_first_message_is_begun_again(recorded, content):
    recorded.cassette.write_bytes(content)
    result = recorded.run()
    result.assert_outcomes(failed=1)
    what = "ends in its first line" if content else "is empty"
    result.stdout.fnmatch_lines(
        [
            f"E *UnreadableCassette: the cassette {what}: the run that began it ended at once",
            "E *to fix: *record it with --record-mode=once, or restore it from version control",
        ]
    )
    recorded.run("--record-mode=once").assert_outcomes(passed=1)
    assert recorded.n_asked == 6
    assert list(recorded.files()) == [CASSETTE]
    recorded.run().assert_outcomes(passed=1)


def test_unreadable_cassette_in_an_async_test(recorded):
    recorded.change("@pytest.mark.dialogue", "@pytest.mark.anyio\n@pytest.mark.dialogue")
    recorded.change("def test_lamp(dialogue):", "async def test_lamp(dialogue):\n    await dialogue")
    recorded.write(
        "import pytest\n@pytest.fixture\ndef anyio_backend(): return 'asyncio'\n" + recorded.text()
    )
    recorded.cassette.write_bytes(b"")
    result = recorded.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *UnreadableCassette: the cassette is empty: *"])


def test_unreadable_cassette_of_a_further_dialogue_is_the_only_complaint(recorded):
    recorded.change("    assert dialogue.messages[0].content", "    dialogue.run(name='second')")
    second = recorded.cassette.with_name(recorded.cassette.name.replace("lamp.", "lamp.second."))
    second.write_bytes(b"")
    result = recorded.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *UnreadableCassette: the cassette is empty: *"])
    assert "never awaited" not in str(result.stdout)


def test_rewrite_replaces_an_unreadable_cassette(recorded):
    recorded.cassette.write_bytes(b"broken")
    recorded.run("--record-mode=rewrite").assert_outcomes(passed=1)
    recorded.run().assert_outcomes(passed=1)


def test_place_that_cannot_be_written_is_named(project):
    (project.pytester.path / "cassettes").write_text("a file")
    result = project.run("--record-mode=once")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *UnreadableCassette: the cassette cannot be written: *",
            f"E *cassette: *{CASSETTE}",
            "E *to fix: *",
            "test_project.py:*: UnreadableCassette",
        ]
    )
    result.stdout.no_fnmatch_line("*journal_file.py*")


def test_no_reply_is_paid_for_that_could_not_be_written(project, monkeypatch):
    folder = project.pytester.mkdir("cassettes")
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != folder)
    result = project.run("--record-mode=once")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "dialogue = <Dialogue of Ann and Ben, 1 message, stopped by an error>",
            f"E *the cassette cannot be written: no permission to write to {folder}",
        ]
    )
    assert project.n_asked == 0


def test_damage_is_not_taken_for_a_change_of_the_dialogue(recorded):
    lines = recorded.cassette.read_bytes().split(b"\n")
    damaged = b"\n".join([*lines[:2], lines[2][:50], *lines[3:]])
    recorded.cassette.write_bytes(damaged)
    for mode in ("none", "once"):
        result = recorded.run(f"--record-mode={mode}")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            [
                "E *message 3 (*) has no recorded reply: the cassette is damaged.",
                "E *damage: *line 3 cannot be read *",
                "E *to fix: *restore it from version control, or record again: pytest --record-mode=rewrite *",
            ]
        )
        result.stdout.no_fnmatch_line("E *perhaps: *")  # the missing messages are the damage
    assert recorded.n_asked == 0
    assert recorded.cassette.read_bytes() == damaged


def test_recording_that_would_still_hold_a_key_is_refused(project, monkeypatch):
    monkeypatch.setenv("PIN_TOKEN", "1234567890")
    project.server.answer = lambda body: (
        200,
        b'{"choices": [{"message": {"content": "x", "pin": 1234567890}, "finish_reason": "stop"}]}',
    )
    result = project.run("--record-mode=once")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *SecretInRecording: message 2 (Ben) contains something that looks like a key and cannot be replaced*"
        ]
    )
    assert b"1234567890" not in b"".join(project.files().values())
    assert "1234567890" not in str(result.stdout)


def test_recordings_move_with_their_tests(recorded, tmp_path):
    shutil.copytree(recorded.pytester.path, tmp_path / "elsewhere" / "deep")
    recorded.server.close()
    recorded.pytester.runpytest("--rootdir", tmp_path, tmp_path / "elsewhere").assert_outcomes(passed=1)
