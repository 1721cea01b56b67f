"""Speakers without a model."""

from __future__ import annotations

import pytest

from pytest_duolog import Reply, Script
from pytest_duolog.endpoints.scripted import SCRIPTED, scripted
from pytest_duolog.errors import ConfigurationError


def history(n_spoken: int) -> list[dict[str, str]]:
    """What a speaker is shown that has spoken so often."""
    talk = [{"role": "user", "content": "Hello."}]
    for number in range(n_spoken):
        talk += [
            {"role": "assistant", "content": f"line {number}"},
            {"role": "user", "content": f"answer {number}"},
        ]
    return talk


def lines_of(speaker, n: int) -> list[object]:
    return [speaker(history(n_spoken)) for n_spoken in range(n)]


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        ("repeat", ["one", "two", "two", "two", "two"]),
        ("cycle", ["one", "two", "one", "two", "one"]),
        ("silence", ["one", "two", "", "", ""]),
    ],
)
def test_lines_are_said_in_order_and_then(then, expected):
    assert lines_of(Script("one", "two", then=then), 5) == expected


def test_script_keeps_no_state():
    script = Script("one", "two", "three")
    assert [script(history(n)) for n in (2, 0, 1, 0)] == ["three", "one", "two", "one"]


def test_line_may_be_a_reply():
    reply = Reply("No.", finish="refused")
    assert Script("one", reply)(history(1)) is reply


def test_script_without_lines_is_refused():
    with pytest.raises(ConfigurationError, match="a Script needs at least one line"):
        Script()


def test_unknown_way_to_go_on_is_refused():
    with pytest.raises(ConfigurationError, match=r"then='stop' \(accepted: repeat, cycle, silence\)"):
        Script("one", then="stop")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("echo", ["Hello.", "answer 0"]),
        ("counter", ["This is message 1 of mine.", "This is message 2 of mine."]),
        ("farewell", ["I think that covers it.", "Thank you, goodbye!"]),
        ("refuser", [Reply("I can't help with that.", finish="refused")] * 2),
        ("silent", ["", ""]),
    ],
)
def test_scripted_models(name, expected):
    assert lines_of(scripted(name), 2) == expected


def test_unknown_scripted_model_is_refused_with_the_known_ones():
    with pytest.raises(ConfigurationError) as caught:
        scripted("parrot")
    assert str(caught.value) == (
        f"unknown model 'scripted:parrot' (known: {', '.join(SCRIPTED)}); "
        "for lines of your own use model=pytest_duolog.Script('line 1', 'line 2')"
    )


@pytest.mark.parametrize("line", [5, None, ["one", "two"], b"one"])
def test_lines_are_texts_or_replies(line):
    with pytest.raises(ConfigurationError, match="a Script has lines of text, or a Reply each"):
        Script("one", line)
