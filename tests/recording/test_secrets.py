"""Planted keys, in the places where providers have them, are found nowhere after a run."""

from __future__ import annotations

import json

import pytest

from tests.chat_server import ChatServer

RANDOM = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0"

# What the speaker sends, by provider, and which variables hold it. Keys with a published shape are in no variable.
REQUESTS = {
    "openai": {
        "path": "/v1/chat/completions",
        "headers": {"authorization": f"Bearer sk-proj-{RANDOM}", "openai-organization": "org-pl4nted"},
        "body": {"user": f"sk-{RANDOM}", "metadata": {"note": f"Bearer {RANDOM}"}},
    },
    "anthropic": {
        "path": "/v1/messages",
        "headers": {"x-api-key": f"sk-ant-api03-{RANDOM}", "cookie": "sid=pl4nted-cookie"},
        "body": {"system": f"the key is sk-ant-api03-{RANDOM}"},
    },
    "azure": {
        "path": "/openai/deployments/gpt/chat/completions?api-version=2024-10-21&subscription-key=pl4nted-subscription",
        "headers": {"api-key": "0123456789pl4nted0123456789abcdef"},
        "body": {"note": "0123456789pl4nted0123456789abcdef"},
    },
    "gemini": {
        "path": f"/v1beta/models/gemini:generateContent?key=AIza{RANDOM[:35]}&alt=json",
        "headers": {"x-goog-api-key": f"AIza{RANDOM[:35]}", "x-goog-user-project": "pl4nted-project"},
        "body": {"note": f"AIza{RANDOM[:35]}"},
    },
    "openrouter": {
        "path": "/api/v1/chat/completions",
        "headers": {"authorization": f"Bearer sk-or-v1-{RANDOM}", "http-referer": "pl4nted-referer"},
        "body": {"note": f"sk-or-v1-{RANDOM}"},
    },
    "bedrock": {
        "path": "/model/m/invoke?X-Amz-Security-Token=pl4nted%2Ftoken%2B1&X-Amz-Signature=pl4nted-signature",
        "headers": {
            "authorization": "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261124/us-east-1, Signature=pl4nted",
            "x-amz-security-token": "pl4nted/token+1",
        },
        "body": {"note": "AKIAIOSFODNN7EXAMPLE pl4nted/token+1"},
    },
    "own": {
        "path": "/v1/chat/completions?q=pl4nted-lab-value",
        "headers": {"authorization": "Basic pl4nted"},
        "body": {"note": 'say "pl4nted-lab-value" and pl4nted"with\\quote'},
    },
}  # fmt: skip
VARIABLES = {
    "AZURE_OPENAI_API_KEY": "0123456789pl4nted0123456789abcdef",
    "AWS_SESSION_TOKEN": "pl4nted/token+1",
    "LAB_CREDENTIAL": "pl4nted-lab-value",
    "HARD_TOKEN": 'pl4nted"with\\quote',
    "OPENROUTER_API_KEY": "pl4nted-router-key",
}
SECRETS = ("pl4nted", RANDOM[:12], "AKIAIOSFODNN7EXAMPLE")

PROJECT = """
import json, os
import httpx
import pytest
from pytest_duolog import Reply, Speaker

REQUESTS = json.loads(os.environ["DATA"])

def sending(to):
    request = REQUESTS[to]
    async def ask(messages):
        async with httpx.AsyncClient(verify=False) as client:  # certificates take longer to load than all the rest
            response = await client.post(
                os.environ["SERVER"] + request["path"],
                headers=request["headers"],
                json={"messages": messages, **request["body"]},
            )
        return response.json()["choices"][0]["message"]["content"]
    ask.__qualname__ = to
    return ask

@pytest.fixture(params=sorted(REQUESTS))
def duolog_scenario(request):
    return {"b": sending(request.param), "a": "openrouter:m", "system": REQUESTS[request.param]["body"].get("system")}

@pytest.mark.dialogue(turns=2, opener=os.environ.get("OPENER", "Hello."))
def test_it(dialogue, duolog_snapshot):
    assert dialogue.transcript == duolog_snapshot

@pytest.mark.dialogue(turns=2)
def test_what_a_failure_shows(dialogue):
    print(dialogue.messages)
    assert dialogue.messages == "something else"
"""


@pytest.fixture
def server(monkeypatch):
    """Tells back everything it was sent, as an error message of a careless provider would."""
    server = ChatServer()

    def telling(body):
        told = {name: value for name, value in body.items() if name != "messages"}
        known = [value for value in VARIABLES.values() if value in server.headers[-1].values()]
        key = server.headers[-1].get("authorization", "")
        return f"You sent {json.dumps(told)} {known} {key if key.startswith(('Bearer', 'AWS4')) else ''}"

    server.answer = telling
    yield server
    server.close()


@pytest.fixture
def project(pytester, monkeypatch, server):
    pytester.makepyfile(PROJECT)
    pytester.makepyprojecttoml(f"""
        [tool.duolog.providers.openrouter]
        base_url = "{server.url.replace("//", "//me:pl4nted-password@")}"
        api_key_env = "OPENROUTER_API_KEY"
        [tool.duolog.providers.lab]
        base_url = "{server.url}"
        api_key_env = "LAB_CREDENTIAL"
    """)
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATA", json.dumps(REQUESTS))
    monkeypatch.setenv("SERVER", server.url.replace("//", "//me:pl4nted-password@").removesuffix("/v1"))
    return pytester


def found_secrets(pytester, result):
    """Lines, of the output and of files, that hold a planted key."""
    texts = {"output": str(result.stdout), "errors": str(result.stderr)}
    for path in pytester.path.rglob("*"):
        if path.is_file() and path.suffix not in (".toml", ".pyc"):
            texts[path.name] = path.read_bytes().decode("utf-8", "replace")
    return [
        f"{name}: {line.strip()}"
        for name, text in texts.items()
        for line in text.splitlines()
        for secret in SECRETS
        if secret in line
    ]


LOUD = (
    "--tb=long",
    "-l",
    "-rA",
    "--junitxml=report.xml",
    "--log-level=INFO",
    "-p",
    "no:cacheprovider",
    "-vv",
)


def test_nothing_is_left_of_planted_keys(project, server, monkeypatch):
    recorded = project.runpytest(*LOUD, "--record-mode=once", "--snapshot-update")
    recorded.assert_outcomes(passed=len(REQUESTS), failed=len(REQUESTS))
    assert found_secrets(project, recorded) == []
    sent = json.dumps([server.requests, server.headers])
    assert all(secret in sent for secret in SECRETS)
    assert len(list(project.path.rglob("*.jsonl"))) == 2 * len(REQUESTS)

    server.close()
    replayed = project.runpytest(*LOUD)
    replayed.assert_outcomes(passed=len(REQUESTS), failed=len(REQUESTS))

    monkeypatch.setenv("OPENER", f"Good evening, pl4nted-lab-value, sk-{RANDOM}.")
    missed = project.runpytest(*LOUD, "-k", "test_it")
    missed.assert_outcomes(failed=len(REQUESTS))
    assert found_secrets(project, missed) == []
    missed.stdout.fnmatch_lines(
        ["*sent:     'Good evening, [[]redacted LAB_CREDENTIAL[]], [[]redacted key[]].'*"]
    )

    unreachable = project.runpytest(*LOUD, "--record-mode=rewrite")
    unreachable.assert_outcomes(failed=2 * len(REQUESTS))
    assert found_secrets(project, unreachable) == []


def test_keys_in_skips_and_expected_failures_are_not_told(pytester, monkeypatch):
    monkeypatch.setenv("LAB_TOKEN", "pl4nted-lab-value")
    pytester.makepyfile(
        """
        import os
        import pytest

        pytestmark = pytest.mark.dialogue(model="scripted:counter", turns=1)

        def test_skip(dialogue):
            pytest.skip("no " + os.environ["LAB_TOKEN"])

        @pytest.mark.xfail(reason="known")
        def test_fails(dialogue):
            local = os.environ["LAB_TOKEN"]
            assert dialogue.messages == local

        def test_gives_up(dialogue):
            pytest.xfail("no " + os.environ["LAB_TOKEN"])
        """
    )
    with_tracebacks = ("--xfail-tb",) if pytest.version_tuple >= (8, 3) else ()
    result = pytester.runpytest(*LOUD, *with_tracebacks)
    result.assert_outcomes(skipped=1, xfailed=2)
    assert found_secrets(pytester, result) == []
    result.stdout.fnmatch_lines(
        ["SKIPPED * no [[]redacted LAB_TOKEN[]]", "XFAIL * no [[]redacted LAB_TOKEN[]]"]
    )
