"""How many samples fixed designs need: yardsticks to compare a sequential gate with."""

from __future__ import annotations

import math
from statistics import NormalDist

from pytest_duolog.stats.binomial import checked_open_rate


def samples_per_arm(rate: float, margin: float, *, risk: float = 0.05, power: float = 0.8) -> int:
    """Samples of each arm after which two arms of this rate are shown to be less than `margin` apart.

    `risk` is the one-sided chance of showing it of arms that are `margin` apart, `power` that of arms that are equal.
    Source: Blackwelder 1982; 2 p (1 - p) (z_risk + z_power)^2 / margin^2.
    """
    for name, value in (("rate", rate), ("margin", margin), ("risk", risk), ("power", power)):
        checked_open_rate(name, value)
    z = NormalDist().inv_cdf(1 - risk) + NormalDist().inv_cdf(power)
    return math.ceil(2 * rate * (1 - rate) * (z / margin) ** 2)


def power_of_fixed_design(rate: float, margin: float, n: int, *, risk: float = 0.05) -> float:
    """The chance that `n` samples of each arm show two equal arms to be less than `margin` apart."""
    for name, value in (("rate", rate), ("margin", margin), ("risk", risk)):
        checked_open_rate(name, value)
    return NormalDist().cdf(margin * math.sqrt(n / (2 * rate * (1 - rate))) - NormalDist().inv_cdf(1 - risk))


def samples_to_see(failure_rate: float, *, confidence: float = 0.95) -> int:
    """Samples among which a failure of this rate shows at least once, with this confidence; 29 for 10 %."""
    checked_open_rate("failure_rate", failure_rate)
    checked_open_rate("confidence", confidence)
    return math.ceil(math.log(1 - confidence) / math.log1p(-failure_rate))


def family_failure_rate(false_fail_rates: list[float]) -> float:
    """The chance that at least one of several independent tests fails, from each one's own."""
    return 1 - math.prod(1 - rate for rate in false_fail_rates)
