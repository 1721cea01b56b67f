"""Secrets of eighty kinds are found in whatever they are written, and innocent texts are left alone."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Mapping
from itertools import islice
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_duolog.recording import redaction, secret_spans
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.recording.secret_spans import shaped
from pytest_duolog.recording.shapes import SHAPES, SPACED_SHAPES
from tests.planted import innocents, planted

SEED = 20261129
KINDS = planted(SEED)
EVERYWHERE = [(anchor, shape) for shape in (*SHAPES, *SPACED_SHAPES) for anchor in shape.anchors]


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
    assert len(EVERYWHERE) > 100
    for text in texts:
        found = {span for anchor, shape in EVERYWHERE for span in shape.spans(text, anchor)}
        assert found <= set(shaped(text)), text


VALUES = {"MY_API_KEY": "walnut-42-stairs", "THEIR_PASSWORD": 'a "quoted" one', "A_TOKEN": "kettle71"}
WORDS = [
    "two words ",
    "é\u2028",
    "R&D 5%20",
    "&amp;",
    " is ",
    "login ",
    "\n",
    '"',
    "\\",
    "\\n",
    "\\u006b",
    "/",
    "+",
    "=",
]
PLANTED = [*(text for text, _ in KINDS.values()), *(core for _, cores in KINDS.values() for core in cores)]
LAYERS: list[Callable[[str], str]] = [
    str,
    lambda text: json.dumps([text], ensure_ascii=False),
    lambda text: json.dumps({"t": text}, separators=(",", ":")),
    lambda text: json.dumps([text]).replace("/", "\\/"),
    lambda text: quote(text, safe="/ ", errors="replace"),
    html.escape,
    repr,
    lambda text: base64.b64encode(text.encode("utf-8", "surrogatepass")).decode(),
]


@st.composite
def written(draw: st.DrawFn) -> str:
    """A text with parts of secrets, in up to three layers of escapes."""
    part = st.one_of(
        st.sampled_from([*VALUES.values(), *WORDS]),
        st.sampled_from(PLANTED),
        st.builds(
            lambda text, at, n: text[at : at + n],
            st.sampled_from(PLANTED),
            st.integers(0, 9),
            st.integers(1, 80),
        ),
        st.text(max_size=6),
    )
    text = "".join(draw(st.lists(part, max_size=5)))
    for layer in draw(st.lists(st.sampled_from(LAYERS), max_size=3)):
        text = layer(text)
    return text


def same_as_thorough(text: str, environ: Mapping[str, str]) -> bool:
    """Whether a text is read as by a redactor that searches every shape everywhere."""
    redactor = Redactor(environ, tuple(environ))
    quick = (redactor.text(text), redactor.finds_secret(text))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redaction, "has_no_shape", lambda _: False)
        patch.setattr(secret_spans, "has_no_shape", lambda _: False)
        patch.setattr(secret_spans, "_candidates", lambda _: EVERYWHERE)
        thorough = Redactor(environ, tuple(environ))
        return quick == (thorough.text(text), thorough.finds_secret(text))


@pytest.mark.parametrize("environ", [{}, VALUES, {"MY_API_KEY": VALUES["MY_API_KEY"]}])
@settings(max_examples=100)
@given(text=written())
def test_a_text_that_is_known_to_have_no_secret_has_none(environ: dict[str, str], text: str) -> None:
    assert same_as_thorough(text, environ)


@pytest.mark.parametrize(
    "spelling",
    [
        lambda letter: f"\\u{ord(letter):04x}",
        lambda letter: f"\\x{ord(letter):02x}",
        lambda letter: f"%{ord(letter):02X}",
        lambda letter: letter.replace("/", "\\/"),
        lambda letter: letter.replace(" ", "+").replace("&", "&amp;"),
        lambda letter: json.dumps(letter)[1:-1],
    ],
)
def test_an_anchor_may_be_spelled_in_any_way(spelling: Callable[[str], str]) -> None:
    texts = [
        *(text for text, _ in KINDS.values()),
        *VALUES.values(),
        "a=/api/webhooks/" + "1" * 12 + "/" + "a1B" * 12,
    ]
    written = ["".join(map(spelling, text)) for text in texts]
    assert [text for text in written if not same_as_thorough(text, VALUES)] == []
    assert sum(Redactor(VALUES, tuple(VALUES)).finds_secret(text) for text in written) > 70


def test_a_sign_stands_in_each_anchor() -> None:
    assert [anchor for anchor, shape in EVERYWHERE if shape.sign and shape.sign not in anchor] == []


def test_words_in_quotes_within_a_secret_hide_none() -> None:
    spaces = [(text, found.end()) for text, _ in KINDS.values() for found in re.finditer(" ", text)]
    texts = [f'{text[:at]}"a" {text[at:]}' for text, at in spaces]
    assert [text for text in texts if not same_as_thorough(text, {})] == []
    assert Redactor({}).text('curl "https://h.example" -u bob:d41d8cd9') == (
        'curl "https://h.example" -u bob:[redacted key]'
    )


def test_the_shortest_token_of_a_bot_is_found() -> None:
    assert [*shaped(f"M{'a1' * 11}a.{'b2' * 3}.{'c3' * 13}d")] == [(0, 59, "key")]


def test_most_texts_are_known_to_have_none() -> None:
    texts = [make() for make in innocents(SEED).values() for _ in range(20)]
    known = [text for text in texts if secret_spans.has_no_shape(json.dumps(text, ensure_ascii=False))]
    assert len(known) > len(texts) / 2


def test_what_is_known_without_a_search_has_none() -> None:
    texts = [text for text, _ in KINDS.values()] + [
        make() for make in innocents(SEED).values() for _ in range(20)
    ]
    redactor = Redactor({"LAB_TOKEN": "pl4nted value"})
    known = [text for text in texts if redactor.without_secrets([text])]
    assert [text for text in known if redactor.text(text) != text] == []
    assert len(known) > 50


@pytest.mark.parametrize("secret", [KINDS["AWS"][0], "a pl4nted value", "a pl4nted"])
def test_of_several_texts_a_secret_is_in_none_that_is_known(secret: str) -> None:
    redactor, plain = Redactor({"LAB_TOKEN": "pl4nted value"}), ["Hello number 1.", "Grüße", "value"]
    assert redactor.without_secrets(plain) == set(plain)
    assert (secret in redactor.without_secrets([*plain, secret])) == (redactor.text(secret) == secret)


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
