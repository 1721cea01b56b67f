"""The embedded model as a judge: it is held to the form of its answer, and what it cannot finish is no verdict."""

from __future__ import annotations

import json
import re

import pytest

from pytest_duolog.local.weights import find_weights
from pytest_duolog.recording.journal_file import read_journal
from tests.local.test_server import MODEL, missing_piece, needs_model

# An inner run has another home folder.
WEIGHTS = "" if missing_piece() else str(find_weights(MODEL))

PROJECT = """
import pytest
from pytest_duolog import Judged, Outcome, Script, Speaker

@pytest.mark.dialogue(
    a=Speaker("Ann", model=Script("It went dark.")), b=Speaker("Ben", model=Script("We send a new one.")),
    opener="My lamp is broken.", turns=1,
)
def test_lamp(dialogue):
    verdict = dialogue.satisfies(
        Judged("They talk about a lamp.", by="local:smollm2-135m-instruct", votes=1, max_tokens=14)
    )
    print("verdict:", verdict)
    assert verdict
"""


@needs_model
@pytest.mark.local
def test_answer_that_a_real_model_did_not_finish_could_not_be_measured(pytester, monkeypatch):
    monkeypatch.setenv("DUOLOG_LOCAL_GGUF", WEIGHTS)
    pytester.makepyfile(test_project=PROJECT)
    for mode in ("once", "none"):
        result = pytester.runpytest(f"--record-mode={mode}", "-p", "no:cacheprovider", "-p", "no:asyncio")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*could not be measured: 0 of 1 votes of local:smollm2-135m-instruct*"])
    (cassette,) = pytester.path.rglob("*.jsonl")
    (vote,) = read_journal(cassette).interactions
    assert vote.is_vote
    (choice,) = json.loads(vote.response.content)["choices"]
    assert choice["finish_reason"] == "length"
    # Some versions of llama.cpp let the model open a Markdown block first.
    assert re.match(r"\s*(```(json)?\s*)?\{", choice["message"]["content"]), "it was held to the object"
