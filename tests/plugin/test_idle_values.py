"""A value that has no effect is refused before anything runs, with what beats it."""

from __future__ import annotations

import pytest

from tests.chat_server import ChatServer

HEAD = """
import pytest
from pytest_duolog import Message, Scenario, Script, Speaker

def speaks(messages):
    return "I am well."

def own(**fields):
    '''Two speakers with the same values of their own.'''
    return {"a": Speaker("Ann", model=speaks, **fields), "b": Speaker("Ben", model=speaks, **fields)}

HISTORY = [Message(speaker="Ann", content="Hi."), Message(speaker="Ben", content="Hello.")]
"""
VARIANTS = """
[tool.duolog]
default_model = "variant:careful"

[tool.duolog.models]
agent = "variant:careful"

[tool.duolog.variants.careful]
model = "scripted:counter"
temperature = 0.2
system = "Be careful."

[tool.duolog.variants.plain]
model = "scripted:counter"
"""


@pytest.fixture
def collected(pytester: pytest.Pytester):
    """Run tests, written below what they share; gives the result."""

    def run(body: str, *options: str, arguments: str = "dialogue", toml: str = "") -> pytest.RunResult:
        pytester.makepyprojecttoml(toml)
        source = body if "def test" in body else f"{body}\ndef test_it({arguments}):\n    dialogue.messages\n"
        pytester.makepyfile(f"{HEAD}\n{source}")
        return pytester.runpytest("-p", "no:cacheprovider", *options)

    return run


def assert_refused(result: pytest.RunResult, *lines: str) -> None:
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*::test_*: wrong dialogue*", *(f"*{line}*" for line in lines)])


REFUSED = {
    "parameter, both have their own": (
        """
@pytest.mark.parametrize("system", ["Be brief.", "Be chatty."])
@pytest.mark.dialogue(**own(system="Be Ann."))
""",
        "system='Be brief.' (parametrized) has no effect: Ann has system='Be Ann.' (the marker of the test) and*",
    ),
    "one marker": (
        "@pytest.mark.dialogue(temperature=0.9, **own(temperature=0.1))",
        "temperature=0.9 (the marker of the test) has no effect: Ann has temperature=0.1",
    ),
    "model": (
        "@pytest.mark.dialogue(model='scripted:echo', a='scripted:counter', b='scripted:farewell')",
        "model='scripted:echo' (the marker of the test) has no effect: Model A has model='scripted:counter'",
    ),
    "nearer than one of the two": (
        """
pytestmark = pytest.mark.dialogue(a=Speaker("Ann", model=speaks, top_p=0.1))
@pytest.mark.dialogue(top_p=0.5, b=Speaker("Ben", model=speaks, top_p=0.2))
""",
        "top_p=0.5 (the marker of the test) has no effect: Ann has top_p=0.1 (the marker of the module) and Ben",
    ),
    "marker of the module": (
        """
pytestmark = pytest.mark.dialogue(max_tokens=9)
@pytest.mark.dialogue(**own(max_tokens=5))
""",
        "max_tokens=9 (the marker of the module) has no effect: Ann has max_tokens=5 (the marker of the test)",
    ),
    "explicit None": (
        "@pytest.mark.dialogue(system='Be brief.', **own(system=None))",
        "system='Be brief.' (the marker of the test) has no effect: Ann has system=None",
    ),
    "parametrized scenario": (
        """
@pytest.mark.parametrize("duolog_scenario", [{"seed": 1}, {"seed": 2}])
@pytest.mark.dialogue(**own(seed=7))
""",
        "seed=1 (duolog_scenario) has no effect: Ann has seed=7 (the marker of the test)",
    ),
    "scenario over parameter": (
        """
@pytest.mark.parametrize("duolog_scenario", [{"opener": "Hi."}])
@pytest.mark.parametrize("opener", ["Hello.", "Good day."])
@pytest.mark.dialogue(**own())
""",
        "opener='Hello.' (parametrized) has no effect: duolog_scenario sets it, too",
    ),
    "opener before a history": (
        "@pytest.mark.dialogue(opener='Hello.', history=HISTORY, **own())",
        "opener='Hello.' (the marker of the test) has no effect: a dialogue with a history has no opener*",
    ),
    "parametrized opener before a history": (
        """
@pytest.mark.parametrize("opener", ["Hello."])
@pytest.mark.dialogue(history=HISTORY, **own())
""",
        "opener='Hello.' (parametrized) has no effect: a dialogue with a history has no opener*",
    ),
    "opener_by with a history": (
        "@pytest.mark.dialogue(opener_by='b', history=HISTORY, **own())",
        "opener_by='b' (the marker of the test) has no effect: the history says who speaks next",
    ),
    "grace": (
        "@pytest.mark.dialogue(grace=5, stop_on=(), **own())",
        "grace=5 (the marker of the test) has no effect: stop_on is empty",
    ),
    "rate of one run": (
        "@pytest.mark.dialogue(min_pass_rate=0.9, **own())",
        "min_pass_rate=0.9 has no effect: the test runs once; say how often with samples=, --duolog-samples or*",
    ),
    "claim of one run": (
        "@pytest.mark.dialogue(claim='prove', min_pass_rate=0.9, **own())",
        "claim='prove', min_pass_rate=0.9 has no effect: the test runs once*",
    ),
}


@pytest.mark.parametrize(("body", "line"), REFUSED.values(), ids=REFUSED.keys())
def test_value_that_changes_nothing_is_refused(collected, body: str, line: str) -> None:
    names = [name for name in ("system", "opener", "duolog_scenario") if f'parametrize("{name}"' in body]
    assert_refused(collected(body, arguments=", ".join(["dialogue", *names])), line.replace("[", "[[]"))


def test_class_marker_that_no_test_of_the_class_takes_is_refused(collected) -> None:
    body = """
@pytest.mark.dialogue(system="Be brief.")
class TestIt:
    @pytest.mark.dialogue(**own(system="Be Ann."))
    def test_one(self, dialogue):
        dialogue.messages

    {more}
"""
    line = "system='Be brief.' (the marker of class TestIt) has no effect: Ann has system='Be Ann.'"
    assert_refused(collected(body.format(more="")), line)
    more = "def test_two(self, dialogue): assert dialogue.scenario.a.system == 'Be brief.'"
    collected(body.format(more=more), toml="[tool.duolog]\ndefault_model='scripted:counter'").assert_outcomes(
        passed=2
    )


TAKEN = {
    "one speaker has none": """
@pytest.mark.parametrize("system", ["Be brief.", "Be chatty."])
@pytest.mark.dialogue(a=Speaker("Ann", model=speaks, system="Be Ann."), b=Speaker("Ben", model=speaks))
def test_it(dialogue, system):
    assert (dialogue.scenario.a.system, dialogue.scenario.b.system) == ("Be Ann.", system)
""",
    "nearer speakers beside others": """
pytestmark = pytest.mark.dialogue(model=speaks, temperature=0.9)
@pytest.mark.dialogue(**own(temperature=0.1))
def test_it(dialogue):
    assert dialogue.scenario.a.temperature == 0.1
def test_other(dialogue):
    assert dialogue.scenario.a.temperature == 0.9
""",
    "nothing is given": """
@pytest.mark.parametrize("system", [None])
@pytest.mark.dialogue(**own(system="Be Ann."))
def test_it(dialogue, system):
    assert dialogue.scenario.a.system == "Be Ann."
def test_other():
    pass
""",
    "further dialogues without an opener": """
@pytest.mark.dialogue(opener="Hi.", turns=2, **own())
@pytest.mark.parametrize("seed", [1, 2])
def test_it(dialogue, seed):
    assert dialogue.fork(1, turns=3).scenario.history
    assert dialogue.run(history=HISTORY).scenario.history
""",
    "rate with samples of the command line": """
@pytest.mark.dialogue(min_pass_rate=0.5, **own())
@pytest.mark.parametrize("grace", [1, 2])
def test_it(dialogue, grace):
    dialogue.messages
""",
}


@pytest.mark.parametrize("body", TAKEN.values(), ids=TAKEN.keys())
def test_value_that_somebody_takes_is_fine(collected, body: str) -> None:
    collected(body, *(["--duolog-samples=1"] if "rate" in body else [])).assert_outcomes(passed=2)


IN_CODE = {
    "fixture over parameter": """
@pytest.fixture
def duolog_scenario():
    return {"opener": "From code."}
@pytest.mark.parametrize("opener", ["Hello."])
@pytest.mark.dialogue(**own())
def test_it(dialogue, opener):
    pass
""",
    "fixture for both": """
@pytest.fixture
def duolog_scenario():
    return {"system": "Be brief."}
@pytest.mark.dialogue(**own(system="Be Ann."))
def test_it(dialogue):
    pass
""",
    "run": """
@pytest.mark.dialogue(**own())
def test_it(dialogue):
    dialogue.run(system="Be brief.", a={"system": "Be Ann."}, b={"system": "Be Ben."})
""",
    "fork": """
@pytest.mark.dialogue(**own())
def test_it(dialogue):
    dialogue.fork(1, opener="Good day.")
""",
    "run of a variant": """
@pytest.mark.dialogue(model="variant:careful")
def test_it(dialogue):
    dialogue.run(temperature=0.9)
""",
}
SAID_IN_CODE = {
    "fixture over parameter": "opener='Hello.' (parametrized) has no effect: duolog_scenario sets it, too",
    "fixture for both": "system='Be brief.' (duolog_scenario) has no effect: Ann has system='Be Ann.'*",
    "run": "system='Be brief.' (dialogue.run) has no effect: Ann has system='Be Ann.' (dialogue.run)*",
    "fork": "opener='Good day.' (dialogue.fork) has no effect: a dialogue with a history has no opener*",
    "run of a variant": "temperature=0.9 (dialogue.run) has no effect: Model A uses variant:careful*",
}


@pytest.mark.parametrize("case", IN_CODE)
def test_value_given_in_code_that_changes_nothing_is_refused(collected, case: str) -> None:
    result = collected(IN_CODE[case], toml=VARIANTS)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"E *ConfigurationError: {SAID_IN_CODE[case]}*"])


PLAYED = {
    "default model": ("", "Model A uses variant:careful, which sets it and Model B uses*"),
    "role": ("a=Speaker('Ann', role='agent'), b=Speaker('Ben', role='agent'),", "Ann uses variant:*"),
    "named": ("model='variant:careful',", "Model A uses variant:careful, which sets it*"),
}


@pytest.mark.parametrize(("speakers", "said"), PLAYED.values(), ids=PLAYED.keys())
def test_value_that_variants_beat_is_refused(collected, speakers: str, said: str) -> None:
    result = collected(f"@pytest.mark.dialogue({speakers} temperature=0.9, turns=1)", toml=VARIANTS)
    assert_refused(result, f"temperature=0.9 (the marker of the test) has no effect: {said}")


def test_speakers_own_value_that_its_variant_beats_is_refused(collected) -> None:
    speaker = "Speaker('Ann', model='variant:careful', system='Be Ann.')"
    result = collected(f"@pytest.mark.dialogue(a={speaker}, b='variant:plain', system='Hi.')", toml=VARIANTS)
    assert_refused(result, "a.system='Be Ann.' (the marker of the test) has no effect: Ann uses variant:*")


def test_command_line_may_beat_what_a_test_says(collected) -> None:
    body = "@pytest.mark.dialogue(model='scripted:echo', temperature=0.9, turns=1)"
    options = ["--duolog-model=Model A=variant:careful", "--duolog-model=Model B=variant:careful"]
    collected(body, *options, toml=VARIANTS).assert_outcomes(passed=1)


MATRICES = {
    "equal values": (
        "seed",
        "[3, 3]",
        "model=speaks",
        "seed (parametrized) has no effect: 2 cases*(3, 3)*",
    ),
    "a seed that is not sent": (
        *("seed", "[1, 2, 3]", "model='anthropic:m'"),
        "seed (parametrized) has no effect: 3 cases run the same dialogue (1, 2, 3); to run * use samples=",
    ),
    "blank openers": (
        "opener",
        "['', None]",
        "model=speaks",
        "opener (parametrized) has no effect: 2 cases*",
    ),
    "scenarios": (
        *("duolog_scenario", "[{'turns': 10}, {}]", "model=speaks"),
        "duolog_scenario (parametrized) has no effect: 2 cases*",
    ),
}


@pytest.mark.parametrize(("name", "values", "marker", "line"), MATRICES.values(), ids=MATRICES.keys())
def test_parameter_whose_cells_are_all_the_same_is_refused(
    collected, name: str, values: str, marker: str, line: str
) -> None:
    body = f"@pytest.mark.parametrize({name!r}, {values})\n@pytest.mark.dialogue({marker})"
    assert_refused(collected(body, arguments=f"dialogue, {name}"), line)


def test_matrix_of_models_that_the_command_line_replaces_is_refused(collected) -> None:
    body = """
@pytest.mark.parametrize("opener", ["Hello.", "Hi!"])
@pytest.mark.parametrize("model", ["scripted:echo", "scripted:counter"])
@pytest.mark.dialogue(turns=1)
def test_it(dialogue, model, opener):
    dialogue.messages
"""
    both = ["--duolog-model=Model A=scripted:farewell", "--duolog-model=Model B=scripted:farewell"]
    assert_refused(collected(body, *both), "model (parametrized) has no effect: 2 cases run the same*")
    collected(body, both[0]).assert_outcomes(passed=4)
    collected(body).assert_outcomes(passed=4)


def test_cells_that_differ_in_something_else_as_well_are_fine(collected) -> None:
    body = """
@pytest.mark.parametrize(("system", "expected"), [("Be brief.", 1), ("Be chatty.", 2)])
@pytest.mark.dialogue(turns=1, model=speaks)
def test_together(dialogue, system, expected):
    dialogue.messages

@pytest.mark.parametrize("expected", [1, 2])
@pytest.mark.dialogue(turns=1, model=speaks)
def test_something_else(dialogue, expected):
    dialogue.messages

@pytest.mark.parametrize("history", [(), HISTORY])
@pytest.mark.parametrize("opener_by", ["a", "b"])
@pytest.mark.dialogue(turns=2, model=speaks)
def test_where_it_matters_once(dialogue, history, opener_by):
    dialogue.messages
"""
    collected(body).assert_outcomes(passed=8)


def test_parameters_of_a_fixture_that_makes_scenarios_are_not_judged_before_it_ran(collected) -> None:
    body = """
@pytest.fixture(params=["Hello.", "Good evening."])
def duolog_scenario(request):
    return {"opener": request.param}

@pytest.mark.dialogue(turns=1, model=speaks)
def test_it(dialogue):
    dialogue.messages
"""
    collected(body).assert_outcomes(passed=2)


def test_parametrized_number_of_samples_counts(collected, pytester: pytest.Pytester) -> None:
    body = """
numbers = iter(range(100))
@pytest.mark.parametrize("samples", [2, 3])
@pytest.mark.dialogue(model=lambda messages: f"I am number {next(numbers)}.", turns=1)
"""
    result = collected(body, arguments="dialogue, samples")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*PASS: 2 of 2 passed*", "*PASS: 3 of 3 passed*"])


@pytest.mark.slow
def test_workers_of_xdist_refuse_it_as_well(collected) -> None:
    body, line = REFUSED["grace"]
    assert_refused(collected(body, "-n1"), line)


# What is not refused, because it is one model's own way, is said


NOTICES = {
    "own setting of a function": (
        "a=Speaker('Ann', model=speaks, temperature=0.5), b='scripted:counter'",
        "*::test_it: temperature of Ann is not sent: callable:speaks does not support it",
    ),
    "setting for both, for a script and a function": (
        "a=Script('Hello, it is broken.', 'Still broken.'), b=speaks, temperature=0.5",
        "*::test_it: temperature of Model B is not sent: callable:speaks does not support it",
    ),
    "setting for both, for two scripts": (
        "model='scripted:counter', seed=7",
        "*::test_it: seed of Model A is not sent: scripted:counter does not support it",
    ),
    "setting for both that neither takes": (
        "model=speaks, seed=7",
        "*::test_it: seed of Model A is not sent: callable:speaks does not support it",
    ),
    "tokens that nobody counts": (
        "model=speaks, token_budget=100",
        "*::test_it: token_budget has no effect: no reply reported how many tokens it has",
    ),
    "cost that nobody says": (
        "model='scripted:counter', cost_budget=1.5",
        "*::test_it: cost_budget has no effect: no reply reported what it cost",
    ),
}


@pytest.mark.parametrize(("marker", "line"), NOTICES.values(), ids=NOTICES.keys())
def test_setting_that_a_model_does_not_know_is_said(collected, marker: str, line: str) -> None:
    result = collected(f"@pytest.mark.dialogue(turns=2, {marker})")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([line])


def test_setting_for_both_that_one_takes_needs_no_word(collected, chat_server: ChatServer) -> None:
    result = collected("@pytest.mark.dialogue(turns=1, a=speaks, b='openai:m', seed=7)", "--record-mode=once")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*not sent*")
    assert chat_server.requests[0]["seed"] == 7


def test_cost_of_a_run_that_nobody_says_is_said(collected, chat_server: ChatServer) -> None:
    result = collected(
        "@pytest.mark.dialogue(turns=1, model='openai:m')", "--record-mode=once", "--duolog-budget=cost=2"
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["*::test_it: --duolog-budget cost=2 has no effect: no reply reported what it cost"]
    )


# Names of roles and providers, and options for a gate


def test_limit_for_scripted_models_is_refused(collected) -> None:
    toml = "[tool.duolog.limits.scripted]\nconcurrency = 1"
    result = collected("@pytest.mark.dialogue(model='scripted:counter')", toml=toml)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*limits.scripted]: unknown provider 'scripted' (known: *openai*"])


def test_ini_key_for_a_gate_of_a_role_that_nobody_plays_is_refused(collected) -> None:
    options = ("-o", "duolog_candidate=agnt=scripted:echo")
    result = collected("@pytest.mark.dialogue(a=Speaker('Ann', role='agent', model=speaks))", *options)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*no collected test has a speaker with the role or name 'agnt' (there are: *agent)"]
    )
    collected("def test_plain(): pass", *options).assert_outcomes(passed=1)


@pytest.mark.parametrize("option", ["--duolog-candidate", "--duolog-model"])
def test_a_speaker_that_is_named_although_it_has_a_role_is_told_by_its_role(collected, option: str) -> None:
    test = "@pytest.mark.dialogue(a=Speaker('Ann', role='agent', model=speaks))"
    result = collected(test, f"{option}=Ann=scripted:echo")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*(there are: *agent); Ann has the role agent: {option} agent=..."])


def test_role_table_that_spells_a_speaker_another_way_is_refused(collected) -> None:
    toml = (
        "[tool.duolog]\ndefault_model='scripted:counter'\n[tool.duolog.models]\nsupport_desk='scripted:echo'"
    )
    assert_refused(
        collected("@pytest.mark.dialogue(a=Speaker('Support Desk'))", toml=toml),
        "'Support Desk' has no model, but [[]tool.duolog.models] or duolog_model has one for 'support_desk': use*",
    )
    collected("@pytest.mark.dialogue(a=Speaker('Desk'))", toml=toml).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--duolog-margin=0.2",), "--duolog-margin: it is for a gate, but there is no gate without*"),
        (("--duolog-rounds=5",), "--duolog-rounds: it is for a gate, but there is no gate without*"),
        (
            ("--duolog-samples=5", "--duolog-candidate=Model A=scripted:echo"),
            "--duolog-samples: it has no effect in a gate, which runs pairs: see --duolog-rounds",
        ),
    ],
)
def test_option_that_changes_nothing_is_refused(collected, options: tuple[str, ...], line: str) -> None:
    result = collected("@pytest.mark.dialogue(model='scripted:counter')", *options)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([line])
