"""What may stand on the marker, and what is said of everything else."""

from __future__ import annotations

import math

import pytest

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.scenarios.speaker import DEFAULT_MODEL, ModelName, Speaker


def problems_of(**values: object) -> list[str]:
    """The lines in which a wrong scenario is described."""
    with pytest.raises(ConfigurationError) as caught:
        Scenario.build(values)
    return str(caught.value).splitlines()


def a_model(messages: list[dict[str, str]]) -> str:
    return "Yes."


class AModel:
    def __call__(self, messages: list[dict[str, str]]) -> str:
        return "Yes."


@pytest.mark.parametrize(
    ("text", "provider", "model"),
    [
        ("openai:gpt-5-mini", "openai", "gpt-5-mini"),
        ("openrouter:google/gemma-3-27b-it:free", "openrouter", "google/gemma-3-27b-it:free"),
        ("bedrock:anthropic.claude@2:0", "bedrock", "anthropic.claude@2:0"),
        (" local : smollm2-135m-instruct ", "local", "smollm2-135m-instruct"),
    ],
)
def test_model_is_split_at_the_first_colon(text, provider, model):
    assert ModelName.parse(text) == (provider, model)
    assert str(ModelName.parse(text)) == f"{provider}:{model}"


@pytest.mark.parametrize("text", ["", "gpt-5-mini", ":gpt", "openai:", "openai: ", " :x"])
def test_model_without_provider_or_name_is_refused_with_an_example(text):
    with pytest.raises(ConfigurationError) as caught:
        ModelName.parse(text)
    assert str(caught.value) == (
        f"model {text!r} is not 'provider:model', for example 'local:smollm2-135m-instruct' or 'openai:gpt-5-mini'"
    )


def test_nothing_given_is_a_dialogue_of_two_default_models():
    scenario = Scenario.build({})
    assert (scenario.a.name, scenario.b.name) == ("Model A", "Model B")
    assert (scenario.a.model_label, scenario.b.model_label) == (DEFAULT_MODEL, DEFAULT_MODEL)
    assert (scenario.opener, scenario.opener_by, scenario.turns) == ("Hello.", "a", 10)
    assert scenario.max_messages == 21
    assert scenario.given() == {"a": scenario.a, "b": scenario.b}


@pytest.mark.parametrize(
    "given",
    [
        Speaker(model="openai:x"),
        {"model": "openai:x"},
        "openai:x",
    ],
    ids=["speaker", "mapping", "model"],
)
def test_a_speaker_may_be_given_in_three_ways(given):
    scenario = Scenario.build({"a": given})
    assert (scenario.a.name, scenario.a.model) == ("Model A", "openai:x")


@pytest.mark.parametrize(
    ("model", "label"),
    [
        (a_model, "callable:a_model"),
        (AModel(), "callable:AModel"),
        (lambda messages: "Yes.", "callable:lambda"),
        (None, DEFAULT_MODEL),
    ],
)
def test_callables_are_labelled_by_their_name(model, label):
    assert Speaker("Ann", model=model).model_label == label


def test_shared_values_hold_where_a_speaker_has_none_of_its_own():
    scenario = Scenario.build(
        {
            "a": Speaker("Ann", system="Be kind.", temperature=0.5),
            "b": Speaker("Ben"),
            "model": "openai:x",
            "system": "Be brief.",
            "temperature": 1,
            "top_p": 0.9,
            "max_tokens": 50,
            "seed": 7,
        }
    )
    assert (scenario.a.model, scenario.b.model) == ("openai:x", "openai:x")
    assert (scenario.a.system, scenario.b.system) == ("Be kind.", "Be brief.")
    assert scenario.a.set_knobs() == {"temperature": 0.5, "top_p": 0.9, "max_tokens": 50, "seed": 7}
    assert scenario.b.set_knobs() == {"temperature": 1, "top_p": 0.9, "max_tokens": 50, "seed": 7}


def test_shared_value_that_neither_speaker_takes_is_refused_in_code():
    own = {"a": Speaker("Ann", system="x"), "b": {"name": "Ben", "system": None, "seed": 0}}
    with pytest.raises(ValueError, match=r"system='Be brief\.' has no effect: both speakers have their own"):
        Scenario(**own, system="Be brief.", seed=1)
    assert Scenario(**own, seed=1).a.seed == 1
    assert Scenario(**own, system=None).a.system == "x"
    assert Scenario.build({**own, "system": "Be brief."}).a.system == "x"  # its caller tells what is nearer


def test_knobs_that_are_not_set_are_not_sent_and_zero_is_set():
    assert Speaker("Ann").set_knobs() == {}
    assert Speaker("Ann", temperature=0, seed=0, extra={"min_p": 0.1}).set_knobs() == {
        "temperature": 0,
        "seed": 0,
    }


@pytest.mark.parametrize("opener", [None, "", "  \n"])
def test_without_an_opener_a_model_writes_it(opener):
    assert Scenario.build({"opener": opener}).opener is None


def test_one_stop_phrase_and_one_reason_to_stop_need_no_tuple():
    scenario = Scenario.build({"stop_phrases": "  bye ", "stop_on": "loop"})
    assert (scenario.stop_phrases, scenario.stop_on) == (("bye",), ("loop",))


def test_given_values_build_the_same_scenario():
    scenario = Scenario.build({"a": "openai:x", "system": "Be brief.", "turns": 3, "opener": None})
    assert Scenario.build(scenario.given()) == scenario


def test_every_wrong_argument_is_named_with_what_came():
    unknown, *wrong = problems_of(turn=3, turns=0, opener_by="c", stop_on=("boredom",))
    assert unknown.startswith("turn: unknown argument; did you mean 'turns'? (known: a, b, ")
    assert wrong == [
        "opener_by: Input should be 'a' or 'b' (got 'c')",
        "turns: Input should be greater than or equal to 1 (got 0)",
        "stop_on.0: Input should be 'goodbye' or 'loop' (got 'boredom')",
    ]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"turns": 10_001}, "turns: Input should be less than or equal to 10000 (got 10001)"),
        ({"turns": "many"}, "turns: Input should be a valid integer, *(got 'many')"),
        ({"grace": -1}, "grace: Input should be greater than or equal to 0 (got -1)"),
        ({"token_budget": 0}, "token_budget: Input should be greater than or equal to 1 (got 0)"),
        ({"temperature": -0.1}, "a.temperature: Input should be greater than or equal to 0 (got -0.1)"),
        ({"temperature": math.nan}, "a.temperature: Input should be a finite number (got nan)"),
        ({"temperature": math.inf}, "a.temperature: Input should be a finite number (got inf)"),
        ({"top_p": 0}, "a.top_p: Input should be greater than 0 (got 0)"),
        ({"top_p": 1.1}, "a.top_p: Input should be less than or equal to 1 (got 1.1)"),
        ({"turns": True}, "turns: is a number, not a truth value (got True)"),
        ({"grace": False}, "grace: is a number, not a truth value (got False)"),
        ({"temperature": True}, "a.temperature: is a number, not a truth value (got True)"),
        ({"seed": False}, "a.seed: is a number, not a truth value (got False)"),
        ({"cost_budget": float("inf")}, "cost_budget: Input should be a finite number (got inf)"),
        ({"max_tokens": 0}, "a.max_tokens: Input should be greater than or equal to 1 (got 0)"),
        ({"model": "gpt"}, "a.model: model 'gpt' is not 'provider:model', *"),
        ({"opener": "\ud800"}, "opener: contains a character that is not text: '\\ud800' (got '\\ud800')"),
        ({"stub": " "}, "stub: String should have at least 1 character (got ' ')"),
        ({"stop_phrases": ("bye", " ")}, "stop_phrases.1: String should have at least 1 character (got ' ')"),
        ({"a": 3}, "a: Input should be a valid dictionary or instance of Speaker (got 3)"),
        (
            {"a": {"name": "Ann", "modle": "x:y"}},
            "a.modle: unknown argument; did you mean 'model'? (known: *)",
        ),
        (
            {"a": Speaker("Ann"), "b": Speaker("Ann")},
            "both speakers are named 'Ann'; give them different names",
        ),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_wrong_value_is_named_with_what_is_accepted(values, problem):
    first = problems_of(**values)[0]
    head, star, tail = problem.partition("*")
    assert first == problem if not star else first.startswith(head) and first.endswith(tail)


def test_every_wrong_argument_of_a_speaker_is_named():
    with pytest.raises(ConfigurationError) as caught:
        Speaker("Ann", modle="openai:x", temperature=-1, model="gpt")
    unknown, negative, nameless = str(caught.value).splitlines()
    assert unknown.startswith(
        "modle: unknown argument; did you mean 'model'? (known: extra, label, max_tokens, model, "
    )
    assert negative == "temperature: Input should be greater than or equal to 0 (got -1)"
    assert nameless.startswith("model: model 'gpt' is not 'provider:model', for example ")


@pytest.mark.parametrize("name", [" Ann", "Ann:", "x" * 61, "two\nlines", "bell\a", "zero\u200bwidth"])
def test_name_that_a_transcript_could_not_hold_is_refused(name):
    with pytest.raises(ValueError, match="a name is 1 to 60 printable characters on one line, without ':'"):
        Speaker(name)


def test_names_of_other_scripts_are_names():
    assert [Speaker(name).name for name in ("Zoë", "李雷", "Ann B. (agent)")] == [
        "Zoë",
        "李雷",
        "Ann B. (agent)",
    ]


@pytest.mark.parametrize("name", ["model", "messages", "temperature", "stream"])
def test_extra_may_not_hold_what_the_dialogue_sets(name):
    with pytest.raises(ValueError, match=f"{name!r} is not an extra field"):
        Speaker("Ann", extra={name: 1})


@pytest.mark.parametrize("value", [{1, 2}, math.nan, object()], ids=["set", "nan", "object"])
def test_extra_is_json(value):
    with pytest.raises(ValueError, match="must be JSON"):
        Speaker("Ann", extra={"field": value})


def test_extra_is_a_copy():
    given = {"stop": ["###"]}
    speaker = Speaker("Ann", extra=given)
    given["stop"].append("!!!")
    assert speaker.extra == {"stop": ["###"]}


@pytest.mark.parametrize("role", ["", " ", " agent", "agent=x", "two\nlines", "x" * 81])
def test_role_that_no_option_could_name_is_refused(role):
    with pytest.raises(
        ConfigurationError, match="role: a role is 1 to 80 printable characters on one line, without '='"
    ):
        Speaker("Ann", role=role)


@pytest.mark.parametrize("model", [5, True, ["openai:x"], {"model": "openai:x"}, Speaker, Scenario])
def test_what_cannot_answer_is_no_model(model):
    with pytest.raises(
        ConfigurationError, match="model: a model is 'provider:model', an HttpTarget, or a function"
    ):
        Speaker("Ann", model=model)
