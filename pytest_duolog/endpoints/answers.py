"""Reads a provider's response: a JSON object, or an error that says whether a retry can help.

Sources of the rules: the errors pages of OpenAI, Anthropic, Gemini and OpenRouter, and what their SDKs retry.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from pytest_duolog.dataclass import dataclass
from pytest_duolog.display import shorten
from pytest_duolog.endpoints.base import Reply
from pytest_duolog.endpoints.line import HttpAnswer
from pytest_duolog.errors import EndpointError
from pytest_duolog.genuine import CLOCK
from pytest_duolog.storage.json_text import DEEPEST, NestedTooDeep, parsed

# These statuses are retried, and every status from 500 on except 501 (not implemented) and 505. 498 is Groq's "no
# capacity".
PASSING_STATUSES = frozenset({408, 409, 425, 429, 498})
LASTING_STATUSES = frozenset({501, 505})

# Statuses of a provider that understood the request and refused it.
ABOUT_THE_REQUEST = frozenset({400, 403, 413, 422, 451})

# Nothing has this address, or it does not accept this method: often the address is wrong.
NOT_THERE = frozenset({404, 405})

# Error codes for a used-up quota, where waiting does not help. Gemini's limit per day is one of them.
NO_QUOTA = (
    r"insufficient_quota|credit_balance_exhausted|enforced_spend_limit_reached|insufficient_credits|PerDay"
)

# Patterns in a provider's error message, and the advice for each.
HINTS = (
    (
        r"schema for function|function_parameters|input_schema|function_?declarations|tools\[?\.?\d+",
        (
            "the provider refuses the definition of a tool: give its parameters simpler types, or write the schema "
            "yourself: Tool(function, schema=...)"
        ),
    ),
    (r"temperature|top_p|top_k", "this model does not accept that setting: leave it unset"),
    (r"max_completion_tokens|max_tokens", "this model uses another limit: leave max_tokens unset"),
    (
        r"context.{0,20}(length|size|window)|exceed_context|too many tokens|prompt is too long",
        (
            "the history does not fit the model's context: use fewer turns, shorter replies "
            "(max_tokens), or a larger context"
        ),
    ),
    (
        r"alternat",
        "the model's template requires alternating user and assistant messages, `user` first; see `stub`",
    ),
    (r"model.{0,80}not (found|exist)|no endpoints found|not a valid model", "check the model's name"),
)


# Refusals by a model or its policy. They are results of the dialogue, so they are not retried.
OUTCOMES = (
    r"(?i)context.{0,20}(length|size|window)|exceed_context|too many tokens|(prompt|input) is too long"
    r"|content.?(filter|policy|management)|responsible.?ai|moderation|flagged|safety|prohibited.?content|invalid_prompt"
    r"|tool_use_failed|(invalid|malformed).{0,20}(tool|function).{0,3}call"
)


@dataclass(frozen=True)
class Answer:
    """A complete response. `model` is the label of the model, `key_env` the variable with its key.

    `asked` is the method and the address of the request, `address_env` the variable with the address.
    """

    model: str
    status: int
    headers: Mapping[str, str]
    content: bytes
    key_env: str | None = None
    asked: str = ""
    address_env: str | None = None

    @classmethod
    def of(cls, answered: HttpAnswer, *, model: str, key_env: str | None = None) -> Answer:
        """The answer from a line; `key_env` is used if the line does not name the variable of the key."""
        return cls(
            model,
            answered.status_code,
            answered.headers,
            answered.content,
            answered.key_env or key_env,
            answered.asked,
            answered.address_env,
        )

    def fault(
        self,
        problem: str,
        *,
        is_passing: bool = False,
        wait_s: float | None = None,
        advice: str = "",
        is_outcome: bool = False,
    ) -> EndpointError:
        """An error about this response, for the caller to raise."""
        return EndpointError(
            problem,
            model=self.model,
            status=self.status,
            advice=advice,
            is_passing=is_passing,
            wait_s=wait_s,
            is_outcome=is_outcome,
        )

    def json_object(self) -> dict[str, Any]:
        """The body; raises EndpointError if it is an error or not a JSON object."""
        if 300 <= self.status < 400:
            raise self.fault(
                f"HTTP {self.status}: redirected to {shorten(self.headers.get('location', ''))}",
                advice=f"check the provider's base_url{self._where()}; "
                "redirects are not followed, because they would pass on the key",
            )
        try:
            body = parsed(self.content)
        except NestedTooDeep:
            raise self.fault(
                f"HTTP {self.status}, but its JSON is nested more than {DEEPEST} deep",
                is_passing=self.status < 400 or self._status_may_pass(self.status),
            ) from None
        except ValueError:
            kind = self.headers.get("content-type", "no content type").encode("ascii", "replace").decode()
            is_page = "html" in kind and self.status < 400
            raise self.fault(
                f"HTTP {self.status}, but not JSON ({kind}): {shorten(self._as_text())}",
                is_passing=self.status < 400 or self._status_may_pass(self.status),
                wait_s=self._wait_s({}),
                advice=self._page_advice(is_page=is_page),
            ) from None
        if self.status >= 400 or (isinstance(body, dict) and body.get("error")):
            raise self.refused(body if isinstance(body, dict) else {"error": body})
        if not isinstance(body, dict):
            raise self.fault(f"the response is JSON but not an object: {shorten(str(body))}", is_passing=True)
        return body

    def _where(self) -> str:
        """The address of the request and its variable, in brackets; empty if they are not known."""
        source = f", from {self.address_env}" if self.address_env else ""
        return f" ({self.asked}{source})" if self.asked else ""

    def _page_advice(self, *, is_page: bool) -> str:
        if is_page:
            return (
                f"this is a web page, not an API: check the provider's base_url{self._where()} and your "
                "proxies"
            )
        return self._not_found_advice() if self.status in NOT_THERE else ""

    def _not_found_advice(self) -> str:
        path = urlsplit(self.asked.partition(" ")[2]).path
        lacks_version = "; most servers have their API under /v1" if path == "/chat/completions" else ""
        return f"is the address right?{self._where()}{lacks_version}" if self.asked else ""

    def check(self, reply: Reply, *, offers_tools: bool = False) -> None:
        """Raises EndpointError for an unusable reply: aborted, cut before its first word, or a call of no tool."""
        if reply.finish == "error":
            raise self.fault(f"the model aborted its reply: {reply.raw_finish!r}", is_passing=True)
        if reply.content.strip() or (offers_tools and reply.tool_calls):
            return
        if offers_tools and reply.finish == "tool":
            raise self.fault(
                f"the model's call of a tool cannot be read ({reply.raw_finish!r})", is_outcome=True
            )
        if reply.tool_calls or reply.finish == "tool":
            names = ", ".join(call.name for call in reply.tool_calls) or "no name"
            raise self.fault(
                f"the model called a tool instead of replying: {shorten(names)}",
                advice="tools are not run here: remove them from the request, or use a callable that runs them",
                is_outcome=True,
            )
        if reply.finish == "truncated":
            thought = (
                " in reasoning" if reply.reasoning or (reply.usage and reply.usage.reasoning_tokens) else ""
            )
            raise self.fault(
                f"the model reached its token limit{thought} before its first word ({reply.raw_finish!r})",
                advice="raise max_tokens",
                is_outcome=True,
            )

    def _as_text(self) -> str:
        """The body as text without tags, on one line."""
        text = self.content[:2000].decode("utf-8", "replace")
        return " ".join(re.sub(r"<[^>]{0,200}>", " ", text).split())

    @staticmethod
    def _status_may_pass(status: int) -> bool:
        return status in PASSING_STATUSES or (status >= 500 and status not in LASTING_STATUSES)

    def refused(self, body: Mapping[str, Any]) -> EndpointError:
        """The error in a body, under `error` or as the whole body, for the caller to raise."""
        error = body.get("error")
        details = error if isinstance(error, Mapping) else {}
        said = str(details.get("message") or error or body)
        status, where = self.status, f"HTTP {self.status}"
        if status < 400:
            code = details.get("code")
            status = code if isinstance(code, int) and 400 <= code < 600 else 502
            where = f"HTTP {self.status} with error {code!r} in it"
        problem = f"{where}{_upstream(details)}: {shorten(said, 400)}"
        if status == 402 or re.search(NO_QUOTA, json.dumps(body)):
            return self.fault(f"{problem}; the quota is used up, waiting does not help")
        should = self.headers.get("x-should-retry")
        is_passing = self._status_may_pass(status) if should not in ("true", "false") else should == "true"
        return self.fault(
            problem,
            is_passing=is_passing,
            wait_s=self._wait_s(details),
            advice=self._advice(status, said),
            is_outcome=status in ABOUT_THE_REQUEST and bool(re.search(OUTCOMES, json.dumps(body))),
        )

    def _advice(self, status: int, said: str) -> str:
        if self.key_env and (status in (401, 403) or re.search("API.?key", said, re.IGNORECASE)):
            return f"check the key in {self.key_env}"
        if self._status_may_pass(status):
            return ""
        hint = next((advice for words, advice in HINTS if re.search(words, said, re.IGNORECASE)), "")
        if status in NOT_THERE:
            return "\n".join(filter(None, (hint, self._not_found_advice())))
        return hint

    def _wait_s(self, details: Mapping[str, Any]) -> float | None:
        """The seconds that the provider asks to wait: from a header, or (Gemini) from the error's details."""
        milliseconds = self.headers.get("retry-after-ms", "")
        if re.fullmatch(r"\d{1,12}(\.\d+)?", milliseconds):
            return float(milliseconds) / 1000
        after = self.headers.get("retry-after", "").strip()
        if re.fullmatch(r"\d{1,9}(\.\d+)?", after):
            return float(after)
        if after:
            return _seconds_until(after)
        delay = re.search(r"'retryDelay': '(\d{1,9}(?:\.\d+)?)s'", str(details.get("details", "")))
        return float(delay[1]) if delay else None


def _upstream(details: Mapping[str, Any]) -> str:
    """The provider behind a gateway that failed (OpenRouter names it)."""
    metadata = details.get("metadata")
    name = metadata.get("provider_name") if isinstance(metadata, Mapping) else None
    return f" from {shorten(str(name), 60)}" if name else ""


def _seconds_until(date: str) -> float | None:
    try:
        then = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp() - CLOCK.now().timestamp())
