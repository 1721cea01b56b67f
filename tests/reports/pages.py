"""Records and dialogues that the tests of pages show."""

from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser

from pytest_duolog.gate.decide import decide_record
from pytest_duolog.gate.screen import Spoken, Turn, screen
from pytest_duolog.properties.base import judge
from pytest_duolog.properties.loops import NoLoops
from pytest_duolog.reports.report import report_text, screen_text
from pytest_duolog.results.acts import read_act
from pytest_duolog.results.arm import Pairing
from pytest_duolog.results.dialogue_result import DialogueResult, PropertyResult
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.results.plan import BlamePlan, GatePlan, RunPlan
from pytest_duolog.results.record import RunRecord, SampleOutcome
from pytest_duolog.transcripts.sources import Source
from pytest_duolog.transcripts.transcript import Message, Transcript
from tests.dialogues import LIGHTHOUSES, RITUAL, dialogue
from tests.run_records import arm_samples, gate_record, header

LOOPING = dialogue(*LIGHTHOUSES, *RITUAL, *("See you.",) * 20)
HEALTHY = dialogue(*LIGHTHOUSES, "It was a pleasure. Goodbye!")


class Page(HTMLParser):
    """What a browser would see: elements with their attributes, and the text of each kind of element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open = ""
        self._goes_on = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len(dict(attrs)), f"an attribute is there twice: {attrs}"
        self.elements.append((tag, dict(attrs)))
        if tag == "wbr":
            self._goes_on = True
        else:
            self._open = tag

    def handle_data(self, data: str) -> None:
        if self._goes_on:  # a word that may be broken is still one word
            tag, before = self.texts.pop()
            self.texts.append((tag, before + data))
        else:
            self.texts.append((self._open, data))
        self._goes_on = False

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def words(self) -> str:
        shown = " ".join(text for tag, text in self.texts if tag not in ("style", "script"))
        return " ".join(shown.split())


def filed(transcript: Transcript, name: str = "talk") -> FiledDialogue:
    return FiledDialogue(Source(name, f"{name}.md", 1, transcript)).judged([])


def spoken(record: RunRecord, said: Sequence[str] = ()) -> RunRecord:
    """The record with a dialogue in each sample, which loops where it failed; `said` stands before it.

    Every dialogue begins in its own words, for what is said again word for word counts once.
    """
    samples = []
    for sample in record.samples:
        talk = LOOPING if sample.outcome is SampleOutcome.FAILED else HEALTHY
        first = Message(speaker="Ann", content=f"Hello, {sample}.")
        more = tuple(Message(speaker="Ann", content=text) for text in said)
        told = talk.model_copy(update={"messages": (first, *more, *talk.messages[1:])})
        verdict = PropertyResult.of(judge(NoLoops(), told), told)
        result = DialogueResult(transcript=told, verdicts=(verdict,)).with_reading()
        samples.append(sample.model_copy(update={"dialogues": (result,)}))
    return RunRecord(record.header, tuple(samples))


def gate_of(
    outcomes: dict[str, tuple[str, str]], plan: GatePlan | None = None, said: Sequence[str] = ()
) -> RunRecord:
    """The record of a gate whose samples hold dialogues; outcomes as in `gate_record`."""
    return spoken(gate_record(outcomes, plan), said)


def blame_of(*outcomes: str, said: Sequence[str] = ()) -> RunRecord:
    """The record of a run with blame of one scenario: the outcomes of each pairing, as in `arm_samples`."""
    plan = RunPlan({"t.py::test_it": None}, blame=BlamePlan(10))
    samples = [
        sample
        for arm, found in zip(Pairing, outcomes, strict=True)
        for sample in arm_samples("t.py::test_it", arm, found)
    ]
    return spoken(RunRecord(header(plan), tuple(samples)), said)


def page_of(record: RunRecord) -> Page:
    return Page(report_text(record, decide_record(record), {}))


def screen_page(given: dict[str, list[tuple[Sequence[str], Sequence[str]]]]) -> str:
    """The page of a screen: by the name of a dialogue, what both sides answer at each of its turns."""
    turns, spoken = [], {}
    asked, recorded = (
        Message(speaker=name, content=text)
        for name, text in (("Ann", "Where is it?"), ("Ben", "It was recorded."))
    )
    for name, answers in given.items():
        said = [
            [tuple(Message(speaker="Ben", content=text) for text in side) for side in one] for one in answers
        ]
        heard = [[tuple(read_act(message, []) for message in side) for side in one] for one in said]
        turns.append((name, [Turn(2 * n, one[0], one[1]) for n, one in enumerate(heard, start=1)]))
        spoken[name] = {2 * n: Spoken(asked, recorded, *one) for n, one in enumerate(said, start=1)}
    return screen_text(screen(turns, n_permutations=99), "agent=openai:new", spoken, "")
