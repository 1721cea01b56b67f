"""Many phrases, searched at once."""

from __future__ import annotations

import re
import tomllib
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.detectors import courtesies, lexicon, phrases, text
from pytest_duolog.detectors.closings import Cue, read_leave
from pytest_duolog.detectors.expressions import beginnings, chosen, needed_letters, plain_expression
from pytest_duolog.detectors.phrases import PhraseBook, Shelf

PHRASES = {
    f"{table}: {family}": phrases
    for table in ("lexicon", "role_phrases")
    for family, phrases in tomllib.loads(
        resources.files("pytest_duolog.detectors").joinpath(f"{table}.toml").read_text("utf-8")
    ).items()
    if isinstance(phrases, list)
}


@pytest.mark.parametrize(
    ("phrase", "matched", "not_matched"),
    [
        (r"\bbye\b", "well, bye.", "goodbye"),
        (r"good-?bye", "xgoodbye", "good  bye"),
        (r"\b(?:see|c) you\b", "c you", "sc you"),
        (r"\b(?:que )?(?:tenga|ten) un\b", "ten un", "xten un"),
        (r"\b(?:very )?w?ell\b", "very ell", "swell"),
        (r"^(?:no|nope)\b", "nope", "so no"),
        (r"one|\b(?:two|t[hr]ee) [|)]", "tree |", "tree"),
        (r"(?:ha)+ bye", "haha bye", "bye"),
        (r"\(?:x|\[y\]", "[y]", "y"),
        ("再见", "那么再见", "再"),
        (r"\bto you", "it's to you", "unto you"),
        (r"\bd'accord", "tout d'accord", "cd'accord"),
        (r"\b's been", "it's been", "'s been"),
        (r"[,(] nothing", "no( nothing", "no nothing"),
        (r"\b\w+ (?:agree|concur)\b", "they agree", "disagree"),
        (r"(?<!d')\badieu\b", "adieu", "d'adieu"),
        (r"\bg2g\b", "ok g2g", "ok g2"),
        (r"\bda+h\b", "daaah", "dad"),
        (r"\b(?:is|was) (?:\w+ ){0,3}(?:joy|fun)\b", "it was a great joy", "it was a great day"),
        (r"\bi (?:really |so )*(?:like|love) (?:it|this)\b", "i really so love it", "i really like"),
        (r"[,;] (?:what|do)(?:n't)? (?:you|i)\b", "well, what you", "what you"),
    ],
)
def test_a_phrase_keeps_its_meaning(phrase: str, matched: str, not_matched: str):
    book = PhraseBook(lambda: [phrase, "zzz"])
    assert book.search(matched)
    assert not book.search(not_matched)


def _words_of(family: str) -> list[str]:
    return sorted({word for phrase in PHRASES[family] for word in re.findall(r"[^\W\d_]+", phrase)})


@pytest.mark.parametrize("family", PHRASES)
def test_a_family_matches_as_its_phrases_would_one_by_one(family: str):
    phrases = [re.sub(r"{\w+}", "day", phrase) for phrase in PHRASES[family]]
    plain, quick = re.compile("|".join(phrases)), PhraseBook(lambda: phrases)

    @given(st.lists(st.sampled_from([*_words_of(family), ",", ".", "?", "day"]), max_size=12))
    def same(words: list[str]) -> None:
        for said in (" ".join(words), "".join(words)):
            found = plain.search(said)
            assert quick.search(said) == bool(found), said
            assert quick.first(said) == (found.start() if found else None), said

    same()


@pytest.mark.parametrize(
    ("expression", "begins"),
    [
        (r"thank you\b", {("thank", "you")}),
        (r"thank(?: (?:a lot|so much))?[!.]", {("thank", ""), ("thank", "a"), ("thank", "so")}),
        (r"byee?", {("bye", ""), ("byee", "")}),
        (r"it's,? been", {("it", "s")}),
        (r"no\w* more", {("no", "")}),
        (r"see .{0,9}you", {("see", "")}),
        (r"bye(?! the)", {("bye", "")}),
        (r"da+h", {("da", "")}),
        (r"g2g", {("g", "2")}),
        (r"i (?:so |do )*(?:like|love) it", {("i", "so"), ("i", "do"), ("i", "like"), ("i", "love")}),
        (r"a (?:nice ){0,2}day", {("a", "nice"), ("a", "day")}),
        (r"so (?:\w+ )?true", {("so", ""), ("so", "true")}),
    ],
)
def test_an_expression_begins_with_these_words(expression: str, begins: set[tuple[str, str]]):
    assert {(one.first, one.second) for one in beginnings(expression)} == begins


@pytest.mark.parametrize(
    ("expression", "needed"),
    [
        (r"is (?:a )?(?:\w+ ){0,4}(?:joy|plea[st]ure)\b", [("is ",), ("joy", "plea")]),
        (r"no(?:pe)?[!.]+ (?!not )thank(?:s| you)", [("no",), ("thank",)]),
        (r"(?:\w+ )?thanks?\.{2,3} *bye", [("thank",), ("bye",)]),
    ],
)
def test_an_expression_needs_these_letters(expression: str, needed: list[tuple[str, ...]]):
    assert list(needed_letters(expression)) == needed


def test_a_part_of_a_text_has_the_phrases_that_it_has_alone():
    assert lexicon.POLITE.search("thank you.", within="it is noon. thank you. bye.")
    assert not lexicon.POLITE.search("it is noon.", within="it is noon. thank you. bye.")


@pytest.mark.parametrize("said", ["i have to thank you ", "it is w{} there "])
def test_a_text_is_searched_for_what_phrases_need_once(said: str, monkeypatch: pytest.MonkeyPatch):
    searched: list[str] = []

    def has_one(normalised: str, needed: tuple[str, ...]) -> bool:
        searched.append(normalised)
        return False

    lexicon.POLITE.search("load the phrases")
    monkeypatch.setattr(phrases, "_has_one", has_one)
    few, many = ("".join(said.format(at) for at in range(n)) for n in (40, 400))
    lexicon.POLITE.search(few)
    n_few = len(searched)
    lexicon.POLITE.search(many)
    assert n_few == len(searched) - n_few > 0


def _alone(phrase: str) -> re.Pattern[str]:
    expression, key = plain_expression(phrase)
    before = "" if text.is_unspaced(key) else rf"(?<!\w)(?<![{text.SIGNS}])"
    return re.compile(f"{before}(?:{expression})")


@given(st.lists(st.sampled_from(sorted(courtesies.phrases("thanks", "goodbye"))), min_size=1), st.data())
def test_plain_phrases_are_found_as_one_by_one(phrases: list[str], data: st.DataObject):
    words = [word.strip("*") or "day" for phrase in phrases for word in re.findall(r"[^\s{}|]+", phrase)]
    said = text.normalise(" ".join(data.draw(st.lists(st.sampled_from([*words, ",", "'", "x"]), max_size=9))))
    found = any(_alone(phrase).search(said) for phrase in chosen(phrases))
    assert PhraseBook(list, phrases).search(said) == found


BOOKS = {name: book for name, book in vars(lexicon).items() if isinstance(book, PhraseBook)}
WORDS = sorted({word for family in PHRASES for word in _words_of(family)})


@given(st.lists(st.sampled_from([*WORDS, ".", "!", ",", "'", "\n", "day", "zebra", "42"]), max_size=9))
def test_a_book_that_cannot_be_in_a_text_is_in_none_of_its_sentences(words: list[str]):
    said = text.normalise(" ".join(words))
    for book in BOOKS.values():
        if not book.may_be_in(said):
            for part in (said, *text.sentences(said)):
                assert not book.search(part), part
                assert book.subn("", part) == (part, 0), part
    if not lexicon.POLITE.may_be_in(said):
        assert read_leave(said).cue is Cue.NONE


def test_texts_of_machines_can_have_no_phrase():
    assert not any(book.may_be_in("xk2 9fh33 sdb4 mounted") for book in BOOKS.values())
    assert lexicon.POLITE.may_be_in("ok. thank you")


def test_books_on_a_shelf_find_the_phrases_that_they_share_and_their_own():
    shelf = Shelf()
    one, other = (
        PhraseBook(lambda own=own: [r"\bshared words?\b", r"(?:\w+ )?common", own], shelf=shelf)
        for own in (r"\bshared secret\b", r"\bsham\b")
    )
    for said, in_one, in_other in (
        ("a shared word", True, True),
        ("so uncommon", True, True),
        ("a shared secret", True, False),
        ("what a sham", False, True),
        ("nothing", False, False),
    ):
        assert (one.search(said), other.search(said)) == (in_one, in_other)
    late = PhraseBook(lambda: [r"\bsham\b", r"\bnothing\b"], shelf=shelf)
    assert late.search("what a sham")
    assert late.search("nothing")
    assert other.search("what a sham")


def test_a_text_is_searched_when_another_thread_has_read_the_phrases(monkeypatch: pytest.MonkeyPatch):
    """Dialogues are read in the thread of their event loop while a test reads one in its own."""
    shelf = Shelf()
    book = PhraseBook(lambda: [r"\bbye\b", r"\bso long\b"], shelf=shelf)
    reads, goes_on = Event(), Event()
    placed = PhraseBook.placed

    def slowly(self: PhraseBook) -> object:
        reads.set()
        assert goes_on.wait(30)
        return placed(self)

    monkeypatch.setattr(PhraseBook, "placed", slowly)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(book.search, "well, bye now")
        assert reads.wait(30)
        second = pool.submit(book.search, "so long, then")
        assert not second.done()
        goes_on.set()
        assert first.result(30)
        assert second.result(30)
