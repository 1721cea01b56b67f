"""Series of builds: where they changed, with which models, and what may be the same scenario."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.history.folder import Folder
from pytest_duolog.history.line import Asked, HistoryLine
from pytest_duolog.history.trends import (
    FALSE_ALARMS,
    LOOKS,
    SHARES,
    Figures,
    Measure,
    Trends,
    risk_of_look,
    trends_of,
)
from pytest_duolog.reports.dialogue_text import Page
from pytest_duolog.reports.history_words import headline, history_lines
from pytest_duolog.results.arm import Arm
from tests.histories import DROP, TEST, line, series

KNOWN = Asked(replies=5, tokens_read=20, tokens_written=10, cost=1.0)


def trends(lines: Sequence[HistoryLine]) -> Trends:
    return trends_of(Folder(sorted(lines, key=lambda one: one.moment)))


def test_drop_is_named_with_its_build_and_the_other_models():
    found = trends(DROP)
    (one,) = found.series
    passes, loops = one.changes
    assert (passes.measure, passes.began.name, passes.is_worse) == (Measure.PASSES, "build-30", True)
    assert passes.has_other_models
    assert not passes.has_other_prompts
    assert loops.measure is Measure.LOOPS
    assert [stretch.models[1][1] for stretch in one.stretches] == ["openai:old", "openai:new"]
    assert [len(stretch.lines) for stretch in one.stretches] == [30, 12]
    assert [series.scenario for series, _ in found.worse] == [TEST, TEST]


def test_change_without_other_models_has_stretches_too():
    found = trends([*series([18, 19] * 15), *series([12] * 8, first=30, prompts="other")])
    (one,) = found.series
    assert [len(stretch.lines) for stretch in one.stretches] == [30, 8]
    change = one.changes[0]
    assert (change.has_other_models, change.has_other_prompts) == (False, True)


def test_recovery_ends_what_is_worse():
    found = trends([*DROP, *series([19, 20] * 10, first=42)])
    assert found.worse == []
    assert len([change for change in found.series[0].changes if change.measure is Measure.PASSES]) == 2


@pytest.mark.parametrize("now", [[10, 10], [10] * 30, [4, 5, 6, 8, 10, 11, 12] * 5])
def test_partial_recovery_leaves_the_fall_open(now: list[int]):
    found = trends([*series([19] * 30), *series([4] * 20, first=30), *series(now, first=50)])
    falls = [change for _, change in found.worse if change.measure is Measure.PASSES]
    assert "build-30" in [change.began.name for change in falls]
    said = " ".join(" ".join(history_lines(found, Page(width=200))).split())
    assert said.startswith("1 of 1 scenario is worse than before")
    if len(now) == 30:
        assert (
            "50 % (300 of 600) passed since build build-50 (commit 0000000000), which is still worse than before"
            in said
        )


def test_loops_that_become_fewer_but_not_few_stay_open():
    looped = [*[0] * 30, *[16] * 20, *[8] * 30]
    lines = [line(at, 20, looped=n) for at, n in enumerate(looped)]
    assert [change.began.name for _, change in trends(lines).worse] == ["build-30"]


def test_second_fall_that_is_made_up_for_leaves_the_first_one():
    lines = series([19] * 30 + [14] * 30 + [5] * 20 + [14] * 30)
    falls = [change.began.name for _, change in trends(lines).worse if change.measure is Measure.PASSES]
    assert falls == ["build-30"]


def test_headline_says_that_a_change_for_the_worse_was_found_and_is_made_up_for():
    found = trends(
        [*series([19] * 30, looped=0), *series([4] * 20, first=30, looped=0), *series([19] * 30, first=50)]
    )
    assert found.worse == []
    assert headline(found) == (
        "Nothing is worse than before in 1 scenario and 80 builds: 1 earlier change for the worse is made up for."
    )


def test_other_models_without_a_change_are_a_stretch_and_no_claim():
    found = trends([*series([18] * 20), *series([18] * 20, first=20, model="openai:new")])
    (one,) = found.series
    assert one.changes == []
    assert len(one.stretches) == 2


def test_candidates_and_replays_are_no_evidence():
    tried = series([2] * 12, first=30, arm="candidate", model="openai:new")
    replayed = series([0] * 12, first=30, samples=0, looped=0, replayed=20)
    found = trends([*series([19] * 42), *tried, *replayed[:0]])
    assert [(one.arm, len(one.changes)) for one in found.series] == [(Arm.BASELINE, 0), (Arm.CANDIDATE, 0)]
    (only,) = trends([*series([19] * 30), *replayed]).series
    assert len(only.lines) == 30
    assert trends(replayed).n_replayed == 240


def test_models_side_by_side_are_series_of_their_own():
    found = trends([*series([19] * 30), *series([9] * 30, model="openai:new")])
    assert [(one.is_by_model, one.lines[0].passed) for one in found.series] == [(True, 19), (True, 9)]
    assert found.worse == []


FELL = [*series([19] * 30), *series([10] * 10, first=30, model="openai:new")]
LATER = timedelta(hours=5)


@pytest.mark.parametrize("at", [30, 31, 39])
@pytest.mark.parametrize("model", ["openai:old", "openai:third"])
def test_one_build_with_two_models_keeps_the_claim(at: int, model: str):
    beside = line(at, 19, model=model, created=line(at).created + LATER)
    found = trends([*FELL, beside])
    assert sorted(len(one.lines) for one in found.series) == [1, 40]
    (change,) = {
        (change.began.name, change.has_other_models)
        for _, change in found.worse
        if change.measure is Measure.PASSES
    }
    assert change == ("build-31" if (at, model) == (30, "openai:old") else "build-30", True)


def test_models_that_come_back_alone_after_one_build_beside_others_are_a_recovery():
    back = series([19] * 10, first=39)
    found = trends([*FELL, *back])
    assert sorted(len(one.lines) for one in found.series) == [1, 49]
    assert found.worse == []


def test_night_without_one_of_two_models_is_no_change_of_the_other():
    old, new = series([19] * 30), series([9] * 30, model="openai:new")
    found = trends([*old[:20], *old[21:], *new])
    assert [(len(one.lines), one.changes) for one in found.series] == [(29, []), (30, [])]


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=3, unique=True), max_size=8), st.integers(0, 8))
def test_series_of_a_scenario_only_grow(builds: list[list[str]], n: int):
    lines = [line(at, model=model) for at, models in enumerate(builds) for model in models]
    early = [one for one in lines if one.moment < line(n).moment]
    before, after = ([list(one.lines) for one in trends(some).series] for some in (early, lines))
    assert all(any(track == later[: len(track)] for later in after) for track in before)
    assert sum(map(len, after)) == len(lines)
    assert all(len({one.build for one in track}) == len(track) for track in after)


def test_builds_are_in_the_order_of_their_time_whatever_they_are_called():
    names = ["z", "a", "m"]
    found = trends([line(at, build=name) for at, name in enumerate(names)])
    assert [build.name for build in found.builds] == names


def test_more_scenarios_ask_for_more_evidence_and_the_budget_is_kept():
    one, many = risk_of_look(Measure.PASSES, 1), risk_of_look(Measure.PASSES, 20)
    assert many.fall == pytest.approx(one.fall / 20)
    whole = LOOKS * sum(sum(risk_of_look(measure, 1)) for measure in Measure)
    assert whole == pytest.approx(FALSE_ALARMS)
    assert sum(sum(shares) for shares in SHARES.values()) == pytest.approx(1)
    others = [one for at in range(40) for one in series([18] * 34, scenario=f"t{at}")]
    drop = series([18] * 30 + [12] * 4)
    alone, among = (trends(lines).worse for lines in (drop, [*drop, *others]))
    (first,) = [change.shift.limit for _, change in alone if change.measure is Measure.PASSES]
    assert all(change.shift.limit < first for _, change in among)


def test_figures_are_means_of_a_sample():
    (one,) = trends(series([18] * 3)).series
    (stretch,) = one.stretches
    assert stretch.figures.messages == 7
    assert stretch.figures.tokens == pytest.approx(9900 / 20)
    assert stretch.figures.cost == pytest.approx(0.04 / 20)
    assert stretch.figures.latency_ms == 1201


@pytest.mark.parametrize(
    ("speakers", "judges", "tokens", "cost"),
    [
        ([KNOWN, KNOWN], [], 60 / 20, 2 / 20),
        ([KNOWN, Asked(replies=500)], [], None, None),
        ([KNOWN], [Asked(replies=20, cost=3.0)], None, 4 / 20),
        ([KNOWN, Asked(replies=5, tokens_read=20, cost=1.0)], [], None, 2 / 20),
        ([KNOWN, Asked(name="opener only")], [], 30 / 20, 1 / 20),
    ],
    ids=["all", "one speaker", "judge without tokens", "no tokens written", "one that was not asked"],
)
def test_tokens_and_cost_are_unknown_unless_all_that_were_asked_say_them(
    speakers: list[Asked], judges: list[Asked], tokens: float | None, cost: float | None
):
    (one,) = trends([line(speakers=speakers, judges=judges)]).series
    figures = one.stretches[0].figures
    assert (figures.tokens, figures.cost) == (tokens, cost)


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=3), min_size=1, max_size=4)
)
def test_time_of_a_reply_is_the_median_of_medians_by_replies(builds: list[list[tuple[int, int]]]):
    lines = [
        line(at, speakers=[Asked(latency_ms=time, replies=n) for time, n in own])
        for at, own in enumerate(builds)
    ]
    times = [time for own in builds for time, n in own for _ in range(n)]
    assert Figures.of(lines).latency_ms == (median(times) if times else None)


def test_figures_that_nothing_says_are_not_known():
    (one,) = trends([line(speakers=())]).series
    figures = one.stretches[0].figures
    assert (figures.tokens, figures.cost, figures.latency_ms) == (None, None, None)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (series([18] * 5, scenario="old"), series([18] * 5, first=5, scenario="new"), [("old", "new")]),
        (series([18] * 5, scenario="old"), series([18] * 5, first=4, scenario="new"), []),
        (series([18] * 5, scenario="old"), series([18] * 5, first=5, scenario="new", prompts="x"), []),
        (
            series([18] * 5, scenario="old", prompts=""),
            series([18] * 5, first=5, scenario="new", prompts=""),
            [],
        ),
        (
            [*series([18] * 5, scenario="old"), *series([18] * 5, scenario="older")],
            series([18] * 5, first=5, scenario="new"),
            [],
        ),
    ],
    ids=["follows", "overlaps", "other prompts", "unknown prompts", "two that ended"],
)
def test_rename_is_suggested_where_one_scenario_follows_one(old, new, expected):
    beside = series([18] * 10, scenario="beside", prompts="beside")
    found = trends([*old, *new, *beside])
    assert [(one.old, one.new) for one in found.renames] == expected
    assert len(found.series) == len({one.scenario for one in [*old, *new, *beside]})


def test_folder_joins_a_rename_that_is_asked_for():
    old, new = series([18] * 30, scenario="old"), series([12] * 12, first=30, scenario="new")
    found = trends_of(Folder([*old, *new]).renamed({"old": "new"}))
    assert [one.scenario for one in found.series] == ["new"]
    assert found.worse[0][1].began.name == "build-30"


def test_nothing_is_a_history_without_builds():
    found = trends([])
    assert (found.builds, found.series, found.worse) == ([], [], [])


def test_claims_of_a_growing_history_stay():
    before: list[object] = []
    lines = [*series([18, 19] * 10), *series([12] * 10, first=20)]
    for end in range(len(lines) + 1):
        claims = [
            (one.measure, one.began, one.found) for each in trends(lines[:end]).series for one in each.changes
        ]
        assert set(before) <= set(claims)
        before = list(claims)
    assert before
    assert all(one.moment <= two.moment for one, two in pairwise(lines))
