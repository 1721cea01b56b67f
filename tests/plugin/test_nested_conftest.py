"""A conftest in one folder makes pytest sort plugins by folder; ours must stand that."""

from __future__ import annotations


def test_run_goes_on_beside_a_folder_with_a_conftest(pytester):
    pytester.makepyfile(
        **{
            "inner/conftest": "",
            "inner/test_inner": "def test_inner(): pass",
            "test_outer": "def test_outer(): pass",
        }
    )
    result = pytester.runpytest("inner", "test_outer.py")
    result.assert_outcomes(passed=2)
    assert result.ret == 0
