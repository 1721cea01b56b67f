"""Number words in seven languages, and marks of thousands and decimals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.detectors.number_words import decimal_mark, in_digits, without_marks

ONES = [
    *(
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
    ),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def spelled(number: int, between: str) -> str:
    if number < len(ONES):
        return ONES[number]
    tens, ones = divmod(number, 10)
    return TENS[tens - 2] + (between + ONES[ones] if ones else "")


@given(st.integers(0, 99), st.sampled_from("- "))
def test_numbers_below_a_hundred_come_back_from_words(number: int, between: str):
    assert in_digits(f"we have {spelled(number, between)} rooms") == f"we have {number} rooms"


@pytest.mark.parametrize(
    "words",
    [
        "thirty-five",
        "fünfunddreißig",
        "trente-cinq",
        "treinta y cinco",
        "trentacinque",
        "trinta e cinco",
        "vijfendertig",
    ],
)
def test_each_language_says_tens_and_ones_in_its_own_way(words: str):
    assert in_digits(f"({words})") == "(35)"


@given(st.integers(0, 10**12), st.sampled_from([",", ".", "'", "’", "\u202f", " "]))
def test_marks_of_thousands_are_left_out(number: int, mark: str):
    assert without_marks(f"{number:,}".replace(",", mark), None) == str(number)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("in 2024 300 people", "in 2024 300 people"),
        ("1.234,50 euros", "1234.50 euros"),
        ("2,500.75", "2500.75"),
        ("12.05.2024", "12.05.2024"),
        ("12 350 and 9,999 9,999", "12350 and 9999 9999"),
    ],
)
def test_numbers_that_stand_beside_each_other_stay_two(text: str, digits: str):
    assert without_marks(text, None) == digits


@pytest.mark.parametrize(
    ("said", "with_point", "with_comma"),
    [
        ("2.500", "2.500", "2500"),
        ("2,500", "2500", "2.500"),
        ("2.500,75", "2500.75", "2500.75"),
        ("2,500.75", "2500.75", "2500.75"),
        ("1.234.567", "1234567", "1234567"),
        ("12,5", "12,5", "12.5"),
        ("12,50", "12.50", "12.50"),
    ],
)
def test_the_decimal_mark_of_the_language_decides(said: str, with_point: str, with_comma: str):
    assert (without_marks(said, "."), without_marks(said, ",")) == (with_point, with_comma)


@pytest.mark.parametrize(
    ("content", "otherwise", "mark"),
    [
        ("The jug holds 2.500 litres.", "", "."),
        ("Der Tank fasst 2.500 Liter.", "", ","),
        ("Il serbatoio contiene 2.500 litri.", "The tank is in the yard.", ","),
        ("2.500 euros.", "The tank is in the yard.", "."),
        ("2.500 euros.", "Der Tank ist im Hof.", ","),
        ("2.500 euros.", "", None),
    ],
)
def test_a_text_tells_its_decimal_mark_or_another_one_does(content: str, otherwise: str, mark: str | None):
    assert decimal_mark(content, otherwise) == mark
