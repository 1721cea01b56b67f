"""Variants: a model with settings or instructions of its own, under a name that may stand wherever a model's does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.scenarios.scenario import Knobs, ModelName, Speaker, Utf8Text

PROVIDER = "variant"


def _plain_model(name: str) -> str:
    model = ModelName.parse(name)
    if model.provider == PROVIDER:
        raise ValueError(f"{name!r} is a variant itself; name the model that speaks in the end")
    return str(model)


class Variant(Knobs):
    """One `[tool.duolog.variants.NAME]` table; what it sets beats what the speaker sets.

    It has no seed: that is counted on with the samples, and pairs share it.
    """

    model: Annotated[str, AfterValidator(_plain_model)]
    system: Utf8Text | None = None

    def sets(self, name: str) -> bool:
        """Whether a value of the speaker's gives way to one of this variant; `extra` is joined with its own."""
        return name in self.set_knobs() or (name == "system" and self.system is not None)

    def played_by(self, speaker: Speaker, name: str) -> Speaker:
        """The speaker with the model, settings and instructions of this variant."""
        system = {} if self.system is None else {"system": self.system}
        extra = {"extra": {**speaker.extra, **self.extra}}
        changes: dict[str, Any] = {**self.set_knobs(), **system, **extra, "model": self.model, "label": name}
        return speaker.model_copy(update=changes)


def variant_of(model: str, variants: Mapping[str, Variant]) -> Variant | None:
    """The variant that a model's name stands for; None if it is a plain one.

    Raises ConfigurationError for a variant that is not there.
    """
    provider, name = ModelName.parse(model)
    if provider != PROVIDER:
        return None
    if name not in variants:
        known = ", ".join(sorted(variants)) or "none"
        raise ConfigurationError(f"model {model!r}: no [tool.duolog.variants.{name}] (there are: {known})")
    return variants[name]


def check_names(variants: Mapping[str, Variant]) -> None:
    """Raises ConfigurationError for a name that could not stand in `variant:NAME`, or a variant with a seed."""
    for name, variant in variants.items():
        if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", name):
            raise ConfigurationError(
                f"[tool.duolog.variants.{name}]: a name has lower-case letters, digits, ., - and _ only"
            )
        if variant.seed is not None:
            raise ConfigurationError(
                f"[tool.duolog.variants.{name}]: seed: every sample has its own; give it to the speaker"
            )
