"""A speaker: its model, instructions and knobs, and what counts as a model."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, Protocol, Self, runtime_checkable

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from pytest_duolog.display import shorten
from pytest_duolog.errors import ConfigurationError, Mistake
from pytest_duolog.scenarios.mcp import McpServer
from pytest_duolog.scenarios.mistakes import mistakes_in, unknown_argument
from pytest_duolog.scenarios.names import checked_label, checked_name, checked_role
from pytest_duolog.scenarios.tools import DEFAULT_TOOL_ROUNDS, Tool, tools_of

if TYPE_CHECKING:
    from pytest_duolog.transcripts.parts import Part

DEFAULT_MODEL = "local:smollm2-135m-instruct"

# What makes a speaker a persona, see `personas.py`.
PERSONA_FIELDS = ("goal", "facts", "secrets", "style", "gives_up_after", "language", "wording")

# Fields of a request that the dialogue itself sets.
OWN_FIELDS = ("model", "messages", "stream")


class ModelName(NamedTuple):
    """`provider:model`, split at the first colon: model ids may contain `/`, `:` and `@`."""

    provider: str
    model: str

    @classmethod
    @lru_cache(maxsize=256)  # a suite names few models, and each in every test
    def parse(cls, text: str) -> Self:
        """Parse `provider:model`. Raises ConfigurationError if the provider or the model is missing."""
        provider, colon, model = text.partition(":")
        if not (provider.strip() and colon and model.strip()):
            raise ConfigurationError(
                f"model {shorten(text)} is not 'provider:model', for example {DEFAULT_MODEL!r} or "
                "'openai:gpt-5-mini'"
            )
        return cls(provider.strip(), model.strip())

    def __str__(self) -> str:
        return f"{self.provider}:{self.model}"


def encodable(text: str) -> str:
    """The text; raises ValueError if UTF-8 cannot encode it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"contains a character that is not text: {text[error.start]!r}") from None
    return text


def _number(given: Any) -> Any:
    if isinstance(given, bool):
        raise ValueError("is a number, not a truth value")  # noqa: TRY004  # pydantic passes a TypeError on
    return given


Whole = Annotated[int, BeforeValidator(_number)]

Real = Annotated[float, BeforeValidator(_number)]

Utf8Text = Annotated[str, AfterValidator(encodable)]

Phrase = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(encodable)]


class Knobs(BaseModel):
    """Settings of a model. A setting that is None is not sent, and the provider's default applies.

    `extra` has further fields of the request body under the provider's names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    temperature: Real | None = Field(default=None, ge=0)
    top_p: Real | None = Field(default=None, gt=0, le=1)
    max_tokens: Whole | None = Field(default=None, ge=1)
    seed: Whole | None = None
    extra: dict[str, Any] = Field(default_factory=dict)

    @field_validator("extra")
    @classmethod
    def _extra_is_json(cls, extra: dict[str, Any]) -> dict[str, Any]:
        taken = [name for name in extra if name in {*OWN_FIELDS, *Knobs.model_fields}]
        if taken:
            raise ValueError(f"{taken[0]!r} is not an extra field: the dialogue sets it")
        try:
            return dict(json.loads(json.dumps(extra, allow_nan=False)))
        except (TypeError, ValueError) as error:
            raise ValueError(f"must be JSON: {error}") from None

    def set_knobs(self) -> dict[str, Any]:
        """The settings that were set, by name, without `extra`."""
        names = (name for name in Knobs.model_fields if name != "extra")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


@runtime_checkable
class Target(Protocol):
    """A model that is not a name or a function: it opens its own endpoint for each dialogue."""

    @property
    def label(self) -> str:
        """Its name in transcripts and in names of recordings."""

    @property
    def is_local(self) -> bool:
        """Whether it runs in this process, and may make HTTP requests of its own."""

    def open_endpoint(self, client: Any) -> Any:
        """An endpoint; requests that it sends through `client` are recorded."""


Model = str | Target | Callable[..., Any]


class Speaker(Knobs):
    """One side: its name, its model, its instructions.

    `model` is `provider:model`, an `HttpTarget`, or any callable (sync or async) from a list of `{"role", "content"}`
    to the reply's text. `role` is the speaker's name in the role table and in `--duolog-model`; if it is None, `name`
    is used. `label` replaces the model's name in transcripts, reports and names of recordings. `tools` are functions,
    Tools or McpServers, which the model may call while it writes a message, in at most `tool_rounds` rounds; a callable
    has its own.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    # Values that follow from others and are not set.
    derived: ClassVar[Collection[str]] = ()

    name: Annotated[str, AfterValidator(checked_name)] = ""
    model: Model | None = None
    system: Utf8Text | None = None
    role: Annotated[str, AfterValidator(checked_role)] | None = None
    label: Annotated[str, AfterValidator(checked_label)] | None = None
    tools: Annotated[tuple[Tool | McpServer, ...], BeforeValidator(tools_of)] = ()
    tool_rounds: Whole = Field(default=DEFAULT_TOOL_ROUNDS, ge=1, le=1000)

    def __init__(self, name: str = "", /, **fields: Any) -> None:
        """Raises ConfigurationError that names every wrong argument, its value and the accepted values."""
        known = [name for name in type(self).model_fields if name not in self.derived]
        wrong = [self._unknown(field, known) for field in fields if field not in known]
        given = {field: value for field, value in fields.items() if field in known}
        try:
            super().__init__(**({"name": name} if name else {}), **given)
        except ValidationError as error:
            wrong += [mistake for problem in error.errors() for mistake in mistakes_in(problem)]
        if wrong:
            raise ConfigurationError(mistakes=wrong)

    @field_validator("model", mode="before")
    @classmethod
    def _model_is_one(cls, model: Any) -> Any:
        is_one = isinstance(model, str | Target | None) or callable(model)
        if not is_one or isinstance(model, type):
            raise ValueError("a model is 'provider:model', an HttpTarget, or a function or object to call")
        return model

    @field_validator("model")
    @classmethod
    def _model_has_provider(cls, model: Model | None) -> Model | None:
        return str(ModelName.parse(model)) if isinstance(model, str) else model

    @model_validator(mode="after")
    def _tools_have_an_effect(self) -> Self:
        if not self.tools:
            if "tool_rounds" in self.model_fields_set:
                raise ValueError("tool_rounds has no effect without tools")
            return self
        if self.model is not None and not isinstance(self.model, str):
            raise ValueError(
                f"tools have no effect on {self.model_label}: code of your own calls its own tools; "
                "remove tools=, or name a model as 'provider:model'"
            )
        if "tools" in self.extra:
            raise ValueError("extra has 'tools', too; write them in tools= only")
        return self

    @property
    def known_tools(self) -> tuple[Tool, ...]:
        """The tools without those of MCP servers, which are known when the dialogue begins."""
        return tuple(tool for tool in self.tools if isinstance(tool, Tool))

    @staticmethod
    def _unknown(name: str, known: list[str]) -> Mistake:
        if name in PERSONA_FIELDS:
            return Mistake((name,), f"{name}: only a Persona has one, for example Persona('Ann', goal='...')")
        return unknown_argument(name, known)

    @property
    def part(self) -> Part | None:
        """The part that a persona plays; None for any other speaker."""
        return None

    @property
    def instructions(self) -> str | None:
        """The system prompt, or the part that it is made from: equal as long as the user changes nothing."""
        return self.system

    def worded(self, _number: int | None) -> Speaker:
        """The speaker with its prompt in a wording, None for the newest; only a persona's prompt has wordings."""
        return self

    @property
    def model_label(self) -> str:
        """The model's name in reports; for a callable the name of its function."""
        if self.label is not None:
            return self.label
        if isinstance(self.model, str):
            return self.model
        if self.model is None:
            return DEFAULT_MODEL
        if isinstance(self.model, Target):
            return self.model.label
        target = self.model if hasattr(self.model, "__qualname__") else type(self.model)
        return "callable:" + re.sub(r"[^\w.]", "", target.__qualname__)


def speaker_fields(given: Any) -> dict[str, Any] | None:
    """The fields that were set for a speaker; None if `given` is not a speaker, which pydantic reports."""
    if given is None:
        return {}
    if isinstance(given, Speaker):
        return {name: getattr(given, name) for name in given.model_fields_set if name not in given.derived}
    if isinstance(given, str | Target) or callable(given):
        return {"model": given}
    return dict(given) if isinstance(given, Mapping) else None


def is_persona(fields: Mapping[str, Any]) -> bool:
    """Whether these are the fields of a persona."""
    return not fields.keys().isdisjoint(PERSONA_FIELDS)
