"""Dialogues in steps in a test: recorded, replayed, edited, forked and judged again."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_duolog import ConfigurationError, Transcript
from pytest_duolog.cli import main
from pytest_duolog.properties.by_name import parse_property
from pytest_duolog.properties.verdict import Outcome
from pytest_duolog.results.rejudge import rejudged
from pytest_duolog.results.store import read_record

TEST = """
import pytest
from pytest_duolog import Mentions, NeverSays, Transcript, check, reply, say, talk

STEPS = [say("Hello"), reply(), CHECK, say("4711"), reply(), talk(turns=4), check(NeverSays("bomb")), say("Bye!")]

@pytest.mark.dialogue(a="openai:small", b="openai:large", steps=STEPS, grace=0)
def test_it(dialogue):
    assert dialogue.stop_reason.kind == "steps"
    told = Transcript.from_cassette(dialogue.cassette_path)
    assert told.to_json() == dialogue.transcript.to_json()
    MORE
"""


def run(pytester, *options: str, checks: str = 'check(Mentions("lamp"))', more: str = "pass"):
    pytester.makepyfile(test_it=TEST.replace("CHECK", checks).replace("MORE", more))
    return pytester.runpytest("-p", "no:cacheprovider", *options)


@pytest.fixture
def shop(chat_server):
    """A server that says goodbye in the free part, long before its turns are over."""
    said = iter(["A lamp?", "I look.", "Thank you, goodbye!", "Goodbye!"])
    chat_server.answer = lambda _body: next(said)
    return chat_server


def test_checks_change_without_a_new_recording(pytester, shop):
    run(pytester, "--record-mode=once").assert_outcomes(passed=1)
    assert len(shop.requests) == 4
    before = {path: path.read_bytes() for path in Path(pytester.path).rglob("*.jsonl")}
    run(pytester).assert_outcomes(passed=1)

    result = run(
        pytester, checks='check(Mentions("bulb")), check(NeverSays("lamp")), check(Mentions("lamp"))'
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*step 3, check(Mentions(phrases='bulb')), after message 2 fails: 'bulb' is in 0 of 2 messages*",
            "*message 2 (*): 'A lamp?'*",
            "*step 4, check(NeverSays(phrases='lamp')), after message 2 fails:*",
        ]
    )
    assert "did not check" not in result.stdout.str()
    assert "step 5" not in result.stdout.str().partition("short test summary")[0].partition("verdict:")[0]

    # Another text is another dialogue.
    result = run(pytester, checks='say("Well.")')
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*steps: edited*"])
    assert {path: path.read_bytes() for path in Path(pytester.path).rglob("*.jsonl")} == before


def test_a_fork_judges_the_steps_again(pytester, shop):
    more = "assert dialogue.fork(5, name='again').messages[2].content == '4711'"
    said = iter(["A lamp?", "I look.", "Thank you, goodbye!", "Goodbye!", "A bomb, goodbye!"])
    shop.answer = lambda _body: next(said)
    result = run(pytester, "--record-mode=once", more=more)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*step 7, check(NeverSays(phrases='bomb')), after message 6 fails:*"])


def test_a_check_that_cannot_be_judged_is_told_at_every_access(pytester):
    pytester.makepyfile("""
from pathlib import Path
import pytest
from pytest_duolog import CassetteError, check, reply, say

def unreadable(transcript):
    raise CassetteError("the votes do not fit", cassette_path=Path("x.jsonl"))

@pytest.mark.dialogue(b="scripted:echo", steps=[say("Hello"), reply(), check(unreadable)])
def test_it(dialogue):
    for _ in range(2):
        with pytest.raises(CassetteError, match="the votes do not fit"):
            dialogue.messages
""")
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=1)


SCRIPTED = """
import pytest
from pytest_duolog import EndsCleanly, MaxWords, Mentions, Script, check, reply, say

SHOP = Script("A lamp?", "", then="silence")

@pytest.mark.dialogue(b=SHOP, samples=2,
    steps=[
        say("Hello"), check(MaxWords(9)), reply(), check(Mentions("lamp")), say("4711"), reply(), check(EndsCleanly())
    ])
async def test_it(dialogue):
    await dialogue
"""


def test_a_step_that_was_not_reached_fails_and_records_are_judged_again(pytester):
    pytester.makepyfile(test_it=SCRIPTED)
    result = pytester.runpytest(
        "-p", "no:cacheprovider", "--duolog-record=run.jsonl", "-m", "dialogue", "--asyncio-mode=auto"
    )
    result.assert_outcomes(failed=1)
    unreached = (
        "step 7, check(EndsCleanly), not reached could not be measured: the dialogue ended before this step"
    )
    result.stdout.fnmatch_lines([f"*{unreached}: stopped by empty reply (Model B): finish reason 'end'*"])
    record = read_record(Path("run.jsonl"))
    sample = record.samples[0]
    assert sample.outcome == "failed"
    assert rejudged(record, [], plugin="x").samples[0].outcome == "failed"
    (dialogue,) = sample.dialogues
    names = [verdict.property for verdict in dialogue.verdicts]
    assert names == [
        "step 2, check(MaxWords(words=9)), after message 1",
        "step 4, check(Mentions(phrases='lamp')), after message 2",
        "step 7, check(EndsCleanly), not reached",
    ]
    again = parse_property(names[1]).check(dialogue.transcript)
    assert (str(again.property), again.outcome) == (names[1], Outcome.HOLDS)
    assert parse_property(names[2]).check(dialogue.transcript).outcome is Outcome.UNMEASURED


@pytest.mark.parametrize("part", ["step 1, check(NoLoops()), not reached", "step 1, check(" * 20_000, ""])
def test_a_hostile_name_of_a_step_is_no_property(part):
    with pytest.raises(ConfigurationError, match="is not Name or Name"):
        parse_property(f"step 1, check({part}), not reached")


def test_talk_without_a_test_refuses_checks(pytester, capsys):
    rows = Path("rows.yaml")
    rows.write_text("- steps: [{say: Hello}, reply, {check: NoLoops()}]\n", "utf-8")
    arguments = ["talk", "--a", "scripted:echo", "--b", "scripted:counter", "--scenarios", "rows.yaml"]
    assert main(arguments) == 2
    assert "rows.yaml:1:3: steps: duolog talk judges nothing; remove the checks" in capsys.readouterr().err
    rows.write_text("- steps: [{say: Hello}, reply, {say: Bye}]\n", "utf-8")
    assert main([*arguments, "--as-test", "test_said.py"]) == 0
    assert "import Speaker, reply, say" in Path("test_said.py").read_text("utf-8")
    pytester.runpytest("test_said.py").assert_outcomes(passed=1)
    (path,) = Path("talks").glob("*.json")
    assert [message.content for message in Transcript.from_json(path).messages] == [
        "Hello",
        "This is message 1 of mine.",
        "Bye",
    ]
