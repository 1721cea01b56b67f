"""`--record-mode` and its ini twin, as pytest knows them; what each mode does is tested with the recording."""

from __future__ import annotations

import pytest

TALK = """
    import pytest

    @pytest.mark.dialogue(model="openai:small", turns=1)
    def test_it(dialogue):
        assert len(dialogue.messages) == 3
"""


def test_ini_holds_where_the_option_is_not_given(pytester, chat_server):
    pytester.makeini("[pytest]\nduolog_record_mode = once")
    pytester.makepyfile(TALK)
    pytester.runpytest().assert_outcomes(passed=1)
    assert len(chat_server.requests) == 2


def test_option_wins_over_the_ini(pytester, chat_server):
    pytester.makeini("[pytest]\nduolog_record_mode = once")
    pytester.makepyfile(TALK)
    result = pytester.runpytest("--record-mode=none")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*message 2 (Model B) has no recorded reply: there is no recording*"])
    assert not chat_server.requests


def test_unknown_mode_in_the_ini_is_refused_with_the_known_ones(pytester):
    pytester.makeini("[pytest]\nduolog_record_mode = sometimes")
    pytester.makepyfile(TALK)
    result = pytester.runpytest()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(
        [
            "--record-mode or duolog_record_mode: unknown value 'sometimes' (accepted: none, once, new_*, rewrite)"
        ]
    )


def test_unknown_mode_of_the_option_is_a_usage_error(pytester):
    result = pytester.runpytest("--record-mode=sometimes")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--record-mode: invalid choice: 'sometimes'*"])
