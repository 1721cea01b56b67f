"""The summary as Markdown: what it says, how long it may get, and that texts in it stay texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from pytest_duolog.gate.decide import decide_record
from pytest_duolog.properties.verdict import Outcome
from pytest_duolog.reports.step_summary import code, inert, report_text
from pytest_duolog.results.dialogue_result import Citation, DialogueResult, PropertyResult
from pytest_duolog.results.plan import GatePlan, RunPlan
from pytest_duolog.results.record import Arm, RunRecord
from pytest_duolog.transcripts.transcript import Message, Transcript
from tests.hostile import HOSTILE
from tests.run_records import arm_samples, bar_record, gate_record, header, sample

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def summary(record: RunRecord) -> str:
    return report_text(record, decide_record(record), {})


def failing(said: str, *, name: str = "tests/test_a.py::test_it", n: int = 3) -> RunRecord:
    """A gate that one scenario blocks, whose candidate says `said`."""
    first = Message(speaker=said[:20] or "A", content=said)
    found = PropertyResult(
        property="P()", outcome=Outcome.FAILS, explanation=said, evidence=(Citation(message=1),)
    )

    def talk(number: int) -> DialogueResult:
        return DialogueResult(transcript=Transcript(messages=(first, numbered(number))), verdicts=(found,))

    samples = arm_samples(name, Arm.BASELINE, "+" * n) + [
        sample(
            name,
            number,
            "-",
            arm=Arm.CANDIDATE,
            problem=said,
            dialogues=(talk(number),),
        )
        for number in range(1, n + 1)
    ]
    return RunRecord(header(RunPlan({name: None}, GatePlan(max_rounds=n))), tuple(samples))


def numbered(number: int) -> Message:
    """What makes a dialogue another one than those before."""
    return Message(speaker="B", content=f"Number {number}.")


def tokens(markdown: str) -> list[Token]:
    blocks = MARKDOWN.parse(markdown)
    return [token for block in blocks for token in [block, *(block.children or ())]]


def test_scenario_whose_shard_is_missing_is_open() -> None:
    text = summary(gate_record({"there": ("+++", "+++"), "missing": ("", "")}))
    assert (
        "| <code>there</code> | 3 of 3 | 3 of 3 | ❔ lost 0 and won 0 of 0 pairs&#59; the gate is not decided |"
        in text
    )
    assert "| <code>missing</code> | 0 of 0 | 0 of 0 | ❔ pairs are missing |" in text


def test_gate_says_verdict_rates_and_the_worst_first() -> None:
    record = gate_record({f"t{n}": ("+" * 10, "+" * 10 if n else "-" * 10) for n in range(5)})
    lines = summary(record).splitlines()
    assert lines[0] == ("## BLOCK&#58; 1 of 5 scenarios got worse&#58; t0")
    assert lines[2].startswith("- baseline 18 of 18 passed &#40;100 &#37;&#41;&#44; candidate 8 of 18")
    table = lines.index("| scenario | baseline | candidate | verdict |")
    assert lines[table + 2] == "| <code>t0</code> | 10 of 10 | 0 of 10 | ❌ got worse by 100 points |"
    assert lines[table + 3] == "| <code>t1</code> | 10 of 10 | 10 of 10 | ✅ no sign of harm |"


def test_bars_have_their_counts_and_verdicts() -> None:
    lines = summary(bar_record({"good": "+" * 12, "bad": "--"})).splitlines()
    assert lines[0] == "## FAIL&#58; 1 of 2 scenarios below their pass rate&#58; bad"
    table = lines.index("| scenario | passed | verdict |")
    assert lines[table + 2].startswith("| <code>bad</code> | 0 of 2 | ❌ FAIL&#58; 0 of 2 passed")
    assert lines[table + 3].startswith("| <code>good</code> | 12 of 12 | ✅ PASS&#58; 12 of 12 passed")


def test_passing_bars_say_so() -> None:
    assert summary(bar_record({"good": "+" * 12})).startswith(
        "## PASS&#58; all of 1 scenario reach their pass rate\n"
    )


def test_first_failures_are_quoted_with_their_message() -> None:
    lines = summary(failing("I am no help.", n=9)).splitlines()
    assert "- sample 1 of the candidate: <code>I am no help&#46;</code>" in lines
    assert "  - message 1, <code>I am no help&#46;</code>: <code>I am no help&#46;</code>" in lines
    assert not any("sample 3 " in line for line in lines)


def test_errors_are_counted_and_quoted() -> None:
    record = gate_record({"t": ("++!", "+++")})
    assert (
        "- 1 of 6 attempts ended in an error&#44; which counts neither as pass nor as failure&#58;"
        in summary(record)
    )


def check_is_only_text(markdown: str) -> None:
    found = tokens(markdown)
    kinds = {token.type for token in found}
    assert kinds.isdisjoint(
        {"link_open", "image", "html_block", "fence", "code_block", "blockquote_open", "hr"}
    )
    assert {token.content for token in found if token.type == "html_inline"} <= {"<code>", "</code>"}
    assert {len(row) for row in rows(found)} <= {4}


def rows(found: list[Token]) -> list[list[Token]]:
    result: list[list[Token]] = []
    for token in found:
        if token.type == "tr_open":
            result.append([])
        elif token.type in {"td_open", "th_open"}:
            result[-1].append(token)
    return result


@pytest.mark.parametrize("said", HOSTILE)
def test_hostile_text_stays_text(said: str) -> None:
    for record in (failing(said, n=9), failing("x", name=f"t.py::t[{said}]", n=9)):
        markdown = summary(record)
        assert markdown.startswith("## BLOCK")
        check_is_only_text(markdown)
        assert not any(line.startswith(("::", "##[")) for line in markdown.splitlines())


@given(st.text(min_size=1))
def test_any_text_stays_text(said: str) -> None:
    check_is_only_text(summary(failing(said, n=9)))


@given(st.text())
def test_any_text_is_one_line_without_mentions_or_links(said: str) -> None:
    for shown in (inert(said), code(said).removeprefix("<code>").removesuffix("</code>")):
        assert "\n" not in shown
        assert not set(shown.replace("&#", "").replace(";", "")) & set("<>@|[]()`*_~!\\\"'#:.")
    assert "&#64;\u2060" in inert("@name")


@pytest.mark.parametrize("long", [False, True], ids=["many", "many and long"])
def test_summary_stays_within_its_size_and_says_what_it_leaves_out(long: bool) -> None:
    names = [f"tests/test_{'☃|' * 200 if long else 'x'}.py::test[{n}]" for n in range(200)]
    samples = [
        one
        for name in names
        for one in (
            sample(name, 1, "+"),
            sample(name, 1, "-", arm=Arm.CANDIDATE, problem="|☃<" * 1000),
            sample(name, 2, "+"),
            sample(name, 2, "-", arm=Arm.CANDIDATE, problem="|☃<" * 1000),
            sample(name, 3, "+"),
            sample(name, 3, "-", arm=Arm.CANDIDATE, problem="|☃<" * 1000),
        )
    ]
    record = RunRecord(header(RunPlan(dict.fromkeys(names), GatePlan(max_rounds=3))), tuple(samples))
    markdown = summary(record)
    assert 20_000 < len(markdown.encode()) <= 60_000
    assert " more scenarios\n" in markdown
    assert markdown.rstrip().endswith("more scenarios with failures")
