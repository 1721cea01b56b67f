"""What a gate can say."""

from __future__ import annotations

from enum import StrEnum


class Decision(StrEnum):
    """The answer of a gate. Too little evidence is neither of the other two, and is never shown as a pass."""

    PASS = "pass"  # noqa: S105  # no password
    BLOCK = "block"
    INCONCLUSIVE = "inconclusive"
