"""Reads the labelled dialogues of `benchmarks/data/`; the format stands in the README there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).with_name("data")

_TITLE = re.compile(r"== (?P<name>\S+) (?P<language>\S+) (?P<family>\S+)$")
_SCOPE = re.compile(r"labelled for (?P<what>loops|closings) only$")
_MARK = re.compile(r"\[(?P<what>closing|loop end|loop|by here|again)(?P<values>[^\]]*)\]$")


@dataclass
class Labelled:
    """One dialogue with what people found in it; positions count from 0.

    `closing` and `loop` are the first and the last position that a detector may name, None where there is none.
    `loop_kind` is one of the kinds in the README, `loop_end` the loop's last message. `looked_for` is what
    people looked for in it: where that is not `closings`, or not `loops`, None says nothing. `source` is the name of
    its file.
    """

    name: str
    language: str
    family: str
    messages: list[tuple[str, str]] = field(default_factory=list)
    closing: tuple[int, int] | None = None
    loop: tuple[int, int] | None = None
    loop_kind: str = "none"
    loop_end: int | None = None
    looked_for: frozenset[str] = frozenset({"loops", "closings"})
    source: str = ""

    def take(self, line: str) -> None:
        """Add one line of the file."""
        if line.startswith("  "):
            speaker, said = self.messages[-1]
            self.messages[-1] = (speaker, f"{said}\n{line[2:]}")
        elif mark := _MARK.match(line):
            self._mark(mark["what"], mark["values"].split())
        else:
            speaker, _, said = line.partition(":")
            self.messages.append((speaker, said.strip()))

    def _mark(self, what: str, values: list[str]) -> None:
        here = len(self.messages)
        if what == "again":
            n_messages, times = map(int, values)
            self.messages += self.messages[-n_messages:] * times
        elif what == "closing":
            self.closing = _around(here, values)
        elif what == "loop":
            self.loop_kind, self.loop = values[0], _around(here, values[1:])
        elif what == "by here":
            assert self.loop, f"{self.name}: no loop before {what}"
            self.loop = (self.loop[0], _around(here, values)[1])
        else:
            self.loop_end = here - 1


def _around(here: int, shift: list[str]) -> tuple[int, int]:
    """The positions from here to as many further on, or back."""
    by = int(shift[0]) if shift else 0
    return min(here, here + by), max(here, here + by)


def read_dialogues(folder: Path = FOLDER) -> Iterator[Labelled]:
    """The dialogues of all files in `folder`, file by file in the order of their names."""
    for path in sorted(folder.glob("*.txt")):
        scope = Labelled.looked_for
        current: Labelled | None = None
        for line in path.read_text("utf-8").splitlines():
            if title := _TITLE.match(line):
                if current:
                    yield current
                current = Labelled(**title.groupdict(), looked_for=scope, source=path.stem)
            elif not current and (found := _SCOPE.match(line)):
                scope = frozenset({found["what"]})
            elif line.strip() or line.startswith("  "):
                assert current, f"{path}: text before the first title"
                current.take(line)
        if current:
            yield current
