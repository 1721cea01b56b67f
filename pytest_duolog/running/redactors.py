"""The redactors of a run: they know the secrets of the environment as it is now, and those of speakers' headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_duolog.endpoints.registry import all_providers
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.recording.secret_names import EnvironmentRules
from pytest_duolog.recording.secret_parts import KnownSecrets
from pytest_duolog.scenarios.scenario import SIDES, Scenario
from pytest_duolog.settings import Settings

# pytest writes the running test and its phase into this variable.
CURRENT_TEST = "PYTEST_CURRENT_TEST"


class Redactors:
    """Makes redactors, and keeps them until the environment changes."""

    def __init__(self, environ: Mapping[str, str], variables: Sequence[str], rules: EnvironmentRules) -> None:
        """`variables` are names that have secrets in addition to those that look like it, by the `rules`."""
        self._environ = environ
        self._variables = variables
        self._rules = rules
        self._secrets = KnownSecrets()
        self._made: dict[Any, Redactor] = {}
        self._made_in: Mapping[Any, Any] = {}

    @property
    def current(self) -> Redactor:
        """A redactor with the current secrets of the environment, which tests and fixtures can change."""
        return self._with((), {})

    def of(self, scenario: Scenario) -> Redactor:
        """A redactor that also has the secrets in the speakers' own headers."""
        models = [scenario.speaker(side).model for side in SIDES]
        variables = [name for model in models for name in getattr(model, "secret_variables", ())]
        headers = [pair for model in models for pair in getattr(model, "headers", {}).items()]
        return self._with(tuple(variables), dict(headers)) if variables or headers else self.current

    def _with(self, variables: tuple[str, ...], headers: Mapping[str, str]) -> Redactor:
        environ = _known(self._environ)
        if environ != self._made_in:
            self._made_in = environ
            self._made.clear()
        wanted = (variables, tuple(headers.items()))
        if wanted not in self._made:
            self._made[wanted] = Redactor(
                dict(self._environ),
                [*self._variables, *variables],
                rules=self._rules,
                headers=headers,
                known=self._secrets,
            )
        return self._made[wanted]


def run_redactors(settings: Settings, environ: Mapping[str, str]) -> Redactors:
    """The redactors of a run with these settings."""
    known = all_providers(settings.providers)
    variables = [name for provider in known.values() for name in provider.secret_variables]
    return Redactors(environ, variables, settings.secrets)


def _known(environ: Mapping[str, str]) -> dict[Any, Any]:
    """What tells one environment from another: all of it, but for the name of the test that runs."""
    # Python decodes each variable whenever it is looked at; what is compared may stay as it is kept.
    known = dict(getattr(environ, "_data", environ))
    for name in (CURRENT_TEST, CURRENT_TEST.encode()):
        known.pop(name, None)
    return known
