"""What of a dialogue can go to a worker: no code of tests, and no key."""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

from pytest_duolog.display import listed
from pytest_duolog.endpoints import registry
from pytest_duolog.endpoints.http_target import HttpTarget
from pytest_duolog.endpoints.providers import Provider
from pytest_duolog.endpoints.scripted import Script
from pytest_duolog.errors import ConfigurationError, told
from pytest_duolog.recording.addresses import without_secrets
from pytest_duolog.recording.cassette import Cassette
from pytest_duolog.recording.secret_names import secrets_in_headers
from pytest_duolog.running.executors.job import Needs
from pytest_duolog.scenarios.scenario import SIDES, Scenario
from pytest_duolog.scenarios.speaker import Model, ModelName, Speaker, Target
from pytest_duolog.scenarios.steps import Check
from pytest_duolog.settings import Settings

KEY_ADVICE = (
    "may hold a key, which is never sent: write ${NAME} in a header instead, a variable of the workers"
)
# What every worker has: this package, and what its own values are made of.
PACKAGES_OF_WORKERS = frozenset({"pytest_duolog", "pydantic", "pydantic_core", *sys.stdlib_module_names})


def models_of(scenario: Scenario) -> Iterator[Model]:
    """The models of both speakers."""
    for side in SIDES:
        if (model := scenario.speaker(side).model) is not None:
            yield model


def without_checks(scenario: Scenario) -> Scenario:
    """The scenario without what its checks look for, which may be functions of tests: they are judged here."""
    if not scenario.steps:
        return scenario
    steps = tuple(Check(None) if isinstance(step, Check) else step for step in scenario.steps)
    return scenario.model_copy(update={"steps": steps})


def why_not_sent(scenario: Scenario, settings: Settings) -> str:
    """Why a dialogue, with its models, cannot run in a worker; empty if it can."""
    reasons = (_why_not_asked(scenario.speaker(side), settings) for side in SIDES)
    return next(filter(None, reasons), "") or _foreign_part(without_checks(scenario))


def _why_not_asked(speaker: Speaker, settings: Settings) -> str:
    """Why a worker cannot ask for the messages of a speaker; empty if it can."""
    model = speaker.model
    if speaker.tools:
        return f"{speaker.name} has tools, which are functions of your tests"
    if isinstance(model, str):
        name = ModelName.parse(model).provider
        if registry.is_published(model, settings.providers):
            return f"{model} has a protocol of another package"
        is_keyed = name in settings.providers and holds_key(settings.providers[name])
        return f"[tool.duolog.providers.{name}] {KEY_ADVICE}" if is_keyed else ""
    if isinstance(model, Target):
        if model.is_local:
            return f"{speaker.name} is an application in this process"
        is_keyed = isinstance(model, HttpTarget) and holds_key(model)
        return f"the address or a header of {speaker.name} {KEY_ADVICE}" if is_keyed else ""
    return "" if isinstance(model, Script) else f"{speaker.name} is a function or object of your tests"


def holds_key(asked: Provider | HttpTarget) -> bool:
    """Whether what is written of an address or in headers is a key itself, not the name of its variable."""
    url = urlsplit(asked.base_url if isinstance(asked, Provider) else asked.url)
    shown = urlsplit(without_secrets(url.geturl(), lambda text: text, {}))
    is_in_address = url.netloc != shown.netloc or parse_qsl(url.query) != parse_qsl(shown.query)
    return is_in_address or any(secrets_in_headers(asked.headers))


class _Classes(pickle.Unpickler):
    """Finds what a pickled value needs where it is read."""

    def __init__(self, pickled: bytes) -> None:
        super().__init__(io.BytesIO(pickled))
        self.foreign: list[str] = []

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] not in PACKAGES_OF_WORKERS:
            self.foreign.append(f"{module}.{name}")
        return super().find_class(module, name)


def _foreign_part(scenario: Scenario) -> str:
    """What of a scenario a worker cannot read, for it has not your tests; empty if that is nothing."""
    try:
        classes = _Classes(pickle.dumps(scenario))
        classes.load()
    except Exception as error:  # noqa: BLE001  # whatever the objects of a user raise
        return f"it holds what cannot be sent ({told(error)})"
    return f"it holds {listed(classes.foreign)} of your code" if classes.foreign else ""


def needs_of(models: Iterable[Model], settings: Settings) -> Needs:
    """What a worker needs to ask these models."""
    keys: set[str] = set()
    addresses: set[str] = set()
    weights: set[str] = set()
    for model in models:
        if isinstance(model, Target):
            keys.update(getattr(model, "secret_variables", ()))
        elif isinstance(model, str):
            name, model_id = ModelName.parse(model)
            if name == "local":
                weights.add(model_id)
            elif name not in (*registry.ADDRESSES, "scripted"):
                provider = registry.provider_named(name, settings.providers)
                keys.update(provider.secret_variables)
                addresses.update(filter(None, [provider.base_url_env]))
    return Needs(tuple(sorted(keys)), tuple(sorted(addresses)), tuple(sorted(weights)), uuid4().hex)


def has_secret(scenario: Scenario, cassette: Cassette) -> bool:
    """Whether what is asked for holds a key, which must not be sent to a worker."""
    said: Mapping[str, Any] = scenario.model_dump(
        mode="json", exclude={"a": {"model", "tools"}, "b": {"model", "tools"}, "steps": True}
    )
    others = [model.lines if isinstance(model, Script) else model for model in models_of(scenario)]
    texts = [repr(one) for one in (*others, scenario.steps)]
    return bool(
        cassette.redactor.json(said) != said or any(cassette.redactor.text(text) != text for text in texts)
    )


def refused(reasons: Mapping[str, str], *, how: str = "") -> ConfigurationError:
    """The error for dialogues that cannot be sent, by what they are called; `how` says how they are run alone."""
    named = listed([f"{name} ({why})" for name, why in reasons.items()])
    return ConfigurationError(
        f"executor: no worker can run {named}. Run them without an executor, in a call of their own{how}"
    )
