"""The flip: what each speaker is shown of one and the same dialogue."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.transcripts.perspective import DEFAULT_STUB, ChatMessage, Perspective
from tests.dialogues import seen_by

TEXTS = st.text(max_size=20)
# Any order of speaking, silent messages among them; Ben is the one who is asked next.
SAID = st.lists(st.tuples(st.sampled_from(["Ann", "Ben"]), TEXTS), max_size=12)
SYSTEMS = st.none() | st.text(max_size=10)


def ends_with_other(said: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [*said, ("Ann", "And you?")]


def test_own_words_are_assistant_and_theirs_user():
    said = [("Ann", "Hello."), ("Ben", "Hi."), ("Ann", "Tea?")]
    assert seen_by("Ben", said, system="Be brief.") == (
        ChatMessage("system", "Be brief."),
        ChatMessage("user", "Hello."),
        ChatMessage("assistant", "Hi."),
        ChatMessage("user", "Tea?"),
    )


def test_own_opener_is_kept_behind_a_stub():
    said = [("Ann", "Hello."), ("Ben", "Hi.")]
    assert seen_by("Ann", said) == (
        ChatMessage("user", DEFAULT_STUB),
        ChatMessage("assistant", "Hello."),
        ChatMessage("user", "Hi."),
    )


def test_stub_may_be_worded():
    assert (
        seen_by("Ann", [("Ann", "Hello."), ("Ben", "Hi.")], stub="You are called.")[0].content
        == "You are called."
    )


@pytest.mark.parametrize("system", [None, "Be brief."])
def test_empty_dialogue_is_opened_by_the_stub(system):
    expected = ([ChatMessage("system", system)] if system else []) + [ChatMessage("user", DEFAULT_STUB)]
    assert seen_by("Ann", [], system=system) == tuple(expected)


def test_neighbours_of_one_role_are_merged_with_a_blank_line():
    said = [("Ann", "One."), ("Ann", "Two."), ("Ben", "Three."), ("Ben", "Four."), ("Ann", "Five.")]
    assert [message.content for message in seen_by("Ben", said)] == [
        "One.\n\nTwo.",
        "Three.\n\nFour.",
        "Five.",
    ]


@pytest.mark.parametrize("blank", ["", " ", "\n\t", "\u00a0"])
def test_blank_text_is_never_sent(blank):
    said = [("Ann", "Hello."), ("Ben", blank), ("Ann", "Are you there?")]
    assert seen_by("Ben", said, system=blank) == (ChatMessage("user", "Hello.\n\nAre you there?"),)


def test_speaker_who_spoke_last_cannot_be_asked():
    with pytest.raises(ValueError, match="Ben wrote the last message; the other side is next"):
        seen_by("Ben", [("Ann", "Hello."), ("Ben", "Hi.")])


def test_growing_history_is_the_history_of_all_that_was_said():
    perspective = Perspective("Ben")
    perspective.add("Ann", "Hello.")
    first = perspective.history()
    perspective.add("Ben", "Hi.")
    perspective.add("Ann", "Tea?")
    assert first == (ChatMessage("user", "Hello."),), "what was handed out does not change"
    assert perspective.history() == seen_by("Ben", [("Ann", "Hello."), ("Ben", "Hi."), ("Ann", "Tea?")])


@given(said=SAID, system=SYSTEMS)
def test_histories_keep_the_rules_of_chat_templates(said, system):
    history = seen_by("Ben", ends_with_other(said), system=system)
    roles = [message.role for message in history]
    talk = roles[1:] if roles[0] == "system" else roles
    assert "system" not in talk
    assert talk[0] == talk[-1] == "user"
    assert all(one != other for one, other in itertools.pairwise(talk))
    assert all(message.content.strip() for message in history)


@given(said=SAID, system=SYSTEMS)
def test_every_word_is_shown_once_in_order_and_on_its_side(said, system):
    said = ends_with_other(said)
    history = seen_by("Ben", said, system=system, stub="STUB")
    talk = [message for message in history if message.role != "system"]
    if talk[0].content == "STUB":
        talk = talk[1:]
    for role, speaker in (("assistant", "Ben"), ("user", "Ann")):
        shown = "\n\n".join(message.content for message in talk if message.role == role)
        assert shown == "\n\n".join(text for name, text in said if name == speaker and text.strip())


@given(said=st.lists(TEXTS.filter(str.strip), min_size=1, max_size=12))
def test_the_two_views_of_a_dialogue_are_mirror_images(said):
    """Where speakers take turns, each side's `assistant` is the other's `user`, the opener included."""
    dialogue = list(zip(itertools.cycle(["Ann", "Ben"]), said, strict=False))
    ann = Perspective("Ann", stub="STUB")
    ben = Perspective("Ben", stub="STUB")
    for name, text in dialogue:
        ann.add(name, text)
        ben.add(name, text)
    asked, other = (ben, ann) if len(said) % 2 else (ann, ben)
    other.add(asked.speaker, "the next message")
    mirrored = {"user": "assistant", "assistant": "user"}
    in_asked = [
        (mirrored[message.role], message.content) for message in asked.history() if message.content != "STUB"
    ]
    in_other = [tuple(message) for message in other.history() if message.content != "STUB"]
    assert in_other == [*in_asked, ("user", "the next message")]
