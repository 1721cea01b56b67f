"""What `duolog mine` found and wrote: for people, and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from pytest_duolog.display import counted, cut, printable
from pytest_duolog.transcripts.sources import Unreadable

WHY = 150


class State(StrEnum):
    """What became of a kind of failure."""

    WRITTEN = "written"
    WOULD_BE = "would be written"
    KNOWN = "there already"
    LEFT_OUT = "left out by --most"
    NOT_KEPT = "not written: no dialogue of it fails in the same way with its stand-ins"
    FAILED = "could not be written"


class MinedKind(NamedTuple):
    """A kind of failure: its property, how many dialogues are of it, the place of its example, its test."""

    property: str
    n_dialogues: int
    place: str
    why: str
    state: State
    test: str


@dataclass
class MinedLog:
    """All that was mined."""

    n_dialogues: int = 0
    n_failing: int = 0
    kinds: list[MinedKind] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)


def text_lines(log: MinedLog, *, is_dry: bool) -> Iterator[str]:
    """A table of the kinds, and a sentence about them."""
    shown = [kind for kind in log.kinds if kind.state is not State.LEFT_OUT]
    if shown:
        width = max(len(kind.property) for kind in shown)
        yield f"{'dialogues':>9}  {'property':{width}}  test"
        for kind in shown:
            test = kind.test if kind.state is State.WRITTEN else f"{kind.test} ({kind.state})".strip()
            yield printable(f"{kind.n_dialogues:>9}  {kind.property:{width}}  {test}")
            if kind.why:
                yield printable(f"{'':>9}  {'':{width}}    {kind.place}: {cut(kind.why, WHY)}")
    left_out = [kind for kind in log.kinds if kind.state is State.LEFT_OUT]
    if left_out:
        n = sum(kind.n_dialogues for kind in left_out)
        yield f"{n:>9}  in {counted(len(left_out), 'smaller kind')}, left out by --most"
    n_written = sum(kind.state in (State.WRITTEN, State.WOULD_BE) for kind in log.kinds)
    wrote = "would be written (--dry-run)" if is_dry else "written"
    failing = (
        f"{log.n_failing} with failures of {counted(len(log.kinds), 'kind')}"
        if log.n_failing
        else "none fails"
    )
    yield f"{counted(log.n_dialogues, 'dialogue')} read, {failing}: {counted(n_written, 'test')} {wrote}"


def json_lines(log: MinedLog, *, is_dry: bool) -> Iterator[str]:
    """One object with everything."""
    yield json.dumps(
        {
            "dialogues": log.n_dialogues,
            "failing": log.n_failing,
            "dry_run": is_dry,
            "kinds": [{**kind._asdict(), "state": kind.state.name.lower()} for kind in log.kinds],
            "unreadable": [
                {"file": failed.file, "line": failed.line, "problem": failed.problem}
                for failed in log.unreadable
            ],
        },
        indent=1,
    )


FORMATS: Mapping[str, Callable[..., Iterator[str]]] = {"text": text_lines, "json": json_lines}
