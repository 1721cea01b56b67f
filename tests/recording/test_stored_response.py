"""Which responses are stored."""

from __future__ import annotations

import pytest

from pytest_duolog.endpoints.answers import PASSING_STATUSES
from pytest_duolog.recording.interaction import Body, Response, SentRequest
from pytest_duolog.recording.stored_response import is_answer

SENT = SentRequest("GET", "https://shop.example/orders/7", {}, Body(b""))


@pytest.mark.parametrize("status", sorted({401, 403, 407, 500, 503, 529, *PASSING_STATUSES}))
def test_failed_tries_of_a_function_are_not_stored(status):
    assert not is_answer(Response(status, "", {}, b"{}"), SENT)


@pytest.mark.parametrize("status", [200, 204, 302, 400, 404, 410, 422, 451])
def test_answers_that_a_function_may_handle_are_stored(status):
    assert is_answer(Response(status, "", {}, b"{}"), SENT)
