"""What a transcript and a dialogue have in common: properties are asked of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_duolog.errors import ConfigurationError

if TYPE_CHECKING:
    from pytest_duolog.properties.base import Check, Verdict
    from pytest_duolog.transcripts.transcript import Transcript


class Checked:
    """Answers whether properties hold; the properties are imported when the first one is asked for."""

    def _checked(self) -> Transcript:
        """The transcript that is judged."""
        raise NotImplementedError

    def _ready(self, check: Check) -> Check:
        """The check with all that it needs besides the transcript."""
        return check

    def satisfies(self, *checks: Check) -> Verdict:
        """Whether all these properties hold, or functions that take a transcript.

        Raises ConfigurationError without any, and for what is neither.
        """
        from pytest_duolog.properties.base import AllOf, judge  # noqa: PLC0415  # base needs transcripts

        __tracebackhide__ = True
        if not checks:
            raise ConfigurationError(
                "satisfies() needs a property, or a function from a transcript to a boolean"
            )
        return judge(self._ready(checks[0] if len(checks) == 1 else AllOf(checks)), self._checked())
