"""Plain vcrpy cassettes: replayed where ours would be, and nothing in them is run or believed."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import re

import httpx
import pytest
import vcr
import yaml

from pytest_duolog.errors import UnreadableCassette
from pytest_duolog.recording.journal_file import read_journal
from pytest_duolog.recording.maintenance import import_yaml
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.recording.vcr_yaml import read_yaml
from tests.chat_server import completion

PROJECT = """
import pytest
@pytest.mark.dialogue(a="scripted:counter", b="openai:small", turns=2, temperature=0.5)
def test_it(dialogue):
    assert [message.content for message in dialogue.messages[1::2]] == ["Good day.", "It is raining."]
"""
ADDRESS = "https://api.openai.com/v1/chat/completions"


def request(*talk, model="small"):
    """What our endpoint asks, in the spelling of another client."""
    roles = ["user", "assistant"] * len(talk)
    messages = [{"role": role, "content": text} for role, text in zip(roles, talk, strict=False)]
    return {"model": model, "temperature": 0.5, "messages": messages}


TALK = [
    (request("Hello."), "Good day."),
    (request("Hello.", "Good day.", "This is message 2 of mine."), "It is raining."),
]


def vcr_cassette(*interactions, uri=ADDRESS):
    """A cassette as vcrpy writes it; each interaction is (request body, reply or (status, response body))."""
    listed = []
    for body, reply in interactions:
        status, content = reply if isinstance(reply, tuple) else (200, completion(body, reply).decode())
        listed.append(
            {
                "request": {
                    "method": "POST",
                    "uri": uri,
                    "body": json.dumps(body, indent=1) if isinstance(body, dict) else body,
                    "headers": {"authorization": ["Bearer pl4nted"], "content-type": ["application/json"]},
                },
                "response": {
                    "status": {"code": status, "message": "OK"},
                    "headers": {"content-type": ["application/json"], "set-cookie": ["pl4nted"]},
                    "body": {"string": content},
                },
            }
        )
    return yaml.safe_dump({"version": 1, "interactions": listed})


@pytest.fixture
def project(pytester, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    pytester.makepyfile(test_rain=PROJECT)
    return pytester


@pytest.mark.parametrize("name", ["test_it.yaml", "test_it.scripted-counter+openai-small.1.yaml"])
@pytest.mark.parametrize("mode", ["none", "once", "new_episodes"])
def test_cassette_of_vcrpy_replays(project, name, mode):
    path = project.mkdir("cassettes") / "test_rain" / name
    path.parent.mkdir()
    path.write_text(vcr_cassette(*TALK))
    before = path.read_bytes()
    result = project.runpytest("-p", "no:cacheprovider", f"--record-mode={mode}")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["1 dialogue, 2 replies replayed"])
    assert [found.name for found in path.parent.iterdir()] == [name]
    assert path.read_bytes() == before


def test_what_vcrpy_itself_recorded_replays(project, chat_server, monkeypatch):
    answers = iter(["Good day.", "It is raining."])
    chat_server.answer = lambda body: next(answers)
    path = project.path / "cassettes" / "test_rain" / "test_it.yaml"
    with vcr.use_cassette(str(path)):
        for body, _ in TALK:
            assert httpx.post(f"{chat_server.url}/chat/completions", json=body).status_code == 200
    chat_server.close()
    project.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_another_question_is_not_in_it(project):
    path = project.mkdir("cassettes") / "test_rain" / "test_it.yaml"
    path.parent.mkdir()
    path.write_text(
        vcr_cassette((request("Hello."), "Good day."), (request("Hello.", "Good", "Bye."), "It is raining."))
    )
    result = project.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *message 4 (Model B) has no recorded reply.",
            "E *cassette: *cassettes/test_rain/test_it.yaml",
            "E *messages[[]1[]].content",
            "E *recorded: 'Good'",
            "E *sent: * 'Good day.'",
        ]
    )


@pytest.mark.parametrize(
    "tag",
    ["!!python/object/apply:pathlib.Path.touch", "!!python/object/new:os.system", "!!python/name:os.system"],
)
def test_tags_are_not_obeyed(tmp_path, tag, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "c.yaml"
    path.write_text(f"interactions: {tag} [!!python/object/apply:pathlib.Path [pwned]]\nversion: 1\n")
    with pytest.raises(UnreadableCassette, match="not a vcrpy cassette"):
        read_yaml(path, base_urls=(), redactor=Redactor({}))
    assert list(tmp_path.iterdir()) == [path]


INTERACTION = {
    "request": {"method": "POST", "uri": ADDRESS, "body": "{}", "headers": {}},
    "response": {"status": {"code": 200, "message": "OK"}, "headers": {}, "body": {"string": "{}"}},
}


@pytest.mark.parametrize(
    "content",
    [
        "", "a: [", "[]", "1", "null", "interactions: 5\nversion: 1", "interactions: [1]\nversion: 1",
        "interactions: [{}]\nversion: 1", "interactions: [{request: null, response: null}]\nversion: 1", "\0", "\xff",
        "[" * 5000, "a: &a [*a]",
    ],
    ids=lambda content: content[:30],
)  # fmt: skip
def test_what_is_none_is_said_to_be_none(tmp_path, content):
    path = tmp_path / "c.yaml"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(UnreadableCassette, match="not a vcrpy cassette") as raised:
        read_yaml(path, base_urls=(), redactor=Redactor({}))
    assert raised.value.cassette_path == path
    assert raised.value.__suppress_context__, "a stranger's traceback helps nobody"
    assert "delete the file, or restore it from version control" in str(raised.value)


PLACES = [
    (part, name)
    for part, names in {
        "request": ["method", "uri", "body", "headers"],
        "response": ["status", "headers", "body"],
    }.items()
    for name in names
]


@pytest.mark.parametrize("value", [None, 5, "x", [1], {"string": 5}, {"code": "x"}], ids=repr)
@pytest.mark.parametrize(("part", "name"), PLACES)
def test_wrong_value_anywhere_is_read_or_refused(tmp_path, part, name, value):
    path = tmp_path / "c.yaml"
    broken = INTERACTION | {part: INTERACTION[part] | {name: value}}
    path.write_text(yaml.safe_dump({"version": 1, "interactions": [broken]}))
    with contextlib.suppress(UnreadableCassette):
        assert len(read_yaml(path, base_urls=(), redactor=Redactor({})).interactions) == 1


def test_compressed_response_is_read(tmp_path):
    path = tmp_path / "c.yaml"
    compressed = gzip.compress(b'{"a": 1}')
    response = INTERACTION["response"] | {
        "headers": {"content-encoding": ["gzip"]},
        "body": {"string": compressed},
    }
    path.write_text(yaml.safe_dump({"version": 1, "interactions": [INTERACTION | {"response": response}]}))
    [one] = read_yaml(path, base_urls=(), redactor=Redactor({})).interactions
    assert one.response.content == b'{"a": 1}'
    assert "content-encoding" not in one.response.headers


def test_failed_tries_are_left_out(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(
        vcr_cassette((request("Hello."), (429, "busy")), (request("Hello."), (503, "busy")), *TALK)
    )
    assert len(read_yaml(path, base_urls=(), redactor=Redactor({})).interactions) == 2


def test_import_takes_the_keys_out(tmp_path):
    path = tmp_path / "c.yaml"
    key = base64.b64encode(b"pl4nted").decode()
    body = request(f"my key is {key}") | {"user": "sk-pl4nted-pl4nted-pl4nted"}
    uri = f"https://me:pl4nted@h/v1?key=pl4nted&q={key}"
    path.write_text(vcr_cassette((body, f"{key} and sk-pl4nted-pl4nted-pl4nted"), uri=uri))
    target = tmp_path / "c.jsonl"
    assert import_yaml(path, target, base_urls=(), redactor=Redactor({"X_TOKEN": key})) == 1
    assert key not in target.read_text()
    assert "pl4nted" not in target.read_text()
    [one] = read_journal(target).interactions
    assert re.fullmatch(
        r"https://h/v1\?key=\[redacted token [0-9a-f]{8}\]&q=%5Bredacted\+X_TOKEN%5D", one.request.uri
    )
    assert json.loads(one.request.body.content())["user"] == "[redacted key]"
