"""The search for the shortest beginning of a failure, as text."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_duolog.display import counted, cut
from pytest_duolog.gate.shrink import RISK, Ended, Shrunk, Step
from pytest_duolog.reports.numbers import percent

LONGEST_MESSAGE = 300


def step_words(step: Step) -> str:
    """One line for a beginning that was tried."""
    tried = step.tried
    errors = f", {counted(tried.n_errors, 'error')}" if tried.n_errors else ""
    outcome = "kept" if step.is_kept else "not enough"
    size = f"{counted(step.n_messages, 'message')}, {counted(step.n_words, 'word')}"
    return f"{step.what} ({size}): {tried.n_failed} of {tried.n} continuations fail{errors}: {outcome}"


def proof_words(found: Shrunk) -> str:
    """What confirms an answer."""
    proof = found.proof
    return (
        f"{proof.n_failed} of {proof.n} new live continuations failed in the same way: the true rate is at least "
        f"{percent(found.at_least)}"
    )


def shrunk_words(found: Shrunk, n_messages: int, n_distinct: int) -> Iterator[str]:
    """The answer; `n_messages` has the dialogue, `n_distinct` of the continuations differ in their words."""
    if found.ended is not Ended.FOUND:
        yield f"NOT FOUND: {found.ended}"
        if found.proof.n:
            low, high = found.proof.interval
            yield (
                f"  stated rate {percent(found.rate)}; last tried: {found.proof.n_failed} of {found.proof.n} "
                f"continuations fail (95 % interval {percent(low)} to {percent(high)})"
            )
        return
    yield (
        f"FOUND: {len(found.history)} of {counted(n_messages, 'message')} "
        f"{'is' if len(found.history) == 1 else 'are'} enough; stated rate {percent(found.rate)}"
    )
    yield f"  {proof_words(found)} (such an answer is wrong in at most {percent(RISK)} of searches)"
    if n_distinct < found.proof.n:
        yield (
            f"  they have only {counted(n_distinct, 'different text')}, so they are less evidence than they look "
            "(temperature 0, a cache, or a fixed seed?)"
        )
    yield "  it is assumed that the failure follows from a longer beginning if it follows from a shorter one"
    for number, message in enumerate(found.history, start=1):
        yield f"  {number:>3} {message.speaker}: {cut(message.content, LONGEST_MESSAGE)}"
