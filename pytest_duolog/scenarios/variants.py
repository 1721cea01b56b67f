"""Variants: models with settings or instructions of their own, used as `variant:NAME` instead of a model's name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.scenarios.speaker import Knobs, ModelName, Speaker, Utf8Text

PROVIDER = "variant"


def _plain_model(name: str) -> str:
    model = ModelName.parse(name)
    if model.provider == PROVIDER:
        raise ValueError(f"{name!r} is itself a variant; name a model")
    return str(model)


class Variant(Knobs):
    """One `[tool.duolog.variants.NAME]` table; its values replace those of the speaker.

    It has no seed: each sample has its own, which both samples of a pair share.
    """

    model: Annotated[str, AfterValidator(_plain_model)]
    system: Utf8Text | None = None

    def sets(self, name: str) -> bool:
        """Whether this variant replaces a value of the speaker; `extra` is merged with the speaker's instead."""
        return name in self.set_knobs() or (name == "system" and self.system is not None)

    def played_by(self, speaker: Speaker, name: str) -> Speaker:
        """The speaker with the model, settings and instructions of this variant.

        Raises ConfigurationError for a persona if this variant has instructions.
        """
        if self.system is not None and "system" in speaker.derived:
            raise ConfigurationError(
                f"{name} sets system, but {speaker.name} is a Persona, whose prompt is made from its goal: use a "
                "variant without system"
            )
        system = {} if self.system is None else {"system": self.system}
        extra = {"extra": {**speaker.extra, **self.extra}}
        changes: dict[str, Any] = {**self.set_knobs(), **system, **extra, "model": self.model, "label": name}
        return speaker.model_copy(update=changes)


def variant_of(model: str, variants: Mapping[str, Variant]) -> Variant | None:
    """The variant with this name; None if it is the name of a plain model.

    Raises ConfigurationError for an unknown variant.
    """
    provider, name = ModelName.parse(model)
    if provider != PROVIDER:
        return None
    if name not in variants:
        known = ", ".join(sorted(variants)) or "none"
        raise ConfigurationError(f"model {model!r}: no [tool.duolog.variants.{name}] (there are: {known})")
    return variants[name]


def check_names(variants: Mapping[str, Variant]) -> None:
    """Raises ConfigurationError for a name that cannot be used in `variant:NAME`, or a variant with a seed."""
    for name, variant in variants.items():
        if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", name):
            raise ConfigurationError(
                f"[tool.duolog.variants.{name}]: a name may have only lower-case letters, digits, "
                "`.`, `-` and `_`"
            )
        if variant.seed is not None:
            raise ConfigurationError(
                f"[tool.duolog.variants.{name}]: seed: a variant has none, because every sample has "
                "its own; give it to the speaker"
            )
