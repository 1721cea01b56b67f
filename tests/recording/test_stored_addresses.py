"""Addresses as they are stored and matched: nothing secret is in them, and nothing that matters is left out."""

from __future__ import annotations

import json
import re
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.recording.addresses import (
    address_of,
    hash_of,
    is_same_address,
    without_key_parameters,
)
from pytest_duolog.recording.interaction import Body, SentRequest
from pytest_duolog.recording.redaction import Redactor

RANDOM = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0"
HASHED = re.compile(r"\[redacted token [0-9a-f]{8}\]")

NAMES = ["key", "sig", "secret", "token", "access_token", "page_token", "nextPageToken", "api_key", "signature",
         "client_secret", "password", "subscription-key", "csrfToken", "auth_token", "next_key",
         "jwt", "ticket", "sid", "otp", "session_id", "SAMLResponse", "JSESSIONID"]  # fmt: skip


def stored(uri: str, environ: dict[str, str] | None = None) -> str:
    redactor = Redactor(environ or {})
    once = redactor.uri(uri)
    assert redactor.uri(once) == once
    assert not redactor.finds_secret(once)
    return once


def sent(uri: str, environ: dict[str, str] | None = None, base_urls=()) -> SentRequest:
    uri, names = address_of(Redactor(environ or {}).uri(uri), base_urls)
    return SentRequest("GET", uri, {}, Body.parse(b""), names=names)


# Parameters


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("one", "other"), [("A", "B"), ("1", "2"), (RANDOM, RANDOM[::-1]), ("user-5", "user-6"), ("a b", "a+b")]
)
def test_another_value_is_another_request(name: str, one: str, other: str) -> None:
    left, right = (f"https://h/x?n=1&{name}={quote(value)}&m=2" for value in (one, other))
    assert sent(left).same_as(sent(left))
    assert not sent(left).same_as(sent(right))
    assert not sent(left).same_as(sent("https://h/x?n=1&m=2"))


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"page_token", "nextPageToken", "next_key"}))
@pytest.mark.parametrize("value", [RANDOM, "hunter2", "A", "correct horse", "späth&=?#%5B"])
def test_values_of_parameters_named_like_a_credential_are_not_stored(name: str, value: str) -> None:
    uri = stored(f"https://h/x?n=1&{name}={quote(value, safe='')}")
    assert HASHED.search(uri)
    assert HASHED.sub("", uri) == f"https://h/x?n=1&{name}="


@pytest.mark.parametrize(
    "name", ["page_token", "nextPageToken", "continuation-token", "sync_token", "next_key"]
)
def test_what_marks_a_place_is_stored_as_it_is(name: str) -> None:
    assert stored(f"https://h/x?{name}=CAUQ-{RANDOM[:12]}") == f"https://h/x?{name}=CAUQ-{RANDOM[:12]}"


def test_the_same_value_has_the_same_hash_wherever_it_stands() -> None:
    """What an answer gave as `token` may be sent on as `key`, in a replay as its marker."""
    given = Redactor({}).json({"token": f"t-{RANDOM[:20]}"})["token"]
    one, other = HASHED.findall(stored(f"https://h/x?key=t-{RANDOM[:20]}&token=B"))
    assert one == given != other
    assert stored(f"https://h/x?{urlencode({'key': given})}") == stored(f"https://h/x?key=t-{RANDOM[:20]}")


@pytest.mark.parametrize(
    ("recorded_with", "sent_with"),
    [
        ({"GEMINI_API_KEY": RANDOM}, {"GEMINI_API_KEY": RANDOM[::-1]}),
        ({"GEMINI_API_KEY": RANDOM}, {"GEMINI_API_KEY": "dummy"}),
        ({"GEMINI_API_KEY": "dummy"}, {"GEMINI_API_KEY": RANDOM}),
        ({"GEMINI_API_KEY": "dummy"}, {"GEMINI_API_KEY": "x"}),
        ({"GEMINI_API_KEY": RANDOM}, {"OTHER": "what-the-test-says"}),
        ({"OTHER": f"AIza{RANDOM[:35]}"}, {"OTHER": "what-the-test-says"}),
    ],
)
@pytest.mark.parametrize("name", ["key", "api_key", "token"])
def test_a_credential_of_the_environment_is_equal_to_any_other(
    recorded_with: dict[str, str], sent_with: dict[str, str], name: str
) -> None:
    recorded, asked = (
        sent(f"https://h/x?n=1&{name}={next(iter(environ.values()))}", environ)
        for environ in (recorded_with, sent_with)
    )
    assert recorded.same_as(asked)
    assert not recorded.same_as(sent(f"https://h/x?n=2&{name}=x", sent_with))
    assert not recorded.same_as(sent("https://h/x?n=1", sent_with))
    assert next(iter(recorded_with.values())) not in recorded.uri


def test_a_secret_in_another_parameter_still_has_to_be_there() -> None:
    recorded = sent(f"https://h/x?q=sk-{RANDOM}")
    assert recorded.uri == "https://h/x?q=%5Bredacted+key%5D"
    assert not recorded.same_as(sent("https://h/x?q=hello"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "X-Amz-Algorithm=A&X-Amz-Credential=AK%2F20261124&X-Amz-Date=20261124T1&X-Amz-Signature=aa",
            "X-Amz-Algorithm=A&X-Amz-Credential=AK%2F20261125&X-Amz-Date=20261125T9&X-Amz-Signature=bb",
        ),
        (
            "sv=2022-11-02&st=2026-01-01&se=2026-01-02&sr=b&sp=r&sig=aa%3D",
            "sv=2022-11-02&st=2026-02-01&se=2026-02-02&sr=b&sp=r&sig=bb%3D",
        ),
        ("X-Goog-Date=1&X-Goog-Signature=aa", "X-Goog-Date=2&X-Goog-Signature=bb"),
        ("AWSAccessKeyId=AK&Expires=1&Signature=aa", "AWSAccessKeyId=AK2&Expires=2&Signature=bb"),
    ],
)  # fmt: skip
def test_a_signature_for_a_time_changes_nothing(one: str, other: str) -> None:
    assert sent(f"https://h/x?n=1&{one}").same_as(sent(f"https://h/x?n=1&{other}"))
    assert not sent(f"https://h/x?n=1&{one}").same_as(sent(f"https://h/x?n=2&{other}"))


@given(
    st.lists(st.tuples(st.sampled_from(["q", "key", "page_token", "sig"]), st.text(max_size=8)), max_size=4)
)
def test_any_address_is_the_same_as_itself_and_stays_so(pairs: list[tuple[str, str]]) -> None:
    query = "&".join(f"{name}={quote(value, safe='', errors='replace')}" for name, value in pairs)
    uri = stored(f"https://h/x?{query}")
    assert is_same_address(uri, uri)


def test_format_1_left_keys_out() -> None:
    now = sent("https://h/x?n=1&key=A&page_token=B&q=a+b")
    assert without_key_parameters(now.uri) == "https://h/x?n=1&q=a+b"
    old = SentRequest("GET", "https://h/x?n=1&q=a+b", {}, Body.parse(b""), is_early=True)
    assert old.same_as(now)
    assert not old.same_as(sent("https://h/x?n=2&q=a+b"))


# Where a provider is

GATEWAY = ("openai", "http://10.0.0.5:8080/v1")
USUAL = ("openai", "https://api.openai.com/v1")


@pytest.mark.parametrize(
    ("uri", "base_urls", "shown"),
    [
        ("http://10.0.0.5:8080/v1/chat/completions", [GATEWAY, USUAL], "duolog://openai/chat/completions"),
        ("http://10.0.0.5:8080/v1/chat/completions?a=1", [GATEWAY], "duolog://openai/chat/completions?a=1"),
        ("http://10.0.0.5:8080/v1/chat/completions", [USUAL], "http://10.0.0.5:8080/v1/chat/completions"),
        ("HTTPS://API.OpenAI.com:443/v1/chat/completions", [USUAL], "duolog://openai/chat/completions"),
        ("https://h/a/b/c", [("one", "https://h/a"), ("two", "https://h/a/b")], "duolog://two/c"),
        ("https://h:4430/a", [("one", "https://h/a")], "https://h:4430/a"),
        ("https://h/ab", [("one", "https://h/a")], "https://h/ab"),
    ],
)
def test_an_address_below_a_providers_is_the_providers(uri: str, base_urls, shown: str) -> None:
    assert address_of(uri, base_urls).uri == shown


@pytest.mark.parametrize("asked", ["http://10.0.0.5:8080/v1/x", "https://api.openai.com/v1/x"])
@pytest.mark.parametrize("recorded_where", [[GATEWAY, USUAL], [USUAL]])
@pytest.mark.parametrize(
    "replayed_where", [[GATEWAY, USUAL], [USUAL], [("openai", "http://other/v1"), USUAL]]
)
def test_the_same_address_replays_wherever_the_environment_has_the_provider(
    asked: str, recorded_where, replayed_where
) -> None:
    assert sent(asked, base_urls=recorded_where).same_as(sent(asked, base_urls=replayed_where))


@pytest.mark.parametrize(
    "recorded_where", [[GATEWAY, USUAL], [USUAL], [("openai", "http://other/v1"), USUAL]]
)
@pytest.mark.parametrize(
    "replayed_where", [[GATEWAY, USUAL], [USUAL], [("openai", "http://other/v1"), USUAL]]
)
def test_an_sdk_replays_wherever_the_environment_has_the_provider(recorded_where, replayed_where) -> None:
    recorded, asked = (
        sent(f"{where[0][1]}/chat/completions", base_urls=where) for where in (recorded_where, replayed_where)
    )
    assert recorded.same_as(asked)


def test_two_providers_at_one_address_are_both_meant() -> None:
    both = [("vllm", "http://gpu/v1"), ("openai", "http://gpu/v1")]
    recorded = sent("http://gpu/v1/x", base_urls=both)
    for name in ("vllm", "openai"):
        assert recorded.same_as(sent("http://there/v1/x", base_urls=[(name, "http://there/v1")]))
    assert not recorded.same_as(sent("http://there/v1/x", base_urls=[("groq", "http://there/v1")]))


def test_the_hash_of_an_address_does_not_tell_where_it_was_and_holds_without_keys() -> None:
    assert "10.0.0.5" not in str(sent("http://10.0.0.5:8080/v1/x", base_urls=[GATEWAY]))
    assert hash_of("https://h/x?key=[redacted A_KEY]") == hash_of("https://h/x?key=[redacted key]")
    assert hash_of("https://h/x?key=[redacted token 0123abcd]") != hash_of(
        "https://h/x?key=[redacted token 0123abce]"
    )


def test_different_addresses_stay_apart() -> None:
    assert not sent("https://h/x?n=1").same_as(sent("https://h/x?n=2"))
    assert not sent("https://h/x").same_as(sent("https://g/x"))
    assert not sent("https://h/x?key=[redacted A_KEY]").same_as(sent("https://g/x?key=b"))


# In a dialogue

SUITE = """
import os

import httpx
import pytest
from pytest_duolog import HttpTarget, Speaker

SERVER = os.environ["SERVER"]

def bot(messages):
    address = f"{SERVER}/chat/completions?{os.environ.get('QUERY', '')}"
    answer = httpx.post(address, json={"model": "m", "messages": messages})
    return answer.json()["choices"][0]["message"]["content"]

def sdk(messages):
    address = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1")
    answer = httpx.post(f"{address}/chat/completions", json={"model": "m", "messages": messages})
    return answer.json()["choices"][0]["message"]["content"]

target = HttpTarget(
    f"{SERVER}/chat/completions?{os.environ.get('QUERY', '')}",
    request={"model": "m", "messages": "{messages}"},
    reply="choices.0.message.content",
    name="bot",
)

@pytest.mark.parametrize("who", [pytest.param(bot, id="function"), pytest.param(target, id="target")])
def test_query(dialogue, who): ...

@pytest.mark.parametrize("who", [pytest.param(bot, id="literal"), pytest.param(sdk, id="sdk")])
def test_where(dialogue, who): ...
"""
HOLD = """
    one = dialogue.run(b=Speaker("Bot", model=who), name=getattr(who, "__name__", "target"))
    assert "m hears" in one.messages[1].content
"""


@pytest.fixture
def project(pytester, chat_server, monkeypatch):
    mark = '@pytest.mark.dialogue(a="scripted:counter", opener="Hello.", turns=1)\n@pytest.mark.parametrize'
    text = SUITE.replace("@pytest.mark.parametrize", mark).replace(" ...\n", HOLD)
    pytester.makepyfile(test_asked_somewhere=text)
    monkeypatch.setenv("SERVER", chat_server.url)
    monkeypatch.delenv("OPENAI_BASE_URL")
    return pytester


@pytest.mark.parametrize("name", ["page_token", "key", "secret"])
def test_the_answer_to_another_query_is_not_played(project, chat_server, monkeypatch, name):
    monkeypatch.setenv("QUERY", f"{name}=pl4nted-A")
    project.runpytest("--record-mode=once", "-k", "query").assert_outcomes(passed=2, deselected=2)
    chat_server.close()
    project.runpytest("-k", "query").assert_outcomes(passed=2, deselected=2)
    stored = "".join(path.read_text() for path in project.path.rglob("*.jsonl"))
    assert ("pl4nted-A" in stored) is (name == "page_token")
    monkeypatch.setenv("QUERY", f"{name}=pl4nted-B")
    missed = project.runpytest("-k", "query")
    missed.assert_outcomes(failed=2, deselected=2)
    missed.stdout.fnmatch_lines(["*differs:*address*", f"*recorded: *{name}=*", f"*sent: *{name}=*"])


def test_a_recording_of_format_1_replays(project, chat_server, monkeypatch):
    """It names neither the history's field nor the served model, and keys are left out of its addresses."""
    monkeypatch.setenv("QUERY", "n=1&key=pl4nted-A")
    project.runpytest("--record-mode=once", "-k", "query").assert_outcomes(passed=2, deselected=2)
    chat_server.close()
    for path in project.path.rglob("*.jsonl"):
        values = [json.loads(line) for line in path.read_text().splitlines()]
        old = [
            {name: item for name, item in value.items() if name not in ("served", "sum")} for value in values
        ]
        old[0]["duolog"] = 1
        for value in old:
            if "request" in value:
                value["request"].pop("history", None)
                value["request"].pop("names", None)
                value["request"]["uri"] = without_key_parameters(value["request"]["uri"])
                assert value["request"]["uri"].endswith("?n=1")
        path.write_text("".join(json.dumps(value) + "\n" for value in old))
    project.runpytest("-k", "query").assert_outcomes(passed=2, deselected=2)
    monkeypatch.setenv("QUERY", "n=2&key=pl4nted-A")
    project.runpytest("-k", "query").assert_outcomes(failed=2, deselected=2)


def test_filters_of_vcrpy_leave_what_stands_for_a_secret(project, chat_server, monkeypatch):
    project.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="module")
        def duolog_vcr_config():
            return {"filter_query_parameters": ["n"]}
        """
    )
    monkeypatch.setenv("QUERY", "n=1&password=pl4nted-A")
    project.runpytest("--record-mode=once", "-k", "query").assert_outcomes(passed=2, deselected=2)
    chat_server.close()
    monkeypatch.setenv("QUERY", "n=2&password=pl4nted-A")
    project.runpytest("-k", "query").assert_outcomes(passed=2, deselected=2)
    assert "pl4nted" not in "".join(path.read_text() for path in project.path.rglob("*.jsonl"))


@pytest.mark.parametrize("recorded_with", [True, False], ids=["recorded with", "recorded without"])
def test_a_replay_depends_on_no_variable_with_an_address(project, chat_server, monkeypatch, recorded_with):
    """Literal addresses replay whether a variable names them or not; an SDK's wherever it is told to go."""
    kept = (
        "where" if recorded_with else "where and literal"
    )  # the SDK's own address is not to be reached here
    if recorded_with:
        monkeypatch.setenv("OPENAI_BASE_URL", chat_server.url)
    recorded = project.runpytest("--record-mode=once", "-k", kept)
    assert recorded.ret == 0
    chat_server.close()
    for address in (chat_server.url, None, "https://another.example/v1"):
        if address:
            monkeypatch.setenv("OPENAI_BASE_URL", address)
        else:
            monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
        assert project.runpytest("-k", kept).ret == 0
