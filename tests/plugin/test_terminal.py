"""What a person reads in the terminal: under a failed test, at the end of a run, and while a dialogue runs."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from pytest_duolog.display import printable
from pytest_duolog.plugin.attempts import Attempt
from pytest_duolog.plugin.ended_dialogues import EndedDialogues
from pytest_duolog.results.dialogue_result import DialogueResult
from pytest_duolog.results.record import SampleOutcome
from pytest_duolog.transcripts.transcript import Message, Transcript
from tests.workers import alone_or_in_workers

LONG = """
    import pytest
    from pytest_duolog import Speaker

    @pytest.mark.dialogue(
        a=Speaker("Alice", model="scripted:counter"), b=Speaker("Bob", model="{model}"),
        opener="Count with me.", turns={turns}, stop_on=(),
    )
    def test_it(dialogue):
        assert len(dialogue.messages) == 0
"""


def test_failed_test_shows_how_its_dialogue_began_and_ended(pytester):
    pytester.makepyfile(LONG.format(model="scripted:counter", turns=10))
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- dialogue -*",
            "cassette: none (nothing is recorded)",
            "stopped:  turns: 10 turns",
            "messages: 21",
            "    1 Alice: Count with me.",
            "    2 Bob: This is message 1 of mine.",
            "  … 13 messages …",
            "   16 Bob: This is message 8 of mine.",
            "   21 Alice: This is message 11 of mine.",
            "*short test summary info*",
        ]
    )


def test_short_dialogue_is_shown_whole(pytester):
    pytester.makepyfile(LONG.format(model="scripted:counter", turns=4))
    result = pytester.runpytest()
    result.stdout.no_fnmatch_line("*…*messages*…*")
    result.stdout.fnmatch_lines(["    1 Alice*", "    5 Alice*", "    9 Alice*"])


def test_passed_test_shows_nothing_of_it(pytester):
    pytester.makepyfile(LONG.format(model="scripted:counter", turns=4).replace("== 0", "== 9"))
    result = pytester.runpytest("-v")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*Count with me*")


def test_failed_test_names_its_cassette_and_each_of_its_dialogues(pytester, chat_server):
    pytester.makepyfile(
        test_talk="""
        import pytest

        @pytest.mark.dialogue(model="openai:small", turns=1)
        def test_it(dialogue):
            dialogue.messages
            dialogue.run(opener="Good morning.", name="morning").transcript
            assert False
        """
    )
    result = pytester.runpytest("--record-mode=once")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- dialogue -*",
            "cassette: *cassettes/test_talk/test_it.openai-small.1.jsonl",
            "    1 Model A: Hello.",
            "*- dialogue morning -*",
            "cassette: *cassettes/test_talk/test_it.morning.openai-small.1.jsonl",
            "    1 Model A: Good morning.",
            "2 dialogues, 4 replies recorded (*)",
        ]
    )


@pytest.mark.skipif(not hasattr(pytest, "Subtests"), reason="this pytest has no subtests")
@alone_or_in_workers(1)
def test_dialogue_of_a_test_with_subtests_counts_once(pytester, options):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.dialogue(model="scripted:counter", turns=1)
        def test_it(dialogue, subtests):
            for number in range(2):
                with subtests.test(number=number):
                    assert len(dialogue.messages) == number
        """
    )
    result = pytester.runpytest(*options)
    result.stdout.fnmatch_lines(["*- dialogue -*", "1 dialogue"])


def test_failure_of_a_further_dialogue_is_shown_where_the_test_asked_for_it(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.dialogue(model="openai:small", turns=1)
        def test_it(dialogue):
            dialogue.run(name="morning").transcript
        """
    )
    result = pytester.runpytest()
    result.stdout.fnmatch_lines([">       dialogue.run(*", "E *message 2 (Model B) has no recorded reply*"])
    result.stdout.no_fnmatch_line("*execution.py*")


@pytest.mark.parametrize(
    ("model", "line"),
    [
        ("scripted:refuser", "stopped:  refusal (Bob): finish reason 'refused'"),
        ("scripted:silent", "stopped:  empty reply (Bob): finish reason *"),
        ("scripted:echo", "stopped:  turns: 3 turns"),
    ],
)
def test_failed_test_says_why_its_dialogue_stopped(pytester, model, line):
    pytester.makepyfile(LONG.format(model=model, turns=3))
    pytester.runpytest().stdout.fnmatch_lines([line])


def test_dialogue_that_broke_off_shows_what_was_said_until_then(pytester):
    pytester.makepyfile(
        """
        import pytest

        def model(messages):
            if len(messages) > 3:
                raise RuntimeError("out of words")
            return f"{len(messages)} messages so far."

        @pytest.mark.dialogue(model=model)
        def test_it(dialogue):
            assert dialogue.messages
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *DialogueError: no message 5 from Model A: *out of words",
            "stopped:  error (Model A): *out of words",
            "    4 Model B: 3 messages so far.",
        ]
    )


def test_dialogue_of_a_fixture_that_fails_in_setup_is_shown(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def talk(dialogue):
            assert not dialogue.messages

        @pytest.mark.dialogue(model="scripted:counter", turns=1)
        def test_it(talk):
            pass
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["stopped:  turns: 1 turn", "1 dialogue*"])


def test_summary_counts_what_was_recorded_replayed_and_spared(pytester, chat_server):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("opener", ["One.", "Two."])
        @pytest.mark.dialogue(model="openai:small", turns=2)
        def test_it(dialogue, opener):
            assert dialogue.messages

        @pytest.mark.dialogue(model="scripted:farewell", turns=50)
        def test_goodbye(dialogue):
            assert dialogue.messages
        """
    )
    recorded = pytester.runpytest("--record-mode=once")
    recorded.stdout.fnmatch_lines(
        ["3 dialogues, 8 replies recorded (*), up to * messages saved by stopping at a goodbye or in a loop"]
    )
    replayed = pytester.runpytest()
    replayed.stdout.fnmatch_lines(
        ["3 dialogues, 8 replies replayed, up to * messages saved by stopping at a goodbye or in a loop"]
    )


def test_comparison_on_a_terminal_with_colours_can_be_read(pytester, monkeypatch):
    monkeypatch.setenv("LAB_TOKEN", "pl4nted-lab-value")
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.dialogue(model="scripted:counter", turns=1)
        def test_it(dialogue):
            assert [dialogue.messages[0].content, "pl4nted-lab-value"] == ["a"]
        """
    )
    result = pytester.runpytest("--color=yes")
    result.assert_outcomes(failed=1)
    text = str(result.stdout)
    assert "\x1b[31m" in text  # pytest's own colours are still there
    assert "\\x1b" not in text
    assert "At index 0 diff: 'Hello.' != 'a'" in text
    assert "one more item: '[redacted LAB_TOKEN]'" in text
    assert "- AssertionError: assert ['Hello.'" in result.outlines[-2]  # the short summary


HOSTILE = """
    import pytest
    from pytest_duolog import Script

    EVIL = "\\x1b[2J\\x1b]0;title\\x07 \\u202e \\x9b31m\\r\\n::error::no\\n  ::stop::t\\n##[error]no \\u2028\\x00"

    @pytest.mark.dialogue(model=Script(EVIL), turns=1)
    def test_it(dialogue):
        {check}
"""


@pytest.mark.parametrize(
    "check",
    [
        "assert not dialogue.messages",
        "assert dialogue.messages[1].content == 'good'",
        "assert dialogue.satisfies(lambda transcript: False)",
        "assert dialogue.ends_cleanly()",
        "assert dialogue.transcript == 'good'",
        "raise ValueError(dialogue.messages)",
    ],
)
def test_words_of_a_model_are_harmless_under_a_failed_test(pytester, check):
    pytester.makepyfile(HOSTILE.format(check=check))
    result = pytester.runpytest("--color=no", "-vv", "--showlocals")
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2028]", text.replace("\r\n", "\n"))
    lines = [line.lstrip() for line in result.outlines]
    assert not [line for line in lines if line.startswith(("::error", "::stop"))]
    shown = text[text.index("- dialogue -") :]
    assert "##[" not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, Ünïcödé, 漢字, 🙂", "plain, Ünïcödé, 漢字, 🙂"),
        ("a\n\tb", "a\n\tb"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\rb", "a\\rb"),
        ("\u202eevil", "\\u202eevil"),
        ("\x9b", "\\x9b"),
        ("::error::x", "\\x3a:error::x"),
        ("a\n \t::error::x", "a\n \t\\x3a:error::x"),
        ("std::vector", "std::vector"),
        ("x ##[error]", "x #\\x23[error]"),
        ("## Heading", "## Heading"),
        ("", ""),
    ],
)
def test_printable_spells_out_what_a_terminal_or_a_ci_log_would_obey(text, shown):
    assert printable(text) == shown


def test_long_message_is_cut_and_its_length_shown(pytester):
    pytester.makepyfile(
        """
        import pytest
        from pytest_duolog import Script

        @pytest.mark.dialogue(model=Script("word " * 200), turns=1)
        def test_it(dialogue):
            assert not dialogue.messages
        """
    )
    pytester.runpytest().stdout.fnmatch_lines(["    2 Model B: word word*… (999 characters)"])


WATCHED = """
    import pytest
    from pytest_duolog import Reply, Usage

    def model(messages):
        return Reply(f"Answer {len(messages)}.", usage=Usage(reply_tokens=7))

    @pytest.mark.dialogue(model=model, turns=2)
    def test_it(dialogue):
        assert len(dialogue.messages) == 5
"""


def on_a_terminal(*arguments: str, environ: dict[str, str]) -> str:
    """What pytest sends to a terminal of 80 columns."""
    leader, follower = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:hypothesispytest",
        *arguments,
    ]
    kept = {name: value for name, value in os.environ.items() if name != "CI"}
    process = subprocess.Popen(
        command,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=kept | {"COLUMNS": "80", "TERM": "xterm"} | environ,
    )
    os.close(follower)
    sent = b""
    try:
        while part := os.read(leader, 65536):
            sent += part
    except OSError:  # how Linux says that the other side is closed
        pass
    os.close(leader)
    assert process.wait() == 0, sent
    return sent.decode()


PROGRESS = re.compile(r"\x1b7(.*?)\x1b\[K\x1b8")


def plain_lines(sent: str) -> list[str]:
    without_times = re.sub(r"in \d+\.\d+s", "in 0s", sent)
    return re.sub(r"\x1b\[[0-9;]*m", "", without_times).splitlines()


def test_progress_is_shown_on_a_terminal_with_v_and_leaves_no_trace(pytester):
    pytester.makepyfile(test_talk=WATCHED)
    sent = on_a_terminal("-v", "--color=no", environ={})
    assert PROGRESS.findall(sent) == [
        "",
        " message 2 of 5, Model B ",
        "",
        " message 3 of 5, Model A, 7 tokens ",
        "",
        " message 4 of 5, Model B, 14 tokens ",
        "",
        " message 5 of 5, Model A, 21 tokens ",
        "",
    ]
    silent = on_a_terminal("-v", "--color=no", environ={"CI": "1"})
    assert "\x1b7" not in silent
    assert plain_lines(PROGRESS.sub("", sent)) == plain_lines(silent)


@pytest.mark.parametrize(
    "arguments",
    [[], pytest.param(["-v", "-n", "1"], marks=pytest.mark.slow)],
    ids=["without -v", "xdist"],
)
def test_progress_is_not_shown(pytester, arguments):
    pytester.makepyfile(WATCHED)
    assert "\x1b7" not in on_a_terminal(*arguments, environ={})


LIVE_AND_SAMPLED = """
    import pytest

    @pytest.mark.dialogue(model="openai:small", turns=1)
    def test_live(dialogue):
        dialogue.messages
        dialogue.run(name="evening").transcript

    @pytest.mark.dialogue(model="scripted:counter", turns=1, samples=2)
    def test_sampled(dialogue):
        assert len(dialogue.messages) == 0
"""


def test_verbose_output_in_a_pipe_has_a_line_for_each_live_dialogue_and_sample(pytester, chat_server):
    pytester.makepyfile(test_talk=LIVE_AND_SAMPLED)
    lines = pytester.runpytest("-v", "--record-mode=once").outlines
    at = next(at for at, line in enumerate(lines) if line.startswith("test_talk.py::test_live PASSED"))
    assert re.match(
        r"  dialogue: 3 messages, stopped by turns \(.* tokens read; .* written\)$", lines[at + 1]
    )
    assert lines[at + 2].startswith("  dialogue evening: 3 messages, stopped by turns (")
    name = "test_talk.py::test_sampled, sample 1"
    assert lines[at + 3] == f"{name}: 3 messages, stopped by turns; the sample failed"
    replayed = pytester.runpytest("-v", "-k", "live").stdout.str()
    assert "stopped by turns" not in replayed


@pytest.mark.parametrize(
    ("outcome", "end"),
    [("passed", ""), ("failed", "; the sample failed"), ("error", "; the sample could not be measured")],
)
def test_the_line_of_a_sample_says_how_the_sample_ended(request, outcome, end):
    lines: list[str] = []
    reporter = SimpleNamespace(write_line=lines.append, flush=lambda: None)
    talk = DialogueResult(
        transcript=Transcript(messages=(Message(speaker="Ann", content="Hi."),)), recorded=1
    )
    reports = [SimpleNamespace(), SimpleNamespace(duolog=(talk,))]
    attempt, sample = Attempt(request.node, 2), SimpleNamespace(outcome=SampleOutcome(outcome))
    ended = EndedDialogues(reporter)
    ended.write_sample(attempt, sample, reports)
    assert lines == [f"{request.node.nodeid}, sample 2: 1 message, stopped by not known{end}"]


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [(["-q"], {}), ([], {}), (["-v"], {"CI": "1"}), pytest.param(["-v", "-n1"], {}, marks=pytest.mark.slow)],
    ids=["quiet", "without -v", "CI", "xdist"],
)
def test_progress_is_not_shown_where_nobody_watches(pytester, monkeypatch, arguments, environ):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    pytester.makepyfile(WATCHED)
    result = pytester.runpytest(*arguments)
    result.assert_outcomes(passed=1)
    assert "\x1b7" not in result.stdout.str()
    assert "messages, stopped by" not in result.stdout.str()


SAMPLED_TWICE = """
    from itertools import count

    import pytest

    numbers = count()

    @pytest.mark.dialogue(model=lambda messages: f"Number {next(numbers)}.", turns=1, samples=2)
    def test_it(dialogue):
        assert dialogue.messages

    def test_before():
        pass
"""


def test_progress_of_a_sample_on_a_terminal_names_it_on_a_line_of_its_own(pytester):
    pytester.makepyfile(test_talk=SAMPLED_TWICE)
    sent = on_a_terminal("-v", "--color=no", environ={})
    shown = PROGRESS.findall(sent)
    assert "test_talk.py::test_it, sample 1: message 2 of 3, Model B " in shown
    assert "test_talk.py::test_it, sample 2: message 3 of 3, Model A " in shown


@pytest.mark.parametrize(("arguments", "title"), [((), "dialogues"), (("--duolog-samples=2",), "samples")])
def test_words_at_the_end_stand_right_below_their_title(pytester, arguments, title):
    pytester.makepyfile(LONG.format(model="scripted:counter", turns=4).replace("== 0", "== 9"))
    lines = pytester.runpytest(*arguments).outlines
    at = next(at for at, line in enumerate(lines) if f"- {title} -" in line)
    assert lines[at + 1]
