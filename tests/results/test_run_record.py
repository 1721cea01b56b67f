"""Run records: what is refused, what adds up, and what is left of a file that was cut short."""

from __future__ import annotations

import gc
import json
import pickle
import random
import re
from copy import deepcopy
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.errors import RunRecordError
from pytest_duolog.gate.decide import decide_record
from pytest_duolog.results.dialogue_result import DialogueResult
from pytest_duolog.results.plan import GatePlan, RunPlan, ScenarioPlan
from pytest_duolog.results.record import Arm, Look, RunRecord, Sample, merge
from pytest_duolog.results.store import RecordWriter, fresh_record, read_record, write_record
from pytest_duolog.transcripts.transcript import Message, ToolCall, Transcript
from tests.interleaving import Interleaving, orders
from tests.run_records import GATE, STARTED, bar_record, gate_record, header, sample
from tests.storage.mutations import mutants

LOOK = Look(round=3, worse=1, same=58, better=1, log_pass=1.25, log_block=-0.5, log_local=0.1)


@pytest.mark.parametrize(
    ("samples", "problem"),
    [
        ([sample("z")], "z, sample 1 of the baseline: the plan does not have this scenario"),
        ([sample("a"), sample("a")], "it occurs twice"),
        (
            [sample("a"), sample("a", outcome="-", attempt=2)],
            "a, sample 1 of the baseline, attempt 2: it occurs twice",
        ),
        ([sample("a", outcome="!")] * 2, "it occurs twice"),
    ],
    ids=["stranger", "twice", "measured twice", "error twice"],
)
def test_samples_that_do_not_fit_are_refused(samples: list[Sample], problem: str) -> None:
    with pytest.raises(RunRecordError, match=problem):
        RunRecord(header(), tuple(samples))


def test_reading_leaves_the_collector_of_others_as_it_was(tmp_path: Path) -> None:
    write_record(tmp_path / "run.jsonl", bar_record({"a": "+"}))
    gc.freeze()
    try:
        read_record(tmp_path / "run.jsonl")
        assert gc.get_freeze_count()
    finally:
        gc.unfreeze()
    gc.disable()
    try:
        read_record(tmp_path / "run.jsonl")
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_plan_without_a_gate_has_no_candidate() -> None:
    with pytest.raises(RunRecordError, match="the plan has no gate, and so no candidate"):
        RunRecord(bar_record({"a": ""}).header, (sample("a", arm=Arm.CANDIDATE),))


def test_an_error_may_be_tried_again() -> None:
    record = RunRecord(
        header(), (sample("a", outcome="!"), sample("a", outcome="!", attempt=2), sample("a", attempt=3))
    )
    assert list(record.measured("a")) == [1]
    assert record.measured("b") == {}


def test_the_fingerprint_is_what_was_said() -> None:
    one, same, other = (
        sample(number=n, says=says) for n, says in enumerate(["Hello.", "Hello.", "Hello!"], start=1)
    )
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert sample().fingerprint is None


def test_a_record_reads_back_as_it_was_written(tmp_path: Path) -> None:
    bar = ScenarioPlan(20, "0.90", "meets")
    plan = RunPlan({"a": bar, "b": None}, GatePlan("0.05", 7), {"agent": "x:y"}, {"agent": "x:z"}, key="k")
    samples = (
        sample("a", says="Line\nbreak \u2028 and \x00", problem="assert ::error:: \x1b[31m", duration_s=1.5),
        sample("b", 2, "!", arm=Arm.CANDIDATE, attempt=3, problem="HTTP 500"),
    )
    record = RunRecord(header(plan, shard="1/2"), samples, (LOOK,))
    path = tmp_path / "record.jsonl"
    write_record(path, record)
    assert read_record(path) == record
    assert list(tmp_path.iterdir()) == [path]
    first, *rest = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert first["duolog_record"] == 2
    assert [list(line) for line in rest] == [["sample", "sum"], ["sample", "sum"], ["look", "sum"]]


def test_a_run_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "record.jsonl"
    with RecordWriter(path, header()) as writer:
        writer.append(sample("a", 1))
        writer.append(sample("a", 2, "!"))
    with path.open("ab") as file:
        file.write(b'{"sample": {"scenario": "a", "num')
    torn = read_record(path)
    assert torn.damage == (f"{path}: line 4 is incomplete (33 bytes) and was left out",)
    assert len(torn.samples) == 2
    with RecordWriter(path, header(created=STARTED + timedelta(hours=1))) as writer:
        assert writer.record.samples == torn.samples
        with pytest.raises(RunRecordError, match="it occurs twice"):
            writer.append(sample("a", 1))
        writer.append(sample("a", 2, attempt=2))
        writer.append_look(LOOK)
        known = writer.record
    whole = read_record(path)
    assert whole == known
    assert known.damage == torn.damage
    assert whole.damage == ()
    assert [one.key for one in whole.samples] == [
        ("a", 1, "baseline", 1),
        ("a", 2, "baseline", 1),
        ("a", 2, "baseline", 2),
    ]
    assert whole.header.created == STARTED


def test_every_cut_of_a_file_is_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    write_record(path, RunRecord(header(), (sample("a", 1, says="é"), sample("a", 2))))
    content = path.read_bytes()
    header_bytes = content.index(b"\n") + 1
    for end in range(len(content)):
        path.write_bytes(content[:end])
        if end < header_bytes:
            with pytest.raises(RunRecordError):
                read_record(path)
        else:
            record = read_record(path)
            assert len(record.samples) == content[:end].count(b"\n") - 1
            assert bool(record.damage) == (not content[:end].endswith(b"\n"))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "the run record is empty"),
        (b'{"duolog_rec', "the run record has no whole first line"),
        (b"# Dialogue\n", "line 1 is not the header of a run record"),
        (b'{"duolog_record": 1}\n', "the header of the run record is damaged: plan: Field required"),
        (b'{"duolog_record": 3}\n', r"format 3; this version of pytest-duolog reads up to 2"),
        (b"[" * 100_000 + b"\n", "line 1 is not the header"),
        (b"HEADER\n{}\n{\n", "line 3 of the run record cannot be read"),
        (
            b'HEADER\n{"sample": {"scenario": "a"}}\n',
            "line 2 of the run record cannot be read: sample.number: Field",
        ),
        (
            b'HEADER\n{"sample": {"properties": 5, "dialogues": [1]}}\n',
            "line 2 of the run record cannot be read",
        ),
        (b'HEADER\n{"samples": {}}\n', "line 2 of the run record cannot be read: samples: Extra"),
    ],
    ids=["empty", "cut", "other", "no plan", "newer", "deep", "damaged", "field", "old verdicts", "kind"],
)
def test_what_is_no_record_says_why(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "record.jsonl"
    write_record(path, RunRecord(header()))
    path.write_bytes(content.replace(b"HEADER\n", path.read_bytes()))
    with pytest.raises(RunRecordError, match=problem) as raised:
        read_record(path)
    assert raised.value.path == path


def test_a_file_that_holds_a_sample_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    write_record(path, RunRecord(header(), (sample("a"),)))
    with path.open("ab") as file:
        file.write(path.read_bytes().splitlines(keepends=True)[1])
    with pytest.raises(RunRecordError, match="it occurs twice") as raised:
        read_record(path)
    assert raised.value.path == path


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunRecordError, match="the run record cannot be read: No such file"):
        read_record(tmp_path / "none.jsonl")


def test_a_record_of_another_plan_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    write_record(path, RunRecord(header(), (sample("a"),)))
    before = path.read_bytes()
    with pytest.raises(RunRecordError, match="has another plan") as raised:
        RecordWriter(path, header(RunPlan({"a": None, "b": None}, GatePlan("0.05"))))
    assert "margin 0.05 (20 rounds)" in str(raised.value)
    assert path.read_bytes() == before


def test_two_runs_cannot_write_one_record(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    with (
        RecordWriter(path, header()),
        pytest.raises(RunRecordError, match="another run is writing this record"),
    ):
        RecordWriter(path, header())


@pytest.mark.parametrize(
    ("others", "problem"),
    [
        ([], "there is no record to merge"),
        ([{"plan": RunPlan({"a": None}, GatePlan())}, {}], "scenario b: not there and there"),
        ([{"plugin": "0.2.0"}, {}], r"plugin: 0\.\d\.0 and 0\.\d\.0"),
    ],
    ids=["none", "plan", "plugin"],
)
def test_only_parts_of_one_run_are_merged(others: list[dict[str, object]], problem: str) -> None:
    with pytest.raises(RunRecordError, match=problem):
        merge([RunRecord(header(**{"plan": GATE} | fields)) for fields in others])


def test_a_record_cannot_be_merged_with_itself() -> None:
    record = RunRecord(header(), (sample("a"),))
    with pytest.raises(RunRecordError, match="it occurs twice") as raised:
        merge([record, record])
    assert "give every record only once" in str(raised.value)


@given(
    st.randoms(use_true_random=False), st.integers(1, 8), st.integers(1, 6), st.sampled_from([0.0, 0.1, 0.4])
)
def test_any_split_merges_to_the_same_decision(
    rng: random.Random, n_scenarios: int, n_shards: int, worse: float
) -> None:
    def outcomes(rate: float) -> str:
        return "".join("+" if rng.random() < rate else "-" for _ in range(rng.choice([20, 20, 20, 4])))

    whole = gate_record({str(s): (outcomes(0.95), outcomes(0.95 - worse)) for s in range(n_scenarios)})
    samples = list(whole.samples)
    rng.shuffle(samples)
    parts: list[list[Sample]] = [[] for _ in range(n_shards)]
    for one in samples:
        rng.choice(parts).append(one)
    shards = [
        RunRecord(
            header(whole.header.plan, shard=str(n), created=STARTED + timedelta(n)), tuple(part), (LOOK,)
        )
        for n, part in enumerate(parts)
    ]
    merged = merge(shards)
    assert merged == merge([merge(shards[:1]), *shards[:0:-1]])
    assert sorted(merged.samples, key=lambda one: one.key) == sorted(whole.samples, key=lambda one: one.key)
    assert merged.looks == ()
    assert decide_record(merged) == decide_record(whole)


@given(st.randoms(use_true_random=False))
def test_bars_are_decided_the_same_from_shards(rng: random.Random) -> None:
    whole = bar_record({name: "".join(rng.choices("+-!", [9, 1, 1], k=20)) for name in "abc"})
    samples = list(whole.samples)
    rng.shuffle(samples)
    cut = rng.randint(0, len(samples))
    parts = [RunRecord(whole.header, tuple(part)) for part in (samples[:cut], samples[cut:])]
    assert decide_record(merge(parts)) == decide_record(whole)


def in_format_1(*dialogues: str) -> bytes:
    """A record of one sample as version 0.1.0 wrote it: the verdicts stand beside the dialogues."""
    verdict = {"property": "NoLoops", "outcome": "fails", "explanation": "it loops", "messages": [1]}
    sample = {
        "scenario": "a",
        "number": 1,
        "outcome": "failed",
        "properties": [verdict],
        "dialogues": [
            {"transcript": {"messages": [{"speaker": "A", "content": text}]}, "cassette": "c.jsonl"}
            for text in dialogues
        ],
    }
    plan = {"scenarios": {"a": None}, "gate": {}}
    lines = [
        {"duolog_record": 1, "plan": plan, "plugin": "0.1.0", "created": STARTED.isoformat()},
        {"sample": sample},
    ]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def test_a_record_of_format_1_is_read(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    path.write_bytes(in_format_1("Hello."))
    (found,) = read_record(path).samples
    (dialogue,) = found.dialogues
    (verdict,) = dialogue.verdicts
    assert dialogue.cassette == "c.jsonl"
    assert repr(verdict.verdict(dialogue.transcript)) == "NoLoops fails: it loops\n  message 1 (A): 'Hello.'"


@pytest.mark.parametrize("dialogues", [(), ("Hello.", "Hi.")], ids=["none", "two"])
def test_verdicts_of_format_1_that_are_nobodys_are_left_out(
    tmp_path: Path, dialogues: tuple[str, ...]
) -> None:
    path = tmp_path / "record.jsonl"
    path.write_bytes(in_format_1(*dialogues))
    (found,) = read_record(path).samples
    assert len(found.dialogues) == len(dialogues)
    assert list(found.verdicts) == []


def test_lines_that_were_changed_are_named(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    write_record(path, RunRecord(header(), (sample("a"), sample("b"), sample("a", 2)), (LOOK,)))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], lines[2].replace(b'"passed"', b'"failed"'), *lines[3:]]))
    assert read_record(path).damage == (
        f"{path}: line 3 (b, sample 1 of the baseline) was changed after it was written (edited by hand?)",
    )
    path.write_bytes(b"".join([*lines[:2], *lines[3:]]))
    (problem,) = read_record(path).damage
    assert problem.endswith(
        "line 3 (a, sample 2 of the baseline) was written as line 4: lines before it were removed, added or swapped"
    )
    path.write_bytes(re.sub(rb',"sum":"\w+"', b"", b"".join(lines)))
    (problem,) = read_record(path).damage
    assert problem.startswith(f"{path}: its checksums were removed, so it cannot be told whether somebody")


def check_mutants(folder: Path, n: int, *, seed: int) -> int:
    """Read `n` changed records; returns how many of them could be read."""
    path = folder / "record.jsonl"
    write_record(path, gate_record({"a": ("+-+-", "++-!"), "b": ("+!+", "-++")}))
    whole, n_read = read_record(path), 0
    for name, content in mutants(path.read_bytes(), n, seed=seed):
        path.write_bytes(content)
        try:
            record = read_record(path)
        except RunRecordError:
            continue
        is_start = (
            whole.samples[: len(record.samples)] == record.samples
        )  # as a run that was killed leaves it
        assert record.damage or (record.header == whole.header and is_start), name
        n_read += 1
    return n_read


def test_no_outcome_changes_in_silence(tmp_path: Path) -> None:
    assert check_mutants(tmp_path, 150, seed=1) > 20


@pytest.mark.slow
def test_no_outcome_changes_in_silence_whatever_is_done_to_a_file(tmp_path: Path) -> None:
    assert check_mutants(tmp_path, 1500, seed=2) > 200


def test_two_runs_that_begin_at_once_lose_no_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run either has its samples in a file or was told; so has the run before them."""
    ends = set()
    for n, order in enumerate(orders(60, seed=1, n_steps=80)):
        path = tmp_path / str(n) / "record.jsonl"
        write_record(path, RunRecord(header(), (sample("a", says="before"),)))

        def run(words: str, path: Path = path) -> str:
            with fresh_record(path, header()) as writer:
                writer.append(sample("a", says=words))
                writer.append(sample("b", says=words))
            return words

        with monkeypatch.context() as patched:
            done = Interleaving(patched, order).run(partial(run, "one"), partial(run, "two"))
        finished = [end for end in done if isinstance(end, str)]
        assert all(isinstance(end, str | RunRecordError) for end in done)
        assert finished
        kept = {
            tuple(one.dialogues[0].transcript.messages[0].content for one in read_record(file).samples)
            for file in path.parent.iterdir()
        }
        whole = [(words, words) for words in finished]
        assert kept == set(whole if len(whole) > 1 else [*whole, ("before",)])
        ends.add(len(finished))
    assert ends == {1, 2}


def test_a_record_without_secrets_has_its_calls_where_they_were_made() -> None:
    call = ToolCall(name="refund", at=len("hunter22 it is."))
    message = Message(speaker="Ann", content="hunter22 it is.\n\nI refunded it.", tool_calls=(call,))
    talk = DialogueResult(transcript=Transcript(messages=(message,)))
    record = RunRecord(header(), (sample("a", dialogues=(talk,), problem="hunter22"),))

    def redacted(value):
        return json.loads(json.dumps(value).replace("hunter22", "***"))

    (safe,) = record.without_secrets(redacted).samples
    assert safe.problem == "***"
    assert safe.dialogues[0].transcript == talk.transcript.without_secrets(redacted)
    assert safe.dialogues[0].transcript.messages[0].tool_calls[0].at == len("*** it is.")
    assert "hunter22" not in safe.model_dump_json()


def test_a_sample_is_copied_and_pickled_without_what_it_remembers() -> None:
    said = sample("a", says="Hi.")
    assert said.fingerprint is not None
    assert said.model_copy(update={"dialogues": ()}).fingerprint is None
    for copied in (pickle.loads(pickle.dumps(said)), deepcopy(said)):
        assert (copied, vars(copied), hash(copied)) == (said, {}, hash(said))


def test_a_message_has_no_room_beside_its_fields() -> None:
    message = Message(speaker="Ann", content="Hi.")
    assert not hasattr(message, "__dict__")
    with pytest.raises(AttributeError):
        message.model_copy(update={"mood": "good"})
    with pytest.raises(AttributeError):
        message.mood = "good"
