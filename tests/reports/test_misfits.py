"""One sentence for many dialogues that no longer fit their recordings."""

from __future__ import annotations

import pytest

from pytest_duolog.reports.misfits import misfit_lines
from pytest_duolog.results.dialogue_result import DialogueResult, RecordingMisfit
from pytest_duolog.transcripts.markdown import from_markdown

TRANSCRIPT = from_markdown("Ann: Hello.\n\nBen: Hi.\n")


def result(*changes: str, remedy: str = "new_episodes") -> DialogueResult:
    misfit = RecordingMisfit(changes=changes, remedy=remedy)
    return DialogueResult(transcript=TRANSCRIPT, misfit=misfit)


def lines(nodeids: list[str], one: DialogueResult, *options: str, has_cache: bool = True) -> list[str]:
    return list(misfit_lines([(nodeid, one) for nodeid in nodeids], options, has_cache=has_cache))


SENTENCES = {
    "prompt": (
        result("system prompt of Bob"),
        (
            "2 dialogues are stale: system prompt of Bob changed in tests/x.py; record again: "
            "pytest --record-mode=new_episodes --lf"
        ),
    ),
    "several": (
        result("turns", "opener", "model of Bob"),
        (
            "2 dialogues are stale: turns, opener and model of Bob changed in tests/x.py; record again: "
            "pytest --record-mode=new_episodes --lf"
        ),
    ),
    "never recorded": (
        result(remedy="once"),
        (
            "2 dialogues in tests/x.py have no complete recording; record what is missing: "
            "pytest --record-mode=once --lf"
        ),
    ),
    "longer": (
        result(),
        (
            "2 dialogues in tests/x.py continue after their recordings end; record the rest: "
            "pytest --record-mode=new_episodes --lf"
        ),
    ),
    "moved": (
        result(remedy="adopt"),
        (
            "2 dialogues in tests/x.py are recorded for tests that no longer exist; take them over: "
            "duolog cassettes adopt"
        ),
    ),
}


@pytest.mark.parametrize(("one", "sentence"), SENTENCES.values(), ids=SENTENCES.keys())
def test_reason_that_dialogues_share_is_said_once(one: DialogueResult, sentence: str):
    assert lines(["tests/x.py::test_a", "tests/x.py::test_b"], one) == [sentence]


def test_each_reason_has_its_own_sentence_and_a_single_dialogue_none():
    found = [(f"x.py::test_{at}", result("turns")) for at in range(3)]
    found += [(f"y.py::test_{at}", result("opener")) for at in range(2)]
    found += [("z.py::test_it", result("grace")), ("z.py::test_fits", DialogueResult(transcript=TRANSCRIPT))]
    assert [line.partition(";")[0] for line in misfit_lines(found, [], has_cache=True)] == [
        "3 dialogues are stale: turns changed in x.py",
        "2 dialogues are stale: opener changed in y.py",
    ]


def test_dialogue_of_a_rerun_is_counted_once():
    once = [("x.py::test_a", result("turns")), ("x.py::test_a", result("turns"))]
    assert list(misfit_lines(once, [], has_cache=True)) == []
    [line] = misfit_lines([*once, ("x.py::test_b", result("turns"))], [], has_cache=True)
    assert line.startswith("2 dialogues are stale")


def test_files_are_counted_and_options_are_spelled_for_the_shell():
    [line] = lines(["a.py::t", "b b.py::t", "c.py::t"], result("turns"), "-o", "x=a b", "b b.py")
    assert line == (
        "3 dialogues are stale: turns changed in a.py and 2 more files; record again: "
        "pytest --record-mode=new_episodes --lf -o 'x=a b' 'b b.py'"
    )


def test_without_the_cache_of_pytest_the_tests_are_named():
    few = lines(["a.py::t[x y]", "a.py::t[z]", "b.py::C::t"], result("turns"), has_cache=False)
    many = lines([f"a.py::t{at}" for at in range(9)], result("turns"), has_cache=False)
    assert few[0].endswith(": pytest --record-mode=new_episodes a.py::t b.py::C::t")
    assert many[0].endswith(": pytest --record-mode=new_episodes a.py")
