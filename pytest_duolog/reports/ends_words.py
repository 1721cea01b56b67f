"""Passed dialogues of a gate that ended in a way that tests may not look at, as text."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_duolog.gate.pairs import ERRORS_RISK
from pytest_duolog.results.arm import Arm
from pytest_duolog.results.record import RunRecord
from pytest_duolog.stats.differences import TwoRates
from pytest_duolog.stats.exact_tests import fisher_p
from pytest_duolog.transcripts.transcript import StopKind

ENDS = {
    StopKind.EMPTY_REPLY: "an empty reply",
    StopKind.REFUSAL: "a refusal",
    StopKind.LOOP: "a loop",
    StopKind.TOOL_LIMIT: "too many calls of tools",
}


def ends_words(record: RunRecord) -> Iterator[str]:
    """How often the candidate's samples passed with such an end, if chance does not explain that it is more often.

    No verdict depends on it: some tests expect a refusal, and the body of a test says what passes.
    """
    for kind, words in ENDS.items():
        (baseline, n_baseline), (candidate, n) = (_counts(record, arm, kind) for arm in Arm)
        rates = TwoRates(candidate, n, baseline, n_baseline)
        if n and n_baseline and fisher_p(rates, alternative="greater") <= ERRORS_RISK:
            yield (
                f"{candidate} of {n} samples of the candidate that passed ended in {words} (baseline {baseline} of "
                f"{n_baseline}): does the test look at dialogue.stop_reason?"
            )


def _counts(record: RunRecord, arm: Arm, kind: StopKind) -> tuple[int, int]:
    passed = [sample for sample in record.samples if sample.arm is arm and sample.passed]
    ended = [
        sample
        for sample in passed
        if any(
            (stop := dialogue.transcript.stop_reason) is not None and stop.kind is kind
            for dialogue in sample.dialogues
        )
    ]
    return len(ended), len(passed)
