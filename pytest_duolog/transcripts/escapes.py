"""Text in Markdown files of dialogues: what would be misread is written as an entity, `&#27;`."""

from __future__ import annotations

import re

ENTITY = re.compile(r"&#(\d{1,7});")
ENTITY_LIKE = re.compile(r"&(?=#\d{1,7};)")
# Characters that terminals execute, and characters that some programs read as the end of a line.
UNSAFE = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
# How the marks of a conflict begin that git could not solve.
CONFLICT_MARK = re.compile("(?m)^[<>](?=(?:<{6}|>{6}) )")


def escaped_text(text: str) -> str:
    """Text of several lines, with entities where it would be misread."""
    escaped = ENTITY_LIKE.sub("&#38;", text)
    inner = escaped.strip()
    before, after = escaped[: escaped.find(inner)], escaped[escaped.find(inner) + len(inner) :]
    escaped = "".join([*map(entity, before), inner, *map(entity, after)])
    escaped = CONFLICT_MARK.sub(lambda found: entity(found[0]), escaped)
    return UNSAFE.sub(lambda found: entity(found[0]), escaped)


def escaped_line(text: str) -> str:
    """Text on one line."""
    return escaped_text(text).replace("\n", entity("\n"))


def escaped_name(name: str) -> str:
    """A speaker's name, which ends before a colon or a mark."""
    return escaped_line(name).replace(":", entity(":")).replace("[", entity("["))


def entity(character: str) -> str:
    """The entity of a character."""
    return f"&#{ord(character)};"


def unescaped(text: str) -> str:
    """The text that was escaped."""
    return ENTITY.sub(lambda found: chr(int(found[1])) if int(found[1]) <= 0x10FFFF else found[0], text)
