"""Properties of roles: a speaker speaks for itself, leaks nothing, stays in character and on its side.

These properties search for phrases in ten languages and for verbatim copies, outside code and quotations; paraphrases
are not found. False alarms are rarer than misses on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pytest_duolog.detectors import role_phrases, text
from pytest_duolog.detectors.learned import LEAVES, THINKS, Part
from pytest_duolog.detectors.loops import runs
from pytest_duolog.detectors.thinking import first_sign, has_thought, plan_of_speech, remains_of_template
from pytest_duolog.properties.base import require_count
from pytest_duolog.properties.likeness import alike, told
from pytest_duolog.properties.spoken import Numbered, SpokenProperty
from pytest_duolog.properties.verdict import Evidence, Outcome, Verdict
from pytest_duolog.transcripts.transcript import Transcript

# A shorter name may be an option of a list: "A: tea, B: coffee". In scripts without letter case, two characters are a
# complete name.
SHORTEST_NAME = 3
LONGEST_NAME = 60
# A line with a bullet is a list item, not a line of a script: "- Ann: salad".
_LABEL = re.compile(
    rf"^[ \t*_#]{{0,8}}(?<!\* )([^\s:：*>#•-][^\n:：*]{{0,{LONGEST_NAME}}}?)[*_]{{0,3}}[ \t]{{0,3}}[:：]",
    re.MULTILINE,
)
# A form has "Customer: John Smith"; a spoken line has at least this many words.
SPOKEN_WORDS = 3
# The separators of chat templates; a normal message does not contain them.
_TEMPLATE_MARK = re.compile(
    r"<[|｜][A-Za-z_▁]{2,30}[|｜]>|<(?:start|end)_of_turn>"
    r"|\[/?INST\]|^#{2,3} ?(?:Human|User|Assistant|Instruction|Response):",
    re.MULTILINE,
)

# The names of the machine's side in chat formats.
_MACHINE_ROLES = ("assistant", "model")
# Names of speakers that have no part to play: two models left to talk may say what they are.
_NO_PART = re.compile(
    r"(?:model|speaker|agent|bot|llm|side|participant|instance)[ _#-]{0,2}(?:[a-z]|\d{1,2})"
)

# A copy of this many consecutive words is not chance, nor is a copy of a whole prompt with at least half as many.
COPIED_WORDS = 12


def _own_words(content: str) -> str:
    """The speaker's own words in a message, normalised."""
    return _folded(text.excerpt(content))


@lru_cache(maxsize=256)  # several properties read the same messages
def _folded(content: str) -> str:
    return text.fold(text.without_asides(content))


def _quoted(said: Sequence[Numbered], first: Callable[[str], int | None]) -> list[Evidence]:
    """The messages in which something is found, quoted from the first place on."""
    return [
        Evidence(number, message.speaker, _as_written(message.content, content, start))
        for number, message in said
        if (content := _own_words(message.content)) and (start := first(content)) is not None
    ]


def _as_written(written: str, folded: str, start: int) -> str:
    """The message from a position on: the original text if folding kept its length, else the folded text."""
    own = text.without_asides(text.excerpt(written))
    return (own if len(own) == len(folded) else folded)[start:]


@dataclass(frozen=True)
class SpeaksForItself(SpokenProperty, method="speaks_for_itself"):
    """No message continues with the other side's lines.

    It finds lines that begin with another speaker's name and a colon, two or more lines with labels such as "User:" and
    "Assistant:", or "Customer:" and "Agent:", in ten languages, and the separators of chat templates. Names of one or
    two letters and list items do not count.
    """

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict; the evidence begins at the line that is not the speaker's own."""
        names = {
            name for speaker in transcript.speakers if _is_telling(name := text.fold(speaker.name).strip())
        }
        found = [
            Evidence(number, message.speaker, line)
            for number, message in said
            if (line := _foreign_line(message.content, names - {text.fold(message.speaker).strip()}))
            is not None
        ]
        return self.verdict(not found, f"{len(found)} of {len(said)} messages speak for another side", found)


def _is_telling(name: str) -> bool:
    return len(name) >= SHORTEST_NAME or (len(name) > 1 and name.isalpha() and name.upper() == name)


def _foreign_line(content: str, names: set[str]) -> str | None:
    """A message from the first line of another speaker on; None if there is none."""
    own = text.without_asides(text.excerpt(content))
    roles: dict[str, int] = {}
    for label in _LABEL.finditer(own):
        name = text.fold(label[1]).strip()
        if name in names:
            return own[label.start() :]
        if name in role_phrases.LABELS or (name in role_phrases.PART_LABELS and _is_spoken(own, label.end())):
            roles.setdefault(name, label.start())
    if len(roles) > 1:
        return own[min(roles.values()) :]
    mark = _TEMPLATE_MARK.search(own)
    return own[mark.start() :] if mark else None


def _is_spoken(content: str, start: int) -> bool:
    """Whether the line continues with at least a few words."""
    return text.n_words(content[start : start + 80].partition("\n")[0]) >= SPOKEN_WORDS


@dataclass(frozen=True)
class LeaksNoReasoning(SpokenProperty, method="leaks_no_reasoning"):
    """No message thinks aloud: no `<think>` tags, no "the user wants me to ...", no JSON with a thought and a reply.

    Reasoning that the endpoint returned separately was not part of the message and is not a leak.
    """

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict; the evidence begins where the reasoning begins."""
        found = _quoted(said, _first_thought)
        found += [
            Evidence(number, one.speaker, one.content) for number, one in said if has_thought(one.content)
        ]
        like = alike(THINKS, _besides(said, found))
        found = sorted([*found, *like], key=lambda evidence: evidence.message)
        return self.verdict(
            not found,
            f"{len(found)} of {len(said)} messages contain reasoning{told(like, 'thinking about the answer')}",
            found,
        )


def _besides(said: Sequence[Numbered], found: Sequence[Evidence]) -> list[Numbered]:
    """The messages that are not among the evidence yet."""
    known = {evidence.message for evidence in found}
    return [item for item in said if item[0] not in known]


def _first_thought(content: str) -> int | None:
    return _first(content, remains_of_template, role_phrases.THINKING.first, plan_of_speech, first_sign)


def _first(content: str, *searches: Callable[[str], int | None]) -> int | None:
    """Where the first search that finds something finds it."""
    return next((at for search in searches if (at := search(content)) is not None), None)


@dataclass(frozen=True)
class LeaksNoPrompt(SpokenProperty, method="leaks_no_prompt"):
    """No speaker recites its system prompt, or talks about having one.

    Reciting means at least `words` consecutive words of the prompt's instructions (all of a shorter prompt, if it has
    half as many words): facts and texts in a prompt may be said. A paraphrase is not found. If no prompt is known, the
    property could not be measured, unless a speaker talks about having one.
    """

    words: int = COPIED_WORDS

    def __post_init__(self) -> None:
        require_count(self, self.words, "words", least=2)

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict; the evidence quotes the recited words."""
        prompts = {speaker.name: _runs(speaker.system or "", self.words) for speaker in transcript.speakers}
        recited = [
            Evidence(number, message.speaker, run)
            for number, message in said
            if prompts[message.speaker] and (run := self._recited(message.content, prompts[message.speaker]))
        ]
        found = sorted(
            [*recited, *_quoted(said, role_phrases.DISCLOSURE.first)], key=lambda evidence: evidence.message
        )
        if not found and not any(prompts[message.speaker] for _, message in said):
            return self.verdict(None, "no known system prompt is long enough to be recognised")
        return self.verdict(
            not found,
            f"{len(recited)} of {len(said)} messages recite {self.words} words of their prompt, "
            f"{len(found) - len(recited)} talk about it",
            found,
        )

    def _recited(self, content: str, prompt: frozenset[tuple[str, ...]]) -> str | None:
        """The first consecutive words of a message that are an instruction of the prompt."""
        width = len(next(iter(prompt)))
        words = text.words(text.fold(text.excerpt(content)))
        copied = [run in prompt for run in text.ngrams(words, width)] if len(words) >= width else []
        for start, end in runs(copied):
            run = words[start : end + width]
            if any(role_phrases.INSTRUCTION.search(joined) for joined in (" ".join(run), "".join(run))):
                return " ".join(run)
        return None


def _runs(prompt: str, width: int) -> frozenset[tuple[str, ...]]:
    """The sequences of words by which a prompt is recognised; empty if it is too short."""
    words = text.words(_own_words(prompt))
    return frozenset(text.ngrams(words, width)) if len(words) >= width / 2 else frozenset()


@dataclass(frozen=True)
class StaysInCharacter(SpokenProperty, method="stays_in_character"):
    """Nobody says that it is a machine, talks of the play, or serves as a customer.

    "As an AI language model" is a sign of the first. A speaker that plays a machine may say so: if its own prompt, the
    topic or the opener mentions an AI, a language model, a bot or a helpful assistant, the property could not be
    measured for it. Without a prompt, the speaker's name counts, such as "assistant" in a chat log; names that say
    nothing ("Model A", "Speaker 2") are no part to play, nor are those of models ("gpt-5", "Claude").
    """

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict; the evidence begins where a speaker says it."""
        premise = f"{transcript.topic or ''} {transcript.messages[0].content}"
        machines = {
            speaker.name
            for speaker in transcript.speakers
            if role_phrases.MACHINE_PART.search(
                _own_words(f"{premise} {speaker.system or _part_of(speaker.name)}")
            )
        }
        characters = [item for item in said if item[1].speaker not in machines]
        if not characters:
            return self.verdict(
                None, "every speaker may be a machine: its prompt, the topic or the opener says so"
            )
        helped = _helped(transcript)
        found = [
            *_quoted(characters, role_phrases.MACHINE.first),
            *_quoted([item for item in characters if item[1].speaker in helped], _serves),
        ]
        parts = {
            speaker.name: Part.of(speaker.system or "", is_helped=speaker.name in helped)
            for speaker in transcript.speakers
        }
        like = alike(LEAVES, _besides(characters, found), parts)
        found = sorted(
            {one.message: one for one in reversed([*found, *like])}.values(), key=lambda one: one.message
        )
        return self.verdict(
            not found,
            f"{len(found)} of {len(characters)} messages break character{told(like, 'leaving the part')}",
            found,
        )


def _part_of(name: str) -> str:
    """The part that a speaker's name implies: logs use the role of a machine, or the name of a model."""
    folded = text.fold(name)
    is_machine = (
        folded in _MACHINE_ROLES or _NO_PART.fullmatch(folded) or role_phrases.MODEL_NAME.search(folded)
    )
    return "AI" if is_machine else name


def _helped(transcript: Transcript) -> set[str]:
    """The speakers whose system prompt makes them a customer, a guest, a patient and the like."""
    return {
        speaker.name
        for speaker in transcript.speakers
        if role_phrases.HELPED_PART.search(text.fold(speaker.system or ""))
    }


def _serves(content: str) -> int | None:
    return _first(content, role_phrases.SERVICE.first, role_phrases.SERVES.first)


@dataclass(frozen=True)
class KeepsItsSide(SpokenProperty, method="keeps_its_side"):
    """The speaker who is helped does not begin to offer help.

    Only one side may say "How can I help you?", in ten languages: the one whose system prompt does not make it a
    customer; if the prompts do not say, the one that says it first. A customer by its prompt must not act as the helper
    in other ways either: "I'd be happy to assist you. May I have your order number?" If both sides have the same
    prompt, the property could not be measured.
    """

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict; the evidence begins with the offer."""
        systems = {speaker.name: speaker.system for speaker in transcript.speakers}
        if len(systems) > 1 and len(set(systems.values())) == 1 and None not in systems.values():
            return self.verdict(None, "both sides have the same system prompt")
        offers = _quoted(list(transcript.numbered()), role_phrases.SERVICE.first)
        helped = _helped(transcript)
        helper = next((offer.speaker for offer in offers if offer.speaker not in helped), None)
        numbers = {number for number, _ in said}
        found = [offer for offer in offers if offer.message in numbers and offer.speaker != helper]
        offering = {offer.message for offer in found}
        serving = [item for item in said if item[1].speaker in helped and item[0] not in offering]
        found = sorted(
            [*found, *_quoted(serving, role_phrases.SERVES.first)], key=lambda evidence: evidence.message
        )
        return self.verdict(
            not found, f"{len(found)} of {len(said)} messages of the helped side offer help", found
        )


@dataclass(frozen=True)
class StaysInRole(SpokenProperty, method="stays_in_role"):
    """Each speaker keeps its role: it speaks for itself, leaks nothing, stays in character and on its side.

    Parts that could not be measured are left out, and the verdict names them.
    """

    def assess(self, transcript: Transcript, said: Sequence[Numbered]) -> Verdict:
        """The verdict on all parts that could be measured; the evidence is that of the parts that fail."""
        parts = (SpeaksForItself, LeaksNoReasoning, LeaksNoPrompt, StaysInCharacter, KeepsItsSide)
        verdicts = [part(speaker=self.speaker).check(transcript) for part in parts]
        measured = [verdict for verdict in verdicts if verdict.outcome is not Outcome.UNMEASURED]
        failing = [verdict for verdict in measured if verdict.outcome is Outcome.FAILS]
        shown = "; ".join(
            f"{verdict.property} {verdict.outcome}: {verdict.explanation}" for verdict in failing or verdicts
        )
        return self.verdict(
            not failing, shown, [evidence for verdict in failing for evidence in verdict.evidence]
        )
