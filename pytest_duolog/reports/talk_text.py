"""The output of `duolog talk`: the messages of one dialogue as they come, the progress of many, and a table."""

from __future__ import annotations

import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from pytest_duolog.display import and_more, counted, printable
from pytest_duolog.reports.dialogue_text import LEAST_TEXT, SPEAKER_INKS, Ink, Page
from pytest_duolog.transcripts.transcript import Message, Transcript

MOST_ROWS = 30
LONGEST_CELL = 44
NOT_HELD = "not finished"


@dataclass
class LiveDialogue:
    """Writes the messages of one dialogue below each other."""

    page: Page
    names: Sequence[str]

    def message(self, number: int, message: Message) -> Iterator[str]:
        """The lines of one message."""
        at = self.names.index(message.speaker) if message.speaker in self.names else len(SPEAKER_INKS) - 1
        width = max(map(len, self.names), default=0)
        head = f"{number:>4}  {printable(message.speaker):<{width}}  "
        room = max(LEAST_TEXT, self.page.width - len(head))
        text = printable(message.content.rstrip() or "(empty)")
        lines = [
            line
            for paragraph in text.split("\n")
            for line in textwrap.wrap(paragraph, room, break_on_hyphens=False) or [""]
        ]
        yield self.page.ink(head, SPEAKER_INKS[at]) + lines[0]
        for line in lines[1:]:
            yield f"{'':{len(head)}}{printable(line)}".rstrip()

    def waiting(self, number: int, speaker: str, max_messages: int) -> str:
        """A line that says for whom we wait; it makes room for what comes."""
        text = f"      {printable(speaker)} writes message {number} (at most {max_messages}) ..."
        return self.page.ink(text[: self.page.width - 1], Ink.FAINT)


@dataclass
class Progress:
    """Counts what happens in many dialogues."""

    n_talks: int
    n_ended: int = 0
    n_messages: int = 0
    n_tokens: int = 0
    running: set[str] = field(default_factory=set)

    def said(self, name: str, message: Message) -> None:
        """A message of the dialogue of this name is there."""
        self.running.add(name)
        self.n_messages += 1
        self.n_tokens += message.usage.tokens_written if message.usage else 0

    def ended(self, name: str) -> None:
        """A dialogue is over, however it ended."""
        self.running.discard(name)
        self.n_ended += 1

    def line(self) -> str:
        """Where all of them are, in one line."""
        tokens = f", {self.n_tokens:,} tokens written" if self.n_tokens else ""
        return (
            f"{self.n_ended} of {counted(self.n_talks, 'dialogue')}, {len(self.running)} running, "
            f"{counted(self.n_messages, 'message')}{tokens}"
        )


def ended_line(name: str, transcript: Transcript) -> str:
    """One finished dialogue in one line."""
    return printable(f"{name}: {counted(len(transcript), 'message')}, stopped by {_ended_by(transcript)}")


def _ended_by(transcript: Transcript) -> str:
    return transcript.stop_reason.kind.value.replace("_", " ") if transcript.stop_reason else "not known"


def table(cells: Sequence[tuple[str, Sequence[Transcript | None]]]) -> list[str]:
    """A row for each cell with its samples, None for one that is not there.

    It has the range and the median of the number of messages, and the reasons to stop with their counts.
    """
    rows = [("dialogue", "finished", "messages", "ended by", "tokens written")]
    for name, samples in cells[:MOST_ROWS]:
        held = [sample for sample in samples if sample is not None]
        rows.append(
            (
                _cell_name(name),
                f"{len(held)} of {len(samples)}",
                _lengths([len(sample) for sample in held]),
                _reasons(held, len(samples) - len(held)),
                f"{sum(sample.usage.tokens_written for sample in held):,}",
            )
        )
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = [
        "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return [*map(printable, lines), *and_more(len(cells), MOST_ROWS, "conditions")]


def _cell_name(name: str) -> str:
    return name if len(name) <= LONGEST_CELL else f"{name[: LONGEST_CELL - 1]}…"


def _lengths(lengths: Sequence[int]) -> str:
    if not lengths:
        return "-"
    low, high = min(lengths), max(lengths)
    return f"{low}" if low == high else f"{low} to {high}, median {median(lengths):g}"


def _reasons(held: Iterable[Transcript], n_missing: int) -> str:
    counts = Counter(_ended_by(sample) for sample in held)
    if n_missing:
        counts[NOT_HELD] = n_missing
    return ", ".join(f"{n} {reason}" for reason, n in counts.most_common()) or "-"


def problem_lines(problems: Sequence[tuple[str, str]]) -> Iterator[str]:
    """What went wrong, each problem once, with the dialogues that it befell."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, problem in problems:
        found[problem].append(name)
    for problem, names in found.items():
        which = names[0] if len(names) == 1 else f"{counted(len(names), 'dialogue')}, {names[0]} among them"
        head, *rest = problem.splitlines() or [""]
        yield printable(f"{which}: {head}")
        yield from (printable(f"  {line.strip()}") for line in rest)
