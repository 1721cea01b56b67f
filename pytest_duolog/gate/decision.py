"""What a gate can say, and the exit status that it means."""

from __future__ import annotations

from enum import StrEnum

from pytest_duolog.errors import ConfigurationError

HIGHEST_STATUS = 255


class Decision(StrEnum):
    """The answer of a gate. Too little evidence is neither of the other two, and is never shown as a pass."""

    PASS = "pass"  # noqa: S105  # no password
    BLOCK = "block"
    INCONCLUSIVE = "inconclusive"


def status_of_inconclusive(given: str, *, fail: int) -> int:
    """The exit status of an inconclusive gate: `fail` for "fail", 0 for "warn", or the number that is given.

    Raises ConfigurationError for anything else, and for a number outside 1 to 255.
    """
    named = {"fail": fail, "warn": 0}
    status = named.get(given, int(given) if given.isascii() and given.isdigit() and len(given) < 4 else -1)
    if given not in named and not 1 <= status <= HIGHEST_STATUS:
        raise ConfigurationError(
            f"{given!r} does not say what an inconclusive gate means (accepted: fail, warn, or an exit status from 1 "
            f"to {HIGHEST_STATUS})"
        )
    return status
