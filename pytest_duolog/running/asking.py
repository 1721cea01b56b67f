"""What a dialogue asks: the recorded endpoints of its models, and the tools of its speakers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pytest_duolog.dataclass import dataclass
from pytest_duolog.endpoints import registry
from pytest_duolog.endpoints.base import Endpoint
from pytest_duolog.endpoints.line import Line
from pytest_duolog.endpoints.scripted import Script
from pytest_duolog.recording.cassette import Cassette
from pytest_duolog.recording.recorder import Recorder
from pytest_duolog.recording.transport import RecordedLine
from pytest_duolog.running.budget import MeteredEndpoint, RunBudget
from pytest_duolog.running.lines import Lines
from pytest_duolog.running.live_line import LiveLine
from pytest_duolog.running.runner import DialogueRun
from pytest_duolog.running.scheduler import Scheduler
from pytest_duolog.running.tool_loop import CallTool
from pytest_duolog.scenarios.scenario import SIDES, Scenario, Side
from pytest_duolog.scenarios.speaker import Model, Speaker, Target
from pytest_duolog.settings import Settings

if TYPE_CHECKING:
    from pytest_duolog.endpoints.network import Surroundings

Name = TypeVar("Name", bound=str)


@dataclass(frozen=True)
class Asking:
    """Opens the endpoints of models; `budget` counts what their live replies cost."""

    settings: Settings
    scheduler: Scheduler
    lines: Lines
    budget: RunBudget

    @contextmanager
    def endpoints(
        self,
        models: Mapping[Name, Model],
        recorder: Recorder,
        *,
        in_thread: bool = False,
        limit_s: float = math.inf,
        around: Surroundings | None = None,
        queued: Line | None = None,
    ) -> Iterator[tuple[dict[Name, Endpoint], LiveLine]]:
        """A recorded endpoint for each model, and the line to the providers, which the caller closes.

        With `queued`, models are asked on that line.

        Code of other packages may send its own HTTP requests, so its requests are recorded too.
        """
        with ExitStack() as stack:
            live = LiveLine(self.scheduler, partial(self.lines.live, around))
            # A dialogue in the background would see the mocks of other tests, not those of its own test.
            mocks = None if self.scheduler.is_here() else self.lines.mocked
            line = RecordedLine(recorder, queued or live, mocks=mocks)
            endpoints = {
                name: registry.open_endpoint(
                    model,
                    line=line,
                    configured=self.settings.providers,
                    in_thread=in_thread,
                    limit_s=min(limit_s, self.settings.patience.function_timeout_s),
                )
                for name, model in models.items()
            }
            foreign = [name for name, model in models.items() if self.is_foreign(model)]
            if foreign:
                stack.enter_context(self.lines.patches.install(recorder.hooks))
            for name in foreign:
                endpoints[name] = self.lines.patches.watched(endpoints[name], recorder)
                if callable(models[name]):
                    from pytest_duolog.recording.wire import WithCallsOnWire  # noqa: PLC0415  # only functions

                    endpoints[name] = WithCallsOnWire(endpoints[name], recorder)
            metered: dict[Name, Endpoint] = {
                name: MeteredEndpoint(endpoint, recorder, self.budget) for name, endpoint in endpoints.items()
            }
            yield metered, live

    def is_foreign(self, model: Model) -> bool:
        """Whether code of the user or of another package asks the model; it may send its own HTTP requests."""
        if isinstance(model, str):
            return registry.is_published(model, self.settings.providers)
        if isinstance(model, Target):
            return model.is_local
        return not isinstance(model, Script)


def tools_of(scenario: Scenario, cassette: Cassette) -> dict[Side, CallTool]:
    """What runs the tools of each speaker that has some."""
    calls: dict[Side, CallTool] = {}
    for side in SIDES:
        if tools := (speaker := scenario.speaker(side)).known_tools:
            from pytest_duolog.recording.recorded_tools import RecordedTools  # noqa: PLC0415  # most have none

            calls[side] = RecordedTools(cassette, speaker.name, tools).call
    return calls


def timed(
    run: DialogueRun, cassette: Cassette, endpoints: dict[Side, Endpoint], tools: dict[Side, CallTool]
) -> tuple[dict[Side, Endpoint], dict[Side, CallTool]]:
    """The same endpoints and tools; if spans are wanted, they note when they are used."""
    if run.timeline is None:
        return endpoints, tools
    from pytest_duolog.running.timed import TimedEndpoint, timed_tool  # noqa: PLC0415  # most runs want no spans

    timeline = run.timeline
    return (
        {side: TimedEndpoint(endpoint, cassette, timeline) for side, endpoint in endpoints.items()},
        {side: timed_tool(call, timeline) for side, call in tools.items()},
    )


def models_of(scenario: Scenario) -> dict[Side, Model]:
    """The model of each side."""
    return {side: _cast_model(scenario.speaker(side)) for side in SIDES}


def _cast_model(speaker: Speaker) -> Model:
    assert speaker.model is not None, "the settings give every speaker a model"
    return speaker.model
