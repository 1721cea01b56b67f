"""Encodes and decodes the lines of a cassette file: JSON Lines, append-only, each text stored once.

    {"duolog": 2, "test": "...", "sample": 1, "recorded": "...", ...}          the header
    {"n": 1, "message": 2, "speaker": "Bob", "request": {...}, "response": {...}, "served": "...", "texts": [...]}
    ...
    {"end": {"stop": {...}, "messages": 21, "served": [...]}}                  absent: incomplete
                                               with `last`, the last message, if it is of code, or
                                               `said`, all messages, if both speakers are code,
                                               and `given`, the numbers of messages that steps gave
    {"n": 21, "vote": true, "message": 21, "speaker": "judge", ...}            the vote of a judge

The call of a speaker's tool is an interaction like others: its method is `CALL`, its address
`duolog-tool://Bob/refund`, its body `{"arguments": {...}, "tool": hash}` with a hash of the tool's definition. The
reason of its response is `OK` or `error`, the body `{"result": "..."}` is what the model was told.

Longer texts are listed under `texts` of the first line that has them; later lines refer to them with `{"$": "n.i"}`. A
chat history, in the field that `history` names, is stored as a difference from an earlier one: `{"like": n, "keep": k,
"then": [...]}` means the first k messages of interaction n, then these. So a line is as long as its new text, and the
size of a file is proportional to the text of its dialogue, not to its square.

Each line ends with its checksum, under `sum` (see `storage/checksums.py`).

The JSON of a response is canonical, or in the spelling of `as` (see `SPELLINGS`); other JSON is stored as text.

Format history:
1, the first.
2, a request names the field of its history, and an interaction the model that replied: every protocol can be read.
   Addresses have all their parameters and their other names (`names`). Relevant headers are kept and compared. Lines
   have checksums.
3, only for dialogues in which a speaker has tools or is code: an interaction can be a call of a tool. A request
   whose fields beside the history are those of an earlier one names it in `fields`, because tools are long.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pytest_duolog.recording.addresses import hash_of
from pytest_duolog.recording.interaction import Body, Interaction, Response, SentRequest
from pytest_duolog.storage.json_text import (
    LISTS,
    NESTED,
    NUMBERS,
    OBJECTS,
    CanonicalJson,
    canonical,
    in_utf8,
    parsed,
)

# The newest format, and the one for dialogues without tools and code.
FORMAT = 3
FORMAT_WITHOUT_TOOLS = 2

# A reference has about this many characters.
SHORTEST_STORED_TEXT = 32

# Keys of objects with a special meaning; an object with such a key in a request or response is wrapped in `{"$$":
# ...}`.
HISTORY_KEYS = {"like", "keep", "then"}
RESERVED = ({"$"}, {"$$"}, HISTORY_KEYS)

# How servers and libraries write JSON: code that reads a response as text must get the same text in a replay.
SPELLINGS = {
    "compact": json.JSONEncoder(ensure_ascii=False, separators=(",", ":")),
    "compact-ascii": json.JSONEncoder(separators=(",", ":")),
    "spaced": json.JSONEncoder(ensure_ascii=False),
    "spaced-ascii": json.JSONEncoder(),
    "indented": json.JSONEncoder(ensure_ascii=False, indent=2),
    "indented-ascii": json.JSONEncoder(indent=2),
}

# How many interactions back the base of a history is searched: a dialogue has two views, a tool loop a few more.
BASE_REACH = 8

# The largest expanded size of one file. References let a small file expand to much text, and cassettes are not trusted.
MOST_UNFOLDED_BYTES = 512 * 1024 * 1024


class JournalCodec:
    """Converts interactions to lines and back; keeps the texts and histories that later lines refer to."""

    def __init__(self, version: int = FORMAT_WITHOUT_TOOLS) -> None:
        """`version` is the format of the lines to read and, from 2 on, to write."""
        self._format = version
        self._texts: dict[str, str] = {}
        self._identities: dict[str, str] = {}
        self._bodies: dict[int, Body] = {}
        self._histories: list[int] = []  # interactions that are no calls of tools
        self._fields: dict[bytes, int] = {}
        self._number = 0
        self._unfolded_bytes = 0

    @property
    def has_checksums(self) -> bool:
        """Whether the lines of this format have checksums."""
        return self._format > 1

    def encode(self, interaction: Interaction) -> dict[str, Any]:
        """The next line, as a JSON object."""
        self._number += 1
        texts: list[str] = []
        request, response = interaction.request, interaction.response
        body = self._folded_body(request.body, texts)
        line = {
            "n": self._number,
            "message": interaction.message_number,
            "speaker": interaction.speaker,
            "request": {
                "method": request.method,
                "uri": request.uri,
                **(
                    {"names": sorted(request.names)}
                    if request.uri.startswith("duolog:") and request.names
                    else {}
                ),
                "headers": request.headers,
                **body,
            },
            "response": {
                "status": response.status,
                "reason": response.reason,
                "headers": response.headers,
                **self._folded_content(response.content, texts, lambda: response.value),
            },
        }
        if interaction.latency_ms is not None:
            line["latency_ms"] = interaction.latency_ms
        if interaction.served is not None:
            line["served"] = interaction.served
        if interaction.draw is not None:
            line["draw"] = interaction.draw
        if interaction.is_vote:
            line["vote"] = True
        if texts:
            line["texts"] = texts
        self._note(self._number, request, repeats_fields="fields" in body)
        return line

    def _note(self, number: int, request: SentRequest, *, repeats_fields: bool) -> None:
        """Keep the request of an interaction, which later ones may repeat; fields that it repeats are known."""
        self._bodies[number] = request.body
        if request.called_tool is None:
            self._histories.append(number)
            has_fields = self._format > FORMAT_WITHOUT_TOOLS and request.body.history_name is not None
            if has_fields and not repeats_fields:
                self._fields.setdefault(request.body.fields_key, number)

    def decode(self, line: Mapping[str, Any]) -> Interaction:
        """The interaction of a line.

        Raises KeyError, TypeError, AttributeError or ValueError if the line is invalid or refers to something missing.
        """
        number = int(line["n"])
        self._number = max(self._number, number)
        for index, text in enumerate(line.get("texts", ())):
            self._remember(f"{number}.{index}", text)
        request, response = line["request"], line["response"]
        sent = SentRequest(
            str(request["method"]),
            str(request["uri"]),
            _headers(request),
            self._unfolded_body(request),
            names=_names(request),
            is_early=self._format < 2,
        )
        self._note(number, sent, repeats_fields="fields" in request)
        latency_ms, served, draw = line.get("latency_ms"), line.get("served"), line.get("draw")
        return Interaction(
            sent,
            Response(
                int(response["status"]),
                str(response["reason"]),
                _headers(response),
                self._unfolded_content(response),
            ),
            message_number=int(line["message"]),
            speaker=str(line["speaker"]),
            latency_ms=None if latency_ms is None else float(latency_ms),
            served=None if served is None else str(served),
            draw=None if draw is None else str(draw),
            is_vote=line.get("vote") is True,
        )

    def _remember(self, identity: str, text: str) -> None:
        self._texts[identity] = text
        self._identities.setdefault(text, identity)

    def _folded_body(self, body: Body, texts: list[str]) -> dict[str, Any]:
        if body.raw is not None:
            return self._folded_content(body.raw, texts)
        name = body.history_name
        if name is None:
            return {"json": self._fold(body.fields, texts)}
        alike = self._fields.get(body.fields_key) if self._fields else None
        folded = {} if alike else self._fold(body.fields, texts)
        folded[name] = self._folded_history(body, name, texts)
        return {"history": name, **({"fields": alike} if alike else {}), "json": folded}

    def _folded_history(self, body: Body, name: str, texts: list[str]) -> Any:
        keep = base = 0
        for number in reversed(self._histories[-BASE_REACH:]):
            earlier = self._bodies[number]
            if (
                earlier.history_name == name and len(earlier.pieces) > keep
            ):  # else it cannot have more in common
                common = common_start(earlier.pieces, body.pieces)
                keep, base = (common, number) if common > keep else (keep, base)
        then = [self._fold(json.loads(piece), texts) for piece in body.pieces[keep:]]
        return {"like": base, "keep": keep, "then": then} if keep else then

    def _folded_content(
        self, content: bytes, texts: list[str], value_of: Callable[[], Any] | None = None
    ) -> dict[str, Any]:
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(content).decode("ascii")}
        try:
            value = value_of() if value_of else parsed(text)
        except ValueError:
            return {"text": self._fold(text, texts)}
        if isinstance(content, CanonicalJson) or canonical(value) == content:
            return {"json": self._fold(value, texts)}
        spelling = next((name for name, as_ in SPELLINGS.items() if as_.encode(value) == text), None)
        if spelling is None:
            return {"text": self._fold(text, texts)}
        return {"json": self._fold(value, texts), "as": spelling}

    def _fold(self, value: Any, texts: list[str]) -> Any:
        if isinstance(value, str) and len(value) >= SHORTEST_STORED_TEXT:
            if value not in self._identities:
                self._remember(f"{self._number}.{len(texts)}", value)
                texts.append(value)
            return {"$": self._identities[value]}
        if value is None or isinstance(value, NUMBERS):
            return value
        if isinstance(value, LISTS):
            return [self._fold(item, texts) for item in value]
        if isinstance(value, OBJECTS):
            folded = {str(name): self._fold(item, texts) for name, item in value.items()}
            return {"$$": folded} if folded.keys() in RESERVED else folded
        return value

    def _unfolded_body(self, request: Mapping[str, Any]) -> Body:
        if "json" not in request:
            return Body(raw=self._unfolded_content(request))
        folded = request["json"]
        name = request.get("history") or _name_of_difference(folded)
        if name is None:
            return Body.of_json(self._unfold(folded))
        history = folded[name]
        base: Sequence[bytes] = ()
        if isinstance(history, dict):
            base = self._bodies[int(history["like"])].pieces_under(name)[: int(history["keep"])]
            history = history["then"]
        if "fields" in request:
            fields = self._bodies[int(request["fields"])].fields
        else:
            fields = self._unfold({key: item for key, item in folded.items() if key != name})
        return Body(fields, name, [*base, *(canonical(self._unfold(item)) for item in history)])

    def _unfolded_content(self, folded: Mapping[str, Any]) -> bytes:
        if "base64" in folded:
            return base64.b64decode(folded["base64"])
        if "text" in folded:
            return str(self._unfold(folded["text"])).encode("utf-8", "replace")
        value = self._unfold(folded["json"])
        return (
            SPELLINGS[folded["as"]].encode(value).encode("utf-8", "replace")
            if "as" in folded
            else canonical(value)
        )

    def _unfold(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._unfold(item) for item in value]
        if isinstance(value, dict):
            if value.keys() == {"$"}:
                return self._text(value["$"])
            inner = value["$$"] if value.keys() == {"$$"} else value
            return {name: self._unfold(item) for name, item in inner.items()}
        return value

    def _text(self, identity: str) -> str:
        text = self._texts[identity]
        self._unfolded_bytes += len(text)
        if self._unfolded_bytes > MOST_UNFOLDED_BYTES:
            raise ValueError(f"the file expands to more than {MOST_UNFOLDED_BYTES} bytes")
        return text


def line_text(value: Mapping[str, Any]) -> str:
    """The text of one line of the file."""
    return in_utf8(SPELLINGS["compact"].encode(value)).decode("utf-8")


def newly_said(line: str) -> dict[str, Any]:
    """The request and the response of a line with its own longer texts inserted; texts of other lines are left out.

    Of the last line of a recording, which has neither, it is the end.
    """
    value = json.loads(line)
    if "end" in value:
        return {"end": value["end"]}
    own = {f"{value['n']}.{index}": text for index, text in enumerate(value.get("texts", ()))}

    def unfolded(item: Any) -> Any:
        if isinstance(item, dict):
            if "$" in item and len(item) == 1:
                return own.get(item["$"], "")
            return {name: unfolded(of) if isinstance(of, NESTED) else of for name, of in item.items()}
        return [unfolded(of) if isinstance(of, NESTED) else of for of in item]

    return {"request": unfolded(value["request"]), "response": unfolded(value["response"])}


def _names(request: Mapping[str, Any]) -> frozenset[str]:
    """The other names of an address; they are stored only for an address with a provider's name."""
    if "names" in request:
        return frozenset(map(str, request["names"]))
    uri = str(request["uri"])
    return frozenset() if uri.startswith("duolog:") else frozenset([hash_of(uri)])


def _headers(part: Mapping[str, Any]) -> dict[str, list[str]]:
    return {str(name): [str(value) for value in values] for name, values in part["headers"].items()}


def _name_of_difference(folded: Any) -> str | None:
    """The field of a history that is stored as a difference, for a line of format 1, which does not name it."""
    fields = folded.items() if isinstance(folded, dict) else ()
    return next(
        (name for name, item in fields if isinstance(item, dict) and item.keys() == HISTORY_KEYS), None
    )


def common_start(left: Sequence[Any], right: Sequence[Any]) -> int:
    """The number of equal elements at the beginning of two sequences."""
    shorter = min(len(left), len(right))
    if left[:shorter] == right[:shorter]:
        return shorter
    return next((index for index in range(shorter) if left[index] != right[index]), shorter)
