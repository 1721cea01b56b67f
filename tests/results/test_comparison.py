"""What may be claimed of a candidate's character, and how often it is false."""

from __future__ import annotations

import random

import pytest

from pytest_duolog.results.comparison import TIMES, Measured, compare, differences_of, on_trial
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.results.record import SampleOutcome
from pytest_duolog.results.survival import Event
from pytest_duolog.results.traits import TRAITS, said_by
from pytest_duolog.stats.survival import Observation
from pytest_duolog.transcripts.sources import Source
from pytest_duolog.transcripts.transcript import Message, ToolCall, Transcript, TranscriptSpeaker
from pytest_duolog.transcripts.usage import Usage

SHORT = "Lamps burn oil, number {}."
LONG = (
    "Lamps burn oil in the lighthouse, number {}, and the keeper of the rock trims them every single night."
)


def talk(number: int, text: str, *, model: str = "", test: str = "", **facts) -> FiledDialogue:
    speakers = (
        TranscriptSpeaker(name="Ann", model="same"),
        TranscriptSpeaker(name="Ben", model=model or None),
    )
    messages = (
        Message(speaker="Ann", content=f"What about lamp {number}?"),
        Message(speaker="Ben", content=text.format(number)),
    )
    transcript = Transcript(speakers=speakers, messages=messages)
    return FiledDialogue(Source(f"talk {number}", "f.json", 1, transcript), test=test, **facts)


def sides(n: int = 12, **facts) -> tuple[list[FiledDialogue], list[FiledDialogue]]:
    return (
        [talk(at, SHORT, model="old", **facts) for at in range(n)],
        [talk(at, LONG, model="new", **facts) for at in range(n)],
    )


def test_longer_messages_are_claimed_and_shown_by_a_pair():
    found = compare(*sides())
    words = next(difference for difference in found.claimed if difference.name == "words")
    assert found.speakers == ["Ben"]
    assert words.candidate > words.baseline
    one, two = found.pair_of(words)
    assert one.source.id == two.source.id
    assert len(said_by(one).messages) == 2


def test_without_a_measurement_nothing_is_said_of_cost_and_time():
    found = compare(*sides())
    assert {"cost of a reply", "time for a reply (median)", "tool calls in a message"} <= set(
        found.unmeasured
    )


def test_copies_errors_and_tests_of_one_side_are_left_out():
    old, new = sides(3, test="t")
    extra = [talk(9, SHORT, model="old", test="only here"), old[0]]
    failed = talk(8, SHORT, model="old", test="t", outcome=SampleOutcome.ERROR)
    found = compare([*old, *extra, failed], new)
    assert (len(found.baseline), found.n_alone, found.n_copies) == (3, 1, 1)


def test_few_shared_names_do_not_make_pairs():
    old, new = sides(10)
    renamed = [talk(at + 9, LONG, model="new") for at in range(10)]
    assert compare(old, new).n_strata == 10
    assert compare(old, renamed).n_strata == 1


def test_all_speakers_count_if_no_model_differs():
    old, _ = sides()
    assert on_trial(old, old) == ["Ann", "Ben"]
    assert not compare(old, old).claimed


def test_named_speakers_limit_every_figure():
    old, new = sides()
    found = compare(old, new, speakers=["Ben"])
    (messages,) = (trait for trait in TRAITS if trait.name == "messages")
    assert messages.measure(said_by(old[0], ["Ben"])) == messages.measure(said_by(old[0])) / 2
    assert {difference.name for difference in found.differences} <= {trait.name for trait in TRAITS}
    assert set(TIMES.values()) <= set(found.unmeasured)
    assert not set(TIMES.values()) <= set(compare(old, new).unmeasured)


def test_values_are_read_from_what_files_have():
    message = Message(
        speaker="Ben",
        content="Absolutely! Which lamp is it?",
        finish="truncated",
        usage=Usage(reply_tokens=7, reasoning_tokens=3, cost=0.5),
        latency_ms=1500,
        tool_calls=(ToolCall(name="look", is_error=True), ToolCall(name="look")),
    )
    told = FiledDialogue(Source("t", "", 1, Transcript(messages=(message,))))
    found = {trait.name: trait.measure(said_by(told, (), "en")) for trait in TRAITS}
    expected = {
        "words": 5,
        "questions": 1,
        "agreement": 1,
        "refusals": 0,
        "tool_calls": 2,
        "failed_calls": 0.5,
    }
    expected |= {"cut_off": 1, "tokens": 10, "cost": 0.5, "latency": 1.5, "messages": 1}
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_a_refusal_counts_by_its_words_or_its_reason():
    (trait,) = (trait for trait in TRAITS if trait.name == "refusals")
    said = [
        Message(speaker="B", content="I can't help with that."),
        Message(speaker="B", content="", finish="refused"),
        Message(speaker="B", content=f"I am unable to change that. {'Our terms apply to everybody. ' * 9}"),
    ]
    told = FiledDialogue(Source("t", "", 1, Transcript(messages=tuple(said))))
    assert trait.measure(said_by(told)) == 1


def drawn(rng: random.Random, stratum: int) -> Measured:
    """Values that depend on each other and on the stratum, and times with a cap."""
    base = rng.gauss(0.3 * stratum, 1)
    values = {
        trait.name: float(rng.random() < 0.1) if at % 4 == 0 else base + rng.gauss(0, 1)
        for at, trait in enumerate(TRAITS)
    }
    times = {}
    for event in Event:
        time = 1 + int(rng.expovariate(1 / 12))
        times[event] = Observation(min(time, 20), time <= 20)
    return Measured(stratum, values, times)


@pytest.mark.parametrize("n_pages", [60, pytest.param(400, marks=pytest.mark.slow)], ids=["some", "many"])
def test_one_model_on_both_sides_is_rarely_said_to_differ(n_pages):
    rng, claims = random.Random(11), 0
    for _ in range(n_pages):
        one, two = ([drawn(rng, stratum) for stratum in range(3) for _ in range(4)] for _ in range(2))
        differences, _, _ = differences_of(one, two, n_exchanges=399, rate=0.2)
        claims += any(difference.is_claimed for difference in differences)
    assert claims / n_pages <= 0.2


def test_intervals_of_shares_stay_where_shares_can_be():
    def shares(*values: float) -> list[Measured]:
        return [Measured("one test", {"questions": value}, {}) for value in values]

    (asked,), _, _ = differences_of(shares(0.0, 1.0), shares(0.9, 1.0), n_exchanges=99)
    assert asked.interval is not None
    assert -1 <= asked.interval.low < 0 < asked.interval.high <= 1
