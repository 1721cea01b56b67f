"""Records which verdicts a test asked for, in which line, and whether the test checked them.

A verdict that is not checked tests nothing: `dialogue.never_says("refund")` without `assert`. Therefore the methods of
transcripts and dialogues return a verdict with a claim, and reading the outcome marks the claim as seen.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_duolog import claims_of_tests
from pytest_duolog.dataclass import dataclass

if TYPE_CHECKING:
    from pytest_duolog.properties.verdict import Verdict

PACKAGE = f"{Path(__file__).parents[1]}{os.sep}"


@dataclass(eq=False)
class Claim:
    """A verdict that was asked for, and the line that asked for it.

    `verdict` is the same verdict without a claim, for reports; `holds` says whether its property holds. Printing the
    verdict on a transcript counts as a check, because it may be in a notebook or a doctest; printing the verdict on a
    dialogue (`of_dialogue`) does not.
    """

    verdict: Verdict
    holds: bool
    of_dialogue: bool
    file: str
    line: int
    is_seen: bool = False

    def place(self, root: Path) -> str:
        """The line as `FILE:LINE`, relative to the folder `root`."""
        file = Path(self.file)
        return f"{file.relative_to(root).as_posix() if file.is_relative_to(root) else file}:{self.line}"

    @property
    def is_bad(self) -> bool:
        """Whether the property fails or could not be measured, and the verdict was not checked."""
        return not (self.is_seen or self.holds)


# A verdict that a check asks for while it judges is part of the check's own verdict, not a claim of the test.
_inside_check: ContextVar[list[Claim] | None] = ContextVar("duolog_inside_check", default=None)


@contextmanager
def claims_of_check() -> Iterator[list[Claim]]:
    """Collect the claims that a check makes inside the block."""
    claims: list[Claim] = []
    token = _inside_check.set(claims)
    try:
        yield claims
    finally:
        _inside_check.reset(token)


def claim(verdict: Verdict, claims: list[Claim] | None = None, *, holds: bool, of_dialogue: bool) -> Claim:
    """A claim at the nearest line outside this package.

    It is added to `claims`, or to the list of the running test; inside a check, to the list of the check.
    """
    made = Claim(verdict, holds, of_dialogue, *calling_line())
    inside = _inside_check.get()
    if inside is not None:
        inside.append(made)
    elif claims is not None:
        claims.append(made)
    elif claims_of_tests:  # transcripts are values and know no test
        claims_of_tests[-1].append(made)
    return made


def calling_line() -> tuple[str, int]:
    """The file and the line of the nearest code outside this package."""
    frame = sys._getframe()  # noqa: SLF001  # `inspect.stack` reads the source of every frame
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno
