"""The same numbers as scipy and statsmodels, which the package itself never imports.

Each test imports what it asks: collecting the tests, which every worker does, would pay seconds for it.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator

import pytest

from pytest_duolog.stats.differences import TwoRates, newcombe_interval, score_z
from pytest_duolog.stats.exact_tests import benjamini_hochberg, fisher_p, holm, mcnemar_exact_p
from pytest_duolog.stats.intervals import clopper_pearson_interval, wilson_interval


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
    ("method", "ours"), [("holm", holm), ("fdr_bh", benjamini_hochberg)], ids=["holm", "bh"]
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
