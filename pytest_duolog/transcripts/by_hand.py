"""Reads dialogues that people wrote by hand: a name, a colon, and the message.

    Alice: Do you repair lamps?
    Bob: We do. What is wrong with yours?
    It may take a week.

A line that begins with a speaker's name and a colon begins a message; other lines belong to the message before them.
"Note: ..." inside a message looks the same, so a label counts as a speaker's name only if it is the first label, comes
twice, follows a blank line, or if every line of the file has a label. If this finds only one speaker, the second label
counts too. An indented line has no label.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pytest_duolog.display import shorten
from pytest_duolog.errors import TranscriptError
from pytest_duolog.transcripts.transcript import Message

LONGEST_NAME = 40
MOST_WORDS_OF_NAME = 4
# A name may be in bold or italics, with or without its colon.
LABEL = re.compile(
    rf"(\*\*|__|[*_])?(?P<name>[^\W_][\w .'’()&-]{{0,{LONGEST_NAME - 1}}}?)(?:\1)? ?(?::(?:\1)?(?=\s|$)|：(?:\1)?)"
)


class _Label(NamedTuple):
    at: int
    name: str
    text: str
    is_after_blank: bool


def read_messages(lines: Sequence[str], first: int) -> list[tuple[int, Message]]:
    """The messages from the line at index `first` on, each with the number of its first line, from 1.

    Raises TranscriptError with the line if there are no messages.
    """
    begin = next((index for index in range(first, len(lines)) if _is_said(lines[index])), len(lines))
    labels = list(_labels(lines, begin))
    if begin < len(lines) and (not labels or labels[0].at != begin):
        raise TranscriptError(
            "expected a speaker's name and a colon, as in 'Alice: Hello.', found "
            f"{shorten(lines[begin], 60)}",
            line=begin + 1,
        )
    n_lines = sum(bool(line.strip()) for line in lines[begin:])
    names = _names(labels, is_all=len(labels) == n_lines)
    starts = [label for label in labels if label.name in names]
    if len(starts) == 1:
        raise TranscriptError(
            "expected two messages or more, each after a speaker's name and a colon, found one",
            line=starts[0].at + 1,
        )
    ends = [*(label.at for label in starts[1:]), len(lines)]
    return [
        (label.at + 1, Message(speaker=label.name, content=_content(label, lines[label.at + 1 : end])))
        for label, end in zip(starts, ends, strict=False)
    ]


def _is_said(line: str) -> bool:
    """Whether a line before the first message is text of a dialogue, not a title."""
    return bool(line.strip()) and not line.startswith("#")


def _labels(lines: Sequence[str], begin: int) -> Iterator[_Label]:
    is_after_blank = True
    for index in range(begin, len(lines)):
        found = LABEL.match(lines[index])
        if found and len(found["name"].split()) <= MOST_WORDS_OF_NAME:
            yield _Label(index, found["name"].rstrip(), lines[index][found.end() :], is_after_blank)
        is_after_blank = not lines[index].strip()


def _names(labels: Sequence[_Label], *, is_all: bool) -> set[str]:
    """The labels that are speakers' names."""
    times = Counter(label.name for label in labels)
    names = {label.name for label in labels if is_all or label.is_after_blank or times[label.name] > 1}
    return names if len(names) > 1 else names.union(list(times)[:2])


def _content(label: _Label, more: Sequence[str]) -> str:
    return "\n".join([label.text, *more]).strip()
