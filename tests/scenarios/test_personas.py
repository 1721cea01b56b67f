"""A persona on a marker, in a file and beside a plain speaker."""

from __future__ import annotations

import pytest

from pytest_duolog import ConfigurationError, Persona, Speaker
from pytest_duolog.scenarios.files import read_scenarios
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.scenarios.values import ScenarioValues, Source
from pytest_duolog.scenarios.variants import Variant
from pytest_duolog.settings import Settings
from pytest_duolog.transcripts.parts import Part, part_of, prompt_of

ANN = Persona(
    "Ann", goal="a lamp", facts={"order number": 4711}, model="openai:small", role="customer", seed=3
)


def test_system_prompt_is_made_from_the_part():
    assert ANN.system == prompt_of(Part("Ann", "a lamp", {"order number": "4711"}), 1)
    assert part_of(ANN.system) == ANN.part
    assert Persona("Ann", goal="a\n  lamp").goal == "a lamp"


def test_persona_stays_one_in_a_scenario():
    scenario = Scenario.build({"a": ANN, "b": Speaker("Bob"), "system": "You sell lamps.", "turns": 4})
    assert isinstance(scenario.a, Persona)
    assert (scenario.a.system, scenario.a.role, scenario.a.seed) == (ANN.system, "customer", 3)
    assert scenario.b.system == "You sell lamps."
    assert scenario.for_sample(3).a.seed == 5
    cast = Settings(overrides={"customer": "openai:large"}).cast(scenario)
    assert (cast.a.model, cast.a.system, cast.a.part) == ("openai:large", ANN.system, ANN.part)


def test_changes_of_a_further_dialogue_reach_the_prompt():
    changed = Scenario.build(Scenario.changed({"a": ANN}, {"a": {"goal": "a bulb"}}))
    assert changed.a.part == Part("Ann", "a bulb", {"order number": "4711"})


def test_prompt_for_both_without_a_taker_is_refused():
    both = {"a": ANN, "b": Persona("Bob", goal="to sell a lamp"), "system": "Be brief."}
    with pytest.raises(ValueError, match="has no effect: both speakers have their own"):
        Scenario(**both)
    values = ScenarioValues.of([Source("the marker", both)])
    (idle,) = Settings().idle(values, Scenario.build(both))
    assert str(idle) == (
        "system='Be brief.' (the marker) has no effect: Ann is a Persona, whose prompt is made from its goal and "
        "Bob is a Persona, whose prompt is made from its goal"
    )


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({}, "goal: Field required"),
        ({"goal": " "}, "goal: must not be empty (got ' ')"),
        ({"goal": 3}, "goal: Input should be a valid string (got 3)"),
        ({"goal": "say <<done>>"}, "goal: contains a token that ends a dialogue ('say <<done>>') (got 'say <<done>>')"),
        ({"facts": {"id": ""}}, "facts: 'id' has no value (got {'id': ''})"),
        ({"facts": {"id": None}}, "facts: the value of 'id' must be a text or a number (got None) (got {'id': None})"),
        ({"facts": {"id": "<<Gave up>>"}}, "facts: contains a token that ends a dialogue ('<<Gave up>>') (got"),
        ({"facts": {"<<done>>": "1"}}, "facts: contains a token that ends a dialogue ('<<done>>') (got"),
        ({"secrets": {"a:b": "1"}}, "secrets: the name 'a:b' must be 1 to 80 characters on one line, without ':' (got"),
        ({"facts": "4711"}, "facts: must be names with values, for example {'order number': '4711'} (got '4711')"),
        ({"facts": {"id": "1"}, "secrets": {"id": "2"}}, "'id' is a fact and a secret; it can be only one of them"),
        ({"facts": {"id": "1", " id": "2"}}, "facts: two names are 'id' but for their spaces (got"),
        ({"facts": {"a\ud800": "1"}}, "facts: contains a character that is not text: '\\ud800' (got"),
        ({"style": ""}, "style: must not be empty (got '')"),
        ({"gives_up_after": 0}, "gives_up_after: Input should be greater than or equal to 1 (got 0)"),
        ({"gives_up_after": True}, "gives_up_after: is a number, not a truth value (got True)"),
        ({"wording": 99}, "wording: unknown wording (this version knows 1 to 1) (got 99)"),
        ({"system": "x"}, "system: a Persona has none, because its prompt is made from its goal; use a Speaker,"),
    ],
)  # fmt: skip
def test_wrong_values_are_refused(wrong, problem):
    given = {"goal": "a lamp", **wrong} if wrong else {}
    with pytest.raises(ConfigurationError) as caught:
        Persona("Ann", **given)
    assert str(caught.value).startswith(problem)


def test_unknown_language_is_refused_with_the_known_ones():
    with pytest.raises(
        ConfigurationError, match=r"language: unknown language \(known: af, ar, .*\) \(got 'xx'\)"
    ):
        Persona("Ann", goal="a lamp", language="xx")


def test_a_plain_speaker_has_no_goal():
    with pytest.raises(ConfigurationError) as caught:
        Speaker("Ann", goal="a lamp")
    assert str(caught.value) == "goal: only a Persona has one, for example Persona('Ann', goal='...')"


def test_a_variant_with_a_prompt_of_its_own_cannot_play_a_persona():
    variants = {
        "polite": Variant(model="openai:m", system="Be polite."),
        "cold": Variant(model="openai:m", temperature=0),
    }
    scenario = Scenario.build({"a": ANN})
    with pytest.raises(ConfigurationError) as caught:
        Settings(variants=variants, overrides={"customer": "variant:polite"}).cast(scenario)
    assert str(caught.value) == (
        "variant:polite sets system, but Ann is a Persona, whose prompt is made from its goal: "
        "use a variant without system"
    )
    cast = Settings(variants=variants, overrides={"customer": "variant:cold"}).cast(scenario)
    assert (cast.a.system, cast.a.temperature) == (ANN.system, 0)


FILES = {
    "rows.yaml": """\
- id: lamp
  a: {name: Ann, goal: a lamp, facts: {order number: 4711}, gives_up_after: 5}
""",
    "rows.toml": """\
[[scenarios]]
id = "lamp"
a = {name = "Ann", goal = "a lamp", facts = {"order number" = 4711}, gives_up_after = 5}
""",
    "rows.json": """\
[{"id": "lamp", "a.name": "Ann", "a.goal": "a lamp", "a.facts": {"order number": "4711"}, "a.gives_up_after": 5}]
""",
    "rows.csv": """\
id,a.name,a.goal,a.facts,a.gives_up_after
lamp,Ann,a lamp,order number: 4711,5
""",
}


@pytest.mark.parametrize("name", FILES)
def test_personas_stand_in_files(tmp_path, name):
    (tmp_path / name).write_text(FILES[name], "utf-8")
    (row,) = read_scenarios(tmp_path / name)
    assert Scenario.build(row.values).a.part == Part(
        "Ann", "a lamp", {"order number": "4711"}, gives_up_after=5
    )


def test_mistakes_in_files_have_their_place(tmp_path):
    (tmp_path / "rows.yaml").write_text(
        "- id: lamp\n  a:\n    goal: a lamp\n    facts: {id: true}\n", "utf-8"
    )
    with pytest.raises(
        ConfigurationError, match=r"rows\.yaml:4:5: a\.facts: the value of 'id' must be a text"
    ):
        read_scenarios(tmp_path / "rows.yaml")
    (tmp_path / "rows.csv").write_text("a.goal,a.facts\na lamp,4711\n", "utf-8")
    with pytest.raises(ConfigurationError, match=r"rows\.csv:2:2: a\.facts: must be names with values"):
        read_scenarios(tmp_path / "rows.csv")
