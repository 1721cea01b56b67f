"""`@pytest.mark.dialogue(scenarios="...")` and `scenario_params`: one test a row."""

from __future__ import annotations

from pathlib import Path

import pytest

MARKED = """
    import pytest
    from pytest_duolog import Speaker

    @pytest.mark.dialogue(
        a=Speaker("Alice", model="scripted:counter", system="Be brief."),
        b=Speaker("Bob", model="scripted:counter"),
        turns=2,
        scenarios="scenarios.{kind}",
    )
    def test_it(dialogue):
        assert dialogue.messages[0].content == dialogue.scenario.opener
        assert dialogue.scenario.a.name == "Alice"
"""
ROWS = {
    "yaml": "- {id: tea, opener: Tea?}\n- {id: coffee, opener: Coffee?, a: {system: Be kind.}}\n",
    "toml": '[[scenarios]]\nid = "tea"\nopener = "Tea?"\n[[scenarios]]\nid = "coffee"\nopener = "Coffee?"\n',
    "csv": "id,opener\ntea,Tea?\ncoffee,Coffee?\n",
    "jsonl": '{"id": "tea", "opener": "Tea?"}\n{"id": "coffee", "opener": "Coffee?"}\n',
}


def project(pytester: pytest.Pytester, rows: str, test: str = MARKED, kind: str = "yaml") -> None:
    pytester.makepyfile(test_rows=test.replace("{kind}", kind))
    Path(f"scenarios.{kind}").write_text(rows, "utf-8")


@pytest.mark.parametrize("kind", ROWS)
def test_each_row_is_a_test_with_its_id(pytester: pytest.Pytester, kind: str):
    project(pytester, ROWS[kind], kind=kind)
    result = pytester.runpytest("-v")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*::test_it[[]tea[]] PASSED*", "*::test_it[[]coffee[]] PASSED*"])


def test_a_row_changes_a_speaker_and_leaves_the_rest_of_it(pytester: pytest.Pytester):
    test = MARKED + '        assert dialogue.scenario.a.system == "Be kind."\n'
    project(pytester, ROWS["yaml"].splitlines()[1], test)
    pytester.runpytest().assert_outcomes(passed=1)


def test_the_helper_gives_the_same_params_beside_the_module_that_calls_it(pytester: pytest.Pytester):
    folder = pytester.mkdir("deep")
    folder.joinpath("scenarios.yaml").write_text(ROWS["yaml"], "utf-8")
    folder.joinpath("test_rows.py").write_text(
        "import pytest\n"
        "from pytest_duolog import scenario_params\n"
        'ROWS = scenario_params("scenarios.yaml")\n'
        '@pytest.mark.dialogue(model="scripted:counter", turns=1)\n'
        '@pytest.mark.parametrize("duolog_scenario", ROWS)\n'
        "def test_it(dialogue, duolog_scenario):\n"
        "    assert duolog_scenario.values['opener'] == dialogue.messages[0].content\n"
    )
    result = pytester.runpytest("-v")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*::test_it[[]tea[]] PASSED*"])


def test_the_marker_of_a_class_makes_rows_of_all_its_tests(pytester: pytest.Pytester):
    test = """
        import pytest

        @pytest.mark.dialogue(model="scripted:counter", turns=1, scenarios="scenarios.yaml")
        class TestRows:
            def test_one(self, dialogue):
                assert len(dialogue.messages) == 3

            def test_two(self, dialogue):
                assert dialogue.messages

            def test_without_a_dialogue(self):
                pass
    """
    project(pytester, ROWS["yaml"], test)
    pytester.runpytest().assert_outcomes(passed=5)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            "- {id: tea, openr: Tea?}\n",
            "scenarios.yaml:1:13: openr: unknown argument; did you mean 'opener'?*",
        ),
        ("- id: tea\n  turns: many\n", "scenarios.yaml:2:3: turns: Input should be a valid integer*"),
        ("- id: tea\n- id: tea\n", "scenarios.yaml:2:3: the id 'tea' occurs twice: line 1 has it, too"),
        ("", "scenarios.yaml:1:1: the file has no scenarios"),
        ("- id: !!python/name:os.system x\n", "scenarios.yaml:1:7: the tag*is not accepted*"),
        ("- {id: tea, b.model: 'nowhere:x'}\n", "*scenarios.yaml:1:3: model 'nowhere:x': unknown provider*"),
    ],
    ids=["unknown key", "wrong type", "double id", "empty", "tag", "unknown provider"],
)
def test_a_wrong_row_is_told_before_anything_runs(pytester: pytest.Pytester, rows: str, said: str):
    project(pytester, rows)
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([said])
    assert "Traceback" not in result.stdout.str()


def test_a_file_that_is_not_there_is_told(pytester: pytest.Pytester):
    project(pytester, "", kind="yaml")
    Path("scenarios.yaml").unlink()
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*scenarios.yaml: cannot be read: No such file or directory"])
    result.stdout.no_fnmatch_line("During handling*")


def test_a_row_beside_a_fixture_that_sets_scenarios_is_refused(pytester: pytest.Pytester):
    project(pytester, ROWS["yaml"])
    pytester.makeconftest(
        "import pytest\n@pytest.fixture\ndef duolog_scenario():\n    return {'topic': 'tea'}\n"
    )
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*the project also has a duolog_scenario fixture*"])


def test_a_row_says_how_often_it_is_held(pytester: pytest.Pytester):
    test = MARKED + "        assert dialogue.scenario.turns == 0\n"
    project(pytester, "- {id: tea, opener: Tea?, samples: 3, min_pass_rate: 0.5}\n- {id: coffee}\n", test)
    result = pytester.runpytest()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*test_it[[]tea[]]: *", "*2 of 3 samples must pass (0.5)*"])


def recorded(pytester: pytest.Pytester) -> set[str]:
    return {path.name.partition("]")[0] for path in pytester.path.rglob("cassettes/*/*.jsonl")}


LIVE = """
    import pytest

    @pytest.mark.dialogue(model="openai:x", turns=2, stop_on=(), scenarios="scenarios.yaml")
    def test_it(dialogue):
        assert len(dialogue.messages) == 5
"""


def test_growing_the_matrix_by_a_value_asks_only_for_what_is_new(pytester: pytest.Pytester, chat_server):
    project(pytester, 'matrix: {opener: ["Tea?"]}\n', LIVE)
    pytester.runpytest("--record-mode=once").assert_outcomes(passed=1)
    assert len(chat_server.requests) == 4
    project(pytester, 'matrix: {opener: ["Tea?", "Coffee?"]}\n', LIVE)
    pytester.runpytest("--record-mode=once").assert_outcomes(passed=2)
    assert len(chat_server.requests) == 8


def test_growing_the_matrix_by_an_axis_asks_only_for_what_is_new(pytester: pytest.Pytester, chat_server):
    project(pytester, 'matrix: {opener: ["Tea?", "Coffee?"]}\n', LIVE)
    pytester.runpytest("--record-mode=once").assert_outcomes(passed=2)
    project(pytester, 'matrix: {opener: ["Tea?", "Coffee?"], temperature: [null, 0.5]}\n', LIVE)
    result = pytester.runpytest("--record-mode=once")
    result.assert_outcomes(passed=4)
    assert len(chat_server.requests) == 16
    assert {"test_it[tea", "test_it[tea-none", "test_it[tea-0.5"} <= recorded(pytester)
    pytester.runpytest("--record-mode=none").assert_outcomes(passed=4)
