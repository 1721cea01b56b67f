"""Personal details in texts: what is found, and what is left alone."""

from __future__ import annotations

import pytest

from pytest_duolog.mining.details import details_in

FOUND = {
    "name": [
        ("Hi, my name is Kathleen Silva and I moved.", "Kathleen Silva"),
        ("Hello Linda! How can I help you today?", "Linda"),
        ("This is Sharon Allen, I called yesterday.", "Sharon Allen"),
        ("Kind regards,\nHarriet Davies", "Harriet Davies"),
        ("Dr. Bates knows about it.", "Bates"),
        ("Ich heiße Miguel Weiß.", "Miguel Weiß"),
        ("Bonjour, je m'appelle Théophile Leleu.", "Théophile Leleu"),
        ('{"first_name": "mia", "city": "Rome"}', "mia"),
        ("It is for Kathleen Crawford.", "Kathleen Crawford"),
        ("Yesterday Desmond said so.", "Desmond"),
        ("hi this is marcus delaney, it broke", "marcus delaney"),
        ("my name is siobhan and i moved", "siobhan"),
        ("hey there, tobias here again", "tobias"),
        ("hello siobhan, any news", "siobhan"),
        ("yours sincerely, Theodore Whitcombe", "Theodore Whitcombe"),
        ("ich bin der Thorsten aus der Buchhaltung", "Thorsten"),
        ("ik ben joost, mijn pakket is weg", "joost"),
        ("меня зовут Екатерина Воронцова", "Екатерина Воронцова"),
    ],
    "email": [
        ("<ofrost@gmail.com>", "ofrost@gmail.com"),
        ("jonathan [at] gmail [dot] com", "jonathan [at] gmail [dot] com"),
    ],
    "phone": [
        ("Call me on +44 20 7946 0958.", "+44 20 7946 0958"),
        ("Try 415-867-5309 instead.", "415-867-5309"),
        ("Meine Telefonnummer ist 030 901820.", "030 901820"),
        ("My number is 3878836282.", "3878836282"),
    ],
    "card": [("Visa 4242 4242 4242 4242", "4242 4242 4242 4242"), ("card 344376767757619.", "344376767757619"),
             ("It is 5018 0000 0009.", "5018 0000 0009")],
    "iban": [
        ("IBAN: DE92 6037 7171 6856 1570 63.", "DE92 6037 7171 6856 1570 63"),
        ("GB68KMCL31263262134078", "GB68KMCL31263262134078"),
    ],
    "address": [
        ("I live at 022 Austin Causeway Suite 772.", "022 Austin Causeway Suite 772"),
        ("Ich wohne in der Tlustekweg 41.", "Tlustekweg 41"),
        ("J'habite 94, boulevard Boucher", "94, boulevard Boucher"),
        ("Abito in Strada Pizziol, 56", "Strada Pizziol, 56"),
        ("My zip code is 19122.", "19122"),
    ],
    "birth date": [
        ("I was born on March 4, 1987.", "March 4, 1987"),
        ("DOB: 1979-11-23", "1979-11-23"),
        ("Ich bin am 7. Juli 1968 geboren.", "7. Juli 1968"),
    ],
    "id": [
        ("My SSN is 488-52-2808.", "488-52-2808"),
        ("passport no. 533380006", "533380006"),
        ("codice fiscale CTLRBT55C43L764L", "CTLRBT55C43L764L"),
    ],
    "ip": [
        ("I log in from 105.33.79.206.", "105.33.79.206"),
        ("bc2a:4892:748a:5b92:ca05:edcb:c885:3c5", "bc2a:4892:748a:5b92:ca05:edcb:c885:3c5"),
    ],
    "handle": [
        ("My user ID is mia_li_3668.", "mia_li_3668"),
        ("I'm @andrea56 on Twitter.", "@andrea56"),
        ("see https://github.com/ryan42", "ryan42"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "text", "value"), [(kind, *case) for kind, cases in FOUND.items() for case in cases]
)
def test_a_detail_is_found(kind: str, text: str, value: str):
    assert details_in(text) == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "Hello there! How can I help you today?",
        "Dear customer, thank you for your patience.",
        "I'm German, and this is Great Britain.",
        "this is great, i will hope for a rose in may, and i'm happy",
        "My name is wrong on the ticket, and my name is misspelled.",
        "We fly from Austin to Paris in June, then to Ruth Street.",
        "Bitte sehr, hier ist Ihr Paket. Das Bett ist im Gang.",
        "hello grace period, mark the bill, art is long",
        "Thanks, Monday works. Goodbye!",
        "My order is 4711-0815, tracking 1Z999AA10123456784.",
        "It costs 1,299.00 and ships on 2024-05-20 at 10:30:45.",
        "Version 10.2.14.3 listens at 127.0.0.1.",
        "The card 4242 4242 4242 4241 is invalid.",
        "My order is 4242 4242 4242.",
        "FR00 0000 0000 0000 is no account.",
        "I was born in a small town.",
        "The login page does not load.",
        "Please wait 10 minutes, then call me back.",
        "Take the second street on the left, number 5.",
        "Mr. Chair, we have 12 items.",
        "",
    ],
)
def test_innocent_text_is_left_alone(text: str):
    assert details_in(text) == []
