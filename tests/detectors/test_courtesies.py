"""Taking leave in many languages: each with an ending, and with words of the same kind that end nothing."""

from __future__ import annotations

import pytest

from pytest_duolog.detectors import courtesies, text
from pytest_duolog.detectors.closings import ClosingDetector

# The last message and its answer, and two messages that go on.
TALKS = {
    "ar": (("شكرا لك، أراك غدا", "مع السلامة"), ("شكرا، وأين المفتاح؟", "السلام عليكم، هو على الطاولة")),
    "ru": (("Спасибо, до завтра!", "До завтра!"), ("Пока чайник греется, нарежьте хлеб.", "Спасибо, а где нож?")),
    "hi": (("शुक्रिया, कल मिलते हैं", "बाय, अपना ध्यान रखना"), ("धन्यवाद, चाबी कहाँ है?", "मेज़ पर रखी है")),
    "sw": (("Asante, tutaonana kesho", "Haya, usiku mwema"), ("Karibu ndani, basi limefika?", "Bado, liko njiani")),
    "tr": (("Sağ ol, yarın görüşürüz", "Güle güle"), ("Teşekkürler, anahtar nerede?", "Masanın üstünde duruyor")),
    "pl": (("Dzięki, do jutra", "Trzymaj się"), ("Dziękuję, a gdzie jest klucz?", "Leży na stole")),
    "nl": (("Dank je, tot morgen", "Slaap lekker"), ("Bedankt, en waar ligt de sleutel?", "Op de tafel")),
    "vi": (("Cảm ơn, hẹn gặp lại", "Tạm biệt nhé"), ("Cảm ơn, chìa khóa ở đâu?", "Ở trên bàn đó")),
    "th": (("ขอบคุณค่ะ พรุ่งนี้เจอกัน", "บ๊ายบาย"), ("ขนมหมดแล้ว กุญแจอยู่ไหน", "อยู่บนโต๊ะ")),
    "uk": (("Дякую, до завтра", "На добраніч"), ("Дякую, а де ключ?", "Лежить на столі")),
    "fa": (("ممنون، تا فردا", "خدا حافظ"), ("ممنون، کلید کجاست؟", "روی میز است")),
    "he": (("תודה, נתראה מחר", "לילה טוב"), ("תודה, איפה המפתח?", "הוא על השולחן")),
    "el": (("Ευχαριστώ, τα λέμε αύριο", "Καληνύχτα"), ("Ευχαριστώ, πού είναι το κλειδί;", "Πάνω στο τραπέζι")),
    "sv": (("Tack, vi ses imorgon", "Hej då"), ("Tack, var ligger nyckeln?", "På bordet")),
    "cs": (("Díky, na shledanou", "Mějte se"), ("Děkuji, a kde je klíč?", "Leží na stole")),
    "ro": (("Mulțumesc, pe mâine", "Noapte bună"), ("Mulțumesc, unde e cheia?", "Este pe masă")),
    "hu": (("Köszi, viszlát", "Jó éjszakát"), ("Köszönöm, hol van a kulcs?", "Az asztalon van")),
    "bn": (("ধন্যবাদ, কাল দেখা হবে", "শুভ রাত্রি"), ("ধন্যবাদ, চাবি কোথায়?", "টেবিলের উপরে আছে")),
    "da": (("Tak, vi ses i morgen", "Farvel"), ("Tak, hvor ligger nøglen?", "På bordet")),
    "no": (("Takk, vi snakkes", "Ha det bra"), ("Takk, hvor ligger nøkkelen?", "På bordet")),
    "fi": (("Kiitos, nähdään huomenna", "Hyvää yötä"), ("Kiitos, missä avain on?", "Pöydällä se on")),
    "bg": (("Благодаря, до утре", "Лека нощ"), ("Благодаря, къде е ключът?", "На масата е")),
    "hr": (("Hvala, vidimo se sutra", "Laku noć"), ("Hvala, gdje je ključ?", "Na stolu je")),
    "sk": (("Ďakujem, dovidenia", "Dobrú noc"), ("Ďakujem, kde je kľúč?", "Leží na stole")),
    "ca": (("Gràcies, fins demà", "Bona nit"), ("Gràcies, on és la clau?", "És sobre la taula")),
    "ur": (("شکریہ، کل ملتے ہیں", "اللہ حافظ"), ("شکریہ، چابی کہاں ہے؟", "میز پر ہے")),
    "tl": (("Salamat, kita tayo bukas", "Ingat ka"), ("Salamat, nasaan ang susi?", "Nasa mesa")),
    "ta": (("நன்றி, நாளை சந்திப்போம்", "நல்ல இரவு"), ("நன்றி, சாவி எங்கே?", "மேசையில் இருக்கிறது")),
}  # fmt: skip

OPENING = ("12:30, 45?", "45. 12:45.", "12:45.")


def closing(*texts: str) -> int | None:
    detector = ClosingDetector()
    for content in (*OPENING, *texts):
        detector.read(text.normalise(content))
    return detector.at_end()


@pytest.mark.parametrize("language", TALKS)
def test_leave_is_taken(language):
    assert closing(*TALKS[language][0]) == len(OPENING)


@pytest.mark.parametrize("language", TALKS)
def test_thanks_and_greetings_in_the_middle_are_no_leave(language):
    assert closing(*TALKS[language][1]) is None


@pytest.mark.parametrize("language", courtesies.LANGUAGES)
def test_each_language_has_every_family(language):
    for family in ("goodbye", "last", "thanks", "welcome", "enough", "offer", "no"):
        assert list(courtesies.phrases(family, languages=[language])), family


@pytest.mark.parametrize("greeting", ["Hej!", "Ciao", "Γεια σας", "İyi günler", "Доброго дня"])
def test_what_parts_or_greets_counts_only_at_the_end(greeting):
    detector = ClosingDetector()
    for content in (greeting, greeting, "12:30, 45?"):
        detector.read(text.normalise(content))
    assert detector.at_end() is None
    detector.read(text.normalise("45. 12:45."))
    detector.read(text.normalise(greeting))
    assert detector.at_end() == 4


@pytest.mark.parametrize(
    "texts",
    [
        ("నేను హైదరాబాద్ లో ఉంటాను.", "ఓహో, ధన్యవాదాలు."),
        ("โชคดีที่ฝนไม่ตกเมื่อวาน", "ขอบคุณค่ะ"),
        ("کار تا فردا آماده می شود.", "ممنون."),
        ("তোমার দিন কেমন কাটল জানি না।", "ধন্যবাদ।"),
        ("بس ابھی آئی ہے۔", "شکریہ۔"),
        ("என் பை மேசையில் உள்ளது.", "நன்றி."),
        ("यह ध्यान रखना कि दुकान बंद है।", "धन्यवाद।"),
    ],
    ids=["te I live", "th luckily", "fa until tomorrow", "bn your day", "ur bus", "ta bag", "hi mind that"],
)
def test_common_words_that_can_part_are_no_leave_in_the_middle(texts):
    assert closing(*texts, "12:30?") is None
