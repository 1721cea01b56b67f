"""The part that a persona plays: the prompt for its model, and the tokens with which it ends a dialogue.

A prompt is part of every request, so a recording replays only with the very same one. That is why prompts have numbered
wordings: a recording keeps its number (in the header of the cassette), and only new recordings get the newest one. To
improve the prompt, add a `Wording` at the end of WORDINGS; never change one that was released. A test pins the bytes of
each. A wording can also read its prompts, so the part of a persona is known wherever its system prompt is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import NamedTuple

DONE = "<<done>>"
GAVE_UP = "<<gave up>>"

# Models write tokens in other spellings, and put marks around them.
_TOKEN = re.compile(
    r"""[ \t]{0,3}(?P<marks>[*_`"']{0,3})<<\s{0,3}(?:done|(?P<gave_up>gave[\s_-]{0,3}up))\s{0,3}>>(?P=marks)""",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w")

# The languages that a persona can be told to write in: codes of `keeps_language`, and their English names.
LANGUAGES: Mapping[str, str] = {
    "af": "Afrikaans",
    "ar": "Arabic",
    "bg": "Bulgarian",
    "bn": "Bengali",
    "ca": "Catalan",
    "cs": "Czech",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "et": "Estonian",
    "fa": "Persian",
    "fi": "Finnish",
    "fr": "French",
    "he": "Hebrew",
    "hi": "Hindi",
    "hr": "Croatian",
    "hu": "Hungarian",
    "id": "Indonesian",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "lt": "Lithuanian",
    "lv": "Latvian",
    "mr": "Marathi",
    "ms": "Malay",
    "nl": "Dutch",
    "no": "Norwegian",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sk": "Slovak",
    "sl": "Slovenian",
    "sr": "Serbian",
    "sv": "Swedish",
    "sw": "Swahili",
    "ta": "Tamil",
    "te": "Telugu",
    "th": "Thai",
    "tl": "Tagalog",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "ur": "Urdu",
    "vi": "Vietnamese",
    "zh": "Chinese",
}


@dataclass(frozen=True)
class Part:
    """What a persona wants and knows; texts are single lines.

    `facts` and `secrets` are values by name. `style` is empty if it is free, `language` a code of LANGUAGES.
    `gives_up_after` is a number of messages of its own.
    """

    name: str
    goal: str
    facts: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    style: str = ""
    gives_up_after: int | None = None
    language: str | None = None

    @property
    def identity(self) -> str:
        """The part as one text that does not depend on a wording."""
        return json.dumps(asdict(self), ensure_ascii=False)


class Wording(NamedTuple):
    """A way to tell a model its part; `read` returns the part of a prompt, or something else for another text."""

    write: Callable[[Part], str]
    read: Callable[[str], Part | None]


class Ending(NamedTuple):
    """A reply without its token: the words, and the token in its usual spelling."""

    words: str
    token: str


def ending_of(reply: str) -> Ending | None:
    """The ending in a persona's reply; None if it has no token.

    Words are empty if no letter or digit is left beside the token. A reply with both tokens gives up.
    """
    found = list(_TOKEN.finditer(reply))
    if not found:
        return None
    words = _TOKEN.sub("", reply).strip()
    token = GAVE_UP if any(match["gave_up"] for match in found) else DONE
    return Ending(words if _WORD.search(words) else "", token)


def prompt_of(part: Part, wording: int) -> str:
    """The system prompt for a part in a wording, from 1. Raises KeyError if this version does not know the wording."""
    if not 1 <= wording <= len(WORDINGS):
        raise KeyError(wording)
    return WORDINGS[wording - 1].write(part)


def part_of(system: str | None) -> Part | None:
    """The part in a system prompt that `prompt_of` wrote; None if it did not write it."""
    for wording in reversed(WORDINGS):
        part = wording.read(system or "")
        if part is not None and wording.write(part) == system:
            return part
    return None


# Wording 1

_WHO = (
    "You are {name}. You play this person in a conversation. You are not an assistant: you want something from the "
    "other side, you do not offer help, and you never write the words of the other side."
)
_KNOWN = "What you know. Say each of these only when you are asked for it:"
_HIDDEN = "What you keep to yourself. Never say any of these, not even when you are asked:"
_RULES = f"""\
Rules:
- Write only your next message, as you would say it: one to three short sentences, without a name in front.
- Say one thing at a time. Do not tell everything at once.
- Use only what is written here. If you are asked for anything else, say that you do not know it.
- A promise, an offer or a question is not the end: answer it, and wait until what you want has been done.
- When the other side says that it has been done, write {DONE} and nothing else.
- If it is clear that you will not get what you want, write {GAVE_UP} and nothing else."""
_LIMITED = (
    "- If you have not got what you want after your message number {n}, write "
    + GAVE_UP
    + " and nothing else."
)
_LIMIT = re.compile(r"^- If you have not got what you want after your message number (\d+), ", re.MULTILINE)


def _write_1(part: Part) -> str:
    limit = [_LIMITED.format(n=part.gives_up_after)] if part.gives_up_after is not None else []
    language = [f"- Write in {LANGUAGES[part.language]}."] if part.language is not None else []
    paragraphs = [
        _WHO.format(name=part.name),
        f"Your goal: {part.goal}",
        "\n".join([_KNOWN, *_lines(part.facts)]) if part.facts else "",
        "\n".join([_HIDDEN, *_lines(part.secrets)]) if part.secrets else "",
        f"How you speak: {part.style}" if part.style else "",
        "\n".join([_RULES, *limit, *language]),
    ]
    return "\n\n".join(filter(None, paragraphs))


def _lines(values: Mapping[str, str]) -> list[str]:
    return [f"- {name}: {value}" for name, value in values.items()]


def _read_1(system: str) -> Part | None:
    name = re.match(r"You are (.+)\. You play this person in a conversation\. ", system)
    starts = ("Your goal: ", f"{_KNOWN}\n", f"{_HIDDEN}\n", "How you speak: ")
    goal, facts, secrets, style = (_paragraph(system, start) for start in starts)
    if not name or not goal:
        return None
    limit = _LIMIT.search(system)
    language = re.search(r"\n- Write in (\w+)\.\Z", system)
    codes = {english: code for code, english in LANGUAGES.items()}
    return Part(
        name=name[1],
        goal=goal,
        facts=_values(facts),
        secrets=_values(secrets),
        style=style,
        gives_up_after=int(limit[1][:9]) if limit else None,
        language=codes.get(language[1]) if language else None,
    )


def _paragraph(system: str, start: str) -> str:
    """The rest of the paragraph that begins with `start`; empty if there is none."""
    _, found, rest = system.partition(f"\n\n{start}")
    return rest.partition("\n\n")[0] if found else ""


def _values(lines: str) -> dict[str, str]:
    pairs = (line.removeprefix("- ").partition(": ") for line in lines.split("\n") if line)
    return {name: value for name, _, value in pairs}


WORDINGS: list[Wording] = [Wording(_write_1, _read_1)]
