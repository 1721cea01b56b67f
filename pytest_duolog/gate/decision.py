"""The decisions of a gate, and their exit status."""

from __future__ import annotations

from enum import StrEnum

from pytest_duolog.errors import ConfigurationError

HIGHEST_STATUS = 255


class Decision(StrEnum):
    """The decision of a gate. INCONCLUSIVE means too little evidence; it is never shown as a pass."""

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
            f"{given!r} is not known (accepted: fail, warn, or an exit status from 1 to {HIGHEST_STATUS})"
        )
    return status
