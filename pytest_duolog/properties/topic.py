"""The property that a dialogue stays on its topic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_duolog.display import shorten
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.properties.base import Property
from pytest_duolog.properties.verdict import Verdict
from pytest_duolog.topics.assess import THRESHOLD, WORDS, TopicAssessment, assess_topic
from pytest_duolog.topics.breaks import FEW
from pytest_duolog.transcripts.transcript import Transcript

# This many messages are quoted from the beginning of a stretch that drifted.
_QUOTED = 2


@dataclass(frozen=True)
class StaysOnTopic(Property, method="stays_on_topic"):
    """The dialogue is about its topic, and does not leave it.

    The topic is `topic`, or else the one of the scenario. Without either, the dialogue is compared with its own
    opening: it must not leave what it is about. The measures are between 0 and 1, see `assess_topic`; below `threshold`
    is off topic. Greetings, closings, small talk and short acknowledgements do not count as drift.
    """

    topic: str | None = None
    threshold: float = THRESHOLD

    def __post_init__(self) -> None:
        is_text = isinstance(self.topic, str) and bool(self.topic.strip())
        if self.topic is not None and not is_text:
            raise ConfigurationError(f"StaysOnTopic: the topic must be a non-blank text (got {self.topic!r})")
        if type(self.threshold) not in (int, float) or not 0 <= self.threshold <= 1:
            raise ConfigurationError(
                f"StaysOnTopic: threshold {self.threshold!r} is not a number from 0 to 1"
            )

    def check(self, transcript: Transcript) -> Verdict:
        """The verdict; the evidence is the beginning of each stretch that drifted.

        Could not be measured if the dialogue has too little content.
        """
        if not transcript.messages:
            return self.verdict(None, "there are no messages")
        found = assess_topic(transcript, self.topic or transcript.topic or None, threshold=self.threshold)
        about = "what it is about" if found.statement is None else shorten(found.statement)
        if found.score is None and not found.turn:
            return self.verdict(None, f"too little is said to compare it with {about}{_advice(found)}")
        numbered = list(transcript.numbered())
        shown = [numbered[at] for first, last in found.stretches for at in range(first, last + 1)[:_QUOTED]]
        if found.turn:
            shown = numbered[found.turn.at : found.turn.at + _QUOTED]
        problems = self._problems(found, about)
        if problems:
            return self.verdict(False, f"{'; '.join(problems)} (by {_described(found)})", shown)
        share = "most" if len(numbered) < FEW else "many"
        holds = (
            f"no message leaves {about}, in {len(numbered)} messages; without a stated topic, {share} changes of"
            " subject are not seen"
        )
        if found.statement is not None:
            holds = (
                f"{found.score or 0:.2f} for {about} (at least {self.threshold}), and no message leaves it"
            )
        return self.verdict(True, f"{holds} (by {_described(found)})")

    def _problems(self, found: TopicAssessment, about: str) -> Sequence[str]:
        bound = f"at least {self.threshold}"
        if found.statement is not None and found.score is not None and found.score < self.threshold:
            return [f"it is not about {about}: {found.score:.2f}, {bound}"]
        if turn := found.turn:
            greeting = ", and it begins with a greeting" if turn.greets else ""
            new = f"{turn.new:.0%} of its words were not said before{greeting}"
            return [f"from message {turn.at + 1} on it leaves {about}: {new}"]
        return [
            f"messages {first + 1} to {last + 1} leave {about}: "
            f"{found.curve[first]:.2f} from message {first + 1} on, {bound}"
            for first, last in found.stretches
        ]


def _described(found: TopicAssessment) -> str:
    if found.method != WORDS:
        return found.method
    return "equal words only; pip install 'pytest-duolog[topic]' to compare meanings"


def _advice(found: TopicAssessment) -> str:
    return "; state a topic" if found.statement is None else ""
