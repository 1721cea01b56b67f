"""What counts as a secret, and what is left of a text that holds one."""

from __future__ import annotations

import json
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_duolog.recording.interaction import Body
from pytest_duolog.recording.redaction import (
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    Redactor,
    kept_headers,
)

RANDOM = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0"


@pytest.mark.parametrize(
    "key",
    [
        f"sk-{RANDOM}",
        f"sk-proj-{RANDOM}_{RANDOM}-x",
        f"sk-ant-api03-{RANDOM}",
        f"sk-or-v1-{RANDOM.lower()}",
        f"csk-{RANDOM.lower()}",
        f"AIza{RANDOM[:35]}",
        f"ya29.{RANDOM}",
        "AKIAIOSFODNN7EXAMPLE",
        "ASIAIOSFODNN7EXAMPLE",
        "AWS4-HMAC-SHA256 Credential=AKIA/20261124/us-east-1/bedrock/aws4_request",
        f"ABSK{RANDOM}+/==",
        f"bedrock-api-key-{RANDOM}==",
        f"gsk_{RANDOM}",
        f"hf_{RANDOM}",
        f"nvapi-{RANDOM}",
        f"pplx-{RANDOM}",
        f"r8_{RANDOM}",
        f"xai-{RANDOM}",
        f"ghp_{RANDOM}",
        f"github_pat_{RANDOM}",
        f"glpat-{RANDOM}",
        "xoxb-1234567890-abcdef",
        f"eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.{RANDOM}",
        f"Bearer {RANDOM}==",
        f"bearer {RANDOM}",
        "-----BEGIN RSA PRIVATE KEY-----",
    ],
    ids=lambda key: key[:12],
)
@pytest.mark.parametrize("around", ["{}", "my key is {}, thank you", '{{"k":"{}"}}', "?x={}&y", "({})\n"])
def test_shapes_of_keys_are_replaced(key, around):
    redacted = Redactor({}).text(around.format(key))
    assert "[redacted key]" in redacted
    assert key not in redacted
    assert RANDOM[:12] not in redacted


@pytest.mark.parametrize(
    "text",
    [
        "task-oriented-dialogue-systems and risk-averse-investors-are alike",
        "the bearer responsibilities of an ordinary standard-bearer",
        "a desk-mounted-monitor-arm-for-two, and an SK-ii-treatment-essence",
        "sk-short, hf_hub, AIza, AKIA, ghp_x, Bearer token, xai-grok",
        "a_very_long_identifier_without_a_secret_in_it",
        "[redacted key]",
    ],
)
def test_what_people_write_is_left_alone(text):
    assert Redactor({}).text(text) is text


@pytest.mark.parametrize(
    "name",
    ["OPENAI_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "DB_PASSWORD",
     "APP_CLIENT_SECRET", "AWS_BEARER_TOKEN_BEDROCK", "azure_openai_apikey", "LAB_CREDENTIAL"],
)  # fmt: skip
def test_values_of_variables_that_hold_keys_are_named(name):
    redactor = Redactor({name: "pl4nted value"}, ["LAB_CREDENTIAL"])
    assert redactor.text("it is pl4nted value.") == f"it is [redacted {name}]."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOME", "/home/someone"),
        ("OPENAI_API_KEY", "EMPTYEMPTY"),
        ("OPENAI_API_KEY", "k3y"),
        ("MONKEY", "banana-12345"),
    ],
)
def test_other_values_are_left_alone(name, value):
    assert Redactor({name: value}).text(f"it is {value}.") == f"it is {value}."


@pytest.mark.parametrize("value", ['qu"ote\\d-1', "sl/ash+plus=1", "späth & Söhne 1", "new\nline-12"])
def test_a_value_is_found_in_every_spelling(value):
    redactor = Redactor({"X_TOKEN": value})
    uri = redactor.uri("https://h/p/" + quote(value, safe="") + "?q=x")
    form = urlencode({"q": value}).encode()
    body = Body.parse(
        json.dumps({"messages": [{"content": f"my {value}"}], "user": value}).encode(), redactor
    )
    assert uri.startswith("https://h/p/[redacted X_TOKEN]")
    assert redactor.bytes(form) == b"q=[redacted X_TOKEN]"
    assert redactor.text(json.dumps([value])) == '["[redacted X_TOKEN]"]'
    assert body.value() == {"messages": [{"content": "my [redacted X_TOKEN]"}], "user": "[redacted X_TOKEN]"}


def test_longest_value_wins_and_nothing_of_it_stays():
    redactor = Redactor({"A_KEY": "abc-1234", "B_KEY": "abc-12345678", "C_KEY": f"sk-{RANDOM}"})
    assert redactor.text("abc-12345678 abc-1234") == "[redacted B_KEY] [redacted A_KEY]"
    assert redactor.text(f"sk-{RANDOM}") == "[redacted C_KEY]"
    assert redactor.text(f"sk-{RANDOM}abc-1234") in ("[redacted C_KEY][redacted A_KEY]", "[redacted key]")


def test_key_right_after_a_value_is_replaced_as_well():
    redactor = Redactor({"A_KEY": "11111111"})
    assert redactor.text(f"11111111sk-{RANDOM}") == "[redacted A_KEY][redacted key]"


def test_marker_of_a_stranger_hides_nothing():
    assert Redactor({}).text(f"[redacted sk-{RANDOM}]") == "[redacted [redacted key]]"


NAMES = st.sampled_from(["A_KEY", "B_TOKEN", "key", "redacted_KEY"])


@given(
    st.dictionaries(
        NAMES,
        st.text("aA1-[]k ", min_size=8, max_size=12) | NAMES.map(lambda name: f"{name}_KEY_1"),
        max_size=4,
    ),
    st.lists(
        st.text("aA1-[]k ", max_size=12)
        | st.sampled_from([f"sk-{RANDOM}", "[redacted key]", "[redacted A_KEY]"])
    ),
    st.data(),
)
def test_redacting_twice_changes_nothing(environ, parts, data):
    values = data.draw(st.lists(st.sampled_from(list(environ.values())))) if environ else []
    redactor = Redactor(environ)
    once = redactor.text("".join([*parts, *values]))
    assert redactor.text(once) is once


def test_keys_between_other_bytes_are_replaced_and_these_stay():
    redactor = Redactor({"X_TOKEN": "pl4nted-value"})
    assert redactor.bytes(b"\xff\xfe\x00pl4nted-value\xff") == b"\xff\xfe\x00[redacted X_TOKEN]\xff"
    one, other = Body.parse(b"\xff1", redactor), Body.parse(b"\xfe1", redactor)
    assert not one.same_as(other)


@pytest.mark.parametrize(
    ("uri", "kept"),
    [
        ("https://user:pw@host:8/v1?a=1#frag", "https://host:8/v1?a=1"),
        (f"https://h/bot{RANDOM}/x?q=sk-{RANDOM}", f"https://h/bot{RANDOM}/x?q=%5Bredacted+key%5D"),
        ("duolog://openai/chat/completions", "duolog://openai/chat/completions"),
        ("https://h/x?empty=&flag", "https://h/x?empty=&flag="),
    ],
)  # fmt: skip
def test_addresses_lose_userinfo_and_keys(uri, kept):
    assert Redactor({}).uri(uri) == kept
    assert Redactor({}).uri(kept) == kept


def test_addresses_in_shown_texts_lose_theirs():
    text = "GET http://me:pw-1@host/v1?x=1&key=abc&Access_Token=def no route; x.py?api-key='a'"
    assert Redactor({}).shown(text) == (
        "GET http://host/v1?x=1&key=[redacted]&Access_Token=[redacted] no route; x.py?api-key='a'"
    )
    assert Redactor({}).text(text) is text


SECRET_HEADERS = (
    "Authorization", "x-api-key", "api-key", "x-goog-api-key", "x-goog-user-project", "X-Amz-Security-Token",
    "x-amz-date", "OpenAI-Organization", "openai-project", "anthropic-organization-id", "Cookie", "Set-Cookie",
    "http-referer", "x-title", "x-request-id", "cf-ray", "apim-request-id", "x-ratelimit-limit-tokens", "date",
)  # fmt: skip


def test_headers_are_kept_by_name_only():
    headers = dict.fromkeys(SECRET_HEADERS, "pl4nted") | {
        "Content-Type": "application/json",
        "Accept": ["a", "b"],
    }
    assert kept_headers(headers, REQUEST_HEADERS) == {
        "accept": ["a", "b"],
        "content-type": ["application/json"],
    }
    assert kept_headers(headers, RESPONSE_HEADERS) == {"content-type": ["application/json"]}


PIECES = st.sampled_from(
    [
        f"sk-{RANDOM}",
        f"sk-{RANDOM[:9]}",
        RANDOM[9:],
        'pass"word-12',
        'pass"wo',
        "rd-12",
        "api_key=",
        '"',
        "\\n",
    ]
)


@settings(max_examples=25)
@given(
    st.lists(st.lists(PIECES | st.text("aA1-[]k= \\", max_size=9), max_size=5), max_size=4),
    st.sampled_from([1, 9, 400]),
)
def test_a_history_that_was_seen_before_is_redacted_like_a_new_one(messages, n_repeats):
    history = [" ".join(["".join(parts)] * n_repeats) for parts in messages]
    for environ in ({"A_SECRET": 'pass"word-12'}, {}):  # as when a test changes it
        seen = Redactor(environ)
        for n in range(len(history)):
            seen.json(history[:n])
        assert seen.json(history) == Redactor(environ).json(history)
