"""Which model plays which role: the role table, its ini twin and `--duolog-model`."""

from __future__ import annotations

import pytest

from tests.workers import alone_or_in_workers

ROLES = """
    import pytest
    from pytest_duolog import Speaker

    @pytest.mark.dialogue(a=Speaker("Ann", role="customer"), b=Speaker("Ben", model="scripted:counter"), turns=1)
    def test_it(dialogue):
        print(">", dialogue.scenario.a.model, dialogue.scenario.b.model)
"""


@pytest.fixture
def models_of(pytester):
    """The models of Ann and Ben in a run with some arguments."""

    def run(*arguments: str) -> str:
        pytester.makepyfile(ROLES)
        result = pytester.runpytest("-s", *arguments)
        result.assert_outcomes(passed=1)
        return next(line[line.index(">") + 2 :] for line in result.outlines if ">" in line)

    return run


TABLE = """
    [tool.duolog.models]
    customer = "scripted:echo"
    Ben = "scripted:silent"
"""


def test_role_table_gives_a_role_its_model_and_yields_to_a_speakers_own(pytester, models_of):
    pytester.makepyprojecttoml(TABLE)
    assert models_of() == "scripted:echo scripted:counter"


def test_ini_twin_wins_over_the_table(pytester, models_of):
    pytester.makepyprojecttoml(TABLE)
    pytester.makeini("[pytest]\nduolog_model =\n    customer=scripted:farewell\n")
    assert models_of() == "scripted:farewell scripted:counter"


def test_option_wins_over_everything_by_role_or_name(pytester, models_of):
    pytester.makepyprojecttoml(TABLE)
    assert (
        models_of("--duolog-model", "customer=scripted:refuser", "--duolog-model=Ben=scripted:echo")
        == "scripted:refuser scripted:echo"
    )


def test_model_splits_at_the_first_colon_only(models_of):
    name = "openrouter:google/gemma-3-27b-it:free@v1=2"
    assert models_of(f"--duolog-model=customer={name}") == f"{name} scripted:counter"


def test_default_model_of_the_project_is_for_speakers_without_one(pytester):
    pytester.makepyprojecttoml('[tool.duolog]\ndefault_model = "scripted:counter"')
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.dialogue(turns=1)
        def test_it(dialogue):
            assert {dialogue.scenario.a.model, dialogue.scenario.b.model} == {"scripted:counter"}
        """
    )
    pytester.runpytest().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("scripted:echo", "--duolog-model: 'scripted:echo' is not ROLE=provider:model"),
        ("=scripted:echo", "--duolog-model: '=scripted:echo' is not ROLE=provider:model"),
        ("customer=", "--duolog-model: 'customer=' is not ROLE=provider:model"),
        ("customer=gpt-5", "--duolog-model: 'customer=gpt-5' is not ROLE=provider:model"),
        (
            "customer=acme:gpt-5",
            "--duolog-model, customer: model 'acme:gpt-5': unknown provider 'acme' (known: *",
        ),
        (
            "customer=local:llama",
            "--duolog-model, customer: model 'local:llama': unknown local model (known: *",
        ),
        ("customer=scripted:bird", "--duolog-model, customer: unknown model 'scripted:bird' (known: *"),
    ],
)
def test_wrong_option_is_refused_before_anything_is_collected(pytester, option, line):
    pytester.makepyprojecttoml(TABLE)
    pytester.makepyfile(ROLES)
    result = pytester.runpytest(f"--duolog-model={option}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {line}"])
    assert not result.outlines


@alone_or_in_workers(1)
def test_role_that_nobody_plays_is_refused_and_nothing_runs(pytester, options):
    pytester.makepyprojecttoml(TABLE)
    pytester.makepyfile(ROLES)
    result = pytester.runpytest("--duolog-model=costumer=scripted:echo", *options)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*no collected test has a speaker with the role or name 'costumer' (there are: Ben, customer)"]
    )


@pytest.mark.parametrize(
    ("toml", "line"),
    [
        (
            '[tool.duolog.models]\ncustomer = "gpt-5"',
            "[[]tool.duolog.models] or duolog_model, customer: model 'gpt-5' is not 'provider:model'*",
        ),
        ("[tool.duolog.models]\ncustomer = 5", "*models.customer: Input should be a valid string"),
        (
            '[tool.duolog]\ndefault_model = "acme:x"',
            "[[]tool.duolog] default_model: model 'acme:x': unknown provider*",
        ),
        ('[tool.duolog]\nmodel = "scripted:echo"', "*model: unknown key*"),
        (
            '[tool.duolog.providers.lab]\nbase_url = "lab"',
            "*providers.lab]: base_url 'lab' does not start with http:// or https://",
        ),
        (
            '[tool.duolog.providers.lab]\nbase_url = "https://lab.example.org"\nprotocol = "smoke"',
            "*providers.lab]: unknown protocol 'smoke' (known: *openai*)",
        ),
    ],
)
def test_wrong_table_is_refused_at_collection(pytester, toml, line):
    pytester.makepyprojecttoml(toml)
    pytester.makepyfile(ROLES)
    result = pytester.runpytest()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["wrong setting for dialogues", line])


def test_wrong_ini_names_its_key(pytester):
    pytester.makeini("[pytest]\nduolog_model = customer")
    pytester.makepyfile(ROLES)
    result = pytester.runpytest()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*duolog_model: 'customer' is not ROLE=provider:model"])


def test_wrong_table_does_not_disturb_a_run_without_dialogues(pytester):
    pytester.makepyprojecttoml("[tool.duolog]\nnonsense = 1")
    pytester.makepyfile("def test_it(): pass")
    pytester.runpytest().assert_outcomes(passed=1)


def test_role_of_a_scenario_made_in_code_may_be_overridden(pytester):
    pytester.makepyfile(
        """
        import pytest
        from pytest_duolog import Speaker

        @pytest.fixture
        def duolog_scenario():
            return {"a": Speaker("Ann", role="agent"), "turns": 1}

        def test_it(dialogue):
            assert dialogue.scenario.a.model == "scripted:counter"
        """
    )
    pytester.runpytest("--duolog-model=agent=scripted:counter").assert_outcomes(passed=1)


def test_role_of_the_table_that_only_a_further_dialogue_plays_may_be_overridden(pytester):
    pytester.makepyprojecttoml('[tool.duolog.models]\njudge = "scripted:silent"')
    pytester.makepyfile(
        """
        import pytest
        from pytest_duolog import Speaker

        @pytest.mark.dialogue(model="scripted:counter", turns=1)
        def test_it(dialogue):
            further = dialogue.run(b=Speaker("Cat", role="judge"))
            assert further.messages[1].content == "Hello."
        """
    )
    pytester.runpytest("--duolog-model=judge=scripted:echo").assert_outcomes(passed=1)


@pytest.mark.parametrize("selection", [["-k", "test_other"], ["--deselect", "test_it.py::test_it"]])
def test_role_of_a_deselected_test_is_known(pytester, selection):
    pytester.makepyprojecttoml('[tool.duolog.models]\ncustomer = "scripted:echo"')
    pytester.makepyfile(test_it=ROLES + "\n    def test_other():\n        pass\n")
    result = pytester.runpytest("--duolog-model=customer=scripted:echo", *selection)
    result.assert_outcomes(passed=1, deselected=1)
