"""The history of builds as text and as JSON: what got worse, and the figures of each scenario and model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pytest_duolog.display import counted
from pytest_duolog.history.line import Build
from pytest_duolog.history.trends import (
    FALSE_ALARMS,
    LOOKS,
    Change,
    Figures,
    Measure,
    Series,
    Stretch,
    Trends,
)
from pytest_duolog.reports.check_json import inert_json
from pytest_duolog.reports.dialogue_text import Ink, Page, one_line, wrapped
from pytest_duolog.reports.numbers import percent
from pytest_duolog.results.arm import Arm
from pytest_duolog.stats.changes import Count

# The format of the JSON report; docs/history.md describes it.
REPORT_FORMAT = 1
COMMIT_DIGITS = 10
CLAIMS = {
    (Measure.PASSES, True): "passes less often",
    (Measure.PASSES, False): "passes more often",
    (Measure.LOOPS, True): "loops less often",
    (Measure.LOOPS, False): "loops more often",
}
UNKNOWN = "-"


class Row(NamedTuple):
    """The cells of one stretch of builds."""

    since: str
    builds: str
    passed: str
    looped: str
    messages: str
    tokens: str
    cost: str
    reply: str
    why: str


HEAD = Row("since build", "builds", "passed", "looped", "messages", "tokens", "cost", "reply", "")


def history_lines(trends: Trends, page: Page) -> Iterator[str]:
    """The report as text; no name reaches a terminal as anything but text."""
    yield from wrapped(headline(trends), page.width, ink=(page, Ink.BAD if trends.worse else Ink.GOOD))
    for series, change in trends.worse:
        yield ""
        yield from wrapped(f"{series.scenario} {claim_words(change)}", page.width, ink=(page, Ink.STRONG))
        for line in change_lines(series, change):
            yield from wrapped(f"  {line}", page.width)
    rows = {id(series): rows_of(series) for series in trends.series}
    widths = [
        max(map(len, column))
        for column in zip(HEAD, *(row for found in rows.values() for row in found), strict=True)
    ]
    yield ""
    yield page.ink(_cells(HEAD, widths), Ink.FAINT)
    for series in trends.series:
        yield from wrapped(series_name(series), page.width, ink=(page, Ink.STRONG))
        before = ""
        for row, stretch in zip(rows[id(series)], series.stretches, strict=True):
            models = models_words(stretch)
            if models != before:
                yield from wrapped(f"  {models}", page.width, ink=(page, Ink.FAINT))
            before = models
            yield _cells(row, widths)
    yield ""
    for line in left_out_words(trends):
        yield from wrapped(line, page.width)


def _cells(row: Row, widths: Sequence[int]) -> str:
    first, *others, why = row
    numbers = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=False)]
    return f"  {first.ljust(widths[0])}  {'  '.join(numbers)}  {why}".rstrip()


def headline(trends: Trends) -> str:
    """How many scenarios are worse than before."""
    n_scenarios = len({series.scenario for series in trends.series if series.arm is Arm.BASELINE})
    builds = counted(len(trends.builds), "build")
    if not n_scenarios:
        return f"No sample of {builds} is evidence: all were replayed, or on trial as candidates."
    worse = {series.scenario for series, _ in trends.worse}
    scenarios = counted(n_scenarios, "scenario")
    if not worse:
        n_past = sum(change.is_worse for series in trends.series for change in series.changes)
        if n_past:
            return (
                f"Nothing is worse than before in {scenarios} and {builds}: "
                f"{counted(n_past, 'earlier change')} for the worse {'is' if n_past == 1 else 'are'} made up for."
            )
        return f"No change for the worse is found in {scenarios} and {builds}."
    return f"{len(worse)} of {scenarios} {'is' if len(worse) == 1 else 'are'} worse than before ({builds})."


def series_name(series: Series) -> str:
    """The scenario, with its arm if it is not the baseline."""
    arm = "" if series.arm is Arm.BASELINE else f" ({series.arm})"
    return f"{series.scenario}{arm}"


def claim_words(change: Change) -> str:
    """What changed, and the build in which it began."""
    return f"{CLAIMS[change.measure, change.shift.is_fall]} since build {build_words(change.began)}"


def build_words(build: Build) -> str:
    """The name of a build, and its commit if that is not in the name."""
    commit = build.commit[:COMMIT_DIGITS]
    return one_line(build.name if not commit or commit in build.name else f"{build.name} (commit {commit})")


def change_lines(series: Series, change: Change) -> Iterator[str]:
    """The counts on both sides, what else changed there, and when it was found."""
    shift = change.shift
    done = "passed" if change.measure is Measure.PASSES else "looped"
    yield f"{rate_words(shift.before)} {done} before, {rate_words(shift.after)} from there until it was found"
    last = series.last_change(change.measure)
    if last is not change:
        now = rate_words(series.present(change.measure))
        yield f"{now} {done} since build {build_words(last.began)}, which is still worse than before"
    before, first = series.lines[shift.began - 1], series.lines[shift.began]
    if change.has_other_models:
        yield f"in this build the models changed: {_changed(before.models, first.models)}"
    if change.has_other_prompts:
        yield "in this build the prompts, tools or openers changed"
    if not (change.has_other_models or change.has_other_prompts):
        yield (
            "models and prompts are as before: look at the code of the test and the bot, and at a model that its "
            "provider may have changed under the same name"
        )
    n_builds = shift.found - shift.began + 1
    yield f"found after {counted(n_builds, 'build')}, in {build_words(change.found)}"


def rate_words(count: Count) -> str:
    """A rate with its counts."""
    return f"{percent(count.rate)} ({count.n_passed} of {count.n})"


def models_words(stretch: Stretch) -> str:
    """The speakers with their models."""
    return _pairs(stretch.models)


def _pairs(models: Sequence[tuple[str, str]]) -> str:
    return one_line(", ".join(f"{name}={model}" if model else name for name, model in models))


def _changed(before: Sequence[tuple[str, str]], after: Sequence[tuple[str, str]]) -> str:
    """What differs between two choices of models."""
    old = _pairs([pair for pair in before if pair not in after]) or "none"
    new = _pairs([pair for pair in after if pair not in before]) or "none"
    return f"{old} -> {new}"


def rows_of(series: Series) -> list[Row]:
    """A row for each stretch of builds with the same models and rates."""
    claims: dict[int, list[str]] = {}
    for change in series.changes:
        claims.setdefault(change.shift.began, []).append(CLAIMS[change.measure, change.shift.is_fall])
    rows: list[Row] = []
    at, before = 0, series.stretches[0].models
    for stretch in series.stretches:
        why = [*claims.get(at, ()), *(["other models"] if stretch.models != before else [])]
        rows.append(_row(stretch, ", ".join(why)))
        at, before = at + len(stretch.lines), stretch.models
    return rows


def _row(stretch: Stretch, why: str) -> Row:
    figures = stretch.figures
    return Row(
        one_line(stretch.lines[0].build),
        str(len(stretch.lines)),
        rate_words(stretch.passes),
        percent(stretch.loops.rate),
        *figure_words(figures),
        why=why,
    )


def figure_words(figures: Figures) -> tuple[str, str, str, str]:
    """Messages, tokens and cost of a sample, and the time of a reply."""
    messages, tokens, cost, latency_ms = figures.messages, figures.tokens, figures.cost, figures.latency_ms
    return (
        UNKNOWN if messages is None else f"{messages:.1f}",
        UNKNOWN if tokens is None else f"{tokens:,.0f}",
        UNKNOWN if cost is None else f"{cost:.3g}",
        UNKNOWN if latency_ms is None else f"{latency_ms / 1000:.2f} s",
    )


def left_out_words(trends: Trends) -> Iterator[str]:
    """What the claims promise, what is not counted, and which scenarios may be the same."""
    yield (
        "Exact tests look for changes after every build. If nothing changes, at most "
        f"{percent(FALSE_ALARMS)} of histories of {LOOKS:,} builds claim a change, in all scenarios together. Nothing "
        "is claimed about messages, tokens and cost (means of a sample) and the time of a reply (median of "
        "medians)."
    )
    if trends.n_replayed:
        yield f"not counted: {counted(trends.n_replayed, 'replayed sample')}, which are no new evidence"
    if trends.n_copies:
        yield f"not counted: {counted(trends.n_copies, 'line')} of builds that have the same scenario already"
    if any(series.is_by_model for series in trends.series):
        yield "models that a build ran beside those of a scenario have a series of their own"
    for rename in trends.renames:
        yield (
            f"{rename.new} may be {rename.old} under a new name: it has the same prompts, and its first build, "
            f"{build_words(rename.first)}, comes after the last one of the other, {build_words(rename.last)}. To join "
            f"them: --rename {rename.old}={rename.new}"
        )


def history_json(trends: Trends) -> str:
    """The report as JSON text in ASCII."""
    return inert_json(_facts(trends), indent=1) + "\n"


def _facts(trends: Trends) -> dict[str, Any]:
    return {
        "format": REPORT_FORMAT,
        "false_alarms": FALSE_ALARMS,
        "looks": LOOKS,
        "builds": [build._asdict() for build in trends.builds],
        "series": [_series_facts(series) for series in trends.series],
        "renames": [
            {"old": one.old, "new": one.new, "last": one.last.name, "first": one.first.name}
            for one in trends.renames
        ],
        "replayed": trends.n_replayed,
        "copies": trends.n_copies,
    }


def _series_facts(series: Series) -> dict[str, Any]:
    return {
        "scenario": series.scenario,
        "arm": series.arm.value,
        "stretches": [_stretch_facts(stretch) for stretch in series.stretches],
        "changes": [_change_facts(change, series) for change in series.changes],
    }


def _stretch_facts(stretch: Stretch) -> dict[str, Any]:
    figures = stretch.figures
    return {
        "first_build": stretch.lines[0].build,
        "last_build": stretch.lines[-1].build,
        "builds": len(stretch.lines),
        "models": dict(stretch.models),
        "samples": stretch.n,
        "passed": stretch.passes.n_passed,
        "looped": stretch.loops.n_passed,
        "messages": figures.messages,
        "tokens": figures.tokens,
        "cost": figures.cost,
        "latency_ms": figures.latency_ms,
    }


def _change_facts(change: Change, series: Series) -> dict[str, Any]:
    shift = change.shift
    return {
        "measure": change.measure.value,
        "is_worse": change.is_worse,
        "is_open": change in series.open_changes,
        "began": change.began.name,
        "found": change.found.name,
        "before": {"count": shift.before.n_passed, "samples": shift.before.n},
        "after": {"count": shift.after.n_passed, "samples": shift.after.n},
        "p": shift.p,
        "limit": shift.limit,
        "other_models": change.has_other_models,
        "other_prompts": change.has_other_prompts,
    }
