"""Dialogues in tables: rows of CSV or Parquet that are messages, or that are whole conversations.

A table says with the names of its columns what they hold; `Columns` has the usual names, and those that a user gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple, Protocol

from pytest_duolog.display import listed, shorten
from pytest_duolog.errors import ConfigurationError, TranscriptError
from pytest_duolog.transcripts.logs.files import LogKind, kind_of
from pytest_duolog.transcripts.sources import Source, Unreadable, source_of_value
from pytest_duolog.transcripts.traces import value_of

# More messages are no dialogue, and would have to be kept in memory.
MOST_MESSAGES = 100_000
# The usual names of the columns, in the order in which they are tried; case, spaces, `_` and `-` do not matter.
USUAL: Mapping[str, Sequence[str]] = {
    "conversation": (
        "conversation_id", "session_id", "thread_id", "chat_id", "dialogue_id", "dialog_id", "conv_id",
        "conversation_hash", "conversation", "session", "thread", "chat", "dialogue", "ticket_id",
    ),
    "role": ("role", "speaker", "author", "sender", "from", "author_role", "sender_type", "participant"),
    "text": ("content", "text", "message", "body", "utterance", "value"),
    "order": (
        "turn", "turn_index", "turn_id", "message_index", "position", "sequence", "seq",
        "timestamp", "created_at", "sent_at", "datetime", "time", "date",
    ),
    "messages": ("messages", "conversation", "conversations", "contents", "dialogue", "chat"),
}  # fmt: skip
# Columns of other facts; their spelling does not matter either.
OF_MESSAGE = ("name", "tool_calls", "tool_call_id")
OF_CONVERSATION = ("topic", "system", "model", "tools")
IDS = ("id", "uuid")


@dataclass(frozen=True)
class Columns:
    """The columns that a user named; None for those that are to be found by their usual names.

    `messages` has whole conversations. `order` is empty if the rows are in order already, `conversation` if all of them
    are one conversation.
    """

    conversation: str | None = None
    role: str | None = None
    text: str | None = None
    order: str | None = None
    messages: str | None = None


NO_COLUMNS = Columns()


def columns_from(written: Iterable[str]) -> Columns:
    """The columns of `PART=NAME` arguments. Raises ConfigurationError for what they cannot mean."""
    found: dict[str, str] = {}
    known = [field.name for field in fields(Columns)]
    for one in written:
        part, sign, name = one.partition("=")
        if part not in known or not sign or not (name or part in ("order", "conversation")):
            raise ConfigurationError(f"{one!r} is not PART=NAME, with one of {', '.join(known)} as PART")
        if part in found:
            raise ConfigurationError(f"{part}={name} and {part}={found[part]} name two columns for one part")
        found[part] = name
    if "messages" in found and (others := [part for part in ("role", "text", "order") if part in found]):
        raise ConfigurationError(
            f"messages={found['messages']} is a column of whole conversations: {others[0]} has no effect with it"
        )
    return Columns(**found)


class Fact(NamedTuple):
    """A fact beside the messages, by the name that readers of messages know, and the column that has it."""

    name: str
    column: str


@dataclass(frozen=True)
class Layout:
    """What the columns of one table hold. Either `messages` is given, or `role` and `text` are.

    Without `conversation`, all rows with a message each are one conversation.
    """

    conversation: str = ""
    role: str = ""
    text: str = ""
    order: str = ""
    messages: str = ""
    facts: tuple[Fact, ...] = ()

    @property
    def names(self) -> list[str]:
        """The columns that are read."""
        parts = (self.conversation, self.role, self.text, self.order, self.messages)
        return list(dict.fromkeys(filter(None, (*parts, *(fact.column for fact in self.facts)))))


def layout_of(names: Sequence[str], given: Columns, file: str) -> Layout:
    """What the columns with these names hold. Raises TranscriptError if it cannot be told."""
    layout = _layout_of(names, given, file)
    for name in layout.names:
        if names.count(name) > 1:
            raise TranscriptError(f"{file}: it has {names.count(name)} columns {name!r}: rename all but one")
    return layout


def _layout_of(names: Sequence[str], given: Columns, file: str) -> Layout:
    for field in fields(given):
        name = getattr(given, field.name)
        if name and name not in names:
            raise TranscriptError(f"{file}: it has no column {name!r} ({field.name}); {_has(names)}")
    plain = {_plain(name): name for name in reversed(names)}

    def column(part: str) -> str:
        stated: str | None = getattr(given, part)
        usual = (plain[_plain(name)] for name in USUAL[part] if _plain(name) in plain)
        return next(usual, "") if stated is None else stated

    def facts(*known: str) -> tuple[Fact, ...]:
        return tuple(Fact(name, plain[_plain(name)]) for name in known if _plain(name) in plain)

    conversation, role, text = column("conversation"), column("role"), column("text")
    if not given.messages and conversation and role and text:
        return Layout(conversation, role, text, column("order"), facts=facts(*OF_MESSAGE, *OF_CONVERSATION))
    messages = "" if given.role or given.text or given.order else column("messages")
    if messages:
        ids = given.conversation or next((plain[name] for name in IDS if name in plain), conversation)
        return Layout("" if ids == messages else ids, messages=messages, facts=facts(*OF_CONVERSATION))
    parts = (role, text, column("order"), *(fact.column for fact in facts(*OF_MESSAGE, *OF_CONVERSATION)))
    if role and text and (given.conversation == "" or set(names) <= {*parts}):
        return Layout("", role, text, column("order"), facts=facts(*OF_MESSAGE, *OF_CONVERSATION))
    known = (("conversation", conversation), ("role", role), ("text", text))
    missing = [f"{part}'s id" if part == "conversation" else part for part, found in known if not found]
    raise TranscriptError(
        f"{file}: it cannot be told which column has the {' and the '.join(missing)} of each message; {_has(names)}; "
        "say so with --column conversation=NAME (conversation= if all rows are one), role=NAME and text=NAME, or "
        "messages=NAME if each row is a whole conversation"
    )


def _plain(name: str) -> str:
    return "".join(name.casefold().split()).replace("_", "").replace("-", "")


def _has(names: Sequence[str]) -> str:
    return f"its columns are {listed([shorten(name, 40) for name in names], 12) or 'none'}"


class Row(NamedTuple):
    """One row: its line from 1, where it begins, its cells by their columns, and its bytes if it is one of CSV.

    If it cannot be read, `problem` says why, and there are no cells.
    """

    line: int
    at: int
    cells: Mapping[str, Any]
    problem: str = ""
    raw: bytes = b""


class Table(Protocol):
    """An open table. Its rows can be read once."""

    @property
    def names(self) -> Sequence[str]:
        """The names of the columns."""

    @property
    def seed(self) -> bytes:
        """A hash of what decides the dialogues of all chunks."""

    def rows(self, names: Sequence[str], start: int, end: int | None, first_line: int) -> Iterator[Row]:
        """The rows from `start` to `end` with the cells of these columns; `start` 0 is the first row."""

    def is_full(self, begin: int, at: int, n_bytes: int) -> bool:
        """Whether the rows from `begin` to `at` are a chunk of about `n_bytes`."""


class Start(NamedTuple):
    """A row with which a chunk may begin, because it is the first of its conversation; the others are not."""

    row: Row
    is_first: bool


def starts_of(rows: Iterable[Row], layout: Layout, file: str) -> Iterator[Start]:
    """The rows, each with whether its conversation begins with it, and is not beside a row that cannot be read.

    Raises TranscriptError if a conversation comes again after another one.
    """
    known: set[int] = set()
    before: str | None = None  # empty after a row that cannot be read
    last = ""
    for row in rows:
        if not layout.role:
            yield Start(row, is_first=True)
            continue
        id_ = _id(row, layout) if not row.problem else ""
        if id_ and id_ != last:
            if hash(id_) in known:
                raise TranscriptError(_apart(file, row, id_, layout))
            known.add(hash(id_))
            last = id_
        yield Start(row, is_first=bool(id_) and before not in ("", id_))
        before = id_


def _apart(file: str, row: Row, id_: str, layout: Layout) -> str:
    return (
        f"{file}: conversation {shorten(id_, 40)} comes again in line {row.line}, after others: sort the rows first, "
        f"for example with DuckDB: {sorting_sql(file, layout)}"
    )


def sorting_sql(file: str, layout: Layout) -> str:
    """The statement of DuckDB that makes a file whose conversations are not apart; rows keep their order in them."""
    is_csv = kind_of(file) is LogKind.CSV
    name = "'" + file.replace("'", "''") + "'"
    rows = f"read_csv({name}, header = true, all_varchar = true)" if is_csv else name
    column = '"' + layout.conversation.replace('"', '""') + '"'
    return f"copy (from {rows} order by {column}, row_number() over ()) to 'sorted.{'csv' if is_csv else 'parquet'}'"


def conversations_of(
    rows: Iterable[Row], layout: Layout, file: str, stem: str
) -> Iterator[Source | Unreadable]:
    """The dialogues of rows; an Unreadable stands for each row, and each conversation, that cannot be read."""
    if layout.role:
        yield from _grouped(rows, layout, file, stem)
        return
    for row in rows:
        yield Unreadable(file, row.line, row.problem) if row.problem else _of_row(row, layout, file, stem)


def _of_row(row: Row, layout: Layout, file: str, stem: str) -> Source | Unreadable:
    messages = value_of(row.cells[layout.messages])
    if isinstance(messages, str):
        problem = f"column {layout.messages!r} is not JSON with a list of messages: {shorten(messages, 60)}"
        return Unreadable(file, row.line, problem)
    value = messages if isinstance(messages, dict) else {"messages": messages}
    id_ = _id(row, layout) if layout.conversation else ""
    facts = {name: value_of(row.cells[column]) for name, column in layout.facts if row.cells[column]}
    return source_of_value(
        {**facts, **value, **({"id": id_} if id_ else {})}, file, row.line, f"{stem}:{row.line}"
    )


def _grouped(rows: Iterable[Row], layout: Layout, file: str, stem: str) -> Iterator[Source | Unreadable]:
    group: list[Row] = []
    last = ""
    beside: int | None = None  # the line of a row that cannot be read, inside the group or next to it
    damaged: int | None = None  # the same, if the row before cannot be read
    for row in rows:
        id_ = "" if row.problem else _id(row, layout)
        if not id_:
            yield Unreadable(file, row.line, row.problem or f"column {layout.conversation!r} is empty")
            beside = damaged = row.line
            continue
        if id_ != last and group:
            yield _of_group(group, last, beside, layout, file)
            group, beside = [], None
        last, beside, damaged = id_, damaged if beside is None else beside, None
        if len(group) <= MOST_MESSAGES:
            group.append(row)
    if group:
        yield _of_group(group, last if layout.conversation else stem, beside, layout, file)


def _of_group(
    rows: list[Row], id_: str, beside: int | None, layout: Layout, file: str
) -> Source | Unreadable:
    line = rows[0].line
    if beside is not None:
        return Unreadable(
            file, line, f"{id_}: not judged, because line {beside} cannot be read and may be part of it"
        )
    if len(rows) > MOST_MESSAGES:
        return Unreadable(file, line, f"{id_}: more than {MOST_MESSAGES:,} messages")
    try:
        rows = _in_order(rows, layout.order) if layout.order else rows
    except TranscriptError as error:
        return Unreadable(file, error.line or line, f"{id_}: {error.problem}")
    facts = {
        name: next((value_of(row.cells[column]) for row in rows if row.cells[column]), None)
        for name, column in layout.facts
        if name in OF_CONVERSATION
    }
    messages = [_entry(row, layout) for row in rows]
    return source_of_value({**facts, "id": id_, "messages": messages}, file, line, id_)


def _entry(row: Row, layout: Layout) -> dict[str, Any]:
    extra = {
        name: value_of(row.cells[column])
        for name, column in layout.facts
        if name in OF_MESSAGE and row.cells[column]
    }
    return {"role": row.cells[layout.role] or None, "content": row.cells[layout.text], **extra}


def _id(row: Row, layout: Layout) -> str:
    """What tells a conversation from others; empty if the cell is."""
    if not layout.conversation:
        return "all rows"
    value = row.cells[layout.conversation]
    return "" if value is None else str(value).strip()


def _in_order(rows: list[Row], column: str) -> list[Row]:
    keys = [_moment(row, column) for row in rows]
    if len({type(key) for key in keys}) > 1:
        raise TranscriptError(
            f"column {column!r} has numbers and dates, which cannot be ordered; {_KEEPS}", line=rows[0].line
        )
    return [rows[at] for at in sorted(range(len(rows)), key=lambda at: keys[at])]


_KEEPS = "--column order= keeps the order of the rows"


def _moment(row: Row, column: str) -> Decimal | datetime:
    """A number or a date by which rows are ordered; dates without a zone are in UTC."""
    value = row.cells[column]
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    with suppress(InvalidOperation):
        number = Decimal(str(value))  # a float would round great numbers
        if number.is_finite():
            return number
    try:
        told = (
            value if isinstance(value, datetime) else datetime.fromisoformat(str(value).removesuffix(" UTC"))
        )
    except ValueError:
        raise TranscriptError(
            f"column {column!r} does not tell the order of its messages: {shorten(str(value), 40)} is neither a "
            f"number nor a date such as 2026-01-31T09:30:00; {_KEEPS}",
            line=row.line,
        ) from None
    return told if told.tzinfo else told.replace(tzinfo=UTC)
