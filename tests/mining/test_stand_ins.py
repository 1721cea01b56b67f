"""Stand-ins for personal details in dialogues."""

from __future__ import annotations

import ipaddress
import json
import re
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_duolog.mining.details import DetailKind, details_in
from pytest_duolog.mining.stand_ins import FORMS, NAMES, StandIns, with_stand_ins
from pytest_duolog.transcripts.transcript import Message, ToolCall, Transcript
from tests.dialogues import dialogue


def words_of(transcript: Transcript) -> list[str]:
    return [message.content for message in transcript.messages]


def test_a_detail_has_the_same_stand_in_in_every_message():
    said, replaced = with_stand_ins(
        dialogue(
            "My name is Mia Silva, my email is mia@silva.org.",
            "Thank you, Mia. I have sent it to mia@silva.org.",
            "Silva is spelled with one L.",
            speakers=("user", "assistant"),
        )
    )
    assert words_of(said) == [
        "My name is Robin Avery, my email is person1@example.com.",
        "Thank you, Robin. I have sent it to person1@example.com.",
        "Avery is spelled with one L.",
    ]
    assert {one.value: one.stand_in for one in replaced} == {
        "Mia Silva": "Robin Avery",
        "Mia": "Robin",
        "Silva": "Avery",
        "mia@silva.org": "person1@example.com",
    }


def test_a_name_is_replaced_in_any_letters():
    said, _ = with_stand_ins(
        dialogue(
            "i'm kwabena, hi",
            "Hello Kwabena!",
            "My name is KWABENA Mensah.",
            "Thanks, kwabena mensah.",
            speakers=("user", "assistant"),
        )
    )
    assert words_of(said) == [
        "i'm Robin, hi",
        "Hello Robin!",
        "My name is Robin Avery.",
        "Thanks, Robin Avery.",
    ]


def test_the_answer_to_a_question_for_a_name_is_one():
    said, _ = with_stand_ins(
        dialogue(
            "May I have your full name please?",
            "sure, beatrix nightingale",
            "What is your name again?",
            "not now",
            speakers=("assistant", "user"),
        )
    )
    assert words_of(said)[1::2] == ["sure, Robin Avery", "not now"]


def test_calls_prompts_and_speakers_are_replaced_too():
    call = ToolCall(
        name="find",
        arguments=json.dumps({"user_id": "mia_li_3668", "city": "Zürich"}),
        result='{"zip": "60602"}',
    )
    said, _ = with_stand_ins(
        Transcript.model_validate(
            {
                "speakers": [{"name": "Mia"}, {"name": "assistant", "system": "Call the user Mia."}],
                "messages": [
                    Message(speaker="Mia", content="Hello."),
                    Message(speaker="assistant", content="Hello Mia!", tool_calls=(call,)),
                ],
            }
        )
    )
    text = said.to_json()
    assert "Mia" not in text
    assert "mia_li" not in text
    assert "60602" not in text
    assert [speaker.name for speaker in said.speakers] == ["Robin", "assistant"]
    assert said.speakers[1].system == "Call the user Robin."
    assert json.loads(said.messages[1].tool_calls[0].arguments) == {"user_id": "user_1", "city": "Zürich"}


def test_the_place_of_a_call_among_the_words_is_kept():
    text = "I look it up for mia@silva.org. Here it is."
    at = text.index(" Here")
    message = Message(speaker="assistant", content=text, tool_calls=(ToolCall(name="find", at=at),))
    said, _ = with_stand_ins(Transcript(messages=(Message(speaker="user", content="Hi"), message)))
    assert next(said.messages[1].in_order()) == "I look it up for person1@example.com."


def test_names_are_replaced_in_any_case_if_they_have_several_parts():
    said, _ = with_stand_ins(
        dialogue(
            "My name is Rose May.",
            "So it is rose may, ROSE MAY. A rose, in may.",
            speakers=("user", "assistant"),
        )
    )
    assert said.messages[1].content == "So it is Robin Avery, Robin Avery. A rose, in may."


@pytest.mark.parametrize(
    ("speaker", "shown"),
    [
        ("Dr. Kathleen Crawford", "Dr. Robin Avery"),
        ("Prof. Dr. Kathleen Crawford", "Prof. Dr. Robin Avery"),
        ("Customer Kathleen Crawford", "Customer Robin Avery"),
        ("agent kathleen", "agent Robin"),
        ("Kathleen Crawford (Customer)", "Robin Avery (Customer)"),
        ("Crawford, Kathleen", "Robin, Avery"),
        ("Al Silva", "Robin Avery"),
        ("Maria de la Cruz", "Robin de la Avery"),
        ("customer: Kathleen", "customer: Robin"),
        *((name, "Robin") for name in ("Al", "Bo", "Abe", "Aida", "Mia")),
        *(
            (role, role)
            for role in (
                *(
                    "A",
                    "b",
                    "A1",
                    "user",
                    "User 2",
                    "agent_1",
                    "AgentB",
                    "customer a",
                    "Model Alpha",
                    "the user",
                ),
                *(
                    "Customer Service",
                    "Support Agent",
                    "Parcel Bot",
                    "Travel Agent",
                    "GPT-4",
                    "Customer (angry bot)",
                ),
            )
        ),
    ],
)
def test_the_name_of_a_person_in_the_name_of_a_speaker_is_replaced(speaker: str, shown: str):
    said, _ = with_stand_ins(dialogue("Hello.", "Yes.", speakers=(speaker, "Clerk")))
    assert said.messages[0].speaker == shown


def test_names_do_not_run_out():
    found = StandIns()
    for number in range(3 * len(NAMES)):
        found.add(DetailKind.NAME, f"Name{chr(97 + number % 26)}{number // 26 * 'x'}")
    assert len({one.stand_in for one in found.table.values()}) == len(found.table)


VALUES = ("mia@silva.org", "+44 20 7946 0958", "4242 4242 4242 4242", "105.33.79.206")


@given(st.text(max_size=40), st.sampled_from(VALUES), st.text(max_size=40))
def test_a_value_that_was_found_is_gone_from_the_text(before: str, value: str, after: str):
    text = f"{before} {value} {after}"
    values = [found for _, found in details_in(text)]
    said, _ = with_stand_ins(dialogue(text, "Yes.", speakers=("user", "assistant")))
    for found in values:
        assert found not in said.messages[0].content


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str):
    with_stand_ins(dialogue(text, "Yes.", speakers=("user", "assistant")))


def test_every_one_of_many_values_is_replaced():
    mails = [f"someone{number}@silva.org" for number in range(6000)]
    said, _ = with_stand_ins(dialogue(" ".join(mails), "Yes.", speakers=("user", "assistant")))
    assert "silva" not in said.messages[0].content
    assert len(set(words_of(said)[0].split())) == len(mails)


def test_a_name_after_an_escaped_line_break_is_replaced():
    said, _ = with_stand_ins(
        dialogue("My name is Mia.", r"{'text': 'Hello,\nMia'}", speakers=("user", "assistant"))
    )
    assert "Mia" not in said.to_json()


@given(st.dictionaries(st.text("ab ._+é", min_size=1, max_size=6), st.none(), max_size=6), st.text("ab ._+é"))
def test_the_same_is_replaced_as_with_one_pattern(values: dict[str, None], text: str):
    found = StandIns()
    for value in values:
        found.add(DetailKind.ID, value)
    longest = sorted(found.table, key=len, reverse=True)
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(value)}(?!\w)" for value in longest) or r"(?!)")
    assert found.replaced(text) == pattern.sub(lambda one: found.table[one[0]].stand_in, text)


@given(st.sampled_from(list(FORMS)), st.integers(1, 700_000))
@example(DetailKind.BIRTH_DATE, 700_000)
@example(DetailKind.IP, 70_000)
def test_stand_ins_stay_what_nobody_has(kind: DetailKind, number: int):
    stand_in = FORMS[kind](number)
    if kind is DetailKind.IP:
        address = ipaddress.ip_address(stand_in)
        reserved = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
        assert any(
            address in network
            for network in map(ipaddress.ip_network, reserved)
            if network.version == address.version
        )
    elif kind is DetailKind.PHONE:
        assert re.fullmatch(r"\+1 [2-9]\d\d-555-01\d\d", stand_in)
    elif kind is DetailKind.BIRTH_DATE:
        assert date.fromisoformat(stand_in) <= date(1900, 1, 1)
    elif kind in (DetailKind.CARD, DetailKind.IBAN):
        assert re.fullmatch(r"(0000|XX00)( \d{4}){3}", stand_in)


def called_with(arguments: str, result: str = "ok") -> tuple[str, str]:
    """The arguments and the result of a call with stand-ins."""
    call = ToolCall(name="find", arguments=arguments, result=result)
    messages = (
        Message(speaker="user", content="Hi"),
        Message(speaker="assistant", content="", tool_calls=(call,)),
    )
    said, _ = with_stand_ins(Transcript(messages=messages))
    [replaced] = said.messages[1].tool_calls
    return replaced.arguments, str(replaced.result)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (r'{"first_name": "J\u00fcrgen", "n": 1.50}', '{"first_name": "Robin", "n": 1.50}'),
        ('{"first_name":"Jürgen","city":"Köln"}', '{"first_name":"Robin","city":"Köln"}'),
        ('{"name": "Kathleen Crawford"}', '{"name": "Robin Avery"}'),
        ('[{"name": "Kathleen", "age": 40}]', '[{"name": "Robin", "age": 40}]'),
        ('{"name": "lookup", "size": 2}', '{"name": "lookup", "size": 2}'),
        (r'{"body": "{\"first_name\": \"Kathleen\"}"}', r'{"body": "{\"first_name\": \"Robin\"}"}'),
        (r'{"text": "My name is Mia.\nMia"}', r'{"text": "My name is Robin.\nRobin"}'),
        ("{'first_name': 'Kathleen', 'ok': True}", "{'first_name': 'Robin', 'ok': True}"),
        ("{'name': \"Ann O'Brien\"}", "{'name': \"Robin Avery\"}"),
        (r'{"last_name": "M\u00fcller", "cut', '{"last_name": "Robin", "cut'),
        ('{"phone": 2125551234}', '{"phone": 12025550101}'),
        ('{"card": 4111111111111111, "n": 4111}', '{"card": 1, "n": 4111}'),
        ('{"zip": 60602, "user_id": 12}', '{"zip": 1, "user_id": 12}'),
    ],
)
def test_fields_of_calls_are_replaced_in_any_writing(text: str, shown: str):
    assert called_with(text, text) == (shown, shown)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "a", "zip"]), inner)
        ),
        max_leaves=8,
    ),
    st.booleans(),
)
def test_json_stays_json_with_a_detail_in_every_place(value: object, is_ascii: bool):
    said = json.dumps(
        {"first_name": "Zoë", "data": [value, "Zoë"], "phone": 2125551234}, ensure_ascii=is_ascii
    )
    arguments, _ = called_with(said)
    found = json.loads(arguments)
    assert (found["first_name"], found["data"][1]) == ("Robin", "Robin")
    assert isinstance(found["phone"], int)
    assert "2125551234" not in arguments
