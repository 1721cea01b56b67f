"""How many samples a test needs to see a failure."""

from __future__ import annotations

import math

from pytest_duolog.stats.binomial import checked_open_rate


def samples_to_see(failure_rate: float, *, confidence: float = 0.95) -> int:
    """The number of samples in which a failure of this rate occurs at least once, with this confidence; 29 for 10 %.

    Raises ValueError unless both are inside (0, 1).
    """
    checked_open_rate("failure_rate", failure_rate)
    checked_open_rate("confidence", confidence)
    return math.ceil(math.log(1 - confidence) / math.log1p(-failure_rate))
