"""What a type checker knows of methods and exports: the names, the arguments, and what is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

USER = """
from pytest_duolog import Dialogue, NoLoops, Transcript, Verdict
from pytest_duolog.properties import StaysOnTopic
from pytest_duolog import NoLops  # line 4

def check(dialogue: Dialogue, transcript: Transcript) -> Verdict:
    transcript.mentions("lamp", "refund", speaker="Ann")
    dialogue.stays_on_topic("lamps", threshold=0.2)
    dialogue.has_no_loops(alow=())  # line 9
    dialogue.has_no_lops()  # line 10
    dialogue.terminates_within("20")  # line 11
    NoLoops(5)  # line 12
    return StaysOnTopic("lamps").check(transcript)
"""


@pytest.mark.slow
def test_mypy_finds_the_mistakes_and_nothing_else(tmp_path: Path):
    api = pytest.importorskip("mypy.api")
    path = tmp_path / "user.py"
    path.write_text(USER, "utf-8")
    options = ["--strict", "--config-file=", f"--cache-dir={tmp_path / 'cache'}"]
    out, err, _ = api.run([*options, str(path)])
    assert {int(line) for line in re.findall(r"user\.py:(\d+): error", out)} == {4, 9, 10, 11, 12}, out + err
