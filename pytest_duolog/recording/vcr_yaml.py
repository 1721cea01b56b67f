"""Reads plain vcrpy cassettes (YAML) for replay and import, and writes them for export."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from vcr.persisters.filesystem import FilesystemPersister
from vcr.request import Request
from vcr.serialize import serialize

from pytest_duolog.display import shorten
from pytest_duolog.errors import UnreadableCassette
from pytest_duolog.recording.addresses import BaseUrls, address_of, real_uri
from pytest_duolog.recording.bounded_yaml import BoundedYaml
from pytest_duolog.recording.hooks import plain_response, vcr_request, vcr_response
from pytest_duolog.recording.interaction import Body, Interaction, SentRequest
from pytest_duolog.recording.journal import FORMAT_WITHOUT_TOOLS
from pytest_duolog.recording.journal_file import Journal, reading, refuse_conflict, writing
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.recording.stored_response import kept_response
from pytest_duolog.storage.line_file import read_content, replacing
from pytest_duolog.storage.yaml_bounds import UnfoldsTooFar


def read_yaml(
    path: Path,
    *,
    base_urls: BaseUrls,
    redactor: Redactor,
    advice: str = "delete the file, or restore it from version control",
) -> Journal:
    """A vcrpy cassette as a complete recording.

    Addresses below a provider's base URL become logical ones (`base_urls` are pairs of provider and URL), so that a
    cassette recorded against the real host replays. Failed tries in it are left out.
    Raises UnreadableCassette if the file is not a vcrpy cassette, FileNotFoundError if there is none.
    """
    with reading(path):  # vcrpy does not report why a file cannot be read
        refuse_conflict(read_content(path), path)
    journal = Journal({"duolog": FORMAT_WITHOUT_TOOLS}, end={})
    try:
        requests, responses, *_ = FilesystemPersister.load_cassette(path, BoundedYaml)
        for request, response in zip(requests, map(plain_response, responses), strict=True):
            if response.status < 400:
                kept = kept_response(response, redactor)
                journal.interactions.append(Interaction(_sent(request, base_urls, redactor), kept))
    except Exception as error:  # noqa: BLE001  # vcrpy checks nothing: a stranger's file can raise anything
        is_ours = isinstance(error, UnfoldsTooFar)
        detail = f"{type(error).__name__}: {shorten(redactor.shown(str(error)), 300)}"
        problem = str(error) if is_ours else f"it does not list requests with their responses ({detail})"
        raise UnreadableCassette(
            f"not a vcrpy cassette: {problem}", cassette_path=path, facts=[("to fix", advice)]
        ) from None
    return journal


def write_yaml(path: Path, interactions: Iterable[Interaction], *, base_urls: BaseUrls) -> None:
    """Write a cassette that plain vcrpy can replay; logical addresses become the providers' real ones."""
    requests, responses = [], []
    for interaction in interactions:
        request = vcr_request(interaction.request)
        request.uri = real_uri(request.uri, base_urls)
        requests.append(request)
        responses.append(vcr_response(interaction.response))
    text = serialize({"requests": requests, "responses": responses}, BoundedYaml)
    with writing(path), replacing(path) as file:
        file.append_as_is(text.encode())


def _sent(request: Request, base_urls: BaseUrls, redactor: Redactor) -> SentRequest:
    body = request.body if isinstance(request.body, bytes) else b""
    uri, names = address_of(redactor.uri(str(request.uri)), base_urls)
    plain, headers = Body.of_stranger(body, request.headers, redactor)
    return SentRequest(request.method, uri, headers, plain, names=names)
