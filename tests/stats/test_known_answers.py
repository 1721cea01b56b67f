"""Published and independently computed answers; each row of the data file names its source."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_duolog.stats.acceptance import acceptance_plan, passes_needed, sprt_lines
from pytest_duolog.stats.binomial import probability_at_most
from pytest_duolog.stats.differences import (
    TwoRates,
    newcombe_interval,
    newcombe_paired_interval,
    score_interval,
    score_z,
)
from pytest_duolog.stats.evidence import log_evidence
from pytest_duolog.stats.exact_tests import benjamini_hochberg, fisher_p, holm
from pytest_duolog.stats.intervals import exact_lower_bound, wilson_interval
from pytest_duolog.stats.power import samples_to_see
from pytest_duolog.stats.repeats import pass_at_k

CASES = {
    case["id"]: case for case in json.loads(Path(__file__).with_name("known_answers.json").read_text("utf-8"))
}
LOG_PASS = math.log(1 / 0.03)


def two_rates(inputs: dict[str, Any]) -> TwoRates:
    return TwoRates(inputs["x1"], inputs["n1"], inputs["x2"], inputs["n2"])


def fisher(inputs: dict[str, Any]) -> float:
    (a, b), (c, d) = inputs["table"]
    return fisher_p(TwoRates(a, a + b, c, c + d), alternative=inputs["alternative"])


def non_inferiority(inputs: dict[str, Any]) -> list[float]:
    tables = (TwoRates(*table) for table in inputs["tables"])
    return [-score_z([table], inputs["margin"], corrected=False) for table in tables]


def paired(inputs: dict[str, Any]) -> list[float]:
    a, b, c, d = (inputs[name] for name in "abcd")
    return [(b - c) / (a + b + c + d), *newcombe_paired_interval(a, b, c, d)]


def sequential(inputs: dict[str, Any]) -> list[float]:
    plan = acceptance_plan(inputs["n"], "0.9")
    assert plan.passes_at == tuple(inputs["accept_after_failures"])
    return [*plan.expect(0.97), *plan.expect(0.663)]


def evidence_pair(inputs: dict[str, Any]) -> list[float]:
    worse, same, better = inputs["worse"], inputs["same"], inputs["better"]
    return [
        log_evidence(worse, same, better, drop=inputs["margin"], weight=1),
        log_evidence(better, same, worse, drop=0, weight=0),
    ]


def clean_pairs(inputs: dict[str, Any]) -> list[int]:
    def pairs(margin: float) -> int:
        return next(n for n in range(1000) if log_evidence(0, n, 0, drop=margin, weight=1) >= LOG_PASS)

    return [pairs(margin) for margin in inputs["margins"]]


ANSWERS: dict[str, Callable[[dict[str, Any]], float | Sequence[float]]] = {
    "wilson": lambda i: wilson_interval(i["k"], i["n"], confidence=i["level"]),
    "cp_one_sided": lambda i: exact_lower_bound(i["k"], i["n"], confidence=i["level"]),
    "binom_tail": lambda i: probability_at_most(i["k"], i["n"], i["p"]),
    "newcombe10": lambda i: newcombe_interval(two_rates(i)),
    "newcombe_paired": paired,
    "mee": lambda i: score_interval([two_rates(i)], corrected=False),
    "miettinen": lambda i: score_interval([two_rates(i)]),
    "fisher": fisher,
    "score_ni": non_inferiority,
    "bh": lambda i: benjamini_hochberg(i["p"]),
    "holm": lambda i: holm(i["p"]),
    "sprt": lambda i: sprt_lines(i["p0"], i["p1"], i["alpha"], i["beta"]),
    "seq_plan": sequential,
    "acceptance_number": lambda i: [passes_needed(n, rate) for n, rate in i["pairs"]],
    "passat": lambda i: pass_at_k(i["c"], i["n"], i["k"]),
    "runs_to_see": lambda i: [samples_to_see(rate, confidence=i["level"]) for rate in i["rates"]],
    "evalue": lambda i: log_evidence(i["worse"], i["same"], i["better"], drop=i["delta"], weight=i["w"]),
    "gate_round": evidence_pair,
    "clean_pairs": clean_pairs,
}


@pytest.mark.parametrize("name", CASES)
def test_known_answer(name: str) -> None:
    case = CASES[name]
    answer = next(function for prefix, function in ANSWERS.items() if name.startswith(prefix))(case["inputs"])
    expected = case["expected"]
    assert answer == pytest.approx(expected, abs=case["tol"] or 1e-12, rel=0)
