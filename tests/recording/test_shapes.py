"""Secrets of eighty kinds are found in whatever they are written, and innocent texts are left alone."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from itertools import islice
from urllib.parse import quote

import pytest

from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.recording.secret_spans import shaped
from pytest_duolog.recording.shapes import SHAPES
from tests.planted import innocents, planted

SEED = 20261129
KINDS = planted(SEED)


def in_small_hex(text: str) -> str:
    return re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), quote(text, safe=""))


WAYS: dict[str, Callable[[str], str]] = {
    "alone": str,
    "in a sentence": "It is {}, I think.".format,
    "on a line": "one\n{}\ntwo".format,
    "in JSON": lambda text: json.dumps({"t": f"this: {text}"}),
    "in JSON in JSON": lambda text: json.dumps(json.dumps({"t": text})),
    "with escaped slashes": lambda text: json.dumps([text]).replace("/", "\\/"),
    "in an address": lambda text: f"https://h.example/?q={quote(text, safe='')}&r=1",
    "in an address, small": lambda text: f"https://h.example/?q={in_small_hex(text)}&r=1",
    "in a form": lambda text: f"q={quote(text, safe='').replace('%20', '+')}&r=1",
    "as Python shows it": lambda text: repr({"t": text}),
    "in HTML": lambda text: f"<p>{html.escape(text)}</p>",
    "after a colour": "\x1b[31m{}\x1b[0m".format,
}


def test_there_are_enough_kinds():
    assert len(KINDS) >= 80


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_of_a_secret(kind: str, way: str) -> None:
    text, cores = KINDS[kind]
    written = WAYS[way](text)
    shown = Redactor({}).text(written)
    assert "[redacted " in shown
    assert [core for core in cores if core in shown or quote(core, safe="") in shown] == []
    assert Redactor({}).text(shown) == shown


@pytest.mark.parametrize("seed", range(3))
def test_luck_has_no_part_in_it(seed: int) -> None:
    redactor = Redactor({})
    left = [
        kind
        for kind, (text, cores) in planted(seed).items()
        if any(core in redactor.text(text) for core in cores)
    ]
    assert left == []


def test_all_at_once_are_found_too() -> None:
    shown = Redactor({}).text("\n".join(text for text, _ in KINDS.values()))
    assert [kind for kind, (_, cores) in KINDS.items() if any(core in shown for core in cores)] == []


@pytest.mark.parametrize("around", ['"{}"', ' "a":"{}","b"', '\\"{}\\"', '{}"', '"x{}', "{} "])
def test_a_word_that_is_too_short_for_a_secret_hides_none(around: str) -> None:
    texts = [around.format(secret) for text, cores in KINDS.values() for secret in (text, *cores)]
    everywhere = [anchor for shape in SHAPES for anchor in shape.anchors]
    assert len(everywhere) > 100
    for text in texts:
        found = {span for shape in SHAPES for anchor in shape.anchors for span in shape.spans(text, anchor)}
        assert found <= set(shaped(text)), text


def changed_innocents(n: int) -> list[str]:
    redactor = Redactor({})
    makers = innocents(SEED)
    texts = (make() for _ in range(n // len(makers) + 1) for make in makers.values())
    return [text for text in islice(texts, n) if redactor.text(text) != text]


def test_innocent_texts_are_left_alone() -> None:
    assert changed_innocents(1000) == []


@pytest.mark.slow
def test_ten_thousand_innocent_texts_are_left_alone() -> None:
    assert len(changed_innocents(10_000)) <= 100
