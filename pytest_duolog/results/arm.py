"""The two sides of a gate, and the four pairings of a run with blame."""

from __future__ import annotations

from enum import StrEnum


class Arm(StrEnum):
    """The side of a gate that a sample belongs to; without a gate, all samples are baseline."""

    BASELINE = "baseline"
    CANDIDATE = "candidate"


class Pairing(StrEnum):
    """The models of a sample in a run with blame: both that are suspected, one of them, or neither.

    The suspects are the models of the two sides, or the candidates for both. In place of a model that is missing stands
    that of the other side; in place of a candidate, the model that it would replace.
    """

    BOTH = "both suspects"
    ONLY_A = "only a's suspect"
    ONLY_B = "only b's suspect"
    NEITHER = "neither suspect"


AnyArm = Arm | Pairing
