"""The `dialogue` marker and fixture: where values come from, and what is wrong said before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

ASK = """
    import pytest
    from pytest_duolog import Speaker

    ASKED = []

    def model(messages):
        ASKED.append(messages)
        return f"Answer {len(ASKED)}."
"""


@pytest.fixture
def lines_printed(pytester):
    """Run a module with -s; gives the lines that its tests printed, which begin with '>'."""

    def run(code: str, *arguments: str, passed: int = 1) -> list[str]:
        pytester.makepyfile(code)
        result = pytester.runpytest("-s", *arguments)
        result.assert_outcomes(passed=passed)
        return [line[line.index(">") + 1 :].strip() for line in result.outlines if ">" in line]

    return run


def test_values_of_module_class_and_function_merge_and_the_nearest_wins(lines_printed):
    code = """
        import pytest
        from pytest_duolog import Speaker

        pytestmark = pytest.mark.dialogue(a="scripted:counter", b="scripted:counter", turns=3, opener="Module.")

        @pytest.mark.dialogue(turns=2, opener="Class.")
        class TestIt:
            @pytest.mark.dialogue(turns=1)
            def test_nearest(self, dialogue):
                print(">", dialogue.messages[0].content, len(dialogue.messages))

        def test_module(dialogue):
            print(">", dialogue.messages[0].content, len(dialogue.messages))
    """
    assert lines_printed(code, passed=2) == ["Class. 3", "Module. 7"]


def test_values_of_a_base_class_are_inherited(lines_printed):
    code = """
        import pytest

        @pytest.mark.dialogue(model="scripted:counter", turns=1, opener="Base.")
        class Base:
            def test_it(self, dialogue):
                print(">", dialogue.messages[0].content, len(dialogue.messages))

        @pytest.mark.dialogue(opener="Derived.")
        class TestDerived(Base):
            pass
    """
    assert lines_printed(code) == ["Derived. 3"]


def test_values_for_both_speakers_stand_once(lines_printed):
    code = """
        import pytest
        from pytest_duolog import Speaker

        @pytest.mark.dialogue(
            a=Speaker("Ann"), b=Speaker("Ben", system="You are brief."),
            model="scripted:counter", system="You are kind.", temperature=0.5, turns=1,
        )
        def test_it(dialogue):
            for speaker in (dialogue.scenario.a, dialogue.scenario.b):
                print(">", speaker.name, speaker.model, speaker.system, speaker.temperature)
    """
    assert lines_printed(code) == [
        "Ann scripted:counter You are kind. 0.5",
        "Ben scripted:counter You are brief. 0.5",
    ]


@pytest.mark.parametrize(
    ("arguments", "who"),
    [("", "Model A: Hello."), ("opener_by='b'", "Model B: Hello."), ("opener=None", "Model A: This is")],
    ids=["a by default", "b", "a model writes it"],
)
def test_opener_is_said_by_either_side_or_written_by_a_model(lines_printed, arguments, who):
    code = f"""
        import pytest

        @pytest.mark.dialogue(model="scripted:counter", turns=1, {arguments})
        def test_it(dialogue):
            print(">", dialogue.messages[0].speaker + ":", dialogue.messages[0].content)
    """
    assert lines_printed(code)[0].startswith(who)


def test_stop_phrase_ends_the_dialogue_and_names_who_said_it(lines_printed):
    code = """
        import pytest
        from pytest_duolog import Script, Speaker

        @pytest.mark.dialogue(
            a=Speaker("Ann", model=Script("And?", "So?")), b=Speaker("Ben", model=Script("Wait.", "All done, bye")),
            stop_phrases="ALL DONE",
        )
        def test_it(dialogue):
            print(">", dialogue.stop_reason, "after", len(dialogue.messages))
    """
    assert lines_printed(code) == ["stop phrase (Ben): 'All done' after 4"]


@pytest.mark.parametrize("way", ["override", "parametrize", "Scenario object"])
def test_duolog_scenario_sets_values_in_code_and_wins_over_the_marker(lines_printed, way):
    ways = {
        "override": """
            @pytest.fixture
            def duolog_scenario():
                return {"opener": "From code.", "turns": 2}
        """,
        "Scenario object": """
            @pytest.fixture
            def duolog_scenario():
                return Scenario(opener="From code.", turns=2)
        """,
        "parametrize": """
            pytestmark = pytest.mark.parametrize("duolog_scenario", [{"opener": "From code.", "turns": 2}])
        """,
    }
    code = f"""
            import pytest
            from pytest_duolog import Scenario
            {ways[way]}
            @pytest.mark.dialogue(model="scripted:counter", turns=1, opener="From the marker.", topic="tea")
            def test_it(dialogue):
                print(">", dialogue.messages[0].content, len(dialogue.messages), dialogue.scenario.topic)
    """
    assert lines_printed(code) == ["From code. 5 tea"]


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        (
            "turns",
            "write @pytest.mark.dialogue(turns=...), or dialogue.run(turns=...) for a further dialogue",
        ),
        ("turn", "the marker has no such value; did you mean 'turns'?"),
        ("transcript", "the marker has no such value"),
    ],
)
def test_value_that_is_set_on_the_dialogue_is_refused(pytester, name, advice):
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.dialogue(a="scripted:counter", b="scripted:counter")
        def test_it(dialogue):
            dialogue.{name} = 3
            assert dialogue.messages
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E *: dialogue.{name} cannot be set: {advice}"])


def test_duolog_scenario_that_is_no_scenario_says_what_it_may_be(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def duolog_scenario():
            print("a fixture that forgets to return")

        def test_it(dialogue):
            pass
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E *duolog_scenario returned None; a mapping or a Scenario is accepted"])


def test_wrong_value_from_the_fixture_is_an_error_of_its_test(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def duolog_scenario():
            return {"turns": "many"}

        def test_it(dialogue):
            pass
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E *turns: Input should be a valid integer*(got 'many')"])


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        ("openr='Hi.'", ["openr: unknown argument; did you mean 'opener'? (known: a, b, *turns)"]),
        ("turns=0", ["turns: Input should be greater than or equal to 1 (got 0)"]),
        (
            "turns='many', temperature=-1, stop_on='boredom'",
            [
                "turns: *(got 'many')",
                "stop_on.0: Input should be 'goodbye' or 'loop' (got 'boredom')",
            ],
        ),
        ("a=Speaker('Ann'), b=Speaker('Ann')", ["both speakers are named 'Ann'*"]),
        ("a=7", ["a: Input should be a valid dictionary or instance of Speaker (got 7)"]),
        ("a='gpt-5'", ["*model 'gpt-5' is not 'provider:model', for example*"]),
        ("a='nobody:gpt-5'", ["model 'nobody:gpt-5': unknown provider 'nobody' (known: *openai*)"]),
        ("a='scripted:parrot'", ["unknown model 'scripted:parrot' (known: counter, customer, echo*"]),
        ("a={'name': 'Ann', 'mood': 'good'}", ["a.mood: unknown argument*"]),
        ("a=Speaker('Ann', role='agent')", ["role 'agent' has no model: give it one in*"]),
        ("'scripted:echo'", ["the dialogue marker takes keyword arguments only (got ('scripted:echo',))"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_arguments_are_named_at_collection_and_nothing_runs(pytester, arguments, lines):
    pytester.makepyfile(
        test_wrong=f"""
        import pytest
        from pytest_duolog import Speaker

        @pytest.mark.dialogue({arguments})
        def test_it(dialogue):
            pass
        """,
        test_right="""
        from pathlib import Path

        def test_it():
            Path("ran").touch()
        """,
    )
    result = pytester.runpytest()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*test_wrong.py::test_it: wrong dialogue*", *(f"*{line}" for line in lines)])
    assert not Path("ran").exists()


def test_every_wrong_test_of_a_module_is_named_and_equal_complaints_are_said_once(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.dialogue(turns=0)
        @pytest.mark.parametrize("opener", ["One.", "Two.", "Three."])
        def test_matrix(dialogue, opener):
            pass

        @pytest.mark.dialogue(grace=-1)
        def test_other(dialogue):
            pass
        """
    )
    result = pytester.runpytest()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(
        [
            "*::test_matrix?One.?: wrong dialogue (and 2 more tests with the same mistake)",
            "*turns: Input should be greater*",
            "*::test_other: wrong dialogue",
            "*grace: Input should be greater*",
        ]
    )
    assert result.stdout.str().count("turns: Input should be") == 1


def test_matrix_of_conditions_has_readable_ids_and_cassette_names(pytester, chat_server):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.dialogue(turns=1)
        @pytest.mark.parametrize("system", ["Be brief.", "Be kind."], ids=["brief", "kind"])
        @pytest.mark.parametrize("opener", ["Hello.", "Hi!"])
        @pytest.mark.parametrize("model", ["openai:small", "openai:large"])
        def test_it(dialogue, model, opener, system):
            assert dialogue.messages[0].content == opener
            assert {dialogue.scenario.a.model, dialogue.scenario.b.model} == {model}
            assert dialogue.scenario.a.system == system
        """
    )
    pytester.runpytest("--record-mode=once").assert_outcomes(passed=8)
    assert len({str(request) for request in chat_server.requests}) == 16
    names = sorted(path.name for path in pytester.path.rglob("*.jsonl"))
    assert len(names) == 8
    assert names[0].startswith("test_it[openai-large-Hello.-brief]~")
    assert names[0].endswith(".openai-large.1.jsonl")


def test_fixture_parameters_count_with_the_value_that_the_test_sees(lines_printed):
    code = """
        import pytest

        @pytest.fixture
        def opener(request):
            return f"Hello, {request.param}."

        @pytest.mark.dialogue(model="scripted:counter", turns=1)
        @pytest.mark.parametrize("opener", ["you"], indirect=True)
        def test_it(dialogue, opener):
            print(">", dialogue.messages[0].content, opener)
    """
    assert lines_printed(code) == ["Hello, you. Hello, you."]


def test_indirect_parameter_may_be_anything_at_collection(lines_printed):
    code = """
        import pytest

        @pytest.fixture(params=[3])
        def turns(request):
            return request.param - 2

        @pytest.fixture(params=[object])
        def topic(request):
            return "tea"

        @pytest.mark.dialogue(model="scripted:counter")
        def test_it(dialogue, turns, topic):
            print(">", len(dialogue.messages), dialogue.scenario.topic)
    """
    assert lines_printed(code) == ["3 tea"]


def test_dialogue_runs_once_when_first_looked_at_and_its_repr_is_short(lines_printed):
    code = (
        ASK
        + """
    @pytest.mark.dialogue(a=Speaker("Ann", model=model), b=Speaker("Ben", model=model), turns=2)
    def test_it(dialogue):
        print(">", len(ASKED), dialogue)
        dialogue.messages
        dialogue.transcript
        print(">", len(ASKED), dialogue)
    """
    )
    assert lines_printed(code) == [
        "0 <Dialogue of Ann and Ben, not run yet>",
        "4 <Dialogue of Ann and Ben, 5 messages, stopped by turns: 2 turns>",
    ]


def test_dialogue_whose_outcome_nobody_looks_at_never_runs(pytester):
    pytester.makepyfile(
        ASK
        + """
    @pytest.mark.dialogue(a=model, b=model)
    def test_it(dialogue):
        assert dialogue.scenario.turns == 10

    def test_after():
        assert not ASKED
    """
    )
    result = pytester.runpytest("--record-mode=once")
    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line("*dialogues*")
    assert not Path("cassettes").exists()


def test_marker_without_the_fixture_does_nothing_but_warn(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.dialogue(turns="nonsense")
        def test_it():
            pass
        """
    )
    pytester.runpytest("--strict-markers", "-W", "default").assert_outcomes(passed=1, warnings=1)


def test_fixture_of_the_same_name_in_a_project_is_left_alone(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def dialogue():
            return "a window with two buttons"

        @pytest.mark.dialogue(buttons=2)
        def test_it(dialogue):
            assert dialogue.endswith("buttons")
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(passed=1)


def test_fixture_asked_for_by_name_is_reported_as_well(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.dialogue(model="scripted:counter", turns=1)
        def test_it(request):
            dialogue = request.getfixturevalue("dialogue")
            assert len(dialogue.messages) == 2
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["stopped:  turns: 1 turn", "*1 dialogue*"])


def test_without_a_marker_two_embedded_models_say_hello(lines_printed):
    code = """
        def test_it(dialogue):
            print(">", dialogue.scenario.a.model, dialogue.scenario.opener, dialogue.scenario.turns)
    """
    assert lines_printed(code) == ["local:smollm2-135m-instruct Hello. 10"]


@pytest.mark.parametrize(
    ("option", "lines"),
    [
        ("--markers", ["@pytest.mark.dialogue(a, b, opener='Hello.'*): the dialogue that the*"]),
        (
            "--fixtures",
            [
                "dialogue*",
                "*it runs, or is replayed, when the test first uses it.",
                "duolog_snapshot*",
            ],
        ),
        (
            "--help",
            [
                "two-model dialogues:",
                "  --duolog-model=ROLE=PROVIDER:MODEL",
                "*--record-mode={none,once,new_episodes,all,rewrite}",
                "*duolog_model (linelist):",
                "*duolog_record_mode (string):",
                "*duolog_stop_on (args):",
            ],
        ),
    ],
    ids=["--markers", "--fixtures", "--help"],
)
def test_pytest_explains_it(pytester, option, lines):
    result = pytester.runpytest(option)
    assert result.ret == 0
    result.stdout.fnmatch_lines(lines)


def test_marker_help_names_every_argument():
    from pytest_duolog.plugin import MARKER
    from pytest_duolog.plugin.collection import OF_TEST
    from pytest_duolog.scenarios.scenario import Scenario

    accepted = {*Scenario.model_fields, *Scenario.shared_with_speakers, *OF_TEST}
    signature = MARKER[MARKER.index("(") + 1 : MARKER.index("): ")]
    for name in accepted:
        assert f"{name}=" in signature or name in ("a", "b"), name


def test_record_modes_of_the_option_are_those_of_the_cassette():
    from pytest_duolog.plugin import RECORD_MODES
    from pytest_duolog.recording.record_mode import RecordMode

    assert set(RECORD_MODES) == set(RecordMode)
