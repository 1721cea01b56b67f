"""Which language a text is in: ten languages, further scripts, and silence where the evidence is thin."""

from __future__ import annotations

import pytest

from pytest_duolog.detectors.languages import language_of

SENTENCES = {
    "en": "I would like to know when the next train to the coast leaves, and what it costs for two.",
    "de": "Ich möchte wissen, wann der nächste Zug an die Küste fährt und was er für zwei kostet.",
    "fr": "Je voudrais savoir quand le prochain train pour la côte part, et ce qu'il coûte pour deux.",
    "es": "Me gustaría saber cuándo sale el próximo tren a la costa y lo que cuesta para dos.",
    "it": "Vorrei sapere quando parte il prossimo treno per la costa e quanto costa per due, se non è tardi.",
    "pt": "Gostaria de saber quando sai o próximo comboio para a costa e se não é muito caro para dois.",
    "id": "Saya ingin tahu kapan kereta berikutnya ke pantai akan berangkat dan berapa harganya untuk dua orang.",
    "zh": "我想知道下一班去海边的火车什么时候开，两个人要多少钱。",
    "ja": "次の海岸行きの電車は何時に出発しますか。二人でいくらかかりますか。",
    "ko": "다음 해안행 기차가 언제 출발하는지, 두 사람 요금이 얼마인지 알고 싶습니다.",
    "Cyrillic": "Я хотел бы знать, когда отправляется следующий поезд на побережье.",
    "Arabic": "أود أن أعرف متى يغادر القطار التالي إلى الساحل.",
    "Hebrew": "הייתי רוצה לדעת מתי יוצאת הרכבת הבאה לחוף",
    "Greek": "Θα ήθελα να μάθω πότε φεύγει το επόμενο τρένο για την ακτή.",
}


@pytest.mark.parametrize(("language", "sentence"), SENTENCES.items(), ids=SENTENCES)
def test_sentence_shows_its_language(language, sentence):
    assert language_of(sentence) == language


@pytest.mark.parametrize(
    "content",
    [
        "",
        "OK!",
        "12:30",
        "🎉🎉🎉",
        "Bonjour, Monsieur Dupont!",
        "Jag skulle vilja veta när nästa tåg till kusten går och vad det kostar för två personer.",
        "Ik zou graag willen weten wanneer de volgende trein naar de kust vertrekt.",
        SENTENCES["en"] + SENTENCES["it"],
        "再见",
    ],
    ids=["empty", "short", "clock", "emoji", "names", "Swedish", "Dutch", "half and half", "two letters"],
)
def test_thin_evidence_says_nothing(content):
    assert language_of(content) is None


@pytest.mark.parametrize(
    "aside",
    [
        "```\nif der_wert is not none and die_zahl or das_ende: pass  # der die das und ist nicht\n```",
        'The sign said "der Zug ist nicht da und fährt nicht mit der Bahn und die Fahrt ist aus".',
        "「次の海岸行きの電車は何時に出発しますか。二人でいくらかかりますか。次の海岸行きの電車」",
        "https://example.org/der/die/das/und/ist/nicht",
    ],
    ids=["code", "quotation", "corner brackets", "address"],
)
def test_code_and_quotations_are_no_evidence(aside):
    assert language_of(f"{SENTENCES['en']} {aside}") == "en"
