"""The values that a dialogue runs with: two speakers, their models and instructions, and when it stops."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.scenarios.mistakes import mistakes_in, unknown_argument
from pytest_duolog.scenarios.speaker import Phrase, Real, Speaker, Utf8Text, Whole, is_persona, speaker_fields
from pytest_duolog.transcripts.perspective import DEFAULT_STUB
from pytest_duolog.transcripts.transcript import DEFAULT_NAMES, Message, Transcript

DEFAULT_TURNS = 10

Side = Literal["a", "b"]
StopOn = Literal["goodbye", "loop"]
STOP_ON: tuple[StopOn, ...] = ("goodbye", "loop")
SIDES: tuple[Side, Side] = ("a", "b")

# The key of a validation context that says that arguments come from several places; the nearer one wins.
MERGED = "merged"


def _steps(given: Any) -> Any:
    if given is None:
        return None
    from pytest_duolog.scenarios.steps import steps_of  # noqa: PLC0415  # most dialogues have no steps

    return steps_of(given)


class Scenario(BaseModel):
    """Two speakers, their models and instructions, and when the dialogue stops.

    `model`, `system`, `temperature`, `top_p`, `max_tokens` and `seed` apply to each speaker that has no value of its
    own. `turns` counts replies from each side after the opener, so the dialogue has at most `2 * turns + 1` messages.
    With `opener=None` the model of `opener_by` writes the first message. A reply that contains one of `stop_phrases`
    (ignoring case, as whole words) is the last one. `stop_on` says what ends the dialogue early (`goodbye`, `loop`),
    after `grace` more messages; an empty one never does, and None uses the settings. The budgets end the dialogue when
    its replies reach them: `token_budget` in tokens (reasoning included), `seconds_budget` in seconds that the models
    took, `cost_budget` in the providers' currency. `history` is a list of messages, or a transcript: the dialogue
    continues after it, without the opener, and its messages count towards the limit. `stub` is the first `user` message
    for a model whose own message opens the dialogue. `steps` are what happens in order (`say`, `reply`, `talk`,
    `check`), in place of `opener` and `turns`; the messages of a history count as the first ones of the steps.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    shared_with_speakers: ClassVar = ("model", "system", "temperature", "top_p", "max_tokens", "seed")

    a: Speaker = Field(default_factory=Speaker)
    b: Speaker = Field(default_factory=Speaker)
    opener: Utf8Text | None = "Hello."
    opener_by: Side = "a"
    turns: Whole = Field(default=DEFAULT_TURNS, ge=1, le=10_000)
    topic: Utf8Text | None = None
    stop_phrases: tuple[Phrase, ...] = ()
    stop_on: tuple[StopOn, ...] | None = None
    grace: Whole = Field(default=2, ge=0)
    history: tuple[Message, ...] = ()
    token_budget: Whole | None = Field(default=None, ge=1)
    seconds_budget: Real | None = Field(default=None, gt=0)
    cost_budget: Real | None = Field(default=None, gt=0)
    stub: Phrase = DEFAULT_STUB
    steps: Annotated[
        tuple[Any, ...] | None,
        BeforeValidator(_steps),
        PlainSerializer(lambda steps: steps and [*map(repr, steps)]),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _complete_speakers(cls, values: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        values = dict(values)
        if values.get("steps") is not None:
            values["opener"] = None  # the first step is the first message
        given = {name: values.pop(name) for name in cls.shared_with_speakers if name in values}
        shared = {name: value for name, value in given.items() if value is not None}
        own = {side: speaker_fields(values.get(side)) for side in SIDES}
        if info.context != MERGED:
            cls._require_taker(shared, [fields or {} for fields in own.values()])
        for side, default_name in zip(SIDES, DEFAULT_NAMES, strict=True):
            fields = own[side]
            is_complete = type(values.get(side)) is Speaker and not shared and "name" in (fields or {})
            if fields is None or is_complete:
                continue
            taken = {
                name: value for name, value in shared.items() if not (name == "system" and is_persona(fields))
            }
            values[side] = {"name": default_name} | taken | fields
        return values

    @staticmethod
    def _require_taker(shared: Mapping[str, Any], speakers: Sequence[Mapping[str, Any]]) -> None:
        """Raises ValueError for values for both that neither speaker uses."""
        taken = [{*fields, *(("system",) if is_persona(fields) else ())} for fields in speakers]
        idle = [name for name in shared if all(name in names for names in taken)]
        if idle:
            given = ", ".join(f"{name}={shared[name]!r:.60}" for name in idle)
            raise ValueError(f"{given} has no effect: both speakers have their own")

    @field_validator("a", "b", mode="before")
    @classmethod
    def _with_its_kind(cls, given: Any) -> Any:
        if not (isinstance(given, Mapping) and is_persona(given)):
            return given
        from pytest_duolog.scenarios.personas import Persona  # noqa: PLC0415  # it is itself a speaker

        return Persona(**given)

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
            raise ValueError(f"both speakers are named {self.a.name!r}; give them different names")
        return self

    @model_validator(mode="after")
    def _history_fits(self) -> Self:
        voices = {message.speaker for message in self.history}
        if len(voices) > len(SIDES):
            raise ValueError(f"history has more than two speakers: {', '.join(sorted(voices))}")
        if len(self.history) >= self.max_messages:
            raise ValueError(
                f"history: {len(self.history)} messages leave none of the {self.max_messages} "
                f"that {'the steps have' if self.steps else f'turns={self.turns} allows'}"
            )
        if self.history and not self.history[-1].content.strip():
            last = self.history[-1]
            raise ValueError(
                f"history: message {len(self.history)}, the last one, has {'calls but ' if last.tool_calls else ''}"
                f"no words of {last.speaker}, so that there is nothing to answer; end the history before it"
            )
        return self

    def said_before(self) -> list[Message]:
        """The history, with the names of this scenario's speakers.

        A speaker of the history with the name of one of this scenario's speakers is that one. Others are assigned in
        the order in which they first spoke, the first one to the side that opens.
        """
        names = {speaker.name: speaker.name for speaker in (self.a, self.b)}
        voices = dict.fromkeys(message.speaker for message in self.history)
        if not voices.keys() <= names.keys():
            today = list(names) if self.opener_by == "a" else list(names)[::-1]
            names = dict(zip(voices, today, strict=False))
        return [message.model_copy(update={"speaker": names[message.speaker]}) for message in self.history]

    @classmethod
    def arguments(cls) -> list[str]:
        """The names of the marker's arguments about one dialogue."""
        return [*cls.model_fields, *cls.shared_with_speakers]

    @classmethod
    def build(cls, values: Mapping[str, Any], *, beside: Collection[str] = ()) -> Self:
        """A scenario from marker arguments.

        `beside` are arguments that the caller handles itself; the error about an unknown argument lists them, too. A
        value for both that neither speaker uses is accepted here, because their own values can come from a nearer place
        (see `ScenarioValues`). Raises ConfigurationError that names every wrong argument, its value and the accepted
        values.
        """
        known = cls.arguments()
        wrong = [unknown_argument(name, [*known, *beside]) for name in values if name not in known]
        try:
            scenario = cls.model_validate(
                {name: value for name, value in values.items() if name in known}, context=MERGED
            )
        except ValidationError as error:
            wrong += [mistake for problem in error.errors() for mistake in mistakes_in(problem)]
        if wrong:
            raise ConfigurationError(mistakes=wrong)
        return scenario

    @classmethod
    def changed(cls, values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
        """Marker arguments with some changed.

        A change for both speakers replaces the values of each. A mapping for one speaker, as in `b={"system": "Be
        brief."}`, changes only the values in it.
        """
        shared = [name for name in cls.shared_with_speakers if changes.get(name) is not None]
        together = {**values, **changes}
        for side in SIDES:
            own, given = speaker_fields(values.get(side)), changes.get(side, {})
            is_set = values.get(side) is not None or side in changes
            if own is None or not isinstance(given, Mapping) or not is_set:
                continue
            new = {*shared, *given}
            gone = {*new, "label"} if "model" in new else new  # the label belonged to the other model
            together[side] = {name: value for name, value in own.items() if name not in gone} | dict(given)
        return together

    def asked_in_steps(self) -> Iterator[Side]:
        """The side of each message that the steps ask a model for, if each `talk` has its full length."""
        if not self.steps:
            return
        from pytest_duolog.scenarios.steps import Answer, Talk, message_steps  # noqa: PLC0415  # most dialogues have no steps

        first = SIDES.index(self.opener_by)
        if self.history:  # it has the first messages of the steps
            last = 0 if self.history[-1].speaker == self.a.name else 1
            first = (last + 1 - len(self.history)) % 2
        for at, step in enumerate(message_steps(self.steps)):
            if at >= len(self.history) and isinstance(step, Answer | Talk):
                yield SIDES[(first + at) % 2]

    def given(self) -> dict[str, Any]:
        """The values that were set explicitly, as marker arguments."""
        return {name: getattr(self, name) for name in self.model_fields_set}

    def for_sample(self, number: int) -> Self:
        """The scenario of sample `number`, from 1: a seed that is set grows by 1 with each sample."""
        seeded: dict[str, Speaker] = {
            side: speaker.model_copy(update={"seed": speaker.seed + number - 1})
            for side in SIDES
            if (speaker := self.speaker(side)).seed is not None
        }
        return self.model_copy(update=seeded) if number > 1 else self

    def worded(self, numbers: Sequence[int | None] = ()) -> Self:
        """The scenario with the prompts of its personas in the given wordings, by side; without, in the newest."""
        by_side = dict(zip(SIDES, numbers, strict=False))
        worded: dict[str, Speaker] = {side: self.speaker(side).worded(by_side.get(side)) for side in SIDES}
        return self.model_copy(update=worded) if self.has_personas else self

    def without_wordings(self) -> Self:
        """The scenario with the part of each persona in place of its prompt, which another version may word anew."""
        plain: dict[str, Speaker] = {
            side: speaker.model_copy(update={"system": speaker.instructions})
            for side in SIDES
            if (speaker := self.speaker(side)).part is not None
        }
        return self.model_copy(update=plain) if plain else self

    @property
    def has_personas(self) -> bool:
        """Whether a speaker is a persona."""
        return any(self.speaker(side).part is not None for side in SIDES)

    @property
    def has_servers(self) -> bool:
        """Whether a speaker has tools of MCP servers, which are not known yet."""
        return any(speaker.tools != speaker.known_tools for speaker in (self.a, self.b))

    def speaker(self, side: Side) -> Speaker:
        """The speaker on one side."""
        return self.a if side == "a" else self.b

    @property
    def max_messages(self) -> int:
        """The largest number of messages: those of the steps, or the opener and `turns` replies from each speaker."""
        if not self.steps:
            return 2 * self.turns + 1
        from pytest_duolog.scenarios.steps import n_messages  # noqa: PLC0415  # most dialogues have no steps

        return n_messages(self.steps)
