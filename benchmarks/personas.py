"""How well a model plays a persona: a customer who wants money back from a shop that works by rules.

    python benchmarks/personas.py openai:gpt-5-mini --samples 20
    python benchmarks/personas.py local:smollm2-135m-instruct --samples 6

Prints a row for each wording of the prompt (`pytest_duolog/transcripts/parts.py`), and one for `bare`, three lines of
goal and token. The dialogues stay in the folder, so the same command continues; read some of them: the columns come
from patterns. A wording that is to be released belongs at the end of CANDIDATES first.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_duolog import Persona, Speaker, Transcript
from pytest_duolog.properties import DoesNotRepeatItself, NoLoops, Outcome, Property, StaysInRole
from pytest_duolog.running.session import Session
from pytest_duolog.running.talks import Ended, Holding, Talk, TalkFolder
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.settings import Settings
from pytest_duolog.transcripts.parts import DONE, GAVE_UP, WORDINGS, Part, Wording

SHOP = (
    "Welcome to the lamp shop. What is your order number, please?",
    "Thank you. I see a lamp for 30 dollars. Shall I refund it?",
    "I have refunded 30 dollars to your account.",
    "You are welcome. Goodbye!",
)
ASKS_AGAIN = "I need your order number to help you. What is it?"
REFUNDED = "I have refunded"
COLUMNS = (
    "n",
    "ends: right",
    "early",
    "gave up",
    "never",
    "told when asked",
    "leaves its role",
    "repeats itself",
)


def shop(messages: list[dict[str, str]]) -> str:
    """Answers in order, and asks for the order number until it has it."""
    heard = " ".join(message["content"] for message in messages if message["role"] == "user")
    answers = sum(message["role"] == "assistant" for message in messages)
    if answers and "4711" not in heard:
        return ASKS_AGAIN
    asked = sum(message["content"] == ASKS_AGAIN for message in messages if message["role"] == "assistant")
    return SHOP[min(answers - asked, len(SHOP) - 1)]


def bare(part: Part) -> str:
    """What most tools tell a simulated user."""
    facts = " ".join(f"Your {name} is {value}." for name, value in part.facts.items())
    return (
        f"You are {part.name}, a customer. Your goal: {part.goal}. {facts}\n"
        f"Write only your next message.\nWhen your goal is reached, write {DONE}; if it cannot be reached, {GAVE_UP}."
    )


CANDIDATES = {"bare": Wording(bare, lambda _system: None)}


def main() -> None:
    """Hold the dialogues that are not in the folder, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="provider:model that plays the customer")
    parser.add_argument("--samples", type=int, default=10, help="dialogues for each wording")
    parser.add_argument("--folder", type=Path, default=Path("personas"), help="where the dialogues are kept")
    arguments = parser.parse_args()
    names = [f"wording {number}" for number in range(1, len(WORDINGS) + 1)] + list(CANDIDATES)
    WORDINGS.extend(CANDIDATES.values())
    print("| prompt | " + " | ".join(COLUMNS) + " |")
    print("| --- |" + " --- |" * len(COLUMNS))
    for number, name in enumerate(names, start=1):
        found = held(arguments.model, number, arguments.samples, arguments.folder / name.replace(" ", "-"))
        print(f"| {name} | " + " | ".join(map(str, row(found))) + " |")


def held(model: str, wording: int, n_samples: int, path: Path) -> list[Transcript]:
    """The dialogues of one wording."""
    customer = Persona(
        "Ann",
        goal="the money back for a broken lamp",
        facts={"order number": "4711"},
        model=model,
        wording=wording,
        temperature=0.7,
        max_tokens=60,
        seed=1,
    )
    values = {"a": customer, "b": Speaker("Bob", model=shop), "opener": None, "turns": 8}
    settings = Settings()
    scenario = settings.cast(Scenario.build(values))
    folder = TalkFolder(path)
    path.mkdir(parents=True, exist_ok=True)
    done, talks = [], []
    for sample in range(1, n_samples + 1):
        location = folder.location("customer", scenario, sample)
        found = folder.held(location)
        if found is not None:
            done.append(found)
        else:
            talks.append(Talk("customer", sample, scenario.for_sample(sample), location))
    session = Session(settings)
    try:
        for event in Holding(session, folder, talks).events():
            if isinstance(event, Ended) and event.transcript is not None:
                done.append(event.transcript)
            elif isinstance(event, Ended):
                print(f"{event.talk.location.path.name}: {event.problem}")
    finally:
        session.close()
    return done


def row(found: list[Transcript]) -> list[int]:
    """One line of the table."""
    kinds = [transcript.stop_reason.kind.value if transcript.stop_reason else "" for transcript in found]
    refunded = [any(REFUNDED in message.content for message in transcript.messages) for transcript in found]
    ended = [kind == "goal_reached" for kind in kinds]
    asked = (any("4711" in said.content for said in transcript.messages) for transcript in found)
    repeats = (fails(transcript, DoesNotRepeatItself(speaker="Ann"), NoLoops()) for transcript in found)
    return [
        len(found),
        sum(end and paid for end, paid in zip(ended, refunded, strict=True)),
        sum(end and not paid for end, paid in zip(ended, refunded, strict=True)),
        kinds.count("gave_up"),
        sum(kind not in ("goal_reached", "gave_up") for kind in kinds),
        sum(asked),
        sum(fails(transcript, StaysInRole(speaker="Ann")) for transcript in found),
        sum(repeats),
    ]


def fails(transcript: Transcript, *properties: Property) -> bool:
    """Whether one of the properties fails."""
    return any(one.check(transcript).outcome is Outcome.FAILS for one in properties)


if __name__ == "__main__":
    main()
