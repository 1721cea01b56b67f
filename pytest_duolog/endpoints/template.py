"""Describes the JSON of the user's own chatbot: a template for the request, and places in the response.

A template is a JSON value. A text that is only `{name}` is replaced by that value with its type; `{name}` inside a
longer text is replaced by the value's text. A place is written `choices.0.text`: names of fields, positions in lists,
`*` for all elements of a list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_duolog.errors import ConfigurationError

PLACEHOLDER = re.compile(r"\{(\w+)\}")
VALUES = ("message", "messages", "system", "session", "model")
DEFAULT_REQUEST: Mapping[str, Any] = {"session": "{session}", "message": "{message}"}


@dataclass(frozen=True)
class Template:
    """The request and the response of a chatbot.

    `request` is the JSON body with placeholders: `{message}` (the other side's last message), `{messages}` (the whole
    history with role and content), `{system}`, `{session}` (an id for each dialogue), `{model}`. `reply` is the place
    of the text in the response, empty for all of it. Several texts become paragraphs of one reply; the texts of a
    stream are joined directly. `session` is the place of the chatbot's own session id in the response; later requests
    send that id.
    """

    request: Any = field(default_factory=lambda: DEFAULT_REQUEST)
    reply: str = "reply"
    session: str | None = None

    def __post_init__(self) -> None:
        """Raises ConfigurationError for a template or place that cannot be meant."""
        for name, place in (("reply", self.reply), ("session", self.session)):
            if not isinstance(place, str | None) or (
                name == "session" and place is not None and not place.strip()
            ):
                raise ConfigurationError(
                    f"{name}: {place!r:.60} is not a place in a response, such as 'meta.id'"
                )
        used = placeholders_in(self.request)
        unknown = sorted(used - set(VALUES))
        if unknown:
            raise ConfigurationError(
                f"request template: unknown placeholder {{{unknown[0]}}} (known: {{{'}, {'.join(VALUES)}}})"
            )
        if not used & {"message", "messages"}:
            raise ConfigurationError(
                "request template: it has neither {message} nor {messages}, so it asks nothing"
            )
        if self.session is not None and "session" not in used:
            raise ConfigurationError("session has no effect: the request template has no {session}")


def filled_in(template: Any, values: Mapping[str, Any]) -> Any:
    """The template with its placeholders replaced; placeholders that are not in `values` are kept."""
    if isinstance(template, str):
        whole = PLACEHOLDER.fullmatch(template)
        if whole and whole[1] in values:
            return values[whole[1]]
        return PLACEHOLDER.sub(lambda found: str(values.get(found[1], found[0])), template)
    if isinstance(template, Mapping):
        return {name: filled_in(item, values) for name, item in template.items()}
    if isinstance(template, list | tuple):
        return [filled_in(item, values) for item in template]
    return template


def placeholders_in(template: Any) -> set[str]:
    """The names of all placeholders in a template."""
    if isinstance(template, str):
        return set(PLACEHOLDER.findall(template))
    if isinstance(template, Mapping):
        return set().union(*map(placeholders_in, template.values()))
    return set().union(*map(placeholders_in, template)) if isinstance(template, list | tuple) else set()


def values_at(value: Any, place: str) -> list[Any]:
    """The values at a place in a JSON value, in order; the value itself if the place is empty."""
    found = [value]
    for name in place.split(".") if place else ():
        found = [inner for item in found for inner in _inside(item, name)]
    return found


def texts_at(value: Any, place: str) -> list[str]:
    """The texts and numbers at a place in a JSON value, as text; other values are left out."""
    found = values_at(value, place)
    return [str(item) for item in found if isinstance(item, str | int | float) and not isinstance(item, bool)]


def _inside(value: Any, name: str) -> list[Any]:
    if isinstance(value, Mapping):
        return [value[name]] if name in value else []
    if isinstance(value, list):
        if name == "*":
            return value
        if re.fullmatch(r"-?\d{1,9}", name) and -len(value) <= int(name) < len(value):
            return [value[int(name)]]
    return []
