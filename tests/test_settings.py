"""Command line over ini over pyproject.toml, and what is said of each when it is wrong."""

from __future__ import annotations

import pytest

from pytest_duolog.endpoints.providers import Provider
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.scenarios.speaker import Speaker
from pytest_duolog.settings import Settings, roles_of
from pytest_duolog.settings.project_table import read_project_table


@pytest.fixture
def pyproject(tmp_path):
    """Writes a pyproject.toml and gives its path."""

    def write(text: str):
        path = tmp_path / "pyproject.toml"
        path.write_text(text, "utf-8")
        return path

    return write


def merged(
    pyproject=None, *, record_mode="none", model_options=(), model_ini=(), stop_on=("goodbye", "loop")
) -> Settings:
    return Settings.merge(
        record_mode=record_mode,
        model_options=model_options,
        model_ini=model_ini,
        stop_on=stop_on,
        pyproject=pyproject,
    )


LAB = '[tool.duolog.providers.lab]\nbase_url = "https://llm.example.org/v1"\napi_key_env = "LAB_API_KEY"\n'


def test_without_anything_set():
    settings = merged()
    assert (settings.record_mode, settings.stop_on) == (RecordMode.NONE, ("goodbye", "loop"))
    assert (settings.default_model, settings.models, settings.providers) == (
        "local:smollm2-135m-instruct",
        {},
        {},
    )


@pytest.mark.parametrize("text", ["", "[project]\nname = 'x'\n", "[tool.other]\n"])
def test_pyproject_without_our_table_sets_nothing(pyproject, text):
    assert merged(pyproject(text)) == merged()


def test_missing_pyproject_sets_nothing(tmp_path):
    assert merged(tmp_path / "pyproject.toml") == merged()


def test_our_table_is_read(pyproject):
    settings = merged(
        pyproject('[tool.duolog]\ndefault_model = "lab:small"\nmodels = {agent = "lab:big:1"}\n' + LAB)
    )
    assert (settings.default_model, settings.models) == ("lab:small", {"agent": "lab:big:1"})
    assert settings.providers == {
        "lab": Provider("https://llm.example.org/v1", api_key_env="LAB_API_KEY", needs_key=True)
    }


def test_provider_without_a_key_needs_none(pyproject):
    table = '[tool.duolog.providers.lab]\nbase_url = "http://gpu:8000/v1"\nbase_url_env = "LAB_URL"\n'
    assert merged(pyproject(table)).providers == {
        "lab": Provider("http://gpu:8000/v1", base_url_env="LAB_URL")
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[tool.duolog", "cannot be read: *declaration*"),
        (
            "[tool.duolog]\nmodles = {}\n",
            "[tool.duolog]: modles: unknown key; did you mean 'models'? (known: *requests, variants)",
        ),
        (
            "[tool.duolog.variants.v]\nmodel = 'openai:m'\ntemprature = 0.2\n",
            "[tool.duolog]: variants.v.temprature: unknown key; did you mean 'temperature'? (known: *top_p)",
        ),
        (
            "[tool.duolog.requests]\ntimeout = 60\n",
            "[tool.duolog]: requests.timeout: unknown key; *'timeout_s'*",
        ),
        ("[tool]\nduolog = 3\n", "[tool.duolog]: Input should be a valid dictionary*"),
        ("tool = 3\n", "[tool.duolog]: *"),
        ("[tool.duolog.models]\nagent = 3\n", "[tool.duolog]: models.agent: Input should be a valid string"),
        ("[tool.duolog.providers.lab]\n", "[tool.duolog]: providers.lab.base_url: Field required"),
    ],
)
def test_wrong_table_is_named_with_its_file(pyproject, text, problem):
    path = pyproject(text)
    with pytest.raises(ConfigurationError) as caught:
        merged(path)
    head, star, tail = problem.partition("*")
    said = str(caught.value).removeprefix(f"{path}").lstrip(", ")
    assert said.startswith(head)
    assert star or said == head
    assert tail.rstrip("*") in said


@pytest.mark.parametrize("name", ["pytest-duolog", "pytest_duolog", "Duolog"])
def test_table_under_another_name_is_refused(pyproject, name):
    path = pyproject(f'[tool.{name}]\ndefault_model = "openai:m"\n')
    with pytest.raises(
        ConfigurationError, match=rf"\[tool\.{name}\] is not read; call the table \[tool\.duolog\]$"
    ):
        merged(path)


def test_binary_pyproject_is_named(tmp_path):
    path = tmp_path / "pyproject.toml"
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match=r"pyproject\.toml cannot be read"):
        read_project_table(path)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (
            LAB.replace("https", "ftp"),
            r"\[tool.duolog.providers.lab\]: base_url 'ftp://.*' does not start with http",
        ),
        (
            LAB + 'protocol = "smtp"\n',
            r"\[tool.duolog.providers.lab\]: unknown protocol 'smtp' \(known: .*openai.*\)",
        ),
        (LAB.replace(".lab", ".local"), r"\[tool.duolog.providers.local\]: the name is reserved"),
        (LAB.replace(".lab", ".scripted"), r"\[tool.duolog.providers.scripted\]: the name is reserved"),
        (
            LAB.replace(".lab", ".Lab"),
            r"\[tool.duolog.providers.Lab\]: a name may have only lower-case letters, digits, - and _",
        ),
        (
            LAB.replace(".lab", '."my lab"'),
            r"\[tool.duolog.providers.my lab\]: a name may have only lower-case letters",
        ),
        (
            LAB.replace(".lab", '."a:b"'),
            r"\[tool.duolog.providers.a:b\]: a name may have only lower-case letters",
        ),
        ('[tool.duolog.models]\nagent = "opnai:x"\n', "model 'opnai:x': unknown provider 'opnai'"),
        ('[tool.duolog]\ndefault_model = "x"\n', "model 'x' is not 'provider:model'"),
    ],
)
def test_wrong_value_is_named_with_what_is_accepted(pyproject, table, problem):
    with pytest.raises(ConfigurationError, match=problem):
        merged(pyproject(table))


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("[tool.duolog.models]\n' a' = 'openai:x'\n", "a role is 1 to 80 printable characters"),
        ("[tool.duolog.models]\n'' = 'openai:x'\n", "a role is 1 to 80 printable characters"),
        ("[tool.duolog.requests]\ntries = true\n", "requests.tries: is a number, not a truth value"),
        ("[tool.duolog.requests]\ntimeout_s = true\n", "requests.timeout_s: is a number, not a truth value"),
        ("[tool.duolog.requests]\ntimeout_s = inf\n", "requests.timeout_s: Input should be a finite number"),
        ("[tool.duolog.limits.openai]\nconcurrency = true\n", "concurrency: is a number, not a truth value"),
        ("[tool.duolog.limits.openai]\nrequests_per_minute = inf\n", "should be a finite number"),
        ("[tool.duolog.limits.openai]\n", "limits.openai: the table has no effect: give concurrency or"),
        (LAB + 'base_url_env = ""\n', "base_url_env: not the name of an environment variable"),
        (LAB + 'key_header = "x y"\n', "key_header: headers: 'x y' cannot be the name of a header"),
        (LAB + 'headers = {"a b" = "x"}\n', "headers: 'a b' cannot be the name of a header"),
        (LAB + 'headers = {a = "x\\ny"}\n', "headers: the value of a must be a text on one line"),
        (LAB + 'headers = {a = "${MY-KEY}"}\n', "headers: the value of a has '${' that does not begin"),
        (LAB + 'protocol = ""\n', "unknown protocol '' (known: "),
        (LAB + 'reply = "text"\n', "reply has no effect: it is for protocol 'http', not 'openai'"),
        (LAB + 'session = "id"\n', "session has no effect: it is for protocol 'http', not 'openai'"),
        (LAB + 'protocol = "http"\nrequest = {q = "hello"}\n', "it has neither {message} nor {messages}"),
    ],
)
def test_value_that_cannot_be_meant_is_refused(pyproject, table, problem):
    with pytest.raises(ConfigurationError) as caught:
        merged(pyproject(table))
    assert problem in str(caught.value)
    assert "tool.duolog" in str(caught.value)


def test_key_in_the_place_of_its_variable_is_refused_and_not_shown(pyproject):
    with pytest.raises(
        ConfigurationError, match="api_key_env: not the name of an environment variable"
    ) as caught:
        merged(pyproject(LAB.replace("LAB_API_KEY", "sk-4f9a7c21e8b3")))
    assert "4f9a7c21e8b3" not in str(caught.value)


@pytest.mark.parametrize("mode", list(RecordMode))
def test_record_modes(mode):
    assert merged(record_mode=mode.value).record_mode is mode


def test_unknown_record_mode_is_refused_with_the_known_ones():
    with pytest.raises(ConfigurationError) as caught:
        merged(record_mode="sometimes")
    assert str(caught.value) == (
        "--record-mode or duolog_record_mode: unknown value 'sometimes' "
        "(accepted: none, once, new_episodes, all, rewrite)"
    )


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["goodbye", "loop"], ("goodbye", "loop")),
        (["loop", "goodbye"], ("goodbye", "loop")),
        (["loop"], ("loop",)),
        (["nothing"], ()),
        ([], ()),
    ],
)
def test_what_stops_a_dialogue(names, expected):
    assert merged(stop_on=names).stop_on == expected


@pytest.mark.parametrize("names", [["boredom"], ["loop", "nothing"]])
def test_unknown_or_contradictory_reasons_are_refused(names):
    with pytest.raises(ConfigurationError, match=r"duolog_stop_on: .* \(accepted: goodbye, loop, nothing\)"):
        merged(stop_on=names)


# Models: command line over a speaker's own, over ini, over the role table, over the default.


def test_models_of_ini_go_before_the_table(pyproject):
    table = pyproject('[tool.duolog.models]\nagent = "openai:one"\nuser = "openai:two"\n')
    assert merged(table, model_ini=["agent=ollama:x"]).models == {"agent": "ollama:x", "user": "openai:two"}


@pytest.mark.parametrize(
    ("pair", "problem"),
    [
        ("agent", "--duolog-model: 'agent' is not ROLE=provider:model"),
        ("=openai:x", "--duolog-model: '=openai:x' is not ROLE=provider:model"),
        ("agent=", "--duolog-model: 'agent=' is not ROLE=provider:model"),
        ("agent=gpt", "--duolog-model: 'agent=gpt' is not ROLE=provider:model"),
        ("agent=opnai:x", "model 'opnai:x': unknown provider 'opnai'"),
    ],
)
def test_wrong_model_option_is_refused(pair, problem):
    with pytest.raises(ConfigurationError, match=problem):
        merged(model_options=[pair])


def test_model_ids_may_hold_an_equals_sign():
    assert merged(model_options=[" agent = openai:x=y "]).overrides == {"agent": "openai:x=y"}


@pytest.mark.parametrize(
    ("speaker", "expected"),
    [
        (Speaker("Ben"), "openai:default"),
        (Speaker("Ben", model="openai:own"), "openai:own"),
        (Speaker("Ben", role="agent"), "openai:table"),
        (Speaker("Ben", role="agent", model="openai:own"), "openai:own"),
        (Speaker("agent"), "openai:table"),
        (Speaker("Ben", role="tested", model="openai:own"), "openai:option"),
        (Speaker("tested", model="openai:own"), "openai:option"),
        (Speaker("tested", role="agent"), "openai:table"),
    ],
)
def test_nearest_model_wins(speaker, expected):
    settings = Settings(
        overrides={"tested": "openai:option"},
        models={"agent": "openai:table"},
        default_model="openai:default",
    )
    assert settings.cast(Scenario(b=speaker)).b.model == expected


def test_role_without_a_model_is_named_with_the_ways_to_give_it_one():
    with pytest.raises(ConfigurationError) as caught:
        Settings(models={"user": "openai:x"}).cast(Scenario(a=Speaker("Ann", role="agent")))
    assert str(caught.value) == (
        "role 'agent' has no model: give it one in [tool.duolog.models] or with "
        "--duolog-model agent=provider:model (roles with a model: user)"
    )


def test_cast_refuses_an_unknown_provider():
    with pytest.raises(ConfigurationError, match="unknown provider 'opnai'"):
        Settings().cast(Scenario(a=Speaker("Ann", model="opnai:x")))


def test_what_a_scenario_says_of_stopping_goes_before_the_settings():
    settings = Settings(stop_on=("loop",))
    assert settings.cast(Scenario()).stop_on == ("loop",)
    assert settings.cast(Scenario(stop_on=())).stop_on == ()


def test_roles_are_roles_or_names():
    assert roles_of(Scenario(a=Speaker("Ann", role="agent"), b=Speaker("Ben"))) == {"agent", "Ben"}


# What is refused in options and ini keys


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"samples": "1001"}, "duolog_samples: 1001 are too many (at most 1000)"),
        ({"collect": "1001"}, "duolog_collect: 1001 are too many (at most 1000)"),
        ({"rounds": "99999"}, "duolog_rounds: 99999 are too many (at most 1000)"),
        ({"samples": "2.0"}, "duolog_samples: '2.0' is not a whole number above 0"),
        ({"concurrency": "-1"}, "duolog_concurrency: '-1' is not a whole number above 0"),
        ({"margin": "10"}, "duolog_margin: margin 10 is not inside (0, 1)"),
        ({"margin": "nan"}, "duolog_margin: 'nan' is not a number"),
        ({"inconclusive": "0"}, "duolog_inconclusive: '0' is not known"),
        ({"edited_cassettes": "Fail"}, "duolog_edited_cassettes: unknown value 'Fail'"),
        ({"budget": ","}, "--duolog-budget: '' is not a limit: no limit has the name ''"),
        ({"budget": "tokens=1,"}, "--duolog-budget: '' is not a limit"),
        (
            {"budget": "dialogues=1.5"},
            "--duolog-budget: 'dialogues=1.5' is not a limit: '1.5' is not a whole",
        ),
        (
            {"budget": "tokens=1,tokens=2"},
            "--duolog-budget: 'tokens=2' is not a limit: tokens is given twice",
        ),
        ({"budget": "cost=inf"}, "--duolog-budget: 'cost=inf' is not a limit: 'inf' is not a number above 0"),
        (
            {"model_options": ["a=openai:x", "a=openai:y"]},
            "--duolog-model: 'a' is given twice (openai:x, openai:y); leave one out",
        ),
        (
            {"model_ini": ["a=openai:x", "a = openai:y"]},
            "duolog_model: 'a' is given twice (openai:x, openai:y); leave one out",
        ),
        (
            {"candidate_options": ["a=openai:x", "a=openai:y"]},
            "--duolog-candidate: 'a' is given twice (openai:x, openai:y); test one candidate at a time",
        ),
    ],
)
def test_wrong_values_are_named_with_their_place(given, problem):
    with pytest.raises(ConfigurationError) as caught:
        shared(**given)
    assert str(caught.value).startswith(problem)


def test_the_same_value_twice_is_one():
    assert merged(model_options=["a=openai:x", "a=openai:x"]).overrides == {"a": "openai:x"}


# Processes that share a budget and limits: workers of pytest-xdist, in each of several shards.


def shared(pyproject=None, **given) -> Settings:
    usual = {"record_mode": "none", "model_options": (), "model_ini": (), "stop_on": ()}
    return Settings.merge(**(usual | given), pyproject=pyproject)


def test_shards_and_their_workers_share_a_budget():
    parts = [
        shared(shard=f"{number}/3", n_workers=2, worker=worker, budget="dialogues=8,tokens=600").budget
        for number in (1, 2, 3)
        for worker in (0, 1)
    ]
    assert [part["dialogues"] for part in parts] == [2, 2, 1, 1, 1, 1]
    assert [part["tokens"] for part in parts] == [100] * 6


def test_shards_share_the_limits_of_a_provider(pyproject):
    table = pyproject("[tool.duolog.limits.openai]\nrequests_per_minute = 60\nconcurrency = 6\n")
    limit = shared(table, shard="2/3").limits["openai"]
    assert (limit.requests_per_minute, limit.concurrency) == (20, 2)


@pytest.mark.parametrize(("given", "expected"), [(None, "None"), ("2/3", "2/3")])
def test_shard(given, expected):
    assert str(shared(shard=given).shard) == expected
