"""Which verdicts a test asked for, where, and whether anybody looked at them.

A verdict that nobody looks at tests nothing: `dialogue.never_says("refund")` without `assert`. The methods of
transcripts and dialogues therefore give a verdict with a claim, and whoever reads the outcome has seen it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_duolog.properties.base import Verdict

PACKAGE = f"{Path(__file__).parents[1]}{os.sep}"


@dataclass(eq=False)
class Claim:
    """A verdict that was asked for, and the line that asked.

    `verdict` is the same one without a claim, to be read by those who report it; `holds` is whether its property does.
    To print a verdict is no test of a dialogue; of a transcript (`of_dialogue` is false), which may stand in a notebook
    or a doctest, it is.
    """

    verdict: Verdict
    holds: bool
    of_dialogue: bool
    file: str
    line: int
    is_seen: bool = False

    def place(self, root: Path) -> str:
        """The line as `FILE:LINE`, from the folder `root` on."""
        file = Path(self.file)
        return f"{file.relative_to(root).as_posix() if file.is_relative_to(root) else file}:{self.line}"

    @property
    def is_bad(self) -> bool:
        """Whether the property fails, or could not be measured, and nobody looked."""
        return not (self.is_seen or self.holds)


# Transcripts are values and know no test, so the list of the test that runs stands here; the last one is the innermost.
_tests: list[list[Claim]] = []
# What a check asks of the transcript while it judges is part of its own verdict, and no claim of the test.
_inside_check: ContextVar[list[Claim] | None] = ContextVar("duolog_inside_check", default=None)


@contextmanager
def claims_of_test() -> Iterator[list[Claim]]:
    """Collect what is claimed meanwhile, in any thread."""
    claims: list[Claim] = []
    _tests.append(claims)
    try:
        yield claims
    finally:
        _tests.pop()


@contextmanager
def claims_of_check() -> Iterator[list[Claim]]:
    """Collect what a check claims."""
    claims: list[Claim] = []
    token = _inside_check.set(claims)
    try:
        yield claims
    finally:
        _inside_check.reset(token)


def claim(verdict: Verdict, claims: list[Claim] | None = None, *, holds: bool, of_dialogue: bool) -> Claim:
    """A claim of whoever runs now, at the nearest line outside this package.

    It goes into `claims`, or the list of the test that runs; inside a check, into that of the check.
    """
    made = Claim(verdict, holds, of_dialogue, *_caller())
    inside = _inside_check.get()
    if inside is not None:
        inside.append(made)
    elif claims is not None:
        claims.append(made)
    elif _tests:
        _tests[-1].append(made)
    return made


def _caller() -> tuple[str, int]:
    frame = sys._getframe()  # noqa: SLF001  # `inspect.stack` reads the source of every frame
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno
