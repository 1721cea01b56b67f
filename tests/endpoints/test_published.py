"""Protocols of other packages in this process: what their tables may say, and that their own requests are recorded."""

from __future__ import annotations

import json

import pytest

from pytest_duolog.endpoints.providers import Provider
from pytest_duolog.endpoints.published import published_points
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.recording.journal_file import read_journal
from pytest_duolog.settings.project_table import configured_providers, read_project_table

ACME = """
import requests
from pytest_duolog import Reply
from pytest_duolog.endpoints.protocol import ChatProtocol
from pytest_duolog.endpoints.providers import Provider

class AcmeTalk(ChatProtocol):
    history_name = "lines"
    volatile_fields = ("id", "created", "usage")
    key_header = "x-acme-pass"
    provider = Provider("https://acme.example/api", base_url_env="ACME_TALK", api_key_env="ACME_PASS", needs_key=True)

    def path(self, request):
        return "/chat/completions"

    def fields(self, request):
        return {"model": request.model, "messages": []}

    def read(self, body, answer):
        return Reply(body["choices"][0]["message"]["content"])

class WithOwnClient:
    def __init__(self, config):
        self.config = config

    def reply(self, request):
        body = {"model": request.model, "messages": [message._asdict() for message in request.messages]}
        answer = requests.post("ADDRESS/chat/completions", json=body, timeout=30)
        return Reply(answer.json()["choices"][0]["message"]["content"])
"""

SUITE = """
import pytest
from pytest_duolog import Speaker

@pytest.mark.dialogue(a="scripted:counter", b=Speaker("Bot", model="MODEL"), opener="Hello.", turns=2)
def test_lamp(dialogue):
    assert len(dialogue.messages) == 5
"""


@pytest.fixture
def project(pytester, chat_server, monkeypatch):
    """A folder that holds the package as pip would have left it, and the server that its protocols ask."""
    pytester.makepyfile(acme=ACME.replace("ADDRESS", chat_server.url))
    info = pytester.mkdir("acme-1.0.dist-info")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[pytest_duolog.endpoints]\nacme = acme:AcmeTalk\nown = acme:WithOwnClient\nbroken = acme:Gone\n"
    )
    pytester.syspathinsert()
    published_points.cache_clear()
    yield pytester
    published_points.cache_clear()


def table(pytester, text):
    pytester.makepyprojecttoml(text)
    return configured_providers(read_project_table(pytester.path / "pyproject.toml"))


HOME = Provider(
    "https://acme.example/api",
    protocol="acme",
    base_url_env="ACME_TALK",
    api_key_env="ACME_PASS",
    needs_key=True,
    key_header="x-acme-pass",
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[tool.duolog.providers.lab]\nprotocol = "acme"\n', {"lab": HOME}),
        (
            '[tool.duolog.providers.lab]\nprotocol = "acme"\nbase_url = "http://gpu"\n',  # whose key is not Acme's
            {"lab": Provider("http://gpu", protocol="acme", key_header="x-acme-pass")},
        ),
        (
            (
                '[tool.duolog.providers.lab]\nprotocol = "acme"\nbase_url = "http://gpu"\n'
                'api_key_env = "K"\nkey_header = "x"\n'
            ),
            {"lab": Provider("http://gpu", protocol="acme", api_key_env="K", needs_key=True, key_header="x")},
        ),
        (
            '[tool.duolog.providers.acme]\nbase_url = "http://gpu"\n',
            {
                "acme": Provider(
                    "http://gpu",
                    protocol="acme",
                    base_url_env="ACME_TALK",
                    api_key_env="ACME_PASS",
                    needs_key=True,
                    key_header="x-acme-pass",
                )
            },
        ),
        (
            '[tool.duolog.providers.lab]\nbase_url = "http://gpu"\nprotocol = "anthropic"\n',
            {"lab": Provider("http://gpu", protocol="anthropic", key_header="x-api-key")},
        ),
    ],
)
def test_a_table_may_use_a_published_protocol(project, text, expected):
    assert table(project, text) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            '[tool.duolog.providers.lab]\nprotocol = "acne"\n',
            r"unknown protocol 'acne' \(known: openai, .*acme",
        ),
        (
            '[tool.duolog.providers.lab]\nprotocol = "broken"\n',
            r"providers.lab\]: the entry point 'broken' of acme cannot",
        ),
        ('[tool.duolog.providers.lab]\nprotocol = "openai"\n', "providers.lab.base_url: Field required"),
    ],
)
def test_what_a_table_cannot_mean_is_refused(project, text, problem):
    with pytest.raises(ConfigurationError, match=problem):
        table(project, text)


def test_a_history_of_another_name_replays_and_what_changes_is_left_out(project, chat_server, monkeypatch):
    monkeypatch.setenv("ACME_TALK", chat_server.url)
    monkeypatch.setenv("ACME_PASS", "pl4nted-pass")
    chat_server.answer = lambda body: (
        f"{len(body['lines'])} lines, the last one {body['lines'][-1]['content']!r}"
    )
    project.makepyfile(test_acme=SUITE.replace("MODEL", "acme:one"))
    project.runpytest("--record-mode=once").assert_outcomes(passed=1)
    [path] = project.path.rglob("cassettes/**/*.jsonl")
    answers = [json.loads(one.response.content) for one in read_journal(path).interactions]
    assert all(answer.keys() == {"choices", "model"} for answer in answers)
    assert "pl4nted" not in path.read_text("utf-8")
    chat_server.close()
    monkeypatch.delenv("ACME_TALK")
    monkeypatch.delenv("ACME_PASS")
    project.runpytest().assert_outcomes(passed=1)


def test_what_it_asks_with_a_client_of_its_own_is_recorded(project, chat_server):
    project.makepyfile(test_own=SUITE.replace("MODEL", "own:one"))
    project.runpytest("--record-mode=once").assert_outcomes(passed=1)
    chat_server.close()
    project.runpytest().assert_outcomes(passed=1)


def test_one_that_is_broken_is_told_before_any_test_and_troubles_no_other(project, chat_server):
    project.makepyfile(test_broken=SUITE.replace("MODEL", "broken:one"))
    result = project.runpytest("--record-mode=once")
    result.stdout.fnmatch_lines(["*model 'broken:one': the entry point 'broken' of acme cannot be loaded: *"])
    result.assert_outcomes(errors=1)
    project.makepyfile(test_broken=SUITE.replace("MODEL", "openai:m"))
    project.runpytest("--record-mode=once").assert_outcomes(passed=1)
