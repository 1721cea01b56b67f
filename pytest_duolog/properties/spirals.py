"""The property that speakers do not merely agree with each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_duolog.display import counted
from pytest_duolog.properties.agreement import agreeing_runs, is_shared
from pytest_duolog.properties.base import require_count
from pytest_duolog.properties.loops import said_loops
from pytest_duolog.properties.spoken import Numbered, SpokenProperty
from pytest_duolog.properties.verdict import Verdict
from pytest_duolog.topics.idle import AGREEING
from pytest_duolog.transcripts.transcript import Transcript


@dataclass(frozen=True)
class NoAgreementSpiral(SpokenProperty, method="has_no_agreement_spiral"):
    """Both sides never merely agree with each other for `messages` messages in a row.

    Such a message agrees or praises ("Absolutely!", "How true"), in 36 languages, asks nothing, and has almost no new
    content words. Single messages between them that add nothing else do not break the run, but do not count either.
    Agreement in other phrases is found in six messages with hardly a new word, two of which agree in known ones; and in
    ten messages of both sides by likeness in meaning, if the extra `topic` is there.
    """

    messages: int = 4

    def __post_init__(self) -> None:
        require_count(self, self.messages, "messages", least=2)

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict; the evidence is the longest run of mere agreement."""
        shared = [run for run in agreeing_runs(said) if self.speaker or is_shared(run)]
        if self.speaker is None:
            numbered = list(transcript.numbered())
            loops = [loop for loop in said_loops(transcript.messages) if loop.kind == AGREEING]
            shared += [numbered[loop.onset : loop.end + 1] for loop in loops]
        longest = max(shared, key=len, default=[])
        is_spiral = len(longest) >= self.messages
        return self.verdict(
            not is_spiral,
            f"the longest run of mere agreement has {counted(len(longest), 'message')} (at most "
            f"{self.messages - 1})",
            longest if is_spiral else (),
        )
