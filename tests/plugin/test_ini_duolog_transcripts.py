"""Transcript files that pytest collects as tests."""

from __future__ import annotations

import pytest

from tests.commands.test_cli_check import healthy, looping
from tests.workers import alone_or_in_workers


@pytest.fixture
def transcripts(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini("[pytest]\nduolog_transcripts = talks/*.md *.jsonl\n")
    folder = pytester.mkdir("talks")
    (folder / "healthy.md").write_text(healthy().to_markdown(), "utf-8")
    (folder / "looping.md").write_text(looping().to_markdown(), "utf-8")
    pytester.path.joinpath("notes.md").write_text("Not a transcript.", "utf-8")
    return pytester


@alone_or_in_workers()
def test_each_property_of_each_transcript_is_a_test(transcripts: pytest.Pytester, options: tuple[str, ...]):
    result = transcripts.runpytest("-v", "-Wdefault", *options)  # no file is a *.jsonl
    result.assert_outcomes(passed=2, failed=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines_random(
        [
            "*talks/healthy.md::NoLoops*",
            "*talks/healthy.md::EndsCleanly*",
            "NoLoops fails: messages 15 to 27 add nothing new (ritual)*",
            "  message 15 (Ann): *",
            "FAILED talks/looping.md::EndsCleanly*",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_properties_are_chosen_in_the_ini_file(transcripts: pytest.Pytester):
    transcripts.makeini(
        "[pytest]\nduolog_transcripts = talks/*\n"
        "duolog_transcript_properties =\n  NoLoops(allow=('ritual',))\n  TerminatesWithin(turns=7)\n"
    )
    result = transcripts.runpytest("-v")
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["*looping.md::TerminatesWithin(turns=7) FAILED*"])


def test_properties_of_ones_own_are_named_with_their_module(transcripts):
    transcripts.makeini(
        "[pytest]\npythonpath = .\nduolog_transcripts = talks/*\nduolog_transcript_properties = short_checks:SHORT\n"
    )
    transcripts.makepyfile(short_checks="from pytest_duolog import MaxWords\nSHORT = MaxWords(1)\n")
    result = transcripts.runpytest()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*MaxWords(words=1) fails: *"])


def test_a_wrong_property_stops_the_run(transcripts: pytest.Pytester):
    transcripts.makeini("[pytest]\nduolog_transcripts = talks/*\nduolog_transcript_properties = Nice\n")
    result = transcripts.runpytest()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["duolog_transcript_properties: unknown property 'Nice' (known: *"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_dialogues_of_one_file_are_told_apart_and_a_torn_one_fails_alone(transcripts: pytest.Pytester):
    transcripts.path.joinpath("talks.jsonl").write_text(
        '{"id": "a\\n\\u001b[31mb", "messages": [{"role": "user", "content": "Thanks, goodbye!"}]}\n{"torn\n',
        "utf-8",
    )
    result = transcripts.runpytest("-v", "talks.jsonl")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            r"talks.jsonl::a\n\x1b[[]31mb::NoLoops PASSED*",
            "talks.jsonl::line 2::is a transcript FAILED*",
            "line 2: not JSON: Unterminated string*",
        ]
    )


def test_nothing_is_collected_unless_asked_for(pytester: pytest.Pytester):
    pytester.path.joinpath("healthy.md").write_text(healthy().to_markdown(), "utf-8")
    assert pytester.runpytest("healthy.md").ret == pytest.ExitCode.USAGE_ERROR
    assert pytester.runpytest().ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_recordings_that_the_globs_match_are_no_transcripts(transcripts: pytest.Pytester):
    transcripts.mkdir("cassettes").joinpath("test_x.jsonl").write_text('{"duolog": 2}\n{"x": 1}\n', "utf-8")
    transcripts.runpytest().assert_outcomes(passed=2, failed=2)


def test_globs_may_begin_at_the_root_folder(transcripts: pytest.Pytester):
    transcripts.makeini("[pytest]\nduolog_transcripts = ./talks/healthy.md\n")
    transcripts.runpytest().assert_outcomes(passed=2)


def test_properties_without_files_are_refused(pytester: pytest.Pytester):
    pytester.makeini("[pytest]\nduolog_transcript_properties = NoLoops")
    result = pytester.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*duolog_transcript_properties has no effect: duolog_transcripts names no files*"]
    )
