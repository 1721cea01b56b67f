"""`duolog_stop_on`: what ends a dialogue whose marker does not say."""

from __future__ import annotations

import pytest

GOODBYES = """
    import pytest

    @pytest.mark.dialogue(model="scripted:farewell", turns=15, {marker})
    def test_it(dialogue):
        print(">", dialogue.stop_reason.kind)
"""


def outcome_of(pytester, marker: str = "") -> str:
    pytester.makepyfile(GOODBYES.format(marker=marker))
    result = pytester.runpytest("-s")
    result.assert_outcomes(passed=1)
    return next(line[line.index(">") + 2 :] for line in result.outlines if ">" in line)


@pytest.mark.parametrize(
    ("ini", "marker", "outcome"),
    [
        ("", "", "goodbye"),
        ("duolog_stop_on = goodbye", "", "goodbye"),
        ("duolog_stop_on = loop", "", "loop"),
        ("duolog_stop_on = loop goodbye", "", "goodbye"),
        ("duolog_stop_on = nothing", "", "turns"),
        ("duolog_stop_on =", "", "turns"),
        ("duolog_stop_on = nothing", "stop_on='goodbye'", "goodbye"),
        ("duolog_stop_on = goodbye", "stop_on=()", "turns"),
    ],
)
def test_setting_holds_where_the_marker_does_not_say(pytester, ini, marker, outcome):
    pytester.makeini(f"[pytest]\n{ini}")
    assert outcome_of(pytester, marker) == outcome


def test_pyproject_holds_it_as_a_list(pytester):
    pytester.makepyprojecttoml('[tool.pytest.ini_options]\nduolog_stop_on = ["loop"]')
    assert outcome_of(pytester) == "loop"


def test_guard_speaks_of_what_it_spared(pytester):
    pytester.makepyfile(GOODBYES.format(marker=""))
    pytester.runpytest().stdout.fnmatch_lines(
        ["1 dialogue, up to * messages saved by stopping at a goodbye or in a loop"]
    )
