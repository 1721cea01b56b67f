"""A stored record in the place of the baseline."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pytest_duolog.cli import main
from pytest_duolog.storage.checksums import without_checksum
from tests.chat_server import ChatServer

SUITE = """
import pytest
from pytest_duolog import Speaker

@pytest.mark.dialogue(
    a=Speaker("Ann", model="openai:asker"), b=Speaker("Ben", model="openai:old", role="agent"), turns=1
)
@pytest.mark.parametrize("opener", [f"Opener {n}." for n in range(5)])
def test_it(opener, dialogue):
    assert "wrong" not in dialogue.messages[1].content
"""


class Models:
    """Every answer is another text; those of the models in `wrong` are wrong. It counts who is asked."""

    def __init__(self, server: ChatServer) -> None:
        self.wrong: set[str] = set()
        self.asked: Counter[str] = Counter()
        server.answer = self._answer

    def _answer(self, body: dict[str, Any]) -> str:
        model = body["model"]
        self.asked[model] += 1
        return f"{'wrong' if model in self.wrong else 'right'} answer {self.asked.total()}"


@pytest.fixture
def models(chat_server: ChatServer) -> Models:
    return Models(chat_server)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the record is kept that the first test makes for all of them."""
    return tmp_path_factory.mktemp("kept") / "stored.jsonl"


@pytest.fixture
def stored(pytester: pytest.Pytester, models: Models, kept: Path) -> Path:
    """A record of nine samples of each test; their recordings are gone."""
    pytester.makepyfile(test_it=SUITE)
    path = pytester.path / "stored.jsonl"
    if not kept.exists():
        run(pytester, "--duolog-samples=9", "--duolog-record=stored.jsonl").assert_outcomes(passed=5)
        shutil.rmtree(pytester.path / "cassettes")
        models.asked.clear()
        shutil.copy(path, kept)
    return Path(shutil.copy(kept, path))


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    return pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once", *options)


NO_FILE = ("--duolog-baseline=none.jsonl",)


def gate(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    return run(pytester, "--duolog-candidate=agent=openai:new", *options)


@pytest.mark.parametrize(
    "options",
    [
        ("--duolog-baseline=stored.jsonl",),
        ("-o", "duolog_baseline=stored.jsonl"),
        pytest.param(("--duolog-baseline=stored.jsonl", "-n2"), marks=pytest.mark.slow),
    ],
    ids=["option", "ini", "xdist"],
)
def test_little_more_than_the_candidate_is_asked_for(
    pytester: pytest.Pytester, models: Models, stored: Path, options: tuple[str, ...]
) -> None:
    result = gate(pytester, "--duolog-rounds=9", *options)
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines(
        ["PASS: the mean pass rate does not drop*", "baseline 40 of 40 passed (100 %), candidate 40 of 40*"]
    )
    assert models.asked["old"] == 5 * (
        5 if "-n2" in options else 1
    )  # a worker does not know whether more are needed
    assert models.asked["new"] >= 5 * 8


def test_samples_that_are_not_stored_are_run(pytester: pytest.Pytester, models: Models, stored: Path) -> None:
    lines = stored.read_text().splitlines()
    kept = [line for line in lines if json.loads(line).get("sample", {}).get("number", 1) <= 5]
    stored.write_text("\n".join(kept) + "\n")
    gate(pytester, "--duolog-baseline=stored.jsonl", "--duolog-concurrency=1").assert_outcomes(passed=5)
    assert models.asked["old"] == 5 * (1 + 3)


def test_worse_candidate_is_blocked(pytester: pytest.Pytester, models: Models, stored: Path) -> None:
    models.wrong = {"new"}
    result = gate(pytester, "--duolog-baseline=stored.jsonl")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["BLOCK: the candidate passes less often than the baseline*"])


def test_baseline_that_has_changed_decides_nothing(
    pytester: pytest.Pytester, models: Models, stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models.wrong = {"old"}
    result = gate(pytester, "--duolog-baseline=stored.jsonl")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    changed = "INCONCLUSIVE: the baseline has changed, or may have: *"
    result.stdout.fnmatch_lines([changed])
    assert models.asked["new"] <= 5 * 10
    capsys.readouterr()
    assert main(["gate", str(pytester.path / ".duolog" / "record.jsonl")]) == 3
    assert capsys.readouterr().out.startswith(changed[:-1])


@pytest.mark.parametrize(
    ("options", "problem", "workers"),
    [
        (("--duolog-model=Ann=openai:other",), "it was run with Ann=openai:asker, agent=openai:old, *", ()),
        (NO_FILE, "--duolog-baseline: the run record cannot be read: No such file*", ()),
        pytest.param(
            NO_FILE,
            "--duolog-baseline: the run record cannot be read: No such file*",
            ("-n1",),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["other models", "no file", "no file, xdist"],
)
def test_record_that_is_no_baseline_is_refused_before_anything_is_asked(
    pytester: pytest.Pytester,
    models: Models,
    stored: Path,
    options: tuple[str, ...],
    problem: str,
    workers: tuple[str, ...],
) -> None:
    result = gate(pytester, "--duolog-baseline=stored.jsonl", *options, *workers)
    assert result.ret == (pytest.ExitCode.TESTS_FAILED if workers else pytest.ExitCode.INTERRUPTED)
    result.stdout.fnmatch_lines([f"*{problem}*"])
    assert not models.asked


def test_baseline_without_a_candidate_is_refused(
    pytester: pytest.Pytester, models: Models, stored: Path
) -> None:
    result = run(pytester, "--duolog-baseline=stored.jsonl")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(
        ["*--duolog-baseline stored.jsonl: there is no candidate to compare it with*"]
    )


def test_record_without_its_checksums_is_no_baseline(
    pytester: pytest.Pytester, models: Models, stored: Path
) -> None:
    stored.write_bytes(b"\n".join(map(without_checksum, stored.read_bytes().splitlines())) + b"\n")
    result = gate(pytester, "--duolog-baseline=stored.jsonl")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*stored.jsonl: its checksums were removed, so it cannot be told *"])
    assert not models.asked


def test_record_that_was_changed_by_hand_is_no_baseline(
    pytester: pytest.Pytester, models: Models, stored: Path
) -> None:
    lines = stored.read_bytes().splitlines()
    lines[2] = lines[2].replace(b'"passed"', b'"failed"')
    stored.write_bytes(b"\n".join(lines) + b"\n")
    result = gate(pytester, "--duolog-baseline=stored.jsonl")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(
        [
            "*: line 3 (test_it.py::test_it*, sample *) was changed after it was written (edited*). Make a new one*"
        ]
    )
    assert not models.asked


def test_fewer_tests_are_compared_with_the_same_record(
    pytester: pytest.Pytester, models: Models, stored: Path
) -> None:
    result = gate(pytester, "--duolog-baseline=stored.jsonl", "--duolog-margin=0.2", "-k", "0 or 1 or 2")
    assert result.ret == pytest.ExitCode.OK
    assert models.asked["old"] == 3 * 1


CHECK = """
MOST = 99

def is_fine(text):
    return len(text) < MOST
"""
CHECKED = SUITE.replace("import pytest\n", "import pytest, checks\n").replace(
    'assert "wrong"', 'assert checks.is_fine(dialogue.messages[1].content)\n    assert "wrong"'
)


@pytest.mark.parametrize(
    ("checks", "suite", "n_anew"),
    [
        (CHECK, CHECKED, 0),
        (CHECK.replace("MOST = 99", "# in characters\nMOST = 99"), CHECKED, 0),
        (CHECK.replace("99", "98"), CHECKED, 5),
        (CHECK.replace("<", "<="), CHECKED, 5),
        (CHECK, CHECKED.replace("    assert checks", "    assert dialogue.messages\n    assert checks"), 5),
        (CHECK, CHECKED.replace("range(5)", "range(7)"), 2),
        (CHECK, CHECKED + "\ndef test_other():\n    pass\n", 0),
    ],
    ids=["same", "comment", "constant", "helper", "assertion", "more tests", "another test"],
)
def test_what_changed_since_is_run_anew(
    pytester: pytest.Pytester, models: Models, checks: str, suite: str, n_anew: int
) -> None:
    pytester.makepyfile(test_it=CHECKED, checks=CHECK)
    collected = run(pytester, "--duolog-collect=3", "--duolog-record=stored.jsonl")
    assert (collected.ret, collected.parseoutcomes()) == (0, {"collected": 5})
    shutil.rmtree(pytester.path / "cassettes")
    for name in ("checks", "test_it"):
        sys.modules.pop(name, None)
    pytester.makepyfile(test_it=suite, checks=checks)
    models.asked.clear()
    result = gate(pytester, "--duolog-baseline=stored.jsonl", "--duolog-rounds=2", "--duolog-concurrency=1")
    if n_anew == 5:
        assert result.ret == pytest.ExitCode.INTERRUPTED
        result.stdout.fnmatch_lines(["*5 of 5 scenarios had other models, prompts, properties or source: *"])
    else:
        assert models.asked["old"] == 2 * n_anew
        assert ("is not in it" in result.stdout.str() or "are not in it" in result.stdout.str()) is bool(
            n_anew
        )
