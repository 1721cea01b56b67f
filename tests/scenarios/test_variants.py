"""Variants: one model under several settings, wherever a model may be named."""

from __future__ import annotations

import pytest

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.scenarios.speaker import Speaker
from pytest_duolog.settings import Settings
from tests.chat_server import ChatServer

HOT = """
[tool.duolog.variants.hot]
model = "openai:m"
temperature = 1.8
system = "Talk nonsense."
extra = { min_p = 0.1 }
"""


def merged(tmp_path, text: str, **options) -> Settings:
    path = tmp_path / "pyproject.toml"
    path.write_text(text, "utf-8")
    given = {"record_mode": "none", "model_options": (), "model_ini": (), "stop_on": (), "pyproject": path}
    return Settings.merge(**{**given, **options})


def test_variant_sets_the_model_and_beats_the_speakers_own_settings(tmp_path):
    ann = Speaker("Ann", model="variant:hot", temperature=0.2, max_tokens=9, seed=4, extra={"top_k": 5})
    cast = merged(tmp_path, HOT).cast(Scenario(a=ann)).a
    assert (cast.model, cast.model_label, cast.system) == ("openai:m", "variant:hot", "Talk nonsense.")
    assert cast.set_knobs() == {"temperature": 1.8, "max_tokens": 9, "seed": 4}
    assert cast.extra == {"top_k": 5, "min_p": 0.1}


@pytest.mark.parametrize(
    "options",
    [{"model_options": ["Ann=variant:hot"]}, {"model_ini": ["Ann=variant:hot"]}],
    ids=["option", "role table"],
)
def test_variant_stands_wherever_a_model_does(tmp_path, options):
    cast = merged(tmp_path, HOT, **options).cast(Scenario(a=Speaker("Ann")))
    assert cast.a.temperature == 1.8
    assert cast.b.temperature is None


def test_another_model_does_not_keep_the_label_of_the_one_it_replaces(tmp_path):
    settings = merged(tmp_path, "", model_options=["Ann=openai:m"])
    scenario = Scenario(
        a=Speaker("Ann", model=repr, label="till"), b=Speaker("Ben", model=repr, label="shop")
    )
    cast = settings.cast(scenario)
    assert (cast.a.model_label, cast.b.model_label) == ("openai:m", "shop")


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (HOT.replace("openai:m", "nobody:m"), r"variants.hot\]: model 'nobody:m': unknown provider"),
        (HOT.replace("openai:m", "variant:cold"), "variants.hot.model: 'variant:cold' is itself a variant"),
        (HOT.replace("openai:m", "m"), "'m' is not 'provider:model'"),
        (HOT.replace("1.8", "-1"), "variants.hot.temperature"),
        (HOT + "colour = 3", "variants.hot.colour"),
        (HOT + "seed = 3", "seed: a variant has none, because every sample has its own"),
        (HOT.replace("variants.hot", "variants.'a b'"), "a name may have only lower-case letters"),
        ('[tool.duolog.models]\nx = "variant:cold"' + HOT, r"x: .*no \[tool.duolog.variants.cold\].*: hot\)"),
        ('[tool.duolog.providers.variant]\nbase_url = "http://x"', "the name is reserved"),
    ],
)
def test_wrong_variant_is_named_before_anything_runs(tmp_path, table, problem):
    with pytest.raises(ConfigurationError, match=problem):
        merged(tmp_path, table)


@pytest.mark.parametrize("label", ["", " x", "two\nlines", "x" * 81])
def test_label_is_one_short_line(label):
    with pytest.raises(ConfigurationError, match="label"):
        Speaker("Ann", label=label)


def test_variant_has_recordings_of_its_own_and_can_be_on_trial(
    pytester: pytest.Pytester, chat_server: ChatServer
):
    chat_server.answer = lambda body: f"right {len(chat_server.requests)} at {body.get('temperature')}"
    pytester.makepyprojecttoml(HOT)
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.dialogue(model="openai:m", turns=1, temperature=0.5)
        @pytest.mark.parametrize("opener", ["one", "two", "three", "four"])
        def test_it(opener, dialogue):
            assert "1.8" not in dialogue.messages[1].content
        """
    )
    options = ("-p", "no:cacheprovider", "--duolog-concurrency=1", "--duolog-candidate=Model B=variant:hot")
    for mode in ("once", "none"):
        result = pytester.runpytest(*options, f"--record-mode={mode}")
        assert result.ret == pytest.ExitCode.TESTS_FAILED
        result.stdout.fnmatch_lines(["BLOCK: *"])
    names = {path.name.split(".")[1] for path in pytester.path.rglob("test_it*.jsonl")}
    assert {name for name in names if "variant" in name} == {"openai-m+variant-hot"}
    assert {body["model"] for body in chat_server.requests} == {"m"}
