"""Applies vcrpy's filters and hooks from the user's `duolog_vcr_config` to interactions."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_duolog.endpoints.encodings import UnknownEncoding, is_packed, unpacked
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.recording.addresses import with_plain_markers
from pytest_duolog.recording.interaction import Body, Interaction, Response, SentRequest
from pytest_duolog.recording.vcrpy import vcrpy

if TYPE_CHECKING:
    from vcr.request import Request

ACCEPTED = (
    "after_load_interaction",
    "before_record",
    "before_record_request",
    "before_record_response",
    "before_save_interaction",
    "custom_patches",
    "decode_compressed_response",
    "filter_headers",
    "filter_nested_post_data_parameters",
    "filter_post_data_parameters",
    "filter_query_parameters",
    "filter_sensitive_data",
    "ignore_hosts",
    "ignore_localhost",
    "skip_patchers",
)

# The largest unpacked size of a response for a user's own code.
MOST_UNPACKED_BYTES = 256 * 1024 * 1024

InteractionHook = Callable[..., tuple["Request", dict[str, Any]] | None]


class VcrHooks:
    """The user's vcrpy configuration.

    `match_on` and similar settings are refused: with loose matching, an old reply would be replayed for a new prompt.
    To ignore a part of requests in matching, make it equal in `before_record_request`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Raises ConfigurationError for a setting that is unknown or would loosen the matching."""
        wrong = sorted(set(config) - set(ACCEPTED))
        if wrong:
            raise ConfigurationError(
                f"duolog_vcr_config: {', '.join(map(repr, wrong))} cannot be set for dialogues, which "
                "always match "
                f"on method, address and whole body (accepted: {', '.join(ACCEPTED)}; to make two "
                "requests equal, "
                f"change them in 'before_record_request')"
            )
        self.skip_patchers: Sequence[str] = tuple(config.get("skip_patchers", ()))
        self.custom_patches: Sequence[Any] = tuple(config.get("custom_patches", ()))
        self.are_none = not config
        self._is_empty = not set(config) - {"skip_patchers", "custom_patches"}
        self._on_save: Sequence[InteractionHook] = ()
        self._on_load: Sequence[InteractionHook] = ()
        if not config:
            return
        # Half public: neither is documented, but both are what vcrpy applies its own settings with (9.0 and later).
        # To be dropped when vcrpy offers its filters as functions of a configuration.
        merged = vcrpy().VCR(**config).get_merged_config(path="unused")
        self._change_request = merged["before_record_request"]
        self._change_response = merged["before_record_response"]
        hide, restore = vcrpy("vcr.filters").sensitive_data_hooks(config.get("filter_sensitive_data", ()))
        self._on_save = [*_listed(config.get("before_save_interaction")), hide]
        self._on_load = [restore, *_listed(config.get("after_load_interaction"))]

    @property
    def change_messages(self) -> bool:
        """Whether what is sent, stored or played may be changed."""
        return not self._is_empty

    def request(self, sent: SentRequest) -> SentRequest | None:
        """The request as it is matched and stored; None if it must not be recorded."""
        if self._is_empty:
            return sent
        changed = self._change_request(vcr_request(sent))
        return None if changed is None else _our_request(changed, sent)

    def response(self, response: Response) -> Response | None:
        """The response as it is stored; None if it must not be recorded."""
        if self._is_empty:
            return response
        changed = self._change_response(copy.deepcopy(vcr_response(response)))
        return None if changed is None else our_response(changed)

    def saved(self, interaction: Interaction) -> Interaction | None:
        """The interaction as it is written to the file; None to leave it out."""
        return self._run(self._on_save, interaction)

    def loaded(self, interaction: Interaction) -> Interaction | None:
        """The interaction from the file as it is matched; None to leave it out."""
        changed = self._run(self._on_load, interaction)
        if changed is None:
            return None
        request = self.request(changed.request)
        return None if request is None else replace(changed, request=request)

    def _run(self, hooks: Sequence[InteractionHook], interaction: Interaction) -> Interaction | None:
        if self._is_empty:
            return interaction
        request, response = vcr_request(interaction.request), vcr_response(interaction.response)
        for hook in hooks:
            changed = hook(request, response)
            if changed is None:
                return None
            request, response = changed
        return replace(
            interaction, request=_our_request(request, interaction.request), response=our_response(response)
        )


def _listed(hooks: Any) -> list[InteractionHook]:
    if hooks is None:
        return []
    return [hooks] if callable(hooks) else list(hooks)


def vcr_request(sent: SentRequest) -> Request:
    """A request in vcrpy's form."""
    headers = {name: values[0] for name, values in sent.headers.items()}
    request: Request = vcrpy("vcr.request").Request(sent.method, sent.uri, sent.body.content(), headers)
    return request


def _our_request(request: Request, origin: SentRequest) -> SentRequest:
    body = request.body if isinstance(request.body, bytes) else b""
    headers = {str(name): [str(value)] for name, value in request.headers.items()}
    parsed = Body.parse(body, history_name=origin.body.history_name)
    uri = origin.uri if request.uri == origin.uri else with_plain_markers(request.uri)
    names = origin.names if uri == origin.uri else frozenset()
    return replace(origin, method=request.method, uri=uri, headers=headers, body=parsed, names=names)


def vcr_response(response: Response) -> dict[str, Any]:
    """A response in vcrpy's form."""
    return {
        "status": {"code": response.status, "message": response.reason},
        "headers": {name: list(values) for name, values in response.headers.items()},
        "body": {"string": response.content},
    }


def our_response(response: Mapping[str, Any]) -> Response:
    """A response from vcrpy's form."""
    content = response["body"]["string"]
    return Response(
        int(response["status"]["code"]),
        str(response["status"]["message"] or ""),
        {str(name).lower(): _values(values) for name, values in response["headers"].items()},
        content.encode("utf-8") if isinstance(content, str) else bytes(content or b""),
    )


def plain_response(response: Mapping[str, Any]) -> Response:
    """The response with an unpacked body, because a packed body cannot be searched for keys.

    A body with an unknown encoding stays as it is. Raises PackedWrongly if the body is incomplete or damaged.
    """
    ours = our_response(response)
    encoding = ", ".join(ours.headers.get("content-encoding", ()))
    try:
        is_to_unpack = is_packed(ours.content, encoding)
        content = unpacked(ours.content, encoding, MOST_UNPACKED_BYTES) if is_to_unpack else ours.content
    except UnknownEncoding:
        return ours
    headers = {name: values for name, values in ours.headers.items() if name != "content-encoding"}
    return replace(ours, headers=headers, content=content)


def _values(values: Any) -> list[str]:
    return [str(value) for value in values] if isinstance(values, list | tuple) else [str(values)]
