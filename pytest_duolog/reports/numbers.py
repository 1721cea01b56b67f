"""Rates and differences as people read them, the same in every report."""

from __future__ import annotations

from decimal import Decimal

from pytest_duolog.stats.intervals import Interval


def percent(rate: float) -> str:
    """A rate in percent, to a tenth; it is never rounded up to 100 % or down to 0 %."""
    if 0.9995 <= rate < 1:
        return ">99.9 %"
    if 0 < rate < 0.0005:
        return "<0.1 %"
    return f"{100 * rate:.1f}".removesuffix(".0") + " %"


def points(difference: float | Decimal) -> str:
    """A difference of rates in points, to a tenth."""
    tenths = round(float(100 * difference), 1) + 0.0  # avoids -0.0
    return f"{tenths:g} points"


def range_words(interval: Interval) -> str:
    """An interval of differences, in points."""
    return (
        f"{points(interval.low).removesuffix(' points')} to {points(interval.high).removesuffix(' points')}"
    )
