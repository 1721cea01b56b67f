"""The `duolog_vcr_config` fixture: vcrpy's filters and hooks, applied to dialogues."""

from __future__ import annotations

import itertools

import pytest

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.recording.hooks import ACCEPTED, VcrHooks
from pytest_duolog.recording.journal_file import read_journal

PROJECT = """
import json
import os
import time

import httpx
import pytest

CLOCK = os.environ["CLOCK"]

@pytest.fixture(scope="module")
def duolog_vcr_config():
    {hooks}
    return dict({config})

def own(messages):
    url = os.environ["OPENAI_BASE_URL"]
    httpx.get(url + "/health")
    answer = httpx.post(
        url + "/chat/completions?tenant=t" + CLOCK,
        json={{"model": "m", "messages": messages, "now": CLOCK}},
    )
    return answer.json()["choices"][0]["message"]["content"]

@pytest.mark.dialogue(a="scripted:counter", b={speaker}, turns=2, extra={{}}, opener="It is " + CLOCK + " now.")
def test_it(dialogue):
    print(dialogue.transcript.to_markdown())
    assert len(dialogue.messages) == 5
""".replace(", extra={{}}", "")


@pytest.fixture
def project(pytester, chat_server, monkeypatch):
    def write(config, hooks="", speaker='"openai:small"'):
        (pytester.path / "test_project.py").write_text(
            PROJECT.format(config=config, hooks=hooks, speaker=speaker)
        )

    chat_server.answer = lambda body: f"small hears {len(body['messages'])} messages, and answers at length."
    clock = itertools.count(1000)

    def run(*arguments):
        monkeypatch.setenv("CLOCK", str(next(clock)))
        chat_server.requests.clear()
        return pytester.runpytest("-p", "no:cacheprovider", *arguments)

    pytester.write, pytester.run_at_another_time = write, run
    return pytester


def recorded(project):
    [path] = project.path.rglob("*.jsonl")
    return read_journal(path).interactions, path.read_text()


def test_texts_that_change_every_run_can_be_made_equal(project, chat_server):
    hook = """
    def same_time(request):
        request.body = request.body.replace(CLOCK.encode(), b"noon")
        return request
    """
    project.write("before_record_request=same_time", hook.strip())
    project.run_at_another_time("--record-mode=once").assert_outcomes(passed=1)
    assert "It is 1000 now." in chat_server.requests[0]["messages"][0]["content"]
    _, text = recorded(project)
    assert "It is noon now." in text
    assert "1000" not in text
    chat_server.close()
    project.run_at_another_time().assert_outcomes(passed=1)


def test_filters_of_query_and_body(project, chat_server):
    config = """
        filter_query_parameters=["tenant"],
        filter_nested_post_data_parameters=["now"],
        ignore_hosts=[],
        before_record_request=lambda r: None if r.uri.endswith("/health") else same_time(r),
    """
    hook = 'same_time = lambda r: (setattr(r, "body", r.body.replace(CLOCK.encode(), b"noon")), r)[1]'
    project.write(config, hook, speaker="own")
    project.run_at_another_time("--record-mode=once").assert_outcomes(passed=1)
    interactions, text = recorded(project)
    assert [one.request.uri for one in interactions] == ["duolog://openai/chat/completions"] * 2
    assert "tenant" not in text
    project.run_at_another_time().assert_outcomes(passed=1)
    assert chat_server.requests == []


def test_response_hook_changes_what_is_stored(project, chat_server):
    hook = """
    def shorter(response):
        response["body"]["string"] = response["body"]["string"].replace(b"small hears", b"SMALL HEARS")
        return response
    """
    same_time = (
        "before_record_request=lambda r: (setattr(r, 'body', r.body.replace(CLOCK.encode(), b'noon')), r)[1]"
    )
    project.write(f"before_record_response=shorter, {same_time}", hook.strip())
    first = project.run_at_another_time("--record-mode=once", "-rP")
    first.assert_outcomes(passed=1)
    _, text = recorded(project)
    assert "SMALL HEARS" in text
    assert "small hears" not in text
    first.stdout.fnmatch_lines(["Model B: SMALL HEARS 3 messages, and answers at length."])
    project.run_at_another_time().assert_outcomes(passed=1)


def test_sensitive_data_is_hidden_on_disk_and_restored_for_replay(project, chat_server):
    project.write("filter_sensitive_data=[('<OPENING>', 'It is')]")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLOCK", "1")
        project.runpytest("-p", "no:cacheprovider", "--record-mode=once").assert_outcomes(passed=1)
        _, text = recorded(project)
        assert "<OPENING>" in text
        assert "It is" not in text
        chat_server.close()
        project.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_interactions_left_out_on_saving_are_missed(project, chat_server):
    project.write("before_save_interaction=lambda request, response: None")
    project.run_at_another_time("--record-mode=once").assert_outcomes(passed=1)
    assert recorded(project)[0] == []
    project.run_at_another_time().assert_outcomes(failed=1)


@pytest.mark.parametrize(
    "setting", ["match_on", "record_mode", "allow_playback_repeats", "serializer", "filter_heads"]
)
def test_settings_that_would_loosen_the_replay_are_refused(setting):
    with pytest.raises(ConfigurationError) as raised:
        VcrHooks({setting: ["method"]})
    assert f"duolog_vcr_config: '{setting}' cannot be set for dialogues" in str(raised.value)
    assert all(name in str(raised.value) for name in ACCEPTED)


def test_refused_setting_fails_the_test_with_its_reason(project, chat_server):
    project.write("match_on=['method']")
    result = project.run_at_another_time("--record-mode=once")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E *ConfigurationError: duolog_vcr_config: 'match_on' cannot be set for dialogues*"]
    )
    assert chat_server.requests == []
