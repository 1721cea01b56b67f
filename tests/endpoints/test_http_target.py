"""The user's own chatbot: behind an address with a JSON of its own, streaming, keeping sessions, or in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.endpoints.base import ChatRequest, Reply
from pytest_duolog.endpoints.http_target import HttpTarget
from pytest_duolog.endpoints.retrying import Patience, RetryingTransport
from pytest_duolog.endpoints.session_ids import RECORDED_ID
from pytest_duolog.endpoints.template import filled_in, texts_at
from pytest_duolog.errors import ConfigurationError, EndpointError
from pytest_duolog.scenarios.speaker import Speaker
from tests.chat_server import ChatServer
from tests.endpoints.asking import HISTORY, Wire, reply_over

URL = "http://bot.example/chat"


def talk(target: HttpTarget, wire: Wire, n_replies: int = 1) -> Reply:
    """The last of some replies of one dialogue."""

    transport = RetryingTransport(
        httpx.MockTransport(wire), Patience(), lambda _: wire.rate_limiter, sleep=wire.sleep
    )
    return reply_over(transport, target.open_endpoint, ChatRequest("v2", HISTORY), n_replies=n_replies)


# What is asked


def test_by_default_it_gets_the_last_message_and_a_session() -> None:
    wire = Wire({"reply": "Fine."})
    assert talk(HttpTarget(URL), wire).content == "Fine."
    assert str(wire.requests[0].url) == "duolog://bot.example/chat"
    body = wire.bodies[0]
    assert body["message"] == "How are you?"
    assert body.keys() == {"message", "session"}


def test_a_template_makes_any_json() -> None:
    template = {
        "input": [{"text": "{message}"}],
        "history": "{messages}",
        "meta": {"prompt": "System: {system} ({model})", "stream": False, "n": 1, "{x}": None},
    }
    wire = Wire({"reply": "Fine."})
    talk(HttpTarget(URL, request=template), wire)
    assert wire.bodies[0] == {
        "input": [{"text": "How are you?"}],
        "history": [message._asdict() for message in HISTORY[1:]],
        "meta": {"prompt": "System: Be brief. (v2)", "stream": False, "n": 1, "{x}": None},
    }


def test_an_unknown_placeholder_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match=r"unknown placeholder \{text\} \(known: \{message\}, "):
        HttpTarget(URL, request={"q": "{text}"})


@pytest.mark.parametrize("url", ["bot.example/chat", "ftp://bot.example", ""])
def test_a_wrong_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(ConfigurationError, match="does not start with http"):
        HttpTarget(url)


@given(st.text(), st.text())
def test_what_a_model_said_is_no_template(message: str, system: str) -> None:
    values = {"message": message, "system": system}
    assert filled_in({"a": "{message}", "b": "{system}: {message}"}, values) == {
        "a": message,
        "b": f"{system}: {message}",
    }


# What it answers


@pytest.mark.parametrize(
    ("place", "value", "texts"),
    [
        ("", "Hi.", ["Hi."]),
        ("a.b", {"a": {"b": "Hi."}}, ["Hi."]),
        ("a.1.t", {"a": [{}, {"t": "Hi."}]}, ["Hi."]),
        ("a.-1", {"a": ["Hi.", "Ho."]}, ["Ho."]),
        ("a.*.t", {"a": [{"t": "Hi."}, {}, {"t": "Ho."}, {"t": None}]}, ["Hi.", "Ho."]),
        ("a", {"a": 5}, ["5"]),
        ("a", {"a": True}, []),
        ("a.9", {"a": []}, []),
        ("a.b", {"a": "text"}, []),
        ("", {"a": 1}, []),
    ],
)
def test_places(place: str, value: Any, texts: list[str]) -> None:
    assert texts_at(value, place) == texts


def test_several_messages_are_paragraphs_of_one() -> None:
    answer = {"messages": [{"text": "One moment."}, {"text": "Here it is."}]}
    assert (
        talk(HttpTarget(URL, reply="messages.*.text"), Wire(answer)).content == "One moment.\n\nHere it is."
    )


def test_plain_text_is_a_reply_too() -> None:
    wire = Wire((200, {"content-type": "text/plain"}, b"Fine."))
    assert talk(HttpTarget(URL, reply=""), wire).content == "Fine."


SSE = b"""\
: keep-alive

event: start
data: {"type": "start"}

data: {"delta": {"text": "Fi"}}\r
\r
data:{"delta":
data: {"text": "ne."}}

data: [DONE]

"""


def test_line_ends_inside_a_text_part_no_stream() -> None:
    said = "Fine.\u2028Really\x85fine."
    lines = "".join(json.dumps({"reply": part}, ensure_ascii=False) + "\r\n" for part in (said, " Yes."))
    wire = Wire((200, {"content-type": "application/x-ndjson"}, lines.encode()))
    assert talk(HttpTarget(URL), wire).content == f"{said} Yes."


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("text/event-stream; charset=utf-8", SSE),
        ("application/x-ndjson", b'{"delta": {"text": "Fi"}}\n\n{"delta": {"text": "ne."}}\n{"done": 1}\n'),
    ],
)
def test_a_stream_is_joined(kind: str, content: bytes) -> None:
    wire = Wire((200, {"content-type": kind}, content))
    assert talk(HttpTarget(URL, reply="delta.text"), wire).content == "Fine."


@pytest.mark.parametrize(
    "content",
    [
        b'data: {"reply": "Fi"}\n\nevent: error\ndata: overloaded\n\n',
        b'data: {"reply": "Fi"}\n\ndata: {"error": {"code": 503, "message": "overloaded"}}\n\n',
    ],
)
def test_a_stream_that_ends_in_an_error_is_no_reply(content: bytes) -> None:
    wire = Wire((200, {"content-type": "text/event-stream"}, content))
    with pytest.raises(EndpointError, match=r"overloaded.*\(3 tries"):
        talk(HttpTarget(URL), wire)


def test_an_answer_of_another_form_says_what_it_has() -> None:
    wire = Wire({"output": "Fine.", "id": 3})
    with pytest.raises(EndpointError, match=r"no text at 'reply'; it has id, output[\s\S]*set `reply`"):
        talk(HttpTarget(URL), wire)
    assert len(wire.requests) == 1


def test_a_failing_chatbot_is_asked_again() -> None:
    wire = Wire((503, {"retry-after": "2"}, b"restarting"), {"reply": "Fine."})
    assert talk(HttpTarget(URL), wire).content == "Fine."
    assert wire.waits == [2]


# Sessions


def test_a_session_is_real_below_the_recording_and_the_same_above() -> None:
    seen: list[str] = []

    def echo(request: httpx.Request) -> httpx.Response:
        session = json.loads(request.content)["session"]
        assert request.headers["content-length"] == str(len(request.content))
        seen.append(session)
        return httpx.Response(200, json={"reply": f"You are {session}."})

    target = HttpTarget(URL)
    replies = [talk(target, echo_wire(echo)).content for _ in range(2)]  # two dialogues
    assert replies == [f"You are {RECORDED_ID}."] * 2
    assert len(set(seen)) == 2
    assert RECORDED_ID not in seen


def echo_wire(answer: Callable[[httpx.Request], httpx.Response]) -> Any:
    class Echo(Wire):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            return answer(request)

    return Echo()


def test_the_chatbots_own_session_is_sent_from_then_on() -> None:
    wire = Wire({"reply": "Fine.", "meta": {"id": "s-17"}}, {"reply": "Fine."})
    talk(HttpTarget(URL, session="meta.id"), wire, n_replies=3)
    assert [body["session"] for body in wire.bodies[1:]] == ["s-17", "s-17"]


# In a dialogue


@pytest.fixture
def bot(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    """A chatbot with a memory of its own, by session."""
    server = ChatServer()
    memory: dict[str, int] = {}

    def answer(body: dict[str, Any]) -> tuple[int, bytes]:
        memory[body["session"]] = memory.get(body["session"], 0) + 1
        reply = {"answer": {"text": f"Answer {memory[body['session']]} to {body['message'][:20]}"}}
        return 200, json.dumps(reply).encode()

    server.answer = answer
    monkeypatch.setenv("BOT_URL", server.url)
    monkeypatch.setenv("BOT_TOKEN", "a-token-of-no-account")
    yield server
    server.close()


BY_OBJECT = """
    import os
    import pytest
    from pytest_duolog import HttpTarget, Speaker

    BOT = HttpTarget(
        os.environ["BOT_URL"] + "/chat?v=1", reply="answer.text", headers={"authorization": "Bearer ${BOT_TOKEN}"}
    )

    @pytest.mark.parametrize("opener", ["Hello.", "Hi."])
    @pytest.mark.dialogue(a="scripted:counter", b=Speaker("Bot", model=BOT), turns=3, stop_on=())
    def test_bot(dialogue, opener):
        said = [message.content for message in dialogue.messages if message.speaker == "Bot"]
        assert [text[:9] for text in said] == ["Answer 1 ", "Answer 2 ", "Answer 3 "]
"""
BY_NAME = """
    import pytest

    @pytest.mark.dialogue(a="scripted:counter", b="bot:any", turns=3, stop_on=())
    def test_bot(dialogue):
        assert dialogue.messages[-2].content.startswith("Answer 3 ")
"""


def test_a_chatbot_is_recorded_and_replayed_without_it(
    pytester: pytest.Pytester, bot: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(BY_OBJECT)
    pytester.runpytest("--record-mode=once").assert_outcomes(passed=2)
    assert set(bot.paths) == {"/v1/chat?v=1"}
    assert {headers["authorization"] for headers in bot.headers} == {"Bearer a-token-of-no-account"}
    bot.close()
    monkeypatch.delenv("BOT_TOKEN")
    monkeypatch.setenv("BOT_URL", "http://127.0.0.1:1/v1")
    pytester.runpytest().assert_outcomes(passed=2)
    recorded = "".join(path.read_text("utf-8") for path in pytester.path.rglob("*.jsonl"))
    assert not {word for word in ("a-token", str(bot.url)) if word in recorded}


HEADED = """
    import os
    import pytest
    from pytest_duolog import HttpTarget

    BOT = HttpTarget(os.environ["BOT_URL"], reply="answer.text", headers={headers})

    @pytest.mark.dialogue(a="scripted:counter", b=BOT, turns=1)
    def test_bot(dialogue):
        dialogue.messages
"""
KEYS = {"Authorization": "Bearer a-literal-one", "x-api-key": "a-literal-key", "Cookie": "a-literal-cookie"}


def test_a_header_that_says_how_to_answer_is_recorded_and_a_key_is_not(
    pytester: pytest.Pytester, bot: ChatServer
) -> None:
    pytester.makepyfile(HEADED.replace("{headers}", repr({"X-Persona": "kind", **KEYS})))
    pytester.runpytest("--record-mode=once").assert_outcomes(passed=1)
    sent = {name.lower(): value for name, value in bot.headers[-1].items()}
    assert all(sent[name.lower()] == value for name, value in KEYS.items())
    recorded = "".join(path.read_text("utf-8") for path in pytester.path.rglob("*.jsonl"))
    assert '"x-persona":["kind"]' in recorded
    assert "a-literal" not in recorded
    pytester.makepyfile(HEADED.replace("{headers}", repr({"X-Persona": "rude"})))
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*differs: *header x-persona", "*recorded: *kind*", "*sent: *rude*"])


def test_a_chatbot_has_a_name_in_pyproject(pytester: pytest.Pytester, bot: ChatServer) -> None:
    pytester.makepyprojecttoml(
        f"""
        [tool.duolog.providers.bot]
        protocol = "http"
        base_url = "{bot.url}/chat"
        request = {{ session = "{{session}}", message = "{{message}}", model = "{{model}}" }}
        reply = "answer.text"
        """
    )
    pytester.makepyfile(BY_NAME)
    pytester.runpytest("--record-mode=once").assert_outcomes(passed=1)
    assert bot.paths[0] == "/v1/chat"
    assert bot.requests[0]["model"] == "any"
    bot.close()
    pytester.runpytest().assert_outcomes(passed=1)


def test_an_address_alone_is_a_model(pytester: pytest.Pytester, bot: ChatServer) -> None:
    bot.answer = lambda body: (200, json.dumps({"reply": f"You said {body['message']}"}).encode())
    pytester.makepyfile(
        BY_NAME.replace("bot:any", f"{bot.url}/chat").replace("Answer 3 ", "You said This is")
    )
    pytester.runpytest("--record-mode=once").assert_outcomes(passed=1)
    bot.close()
    pytester.runpytest().assert_outcomes(passed=1)


def test_a_missing_variable_of_a_header_is_named(
    pytester: pytest.Pytester, bot: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BOT_TOKEN")
    pytester.makepyfile(BY_OBJECT)
    result = pytester.runpytest("--record-mode=once")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*no message 2 from Bot: a header is incomplete *BOT_TOKEN is not set*"])


# In this process

APPS = """
    import json, os
    import httpx
    import pytest
    from pytest_duolog import HttpTarget, Speaker

    RUNS = []

    def ask_model(text):
        body = {"model": "m", "messages": [{"role": "user", "content": text}]}
        answer = httpx.post(os.environ["OPENAI_BASE_URL"] + "/chat/completions", json=body)
        return answer.json()["choices"][0]["message"]["content"]

    async def asgi(scope, receive, send):
        body = json.loads((await receive())["body"])
        RUNS.append(dict(scope["headers"])[b"x-team"])
        content = json.dumps({"reply": f"asgi: {ask_model(body['message'])}"}).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": content})

    def wsgi(environ, start_response):
        body = json.loads(environ["wsgi.input"].read())
        RUNS.append(environ["HTTP_X_TEAM"].encode())
        start_response("200 OK", [("content-type", "application/json")])
        return [json.dumps({"reply": f"wsgi: {ask_model(body['message'])}"}).encode()]

    class Callable:
        async def __call__(self, scope, receive, send):
            await asgi(scope, receive, send)

    @pytest.mark.parametrize("app", [asgi, wsgi, Callable()], ids=["asgi", "wsgi", "callable"])
    def test_app(dialogue, app):
        RUNS.clear()
        target = HttpTarget("/chat", app=app, headers={"x-team": "${TEAM}"}, name="shop")
        talk = dialogue.run(a="scripted:counter", b=Speaker("Bot", model=target), turns=2, stop_on=())
        said = [message.content for message in talk.messages if message.speaker == "Bot"]
        assert len(said) == 2 and all("m hears" in text for text in said)
        assert RUNS == [b"red", b"red"]
"""


def test_an_application_runs_in_replays_and_what_it_asks_is_recorded(
    pytester: pytest.Pytester, chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEAM", "red")
    pytester.makepyfile(APPS)
    pytester.runpytest("--record-mode=once").assert_outcomes(passed=3)
    assert len(chat_server.requests) == 6
    chat_server.close()
    pytester.runpytest().assert_outcomes(passed=3)


def test_an_application_that_fails_is_named_with_its_error(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from pytest_duolog import HttpTarget

        async def app(scope, receive, send):
            raise LookupError("no such order")

        @pytest.mark.dialogue(a="scripted:echo", b=HttpTarget("/", app=app), turns=1)
        def test_app(dialogue):
            dialogue.messages
        """
    )
    result = pytester.runpytest("--record-mode=once")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*no message 2 from Model B: app:chatbot raised LookupError: no such order*"]
    )


def test_what_stands_for_a_target() -> None:
    assert Speaker(model=HttpTarget("https://bot.example:8443/x")).model_label == "http:bot.example"
    assert Speaker(model=HttpTarget("https://bot.example/x", name="shop")).model_label == "http:shop"
    assert Speaker(model=HttpTarget("/x", app=print, name="shop")).model_label == "app:shop"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"url": 5}, "5 is not an address"),
        (
            {"request": "hello"},
            "request template: it has neither {message} nor {messages}, so it asks nothing",
        ),
        ({"request": {}}, "request template: it has neither {message} nor {messages}, so it asks nothing"),
        ({"reply": 5}, "reply: 5 is not a place in a response"),
        ({"session": " "}, "session: ' ' is not a place in a response"),
        (
            {"session": "id", "request": {"q": "{message}"}},
            "session has no effect: the request template has no {session}",
        ),
        ({"headers": ["x"]}, "headers must be names with values (got list)"),
        ({"headers": {"a b": "x"}}, "headers: 'a b' cannot be the name of a header"),
        ({"headers": {"a": 5}}, "headers: the value of a must be a text on one line"),
        ({"headers": {"a": "x\r\ny: z"}}, "headers: the value of a must be a text on one line"),
        ({"headers": {"a": "${A-B}"}}, "headers: the value of a has '${' that does not begin the name"),
        ({"name": "a/b"}, "name 'a/b' may have only letters, digits"),
        ({"name": 5}, "name 5 may have only letters, digits"),
        ({"url": "chat", "app": print}, "'chat' is not a path that begins with '/'"),
        ({"url": "/chat", "app": 5}, "app=5 is not an ASGI or WSGI application"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(given, problem):
    with pytest.raises(ConfigurationError) as caught:
        HttpTarget(**{"url": URL, **given})
    assert str(caught.value).startswith(f"HttpTarget: {problem}")
