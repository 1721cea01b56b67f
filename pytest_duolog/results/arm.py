"""The two sides of a gate."""

from __future__ import annotations

from enum import StrEnum


class Arm(StrEnum):
    """The side of a gate that a sample belongs to; without a gate, all samples are baseline."""

    BASELINE = "baseline"
    CANDIDATE = "candidate"
