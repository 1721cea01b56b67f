"""Base class of properties of messages: selects the messages, and says when there is nothing to measure."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

from pytest_duolog.display import listed
from pytest_duolog.properties.base import Property
from pytest_duolog.properties.verdict import Verdict
from pytest_duolog.transcripts.transcript import Message, Transcript

Numbered = tuple[int, Message]


@dataclass(frozen=True)
class SpokenProperty(Property):
    """A property of one speaker's messages, or of all messages if `speaker` is None.

    Without such messages, or with a speaker that the transcript does not have, it could not be measured.
    """

    speaker: str | None = field(default=None, kw_only=True)

    def check(self, transcript: Transcript) -> Verdict:
        """The verdict on the messages of `speaker`."""
        said = [item for item in transcript.numbered() if self.speaker in (None, item[1].speaker)]
        if said:
            return self.assess(transcript, said)
        names = [speaker.name for speaker in transcript.speakers]
        if self.speaker is not None and self.speaker not in names:
            known = listed(names, 10) or "none"
            return self.verdict(None, f"there is no speaker {self.speaker!r} (speakers: {known})")
        return self.verdict(None, f"{self.speaker} has no messages" if names else "there are no messages")

    @abstractmethod
    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict on these numbered messages; there is at least one."""
