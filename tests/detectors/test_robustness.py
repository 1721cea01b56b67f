"""Detectors on what no honest dialogue holds: they answer, always the same, and as they went along."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.detectors.closings import ClosingDetector
from pytest_duolog.detectors.loops import LoopDetector
from tests.dialogues import LIGHTHOUSES, RITUAL

# Words that many phrases begin or go on with, and what they break off with.
NEARLY = [
    "thank you so much ", "has been a a ", "have a very really truly ", "that is that ", "i must have to ", "no no ",
    "see you see ", "it was so very ", "would you like to ", "don't have any more else ", "wish you ", "a ", "? ",
    "' ", '"',
    "다음에 ", "祝", "では ", "(", "!?", "\u0301", "1 ",
]  # fmt: skip


@pytest.mark.parametrize("part", NEARLY, ids=repr)
def test_beginnings_of_phrases_without_end_are_read(part):
    detector = LoopDetector()
    for speaker, content in [("Ann", part * 5000), ("Ben", "Where were we?"), ("Ann", part * 5000 + "you")]:
        detector.read(speaker, content)
    assert detector.loops() == []


WORDS = st.sampled_from([*LIGHTHOUSES[:4], *RITUAL[:6], "Goodbye!", ".", "", "And then?", "I see.", "🙏"])


@given(st.lists(WORDS, max_size=30))
def test_asking_along_the_way_changes_nothing(texts):
    curious, silent = LoopDetector(), LoopDetector()
    for at, content in enumerate(texts):
        curious.read("AB"[at % 2], content)
        curious.loops()
        curious.closings.at_end()
        silent.read("AB"[at % 2], content)
    assert curious.loops() == silent.loops()
    assert curious.closings.at_end() == silent.closings.at_end()


@given(st.lists(st.text(max_size=60), max_size=30))
def test_any_text_is_read(texts):
    detector = ClosingDetector()
    for content in texts:
        detector.read(content)
    closing = detector.at_end()
    assert closing is None or 0 <= closing < len(texts)


def test_findings_do_not_depend_on_hash_seeds():
    program = (
        "import json; from pytest_duolog.detectors.loops import LoopDetector; "
        "from tests.dialogues import LIGHTHOUSES, RITUAL\n"
        "detector = LoopDetector()\n"
        "for at, content in enumerate([*LIGHTHOUSES, *RITUAL, *LIGHTHOUSES]): detector.read('AB'[at % 2], content)\n"
        "print(json.dumps([repr(detector.loops()), detector.closings.at_end()]))"
    )
    answers = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    ]
    assert answers[0] == answers[1] == answers[2]
    assert json.loads(answers[0])[1] == 12
