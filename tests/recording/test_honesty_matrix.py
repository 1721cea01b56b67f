"""One change at a time, recorded before and replayed after it.

Where something else is asked after a change, the replay fails: never does an old answer stand for a changed question.
Where nothing else is asked it passes. What is asked is seen by recording both versions: each row says what it expects,
and the requests prove it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Literal
from xml.etree import ElementTree as ET

import pytest

from tests.chat_server import ChatServer

Expected = Literal["fails", "passes"]

HEAD = """
import os
import httpx
import pytest
from pytest_duolog import HttpTarget, Message, Speaker, Tool, reply, say

BASE = os.environ["OPENAI_BASE_URL"]

def marked(**changes):
    '''The marker of most tests, with changes.'''
    ann = Speaker("Ann", model="openai:m", system="Be Ann.", temperature=0.5, extra={"top_k": 4, "deep": {"n": 1}})
    ben = Speaker("Ben", model="openai:m", system="Be Ben.")
    usual = {"a": ann, "b": ben, "opener": "Hello.", "turns": 2, "stop_on": ()}
    return pytest.mark.dialogue(**{**usual, **changes})

def one(**fields):
    '''Two speakers, of whom only the second one is asked over HTTP.'''
    return pytest.mark.dialogue(a="scripted:counter", b=Speaker("Ben", **fields), turns=2, stop_on=())

def both(**given):
    return pytest.mark.dialogue(model="openai:m", **given)

def calling(path="/chat/completions", headers=None, **extra):
    def speak(messages):
        body = {"model": "m", "messages": messages, **extra}
        answer = httpx.post(BASE + path, json=body, headers=headers or {})
        return answer.json()["choices"][0]["message"]["content"]
    return speak

def tools(name):
    return [{"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}]

def find(x: str) -> str:
    "Find it."
    return "here"

def find_by_number(x: int) -> str:
    "Find it."
    return "there"

def search(x: str) -> str:
    "Find it."
    return "there"

def said(*texts):
    return [Message(speaker=("Ann", "Ben")[at % 2], content=text) for at, text in enumerate(texts)]

def bot(path="/chat", **fields):
    '''A chatbot behind an address.'''
    return HttpTarget(BASE + path, **{"request": {"m": "{message}"}, "reply": "choices.0.message.content", **fields})
"""

TABLES = """
[tool.duolog]
default_model = "openai:{default}"

[tool.duolog.models]
agent = "openai:{role}"

[tool.duolog.variants.warm]
model = "openai:m"
temperature = {temperature}

[tool.duolog.variants.prompted]
model = "openai:m"
system = "{prompt}"

[tool.duolog.variants.renamed]
model = "openai:{variant}"

[tool.duolog.providers.spoken]
base_url = "{url}"
protocol = "{protocol}"

[tool.duolog.providers.moved]
base_url = "{moved}"

[tool.duolog.providers.beta]
base_url = "{url}"
headers = {{ "openai-beta" = "{beta}" }}

[tool.duolog.providers.team]
base_url = "{url}"
headers = {{ "x-team" = "${{TEAM}}", "authorization" = "Bearer ${{TEAM_TOKEN}}" }}
"""
TABLE_VALUES = {
    "default": ("m", "n"),
    "role": ("m", "n"),
    "temperature": (0.1, 0.9),
    "prompt": ("Be calm.", "Be wild."),
    "variant": ("m", "n"),
    "protocol": ("openai", "ollama"),
    "beta": ("one", "two"),
}


@dataclass(frozen=True)
class Row:
    """A marker before and after a change, what its test does, and what comes of the replay."""

    before: str
    after: str
    expected: Expected = "fails"
    body: tuple[str, str] = ("dialogue.messages", "dialogue.messages")
    notice: str = ""

    @classmethod
    def same(
        cls, marker: str, before: str, after: str, expected: Expected = "fails", notice: str = ""
    ) -> Row:
        """A row whose test changes, not its marker."""
        return cls(marker, marker, expected, (before, after), notice)


def judge(criterion: str = "It is polite.", *, by: str = "openai:judge", votes: int = 1, **more: int) -> str:
    fields = "".join(f", {name}={value}" for name, value in more.items())
    return f"assert dialogue.judged({criterion!r}, by={by!r}, votes={votes}{fields})"


A, B = 'a=Speaker("Ann", model="openai:m"', 'b=Speaker("Ben", model="openai:m"'
# Two models that say the same again and again.
LOOPING = 'pytest.mark.dialogue(**{{"stop_on": (), "model": "openai:same", "turns": 8, **dict({})}})'
ROWS: dict[str, Row] = {
    # who is asked, and how
    "system prompt of a": Row(f'marked({A}, system="Be Ann."))', f'marked({A}, system="Be Anna."))'),
    "system prompt of b": Row(f'marked({B}, system="Be Ben."))', f'marked({B}, system="Be Benny."))'),
    "system prompt for both": Row(
        f'marked({A}), {B}), system="Be brief.")', f'marked({A}), {B}), system="Be long.")'
    ),
    "system prompt taken away": Row("marked()", f"marked({B}))"),
    "system prompt by a space": Row(f'marked({B}, system="Be Ben."))', f'marked({B}, system="Be  Ben."))'),
    "system prompt by its line ends": Row(
        f'marked({B}, system="One.\\nTwo."))', f'marked({B}, system="One.\\r\\nTwo."))'
    ),
    "text of a step": Row('both(steps=[say("Hello."), reply()])', 'both(steps=[say("Good day."), reply()])'),
    "one more step": Row(
        'both(steps=[say("Hello."), reply()])', 'both(steps=[say("Hello."), reply(), reply()])'
    ),
    "one step less": Row(
        'both(steps=[say("Hello."), reply(), reply()])', 'both(steps=[say("Hello."), reply()])'
    ),
    "model of a": Row("marked()", 'marked(a=Speaker("Ann", model="openai:n", system="Be Ann."))'),
    "model of b": Row("marked()", 'marked(b=Speaker("Ben", model="openai:n", system="Be Ben."))'),
    "model under the same label": Row(
        'one(model="openai:m", label="ours")', 'one(model="openai:n", label="ours")'
    ),
    "provider": Row('one(model="openai:m")', 'one(model="vllm:m")'),
    "provider under the same label": Row(
        'one(model="openai:m", label="ours")', 'one(model="vllm:m", label="ours")'
    ),
    "temperature": Row('one(model="openai:m", temperature=0.1)', 'one(model="openai:m", temperature=0.2)'),
    "temperature set": Row('one(model="openai:m")', 'one(model="openai:m", temperature=1)'),
    "temperature for both": Row(
        f"marked({A}), {B}), temperature=0.1)", f"marked({A}), {B}), temperature=0.2)"
    ),
    "top_p": Row('one(model="openai:m", top_p=0.1)', 'one(model="openai:m", top_p=0.2)'),
    "max_tokens": Row('one(model="openai:m", max_tokens=10)', 'one(model="openai:m", max_tokens=11)'),
    "seed": Row('one(model="openai:m", seed=1)', 'one(model="openai:m", seed=2)'),
    "seed taken away": Row('one(model="openai:m", seed=1)', 'one(model="openai:m")'),
    "extra field": Row('one(model="openai:m")', 'one(model="openai:m", extra={"top_k": 1})'),
    "extra field inside": Row(
        'one(model="openai:m", extra={"deep": {"n": 1, "m": [1, 2]}})',
        'one(model="openai:m", extra={"deep": {"n": 1, "m": [2, 1]}})',
    ),
    "extra field from true to 1": Row(
        'one(model="openai:m", extra={"think": True})', 'one(model="openai:m", extra={"think": 1})'
    ),
    "schema of a tool": Row(
        'one(model="openai:m", extra={"tools": tools("refund")})',
        'one(model="openai:m", extra={"tools": tools("repair")})',
    ),
    "tool of a speaker": Row('one(model="openai:m", tools=[find])', 'one(model="openai:m", tools=[search])'),
    "parameter of a tool": Row(
        'one(model="openai:m", tools=[find])',
        'one(model="openai:m", tools=[Tool(find_by_number, name="find")])',
    ),
    "order of tools": Row(
        'one(model="openai:m", tools=[find, search])', 'one(model="openai:m", tools=[search, find])'
    ),
    "body of a tool": Row(
        'one(model="openai:m", tools=[find])',
        'one(model="openai:m", tools=[Tool(search, name="find")])',
        "passes",
    ),
    "rounds of calls that are not reached": Row(
        'one(model="openai:m", tools=[find])', 'one(model="openai:m", tools=[find], tool_rounds=3)', "passes"
    ),
    "names of speakers": Row(
        "marked()", 'marked(b=Speaker("Bea", model="openai:m", system="Be Ben."))', "passes"
    ),
    "label of a model": Row(
        'one(model="openai:m")', 'one(model="openai:m", label="ours")'
    ),  # recordings are named by it
    "role of a speaker": Row('one(model="openai:m")', 'one(model="openai:m", role="agent")', "passes"),
    # what is said
    "opener": Row("marked()", 'marked(opener="Hello!")'),
    "opener by its normal form": Row(r'marked(opener="Caf\u00e9?")', r'marked(opener="Cafe\u0301?")'),
    "opener by a capital": Row("marked()", 'marked(opener="hello.")'),
    "opener taken away": Row("marked()", "marked(opener=None)"),
    "side that opens": Row("marked()", 'marked(opener_by="b")'),
    "turns up": Row("marked()", "marked(turns=3)"),
    "turns down": Row("marked()", "marked(turns=1)"),
    "words in place of a side's own": Row("marked()", 'marked(stub="Go on.")'),
    "message of the history": Row(
        'marked(opener=None, history=said("Hi.", "Hello.", "Rain?"))',
        'marked(opener=None, history=said("Hi.", "Hallo.", "Rain?"))',
    ),
    "one more message in the history": Row(
        'marked(opener=None, history=said("Hi.", "Hello."))',
        'marked(opener=None, history=said("Hi.", "Hello.", "Rain?"))',
    ),
    "topic": Row('marked(topic="rain")', 'marked(topic="snow")', "passes"),
    # when it ends
    "stop phrase that comes up": Row("marked()", 'marked(stop_phrases="after 4")'),
    "stop phrase that does not": Row("marked()", 'marked(stop_phrases="never said")', "passes"),
    "stop phrase taken away": Row('marked(stop_phrases="after 4")', "marked()"),
    "token budget that is reached": Row("marked()", "marked(token_budget=1)"),
    "token budget that is not": Row("marked()", "marked(token_budget=100000)", "passes"),
    "what ends it": Row(LOOPING.format(""), LOOPING.format("stop_on=('loop',), ")),
    "grace": Row(LOOPING.format("stop_on='loop', grace=1, "), LOOPING.format("stop_on='loop', grace=3, ")),
    # what tables say
    "settings of a variant": Row('one(model="variant:warm")', 'one(model="variant:warm")'),
    "system prompt of a variant": Row('one(model="variant:prompted")', 'one(model="variant:prompted")'),
    "model of a variant": Row('one(model="variant:renamed")', 'one(model="variant:renamed")'),
    "another variant": Row('one(model="variant:warm")', 'one(model="variant:prompted")'),
    "model of a role": Row('one(role="agent")', 'one(role="agent")'),
    "default model": Row("one()", "one()"),
    "protocol of a provider": Row('one(model="spoken:m")', 'one(model="spoken:m")'),
    "address of a provider": Row('one(model="moved:m")', 'one(model="moved:m")', "passes"),
    "header of a provider": Row('one(model="beta:m")', 'one(model="beta:m")'),
    "variables in the headers of a provider": Row('one(model="team:m")', 'one(model="team:m")', "passes"),
    # what other people's code asks
    "body of a callable's request": Row("one(model=calling(k=1))", "one(model=calling(k=2))"),
    "tool of a callable's request": Row(
        'one(model=calling(tools=tools("refund")))', 'one(model=calling(tools=tools("repair")))'
    ),
    "path of a callable's request": Row("one(model=calling())", 'one(model=calling("/v2/completions"))'),
    "query of a callable's request": Row(
        'one(model=calling("/chat/completions?lang=en"))', 'one(model=calling("/chat/completions?lang=de"))'
    ),
    "page token of a callable's request": Row(
        'one(model=calling("/chat/completions?page_token=A"))',
        'one(model=calling("/chat/completions?page_token=B"))',
    ),
    "header of a callable's request that matters": Row(
        'one(model=calling(headers={"anthropic-beta": "one"}))',
        'one(model=calling(headers={"Anthropic-Beta": "two"}))',
    ),
    "header of a callable's request that does not": Row(
        'one(model=calling(headers={"x-request-id": "1"}))',
        'one(model=calling(headers={"x-request-id": "2"}))',
        "passes",
    ),
    "template of a chatbot": Row(
        "one(model=bot())", 'one(model=bot(request={"m": "{message}", "lang": "de"}))'
    ),
    "path of a chatbot": Row("one(model=bot())", 'one(model=bot("/talk"))'),
    "query of a chatbot": Row('one(model=bot("/chat?v=1"))', 'one(model=bot("/chat?v=2"))'),
    "header of a chatbot": Row(
        'one(model=bot(headers={"X-Persona": "kind"}))', 'one(model=bot(headers={"X-Persona": "rude"}))'
    ),
    "header of a chatbot taken away": Row(
        'one(model=bot(headers={"X-Persona": "kind"}))', "one(model=bot())"
    ),
    "key of a chatbot": Row(
        'one(model=bot(headers={"x-api-key": "one"}))',
        'one(model=bot(headers={"x-api-key": "two"}))',
        "passes",
    ),
    # what a judge is asked
    "criterion": Row.same("marked()", judge(), judge("It is rude.")),
    "model of the judge": Row.same("marked()", judge(), judge(by="openai:other-judge")),
    "more votes": Row.same("marked()", judge(), judge(votes=3)),
    "fewer votes": Row.same(
        "marked()", judge(votes=3), judge(), "passes", notice="2 recorded votes of a judge were not used"
    ),
    "max_tokens of the judge": Row.same("marked()", judge(), judge(max_tokens=99)),
    # further dialogues
    "further dialogue": Row.same(
        "marked()",
        "dialogue.run(b={'system': 'Be brief.'}).transcript",
        "dialogue.run(b={'system': 'Be long.'}).transcript",
    ),
    "further dialogue for both": Row.same(
        "marked()", "dialogue.run(temperature=0.1).transcript", "dialogue.run(temperature=0.2).transcript"
    ),
    "place of a fork": Row.same(
        "marked()", "dialogue.fork(2, name='on').transcript", "dialogue.fork(3, name='on').transcript"
    ),
    "model of a fork": Row.same(
        "marked()",
        "dialogue.fork(2, model='openai:n').transcript",
        "dialogue.fork(2, model='openai:o').transcript",
    ),
}
COLLECTED = """
import json
import os
import urllib.request
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    '''Tell the server whose requests come now.'''
    body = json.dumps({"row": item.name}).encode()
    urllib.request.urlopen(urllib.request.Request(os.environ["OPENAI_BASE_URL"], body)).read()
"""


def source(version: int) -> str:
    tests = [
        f"@{(row.before, row.after)[version]}\ndef test_{number}(dialogue):\n    {row.body[version]}\n"
        for number, row in enumerate(ROWS.values())
    ]
    return HEAD + "\n" + "\n".join(tests)


def answer(server: ChatServer, body: dict[str, Any]) -> Any:
    """An answer in the words of the protocol that was spoken; it depends on nothing but the request."""
    if "row" in body:
        return 200, b"{}"
    history = body.get("messages", ())
    words = f"{body.get('model')} hears {len(history)} messages, and speaks after {len(history)}."
    if body.get("model") == "same":
        words = "All of this is the same as before, word for word."
    if "judge" in str(body.get("model")):
        words = json.dumps({"because": "It is.", "evidence": [1], "holds": True})
    if server.paths[-1].endswith("/api/chat"):
        return 200, json.dumps({"message": {"content": words}, "done": True, "done_reason": "stop"}).encode()
    return words


@dataclass
class Replayed:
    """What came of the rows: requests of both versions, and the outcomes of replaying the first by the second."""

    asked: tuple[dict[str, list[str]], dict[str, list[str]]]
    unchanged: dict[str, str]
    outcomes: dict[str, str]
    output: str = field(repr=False)


def requests_by_row(server: ChatServer) -> dict[str, list[str]]:
    """What was asked in each row: path, body, and those headers that say more than who asks."""
    found: dict[str, list[str]] = defaultdict(list)
    row = ""
    for path, body, headers in zip(server.paths, server.requests, server.headers, strict=True):
        if "row" in body:
            row = body["row"]
            continue
        kept = {name.lower(): value for name, value in headers.items()}
        said = {name: kept.get(name) for name in ("openai-beta", "anthropic-beta", "x-persona")}
        found[row].append(json.dumps([path, body, said], sort_keys=True))
    server.paths.clear(), server.requests.clear(), server.headers.clear()
    return found


@pytest.fixture
def replayed(pytester: pytest.Pytester, chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> Replayed:
    """Record all rows before their change, replay them before and after it, and record them after it elsewhere."""
    chat_server.answer = lambda body: answer(chat_server, body)
    monkeypatch.setenv("VLLM_BASE_URL", chat_server.url)

    def run(folder: str, version: int, mode: str) -> tuple[dict[str, str], str]:
        values = {name: versions[version] for name, versions in TABLE_VALUES.items()}
        url = chat_server.url
        moved = url if version == 0 else url.replace("127.0.0.1", "localhost")
        place = pytester.path / folder
        place.mkdir(exist_ok=True)
        (place / "pyproject.toml").write_text(TABLES.format(url=url, moved=moved, **values), "utf-8")
        (place / "conftest.py").write_text(COLLECTED, "utf-8")
        (place / "test_rows.py").write_text(source(version), "utf-8")
        monkeypatch.setenv("TEAM", "abc"[version])
        monkeypatch.setenv("TEAM_TOKEN", f"token-{version}")
        monkeypatch.chdir(place)
        plain = ("-q", "--tb=short", "-p", "no:cacheprovider", "--junitxml=out.xml")
        done = pytester.runpytest(*plain, f"--record-mode={mode}", "--duolog-concurrency=1", "test_rows.py")
        cases = ET.parse("out.xml").getroot().iter("testcase")
        outcomes = {
            str(case.get("name")): "".join(str(problem.text) for problem in case) if len(case) else ""
            for case in cases
        }
        assert len(outcomes) == len(ROWS), done.outlines
        return outcomes, str(done.stdout)

    recorded, output = run("recorded", 0, "once")
    assert not any(recorded.values()), output
    before = requests_by_row(chat_server)
    unchanged, _ = run("recorded", 0, "none")
    outcomes, output = run("recorded", 1, "none")
    assert not any(requests_by_row(chat_server).values()), "a replay asks nobody"
    fresh, fresh_output = run("fresh", 1, "once")
    assert not any(fresh.values()), fresh_output
    return Replayed((before, requests_by_row(chat_server)), unchanged, outcomes, output)


FAILURES = ("has no recorded reply", "is not used", "are not used", "vote of the judge is not recorded")


def wrong_with(row: Row, test: str, replayed: Replayed) -> str:
    """What does not come as the row expects it; empty if all does."""
    if replayed.unchanged[test]:
        return f"does not replay without a change: {replayed.unchanged[test]}"
    before, after = (version[test] for version in replayed.asked)
    if not before:
        return "no model was asked"
    said = replayed.outcomes[test]
    outcome = "fails" if said else "passes"
    if outcome != row.expected:
        return said or "the change was not seen"
    if before != after and not row.notice and not said:
        return "something else was asked, and an old answer was played"
    if said and not (any(words in said for words in FAILURES) and "to fix:" in said):
        return f"fails in other words: {said}"
    return "" if row.notice in replayed.output else "the notice is missing"


def test_changed_question_is_never_answered_by_an_old_answer(replayed: Replayed) -> None:
    """One test of all rows, for they share four runs."""
    wrong = {
        name: problem
        for number, (name, row) in enumerate(ROWS.items())
        if (problem := wrong_with(row, f"test_{number}", replayed))
    }
    assert not wrong, "\n\n".join(f"{name}: {problem}" for name, problem in wrong.items())


def test_there_are_rows_for_every_value_of_a_scenario() -> None:
    from pytest_duolog.scenarios.scenario import Scenario
    from pytest_duolog.scenarios.speaker import Speaker

    text = " ".join(part for row in ROWS.values() for part in (row.before, row.after))
    names = {*Scenario.model_fields, *Scenario.shared_with_speakers, *Speaker.model_fields}
    slack = {"name", "seconds_budget", "cost_budget"}  # they depend on what models say and take
    assert len(ROWS) >= 37
    assert not [name for name in sorted(names - slack) if f"{name}=" not in text and f"{name!r}" not in text]
