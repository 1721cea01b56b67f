"""Tool calls stand where they were made, wherever a dialogue is shown."""

from __future__ import annotations

from pytest_duolog.plugin.snapshot import _sentences
from pytest_duolog.properties.verdict import Outcome
from pytest_duolog.reports.dialogue_diff import DialogueDiff
from pytest_duolog.reports.dialogue_text import Page, dialogue_lines
from pytest_duolog.reports.dialogue_view import asides_of
from pytest_duolog.results.dialogue_result import Citation, PropertyResult
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.transcripts.sources import Source
from pytest_duolog.transcripts.transcript import Message, ToolCall, Transcript

BOB = Message(
    speaker="Bob",
    content="Let me look.\n\nI found it. It is paid back.",
    tool_calls=(
        ToolCall(name="look_up", arguments='{"id": 1}', result="lamp", round=1, at=12),
        ToolCall(name="refund", arguments="{}", result="no id", is_error=True, round=1, at=12),
        ToolCall(name="refund", arguments='{"id": 1}', round=2, at=12, agent="Till"),
    ),
)
SHOP = Transcript(messages=(BOB,))


def lines_of(page: Page, *verdicts: PropertyResult) -> list[str]:
    filed = FiledDialogue(Source("talk", "talk.md", 1, SHOP), verdicts=verdicts)
    return [line.strip() for line in dialogue_lines(filed, page)]


def test_show_folds_calls_in_their_place():
    lines = lines_of(Page())
    at = next(at for at, line in enumerate(lines) if line.endswith("Let me look."))
    assert lines[at + 1 : at + 5] == [
        "[tool look_up(...) -> 4 characters]",
        "[and tool refund(...) failed -> 5 characters]",
        "[tool refund of Till(...)]",
        "I found it. It is paid back.",
    ]
    assert '[tool look_up({"id": 1}) -> lamp]' in lines_of(Page(is_full=True))


def test_show_tells_which_call_a_failed_property_is_about():
    verdict = PropertyResult(
        property="NoToolErrors",
        outcome=Outcome.FAILS,
        explanation="1 of 3 calls failed (at most 0)",
        evidence=(Citation(message=1, quote="refund {} failed: no id", call="call 2 of 3"),),
    )
    assert "NoToolErrors: call 2 of 3: refund {} failed: no id" in lines_of(Page(), verdict)


def test_the_report_has_calls_in_their_order():
    assert list(asides_of(BOB)) == [
        ("tool look_up after “…Let me look.”", '{"id": 1}\n→ lamp'),
        ("and tool refund, failed", "{}\n→ no id"),
        ("tool refund of Till", '{"id": 1}'),
    ]


def test_a_snapshot_that_differs_shows_calls_in_their_place():
    assert _sentences(SHOP, 1) == [
        "Let me look.",
        '(called look_up {"id": 1} gave lamp)',
        "(and called refund {} failed no id)",
        '(called refund {"id": 1}, by Till)',
        "I found it.",
        "It is paid back.",
    ]


def test_diff_shows_what_is_another_call():
    worked = BOB.tool_calls[1].model_copy(update={"is_error": False})
    other = BOB.model_copy(update={"tool_calls": (BOB.tool_calls[0], worked, BOB.tool_calls[2])})
    one, two = (
        FiledDialogue(Source("talk", "talk.md", 1, Transcript(messages=(message,))))
        for message in (BOB, other)
    )
    later = BOB.model_copy(
        update={"tool_calls": tuple(call.model_copy(update={"latency_ms": 9}) for call in BOB.tool_calls)}
    )
    assert later.said() == BOB.said()
    lines = [line.strip() for line in DialogueDiff(one, two).lines(Page())]
    assert "[and tool refund({}) failed -> no id]" in lines
    assert "[and tool refund({}) -> no id]" in lines
    assert lines.index('[tool look_up({"id": 1}) -> lamp]') < lines.index("I found it. It is paid back.")
