"""Dialogues of two copies of SmolLM2 that were recorded, and one that was written in the shape in which they fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_duolog import Transcript
from pytest_duolog.properties.endings import find_closing
from pytest_duolog.properties.loops import find_loops
from tests.dialogues import LIGHTHOUSES, RITUAL, dialogue

GOLDEN = Path(__file__).parent.parent / "golden"
SILENCE = ("(No reply.)", "(no reply)", "*(No reply.)*", "(NO REPLY)", ".", "…")


@pytest.mark.parametrize(
    ("name", "onset"),
    [("garden", 2), ("holiday", 7), ("riddle", 11)],
    ids=["one sentence", "two messages in turn", "ever vaguer praise"],
)
def test_recorded_loop_is_found_where_it_begins(name, onset):
    transcript = Transcript.from_markdown(GOLDEN / f"smollm2_{name}.md")
    [loop] = find_loops(transcript)
    assert (loop.onset + 1, loop.end + 1, loop.kind) == (onset, 25, "repeat")
    assert set(loop.speakers) == {"Model A", "Model B"}
    assert find_closing(transcript) is None
    assert not transcript.has_no_loops()
    assert "it was stopped at its turn limit" in transcript.ends_cleanly().explanation


@pytest.mark.parametrize(("name", "healthy"), [("holiday", 7), ("riddle", 9)])
def test_beginning_of_a_recorded_loop_is_healthy(name, healthy):
    transcript = Transcript.from_markdown(GOLDEN / f"smollm2_{name}.md")
    beginning = transcript.model_copy(update={"messages": transcript.messages[:healthy]})
    assert beginning.has_no_loops()


def test_thirteen_messages_goodbyes_ritual_and_silence():
    transcript = dialogue(*LIGHTHOUSES, *RITUAL, *SILENCE * 12)
    [loop] = find_loops(transcript)
    assert find_closing(transcript) == 12
    assert (loop.onset + 1, loop.end + 1, loop.kind) == (15, len(transcript), "ritual")
    assert "goodbye at message 13, and 86 messages" in transcript.ends_cleanly().explanation


def test_thirteen_messages_of_substance_alone_are_healthy():
    assert dialogue(*LIGHTHOUSES).has_no_loops()
    assert dialogue(*LIGHTHOUSES).ends_cleanly()
