"""Dialogues written for the tests, and what their speakers see of one."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_duolog.transcripts.perspective import DEFAULT_STUB, ChatMessage, Perspective
from pytest_duolog.transcripts.transcript import Message, Transcript


def dialogue(*texts: str, speakers: Iterable[str] = ("Ann", "Ben"), **fields: object) -> Transcript:
    """A transcript in which the speakers take turns."""
    names = tuple(speakers)
    messages = tuple(Message(speaker=names[at % len(names)], content=text) for at, text in enumerate(texts))
    return Transcript.model_validate({"messages": messages, **fields})


def seen_by(
    speaker: str, said: Iterable[tuple[str, str]], *, system: str | None = None, stub: str = DEFAULT_STUB
) -> tuple[ChatMessage, ...]:
    """What `speaker` is shown of a dialogue, given as names and texts."""
    perspective = Perspective(speaker, system=system, stub=stub)
    for name, content in said:
        perspective.add(name, content)
    return perspective.history()


# Thirteen messages about something; the last of them says goodbye.
LIGHTHOUSES = (
    "Hello. I would like to talk about how lighthouses changed in the twentieth century.",
    "Gladly. The largest change was power: oil lamps gave way to electric bulbs between the wars.",
    "And the lenses? Fresnel's glass weighed tons, and rotated on a bath of mercury.",
    "Many were kept. Others were replaced by small plastic ones once lamps became bright enough.",
    "Mercury must have been dangerous for the keepers who cleaned it.",
    "It was. Some historians blame its vapour for the odd behaviour that diaries of keepers describe.",
    "When did the keepers leave? I remember reading about the last ones in Scotland.",
    "Fair Isle South lost its keepers in 1998; automation had begun there in the sixties.",
    "So three decades. Was it the telephone line or the generator that made automation possible?",
    "Both, and solar panels after 1980, which let remote rocks run for a year without a visit.",
    "Satellite navigation then made the lights themselves a backup for small boats.",
    "True, although insurers still ask for them near ferry routes and fishing harbours.",
    "That covers what I wanted to know about automation. Thank you for this discussion, it has been a pleasure.",
)

# What two models say when they cannot stop, in ever new words.
RITUAL = (
    "The pleasure was all mine. Take care, and goodbye!",
    "Thank you, you too. Until next time!",
    "Until then. Wishing you a wonderful evening.",
    "And the same to you. Goodnight, my friend.",
    "Goodnight. It was lovely talking with you.",
    "Likewise! I appreciate your kindness.",
    "Your kindness means a lot as well. Farewell!",
    "Farewell, and best wishes for the journey ahead.",
    "Safe travels to you, too. Bye for now!",
    "Bye! I am always here if you need anything.",
    "Thanks again. Have a great rest of your day!",
    "You as well. See you soon!",
    "See you! Signing off now.",
    "Signing off as well. All the best!",
)

# A talk about something else, which begins with a change of subject.
BREAD = (
    "By the way, do you bake? I want to learn how to make a sourdough loaf.",
    "I do, every weekend. The starter needs flour and water, fed each morning until it bubbles.",
    "Which flour gives the best crust, rye or wheat?",
    "Wheat rises more; a little rye gives flavour. Let the dough rest overnight in the fridge.",
    "And the oven, how hot does the loaf need it?",
    "As hot as it goes, with a pan of steam for the first quarter of the baking.",
)
