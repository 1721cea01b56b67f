"""Whatever a transcript holds, every property gives a verdict or says that it could not be measured."""

from __future__ import annotations

import pytest

from pytest_duolog import Outcome, StaysOnTopic
from tests.dialogues import dialogue
from tests.properties.documented import EXAMPLES

PROPERTIES = [*EXAMPLES, StaysOnTopic()]

MEGABYTES = 10_000_000
TRANSCRIPTS = {
    "one message": lambda: dialogue("Hello."),
    "one speaker": lambda: dialogue(*["Is anybody there?"] * 12, speakers=["Ann"]),
    "a thousand speakers": lambda: dialogue(
        *["Hello, who is there?"] * 2000, speakers=[f"Speaker {n}" for n in range(1000)]
    ),
    "empty messages": lambda: dialogue(*["", "  ", "\n"] * 5),
    "control characters": lambda: dialogue("a\0b\x1b[2J?", "\r\n\x7f\x85\u2028"),
    "lone surrogates": lambda: dialogue("broken \ud800 text?", "\udfff"),
    "right to left": lambda: dialogue("\u202eمرحبا بكم في العالم؟\u202c", "שלום עולם?"),
    "zalgo": lambda: dialogue("z\u0301\u0323\u0489" * 500 + "?", "a" + "\u0315\u0322" * 5_000),
    "markup": lambda: dialogue("<" * 5_000, "**" * 5_000 + "\n" + "`" * 9_999 + "[" * 5_000 + '"' * 5_001),
    "long runs": lambda: dialogue(*[mark * 24_000 for mark in "_-#* \t:.?'\"<`!a"]),
}
HUGE = {
    "10 MB of words": lambda: dialogue("word and word? " * (MEGABYTES // 15), "Yes."),
    "10 MB of one word": lambda: dialogue("a" * MEGABYTES, "?" * 1000),
    "10 MB of lines": lambda: dialogue("\n" * MEGABYTES, "Ann: "),
    "10 MB of marks": lambda: dialogue("?\u0301\u0323" * (MEGABYTES // 5), "Yes."),
}


@pytest.fixture(
    scope="module",
    params=[
        *(pytest.param(build, id=name) for name, build in TRANSCRIPTS.items()),
        *(pytest.param(build, id=name, marks=pytest.mark.slow) for name, build in HUGE.items()),
    ],
)
def transcript(request):
    return request.param()


@pytest.mark.parametrize("check", PROPERTIES, ids=str)
def test_bad_input_gives_a_verdict(check, transcript):
    verdict = check.check(transcript)
    assert verdict.outcome in Outcome
    assert len(repr(verdict)) < 5_000


@pytest.mark.parametrize("check", PROPERTIES, ids=str)
def test_empty_transcript_could_not_be_measured(check):
    assert check.check(dialogue()).outcome is Outcome.UNMEASURED


def test_unknown_speaker_is_named_with_the_known_ones():
    verdict = dialogue("Hello.", "Hi.").mentions("hello", speaker="Bob")
    assert verdict.outcome is Outcome.UNMEASURED
    assert verdict.explanation == "there is no speaker 'Bob' (speakers: Ann, Ben)"


def test_speaker_who_said_nothing_could_not_be_measured():
    silent = dialogue("Hello.", speakers=["Ann"]).model_copy(
        update={"speakers": dialogue("Hello.", "Hi.").speakers}
    )
    assert silent.never_says("hello", speaker="Ben").explanation == "Ben has no messages"
