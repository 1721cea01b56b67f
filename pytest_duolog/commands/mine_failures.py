"""Finds the failure of a logged dialogue that a test can be made of, for `duolog mine`."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from pytest_duolog.commands.dialogue_files import without_secrets
from pytest_duolog.detectors.closings import CLEAN_TAIL
from pytest_duolog.errors import TranscriptError
from pytest_duolog.mining.kinds import Failure
from pytest_duolog.mining.stand_ins import WORDS, StandIn, with_stand_ins
from pytest_duolog.properties.base import Property, judge
from pytest_duolog.properties.endings import EndsCleanly, find_closing
from pytest_duolog.properties.topic import StaysOnTopic
from pytest_duolog.properties.verdict import Outcome, Verdict
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.storage.json_text import parsed
from pytest_duolog.topics.terms import terms_of
from pytest_duolog.transcripts.sources import Unreadable
from pytest_duolog.transcripts.transcript import Transcript

# What is looked for unless properties are given. A dialogue counts for the first one that fails, so those that are
# rarely wrong and name a cause come first.
USUAL = (
    *(
        "NoToolErrors",
        "CallsAreValid",
        "ClaimsAreCalls",
        "LeaksNoPrompt",
        "LeaksNoReasoning",
        "SpeaksForItself",
    ),
    *("StaysInCharacter", "KeepsItsSide", "NoLoops", "EndsCleanly", "StaysOnTopic"),
    *("NoAgreementSpiral", "DoesNotRepeatItself", "NoRepeatedCalls", "KeepsLanguage", "AnswersQuestions"),
)
# Names of speakers that are a bot of somebody.
BOT = re.compile(r"(?i).*\b(?:assistant|agent|bot|ai|model|system|support|gpt|claude|gemini)\b.*")


@dataclass(frozen=True)
class Miner:
    """What is looked for in each dialogue.

    With `is_usual` the properties are the usual ones: then `EndsCleanly` only counts where a dialogue goes on after its
    goodbye, and `StaysOnTopic` where a topic is stated. `speaker` is the name of the side under test, if it is given.
    With `notes_replaced`, failures have their stand-ins.
    """

    properties: Sequence[Property]
    is_usual: bool
    topic: str | None = None
    speaker: str | None = None
    keeps_details: bool = False
    notes_replaced: bool = False

    def failures(self, entries: Sequence[FiledDialogue | Unreadable]) -> list[Failure | Unreadable | None]:
        """The first failure of each dialogue."""
        return list(map(self.failure, entries))

    def failure(self, entry: FiledDialogue | Unreadable) -> Failure | Unreadable | None:
        """The first failure of a dialogue; None if no property fails. Raises ConfigurationError without `[mine]`."""
        safe = without_secrets(entry)
        if isinstance(safe, Unreadable):
            return safe
        source = safe.with_topic(self.topic).source
        found = self.first_failing(source.transcript)
        if found is None:
            return None
        check, verdict = found
        try:
            side = side_under_test(source.transcript, self.speaker)
        except TranscriptError as error:
            return Unreadable(source.file, source.line, str(error))
        transcript, replaced = self.replaced(source.transcript)
        again = judge(self.properties[check], transcript)
        place = f"{source.file}:{source.line}"
        failure = described(check, again, transcript, side, place, is_kept=fails_alike(again, verdict))
        return replace(failure, replaced=tuple(replaced)) if self.notes_replaced else failure

    def first_failing(self, transcript: Transcript) -> tuple[int, Verdict] | None:
        """The first property that fails, by its number, and its verdict."""
        for number, check in enumerate(self.properties):
            if self._is_meant(check, transcript):
                verdict = judge(check, transcript)
                if verdict.outcome is Outcome.FAILS:
                    return number, verdict
        return None

    def replaced(self, transcript: Transcript) -> tuple[Transcript, list[StandIn]]:
        """The dialogue as it may be stored, and what was replaced; without dates and what replies cost."""
        taken = {"usage": None, "latency_ms": None}
        plain = transcript.model_copy(
            update={
                "recorded_at": None,
                "messages": tuple(message.model_copy(update=taken) for message in transcript.messages),
            }
        )
        return (plain, []) if self.keeps_details else with_stand_ins(plain)

    def known(self, transcript: Transcript, place: str) -> Iterator[Failure]:
        """What the dialogue of a test that is there fails with.

        If the side under test is named, but has a stand-in there, each side may be it.
        """
        found = self.first_failing(transcript)
        if found is None:
            return
        try:
            sides = [side_under_test(transcript, self.speaker)]
        except TranscriptError:
            sides = list(range(len(speaking(transcript))))
        for side in sides:
            yield described(*found, transcript, side, place, is_kept=False)

    def _is_meant(self, check: Property, transcript: Transcript) -> bool:
        if not self.is_usual:
            return True
        if isinstance(check, StaysOnTopic):
            return bool(transcript.topic)
        if isinstance(check, EndsCleanly):
            closing = find_closing(transcript)
            return closing is not None and len(transcript) - 1 - closing > CLEAN_TAIL
        return True


def described(
    check: int, verdict: Verdict, transcript: Transcript, side: int, place: str, *, is_kept: bool
) -> Failure:
    """A failure with what it is about; `side` is the number of the side under test among those who speak."""
    under_test = name_of_side(transcript, side)
    cited = set(cited_in(verdict))
    user = (message.content for message in transcript.messages if message.speaker != under_test)
    passage = (message.content for number, message in transcript.numbered() if number in cited)
    content = transcript.to_json().encode()
    return Failure(
        check,
        place,
        blake2b(content, digest_size=8).hexdigest(),
        _stems(user),
        _stems(passage),
        zlib.compress(content) if is_kept else b"",
        under_test=side,
    )


def _stems(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(term.stem for text in texts for term in terms_of(text) if term.word not in WORDS)


def cited_in(verdict: Verdict) -> tuple[int, ...]:
    """The messages that are evidence."""
    return tuple(sorted({evidence.message for evidence in verdict.evidence}))


def fails_alike(verdict: Verdict, other: Verdict) -> bool:
    """Whether a property fails because of the same messages as in the other verdict."""
    return verdict.outcome is Outcome.FAILS and cited_in(verdict) == cited_in(other)


def speaking(transcript: Transcript) -> list[str]:
    """The names of those who say something, in the order in which they first do."""
    return list(dict.fromkeys(message.speaker for message in transcript.messages if message.content.strip()))


def side_under_test(transcript: Transcript, named: str | None) -> int:
    """The number of the speaker under test among those who speak, from 0.

    It is the one that is named, else one named like a bot, else the second one.
    Raises TranscriptError if nobody has the given name.
    """
    names = speaking(transcript)
    if named is not None:
        if named not in names:
            raise TranscriptError(f"nobody is called {named!r}, but {', '.join(map(repr, names))}")
        return names.index(named)
    bots = [number for number, name in enumerate(names) if BOT.fullmatch(name)]
    return bots[-1] if bots else min(1, max(0, len(names) - 1))


def name_of_side(transcript: Transcript, side: int) -> str:
    """The name of a side; empty if there is none."""
    return dict(enumerate(speaking(transcript))).get(side, "")


def transcript_of(content: bytes) -> Transcript:
    """The dialogue of a failure."""
    return Transcript.from_value(parsed(zlib.decompress(content).decode()))
