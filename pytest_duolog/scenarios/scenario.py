"""What two speakers are asked to do, and when to stop."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Protocol, Self, runtime_checkable

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from pytest_duolog.display import shorten
from pytest_duolog.errors import ConfigurationError, Mistake
from pytest_duolog.transcripts.perspective import DEFAULT_STUB
from pytest_duolog.transcripts.transcript import DEFAULT_NAMES, Message, Transcript

DEFAULT_MODEL = "local:smollm2-135m-instruct"
DEFAULT_TURNS = 10

Side = Literal["a", "b"]
StopOn = Literal["goodbye", "loop"]
STOP_ON: tuple[StopOn, ...] = ("goodbye", "loop")
SIDES: tuple[Side, Side] = ("a", "b")

# Says to the validators that arguments come from several places, of which the nearer one wins.
MERGED = "merged"

# Fields of a request that follow from the dialogue itself.
OWN_FIELDS = ("model", "messages", "stream")


class ModelName(NamedTuple):
    """`provider:model`, split on the first colon: model ids hold `/`, `:` and `@` themselves."""

    provider: str
    model: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ConfigurationError if there is no provider or no model in `text`."""
        provider, colon, model = text.partition(":")
        if not (provider.strip() and colon and model.strip()):
            raise ConfigurationError(
                f"model {shorten(text)} is not 'provider:model', for example {DEFAULT_MODEL!r} or 'openai:gpt-5-mini'"
            )
        return cls(provider.strip(), model.strip())

    def __str__(self) -> str:
        return f"{self.provider}:{self.model}"


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"holds a character that is not text: {text[error.start]!r}") from None
    return text


def _speaker_name(name: str) -> str:
    if name != name.strip() or not name or len(name) > 60 or ":" in name or not name.isprintable():
        raise ValueError("a name is 1 to 60 printable characters on one line, without ':'")
    return name


def _label(text: str) -> str:
    if text != text.strip() or not 0 < len(text) <= 80 or not text.isprintable():
        raise ValueError("a label is 1 to 80 printable characters on one line")
    return text


Utf8Text = Annotated[str, AfterValidator(_encodable)]
Phrase = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_encodable)]


class Knobs(BaseModel):
    """Settings of a model; one that is None is not sent, so that the provider's own default holds.

    `extra` holds further fields of the request body as the provider names them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    seed: int | None = None
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
            raise ValueError(f"is part of a JSON request: {error}") from None

    def set_knobs(self) -> dict[str, Any]:
        """The knobs that were set, by name, `extra` not among them."""
        names = (name for name in Knobs.model_fields if name != "extra")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


@runtime_checkable
class Target(Protocol):
    """A model that is neither a name nor a function: it opens an endpoint of its own for each dialogue."""

    @property
    def label(self) -> str:
        """What stands for it in transcripts and names of recordings."""

    @property
    def is_local(self) -> bool:
        """Whether it runs in this process, and may make HTTP requests of its own."""

    def open_endpoint(self, client: Any) -> Any:
        """An endpoint; what it sends through `client` is recorded."""


Model = str | Target | Callable[..., Any]


class Speaker(Knobs):
    """One side: its name, its model, its instructions.

    `model` is `provider:model`, an `HttpTarget`, or any callable (sync or async) from a list of
    `{"role", "content"}` to the reply's text. `role` is the name under which the role table and `--duolog-model`
    know this speaker; its own name is used where `role` is None. `label` is what transcripts, reports and names of
    recordings call the model, where that is not its own name.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: Annotated[str, AfterValidator(_speaker_name)] = ""
    model: Model | None = None
    system: Utf8Text | None = None
    role: str | None = None
    label: Annotated[str, AfterValidator(_label)] | None = None

    def __init__(self, name: str = "", /, **fields: Any) -> None:
        """Raises ConfigurationError that names every wrong argument, what came and what is accepted."""
        known = [*type(self).model_fields]
        wrong = [_unknown(field, known) for field in fields if field not in known]
        given = {field: value for field, value in fields.items() if field in known}
        try:
            super().__init__(**({"name": name} if name else {}), **given)
        except ValidationError as error:
            wrong += [mistake for problem in error.errors() for mistake in _mistakes(problem)]
        if wrong:
            raise ConfigurationError(mistakes=wrong)

    @field_validator("model")
    @classmethod
    def _model_has_provider(cls, model: Model | None) -> Model | None:
        return str(ModelName.parse(model)) if isinstance(model, str) else model

    @property
    def model_label(self) -> str:
        """The model as people read it; a callable is named after its function."""
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


class Scenario(BaseModel):
    """What two speakers are asked to do, and when to stop.

    `model`, `system`, `temperature`, `top_p`, `max_tokens` and `seed` given here hold for both speakers
    where a speaker has none of its own. `turns` counts replies from each side after the opener, so the
    dialogue has at most `2 * turns + 1` messages. With `opener=None` the speaker named by `opener_by`
    writes the first message. A reply that contains one of `stop_phrases` (ignoring case, as whole words)
    is the last one. `stop_on` ends a dialogue that said `goodbye` or is in a `loop`, after `grace` more
    messages; an empty one lets it run on, and None leaves it to the settings. `token_budget` ends the dialogue
    once the replies' tokens (thinking included) reach it, `seconds_budget` once the time their models took does,
    `cost_budget` once what their providers charged does, in the providers' currency. `history` are messages, or a
    whole transcript, that were said before: the dialogue goes on after them, without the opener, and they count
    among its messages. `stub` is what a model reads as the other side's first words where its own words open the
    dialogue.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shared_with_speakers: ClassVar = ("model", "system", "temperature", "top_p", "max_tokens", "seed")

    a: Speaker = Field(default_factory=Speaker)
    b: Speaker = Field(default_factory=Speaker)
    opener: Utf8Text | None = "Hello."
    opener_by: Side = "a"
    turns: int = Field(default=DEFAULT_TURNS, ge=1, le=10_000)
    topic: Utf8Text | None = None
    stop_phrases: tuple[Phrase, ...] = ()
    stop_on: tuple[StopOn, ...] | None = None
    grace: int = Field(default=2, ge=0)
    history: tuple[Message, ...] = ()
    token_budget: int | None = Field(default=None, ge=1)
    seconds_budget: float | None = Field(default=None, gt=0)
    cost_budget: float | None = Field(default=None, gt=0)
    stub: Phrase = DEFAULT_STUB

    @model_validator(mode="before")
    @classmethod
    def _complete_speakers(cls, values: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        values = dict(values)
        given = {name: values.pop(name) for name in cls.shared_with_speakers if name in values}
        shared = {name: value for name, value in given.items() if value is not None}
        own = {side: speaker_fields(values.get(side)) for side in SIDES}
        if info.context != MERGED:
            cls._require_taker(shared, [fields or {} for fields in own.values()])
        for side, default_name in zip(SIDES, DEFAULT_NAMES, strict=True):
            fields = own[side]
            if fields is None:
                continue
            values[side] = {"name": default_name} | shared | fields
        return values

    @staticmethod
    def _require_taker(shared: Mapping[str, Any], speakers: Sequence[Mapping[str, Any]]) -> None:
        """Raises ValueError for values for both that neither speaker takes."""
        idle = [name for name in shared if all(name in fields for fields in speakers)]
        if idle:
            given = ", ".join(f"{name}={shared[name]!r:.60}" for name in idle)
            raise ValueError(f"{given} changes nothing: both speakers have their own")

    @field_validator("opener")
    @classmethod
    def _blank_opener_is_none(cls, opener: str | None) -> str | None:
        return opener if opener and opener.strip() else None

    @field_validator("history", mode="before")
    @classmethod
    def _messages_of_a_transcript(cls, given: Any) -> Any:
        return given.messages if isinstance(given, Transcript) else given

    @field_validator("stop_phrases", "stop_on", mode="before")
    @classmethod
    def _one_or_many(cls, given: Any) -> Any:
        return (given,) if isinstance(given, str) else given

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if self.a.name == self.b.name:
            raise ValueError(
                f"both speakers are named {self.a.name!r}; their messages could not be told apart"
            )
        return self

    @model_validator(mode="after")
    def _history_fits(self) -> Self:
        voices = {message.speaker for message in self.history}
        if len(voices) > len(SIDES):
            raise ValueError(f"history: more than two speakers: {', '.join(sorted(voices))}")
        if len(self.history) >= self.max_messages:
            raise ValueError(
                f"history: {len(self.history)} messages leave none of the {self.max_messages} "
                f"that turns={self.turns} allows"
            )
        return self

    def said_before(self) -> list[Message]:
        """The history under the names of today's speakers.

        Speakers of the history are known by their names; strangers are taken in the order in which they first
        spoke, the first one for the side that opens.
        """
        names = {speaker.name: speaker.name for speaker in (self.a, self.b)}
        voices = dict.fromkeys(message.speaker for message in self.history)
        if not voices.keys() <= names.keys():
            today = list(names) if self.opener_by == "a" else list(names)[::-1]
            names = dict(zip(voices, today, strict=False))
        return [message.model_copy(update={"speaker": names[message.speaker]}) for message in self.history]

    @classmethod
    def build(cls, values: Mapping[str, Any], *, beside: Collection[str] = ()) -> Self:
        """A scenario from marker arguments.

        `beside` are arguments that the caller takes itself: the words on an unknown one name them, too. A value for
        both that neither takes is accepted here, for it can come from farther away than theirs (see `ScenarioValues`).
        Raises ConfigurationError that names every wrong argument, what came and what is accepted.
        """
        known = [*cls.model_fields, *cls.shared_with_speakers]
        wrong = [_unknown(name, [*known, *beside]) for name in values if name not in known]
        try:
            scenario = cls.model_validate(
                {name: value for name, value in values.items() if name in known}, context=MERGED
            )
        except ValidationError as error:
            wrong += [mistake for problem in error.errors() for mistake in _mistakes(problem)]
        if wrong:
            raise ConfigurationError(mistakes=wrong)
        return scenario

    @classmethod
    def changed(cls, values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
        """Marker arguments with some changed.

        What is changed for both speakers is no longer each one's own. A mapping for one speaker,
        as in `b={"system": "Be brief."}`, leaves the rest of it as it was.
        """
        shared = [name for name in cls.shared_with_speakers if changes.get(name) is not None]
        together = {**values, **changes}
        for side in SIDES:
            own, given = speaker_fields(values.get(side)), changes.get(side, {})
            is_set = values.get(side) is not None or side in changes
            if own is None or not isinstance(given, Mapping) or not is_set:
                continue
            new = {*shared, *given}
            gone = {*new, "label"} if "model" in new else new  # the label was that of the other model
            together[side] = {name: value for name, value in own.items() if name not in gone} | dict(given)
        return together

    def given(self) -> dict[str, Any]:
        """The values that were set, as marker arguments."""
        return {name: getattr(self, name) for name in self.model_fields_set}

    def for_sample(self, number: int) -> Self:
        """The same with a seed of its own for each sample, counted on from the first one's where there is a seed."""
        seeded: dict[str, Speaker] = {
            side: speaker.model_copy(update={"seed": speaker.seed + number - 1})
            for side in SIDES
            if (speaker := self.speaker(side)).seed is not None
        }
        return self.model_copy(update=seeded) if number > 1 else self

    def speaker(self, side: Side) -> Speaker:
        """The speaker on one side."""
        return self.a if side == "a" else self.b

    @property
    def max_messages(self) -> int:
        """The opener, and `turns` replies from each speaker."""
        return 2 * self.turns + 1


def speaker_fields(given: Any) -> dict[str, Any] | None:
    """The fields that were set for a speaker; None where `given` is not one, which pydantic reports."""
    if given is None:
        return {}
    if isinstance(given, Speaker):
        return {name: getattr(given, name) for name in given.model_fields_set}
    if isinstance(given, str | Target) or callable(given):
        return {"model": given}
    return dict(given) if isinstance(given, Mapping) else None


def _unknown(name: str, known: list[str]) -> Mistake:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    shown = name if name.isidentifier() else shorten(name)
    return Mistake((name,), f"{shown}: unknown argument{hint} (known: {', '.join(sorted(known))})")


def _mistakes(problem: Any) -> list[Mistake]:
    """What pydantic found wrong in one place; of a speaker, what its own arguments are told of."""
    parts = tuple(str(part) for part in problem["loc"] if part not in ("str", "callable"))
    where = ".".join(parts)
    if isinstance(cause := problem.get("ctx", {}).get("error"), ConfigurationError) and where in SIDES:
        return [
            Mistake((*parts, *mistake.where), f"{where}.{mistake.line}") for mistake in cause.mistakes
        ] or [Mistake(parts, f"{where}.{line}") for line in str(cause).splitlines()]
    message = problem["msg"].removeprefix("Value error, ")
    value = "" if problem["type"] == "missing" or not where else f" (got {problem['input']!r:.120})"
    return [Mistake(parts, f"{where}: {message}{value}" if where else message)]
