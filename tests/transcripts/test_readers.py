"""Dialogues read from files of every format that `duolog check` knows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.transcripts.chat_entries import CALL_ROLES, RESULT_ROLES, SYSTEM_ROLES
from pytest_duolog.transcripts.sources import Source, Unreadable, read_file, read_sources
from tests.dialogues import LIGHTHOUSES, dialogue

CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello."},
    {
        "role": "assistant",
        "content": [{"type": "text", "text": "Hi."}, {"type": "image_url", "image_url": {}}],
    },
]


def only(text: str, file: str = "some/talk.json") -> Source:
    (found,) = read_sources(text, file=file)
    assert isinstance(found, Source), found
    return found


def said(source: Source) -> list[tuple[str, str]]:
    return [(message.speaker, message.content) for message in source.transcript.messages]


GREETING = [("user", "Hello."), ("assistant", "Hi.")]


RECORDS = {
    "chat": {"messages": CHAT},
    "further keys": {"messages": CHAT, "model": "m", "temperature": 0.2, "format": "chat"},
    "speaker and text": {"messages": [{"speaker": who, "text": text} for who, text in GREETING]},
    "ShareGPT": {"conversations": [{"from": who, "value": text} for who, text in GREETING]},
    "conversation and message": {
        "conversation": [{"speaker": who, "message": text} for who, text in GREETING]
    },
    "history": {
        "info": {},
        "conversation_history": [{"role": who, "message": text} for who, text in GREETING],
    },
    "turns": {
        "turns": [{"speaker": who, "text": text} for who, text in GREETING],
        "history": [{"role": "x"}],
    },
}


@pytest.mark.parametrize(
    "value", [*RECORDS.values(), CHAT, [{"messages": CHAT}]], ids=[*RECORDS, "bare", "list"]
)
def test_every_chat_format_is_read(value: object):
    assert said(only(json.dumps(value))) == GREETING
    assert said(only("\n" + json.dumps(value, indent=2))) == GREETING


def test_json_lines_may_mix_formats():
    text = "\n".join(json.dumps(record) for record in RECORDS.values())
    found = read_sources(text, file="x.jsonl")
    assert [said(source) for source in found if isinstance(source, Source)] == [GREETING] * len(RECORDS)


def test_the_founding_twin_is_read():
    value = {
        "model_a": "m",
        "conversation": [{"speaker": "A", "content": "Hello."}, {"speaker": "B", "content": "Hi."}],
    }
    assert said(only(json.dumps(value))) == [("Model A", "Hello."), ("Model B", "Hi.")]


def test_system_messages_are_the_assistants_prompt():
    speakers = only(json.dumps(CHAT)).transcript.speakers
    assert [(speaker.name, speaker.system) for speaker in speakers] == [
        ("user", None),
        ("assistant", "Be brief."),
    ]


def test_our_own_markdown_and_json_are_read(tmp_path: Path):
    transcript = dialogue(*LIGHTHOUSES, topic="lighthouses", turns=6)
    (tmp_path / "a.md").write_text(transcript.to_markdown(), "utf-8")
    (tmp_path / "a.json").write_text(transcript.to_json(), "utf-8")
    for name in ("a.md", "a.json"):
        (found,) = read_file(tmp_path / name)
        assert isinstance(found, Source)
        assert (found.id, found.file) == ("a", str(tmp_path / name))
        assert found.transcript.topic == "lighthouses"
        assert len(found.transcript) == len(LIGHTHOUSES)


def test_messages_of_markdown_have_their_lines():
    text = dialogue("One.", "Two,\n\nlong.", "Three.").to_markdown()
    source = only(text, "talk.md")
    lines = text.split("\n")
    assert [lines[source.line_of(number) - 1] for number in (1, 2, 3)] == [
        "Ann: One.",
        "Ben: Two,",
        "Ann: Three.",
    ]
    assert source.line_of(0) == 1


def test_a_dialogue_is_named_by_its_file_unless_it_has_a_name():
    line = json.dumps({"messages": CHAT})
    named = json.dumps({"id": 7, "messages": CHAT})
    found = read_sources(f"{line}\n\n{named}\n", file="x/talks.jsonl")
    assert [(source.id, source.line) for source in found if isinstance(source, Source)] == [
        ("talks:1", 1),
        ("7", 3),
    ]
    (first, second) = read_sources(f"[{line},\n{named}]", file="x/talks.json")
    assert isinstance(first, Source)
    assert isinstance(second, Source)
    assert [first.id, second.id] == ["talks:1", "7"]
    assert only(line, "x/talk.json").id == "talk"


def test_a_stated_topic_is_not_overruled():
    stated = only(json.dumps({"messages": CHAT, "topic": "greetings"}))
    unstated = only(json.dumps(CHAT))
    assert stated.with_topic("boats").transcript.topic == "greetings"
    assert unstated.with_topic("boats").transcript.topic == "boats"
    assert unstated.with_topic(None) is unstated


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not a transcript"),
        ("A shopping list\n- milk", "expected a speaker's name and a colon"),
        ("{", "not JSON"),
        ("[1, 2", "not JSON"),
        ("{}", "not a dialogue: an object without keys"),
        (
            '{"name": "x", "version": "1.0.0"}',
            "not a dialogue: no 'chat_history', 'contents', 'conversation', ",
        ),
        ('{"name": "x", "version": "1.0.0"}', "'turns', 'utterances' among its keys 'name, version'"),
        ('{"name": "x", "text": {}}', "among its keys 'name, text'"),
        ('{"name": "x", "text": "Hi."}', "one message, not a dialogue"),
        ('{"type": "human", "data": {"content": "Hi."}}', "one message, not a dialogue"),
        ("[]", "it has no messages"),
        ('{"messages": []}', "it has no messages"),
        ('[{"role": "system", "content": "Be kind."}]', "it has no messages"),
        ('{"messages": [{"role": "user", "content": ""}, {"role": "bot", "content": null}]}', "have no text"),
        ('{"messages": 5}', "its messages are not a list"),
        ('{"messages": [5]}', "its messages are not a list of objects"),
        ('{"messages": [{"content": "Hi."}]}', "its messages are not a list of objects"),
        ('{"messages": [{"role": ["a"], "content": "Hi."}]}', "message 1 has no speaker"),
        ('{"format": 3, "messages": []}', "its format is 3, but this version reads 1 and 2"),
        ('{"conversation": 5}', "its conversation is not a list"),
        ("[" * 100_000, "nested too deeply"),
        ('["a"]', "not a dialogue: "),
        ('{"turns": [{"role": "user", "id": 1}]}', "no one list of messages with text under 'turns'"),
        (
            '{"messages": [{"role": "user", "raw": "Hi."}]}',
            "its messages have no text: no 'text', 'content', ",
        ),
        ('{"conversation": [{"role": "user", "raw": "Hi."}]}', "among their keys 'role, raw'"),
    ],
)
def test_what_is_no_dialogue_is_said(text: str, problem: str):
    (found,) = read_sources(text, file="x.json")
    assert isinstance(found, Unreadable)
    assert problem in found.problem
    assert "\n" not in found.problem


def test_one_bad_line_spoils_no_other():
    good = json.dumps({"id": "good", "messages": CHAT})
    found = read_sources(f'{good}\n{{"id": "torn", "mess\n{good}\n', file="x.jsonl")
    assert [type(entry) for entry in found] == [Source, Unreadable, Source]
    assert found[1].line == 2
    assert found[1].problem.startswith("not JSON: ")


def test_a_file_that_is_not_text_is_said(tmp_path: Path):
    path = tmp_path / "x.md"
    path.write_bytes(b"Model A: \xff")
    problem = "not a text file: byte 9 is not UTF-8; if it is text in another encoding, save it as UTF-8 in an editor"
    assert read_file(path) == [Unreadable(str(path), 1, problem)]


# A speaker with one of these names is no person: its entry is a system prompt, a call or a result.
NOBODY = {*SYSTEM_ROLES, *RESULT_ROLES, *CALL_ROLES}


def _says_any(messages: list[tuple[str, str]]) -> bool:
    return any(text for _, text in messages)


@given(
    st.lists(st.tuples(st.text().filter(lambda name: name not in NOBODY), st.text()), max_size=5).filter(
        _says_any
    )
)
def test_any_speakers_and_texts_are_read(messages: list[tuple[str, str]]):
    entries = [{"speaker": speaker, "text": text} for speaker, text in messages]
    transcript = only(json.dumps({"messages": entries})).transcript
    assert [message.content for message in transcript.messages] == [
        text.encode("utf-8", "replace").decode() for _, text in messages
    ]


def test_agents_who_share_a_role_are_told_apart_by_their_names():
    entries = [
        {"role": "system", "name": "Ann", "content": "You are two agents."},
        {"role": "user", "name": "Ann", "content": "Hello."},
        {"role": "assistant", "name": "Ben", "content": "Hi."},
        {"role": "user", "name": "Cem", "content": "Good day."},
        {"role": "user", "name": "", "content": "Who is this?"},
        {"role": "tool", "name": "weather", "content": "Rain."},
    ]
    messages = only(json.dumps({"messages": entries})).transcript.messages
    assert [message.speaker for message in messages] == ["Ann", "Ben", "Cem", "user"]


def test_messages_that_are_a_line_each_are_told_from_dialogues():
    lines = "\n".join(json.dumps(message) for message in CHAT)
    problems = {found.problem for found in read_sources(lines, file="x.jsonl")}
    assert problems == {
        "one message, not a dialogue: put the messages of a dialogue into one list, one dialogue on each line"
    }
