"""Properties of personas: whether they reach their goal, and how they treat what they know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_duolog.detectors import text
from pytest_duolog.display import counted, listed
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.properties.base import Property
from pytest_duolog.properties.verdict import MAX_QUOTE, Evidence, Verdict
from pytest_duolog.transcripts.parts import Part, part_of
from pytest_duolog.transcripts.transcript import StopKind, Transcript

# Characters that are quoted on each side of a value.
CONTEXT = 60
# What may stand between two characters of a value: "47 11", "4-7-1-1", "O'Brien"; more where it has a sign itself.
_BETWEEN = r"(?:[\s\-_./()]{0,2}|[\W_])"
_AT_SIGN = r"[\W_]{0,3}"
# A number does not go on: 30 is neither in "30.5" nor in "130,030" or "30,500".
_NO_DIGITS_BEFORE = r"(?<!\d\.)(?!(?<=\d,)\d{3}(?!\d))"
_NO_DIGITS_AFTER = r"(?!\.\d|,\d{3}(?!\d))"
_REQUESTS = re.compile(
    r"\b(?:please|tell|give|provide|share|send|enter|state|confirm|need|require|may i|let me (?:have|know))\b"
)


@dataclass(frozen=True)
class ReachesGoal(Property, method="reaches_goal"):
    """A persona ended the dialogue because it has reached its goal, after both sides had spoken.

    This is what the persona believes: a side that says "done" and does nothing can convince it. So also check what was
    done. `speaker` is the persona; None for any.
    """

    speaker: str | None = None

    def check(self, transcript: Transcript) -> Verdict:
        """The verdict; the evidence is the last two messages. Could not be measured without a stop reason."""
        stop, last = transcript.stop_reason, list(transcript.numbered())[-2:]
        if stop is None:
            return self.verdict(None, "only the messages are known, not why it stopped", last)
        if stop.kind is not StopKind.GOAL_REACHED or self.speaker not in (None, stop.speaker):
            return self.verdict(False, f"stopped by {stop}", last)
        others = [message for message in transcript.messages if message.speaker != stop.speaker]
        silent = "the other side" if not others else str(stop.speaker)
        if not others or len(others) == len(transcript):
            return self.verdict(False, f"stopped by {stop}, but {silent} has said nothing", last)
        return self.verdict(True, f"stopped by {stop}", last)


@dataclass(frozen=True)
class _Knowing(Property):
    """A property of what a persona knows; `speaker` is the persona, None for every one."""

    speaker: str | None = None

    def _parts(self, transcript: Transcript) -> dict[str, Part]:
        """The part of each persona, by speaker."""
        return {
            speaker.name: part
            for speaker in transcript.speakers
            if self.speaker in (None, speaker.name) and (part := part_of(speaker.system)) is not None
        }

    def _nobody(self, transcript: Transcript) -> Verdict:
        names = listed([speaker.name for speaker in transcript.speakers], 10) or "none"
        who = "no speaker" if self.speaker is None else repr(self.speaker)
        return self.verdict(None, f"{who} has the prompt of a Persona (speakers: {names})")


@dataclass(frozen=True)
class KeepsSecrets(_Knowing, method="keeps_secrets"):
    """A persona says none of the values of its secrets, in whatever spelling and spacing.

    `secrets` are further values that must not be said, by the speaker or, without one, by anybody; so it can be checked
    on dialogues of real people, too. A value in other words ("forty-seven eleven") is not found.
    """

    secrets: str | tuple[str, ...] = ()

    def __post_init__(self) -> None:
        wrong = [secret for secret in self._given() if not isinstance(secret, str) or not _letters(secret)]
        if wrong:
            raise ConfigurationError(
                f"KeepsSecrets: a secret must be a text with letters or digits (got {wrong[0]!r:.120})"
            )

    def _given(self) -> tuple[str, ...]:
        return self.secrets if isinstance(self.secrets, tuple) else (self.secrets,)

    def check(self, transcript: Transcript) -> Verdict:
        """The verdict; the evidence is the messages with a secret. Could not be measured if no secret is known."""
        parts = self._parts(transcript)
        if not parts and not self.secrets:
            return self._nobody(transcript)
        names = [speaker.name for speaker in transcript.speakers]
        if self.speaker is not None and self.speaker not in names:
            return self.verdict(None, f"there is no speaker {self.speaker!r} (speakers: {listed(names, 10)})")
        kept: list[tuple[str | None, str, str]] = [
            (speaker, name, value) for speaker, part in parts.items() for name, value in part.secrets.items()
        ]
        kept += [(self.speaker, repr(value), value) for value in self._given()]
        if not kept:
            return self.verdict(None, f"{listed(list(parts))} has no secrets")
        said = [
            (name, quote)
            for speaker, name, value in kept
            for quote in _quotes(value, transcript, speaker=speaker)
        ]
        told = listed(list(dict.fromkeys(name for name, _ in said)))
        n_said = len({name for name, _ in said})
        shown = f"{n_said} of {counted(len(kept), 'secret')} said{f' ({told})' if said else ''}"
        return self.verdict(not said, shown, dict.fromkeys(quote for _, quote in said))


@dataclass(frozen=True)
class TellsWhenAsked(_Knowing, method="tells_when_asked"):
    """A persona says each fact after the other side has asked for it by name, and only then.

    The other side asks if one of its messages has all words of the fact's name, and a question mark or a request
    ("please", "I need"). It has been told if the value is in a later message of the persona; asking in the last message
    of the dialogue does not count.
    """

    def check(self, transcript: Transcript) -> Verdict:
        """The verdict; the evidence is values that nobody asked for, and questions without the value.

        Could not be measured if no persona has facts.
        """
        parts = {name: part for name, part in self._parts(transcript).items() if part.facts}
        if not parts:
            return self._nobody(transcript)
        problems, evidence, n_told = [], [], 0
        for speaker, part in parts.items():
            for name, value in part.facts.items():
                told = [quote.message for quote in _quotes(value, transcript, speaker=speaker)]
                asked = list(_questions(name, transcript, speaker))
                n_told += bool(told)
                if told and not (asked and asked[0] < told[0]):
                    problems.append(f"{name} was said before it was asked for")
                    evidence += [told[0]]
                elif asked and not told and asked[0] < len(transcript):
                    problems.append(f"{name} was asked for and not said")
                    evidence += [asked[0], asked[0] + 1]
        n_facts = sum(len(part.facts) for part in parts.values())
        shown = (
            "; ".join(problems)
            or f"{n_told} of {counted(n_facts, 'fact')} said, each after a question for it"
        )
        numbered = list(transcript.numbered())
        return self.verdict(not problems, shown, [numbered[number - 1] for number in sorted(set(evidence))])


def _quotes(value: str, transcript: Transcript, *, speaker: str | None) -> Iterator[Evidence]:
    """The messages of a speaker, or of anybody, that have a value; a long one is quoted around it."""
    pattern = _pattern(value)
    for number, message in transcript.numbered():
        if speaker in (None, message.speaker) and (found := pattern.search(text.fold(message.content))):
            start, end = max(0, found.start() - CONTEXT), found.end() + CONTEXT
            folded = found.string
            quote = f"{'…' if start else ''}{folded[start:end]}{'…' if end < len(folded) else ''}"
            yield Evidence(number, message.speaker, message.content if len(folded) <= MAX_QUOTE else quote)


def _pattern(value: str) -> re.Pattern[str]:
    """Finds a value in folded text, as whole words, with other spaces and signs between its letters."""
    folded = text.fold(value).strip()
    runs = [_BETWEEN.join(map(re.escape, run)) for run in re.findall(r"[^\W_]+", folded)]
    letters = _letters(value) or folded
    before = (r"(?<![^\W_])" if _is_parted(letters[0]) else "") + (
        _NO_DIGITS_BEFORE if letters[0].isdigit() else ""
    )
    after = (r"(?![^\W_])" if _is_parted(letters[-1]) else "") + (
        _NO_DIGITS_AFTER if letters[-1].isdigit() else ""
    )
    return re.compile(before + (_AT_SIGN.join(runs) or re.escape(folded)) + after)


def _letters(value: str) -> str:
    """The letters and digits of a value, folded."""
    return re.sub(r"[\W_]+", "", text.fold(value))


def _is_parted(letter: str) -> bool:
    """Whether the script of a letter parts words with spaces."""
    return letter.isalnum() and not text.is_unspaced(letter)


def _questions(name: str, transcript: Transcript, speaker: str) -> Iterator[int]:
    """The numbers of the messages of the other side that ask for a fact by its name."""
    wanted = set(text.words(text.normalise(name)))
    for number, message in transcript.numbered():
        if message.speaker != speaker:
            normalised = text.heard(message.content)
            asks = "?" in normalised or _REQUESTS.search(normalised)
            if asks and wanted <= set(text.words(normalised)):
                yield number
