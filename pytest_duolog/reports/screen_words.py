"""The screen of a candidate as text and as data: which dialogues and which turns to read first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from pytest_duolog.display import and_more, counted, listed
from pytest_duolog.gate.screen import ALARM_RISK, Screen, Screened, Turn
from pytest_duolog.reports.numbers import percent
from pytest_duolog.results.acts import Act, Heard, Stance
from pytest_duolog.transcripts.usage import Usage

MOST_DIALOGUES = 10
MOST_TURNS = 3
# Format history: 1, the first.
JSON_FORMAT = 1
WHAT_IT_MISSES = (
    "this is no PASS: a screen sees neither loops nor what the other side makes of it; a gate does"
)


def screen_words(screen: Screen, on_trial: str, missing: str) -> Iterator[str]:
    """The answer, which answers are `missing`, then the dialogues in the order of suspicion."""
    yield headline(screen, on_trial)
    yield f"  {WHAT_IT_MISSES}"
    if missing:
        yield f"  {missing}"
    yield f"  {setting_words(screen)}"
    for place, dialogue in enumerate(screen.dialogues[:MOST_DIALOGUES], start=1):
        yield from _dialogue_words(place, dialogue)
    yield from and_more(len(screen.dialogues), MOST_DIALOGUES, "dialogues")


def headline(screen: Screen, on_trial: str) -> str:
    """The answer."""
    if screen.is_suspicious:
        return f"SUSPICIOUS: the next messages of {on_trial} differ from the baseline's, beyond its own noise"
    return f"NOTHING SEEN: the next messages of {on_trial} differ no more than the baseline's do among themselves"


def setting_words(screen: Screen) -> str:
    """What was compared, and how sure the answer is."""
    n_turns = len({turn.source or (one.name, turn.number) for one in screen.dialogues for turn in one.turns})
    sizes = [
        len(side)
        for one in screen.dialogues
        for turn in one.turns
        for side in (turn.baseline, turn.candidate)
    ]
    n_answers = range_words(min(sizes), max(sizes))
    return (
        f"{counted(n_turns, 'turn')} of {counted(len(screen.dialogues), 'dialogue')}, {n_answers} answers of each "
        f"side; p = {screen.p_sum:.3f} over all, p = {screen.p_most:.3f} for the one that differs most; one model on "
        f"both sides raises an alarm in at most {percent(ALARM_RISK)} of screens"
    )


def _dialogue_words(place: int, dialogue: Screened) -> Iterator[str]:
    yield f"  {place}. {dialogue.name}: excess {dialogue.excess:.2f}, p = {dialogue.p:.3f}"
    for turn in dialogue.to_read[:MOST_TURNS]:
        yield (
            f"     message {turn.number} (excess {turn.split.excess:.2f}): baseline {side_words(turn.baseline)}; "
            f"candidate {side_words(turn.candidate)}"
        )
    if later := later_words(dialogue):
        yield f"     {later}"


def later_words(dialogue: Screened) -> str:
    """Which messages are not scored, and why; empty if all are."""
    later = [str(turn.number) for turn in dialogue.turns if not dialogue.is_scored(turn)]
    if not later:
        return ""
    return (
        f"not scored, because the candidate had left the recorded dialogue in message {dialogue.divergence}: "
        f"messages {listed(later)}"
    )


def side_words(answers: Sequence[Heard]) -> str:
    """What the answers of one side do: `asks 2 of 3, answers 1 of 3, 14 to 20 words`."""
    n = len(answers)
    parts = [
        f"{act} {times} of {n}" for act, times in Counter(answer.act for answer in answers).most_common()
    ]
    tools = Counter(tool for answer in answers for tool in answer.tools)
    if tools:
        parts.append("calls " + ", ".join(f"{name} {times} times" for name, times in tools.most_common()))
    stances = Counter(answer.stance for answer in answers if answer.stance is not Stance.OPEN)
    parts += [f"{stance} {times} of {n}" for stance, times in stances.most_common()]
    lengths = [answer.n_words for answer in answers]
    low, high = min(lengths), max(lengths)
    return ", ".join([*parts, f"{range_words(low, high)} {'word' if high == 1 else 'words'}"])


def batch_words(n_answers: int, before: Usage, after: Usage) -> str:
    """What the answers of batches took: tokens only, because a provider bills batches at a price of its own."""
    n_read, n_written = after.tokens_read - before.tokens_read, after.tokens_written - before.tokens_written
    return (
        f"asked through batch APIs: {counted(n_answers, 'answer')}, {n_read:,} tokens read and {n_written:,} written; "
        "their price for batches is not known here"
    )


def range_words(low: int, high: int) -> str:
    """`3`, or `2 to 3`."""
    return str(low) if low == high else f"{low} to {high}"


def screen_data(screen: Screen, on_trial: str, n_samples: int) -> Mapping[str, object]:
    """The screen as plain data, for JSON; message numbers count from 1."""
    return {
        "format": JSON_FORMAT,
        "candidate": on_trial,
        "suspicious": screen.is_suspicious,
        "p_sum": screen.p_sum,
        "p_most": screen.p_most,
        "answers": n_samples,
        "dialogues": [
            {
                "name": dialogue.name,
                "excess": dialogue.excess,
                "p": dialogue.p,
                "divergence": dialogue.divergence,
                "turns": [_turn_data(dialogue, turn) for turn in dialogue.turns],
            }
            for dialogue in screen.dialogues
        ],
    }


def _turn_data(dialogue: Screened, turn: Turn) -> Mapping[str, object]:
    return {
        "message": turn.number,
        "excess": turn.split.excess,
        "scored": dialogue.is_scored(turn),
        "baseline": [_heard_data(heard) for heard in turn.baseline],
        "candidate": [_heard_data(heard) for heard in turn.candidate],
    }


def _heard_data(heard: Heard) -> Mapping[str, object]:
    act: Act = heard.act
    return {
        "act": act.name.lower(),
        "tools": list(heard.tools),
        "words": heard.n_words,
        "stance": heard.stance.value,
    }
