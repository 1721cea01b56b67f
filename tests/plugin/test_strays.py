"""What looks as if it set values of dialogues, and would be ignored in silence, is refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workers import alone_or_in_workers

TEST = """
import pytest

{above}
@pytest.mark.dialogue(model="scripted:counter", turns=1)
{mark}
def test_it({arguments}):
    assert dialogue.messages
"""
OF_FOLDER = (
    "*: pytestmark has no effect: *return the values from a fixture duolog_scenario in its conftest.py"
)
MARK = 'import pytest\npytestmark = pytest.mark.dialogue(turns=1, model="scripted:counter")\n'
FUNCTION = "def {name}():\n    return {{'turns': 2}}\n"
FIXTURE = f"@pytest.fixture\n{FUNCTION}"


def write(
    pytester: pytest.Pytester, *, above: str = "", mark: str = "", arguments: str = "dialogue", **files: str
) -> None:
    pytester.makepyfile(test_it=TEST.format(above=above, mark=mark, arguments=arguments), **files)


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        *(
            (
                {"mark": f"@pytest.mark.{name}(turns=1)"},
                f"test_it.py::test_it: @pytest.mark.{name} has no effect: *",
            )
            for name in ("dialog", "Dialogues", "duolog")
        ),
        ({"conftest": MARK}, f"conftest.py{OF_FOLDER}"),
        (
            {"above": FIXTURE.format(name="duolog_scenarios")},
            "test_it.py: duolog_scenarios has no effect: *takes this fixture; did you mean 'duolog_scenario'[?]",
        ),
        (
            {"conftest": "import pytest\n" + FIXTURE.format(name="duolog_vcr_configs")},
            "conftest.py: duolog_vcr_configs has no effect: *did you mean 'duolog_vcr_config'[?]",
        ),
        (
            {"above": FUNCTION.format(name="duolog_scenario")},
            "test_it.py: duolog_scenario has no effect: it is no fixture; write @pytest.fixture above it",
        ),
        (
            {"conftest": FUNCTION.format(name="duolog_vcr_config")},
            "conftest.py: duolog_vcr_config has no effect: it is no fixture; *",
        ),
    ],
)
def test_it_is_named_and_no_test_runs(pytester: pytest.Pytester, files, problem):
    write(pytester, **files)
    result = pytester.runpytest("-W", "ignore")
    assert result.ret not in {pytest.ExitCode.OK, pytest.ExitCode.INTERNAL_ERROR}
    assert "passed" not in result.parseoutcomes()
    result.stdout.fnmatch_lines([problem])


def test_mark_of_a_package_is_named(pytester: pytest.Pytester):
    write(pytester)
    folder = pytester.mkpydir("shop")
    Path("test_it.py").rename(folder / "test_it.py")
    (folder / "__init__.py").write_text(MARK, "utf-8")
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"shop?__init__.py{OF_FOLDER}"])


def test_plugins_that_cannot_be_hashed_do_no_harm(pytester: pytest.Pytester):
    write(
        pytester,
        conftest="class Plugin(list):\n    pass\ndef pytest_configure(config):\n"
        "    config.pluginmanager.register(Plugin(), 'listed')\n",
    )
    pytester.runpytest().assert_outcomes(passed=1)


@alone_or_in_workers(1)
def test_several_are_all_named(pytester: pytest.Pytester, options):
    write(pytester, mark="@pytest.mark.dialog(turns=1)", conftest=MARK)
    result = pytester.runpytest("-W", "ignore", *options)
    assert "passed" not in result.parseoutcomes()
    result.stdout.fnmatch_lines(["test_it.py::test_it: *", "conftest.py: *"])


@pytest.mark.parametrize(
    ("files", "ini"),
    [
        ({"mark": "@pytest.mark.dialog"}, "markers = dialog(turns): of this project"),
        ({"mark": "@pytest.mark.monologue"}, ""),
        ({"conftest": MARK.replace("mark.dialogue", "mark.slow")}, ""),
        ({"above": FIXTURE.format(name="duolog_scenario")}, ""),
        ({"above": FIXTURE.format(name="duolog_shop")}, ""),
        ({"above": FIXTURE.format(name="duolog_scenarios"), "arguments": "dialogue, duolog_scenarios"}, ""),
        (
            {
                "above": FUNCTION.format(name="duolog_scenario"),
                "mark": "@pytest.mark.parametrize('duolog_scenario', [{'opener': 'A.'}, {'opener': 'B.'}])",
                "arguments": "dialogue, duolog_scenario",
            },
            "",
        ),
    ],
)
def test_what_has_an_effect_or_another_meaning_is_left_alone(pytester: pytest.Pytester, files, ini):
    write(pytester, **files)
    pytester.makeini(f"[pytest]\n{ini}\n")
    outcomes = pytester.runpytest("-W", "ignore").parseoutcomes()
    assert outcomes.keys() == {"passed"}
