"""The same numbers as scipy, statsmodels and lifelines, which the package itself never imports.

Each test imports what it asks: collecting the tests, which every worker does, would pay seconds for it.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator

import pytest

from pytest_duolog.stats.differences import TwoRates, newcombe_interval, score_z
from pytest_duolog.stats.exact_tests import (
    benjamini_hochberg,
    benjamini_yekutieli,
    fisher_p,
    holm,
    mcnemar_exact_p,
)
from pytest_duolog.stats.intervals import clopper_pearson_interval, wilson_interval
from pytest_duolog.stats.log_rank import chi_squared_p, log_rank
from pytest_duolog.stats.survival import (
    Observation,
    common_reach,
    kaplan_meier,
    mean_difference,
    standardised,
)


def tables(n: int) -> Iterator[TwoRates]:
    """Random tables whose groups both vary."""
    rng = random.Random(7)
    for _ in range(n):
        n_1, n_2 = rng.randint(2, 80), rng.randint(2, 80)
        yield TwoRates(rng.randint(1, n_1 - 1), n_1, rng.randint(1, n_2 - 1), n_2)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
@pytest.mark.parametrize(
    ("method", "ours"),
    [("wilson", wilson_interval), ("beta", clopper_pearson_interval)],
    ids=["wilson", "clopper-pearson"],
)
def test_intervals_of_one_rate(method: str, ours, confidence: float) -> None:
    from statsmodels.stats.proportion import proportion_confint

    for table in tables(40):
        theirs = proportion_confint(table.n_passed_1, table.n_1, alpha=1 - confidence, method=method)
        assert ours(table.n_passed_1, table.n_1, confidence=confidence) == pytest.approx(theirs, abs=1e-9)


def test_newcombe() -> None:
    from statsmodels.stats.proportion import confint_proportions_2indep

    for table in tables(60):
        theirs = confint_proportions_2indep(
            table.n_passed_1, table.n_1, table.n_passed_2, table.n_2, method="newcomb"
        )
        assert newcombe_interval(table) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("alternative", ["less", "greater", "two-sided"])
def test_fisher(alternative) -> None:
    from scipy import stats

    for table in tables(60):
        rows = [
            [table.n_passed_1, table.n_1 - table.n_passed_1],
            [table.n_passed_2, table.n_2 - table.n_passed_2],
        ]
        theirs = stats.fisher_exact(rows, alternative=alternative).pvalue
        assert fisher_p(table, alternative=alternative) == pytest.approx(theirs, abs=1e-9)


def test_score_without_a_margin_is_pearsons_chi_squared() -> None:
    from scipy import stats

    for table in tables(60):
        rows = [
            [table.n_passed_1, table.n_1 - table.n_passed_1],
            [table.n_passed_2, table.n_2 - table.n_passed_2],
        ]
        chi_squared = stats.chi2_contingency(rows, correction=False).statistic
        assert score_z([table], 0, corrected=False) ** 2 == pytest.approx(chi_squared, abs=1e-7)


def test_mcnemar() -> None:
    from scipy import stats

    for table in tables(60):
        first, second = table.n_passed_1, table.n_passed_2
        theirs = stats.binomtest(first, first + second).pvalue
        assert mcnemar_exact_p(first, second) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize(
    ("method", "ours"),
    [("holm", holm), ("fdr_bh", benjamini_hochberg), ("fdr_by", benjamini_yekutieli)],
    ids=["holm", "bh", "by"],
)
def test_adjusted_p_values(method: str, ours) -> None:
    from statsmodels.stats.multitest import multipletests

    rng = random.Random(11)
    for n in range(1, 20):
        values = [rng.random() ** 3 for _ in range(n)]
        assert ours(values) == pytest.approx(list(multipletests(values, method=method)[1]), abs=1e-12)


def test_the_package_needs_none_of_them() -> None:
    program = """
import sys, pkgutil, importlib, pytest_duolog.stats as family
for module in pkgutil.iter_modules(family.__path__):
    importlib.import_module(f"{family.__name__}.{module.name}")
print(sorted({"scipy", "numpy", "pandas", "statsmodels"} & set(sys.modules)))
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def times(rng: random.Random) -> list[Observation]:
    """Random observations with ties, from hardly any to nearly all censored."""
    rate, longest = rng.choice([0.1, 0.5, 0.9]), rng.randint(3, 30)
    return [Observation(rng.randint(1, longest), rng.random() < rate) for _ in range(rng.randint(2, 40))]


def test_survival_curves_bands_and_means() -> None:
    from lifelines import KaplanMeierFitter
    from lifelines.utils import restricted_mean_survival_time

    rng = random.Random(13)
    for _ in range(25):
        found = times(rng)
        curve = kaplan_meier(found)
        fitter = KaplanMeierFitter().fit([one.time for one in found], [one.happened for one in found])
        theirs = fitter.survival_function_["KM_estimate"]
        for step in curve.steps:
            assert step.survival == pytest.approx(theirs[step.time], abs=1e-9)
            if 0 < step.survival < 1:  # elsewhere theirs has no width, and ours is the exact bound
                assert step.interval == pytest.approx(
                    list(fitter.confidence_interval_.loc[step.time]), abs=1e-9
                )
        mean = curve.mean_until(curve.last).mean
        assert mean == pytest.approx(restricted_mean_survival_time(fitter, t=curve.last), abs=1e-9)


def test_standardised_curves_and_differences_within_strata() -> None:
    import numpy as np
    from lifelines import KaplanMeierFitter
    from lifelines.utils import restricted_mean_survival_time
    from scipy import stats

    rng = random.Random(17)
    for _ in range(4):
        # The last observation of each group has the event, so all curves are known to the end.
        strata = [
            tuple([*times(rng), Observation(30, happened=True)] for _ in range(2))
            for _ in range(rng.randint(2, 4))
        ]
        ours = standardised(strata)
        sizes = np.array([sum(map(len, groups)) for groups in strata])
        weights = sizes / sizes.sum()
        fitters = [
            [
                KaplanMeierFitter().fit([o.time for o in group], [o.happened for o in group])
                for group in groups
            ]
            for groups in strata
        ]
        for side, curve in enumerate(ours):
            for step in curve.steps:
                theirs = weights @ [pair[side].predict(step.time) for pair in fitters]
                assert step.survival == pytest.approx(theirs, abs=1e-9)
        found = mean_difference(ours[0], ours[1])
        means, squared, freedom = [], [], []
        for groups, pair in zip(strata, fitters, strict=True):
            for group, fitter in zip(groups, pair, strict=True):
                # Klein and Moeschberger 2003, 4.5.3: at each event the area behind it, with Greenwood's increment.
                table = fitter.event_table
                table = table[(table["observed"] > 0) & (table.index < found.until)]
                total = 0.0
                for at, row in table.iterrows():
                    if row["observed"] < row["at_risk"]:
                        behind = restricted_mean_survival_time(fitter, t=found.until)
                        behind -= restricted_mean_survival_time(fitter, t=at)
                        total += (
                            behind**2 * row["observed"] / row["at_risk"] / (row["at_risk"] - row["observed"])
                        )
                means.append(restricted_mean_survival_time(fitter, t=found.until))
                squared.append(total * len(group) / (len(group) - 1))
                freedom.append(len(group) - 1)
        parts = np.repeat(weights**2, 2) * squared
        reach = stats.t.ppf(0.975, parts.sum() ** 2 / (parts**2 / freedom).sum()) * np.sqrt(parts.sum())
        difference = weights @ (np.array(means[::2]) - np.array(means[1::2]))
        assert found.until == common_reach(ours)
        assert found.difference == pytest.approx(difference, abs=1e-9)
        assert found.interval == pytest.approx((difference - reach, difference + reach), abs=1e-8)


@pytest.mark.parametrize("n_groups", [2, 3, 4])
def test_log_rank(n_groups: int) -> None:
    from lifelines.statistics import multivariate_logrank_test

    rng = random.Random(19)
    for _ in range(10):
        groups = {str(at): times(rng) for at in range(n_groups)}
        rows = [(one.time, name, one.happened) for name, group in groups.items() for one in group]
        theirs = multivariate_logrank_test(*zip(*rows, strict=True))
        assert log_rank([groups]).p == pytest.approx(theirs.p_value, abs=1e-9)


def test_log_rank_with_strata() -> None:
    import numpy as np
    from statsmodels.duration.survfunc import survdiff

    rng = random.Random(23)
    for _ in range(10):
        strata = [{name: times(rng) for name in "abc"} for _ in range(3)]
        rows = [
            (one.time, one.happened, name, at)
            for at, groups in enumerate(strata)
            for name, group in groups.items()
            for one in group
        ]
        time, happened, name, at = (np.array(column) for column in zip(*rows, strict=True))
        statistic, p = survdiff(time, happened.astype(int), name, strata=at)
        assert log_rank(strata).p == pytest.approx(p, abs=1e-9)
        assert log_rank(strata).chi_squared == pytest.approx(statistic, abs=1e-7)


def test_chi_squared() -> None:
    from scipy import stats

    for freedom in range(1, 12):
        for statistic in (0.01, 0.5, 3.0, 17.0, 90.0):
            theirs = stats.chi2.sf(statistic, freedom)
            assert chi_squared_p(statistic, freedom) == pytest.approx(theirs, rel=1e-9)
