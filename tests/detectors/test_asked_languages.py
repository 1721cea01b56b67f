"""Which languages a message asks for."""

from __future__ import annotations

import pytest

from pytest_duolog.detectors.asked_languages import asked_languages
from pytest_duolog.detectors.languages import LANGUAGES


@pytest.mark.parametrize(
    ("asking", "code"),
    [
        ("Please go on in Dutch.", "nl"),
        ("Can you say that again in plain English?", "en"),
        ("Kannst du mir das auf Italienisch schreiben?", "it"),
        ("Parlez-vous allemand ?", "de"),
        ("¿Y en portugués?", "pt"),
        ("Rispondi in francese, per favore.", "fr"),
        ("Spreek je ook Frans?", "fr"),
        ("Powiedz to po rosyjsku.", "ru"),
        ("Как это будет по-немецки?", "de"),
        ("Lütfen Almanca yaz.", "de"),
        ("Tolong jawab dalam bahasa Inggris.", "en"),
        ("请用法语回答。", "fr"),
        ("英語で言ってください。", "en"),
        ("영어로 말해 주세요.", "en"),
    ],
)
def test_a_language_that_is_asked_for(asking, code):
    assert asked_languages(asking) == {code}


@pytest.mark.parametrize(
    "asking", ["Could you translate this for me?", "Como se diz « chuva » lá?", "翻译一下。"]
)
def test_a_translation_may_be_into_any_language(asking):
    assert asked_languages(asking) == set(LANGUAGES)


@pytest.mark.parametrize(
    "said",
    [
        "He teaches German at our school.",
        "We stayed in a French village.",
        "Vivo en Rusia desde hace dos años.",
        "Er kocht gern italienisch.",
        "我的英语不好。",
        '"Say it in Spanish", the book begins.',
    ],
)
def test_a_language_that_is_only_spoken_of(said):
    assert not asked_languages(said)
