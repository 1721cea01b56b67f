"""Reads dialogues that people wrote by hand: a name, a colon, and the message.

    Alice: Do you repair lamps?
    Bob: We do. What is wrong with yours?
    It may take a week.

A line that begins with a speaker's name and a colon begins a message; other lines belong to the message before them.
"Note: ..." inside a message looks the same, so a label counts as a speaker's name only if it is the first label, comes
twice, follows a blank line, or if every line of the file has a label. If this finds only one speaker, the second label
counts too. An indented line has no label.

Before each name there may be a time, `2026-03-01 12:30:05 Ann: Hello.` or `[12:30] Ann: Hello.`, and after a name in
bold a remark, `**Ann** (at home): Hello.` In Markdown, text before the first message is passed over if two names in
bold take turns.
Pictures such as a robot before a name are no part of it. All that is said may be a quote, or a list of names in bold.
Headings can be names, in bold or with a colon, too:

    ### Ann

    Hello.

    ### Ben

    Good morning.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from pytest_duolog.display import listed, shorten
from pytest_duolog.errors import TranscriptError
from pytest_duolog.transcripts.transcript import Message

LONGEST_NAME = 40
MOST_WORDS_OF_NAME = 4
# Text of a name that is not broken off inside a word.
_NAME = rf"[^\W_][\w .'’()&–-]{{0,{LONGEST_NAME - 1}}}?"
# A point in time before a name, as programs write it. WhatsApp puts U+200E before it and U+202F before AM.
_DATE = r"(?:\d{4}-\d\d-\d\d[ T]|\d{1,2}[/.]\d{1,2}[/.]\d{2,4},? )"
_CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:\s?[AaPp][Mm]\b)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?[\])]?(?: [-–])? "
_TIME = rf"\u200e?[\[(]?{_DATE}?{_CLOCK}"
# After a time, the name may be a telephone number or that of somebody unknown, as WhatsApp writes them.
_STRANGER = r"(?:~\s?)?\u202a?"
_NUMBER = r"\+(?=\d)"
_SIGN = r"[\u200d\ufe0f\u2600-\u27bf\U0001f000-\U0001faff]"
# A name may be in bold or italics, with or without its colon, and a remark in brackets after it.
LABEL = re.compile(
    rf"(?P<time>{_TIME})?(?:{_SIGN}{{1,8}} ?)?(?(time){_STRANGER}|)(?P<mark>\*\*|__|[*_])?(?:{_SIGN}{{1,8}} ?)?"
    rf"(?P<name>(?(time)(?:{_NUMBER})?|){_NAME})\u202c?(?:(?P=mark))?"
    r"(?(mark)(?: ?[(\[][^()\[\]\n]{1,60}[)\]])?|) ?(?::(?:(?P=mark))?(?=\s|$)|：(?:(?P=mark))?)"
)
# What an export says itself: "01.03.26, 10:01 - Ann added Ben".
NOTICE = re.compile(rf"\u200e?[\[(]?{_DATE}{_CLOCK}(?!.*:(?:\s|$))")
HEADING = re.compile(r"(?P<level>#{2,6}) +(?P<name>[^#\s](?:.*\S)?)\s*$")
# What stands around the name in a heading.
AROUND_NAME = re.compile(rf"^(?:[*_ ]|{_SIGN})+(?=[^\W_])|(?<=[^*_:： ])[*_:： ]+$")
QUOTE = re.compile(r"> ?")
ITEM = re.compile(r"[-*+] +(?=\*\*|__)")
QUESTION = re.compile("[?？؟]")
RULE = re.compile(r" {0,3}(?:-{3,}|\*{3,}|_{3,}) *$")
BOLD = ("**", "__")
N_SIDES = 2
# Headings, and names in bold after other text, are names only if there are so many messages.
FEWEST_TURNS = 4
# What stands before a colon in lists of facts; nobody has such a name.
FIELD = re.compile(
    "address|age|authors?|category|changed|city|colou?r|copyright|country|created|date|description|e-?mail|fax|homepage|"
    "id|keywords|languages?|licen[cs]e|maintainers?|name|notes?|number|phone|platform|price|published|python|requires|"
    "size|source|status|subject|summary|tags|title|todo|type|updated|url|versions?|warning|website|weight|year",
    re.IGNORECASE,
)
# So many different headings may be two names.
NEARLY_TWO = (2, 3)


class _Label(NamedTuple):
    at: int
    name: str
    text: str
    is_after_blank: bool
    is_bold: bool = False
    has_time: bool = False


def read_messages(lines: Sequence[str], first: int) -> list[tuple[int, Message]]:
    """The messages from the line at index `first` on, each with the number of its first line, from 1.

    Raises TranscriptError with the line if there are no messages.
    """
    if under_headings := _under_headings(lines, first):
        return under_headings
    lines = _without_notices(_without_marks(lines, first), first)
    begin = next((index for index in range(first, len(lines)) if _is_said(lines[index])), len(lines))
    labels = list(_labels(lines, begin))
    if begin < len(lines) and (not labels or labels[0].at != begin):
        labels = _in_bold(labels)
        if not labels:
            raise TranscriptError(
                "expected a speaker's name and a colon, as in 'Alice: Hello.', found "
                f"{shorten(lines[begin], 60)}{_advice(lines[first:])}",
                line=begin + 1,
            )
        begin = labels[0].at
    n_lines = sum(bool(line.strip()) for line in lines[begin:])
    names = _names(labels, is_all=len(labels) == n_lines)
    starts = [label for label in labels if label.name in names]
    if len(starts) == 1:
        raise TranscriptError(
            "expected two messages or more, each after a speaker's name and a colon, found one",
            line=starts[0].at + 1,
        )
    is_asking = any(map(QUESTION.search, lines[begin:]))
    if why := _is_list(starts, is_asking=is_asking):
        raise TranscriptError(f"this is no dialogue but a list: {why}", line=starts[0].at + 1)
    ends = [*(label.at for label in starts[1:]), len(lines)]
    return [
        (label.at + 1, Message(speaker=label.name, content=_content(label, lines[label.at + 1 : end])))
        for label, end in zip(starts, ends, strict=False)
    ]


def _is_list(starts: Sequence[_Label], *, is_asking: bool) -> str:
    """Why what stands before the colons are labels of a list and no speakers; empty if they may be speakers.

    In a dialogue of more than a few messages two speakers come again, and most messages are theirs. One of two may
    speak once where somebody asks something. Messages with times are of a chat in any case.
    """
    if not starts or starts[0].has_time:
        return ""
    times = Counter(label.name for label in starts)
    if all(map(FIELD.fullmatch, times)):
        return f"{listed(list(map(repr, times)), 3)} are no names of speakers"
    if len(starts) < FEWEST_TURNS:
        return ""
    once = [name for name, n in times.items() if n == 1]
    if len(times) == 1:
        return f"all of it is of {starts[0].name!r}"
    has_monologue = len(starts) > FEWEST_TURNS and len(times) - len(once) < N_SIDES
    if len(once) > len(starts) / 2 or (has_monologue and not (len(times) == N_SIDES and is_asking)):
        return f"only once come {listed(list(map(repr, once)), 3)}, and speakers come again"
    return ""


def _is_said(line: str) -> bool:
    """Whether a line before the first message is text of a dialogue, not a title."""
    return bool(line.strip()) and not line.startswith("#")


def _without_marks(lines: Sequence[str], first: int) -> Sequence[str]:
    """The lines without their `>` if all that is said is quoted; without their bullets if a list is the dialogue."""
    said = [line for line in lines[first:] if _is_said(line)]
    if said and all(map(QUOTE.match, said)):
        return [QUOTE.sub("", line, count=1) for line in lines]
    plain = [ITEM.sub("", line, count=1) for line in lines]
    is_list = all(ITEM.match(line) or line[0].isspace() for line in said)
    return plain if is_list and _has_dialogue(plain, first) else lines


def _without_notices(lines: Sequence[str], first: int) -> Sequence[str]:
    """The lines with empty ones for the notices of an export, which has a date before each name, too."""
    dated = next((line for line in lines[first:] if _is_said(line) and not NOTICE.match(line)), "")
    if not ((found := LABEL.match(dated)) and found["time"] and re.search(_DATE, found["time"])):
        return lines
    return ["" if NOTICE.match(line) else line for line in lines]


def _labels(lines: Sequence[str], begin: int) -> Iterator[_Label]:
    is_after_blank = True
    has_times: bool | None = None
    for index in range(begin, len(lines)):
        found = LABEL.match(lines[index])
        if found and has_times is None:
            has_times = bool(found["time"])
        is_timetable = found and found["time"] and not has_times  # inside a message
        is_name = found and (found["name"][0] == "+" or len(found["name"].split()) <= MOST_WORDS_OF_NAME)
        if found and is_name and not is_timetable:
            text = lines[index][found.end() :]
            name, is_bold = found["name"].rstrip(), found["mark"] in BOLD
            yield _Label(index, name, text, is_after_blank, is_bold, bool(found["time"]))
        is_after_blank = not lines[index].strip()


def _in_bold(labels: Sequence[_Label]) -> list[_Label]:
    """The labels in bold if they are those of two who take turns; a third name may open the dialogue."""
    bold = [label for label in labels if label.is_bold]
    common = [name for name, _ in Counter(label.name for label in bold).most_common(N_SIDES)]
    begin = next((at for at, label in enumerate(bold) if label.name in common), 0)
    turns = [label.name for label in bold[begin:]]
    is_dialogue = (
        len(turns) >= FEWEST_TURNS
        and begin <= 1
        and all(label.is_after_blank for label in bold)
        and set(turns) == set(common)
        and all(one != other for one, other in pairwise(turns))
    )
    return bold if is_dialogue else []


def _under_headings(lines: Sequence[str], first: int) -> list[tuple[int, Message]]:
    """The messages whose speakers are headings; empty if the headings are no names of two who take turns.

    A message may have headings of its own, if none of them is a higher one.
    """
    headings = [
        (at, found["level"], AROUND_NAME.sub("", found["name"]))
        for at in range(first, len(lines))
        if (found := HEADING.match(lines[at]))
    ]
    common = Counter((level, name) for _, level, name in headings).most_common(N_SIDES)
    names = {name for _, name in dict(common)}
    level = common[0][0][0] if common else ""
    starts = [(at, name) for at, own, name in headings if own == level and name in names]
    is_dialogue = (
        len(starts) >= FEWEST_TURNS
        and len(names) == N_SIDES
        and all(one != other for (_, one), (_, other) in pairwise(starts))
        and all(len(name) <= LONGEST_NAME and len(name.split()) <= MOST_WORDS_OF_NAME for name in names)
        and not any(at > starts[0][0] and len(own) < len(level) for at, own, _ in headings)
        and not _has_dialogue(lines[: starts[0][0]], first)
    )
    if not is_dialogue:
        return []
    ends = [*(at for at, _ in starts[1:]), len(lines)]
    return [
        (at + 1, Message(speaker=name, content=_without_rule(lines[at + 1 : end])))
        for (at, name), end in zip(starts, ends, strict=True)
    ]


def _has_dialogue(lines: Sequence[str], first: int) -> bool:
    """Whether a label comes twice in these lines."""
    names = [label.name for label in _labels(lines, first)]
    return len(set(names)) < len(names)


def _advice(lines: Sequence[str]) -> str:
    """What to say of a text whose headings may be meant as names."""
    found = {AROUND_NAME.sub("", found["name"]) for line in lines if (found := HEADING.match(line))}
    if len(found) not in NEARLY_TWO:
        return ""
    names = listed([shorten(name, LONGEST_NAME) for name in sorted(found)])
    return (
        f"; its headings ({names}) are speakers only if two of them take turns, in {FEWEST_TURNS} messages or "
        "more, with no higher heading between"
    )


def _without_rule(lines: Sequence[str]) -> str:
    """The text of a message without the rule that parts it from the next one."""
    said = "\n".join(lines).strip().split("\n")
    return "\n".join(said[:-1] if RULE.match(said[-1]) else said).strip()


def _names(labels: Sequence[_Label], *, is_all: bool) -> set[str]:
    """The labels that are speakers' names."""
    times = Counter(label.name for label in labels)
    names = {
        label.name
        for label in labels
        if is_all or label.is_after_blank or label.has_time or times[label.name] > 1
    }
    return names if len(names) > 1 else names.union(list(times)[:2])


def _content(label: _Label, more: Sequence[str]) -> str:
    return "\n".join([label.text, *more]).strip()
