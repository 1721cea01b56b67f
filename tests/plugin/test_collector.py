"""What the end of a run is told from, and how it crosses to the controller of pytest-xdist."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import execnet
import pytest

from pytest_duolog.plugin import collector_of
from pytest_duolog.plugin.collector import RECORD_ATTRIBUTE, REPORT_ATTRIBUTE, Collector
from pytest_duolog.plugin.wire import RecordPart
from pytest_duolog.properties.verdict import Outcome
from pytest_duolog.results.dialogue_result import Citation, DialogueResult, PropertyResult
from pytest_duolog.transcripts.transcript import Message, StopKind, StopReason, Transcript
from pytest_duolog.transcripts.usage import Usage
from tests.run_records import GATE, sample

TALK = DialogueResult(
    name="morning",
    transcript=Transcript(
        messages=(
            Message(speaker="A", content="Hello \x1b[31m \ud800", usage=Usage(cost=0.5), latency_ms=1.5),
        ),
        stop_reason=StopReason(kind=StopKind.TURNS),
    ),
    cassette="c.jsonl",
    played=1,
    fresh=(1,),
    notices=("it was cut",),
    verdicts=(
        PropertyResult(
            property="P", outcome=Outcome.FAILS, explanation="so", evidence=(Citation(message=1, quote="H"),)
        ),
    ),
)


def test_pytest_may_keep_it_in_a_set():
    assert len({Collector(), Collector()}) == 2


def test_notice_that_many_samples_share_is_said_once():
    collector = Collector()
    collector.take("t::a", [TALK, TALK])
    collector.take("t::b", [TALK])
    assert list(collector.summary())[1:] == ["t::a: it was cut (in 2 dialogues)", "t::b: it was cut"]


def test_notice_that_many_tests_share_is_said_once():
    collector = Collector()
    for name in "abcd":
        collector.take(f"t::{name}", [TALK])
    assert list(collector.summary())[1:] == ["it was cut (in 4 tests, the first is t::a)"]


def report_of_test() -> pytest.TestReport:
    return pytest.TestReport("t.py::t", ("t.py", 0, "t"), {}, "passed", None, "call")


def test_report_crosses_to_the_controller_and_means_the_same(pytester: pytest.Pytester):
    config = pytester.parseconfigure()
    report, undecided = report_of_test(), report_of_test()
    part = RecordPart(GATE, (sample("a"), sample("b", 2, "-", says="Hi.")), (undecided,))
    setattr(undecided, REPORT_ATTRIBUTE, (TALK,))
    setattr(report, REPORT_ATTRIBUTE, (TALK, TALK))
    setattr(report, RECORD_ATTRIBUTE, part)
    sent = config.hook.pytest_report_to_serializable(config=config, report=report)
    data = execnet.loads(execnet.dumps(sent))
    received = config.hook.pytest_report_from_serializable(config=config, data=data)
    assert getattr(received, REPORT_ATTRIBUTE) == (TALK, TALK)
    arrived = getattr(received, RECORD_ATTRIBUTE)
    assert (arrived.plan, arrived.samples) == (part.plan, part.samples)
    assert getattr(arrived.undecided[0], REPORT_ATTRIBUTE) == (TALK,)
    assert getattr(report, REPORT_ATTRIBUTE) == (TALK, TALK), "the worker's own report is as it was"


def test_report_without_dialogues_crosses_as_ever(pytester: pytest.Pytester):
    config = pytester.parseconfigure()
    sent = config.hook.pytest_report_to_serializable(config=config, report=report_of_test())
    assert sent.keys().isdisjoint({REPORT_ATTRIBUTE, RECORD_ATTRIBUTE})
    assert config.hook.pytest_report_from_serializable(config=config, data=sent).passed


def test_two_threads_may_ask_for_it_at_once(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """pytest-xdist receives the reports of each worker in a thread of its own."""
    config = pytester.parseconfigure()
    register, together = config.pluginmanager.register, threading.Barrier(2)

    def register_slowly(plugin: object, name: str | None = None) -> str | None:
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(0.2)  # for the other thread, which waits elsewhere if all is well
        return register(plugin, name)

    monkeypatch.setattr(config.pluginmanager, "register", register_slowly)
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(collector_of, [config] * 2)
    assert first is second
