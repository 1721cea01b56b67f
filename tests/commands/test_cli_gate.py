"""`duolog gate` and `duolog merge`: decisions from files alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_duolog.cli import main
from pytest_duolog.results.plan import GatePlan
from pytest_duolog.results.record import RunRecord, merge
from pytest_duolog.results.store import read_record, write_record
from tests.run_records import bar_record, gate_record, header, sample

PASSING = gate_record({f"t{s}": ("++", "++") for s in range(20)})
BLOCKED = gate_record({f"t{s}": ("+++", "---") for s in range(20)})
OPEN = gate_record({f"t{s}": ("+", "+") for s in range(20)})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("record", "status", "first"),
    [
        (PASSING, 0, "PASS: the mean pass rate does not drop by 10 points or more"),
        (BLOCKED, 1, "BLOCK: the candidate passes less often than the baseline, most of all in t0"),
        (OPEN, 3, "INCONCLUSIVE: the evidence decides neither way; round 2 lacks 20 pairs: t0"),
        (bar_record({"a": "+" * 12}), 0, "a: PASS: 12 of 12 passed"),
        (bar_record({"a": "--"}), 1, "a: FAIL: 0 of 2 passed"),
    ],
    ids=["pass", "block", "inconclusive", "bar", "bar fails"],
)
def test_a_record_is_decided_again(
    folder: Path, capsys: pytest.CaptureFixture[str], record: RunRecord, status: int, first: str
) -> None:
    write_record(Path("record.jsonl"), record)
    assert main(["gate", "record.jsonl"]) == status
    assert capsys.readouterr().out.startswith(first)


@pytest.mark.parametrize(
    ("record", "means", "status"),
    [(OPEN, "warn", 0), (OPEN, "fail", 3), (OPEN, "75", 75), (BLOCKED, "warn", 1), (BLOCKED, "75", 1)],
    ids=["warn", "fail", "number", "block", "block, number"],
)
def test_what_an_inconclusive_gate_means_can_be_said(
    folder: Path, capsys: pytest.CaptureFixture[str], record: RunRecord, means: str, status: int
) -> None:
    write_record(Path("record.jsonl"), record)
    assert main(["gate", "record.jsonl", "--inconclusive", means]) == status
    assert capsys.readouterr().out.startswith(("INCONCLUSIVE: ", "BLOCK: "))


def test_another_margin_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_record(Path("record.jsonl"), PASSING)
    assert main(["gate", "record.jsonl", "--margin", "0.05"]) == 3
    out = capsys.readouterr().out
    assert out.startswith(
        "margin 0.05 is from the command line; the run was planned with 0.10\nINCONCLUSIVE: "
    )
    assert "drops by 5 points or more" in out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["gate", "record.jsonl", "--margin", "10"], "duolog: margin 10 is not inside (0, 1)"),
        (["gate", "record.jsonl", "--margin", "ten"], "duolog: 'ten' is not a number"),
        (["gate", "record.jsonl", "--margin", "nan"], "duolog: 'nan' is not a number"),
        (
            ["gate", "bars.jsonl", "--margin", "0.1"],
            "the plan of these records has no gate, so it has no margin",
        ),
        (
            ["gate", "record.jsonl", "--inconclusive", "0"],
            "duolog: '0' is not known",
        ),
        (
            ["gate", "record.jsonl", "--inconclusive", "256"],
            "(accepted: fail, warn, or an exit status from 1 to 255)",
        ),
        (["gate", "none.jsonl"], "the run record cannot be read: No such file or directory"),
        (["gate", "empty.jsonl"], "duolog: the run record has no samples, so nothing can be decided"),
        (["gate", "record.jsonl", "bars.jsonl"], "duolog: these records have different plans"),
        (["gate", "record.jsonl", "record.jsonl"], "it occurs twice"),
        (["gate", "notes.md"], "line 1 is not the header of a run record\n  record:  notes.md"),
        (["merge", "record.jsonl", "record.jsonl", "-o", "out.jsonl"], "it occurs twice"),
        (["merge", "empty.jsonl", "-o", "out.jsonl"], "the run record has no samples"),
    ],
    ids=[
        "margin",
        "no number",
        "not a finite number",
        "no gate",
        "status 0",
        "status too high",
        "missing",
        "no samples",
        "plans",
        "twice",
        "other file",
        "merge",
        "merge none",
    ],
)
def test_bad_input_is_one_clear_error(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str
) -> None:
    write_record(Path("record.jsonl"), PASSING)
    write_record(Path("bars.jsonl"), bar_record({"a": "+"}))
    write_record(Path("empty.jsonl"), RunRecord(header()))
    Path("notes.md").write_text("# Notes\n", "utf-8")
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert problem in captured.err
    assert captured.out == ""
    assert not Path("out.jsonl").exists()


def test_a_file_that_was_cut_is_decided_and_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("record.jsonl")
    write_record(path, PASSING)
    path.write_bytes(path.read_bytes()[:-9])
    assert main(["gate", "record.jsonl"]) == 3
    out = capsys.readouterr().out
    assert "round 2 lacks 1 pair: t19" in out
    assert "record.jsonl: line 81 is incomplete" in out


def test_all_errors_are_inconclusive_with_the_reason(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    errors = [sample(f"t{s}", 1, "!", problem="HTTP 401 \x1b[31m") for s in range(20)]
    write_record(Path("record.jsonl"), RunRecord(PASSING.header, tuple(errors)))
    assert main(["gate", "record.jsonl"]) == 3
    out = capsys.readouterr().out
    assert out.startswith("INCONCLUSIVE: ")
    assert (
        "20 of 20 attempts ended in an error, which counts neither as pass nor as failure: HTTP 401 \\x1b[31m"
        in out
    )


def test_shards_are_merged_and_decided_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for n in range(3):
        part = RunRecord(PASSING.header, PASSING.samples[n::3])
        write_record(Path(f"shard{n}.jsonl"), part)
    assert main(["gate", "shard0.jsonl"]) == 3
    capsys.readouterr()
    assert main(["merge", "shard2.jsonl", "shard0.jsonl", "shard1.jsonl", "-o", "merged.jsonl"]) == 0
    assert capsys.readouterr().out.startswith("merged.jsonl: 80 samples of 3 records\nPASS: ")
    merged = read_record(Path("merged.jsonl"))
    assert merged.samples == merge([PASSING]).samples
    assert [look.round for look in merged.looks] == [2]
    assert main(["gate", "merged.jsonl"]) == 0


def test_merging_adds_to_the_summary_of_its_step(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    Path("summary.md").write_text("from a step before\n")
    write_record(Path("shard.jsonl"), PASSING)
    assert main(["merge", "shard.jsonl", "-o", "merged.jsonl"]) == 0
    assert Path("summary.md").read_text().startswith("from a step before\n## PASS&#58; ")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder))
    assert main(["merge", "shard.jsonl", "-o", "merged.jsonl"]) == 0
    assert f"step summary: {folder} cannot be written: " in capsys.readouterr().out


def test_merging_over_an_older_record_replaces_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_record(Path("merged.jsonl"), gate_record({"other": ("+", "+")}, GatePlan("0.5")))
    write_record(Path("shard.jsonl"), PASSING)
    assert main(["merge", "shard.jsonl", "-o", "merged.jsonl"]) == 0
    assert len(read_record(Path("merged.jsonl")).samples) == 80
