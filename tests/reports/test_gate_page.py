"""The page of a gate: the answer, what it stands on, and the pairs that show it."""

from __future__ import annotations

import re
import time

import pytest

from pytest_duolog.gate.decide import decide_record
from pytest_duolog.properties.verdict import Outcome
from pytest_duolog.reports.pair_view import PairFold, PairRow, PairView, pair_of
from pytest_duolog.reports.report import report_text
from pytest_duolog.results.dialogue_result import Citation, DialogueResult, JudgeUse, PropertyResult
from pytest_duolog.results.plan import GatePlan, RunPlan
from pytest_duolog.results.record import Arm, RunRecord
from pytest_duolog.transcripts.transcript import Message, Transcript
from pytest_duolog.transcripts.usage import Gaps, Usage
from tests.dialogues import dialogue
from tests.reports.pages import Page, gate_of, page_of, spoken
from tests.run_records import arm_samples, gate_record, header, sample

NO_SAMPLES = RunRecord(header(RunPlan({"a": None, "b": None}, GatePlan())))


def test_a_gate_that_blocks_names_who_got_worse_and_shows_a_pair():
    page = page_of(gate_of({"t.py::test_a": ("+" * 20, "-" * 20), "t.py::test_b": ("+" * 20, "+" * 20)}))
    heading = re.search(r"May I merge\? No\. test_a passed (\d+) of \1, now 0 of \1\.", page.words)
    assert heading is not None
    n = heading[1]
    assert f"▼ worse test_a {n} of {n} → 0 of {n}" in page.words
    assert "= same test_b" in page.words
    assert "The worst pair, side by side test_a pair" in page.words
    assert "passed, now fails" in page.words
    assert "NoLoops fails: messages" in page.words
    assert "◀ first bad message" in page.words


def test_a_block_of_the_suite_blames_no_single_scenario():
    record = gate_of(dict.fromkeys("abcde", ("+" * 20, "-" * 20)))
    page = page_of(record)
    assert "No. The candidate fails 10 of 10 dialogues; the baseline fails none." in page.words
    assert "▼ lost a 2 of 2 → 0 of 2" in page.words
    assert "worse a" not in page.words
    assert "Other scenarios that lost pairs 4" in page.words


def test_a_scenario_that_lost_a_single_pair_is_not_called_the_same():
    words = page_of(gate_of({"a": ("+", "-"), "b": ("+", "+"), "c": ("-", "+")})).words
    assert "▽ lower a" in words
    assert "= same b" in words
    assert "△ higher c" in words


def test_many_that_got_worse_are_counted():
    names = {f"s{at}": ("+" * 20, "-" * 20 if at < 3 else "+" * 20) for at in range(40)}
    page = page_of(gate_record(names))
    assert re.search(r"No\. (3 of 40 scenarios got worse: s0, s1, s2\.|The candidate fails)", page.words)


def test_a_gate_that_passes_shows_a_pair_all_the_same():
    page = page_of(gate_of(dict.fromkeys("abcd", ("+" * 20, "+" * 20))))
    assert "May I merge? Yes. The pass rate does not drop by 10 points or more." in page.words
    assert "passes in at most 5 % of gates" in page.words
    assert "One pair, side by side a pair 1: both pass" in page.words


@pytest.mark.parametrize(
    ("record", "heading"),
    [
        pytest.param(
            NO_SAMPLES, "Too little evidence so far. INCONCLUSIVE : round 1 lacks 2 pairs.", id="no sample"
        ),
        pytest.param(gate_record({"a": ("+", "+")}), "Too little evidence so far.", id="one pair"),
        pytest.param(
            gate_record({"a": ("+-+-", "+++-")}, GatePlan(max_rounds=4)),
            "Too little evidence after the last round. About 11 more rounds needed (--duolog-rounds=15).",
            id="last round",
        ),
        pytest.param(
            gate_record(dict.fromkeys("abcd", ("-" * 20, "-" * 20))),
            "The baseline passes too seldom to get worse.",
            id="dead baseline",
        ),
        pytest.param(
            RunRecord(
                header(RunPlan({"a": None}, GatePlan())),
                tuple(sample("a", at, arm=arm, says="The same.") for at in range(1, 6) for arm in Arm),
            ),
            "Every scenario gave the same dialogue again and again.",
            id="repeats",
        ),
    ],
)
def test_a_gate_that_is_open_says_why_and_is_no_yes(record: RunRecord, heading: str):
    page = page_of(record)
    assert f"May I merge? Not yet. {heading}" in page.words
    assert "… OPEN" in page.words
    assert "Yes." not in page.words


def test_nothing_is_shown_that_was_not_measured():
    page = page_of(NO_SAMPLES)
    facts = page.words.partition("pass rate")[2].partition("Drop of each")[0]
    assert " ".join(facts.split()) == (
        "not known no pair has an outcome on both sides smallest drop to detect 10 points the margin of this gate "
        "took 0 dialogues of at most 80; 0 of 20 rounds"
    )
    assert page.words.count("no pair") >= 3
    assert "no look" in page.words
    assert "in this run Not known: functions and older recordings report no tokens" in page.words
    assert "pass^k" not in page.words
    assert "No pair of this scenario was completed." in page.words
    points = page.of("circle") + [path for path in page.of("path") if path.get("class") == "pt"]
    assert points == []


def test_errors_stand_beside_the_counts():
    samples = [
        *arm_samples("a", Arm.BASELINE, "+" * 20),
        *arm_samples("a", Arm.CANDIDATE, "+" * 10),
        *(
            sample("a", at, "!", arm=Arm.CANDIDATE, is_given_up=True, problem="HTTP 400: content_filter")
            for at in range(11, 21)
        ),
    ]
    page = page_of(RunRecord(header(RunPlan({"a": None}, GatePlan())), tuple(samples)))
    assert "errors 0 → 2 baseline → candidate, after retries" in page.words
    assert "10 of 10 → 10 of 10 errors 0 → 2" in page.words
    assert "passed, now ends in an error" in page.words
    assert "HTTP 400: content_filter" in page.words


def test_a_stored_baseline_has_its_own_counts():
    samples = [
        *(one.model_copy(update={"is_stored": True}) for one in arm_samples("a", Arm.BASELINE, "++-" * 10)),
        *arm_samples("a", Arm.CANDIDATE, "-" * 10),
    ]
    record = RunRecord(header(RunPlan({"a": None}, GatePlan(), stored={"a": 3})), tuple(samples))
    page = page_of(spoken(record))
    assert "2 of 3 stored passed, now fails" in page.words
    assert re.search(r"(\d+) of (\d+) → 0 of (\d+)", page.words)


def test_evidence_is_not_rounded_up_and_each_look_has_a_dot():
    page = page_of(gate_record(dict.fromkeys("abcd", ("+" * 9, "+" * 9))))
    shares = [int(share) for share in re.findall(r"(?:PASS|BLOCK) the [\w ]+ (\d+) %", page.words)]
    assert 0 < shares[0] < 100
    assert shares[1] == 0
    dots = [attributes for attributes in page.of("circle") if "was" in (attributes.get("class") or "")]
    assert len(dots) == 3 * 7  # three claims, looked at after rounds 2 to 9, the last of them drawn larger


def test_reliability_over_several_dialogues_is_shown_for_both_arms():
    page = page_of(gate_of(dict.fromkeys("ab", ("+" * 20, "+-" * 10))))
    table = page.words.partition("pass^k, mean over the scenarios")[2]
    assert re.match(r"\D*1 2 4 ", table)
    baseline, _, candidate = table.partition("baseline")[2].partition("candidate")
    assert "100 %" in baseline
    first, second = re.findall(r"([\d.]+) %", candidate)[:2]
    assert float(second) < float(first) <= 50.0


def test_cost_is_told_by_arm_and_what_is_not_known_is_not_zero():
    record = gate_of({"a": ("+" * 3, "+" * 3)})
    usage = Usage(prompt_tokens=10, reply_tokens=5)
    samples = []
    for one in record.samples:
        first, *rest = one.dialogues[0].transcript.messages
        told = [first, *(message.model_copy(update={"usage": usage}) for message in rest)]
        transcript = one.dialogues[0].transcript.model_copy(update={"messages": tuple(told)})
        judge = JudgeUse(
            model="openai:strict",
            votes=3,
            usage=Usage(prompt_tokens=70, cost=0.25),
            latency_ms=4500,
            gaps=Gaps(tokens=2),
        )
        talk = one.dialogues[0].model_copy(update={"transcript": transcript, "judges": (judge,)})
        samples.append(one.model_copy(update={"dialogues": (talk,)}))
    words = page_of(RunRecord(record.header, tuple(samples))).words
    assert "candidate Ann Ann 18 180 not known 90 none not known not known" in words
    assert (
        "candidate judge openai:strict 9 votes at least 210 not known not known not known 1.5 s (mean) 0.75"
        in words
    )


@pytest.mark.slow
def test_a_thousand_dialogues_stay_small():
    outcomes = {f"t.py::test_a[{at}]": ("+" * 20, "+-" * 10) for at in range(25)}
    record = gate_of(outcomes)
    assert len(record.samples) == 1000
    assert len(report_text(record, decide_record(record), {}).encode()) <= 1_500_000


# One pair


def pair(baseline: list[str], candidate: list[str], *, fails_at: int | None = None) -> PairView:
    sides = []
    for texts in (baseline, candidate):
        said = dialogue(*texts)
        verdicts = []
        if fails_at is not None and texts is candidate:
            verdicts = [
                PropertyResult(
                    property="P",
                    outcome=Outcome.FAILS,
                    explanation="no",
                    evidence=(Citation(message=fails_at),),
                )
            ]
        sides.append(DialogueResult(transcript=said, verdicts=tuple(verdicts)))
    one = sample(outcome="+", dialogues=(sides[0],))
    two = sample(outcome="-" if fails_at else "+", arm=Arm.CANDIDATE, dialogues=(sides[1],))
    return pair_of(1, [one], two)


def shown(view: PairView) -> list[str]:
    """A word a block: a number, with `=` where both say the same, `<` or `>` where one side has ended; or a fold."""
    signs = {"same": "=", "baseline": "<", "candidate": ">", "both": ""}
    return [
        block.words
        if isinstance(block, PairFold)
        else f"{block.number}{signs[block.kind]}{'!' if block.is_bad else ''}"
        for block in view.blocks
    ]


SAME = [f"Message {number}." for number in range(1, 9)]


@pytest.mark.parametrize(
    ("baseline", "candidate", "fails_at", "expected"),
    [
        (["a", "b"], ["a", "c"], None, ["1=", "2"]),
        (["a"], ["a", "b"], None, ["1=", "2>"]),
        (["a", "b"], ["a"], None, ["1=", "2<"]),
        (SAME, SAME, None, ["6 messages the same on both sides", "7=", "8="]),
        (SAME[:4], SAME[:4], None, ["1=", "2=", "3=", "4="]),
        (["a"], ["a", *SAME], None, ["1=", "2>", "3>", "4>", "5>", "4 more messages of the candidate"]),
        (["a", *SAME], ["a"], None, ["1=", "2<", "3<", "4<", "5<", "4 more messages of the baseline"]),
        (["a", "b"], ["a", "c"], 2, ["1=", "2!"]),
        (SAME, SAME, 2, ["1 more message", "2=!", "4 more messages", "7=", "8="]),
        ([], ["a"], None, ["1>"]),
    ],
)
def test_messages_stand_beside_each_other_by_number(
    baseline: list[str], candidate: list[str], fails_at: int | None, expected: list[str]
):
    assert shown(pair(baseline, candidate, fails_at=fails_at)) == expected


def marked(one: str, two: str) -> tuple[str, str]:
    row = next(iter(pair([one], [two]).blocks))
    assert isinstance(row, PairRow)
    assert row.baseline
    assert row.candidate
    left, right = (
        "".join(f"[{text}]" if only else text for only, text in side.pieces)
        for side in (row.baseline, row.candidate)
    )
    return left, right


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ("It is open today.", "It is closed today.", ("It is[ open] today.", "It is[ closed] today.")),
        ("Nothing alike.", "Another thing entirely!", ("Nothing alike.", "Another thing entirely!")),
        ("Cut off here", "Cut off", ("Cut off[ here]", "Cut off")),
        ("", "Something.", ("", "Something.")),
    ],
)
def test_words_that_only_one_side_has_are_marked(one: str, two: str, expected: tuple[str, str]):
    assert marked(one, two) == expected


def test_a_megabyte_on_each_side_is_compared_in_no_time():
    began = time.process_time()
    view = pair(["word " * 200_000], ["other " * 200_000], fails_at=1)
    (row,) = view.blocks
    assert isinstance(row, PairRow)
    assert row.candidate
    assert row.candidate.part.n_cut == 1_100_000
    assert time.process_time() - began < 2


def test_of_several_dialogues_the_one_that_fails_is_shown():
    def results(fails: str) -> tuple[DialogueResult, ...]:
        verdict = PropertyResult(property="P", outcome=Outcome.FAILS, explanation="no")
        return tuple(
            DialogueResult(
                name=name, transcript=dialogue(f"I am {name}."), verdicts=(verdict,) if name == fails else ()
            )
            for name in ("", "morning")
        )

    one, two = (
        sample(dialogues=results("")),
        sample(outcome="-", arm=Arm.CANDIDATE, dialogues=results("morning")),
    )
    view = pair_of(3, [one], two)
    assert view.dialogues is not None
    assert [side.name for side in view.dialogues] == ["morning", "morning"]
    assert [verdict.property for verdict in view.broken] == ["P"]


@pytest.mark.parametrize(
    ("baseline", "candidate", "expected"),
    [
        ("+", "-", "passed, now fails"),
        ("-", "+", "failed, now passes"),
        ("+", "+", "both pass"),
        ("-", "-", "both fail"),
        ("!", "!", "both end in an error"),
        ("+", "!", "passed, now ends in an error"),
    ],
)
def test_a_pair_says_what_came_of_it(baseline: str, candidate: str, expected: str):
    assert (
        pair_of(1, [sample(outcome=baseline)], sample(outcome=candidate, arm=Arm.CANDIDATE)).result
        == expected
    )


def test_a_message_cut_off_says_so():
    one = Message(speaker="A", content="Only so", finish="truncated", usage=Usage(reply_tokens=6))
    result = DialogueResult(transcript=Transcript(messages=(one,)))
    record = gate_record({"a": ("+", "-")})
    samples = tuple(found.model_copy(update={"dialogues": (result,)}) for found in record.samples)
    assert "cut off after 6 tokens" in page_of(RunRecord(record.header, samples)).words


def test_the_page_links_only_into_itself():
    page = page_of(gate_of({"a": ("+" * 20, "-" * 20), "b": ("+" * 20, "+" * 20)}))
    assert isinstance(page, Page)
    ids = {attributes.get("id") for _, attributes in page.elements}
    links = [attributes["href"] or "" for attributes in page.of("a")]
    assert links
    assert all(link.startswith("#") and link[1:] in ids for link in links)
