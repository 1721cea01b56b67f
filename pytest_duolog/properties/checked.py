"""Base class of transcripts and dialogues: both can be checked for properties."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pytest_duolog.errors import ConfigurationError

if TYPE_CHECKING:
    from pytest_duolog.properties.base import Check
    from pytest_duolog.properties.claims import Claim
    from pytest_duolog.properties.verdict import Verdict
    from pytest_duolog.transcripts.transcript import Transcript


Method = TypeVar("Method", bound=Callable[..., Any])


def property_method(function: Method) -> Method:
    """Make it an error to use the method itself as a verdict, without a call."""
    return cast("Method", _PropertyMethod(function))


class _PropertyMethod:
    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __get__(self, owner: object, kind: type | None = None) -> Any:
        return self._function if owner is None else _Bound(self._function.__get__(owner, kind))


class _Bound:
    """A method of one transcript or dialogue. It has no truth value, so `assert dialogue.ends_cleanly` fails."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self._method = method
        update_wrapper(self, method)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        return self._method(*args, **kwargs)

    def __bool__(self) -> bool:
        __tracebackhide__ = True
        name = getattr(self._method, "__name__", "")
        raise ConfigurationError(
            f"{name} is a method and was not called, so nothing was checked: write {name}(...)"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Bound) and self._method == other._method

    def __hash__(self) -> int:
        return hash(self._method)

    def __repr__(self) -> str:
        return repr(self._method)


def joined(
    method: str, arguments: Mapping[str, Any] | None, named: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """The arguments that a method was given as a mapping and those that it was given by name.

    Raises ConfigurationError if one was given in both ways.
    """
    if not named or not isinstance(arguments, Mapping | None):
        return arguments
    twice = sorted(named.keys() & (arguments or {}).keys())
    if twice:
        raise ConfigurationError(f"{method}: {', '.join(twice)} is given twice, by name and in arguments")
    return {**(arguments or {}), **named}


class Checked:
    """Checks properties; they are imported when the first one is checked."""

    def _checked(self) -> Transcript:
        """The transcript to judge."""
        raise NotImplementedError

    def _ready(self, check: Check) -> Check:
        """The check with everything that it needs in addition to the transcript."""
        return check

    def _claims(self) -> list[Claim] | None:
        """The list of verdicts that were asked for; None if its test is not known."""
        return None

    @property_method
    def satisfies(self, *checks: Check) -> Verdict:
        """The verdict whether all these properties hold; functions that take a transcript count as properties.

        Raises ConfigurationError without arguments, and for an argument that is neither.
        """
        from pytest_duolog.properties.base import AllOf, judge  # noqa: PLC0415  # base needs transcripts

        __tracebackhide__ = True
        if not checks:
            raise ConfigurationError(
                "satisfies() needs a property, or a function that takes a transcript and returns a boolean"
            )
        ready = self._ready(checks[0] if len(checks) == 1 else AllOf(checks))
        return judge(ready, self._checked()).claimed(self._claims())
