"""The character of a candidate next to that of a baseline, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pytest_duolog.display import counted, listed, shorten
from pytest_duolog.reports.check_json import inert_json
from pytest_duolog.reports.dialogue_text import Ink, Page, one_line, wrapped
from pytest_duolog.reports.numbers import percent, points
from pytest_duolog.reports.survival_view import p_words
from pytest_duolog.results.comparison import Comparison, Difference
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.results.traits import TRAITS, Unit
from pytest_duolog.transcripts.transcript import Message

# The format of the JSON report; docs/compare.md describes it.
COMPARISON_FORMAT = 1
LONGEST_QUOTE = 160
SIGNS = ("-", "+")


def comparison_lines(comparison: Comparison, page: Page) -> Iterator[str]:
    """The report as text; nothing that a model wrote reaches a terminal as anything but text."""
    yield from wrapped(headline(comparison), page.width, ink=(page, Ink.STRONG))
    for line in setting_words(comparison):
        yield from wrapped(line, page.width)
    rows = [row_of(difference) for difference in comparison.differences]
    widths = [max(map(len, column)) for column in zip(HEAD, *rows, strict=True)]
    for at, row in enumerate([HEAD, *rows]):
        if at == 0 or comparison.differences[at - 1].is_claimed != (
            at == 1 or comparison.differences[at - 2].is_claimed
        ):
            yield ""
        first, *others = (
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        is_claimed = at > 0 and comparison.differences[at - 1].is_claimed
        yield page.ink("  ".join([first, *others]), Ink.STRONG if is_claimed else Ink.FAINT)
    yield ""
    for line in left_out_words(comparison):
        yield from wrapped(line, page.width)
    for difference in comparison.claimed:
        yield ""
        yield from wrapped(f"{difference.title}: the clearest pair", page.width, ink=(page, Ink.STRONG))
        inks = (Ink.FIRST, Ink.SECOND)
        for sign, ink, line in zip(SIGNS, inks, pair_words(comparison, difference), strict=True):
            yield from wrapped(f"  {sign} {line}", page.width, ink=(page, ink))


HEAD = ("trait", "baseline", "candidate", "difference (95 %)", "p, adjusted")


def headline(comparison: Comparison) -> str:
    """How many traits may be claimed to differ."""
    n, claimed = len(comparison.differences), comparison.claimed
    if not claimed:
        return f"No difference may be claimed in {counted(n, 'trait')} that vary."
    return (
        f"{len(claimed)} of {counted(n, 'trait')} {'differs' if len(claimed) == 1 else 'differ'}: "
        + listed([difference.title for difference in claimed], most=4)
    )


def setting_words(comparison: Comparison) -> Iterator[str]:
    """What was compared, and what may be false."""
    for name, side in (("baseline", comparison.baseline), ("candidate", comparison.candidate)):
        yield f"{name}: {counted(len(side), 'dialogue')} ({one_line(listed(models_of(side), most=3))})"
    speakers = one_line(listed(list(comparison.speakers))) or "nobody"
    within = f", within {comparison.n_strata} tests or names" if comparison.n_strata > 1 else ""
    yield f"compared by what {speakers} said{within}; a dialogue counts once, however long it is"
    yield (
        f"at most {percent(comparison.rate)} of claimed differences are false on average (Benjamini-Yekutieli, "
        f"permutation tests)"
    )


def left_out_words(comparison: Comparison) -> Iterator[str]:
    """What is not in the table, and why."""
    if comparison.same:
        yield f"the same in every dialogue: {', '.join(comparison.same)}"
    if comparison.unmeasured:
        yield f"not measured on both sides: {', '.join(comparison.unmeasured)}"
    if comparison.language:
        yield f"the main language is {comparison.language}, that of most messages of the baseline"
    if comparison.n_alone:
        yield f"{counted(comparison.n_alone, 'dialogue')} left out: the other side has no such test or name"
    if comparison.n_copies:
        yield f"{counted(comparison.n_copies, 'copy', 'copies')} left out: the same words count once"


def row_of(difference: Difference) -> tuple[str, str, str, str, str]:
    """The cells of one trait."""
    within = f" (mean within {difference.until})" if difference.until else ""
    return (
        f"{difference.title}{within}",
        value_words(difference.baseline, difference.unit),
        value_words(difference.candidate, difference.unit),
        difference_cell(difference),
        p_words(difference.adjusted_p).removeprefix("= "),
    )


def difference_cell(difference: Difference) -> str:
    """A difference with its interval; without one if it is not known."""
    change, interval = _signed(difference.difference, difference.unit), difference.interval
    if interval is None:
        return f"{change} (no interval: too little varies)"
    low, high = (_signed(value, difference.unit) for value in interval)
    return f"{change} ({low} to {high})"


def value_words(value: float, unit: Unit) -> str:
    """A value with its unit."""
    match unit:
        case Unit.SHARE:
            return percent(value)
        case Unit.SECONDS:
            return f"{value:.2f} s"
        case Unit.MONEY:
            return f"{value:.3g}"
        case Unit.COUNT:
            return f"{value:.1f}"


def _signed(value: float, unit: Unit) -> str:
    if unit is Unit.SHARE:
        return f"{'+' if value > 0 else ''}{points(value).removesuffix(' points')}"
    digits = {Unit.SECONDS: 2, Unit.COUNT: 1}.get(unit)
    return f"{value:+.3g}" if digits is None else f"{round(value, digits) + 0.0:+.{digits}f}"


def models_of(side: Sequence[FiledDialogue]) -> list[str]:
    """The models of some dialogues, in the order in which they occur."""
    return list(dict.fromkeys(dialogue.models for dialogue in side))


def pair_words(comparison: Comparison, difference: Difference) -> tuple[str, str]:
    """The two dialogues that show a difference best, each with the message that shows it, if one does."""
    one, two = comparison.pair_of(difference)
    return _shown(one, difference, comparison.speakers), _shown(two, difference, comparison.speakers)


def _shown(dialogue: FiledDialogue, difference: Difference, speakers: Sequence[str]) -> str:
    source = dialogue.source
    place = f" ({source.file}:{source.line})" if source.file else ""
    quote = telling_message(dialogue, difference.name, speakers)
    words = f", message {quote[0]}: {shorten(quote[1].content, LONGEST_QUOTE)}" if quote else ""
    return one_line(f"{source.id}{place}, {counted(len(source.transcript), 'message')}{words}")


def telling_message(
    dialogue: FiledDialogue, trait: str, speakers: Sequence[str]
) -> tuple[int, Message] | None:
    """The message with the largest value of a trait, with its number; None if messages have no values of it."""
    value = next((found.of_message for found in TRAITS if found.name == trait), None)
    if value is None:
        return None
    numbered = [item for item in dialogue.source.transcript.numbered() if item[1].speaker in speakers]
    return max(numbered, key=lambda item: value(item[1]) or 0.0, default=None)


def comparison_json(comparison: Comparison) -> str:
    """The report as JSON text in ASCII."""
    return inert_json(_facts(comparison), indent=1) + "\n"


def _facts(comparison: Comparison) -> dict[str, Any]:
    return {
        "format": COMPARISON_FORMAT,
        **{
            name: {"dialogues": len(side), "models": models_of(side)}
            for name, side in (("baseline", comparison.baseline), ("candidate", comparison.candidate))
        },
        "speakers": list(comparison.speakers),
        "language": comparison.language,
        "rate": comparison.rate,
        "strata": comparison.n_strata,
        "alone": comparison.n_alone,
        "copies": comparison.n_copies,
        "traits": [_trait_facts(comparison, difference) for difference in comparison.differences],
        "same": list(comparison.same),
        "unmeasured": list(comparison.unmeasured),
    }


def _trait_facts(comparison: Comparison, difference: Difference) -> dict[str, Any]:
    one, two = comparison.pair_of(difference)
    return {
        "trait": difference.name,
        "title": difference.title,
        "unit": difference.unit.value,
        "baseline": {"mean": difference.baseline, "dialogues": difference.n[0]},
        "candidate": {"mean": difference.candidate, "dialogues": difference.n[1]},
        "until": difference.until,
        "difference": difference.difference,
        "interval": list(difference.interval) if difference.interval else None,
        "p": difference.p,
        "adjusted_p": difference.adjusted_p,
        "differs": difference.is_claimed,
        "pair": [
            {"id": side.source.id, "file": side.source.file, "line": side.source.line} for side in (one, two)
        ],
    }
