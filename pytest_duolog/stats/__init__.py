"""Statistics of pass and fail counts, with the standard library only; each formula names its source.

The names below are public; docs/statistics.md explains their use. Only the gate uses the other modules.
"""

from __future__ import annotations

from pytest_duolog.stats.differences import TwoRates, newcombe_interval, newcombe_paired_interval
from pytest_duolog.stats.exact_tests import (
    benjamini_hochberg,
    benjamini_yekutieli,
    fisher_p,
    holm,
    mcnemar_exact_p,
)
from pytest_duolog.stats.intervals import Interval, clopper_pearson_interval, wilson_interval
from pytest_duolog.stats.log_rank import log_rank
from pytest_duolog.stats.power import samples_to_see
from pytest_duolog.stats.repeats import pass_at_k, pass_hat_k, pass_hat_k_interval
from pytest_duolog.stats.survival import Observation, kaplan_meier, mean_difference

__all__ = [
    "Interval",
    "Observation",
    "TwoRates",
    "benjamini_hochberg",
    "benjamini_yekutieli",
    "clopper_pearson_interval",
    "fisher_p",
    "holm",
    "kaplan_meier",
    "log_rank",
    "mcnemar_exact_p",
    "mean_difference",
    "newcombe_interval",
    "newcombe_paired_interval",
    "pass_at_k",
    "pass_hat_k",
    "pass_hat_k_interval",
    "samples_to_see",
    "wilson_interval",
]
