"""The live guard: it stops a dialogue that is over or goes in circles, and lets every other one run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.running.guard import Guard
from pytest_duolog.transcripts.transcript import StopKind
from tests.dialogues import LIGHTHOUSES, RITUAL, dialogue

CIRCLE = ("Could you tell me the price of it?", "I would have to look that up first.") * 20


def stopped_at(*texts: str, stop_on: tuple[str, ...] = ("goodbye", "loop"), grace: int = 2):
    """The number of the last message and the kind of the stop; None if it ran to its end."""
    guard = Guard(stop_on, grace)
    for number, text in enumerate(texts, start=1):
        if stop := guard.read("Ann" if number % 2 else "Ben", text):
            return number, stop[0]
    return None


@pytest.mark.parametrize("grace", [0, 1, 4])
def test_goodbye_and_its_answer_are_followed_by_the_grace(grace):
    assert stopped_at(*LIGHTHOUSES, *RITUAL, grace=grace) == (14 + grace, StopKind.GOODBYE)


@pytest.mark.parametrize("grace", [0, 3])
def test_loop_is_stopped_once_it_is_certain(grace):
    assert stopped_at(*LIGHTHOUSES[:5], *CIRCLE, grace=grace) == (12 + grace, StopKind.LOOP)


def test_only_what_is_named_stops():
    assert stopped_at(*LIGHTHOUSES, *RITUAL, *CIRCLE, stop_on=()) is None
    assert stopped_at(*LIGHTHOUSES, *RITUAL, stop_on=("loop",)) == (21, StopKind.LOOP)
    assert stopped_at(*CIRCLE, stop_on=("goodbye",)) is None


def test_question_after_the_goodbye_reopens():
    assert (
        stopped_at(*LIGHTHOUSES, RITUAL[0], "Wait, which lighthouse is the oldest one?", *LIGHTHOUSES[1:6])
        is None
    )


@pytest.mark.parametrize("grace", [0, 1, 2])
@given(
    texts=st.lists(
        st.sampled_from(
            [
                "Goodbye!",
                "Bye, take care.",
                "Thank you.",
                "Could you say that again?",
                "...",
                "",
                "Yes.",
                "再见",
            ]
        ),
        max_size=25,
    )
)
def test_what_is_stopped_as_a_loop_is_one(grace, texts):
    stop = stopped_at(*texts, stop_on=("loop",), grace=grace)
    assert stop is None or not dialogue(*texts[: stop[0]]).has_no_loops()


ECHOING = """
import pytest

@pytest.mark.dialogue(a="scripted:echo", b="scripted:echo", opener="Shall we talk about the weather?", turns=20)
def test_it(dialogue):
    print(dialogue.stop_reason, len(dialogue.messages))
    assert dialogue.has_no_loops()
"""


def test_stop_is_recorded_and_what_was_spared_is_said(pytester):
    pytester.makepyfile(ECHOING)
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*NoLoops fails: messages 2 to 8 add nothing new*", "stopped:  loop *nothing new since message 2*"]
    )
    result.stdout.fnmatch_lines(
        ["1 dialogue, *up to 33 messages saved by stopping at a goodbye or in a loop"]
    )


@pytest.mark.parametrize("off", ["ini", "marker"])
def test_one_setting_turns_it_off(pytester, off):
    if off == "ini":
        pytester.makeini("[pytest]\nduolog_stop_on = nothing")
        pytester.makepyfile(ECHOING)
    else:
        pytester.makepyfile(ECHOING.replace("turns=20", "turns=20, stop_on=()"))
    pytester.runpytest("-s").stdout.fnmatch_lines(["*turns: 20 turns 41*"])


def test_unknown_reason_is_refused_with_the_known_ones(pytester):
    pytester.makeini("[pytest]\nduolog_stop_on = boredom")
    pytester.makepyfile(ECHOING)
    result = pytester.runpytest()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(
        ["*duolog_stop_on: unknown value 'boredom' (accepted: goodbye, loop, nothing)*"]
    )
