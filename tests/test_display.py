"""Text that people read."""

from __future__ import annotations

import pytest

from pytest_duolog.display import and_more, listed

NAMES = ["Ann", "Ben", "Cem", "Dan"]


@pytest.mark.parametrize(
    ("n", "text"),
    [
        (0, ""),
        (1, "Ann"),
        (3, "Ann, Ben, Cem"),
        (4, "Ann, Ben, Cem and 1 more"),
    ],
)
def test_few_names_are_listed_and_the_others_counted(n: int, text: str):
    assert listed(NAMES[:n], 3) == text


def test_names_may_stand_between_other_words():
    assert listed(NAMES[:2], between=" and ") == "Ann and Ben"
    assert listed(NAMES, 2, between=" and ") == "Ann and Ben and 2 more"


def test_what_is_left_out_is_counted_with_its_noun():
    assert and_more(3, 3, "messages") == []
    assert and_more(5, 3, "messages") == ["and 2 more messages"]
