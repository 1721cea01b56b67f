"""Records the dialogues of `benchmarks/data/recorded.txt` and `later/recorded2.txt`: two copies of the embedded model.

    pytest benchmarks/record_dialogues.py --record-mode=once -p no:randomly

The transcripts are written beside the cassettes, one JSON file a dialogue. The labels are written by hand, by whoever
has read the dialogue (see `benchmarks/data/README.md`).
"""

from __future__ import annotations

from pathlib import Path

import pytest

DEBATE = "You are in a debate. Disagree politely, and give one new reason."
TOPIC = "You are an AI in conversation with another AI. Stay strictly on topic."
PERSON = "You are chatting with a friend. Answer in one or two short sentences, then ask something back."

# Name: (system prompt, opener, temperature, frequency penalty).
CONDITIONS = {
    "hello-cold": (TOPIC, "Hello.", 0.2, 0.0),
    "hello-warm": (TOPIC, "Hello.", 1.0, 0.0),
    "hello-bare": (None, "Hello.", 0.7, 0.0),
    "code": (TOPIC, "Let us discuss language models that write code.", 0.7, 0.0),
    "code-penalised": (TOPIC, "Let us discuss language models that write code.", 0.9, 0.8),
    "garden": (PERSON, "I planted tomatoes yesterday.", 0.8, 0.0),
    "garden-penalised": (PERSON, "I planted tomatoes yesterday.", 1.0, 1.0),
    "film": (PERSON, "Did you see a good film lately?", 0.9, 0.5),
    "holiday": (PERSON, "Where shall we go on holiday?", 0.8, 0.0),
    "holiday-warm": (PERSON, "Where shall we go on holiday?", 1.2, 0.6),
    "recipe": (PERSON, "How do you make pancakes?", 0.7, 0.0),
    "recipe-penalised": (PERSON, "How do you make pancakes?", 1.0, 0.8),
    "cat": (PERSON, "My cat sleeps all day.", 0.9, 0.4),
    "debate": (DEBATE, "Cities should ban cars.", 0.8, 0.3),
    "debate-warm": (DEBATE, "Cities should ban cars.", 1.2, 0.9),
    "interview": ("You are at a job interview for a librarian.", "Tell me about yourself.", 0.7, 0.2),
    "tutor": ("You are in a lesson about fractions.", "What is one half plus one quarter?", 0.5, 0.0),
    "tutor-warm": ("You are in a lesson about fractions.", "What is one half plus one quarter?", 1.0, 0.7),
    "support": ("You are on the phone about a broken washing machine.", "My washing machine leaks.", 0.8, 0.3),
    "story": ("You write a story together. Add one sentence, no more.", "The lighthouse was empty.", 0.9, 0.6),
    "story-warm": ("You write a story together. Add one sentence, no more.", "The lighthouse was empty.", 1.3, 1.0),
    "riddle": ("You ask each other riddles.", "What has keys and opens no door?", 0.9, 0.5),
    "space": (TOPIC, "What is on the far side of the moon?", 0.7, 0.0),
    "space-penalised": (TOPIC, "What is on the far side of the moon?", 1.0, 0.9),
    "thanks": ("You are polite and thankful.", "Thank you so much for your help with the report.", 0.7, 0.0),
    "thanks-warm": ("You are polite and thankful.", "Thank you so much for your help with the report.", 1.1, 0.6),
    "goodbye": ("You are polite.", "It was lovely to talk with you. Goodbye!", 0.7, 0.0),
    "goodbye-warm": ("You are polite.", "It was lovely to talk with you. Goodbye!", 1.1, 0.6),
    "goodbye-short": ("You are polite. Answer with at most five words.", "Goodbye, take care!", 0.9, 0.4),
    "praise": ("You praise the other one.", "You explain things so well.", 0.9, 0.3),
    "acknowledge": ("You acknowledge what you are told, in a few words.", "The shipment has arrived.", 0.7, 0.2),
    "deutsch": ("Antworte auf Deutsch, in einem kurzen Satz.", "Guten Tag, wie geht es dir?", 0.7, 0.3),
    "francais": ("Réponds en français, en une phrase courte.", "Bonjour, que fais-tu aujourd'hui ?", 0.7, 0.3),
    "espanol": ("Responde en español, con una frase corta.", "Hola, ¿qué tal el trabajo?", 0.7, 0.3),
    "emoji": ("Answer with emoji only.", "🌞🌻", 1.0, 0.2),
    "numbers": ("You count together. Say the next number.", "One.", 0.5, 0.0),
    "philosophy": (None, "What do you think it is like to be you?", 0.9, 0.4),
    "philosophy-warm": (None, "What do you think it is like to be you?", 1.2, 0.9),
    "poem": ("You write a poem together, one line each.", "The river runs below the bridge,", 0.9, 0.5),
    "budget": ("You plan the budget of a small school.", "We have 500 euros for books.", 0.8, 0.5),
    "dog": (PERSON, "Our dog ran away and came back.", 1.0, 0.8),
    "train": (PERSON, "My train was late again.", 0.9, 0.8),
    "music": (PERSON, "I am learning the violin.", 1.0, 0.9),
    "cooking": (PERSON, "The soup is too salty.", 1.1, 0.9),
}  # fmt: skip

PARTY = "You are at a party with somebody you do not know well. Be curious, and stay brief."
WORK = "You are at work, in a short meeting. Say what you have done, or ask for what you need."
SHOP = "You serve in a small shop. Be friendly and brief."
ADVICE = "You give advice to each other."
FREE = "You may talk about whatever you like."

# The same, and the seed.
LATER = {
    "weather": (PARTY, "What weather we have had this week.", 0.6, 0.2, 101),
    "weather-hot": (PARTY, "What weather we have had this week.", 1.25, 0.7, 102),
    "bicycle": (PARTY, "I built a bicycle from old parts.", 0.9, 0.6, 103),
    "bicycle-cold": (PARTY, "I built a bicycle from old parts.", 0.3, 0.0, 104),
    "deadline": (WORK, "We must send the brochure to the printer on Friday.", 0.8, 0.4, 105),
    "deadline-hot": (WORK, "We must send the brochure to the printer on Friday.", 1.2, 0.9, 106),
    "stock": (WORK, "How many boxes are left in the warehouse?", 0.7, 0.1, 107),
    "bread": (SHOP, "Do you have rye bread today?", 0.8, 0.3, 108),
    "shoes": (SHOP, "These shoes are too small for me.", 0.5, 0.0, 110),
    "free": (FREE, "There is nobody here but us.", 0.9, 0.3, 111),
    "bare-question": (None, "Can you help me with something?", 0.7, 0.0, 113),
    "bare-hot": (None, "Can you help me with something?", 1.1, 0.8, 114),
    "advice": (ADVICE, "I cannot sleep at night.", 0.8, 0.5, 115),
    "advice-cold": (ADVICE, "I cannot sleep at night.", 0.2, 0.2, 116),
}  # fmt: skip
SEEDED = [pytest.param(name, marks=pytest.mark.dialogue(seed=of[-1])) for name, of in LATER.items()]


@pytest.mark.parametrize("name", CONDITIONS)
@pytest.mark.dialogue(turns=12, max_tokens=70, seed=11, stop_on=())
def test_record(dialogue, name):  # noqa: ARG001  # the scenario below is made for this name
    write(dialogue)


@pytest.mark.parametrize("name", SEEDED)
@pytest.mark.dialogue(turns=11, max_tokens=36, stop_on=())
def test_record_later(dialogue, name):  # noqa: ARG001
    write(dialogue)


def write(dialogue):
    path = Path(dialogue.cassette_path).with_suffix(".transcript.json")
    path.write_text(dialogue.transcript.to_json(), encoding="utf-8")


@pytest.fixture
def duolog_scenario(request):
    system, opener, temperature, penalty, *_ = {**CONDITIONS, **LATER}[request.node.callspec.params["name"]]
    side = {"extra": {"frequency_penalty": penalty}}
    prompt = {"system": system} if system else {}
    return {**prompt, "opener": opener, "temperature": temperature, "a": side, "b": side}
