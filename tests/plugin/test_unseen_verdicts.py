"""A verdict that nobody looks at, and a marker that nothing uses, do not pass in silence."""

from __future__ import annotations

import pytest

from pytest_duolog.results.store import read_record
from tests.workers import alone_or_in_workers

MARKER = '@pytest.mark.dialogue(model="scripted:counter", turns=1, stop_on=())'

# `number` is said in messages 2 and 3 of these dialogues, "message" too, and "refund" never.
HEAD = f"""
import pytest
from pytest_duolog import Transcript
from pytest_duolog.properties import Mentions, NeverSays, Outcome

def cannot_say(transcript):
    raise RuntimeError("no idea")

def helper(dialogue):
    return dialogue.never_says("message")

{MARKER}
"""


@pytest.fixture
def body(pytester: pytest.Pytester):
    def run(text: str, *options: str, arguments: str = "dialogue", more: str = "", marker: str = ""):
        lines = "".join(f"    {line}\n" for line in text.splitlines())
        head = HEAD.replace("stop_on=()", f"stop_on=(){marker}")
        pytester.makepyfile(test_it=f"{more}\n{head}def test_it({arguments}):\n{lines}")
        return pytester.runpytest(*options)

    return run


FAILING = {
    "never looked at": 'dialogue.never_says("message")',
    "assigned": 'verdict = dialogue.never_says("message")',
    "printed": 'print(dialogue.never_says("message"))',
    "formatted": 'print(f"{dialogue.never_says(\'message\')} of", [dialogue.never_says("message").property])',
    "returned by a helper": "helper(dialogue)",
    "one of two": 'assert dialogue.never_says("refund")\ndialogue.never_says("message")',
    "of the transcript": 'dialogue.transcript.never_says("message")',
    "of a further dialogue": 'dialogue.run(name="more").never_says("message")',
    "of a property": 'dialogue.satisfies(NeverSays("message"))',
    "opposite": '~dialogue.mentions("message")',
    "both": 'dialogue.mentions("message") & dialogue.mentions("refund")',
    "not measured": "dialogue.satisfies(cannot_say)",
    "not measured, combined": 'dialogue.satisfies(cannot_say) | dialogue.mentions("refund")',
    "in a function that is checked": (
        'assert dialogue.satisfies(lambda transcript: bool(transcript.never_says("message")) or True)\n'
        'assert dialogue.satisfies(lambda transcript: transcript.never_says("message") is not None)'
    ),
}


@pytest.mark.parametrize("text", FAILING.values(), ids=FAILING.keys())
def test_verdict_that_does_not_hold_and_nobody_looked_at_fails_the_test(body, text: str):
    body(text).assert_outcomes(failed=1)


PASSING = {
    "asserted": 'assert dialogue.never_says("refund")',
    "stored and asserted later": (
        'verdict = dialogue.mentions("message")\nwrong = dialogue.never_says("message")\n'
        "assert verdict\nassert not wrong"
    ),
    "asserted by its outcome": 'assert dialogue.never_says("message").outcome is Outcome.FAILS',
    "asserted by its outcome as text": 'assert dialogue.satisfies(cannot_say).outcome == "could not be measured"',
    "its explanation asserted": 'assert "2 of 3" in dialogue.never_says("message").explanation',
    "its evidence asserted": 'assert len(dialogue.never_says("message").evidence) == 2',
    "of a helper": "assert not helper(dialogue)",
    "a branch": 'if dialogue.never_says("message"):\n    assert False',
    "all of several": 'assert all([dialogue.mentions("message"), dialogue.never_says("refund")])',
    "combined": 'assert dialogue.mentions("refund") | dialogue.mentions("message")',
    "combined, one not measured": 'assert dialogue.satisfies(cannot_say) | dialogue.mentions("message")',
    "opposite": 'assert ~dialogue.never_says("message")',
    "opposite of both": 'assert ~(dialogue.never_says("message") & dialogue.mentions("message"))',
    "compared": 'assert dialogue.mentions("refund") == dialogue.mentions("refund")',
    "unlooked at, and it holds": 'dialogue.never_says("refund")',
    "in a function that is checked": 'assert dialogue.satisfies(lambda talk: talk.mentions("message"))',
    "either, in a function that is checked": (
        'assert dialogue.satisfies(lambda talk: talk.mentions("refund") or talk.mentions("message"))'
    ),
}


@pytest.mark.parametrize("text", PASSING.values(), ids=PASSING.keys())
def test_verdict_that_was_looked_at_counts_as_the_test_says(body, text: str):
    body(text).assert_outcomes(passed=1)


def test_it_says_which_line_asked_and_what_to_do(body):
    result = body('assert dialogue.mentions("message")\ndialogue.never_says("message")')
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "test_it.py:14: the test did not check NeverSays(phrases=('message',)) fails: *",
            "  message 2 (Model B): 'This is message 1 of mine.'",
            "to fix: assert it; if it may fail, read its .outcome",
            "*- dialogue -*",
            "FAILED test_it.py::test_it - *test_it.py:14: the test did not*",
        ]
    )


def test_line_of_a_helper_is_named(body):
    result = body("helper(dialogue)")
    result.stdout.fnmatch_lines(["test_it.py:9: the test did not check NeverSays*"])


def test_many_of_them_are_counted(body):
    result = body('for word in "abcdefgh":\n    dialogue.mentions(word * 5)')
    result.stdout.fnmatch_lines(
        ["test_it.py:14: the test did not check Mentions*eeeee*", "and 3 more", "to fix: *"]
    )


def test_failure_of_the_body_comes_first(body):
    result = body('dialogue.never_says("message")\nassert False, "the body"')
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *AssertionError: the body"])
    result.stdout.no_fnmatch_line("*did not check*")


def test_failure_before_a_verdict_was_looked_at_is_told_once(body):
    fixture = (
        "import pytest\n\n@pytest.fixture\ndef clean(dialogue):\n    dialogue.never_says('message')\n"
        "    raise RuntimeError('the fixture')\n"
    )
    body('verdict = dialogue.never_says("message")\nassert False').assert_outcomes(failed=1)
    body("pass", arguments="dialogue, clean", more=fixture).assert_outcomes(errors=1)
    body('dialogue.never_says("message")\npytest.skip("later")').assert_outcomes(skipped=1)


def test_verdict_asked_for_in_a_fixture_may_be_looked_at_in_the_test(body):
    fixture = (
        "import pytest\n\n@pytest.fixture\ndef clean(dialogue):\n    return dialogue.never_says('message')\n"
    )
    body("assert not clean", arguments="dialogue, clean", more=fixture).assert_outcomes(passed=1)
    body("pass", arguments="dialogue, clean", more=fixture).assert_outcomes(failed=1)


def test_verdict_asked_for_after_the_test_is_an_error_unless_looked_at(body):
    fixture = "import pytest\n\n@pytest.fixture\ndef later(dialogue):\n    yield\n    dialogue.never_says('message')\n"
    body("pass", arguments="later", more=fixture).assert_outcomes(passed=1, errors=1)


def test_expected_failure_covers_it(body):
    body('dialogue.never_says("message")', more="", marker="").assert_outcomes(failed=1)
    body('dialogue.never_says("message")', marker=")\n@pytest.mark.xfail(strict=True").assert_outcomes(
        xfailed=1
    )


@pytest.mark.parametrize("plugin", ["asyncio", "anyio"])
def test_async_tests_have_to_look_too(pytester: pytest.Pytester, plugin: str):
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        {MARKER}
        @pytest.mark.{plugin}
        async def test_it(dialogue):
            (await dialogue).never_says("message")
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*.py:*: the test did not check NeverSays*"])


def test_transcript_of_a_file_in_a_plain_test_is_looked_at_too(pytester: pytest.Pytester):
    pytester.makefile(".md", talk="# Talk\n\n## Conversation\n\nModel A: Hello.\n\nModel B: My refund?\n")
    pytester.makepyfile(
        """
        from pytest_duolog import Transcript

        def test_it():
            Transcript.from_markdown("talk.md").never_says("refund")

        def test_fine():
            assert not Transcript.from_markdown("talk.md").never_says("refund")
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*.py:4: the test did not check NeverSays*"])


def test_doctest_looks_at_what_it_prints(pytester: pytest.Pytester):
    pytester.makefile(".md", talk="# Talk\n\n## Conversation\n\nModel A: Hello.\n\nModel B: My refund?\n")
    pytester.maketxtfile(
        test_docs="""
        >>> from pytest_duolog import Transcript
        >>> Transcript.from_markdown("talk.md").never_says("refund")  # doctest: +ELLIPSIS
        NeverSays(phrases=('refund',)) fails: ...
          message 2 (Model B): 'My refund?'
        """
    )
    pytester.runpytest().assert_outcomes(passed=1)


@pytest.mark.parametrize("negation", ["", "not "])
def test_what_could_not_be_measured_is_neither_true_nor_false(body, negation: str):
    result = body(f"assert {negation}dialogue.satisfies(cannot_say)")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E *Unmeasured: cannot_say could not be measured: it raised RuntimeError: no idea"]
    )


@pytest.mark.parametrize("negation", ["", "not "])
@pytest.mark.parametrize("of", ["dialogue", "dialogue.transcript"])
@pytest.mark.parametrize("name", ["ends_cleanly", "has_no_loops", "satisfies"])
def test_method_that_was_not_called_is_no_verdict(body, negation: str, of: str, name: str):
    result = body(f"assert {negation}{of}.{name}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E *{name} is a method and was not called*: write {name}(...)"])


@alone_or_in_workers(1)
@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ('dialogue.never_says("message")', "failed"),
        ('dialogue.transcript.never_says("message")', "failed"),
        ("dialogue.satisfies(cannot_say)", "error"),
        ("dialogue.transcript.satisfies(cannot_say)", "error"),
        ("assert not dialogue.satisfies(cannot_say)", "error"),
        ("assert dialogue.ends_cleanly", "failed"),
        ('dialogue.never_says("refund")', "passed"),
    ],
    ids=["fails", "transcript", "unmeasured", "unmeasured transcript", "not unmeasured", "uncalled", "holds"],
)
def test_sample_comes_to_the_same(pytester: pytest.Pytester, body, options, text: str, outcome: str):
    if options and outcome != "failed":
        pytest.skip("once is enough")
    result = body(text, *options, marker=", samples=1, min_pass_rate=1")
    result.assert_outcomes(**{"passed" if outcome == "passed" else "failed": 1})
    (sample,) = read_record(pytester.path / ".duolog" / "record.jsonl").samples
    assert sample.outcome == outcome


def test_record_says_which_line_asked(pytester: pytest.Pytester, body):
    body('assert dialogue.never_says("refund")', marker=", samples=1, min_pass_rate=1")
    (sample,) = read_record(pytester.path / ".duolog" / "record.jsonl").samples
    assert [verdict.asked_at for verdict in sample.verdicts] == ["test_it.py:13"]


# Markers that nothing uses

UNUSED = """
import pytest

@pytest.mark.dialogue(turns=1)
def test_it():
    pass

@pytest.mark.dialogue(turns=1)
@pytest.mark.parametrize("number", range(3))
def test_many(number):
    pass

@pytest.mark.dialogue(turns=1)
class TestNone:
    def test_a(self):
        pass

    def test_b(self):
        pass
"""
COMPLAINTS = [
    "*test_it.py:3: PytestWarning: @pytest.mark.dialogue on test_it has no effect: the test does not take*",
    "*test_it.py:7: PytestWarning: @pytest.mark.dialogue on test_many has no effect*",
    "*test_it.py:12: PytestWarning: @pytest.mark.dialogue on TestNone has no effect: none of its tests*",
]


@alone_or_in_workers()
def test_marker_that_nothing_uses_is_warned_of(pytester: pytest.Pytester, options):
    pytester.makepyfile(test_it=UNUSED)
    result = pytester.runpytest("-W", "default", *options)
    result.assert_outcomes(passed=6, warnings=3)
    result.stdout.fnmatch_lines(COMPLAINTS)


@alone_or_in_workers()
def test_marker_that_nothing_uses_is_an_error_where_warnings_are(pytester: pytest.Pytester, options):
    pytester.makepyfile(test_it=UNUSED)
    result = pytester.runpytest("-W", "error", *options)
    assert result.ret not in {pytest.ExitCode.OK, pytest.ExitCode.INTERNAL_ERROR}
    assert "passed" not in result.parseoutcomes()
    result.stdout.fnmatch_lines(
        [
            "@pytest.mark.dialogue on test_it has no effect*",
            "@pytest.mark.dialogue on TestNone has no effect*",
        ]
    )


def test_advice_for_a_test_of_unittest_is_another(pytester: pytest.Pytester):
    pytester.makepyfile(
        """
        import pytest, unittest

        @pytest.mark.dialogue
        class TestIt(unittest.TestCase):
            def test_a(self):
                pass

            @pytest.mark.dialogue
            def test_b(self):
                pass
        """
    )
    result = pytester.runpytest("-W", "default")
    result.assert_outcomes(passed=2, warnings=2)
    for name in ("TestIt", "test_b"):
        result.stdout.fnmatch_lines(
            [f"*on {name} has no effect: *Methods of unittest.TestCase take no fixtures*"]
        )


USED = {
    "by one test of a class": """
        @pytest.mark.dialogue(model="scripted:counter")
        class TestSome:
            def test_a(self, dialogue):
                assert dialogue.messages

            def test_b(self):
                pass
        """,
    "by one test of a module": """
        pytestmark = pytest.mark.dialogue(model="scripted:counter")

        class TestSome:
            def test_a(self, dialogue):
                assert dialogue.messages

        def test_b():
            pass
        """,
    "through a fixture": """
        @pytest.fixture
        def talk(dialogue):
            return dialogue

        @pytest.mark.dialogue(model="scripted:counter")
        def test_a(talk):
            assert talk.messages
        """,
    "by usefixtures": """
        @pytest.fixture
        def read(dialogue):
            assert dialogue.messages

        @pytest.mark.usefixtures("dialogue", "read")
        @pytest.mark.dialogue(model="scripted:counter")
        def test_a():
            pass
        """,
    "by request": """
        @pytest.mark.dialogue(model="scripted:counter")
        def test_a(request):
            assert request.getfixturevalue("dialogue").messages
        """,
    "by request in a fixture": """
        @pytest.fixture
        def talk(request):
            return request.getfixturevalue("dialogue")

        @pytest.mark.dialogue(model="scripted:counter")
        def test_a(talk):
            assert talk.messages
        """,
    "by request in a fixture that looks at it after the test": """
        @pytest.fixture(autouse=True)
        def check(request):
            dialogue = request.getfixturevalue("dialogue")
            yield
            assert dialogue.messages

        @pytest.mark.dialogue(model="scripted:counter")
        def test_a():
            pass
        """,
    "by a fixture of the project": """
        @pytest.fixture
        def dialogue():
            return 7

        @pytest.mark.dialogue
        def test_a(dialogue):
            assert dialogue == 7
        """,
}


@pytest.mark.parametrize("text", USED.values(), ids=USED.keys())
def test_marker_that_something_uses_is_not_warned_of(pytester: pytest.Pytester, text: str):
    pytester.makepyfile("import pytest\n" + "\n".join(line[8:] for line in text.splitlines()))
    result = pytester.runpytest("-W", "error")
    assert result.ret == pytest.ExitCode.OK


def test_test_that_is_left_out_still_uses_the_marker(pytester: pytest.Pytester):
    pytester.makepyfile(
        "import pytest\n" + "\n".join(line[8:] for line in USED["by one test of a class"].splitlines())
    )
    pytester.runpytest("-W", "error", "-k", "test_b").assert_outcomes(passed=1, deselected=1)


LOOKS = {
    "the transcript": "dialogue.transcript",
    "a property": "assert dialogue.mentions('message')",
    "the scenario": "assert dialogue.scenario.turns == 1",
    "a further dialogue": "dialogue.run(turns=2).transcript",
    "an error of a further dialogue": "with pytest.raises(Exception): dialogue.run(model=lambda said: 1 / 0)",
}
NOBODY = "the test did not use its dialogue, so it tested nothing"


@pytest.mark.parametrize("text", LOOKS.values(), ids=LOOKS.keys())
def test_look_at_a_dialogue_is_enough_for_it_to_run(body, text: str):
    body(text).assert_outcomes(passed=1)


def test_dialogue_that_nobody_looked_at_fails_its_test(body):
    result = body("print(dialogue)")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([NOBODY, "to fix: assert something of it, *dialogue.ends_cleanly()*"])


def test_dialogue_that_nobody_looked_at_fails_each_sample(body):
    result = body("pass", marker=", samples=2")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*0 of 1 passed*"])


@pytest.mark.parametrize(
    "text",
    ["dialogue.run(turns=2)", "other = dialogue.run(turns=2)", "dialogue.fork(2)"],
    ids=["run", "kept", "fork"],
)
def test_further_dialogue_that_nobody_looked_at_fails_its_test(body, text: str):
    result = body(f"assert dialogue.messages; {text}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["the test did not use the dialogue '*' that it made, so it tested nothing there"]
    )


MADE = """import pytest

@pytest.fixture
def both(dialogue):
    return dialogue.run(turns=2), dialogue.run(turns=3)
"""


@pytest.mark.parametrize("text", ["assert both[0].messages", "assert both[1].messages"], ids=["one", "other"])
def test_a_test_may_use_some_of_what_a_fixture_made(body, text: str):
    body(text, arguments="both", more=MADE).assert_outcomes(passed=1)


def test_a_test_must_use_something_of_what_a_fixture_made(body):
    result = body("both", arguments="both", more=MADE)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["the test did not use the dialogue 'run1' that it made, *"])


RUNS = "runs = [dialogue.run(turns=turns) for turns in (1, 2, 3)]\n"


def test_any_of_several_dialogues_may_be_enough(body):
    body(f"{RUNS}assert any(run.mentions('message') for run in runs)").assert_outcomes(passed=1)


def test_looking_at_the_last_of_several_dialogues_is_not_enough(body):
    result = body(f"{RUNS}assert runs[-1].messages")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["the test did not use the dialogue 'run1' that it made, *"])


def test_markers_dialogue_that_began_early_for_nothing_is_told(pytester: pytest.Pytester):
    talk = '@pytest.mark.dialogue(model="scripted:counter", turns=1, stop_on=())\n'
    pytester.makepyfile(
        f"import pytest\n{talk}def test_a(dialogue): assert dialogue.messages\n"
        f"{talk}def test_b(dialogue): assert dialogue.run(turns=2).messages\n"
    )
    result = pytester.runpytest("--record-mode=once")
    result.assert_outcomes(passed=2)
    told = "test_*.py::test_b: the test did not use the marker's dialogue, which began early: *"
    result.stdout.fnmatch_lines([told])
    pytester.runpytest("--record-mode=once", "--duolog-concurrency=1").stdout.no_fnmatch_line(told)


def test_dialogue_begun_beside_others_is_not_looked_at(pytester: pytest.Pytester):
    talk = '@pytest.mark.dialogue(model="scripted:counter", turns=1, stop_on=())\n'
    pytester.makepyfile(
        f"import pytest\n{talk}def test_a(dialogue): assert dialogue.messages\n{talk}def test_b(dialogue): ...\n"
    )
    pytester.runpytest("--record-mode=once").assert_outcomes(passed=1, failed=1)


def test_fixture_may_look_at_a_dialogue_after_the_body(body):
    fixture = "import pytest\n\n@pytest.fixture\ndef later(dialogue):\n    yield\n    {}\n"
    looks = fixture.format("assert dialogue.messages")
    body("pass", arguments="later", more=looks).assert_outcomes(passed=1)
    result = body("pass", arguments="later", more=fixture.format("print(dialogue)"))
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines([NOBODY])


def test_test_that_ended_before_it_could_look_is_left_alone(body):
    body('pytest.skip("later")').assert_outcomes(skipped=1)
    result = body("assert False")
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line(f"*{NOBODY}*")
