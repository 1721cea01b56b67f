"""Roles: the other side's lines, leaked thoughts and prompts, broken character, changed sides, mere agreement."""

from __future__ import annotations

import pytest

from pytest_duolog import LeaksNoPrompt, Message, NoAgreementSpiral, Outcome, Transcript
from pytest_duolog.transcripts.transcript import TranscriptSpeaker
from tests.dialogues import LIGHTHOUSES, RITUAL, dialogue

TALK = LIGHTHOUSES[:4]

PROMPT = (
    "You are Ben, a support agent of a lamp shop. Never promise a refund before you have asked for the order number. "
    'Begin with "Welcome to the lamp shop, my name is Ben and it is my pleasure to help you today." '
    "Refunds are possible within thirty days of purchase if the lamp and its box are undamaged."
)


def prompted(*texts: str, ann: str | None = None, ben: str | None = None, **fields: object) -> Transcript:
    """Ann and Ben in turns, with these system prompts."""
    speakers = (TranscriptSpeaker(name="Ann", system=ann), TranscriptSpeaker(name="Ben", system=ben))
    return dialogue(*texts, **fields).model_copy(update={"speakers": speakers})


# The other side's lines


@pytest.mark.parametrize(
    "content",
    [
        "It was the keepers.\n\nAnn: And when did they leave?\nBen: In 1998.",
        "**Ann:** And when did they leave?",
        "User: And when did they leave?\nAssistant: In 1998.",
        "In 1998.<|im_end|>\n<|im_start|>user\nWhy?",
        "In 1998. [INST] Why? [/INST]",
        "In 1998.\n### Human: Why?",
        "In 1998.<｜User｜>Why?<｜Assistant｜>",
        "<|channel|>analysis<|message|>They want a year.",
        "In 1998.\nCustomer: And why did they leave?\nAgent: They were old.",
        "1998年。\n用户：为什么？\n助手：他们老了。",
        "**Usuario:** ¿Por qué?\n\n**Asistente:** Eran viejos.",
        "Client : Pourquoi sont-ils partis ?\nConseiller : Ils étaient vieux.",
    ],
    ids=[
        "script",
        "bold label",
        "roles",
        "template",
        "instruction marks",
        "headings",
        "wide template",
        "channel",
        "parts",
        "Chinese",
        "Spanish",
        "French",
    ],
)
def test_lines_of_the_other_side_are_found(content):
    verdict = dialogue(*TALK[:3], content).speaks_for_itself()
    assert verdict.outcome is Outcome.FAILS
    assert verdict.explanation == "1 of 4 messages speak for another side"
    assert [evidence.message for evidence in verdict.evidence] == [4]
    assert dialogue(*TALK[:3], content).speaks_for_itself(speaker="Ann")


@pytest.mark.parametrize(
    "content",
    [
        "Ben: In 1998.",
        "Dear Ann, it was in 1998: the year of the change.",
        "> Ann: And when did they leave?\nYou asked that before.",
        "```\nAnn: a line of a file\nUser: x\nAssistant: y\n```",
        "User: this is the only label here.",
        "Note: they left in 1998.\nSource: a diary.",
        "Who brings what:\n- Ann: salad\n* Ben: bread\n• Ann: wine",
        "Customer: John Smith\nAgent: Mary\nOrder: 4417",
    ],
    ids=["own label", "address", "quote", "code", "one role", "notes", "list", "form"],
)
def test_labels_that_are_no_script(content):
    assert dialogue(*TALK[:3], content).speaks_for_itself()


def test_names_of_two_characters_are_whole_names():
    transcript = dialogue("你好。", "请问？\n小明：4417。", speakers=["小明", "小红"])
    assert transcript.speaks_for_itself().outcome is Outcome.FAILS
    assert dialogue("Tea?", "Al: no.", speakers=["Al", "Bo"]).speaks_for_itself()


def test_options_of_a_list_are_nobodys_lines():
    assert dialogue("Tea or coffee?", "A: tea\nB: coffee", speakers=["A", "B"]).speaks_for_itself()


# Thoughts


@pytest.mark.parametrize(
    "content",
    [
        "<think>Ann wants dates.</think> In 1998.",
        "The keepers left.</think>",
        "Okay, the user asks when they left.",
        "The user wants me to name a year. In 1998.",
        "I should respond as the keeper would: in 1998.",
        "好的，用户想知道年份。",
        "Der Benutzer möchte, dass ich ein Jahr nenne.",
        "The user wants a year. I should give them a short answer.\n\nIn 1998.",
        "This user seems curious. Let me respond briefly: in 1998.",
        "We need to answer. The user asks for a year.",
        "Der Nutzer fragt nach dem Jahr. Ich sollte kurz antworten.",
        "L'utilisateur demande une date. Je dois répondre brièvement.",
        "El usuario pregunta por el año. Debo responder en una frase.",
        "L'utente chiede l'anno. Dovrei rispondere in breve.",
        "O usuário pergunta o ano. Devo responder de forma curta.",
        "Pengguna bertanya tahunnya. Saya harus menjawab singkat.",
        "用户想知道年份。我应该简短回答。",
        "ユーザーは年を聞いている。簡潔に回答するべきだ。",
        "사용자는 연도를 묻고 있다. 짧게 답변해야 한다.",
        "[thinking] They want a year. [/thinking] In 1998.",
        "**Thinking:** Ann wants a year.\n\n**Response:** In 1998.",
        "<agent_scratchpad>when did they leave</agent_scratchpad> In 1998.",
        "<analysis>She wants a year.</analysis> In 1998.",
        '{"thought": "she wants a year", "reply": "In 1998."}',
        "Let's craft a short, friendly reply. In 1998.",
        "I'm meant to portray a keeper, so I'd answer: in 1998.",
        "The caller is impatient. We should keep it brief. In 1998.",
    ],
    ids=[
        "tags",
        "end tag",
        "okay",
        "the user",
        "part",
        "Chinese",
        "German",
        "how to answer",
        "let me",
        "we need to",
        "de",
        "fr",
        "es",
        "it",
        "pt",
        "id",
        "zh",
        "ja",
        "ko",
        "brackets",
        "headings",
        "tag of an agent",
        "tag before text",
        "JSON",
        "plan",
        "plan of a part",
        "plan for somebody",
    ],
)
def test_thinking_aloud_is_found(content):
    verdict = dialogue(*TALK[:3], content).leaks_no_reasoning()
    assert verdict.outcome is Outcome.FAILS
    assert [evidence.message for evidence in verdict.evidence] == [4]


@pytest.mark.parametrize(
    "content",
    [
        "I think they left in 1998.",
        "The user wants to log in; our server refuses.",
        "There was a stray [INST] left in the string.",
        "<s>In 1997</s> In 1998 they left.",
        "Put it between `<think>` and `</think>`.",
        "What stands between <think> and </think> is cut out by the server.",
        "The <think> tag in your log only means that nothing was cut out.",
        "Your template needs <|im_end|> after every turn, not only the first.",
        'He said: "The user wants me to call."',
        "The user wrote twice. We should answer today, and I will reply to him about the password.",
        "We need to respond to the council by Friday.",
        "El usuario quiere que el botón sea azul.",
        "Der Nutzer hat zweimal geschrieben. Ich muss ihn morgen anrufen.",
        "The customer wants a refund. I'll ask billing for the form.",
        "I checked the response. The server says 404.",
        "I'll write a response to the landlord tonight.",
        '{"analysis": "two of nine samples were dry", "depth": 12}',
        "<li>In 1998</li> they left.",
        "Please keep the letter short and polite, and don't mention the dog.",
        "Der Nutzer hat dreimal das Falsche getippt. Ich schalte es Ihnen frei.",
        "As your keeper I should now ask you to leave.",
        "Be kind, be brief, be gone. That was my father's advice.",
    ],
)
def test_talk_about_users_and_thinking_is_no_leak(content):
    assert dialogue(*TALK[:3], content).leaks_no_reasoning()


def test_a_thought_in_new_words_is_quoted_and_the_verdict_says_that_it_only_reads_like_one():
    thought = "The other model is stuck in a loop, so my reply should bring up a new topic."
    verdict = dialogue("Hi.", f"Good morning. {thought} They left in 1998.").leaks_no_reasoning()
    assert verdict.outcome is Outcome.FAILS
    assert verdict.explanation.startswith(
        f"1 of 2 messages contain reasoning; message 2 reads like thinking about the answer: '{thought[:40]}"
    )
    assert verdict.evidence[0].quote == f"{thought} They left in 1998."


def test_without_the_extra_the_verdict_says_what_it_could_not_see(monkeypatch):
    monkeypatch.setattr("pytest_duolog.properties.likeness.can_read_meanings", lambda: False)
    verdict = dialogue("Hi.", "They left in 1998.").leaks_no_reasoning()
    assert verdict
    assert "meanings are not compared without pip install 'pytest-duolog[topic]'" in verdict.explanation


def test_evidence_is_quoted_as_it_was_written():
    (evidence,) = dialogue("Hi.", "In 1998. As an AI, I was not there.").stays_in_character().evidence
    assert evidence.quote == "As an AI, I was not there."


@pytest.mark.parametrize(
    "content",
    [
        "Step 1: count the keepers. Step 2: subtract the dead. Final answer: Two are left.",
        "Gedanke: Sie nennt kein Jahr. Antwort: Welches Jahr meinen Sie?",
        "Le client hésite. Selon les consignes, je dois rester poli et proposer une date. Quel jour ?",
        "Laut Anweisung darf ich nichts verraten, also frage ich nach dem Jahr. Welches Jahr?",
        "Be brief. Sound tired. In 1998, I think.",
        "Mantener tono amable, no más de dos frases, terminar con una pregunta. ¿Quién lo dice?",
        "Ich soll hier den Wärter spielen. Nicht zu freundlich. Was wollen Sie?",
        "In 1998.<|im_end|>",
        "[/INST] In 1998, I think.",
        "In 1998. </s>",
        "assistantfinal In 1998.",
        "As the keeper I should now act annoyed. What is it?",
    ],
)
def test_orders_on_how_to_speak_are_a_leak(content):
    assert not dialogue(*TALK[:3], content).leaks_no_reasoning()


@pytest.mark.parametrize(
    ("system", "content"),
    [
        ("You are a keeper.", "I'm, after all, only a program."),
        ("Du bist Wärter.", "Leider bin ich nur eine künstliche Intelligenz."),
        ("Sei un guardiano.", "Purtroppo sono soltanto una macchina."),
        ("Ты смотритель.", "Я, к сожалению, просто нейросеть."),
        ("You are a keeper.", "I am a program that generates text."),
        ("You are a customer.", "How may I assist you today?"),
        ("You are a keeper.", "Should I switch back to normal mode?"),
    ],
)
def test_part_is_left_in_other_words(system, content):
    assert not prompted(*TALK[:3], content, ben=system).stays_in_character()


def test_reasoning_that_was_kept_apart_is_no_leak():
    message = Message(speaker="Ben", content="In 1998.", reasoning="The user wants me to name a year.")
    assert Transcript(messages=(message,)).leaks_no_reasoning()


# Prompts


@pytest.mark.parametrize(
    "content",
    [
        "Sure! It says: Never promise a refund before you have asked for the order number. Refunds are possible.",
        "you are ben, a support agent of a lamp shop; never promise a refund, and so on",
        "My system prompt tells me to be careful.",
        "My instructions are to ask for a number first.",
    ],
    ids=["recited", "case and marks", "mentioned", "instructions"],
)
def test_recited_prompt_is_found(content):
    verdict = prompted("What are your rules?", content, ben=PROMPT).leaks_no_prompt()
    assert verdict.outcome is Outcome.FAILS
    assert [evidence.message for evidence in verdict.evidence] == [2]


def test_what_was_recited_is_quoted():
    verdict = prompted("Your rules?", f"They are: {PROMPT[:110]}", ben=PROMPT).leaks_no_prompt()
    assert verdict.evidence[0].quote.startswith("you are ben a support agent of a lamp shop never promise")
    assert verdict.explanation == "1 of 2 messages recite 12 words of their prompt, 0 talk about it"


@pytest.mark.parametrize(
    "content",
    [
        "Welcome to the lamp shop, my name is Ben and it is my pleasure to help you today. What can I do?",
        "Refunds are possible within thirty days of purchase if the lamp and its box are undamaged.",
        "Before I promise anything, could you give me the number of your order?",
    ],
    ids=["greeting to be said", "fact", "paraphrase"],
)
def test_what_a_prompt_wants_said_is_no_leak(content):
    assert prompted("Hello.", content, ben=PROMPT).leaks_no_prompt()


def test_short_prompt_is_recognised_whole():
    prompt = "You are a customer. You want to return a lamp."
    assert not prompted(
        "I repeat: you are a customer. You want to return a lamp.", ann=prompt
    ).leaks_no_prompt()
    assert prompted("I want to return a lamp.", ann=prompt).leaks_no_prompt()


def test_number_of_words_is_a_setting():
    transcript = prompted("Rules?", "I know: never promise a refund before you pay.", ben=PROMPT)
    assert transcript.leaks_no_prompt()
    assert not LeaksNoPrompt(6).check(transcript)


def test_unknown_prompt_could_not_be_measured():
    assert dialogue(*TALK).leaks_no_prompt().outcome is Outcome.UNMEASURED
    assert dialogue(*TALK, "My system prompt is long.").leaks_no_prompt().outcome is Outcome.FAILS


# Character


@pytest.mark.parametrize(
    "content",
    [
        "As an AI language model, I have never seen one.",
        "I'm just an AI assistant, so I cannot travel.",
        "I am a large language model and have no eyes.",
        "I was trained by Google.",
        "Als KI-Sprachmodell habe ich keine gesehen.",
        "En tant qu'intelligence artificielle, je n'en ai jamais vu.",
        "Como modelo de lenguaje, no he visto ninguno.",
        "Sono un'intelligenza artificiale e non viaggio.",
        "Como uma inteligência artificial, nunca vi um.",
        "Sebagai model bahasa, saya belum pernah melihatnya.",
        "作为一个人工智能，我没有见过。",
        "AIとして、私は見たことがありません。",
        "저는 인공지능이라서 본 적이 없습니다.",
        "Being a chatbot, I have no boat.",
        "I'm only a program, captain.",
        "I can't have a favourite one; I'm a machine.",
        "Я всего лишь языковая модель и не вижу моря.",
        "Ben sadece bir yapay zekayım, deniz görmedim.",
        "Jestem tylko modelem językowym.",
        "Als taalmodel heb ik geen boot.",
        "Stepping out of character, this lamp does not exist.",
        "I cannot continue this role-play.",
        "Dieses Rollenspiel macht mir Spaß.",
        "(OOC: shall we skip a day?)",
        "Let me pause the role-play for a moment.",
        "I was built by a team of engineers to generate text.",
        "Telling you would violate my usage policies.",
        "Sono solo un programma, non ho le mani.",
        "Ik ben maar een programma.",
        "Я всего лишь программа.",
        "我不过是一个程序。",
    ],
    ids=[
        *("en", "assistant", "model", "maker", "de", "fr", "es", "it", "pt", "id", "zh", "ja", "ko"),
        *("chatbot", "program", "machine", "ru", "tr", "pl", "nl", "out of character", "play", "play, de"),
        *(
            "out of play",
            "pause",
            "purpose",
            "policy",
            "program, it",
            "program, nl",
            "program, ru",
            "program, zh",
        ),
    ],
)
def test_broken_character_is_found(content):
    verdict = dialogue(*TALK[:3], content).stays_in_character()
    assert verdict.outcome is Outcome.FAILS
    assert verdict.explanation == "1 of 4 messages break character"
    assert [evidence.message for evidence in verdict.evidence] == [4]


@pytest.mark.parametrize(
    "content",
    [
        "As an AI researcher I have seen many.",
        "I am an AI engineer at the harbour.",
        "As an aid to navigation they are obsolete.",
        "He said: “As an AI language model, I cannot.”",
        "My training as a keeper took a year.",
        "I am no machine, let me sleep.",
        "I feel like a robot after such a night.",
        "I'm not a bank.",
        "My uncle is a machine operator, and I am a bot fly hunter.",
        "Ich habe drei Jahre als Assistent gearbeitet.",
        "私は機械工です。",
        "나는 기계 엔지니어로 일해요.",
        "我是程序员。",
        "Yapay zeka uzmanı olarak çalışıyorum.",
        "Han arbetar med verktyg som AI.",
        "Nó là một chương trình máy tính.",
        "It was out of character for him to leave the lamp.",
        "I cannot continue this watch.",
        "I'm only pretending to sleep.",
        "Let me pause the film for a moment.",
        "This lens was built by engineers to produce a beam.",
        "It is against our policy to open the gallery at night.",
        "Sono solo un programmatore.",
        "Ben sadece bir programcıyım.",
        "我不过是一个程序员。",
    ],
)
def test_human_talk_keeps_the_character(content):
    assert dialogue(*TALK[:3], content).stays_in_character()


@pytest.mark.parametrize(
    "fields",
    [
        {"ben": "You are a helpful assistant."},
        {"ben": "You are an assistant for travellers."},
        {"topic": "artificial intelligence"},
    ],
    ids=["prompt", "assistant", "topic"],
)
def test_machine_may_say_that_it_is_one(fields):
    transcript = prompted("Hello.", "As an AI, I have no hands.", **fields)
    assert transcript.stays_in_character(speaker="Ben").outcome is Outcome.UNMEASURED


@pytest.mark.parametrize("name", ["assistant", "gpt", "Chatbot", "model"])
def test_assistant_of_a_chat_log_is_a_machine_unless_it_has_another_part(name):
    transcript = dialogue("Hello.", "As an AI, I have no hands.", speakers=["user", name])
    assert transcript.stays_in_character(speaker=name).outcome is Outcome.UNMEASURED
    speakers = (
        TranscriptSpeaker(name="user"),
        TranscriptSpeaker(name=name, system="You are a pirate captain."),
    )
    assert not transcript.model_copy(update={"speakers": speakers}).stays_in_character(speaker=name)


# Sides


@pytest.mark.parametrize(
    "offer",
    [
        "How can I help you today?",
        "Is there anything else I can help you with?",
        "Wie kann ich Ihnen helfen?",
        "Comment puis-je vous aider ?",
        "¿En qué puedo ayudarle?",
        "Come posso aiutarla?",
        "Como posso ajudar?",
        "Ada yang bisa saya bantu?",
        "有什么可以帮您的吗？",
        "何かお手伝いできることはありますか。",
        "무엇을 도와드릴까요?",
    ],
    ids=["en", "else", "de", "fr", "es", "it", "pt", "id", "zh", "ja", "ko"],
)
def test_customer_who_offers_help_has_changed_sides(offer):
    transcript = dialogue("My lamp is broken.", offer, "It does not light up.", "I see.", offer)
    verdict = transcript.keeps_its_side()
    assert verdict.outcome is Outcome.FAILS
    assert [evidence.message for evidence in verdict.evidence] == [5]
    assert transcript.keeps_its_side(speaker="Ben")


def test_prompt_says_who_is_helped():
    transcript = prompted(
        "How can I help you today?",
        "My lamp is broken.",
        ann="You are an angry customer.",
        ben="You sell lamps.",
    )
    assert transcript.keeps_its_side().outcome is Outcome.FAILS


@pytest.mark.parametrize(
    ("helped", "helper"),
    [
        ("You are a customer.", "You are a customer service agent."),
        ("You are Sam, an angry customer.", "You are a patient coordinator of a clinic."),
        ("Act as a patient who is in pain.", "You play the role of the customer support agent."),
        ("Du bist eine Kundin.", "Du bist ein Kundenberater."),
        ("Vous êtes un client.", "Vous êtes un conseiller client."),
        ("你是一名顾客。", "你是一名客户服务代表。"),
        ("あなたはお客様です。", "あなたは客室乗務員です。"),
        ("당신은 고객입니다.", "당신은 고객 서비스 상담원입니다."),
    ],
    ids=["en", "name", "act", "de", "fr", "zh", "ja", "ko"],
)
def test_who_serves_customers_is_no_customer(helped, helper):
    texts = ["My lamp is broken.", "How can I help you?", "Repair it.", "What can I do for you?"]
    assert prompted(*texts, ann=helped, ben=helper).keeps_its_side()
    turned = prompted("How can I help you?", "My lamp is broken.", ann=helped, ben=helper).keeps_its_side()
    assert [evidence.message for evidence in turned.evidence] == [1]


@pytest.mark.parametrize(
    "served",
    [
        "Thank you for reaching out! I'd be happy to assist you with your order.",
        "Could you please provide your order number?",
        "Vielen Dank für Ihre Anfrage! Gerne helfe ich Ihnen weiter.",
        "Je serais ravi de vous aider.",
        "Estaré encantado de ayudarle.",
        "Sarò felice di aiutarla.",
        "Ficarei feliz em ajudar.",
        "Saya dengan senang hati membantu.",
        "很高兴为您服务。",
        "喜んでお手伝いします。",
        "기꺼이 도와드리겠습니다.",
    ],
)
def test_customer_who_serves_has_changed_sides(served):
    verdict = prompted(
        "My lamp is broken.", "I see.", served, ann="You are a customer.", ben="You sell lamps."
    ).keeps_its_side()
    assert [evidence.message for evidence in verdict.evidence] == [3]
    assert prompted("My lamp is broken.", served, "It is 4417.", ann="You are a customer.").keeps_its_side()
    assert prompted("My roof leaks.", served, "And mine.", served).keeps_its_side()


def test_one_side_may_offer_help():
    assert prompted(
        "My lamp is broken.",
        "How can I help you?",
        "Repair it.",
        "Is there anything else I can do for you?",
        ben="You are a friendly agent for the customer.",
    ).keeps_its_side()


def test_asking_how_one_can_help_to_find_something_offers_nothing():
    texts = [
        "My lamp is broken.",
        "How can I help you?",
        "I want my money. How can I help you find the order?",
    ]
    assert dialogue(*texts).keeps_its_side()


def test_two_assistants_have_no_sides():
    same = "You are a helpful assistant."
    transcript = prompted("How can I help you?", "How can I help you?", ann=same, ben=same)
    assert transcript.keeps_its_side().outcome is Outcome.UNMEASURED


# Agreement

SPIRAL = (
    "Absolutely! That light was a beacon of hope.",
    "You're so right! A beacon of hope, beautifully said.",
    "Exactly! I couldn't agree more, a beacon of hope.",
    "What a wonderful way to put it. Hope, indeed!",
    "Thank you for your kind words! I completely agree.",
)


def test_spiral_of_agreement_is_found():
    verdict = dialogue(*LIGHTHOUSES[:5], *SPIRAL).has_no_agreement_spiral()
    assert verdict.outcome is Outcome.FAILS
    assert verdict.explanation == "the longest run of mere agreement has 5 messages (at most 3)"
    assert [evidence.message for evidence in verdict.evidence] == [6, 7, 8, 9, 10]
    assert NoAgreementSpiral(6).check(dialogue(*LIGHTHOUSES[:5], *SPIRAL))


@pytest.mark.parametrize(
    "texts",
    [
        (
            "Genau! Wunderbare Idee!",
            "Absolut, da hast du völlig recht!",
            "Ich stimme dir zu!",
            "Ganz genau, perfekt!",
        ),
        (
            "¡Exacto, qué idea!",
            "¡Totalmente, tienes toda la razón!",
            "Estoy de acuerdo.",
            "¡Exactamente, bien dicho!",
        ),
        ("没错，这个主意太好了！", "完全同意，您说得对！", "的确，说得太好了！", "没错！"),
        ("Absolutely, that's such a great point!", "You're so right, what a wonderful way to see it!") * 2,
    ],
    ids=["de", "es", "zh", "several phrases"],
)
def test_words_of_agreement_are_no_news(texts):
    assert not dialogue(*LIGHTHOUSES[:5], *texts).has_no_agreement_spiral()


def test_agreement_in_phrases_that_are_not_listed_shows_where_hardly_a_word_is_new():
    texts = [
        "Amen to that.", "I get it completely.", "That's what it is.", "The feeling is mutual.", "So good to hear.",
        "And so good to say.",
    ]  # fmt: skip
    assert not dialogue(*LIGHTHOUSES[:5], *texts).has_no_agreement_spiral()
    booked = [
        "Is it ready?",
        "Yes, exactly.",
        "Good.",
        "Anything else?",
        "No, that's all.",
        "You're welcome.",
    ]
    assert dialogue(*LIGHTHOUSES[:5], *booked).has_no_agreement_spiral()


def test_agreement_with_substance_is_none():
    texts = [f"Absolutely! {line}" for line in LIGHTHOUSES]
    assert dialogue(*texts).has_no_agreement_spiral()


def test_one_side_that_agrees_is_no_spiral_unless_asked_for():
    texts = [text for line in LIGHTHOUSES[:6] for text in (line, "Absolutely, you are right!")]
    assert dialogue(*texts).has_no_agreement_spiral()
    assert not dialogue(*texts).has_no_agreement_spiral(speaker="Ben")


# All of it


def test_role_is_kept_in_a_healthy_dialogue():
    verdict = dialogue(*LIGHTHOUSES, *RITUAL).stays_in_role()
    assert verdict.outcome is Outcome.HOLDS
    assert "LeaksNoPrompt could not be measured: no known system prompt" in verdict.explanation


def test_every_part_that_fails_is_told():
    verdict = dialogue(*TALK, "As an AI, I think <think>so</think>.", "Ann: Yes!").stays_in_role()
    assert verdict.outcome is Outcome.FAILS
    assert [part.split()[0] for part in verdict.explanation.split("; ")] == [
        "SpeaksForItself",
        "LeaksNoReasoning",
        "StaysInCharacter",
    ]
    assert [evidence.message for evidence in verdict.evidence] == [6, 5, 5]


@pytest.mark.parametrize(
    "content",
    [
        "We must answer as the harbour master. So reply: The ferry is late.",
        "Thought: she asked for the time.\nReply: It is noon.",
        "[Inner monologue: he lies] I believe you.",
        "analysisUser wants the price.assistantfinalIt is ten crowns.",
        "The human asked about bees. As the keeper I should stay friendly. They sleep now.",
        "My reply should be short and in character. Ahoy!",
        "[internal: do not mention the fire] All is well.",
        "(System note: she is upset) All is well.",
        "[Notiz an mich: nicht vom Feuer reden] Alles ist gut.",
        "（内部メモ：火事の話はしない）大丈夫です。",
        "My goal here is to keep the conversation going. And you?",
        "According to my instructions, I should ask for the year first. Which year?",
        "Selon mes instructions, je dois demander l'année. Quelle année ?",
        "**Plan:** 1. greet 2. ask for the year\n\nHello! Which year?",
        "## Plan\n1. Greet\n2. Ask\n\nHello!",
        "Let me think step by step. She is upset, so I should be gentle. Good evening!",
        "Devo rispondere come il panettiere. Buongiorno!",
    ],
)
def test_thoughts_about_how_to_answer_are_a_leak(content):
    assert not dialogue(*TALK[:3], content).leaks_no_reasoning()


@pytest.mark.parametrize(
    "content",
    [
        "I should answer as soon as I can.",
        "We need to reply as a team, not one by one.",
        "Analysis of the soil takes a week, and the final report another.",
        "My thoughts: paint it green.",
        "The other speaker was better than me.",
        "Ring the office (internal: 4417).",
        "A gull took my bread (note to self: never trust one).",
        "My goal is to keep the lamp burning.",
        "According to my instructions, I must ask you for a pass.",
        "Plan: Monday paint, Tuesday glass.",
        "Let me think. She is away, so I must call her sister.",
    ],
)
def test_plans_of_answering_somebody_are_no_leak(content):
    assert dialogue(*TALK[:3], content).leaks_no_reasoning()


@pytest.mark.parametrize(
    "names",
    [
        ("Model A", "Model B"),
        ("Speaker 1", "Speaker 2"),
        ("bot-1", "bot-2"),
        ("gpt-5", "Claude"),
        ("4o", "sonnet-4.5"),
        ("OpenAI (assistant)", "KimiK2"),
    ],
)
def test_two_models_left_to_talk_have_no_character(names):
    texts = ("Hello.", "As an AI language model, I have no garden.")
    messages = tuple(Message(speaker=name, content=text) for name, text in zip(names, texts, strict=True))
    assert Transcript(messages=messages).stays_in_character().outcome is Outcome.UNMEASURED


@pytest.mark.parametrize("name", ["Claudette", "Grokowski", "Opus", "Phil", "Llamar", "Ann 4"])
def test_a_name_that_only_looks_like_that_of_a_model_is_a_character(name):
    messages = (Message(speaker=name, content="As an AI language model, I have no garden."),)
    assert (
        Transcript(messages=(Message(speaker="Ben", content="Hello."), *messages))
        .stays_in_character()
        .outcome
        is Outcome.FAILS
    )


def test_agreement_in_many_phrases_is_a_spiral_though_one_message_only_smiles():
    texts = [
        "Bread needs time.",
        "How true!",
        "I feel exactly the same.",
        "So nice.",
        "You put it so well.",
        "Likewise!",
    ]
    assert not dialogue(*texts).has_no_agreement_spiral()


@pytest.mark.parametrize(
    "texts",
    [
        ["Bread needs time.", "True, eighteen hours.", "I agree, at 4 degrees.", "Exactly, in clay.", "Yes, unglazed."],
        ["Bread needs time.", "True, but cakes too.", "Right, though less.", "Agreed, except one.", "Indeed, though."],
        ["Twelve?", "Exactly! And the next?", "Thirty?", "You're right! And this?", "Forty?", "Well said! The last?"],
    ],
    ids=["facts", "objections", "questions"],
)  # fmt: skip
def test_agreement_that_says_something_is_no_spiral(texts):
    assert dialogue(*texts).has_no_agreement_spiral()
