"""What the replies of one dialogue took, beside the budgets of its scenario."""

from __future__ import annotations

from dataclasses import field

from pytest_duolog.dataclass import dataclass
from pytest_duolog.endpoints.base import Reply
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.transcripts.transcript import Message
from pytest_duolog.transcripts.usage import Usage


@dataclass
class Spending:
    """Counts the costs and the seconds of replies."""

    scenario: Scenario
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0

    def add(self, message: Message) -> None:
        """Count what a message took."""
        if message.usage:
            self.usage += message.usage
        self.seconds += (message.latency_ms or 0) / 1000

    def used_up(self, unsaid: Reply | None = None) -> str:
        """The budget of the dialogue that is used up, with the numbers; empty if none is.

        `unsaid` is what was said of the next message so far.
        """
        scenario, spent, seconds = self.scenario, self.usage, self.seconds
        if scenario.token_budget is scenario.seconds_budget is scenario.cost_budget is None:
            return ""
        if unsaid:
            spent += unsaid.usage or Usage()
            seconds += (unsaid.latency_ms or 0) / 1000
        budgets: list[tuple[float, float | None, str]] = [
            (spent.tokens_written, scenario.token_budget, "tokens"),
            (round(seconds, 3), scenario.seconds_budget, "seconds"),
            (round(spent.cost or 0.0, 6), scenario.cost_budget, "in cost"),
        ]
        return next(
            (
                f"{used:,} of {most:,} {unit}"
                for used, most, unit in budgets
                if most is not None and used >= most
            ),
            "",
        )
