"""A whole dialogue in the Gemini protocol, against a server that is strict about it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gemini_server import KEY, GeminiServer


@pytest.fixture
def gemini_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[GeminiServer]:
    server = GeminiServer()
    monkeypatch.setenv("GEMINI_BASE_URL", server.url)
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    yield server
    server.close()


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("opener", ["Hello.", None])
        @pytest.mark.dialogue(a="gemini:flash", b="gemini:flash", system="Be brief.", turns=3, max_tokens=9)
        def test_talk(dialogue, opener):
            assert len(dialogue.messages) in (6, 7)
            assert dialogue.messages[-1].content == "Reply 7."
        """
    )
    return pytester


def test_both_perspectives_keep_its_rules_and_replay_without_it(
    project: pytest.Pytester, gemini_server: GeminiServer
) -> None:
    project.runpytest("--record-mode=once").assert_outcomes(passed=2)
    gemini_server.close()
    project.runpytest().assert_outcomes(passed=2)
    recorded = "".join(path.read_text("utf-8") for path in project.path.rglob("*.jsonl"))
    assert "duolog://gemini/models/flash:generateContent" in recorded
    assert not {word for word in (KEY, "127.0.0.1", "changes-every-time") if word in recorded}


def test_a_bad_key_is_a_400_and_still_names_the_variable(
    project: pytest.Pytester, gemini_server: GeminiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "another-key-0123")
    result = project.runpytest("--record-mode=once")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*HTTP 400: 'API key not valid*", "*check the key in GEMINI_API_KEY*"])
    result.stdout.no_fnmatch_line("*another-key-0123*")
