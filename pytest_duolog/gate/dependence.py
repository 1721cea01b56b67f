"""Measures whether dialogues depend on each other; the guarantees of a gate require independent dialogues.

It measures two kinds, each with a count whose mean and spread are known for a random order. Samples of one scenario and
arm can be similar to their neighbours: neighbours agree more often than in a shuffled series. And all pairs of a round
can get better or worse together. A design effect of 3 means that three dialogues give as much evidence as one
independent dialogue.

Sources: Wald and Wolfowitz 1940 for the number of neighbours that differ; Kish 1965 for the design effect.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

# How many standard errors a sign of dependence needs, so that chance alone rarely makes a gate more cautious.
NOTICEABLE_Z = 2.5


def stickiness(series: Iterable[Sequence[bool]]) -> float:
    """The design effect of samples that repeat the previous outcome; 1 if there is no sign of it.

    `series` are the outcomes of each scenario and arm, in order. A constant series gives no information.
    """
    differing = expected = variance = 0.0
    for outcomes in series:
        n, n_failed = len(outcomes), outcomes.count(False)
        mean = 2 * n_failed * (n - n_failed) / n if n else 0.0
        if mean == 0:
            continue
        differing += sum(one != other for one, other in pairwise(outcomes))
        expected += mean
        variance += mean * (mean - 1) / (n - 1)
    if variance <= 0 or (expected - differing) / math.sqrt(variance) < NOTICEABLE_Z:
        return 1.0
    correlation = min(0.9, 1 - differing / expected)
    return (1 + correlation) / (1 - correlation)


def togetherness(drops: Sequence[Sequence[float]]) -> float:
    """The design effect of rounds whose pairs get worse or better together; 1 if there is no sign of it.

    `drops` are the drops of each scenario by round, with the same number of rounds for all.
    """
    n_rounds = len(drops[0]) if drops else 0
    if n_rounds < 2:
        return 1.0
    variance = math.fsum(_variance(scenario) for scenario in drops)
    if variance == 0:
        return 1.0
    sums = [math.fsum(round_) for round_ in zip(*drops, strict=True)]
    effect = _variance(sums) / variance
    spread = math.sqrt(2 / (n_rounds - 1))  # of a chi squared over its degrees of freedom
    return effect if (effect - 1) / spread >= NOTICEABLE_Z else 1.0


def _variance(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
