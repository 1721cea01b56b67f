"""Which language a text is in: ten languages, further scripts, and silence where the evidence is thin."""

from __future__ import annotations

import pytest

from pytest_duolog.detectors import languages
from pytest_duolog.detectors.languages import guess_language, language_of, unread_language

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
    "ru": "Я хотел бы знать, когда отправляется следующий поезд на побережье.",
    "ar": "أود أن أعرف متى يغادر القطار التالي إلى الساحل.",
    "sv": "Jag skulle vilja veta när nästa tåg till kusten går och vad det kostar för två personer.",
    "nl": "Ik zou graag willen weten wanneer de volgende trein naar de kust vertrekt.",
    "pl": "Chciałabym wiedzieć, kiedy odjeżdża następny pociąg nad morze i ile to kosztuje dla dwóch osób.",
    "cs": "Chtěla bych vědět, kdy jede další vlak k moři a kolik to stojí pro dva.",
    "hu": "Szeretném tudni, hogy mikor indul a következő vonat a tengerhez, és mennyi az két embernek.",
    "ro": "Aș vrea să știu când pleacă următorul tren spre mare și cât costă pentru două persoane.",
    "fi": "Haluaisin tietää, milloin seuraava juna rannikolle lähtee ja paljonko se on kahdelta.",
    "tr": "Sahile giden bir sonraki tren ne zaman kalkıyor ve iki kişi için ne kadar, öğrenmek istiyorum.",
    "sw": "Ningependa kujua treni ya pwani ni ya saa ngapi na bei yake kwa watu wawili.",
    "vi": "Tôi muốn biết khi nào có chuyến tàu ra biển và giá vé cho hai người là bao nhiêu.",
    "uk": "Я хотіла б знати, коли вирушає наступний потяг до моря і скільки це коштує для двох.",
    "bg": "Искам да знам кога тръгва следващият влак за морето и колко струва това за двама.",
    "fa": "می خواهم بدانم که قطار بعدی به ساحل کی می رود و برای دو نفر چند است.",
    "hi": "मैं जानना चाहता हूँ कि समुद्र तट की अगली ट्रेन कब जाती है और दो लोगों के लिए कितने रुपये लगेंगे।",
    "bn": "আমি জানতে চাই সমুদ্রের পরের ট্রেন কখন ছাড়ে এবং দুই জনের জন্য কত লাগে।",
    "th": "อยากรู้ว่ารถไฟไปชายทะเลขบวนต่อไปออกกี่โมง และสองคนราคาเท่าไร",
    "he": "הייתי רוצה לדעת מתי יוצאת הרכבת הבאה לחוף",
    "el": "Θα ήθελα να μάθω πότε φεύγει το επόμενο τρένο για την ακτή.",
}


@pytest.fixture(autouse=True, params=["with the library", "without it"])
def library(request, monkeypatch):
    if request.param == "without it":
        monkeypatch.setattr(languages, "_library", lambda: None)
    else:
        pytest.importorskip("py3langid")


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
        SENTENCES["en"] + SENTENCES["it"],
        "再见",
    ],
    ids=["empty", "short", "clock", "emoji", "names", "half and half", "two letters"],
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


@pytest.mark.parametrize(
    "content",
    [
        "Haan bilkul, kal subah office mein milte hain aur report final kar dete hain.",
        "Mera order abhi tak nahi aaya, please check kar lo.",
        "Ana mish fahem 7aga, momken call me later ya habibi?",
    ],
)
def test_two_languages_in_one_text_are_a_mixture(content):
    guess = guess_language(content)
    assert guess.language is None
    assert "en" in guess.mixed


ZULU = (
    "Sawubona, ngicela ukubhuka ikamelo lezinsuku ezimbili. Ufika nini? Ngifika ngoLwesihlanu kusihlwa. "
    "Kulungile, sikugcinele ikamelo. Ngiyabonga kakhulu, usale kahle. Hamba kahle."
)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (
            "გამარჯობა, მინდა ოთახის დაჯავშნა ორი ღამით. რა ღირს ერთი ღამე ზღვის ხედით? კარგი, ავიღებ.",
            "Georgian",
        ),
        (
            "Բարև ձեզ, ես ուզում եմ երկու տոմս գնել Գյումրիի համար։ Շաբաթ առավոտյան, եթե կարելի է ամենաէժանը։",
            "Armenian",
        ),
        (
            "ორი ხაჭაპური, გეთაყვა.\nინებეთ.\nნახვამდის.",
            "Georgian",
        ),
        (
            ZULU,
            None,
        ),
    ],
    ids=["Georgian", "Armenian", "few words", "Zulu"],
)
def test_a_language_nobody_taught_is_told(content, name):
    found = unread_language(content)
    assert found == name if name else found in ("zu", languages.UNKNOWN)


@pytest.mark.parametrize("language", SENTENCES)
def test_a_known_language_is_read(language):
    assert unread_language(SENTENCES[language]) is None
