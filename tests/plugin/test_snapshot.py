"""`duolog_snapshot`: transcripts as Markdown files, compared message by message."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.workers import alone_or_in_workers

FOLDER = Path("__snapshots__")

TALK = """
    import pytest
    from pytest_duolog import Script, Speaker

    LINES = {lines!r}

    @pytest.mark.dialogue(
        a=Speaker("Alice", model=Script("And then?", "Go on.", "So?")), b=Speaker("Bob", model=Script(*LINES)),
        opener="Hello, Bob.", turns={turns}, stop_on=(),
    )
    def test_it(dialogue, duolog_snapshot):
        assert dialogue.transcript == duolog_snapshot
"""

STORY = ("There was a lamp. It did not work.", "A man sold it. He was sorry.", "He gave it back.")


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch):
    """By this variable syrupy would take an inner run for a worker's, which reports nothing."""
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)


def write_talk(pytester, *lines: str, turns: int = 3) -> None:
    pytester.makepyfile(test_talk=TALK.format(lines=lines, turns=turns))


def snapshots() -> list[str]:
    return sorted(
        str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.suffix in (".md", ".ambr")
    )


def test_missing_snapshot_fails_says_how_to_store_it_and_writes_nothing(pytester):
    write_talk(pytester, *STORY)
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *received 7 messages; store them with --snapshot-update"])
    assert not FOLDER.exists()


def test_stored_snapshot_is_the_transcript_and_matches_from_then_on(pytester):
    write_talk(pytester, *STORY)
    pytester.runpytest("--snapshot-update").assert_outcomes(passed=1)
    assert snapshots() == ["test_talk/test_it.md"]
    text = FOLDER.joinpath("test_talk", "test_it.md").read_text("utf-8")
    assert "Alice: Hello, Bob.\n\nBob: There was a lamp. It did not work." in text
    assert "\nDate" not in text
    result = pytester.runpytest()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["1 snapshot passed."])


def test_difference_names_the_first_message_and_shows_its_sentences(pytester):
    write_talk(pytester, *STORY)
    pytester.runpytest("--snapshot-update")
    write_talk(pytester, STORY[0], "A man sold it. He was not sorry.", STORY[2])
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *1 of 7 messages differ (snapshot 7, received 7); first: message 4, Bob",
            "E * A man sold it.",
            "E *-He was sorry.",
            "E *+He was not sorry.",
        ]
    )
    result.stdout.no_fnmatch_line("*There was a lamp*-*")


def test_failed_test_names_the_file_of_its_snapshot_and_not_its_text(pytester):
    write_talk(pytester, *STORY)
    pytester.runpytest("--snapshot-update").assert_outcomes(passed=1)
    write_talk(pytester, "Something else.")
    result = pytester.runpytest()
    result.stdout.fnmatch_lines(
        ["duolog_snapshot = <snapshot __snapshots__[/\\\\]test_talk[/\\\\]test_it.md>"]
    )
    result.stdout.no_fnmatch_line("*LLM Dialogue Transcript*")


def test_longer_dialogue_names_the_messages_that_are_new(pytester):
    write_talk(pytester, *STORY, turns=2)
    pytester.runpytest("--snapshot-update")
    write_talk(pytester, *STORY, turns=3)
    result = pytester.runpytest()
    result.stdout.fnmatch_lines(
        [
            "E *2 of 7 messages differ (snapshot 5, received 7); first: message 6, Bob",
            "E *+He gave it back.",
            "E *message 7, Alice",
            "E *+So?",
            "E *stop reason differs",
        ]
    )


def test_many_differences_are_cut_and_counted(pytester):
    write_talk(pytester, *(f"Line {number}." for number in range(9)), turns=9)
    pytester.runpytest("--snapshot-update")
    write_talk(pytester, *(f"Row {number}." for number in range(9)), turns=9)
    pytester.runpytest("-vv").stdout.fnmatch_lines(["E *9 of 19 messages differ*", "E *and 4 more"])


def test_update_writes_the_new_words(pytester):
    write_talk(pytester, *STORY)
    pytester.runpytest("--snapshot-update")
    write_talk(pytester, "There was no lamp.")
    pytester.runpytest("--snapshot-update").assert_outcomes(passed=1)
    assert "There was no lamp." in FOLDER.joinpath("test_talk", "test_it.md").read_text("utf-8")
    pytester.runpytest().assert_outcomes(passed=1)


def test_snapshot_of_a_test_that_is_gone_is_unused_and_removed_by_an_update(pytester):
    pytester.makepyfile(
        test_talk=TALK.format(lines=STORY, turns=3)
        + "\n    def test_other(dialogue, duolog_snapshot):\n        assert dialogue == duolog_snapshot\n"
        + "\n    test_other = pytest.mark.dialogue(model='scripted:counter', turns=1)(test_other)\n"
    )
    pytester.runpytest("--snapshot-update").assert_outcomes(passed=2)
    write_talk(pytester, *STORY)
    result = pytester.runpytest("--snapshot-details")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["1 snapshot passed. 1 snapshot unused.", "*test_other*"])
    pytester.runpytest("--snapshot-update").assert_outcomes(passed=1)
    assert snapshots() == ["test_talk/test_it.md"]


FAILING = """
    import pytest
    from pytest_duolog import Speaker

    def bot(messages):
        {body}

    @pytest.mark.dialogue(a=Speaker("Ann", model=bot), b="scripted:counter", opener="Hello.", turns=1)
    @pytest.mark.parametrize("topic", ["tea", "b/c"])
    def test_it(dialogue, topic, duolog_snapshot):
        assert dialogue == duolog_snapshot
        assert {claim}
        assert dialogue == duolog_snapshot
"""


FAILING_DIALOGUE = {"body": "raise OSError('down')", "claim": "1"}
FAILING_TEST = {"body": "return 'Hi.'", "claim": "0"}


@pytest.mark.parametrize(
    ("change", "workers"),
    [
        (FAILING_DIALOGUE, ()),
        (FAILING_TEST, ()),
        pytest.param(FAILING_TEST, ("-n2",), marks=pytest.mark.slow),
        pytest.param(FAILING_DIALOGUE, ("-n2",), marks=pytest.mark.slow),
    ],
    ids=["dialogue", "test", "test, xdist", "dialogue, xdist"],
)
def test_snapshots_that_a_failed_test_did_not_come_to_are_not_removed(pytester, change, workers):
    pytester.makepyfile(test_talk=FAILING.format(body="return 'Hi.'", claim="1"))
    pytester.runpytest("--snapshot-update").assert_outcomes(passed=2)
    names = snapshots()
    assert len(names) == 4
    pytester.makepyfile(test_talk=FAILING.format(**change))
    for arguments in ([], ["--snapshot-update"]):
        result = pytester.runpytest(*workers, *arguments)
        result.assert_outcomes(failed=2)
        result.stdout.no_fnmatch_line("*unused*")
        assert snapshots() == names


MATRIX = """
    import pytest

    @pytest.mark.dialogue(model="scripted:counter", turns=1)
    @pytest.mark.parametrize("topic", {topics!r})
    def test_it(dialogue, topic, duolog_snapshot):
        assert dialogue == duolog_snapshot
"""

HARD_NAMES = (
    "b/c",
    "bc",
    "b\\c",
    "../../outside",
    "b c",
    "b:c",
    "Б",
    "🙂",
    "x" * 300,
    "x" * 300 + "y",
    ".",
    "a\0b",
)


def test_names_never_collide_and_stay_in_their_folder(pytester):
    pytester.makepyfile(test_matrix=MATRIX.format(topics=HARD_NAMES))
    pytester.runpytest("--snapshot-update").assert_outcomes(passed=len(HARD_NAMES))
    names = snapshots()
    assert len(names) == len(HARD_NAMES)
    assert "test_matrix/test_it[bc].md" in names
    assert all(len(Path(name).name.encode()) <= 255 for name in names)
    assert sorted(str(path) for path in Path().rglob("test_it*.md")) == [
        f"__snapshots__/{name}" for name in names
    ]
    result = pytester.runpytest()
    result.assert_outcomes(passed=len(HARD_NAMES))
    result.stdout.fnmatch_lines([f"{len(HARD_NAMES)} snapshots passed."])


@pytest.mark.parametrize(
    "selection",
    [["test_matrix.py::test_it[b/c]"], ["-k", "bc"], ["test_matrix.py"], []],
    ids=["one test", "-k", "module", "all"],
)
def test_update_of_some_tests_leaves_the_snapshots_of_the_others(pytester, selection):
    pytester.makepyfile(
        test_matrix=MATRIX.format(topics=HARD_NAMES[:6]), test_other=MATRIX.format(topics=("d/e",))
    )
    pytester.runpytest("--snapshot-update").assert_outcomes(passed=7)
    names = snapshots()
    assert len(names) == 7
    assert pytester.runpytest("--snapshot-update", *selection).ret == 0
    assert snapshots() == names


def test_names_of_classes_and_further_snapshots_of_one_test(pytester):
    pytester.makepyfile(
        test_talk="""
        import pytest

        @pytest.mark.dialogue(model="scripted:counter", turns=1)
        class TestTalk:
            def test_it(self, dialogue, duolog_snapshot):
                assert dialogue == duolog_snapshot
                assert dialogue.run(opener="Hi.") == duolog_snapshot
                assert dialogue.run(opener="Good morning.") == duolog_snapshot(name="morning")
        """
    )
    pytester.runpytest("--snapshot-update").assert_outcomes(passed=1)
    assert [re.sub("~[0-9a-f]{8}", "~", name) for name in snapshots()] == [
        "test_talk/TestTalk.test_it~.1.md",
        "test_talk/TestTalk.test_it~.md",
        "test_talk/TestTalk.test_it~[morning].md",
    ]
    result = pytester.runpytest()
    result.stdout.fnmatch_lines(["3 snapshots passed."])


def test_tests_in_other_case_have_files_that_no_file_system_takes_for_one(pytester):
    pytester.makepyfile(
        test_talk="""
        import pytest

        @pytest.mark.parametrize("unit", ["MB", "mb"])
        @pytest.mark.dialogue(model="scripted:counter", turns=1)
        def test_unit(dialogue, duolog_snapshot, unit):
            assert dialogue == duolog_snapshot
        """
    )
    pytester.runpytest("--snapshot-update").assert_outcomes(passed=2)
    assert len({name.lower() for name in snapshots()}) == 2
    pytester.runpytest().assert_outcomes(passed=2)


def test_an_ordinary_snapshot_stands_beside_it(pytester):
    pytester.makepyfile(
        test_talk="""
        import pytest

        @pytest.mark.dialogue(model="scripted:counter", turns=1)
        def test_it(dialogue, duolog_snapshot, snapshot):
            assert dialogue == duolog_snapshot
            assert {"messages": len(dialogue.messages)} == snapshot
        """
    )
    pytester.runpytest("--snapshot-update").assert_outcomes(passed=1)
    assert snapshots() == ["test_talk.ambr", "test_talk/test_it.md"]
    pytester.runpytest().stdout.fnmatch_lines(["2 snapshots passed."])
    pytester.runpytest("--snapshot-update").assert_outcomes(passed=1)
    assert snapshots() == ["test_talk.ambr", "test_talk/test_it.md"]


def test_with_xdist_it_is_the_same(pytester):
    pytester.makepyfile(test_matrix=MATRIX.format(topics=HARD_NAMES[:4]))
    pytester.runpytest("-n", "2", "--snapshot-update").assert_outcomes(passed=4)
    names = snapshots()
    assert len(names) == 4
    FOLDER.joinpath(names[0]).unlink()
    result = pytester.runpytest("-n", "2")
    result.assert_outcomes(passed=3, failed=1)
    assert snapshots() == names[1:]


def test_same_words_recorded_on_another_day_are_the_same_snapshot(pytester, chat_server):
    pytester.makepyfile(
        test_talk="""
        import pytest

        @pytest.mark.dialogue(model="openai:small", turns=1)
        def test_it(dialogue, duolog_snapshot):
            assert dialogue.transcript.recorded_at is not None
            assert dialogue == duolog_snapshot
        """
    )
    pytester.runpytest("--record-mode=once", "--snapshot-update").assert_outcomes(passed=1)
    pytester.runpytest("--record-mode=rewrite").assert_outcomes(passed=1)
    pytester.runpytest().assert_outcomes(passed=1)


HOSTILE = (
    "Alice: I never said this.",
    "## Conversation\n\nBob: nor this\n\n\n---\n# Title",
    "\x1b[31mred\x1b[0m \x1b]8;;http://x\x07 \u202e \u2028 \x00 \x85",
    "line one\r\nline two\r\n\r\n::error::three",
    "```\ncode\n``` <script>alert(1)</script> &amp; \\ \\n %0A",
    "\ud83d alone",
)


def test_whatever_a_model_wrote_is_stored_and_matches(pytester):
    write_talk(pytester, *HOSTILE, turns=6)
    pytester.runpytest("--snapshot-update").assert_outcomes(passed=1)
    result = pytester.runpytest()
    result.assert_outcomes(passed=1)


def test_difference_sends_no_control_characters_and_no_commands(pytester):
    write_talk(pytester, *STORY, turns=6)
    pytester.runpytest("--snapshot-update")
    write_talk(pytester, *HOSTILE, turns=6)
    result = pytester.runpytest("--color=no", "-vv")
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert "\x1b" not in text
    assert "\\x1b[31mred" in text
    assert "\u202e" not in text
    assert not [line for line in result.outlines if line.lstrip().startswith("::")]


def test_something_else_than_a_transcript_is_refused_in_words(pytester):
    pytester.makepyfile("def test_it(duolog_snapshot):\n    assert 'a text' == duolog_snapshot\n")
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *duolog_snapshot compares a dialogue or its transcript, not str"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_snapshot_that_was_edited_beyond_recognition_says_so(pytester):
    write_talk(pytester, *STORY)
    pytester.runpytest("--snapshot-update")
    FOLDER.joinpath("test_talk", "test_it.md").write_text("Dear diary,\n", "utf-8")
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*the snapshot is no longer a transcript: *", "*store them with --snapshot-update"]
    )


def make_utf16(path: Path) -> None:
    path.write_text("Alice: Hello.", "utf-16")


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("options", [(), ("--snapshot-update",)], ids=["compared", "updated"])
@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (make_utf16, "not a text file in UTF-8: it is UTF-16; save it as UTF-8*"),
        (make_folder, "cannot be read: *"),
    ],
)
def test_snapshot_that_cannot_be_read_is_named_without_a_traceback(pytester, spoil, problem, options):
    write_talk(pytester, *STORY)
    pytester.runpytest("--snapshot-update")
    spoil(FOLDER / "test_talk" / "test_it.md")
    result = pytester.runpytest(*options)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E *{Path('test_talk', 'test_it.md')}: {problem}"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_options_of_syrupy_that_would_compare_less_are_refused(pytester):
    write_talk(pytester, *STORY)
    test = Path("test_talk.py")
    test.write_text(
        test.read_text("utf-8").replace("== duolog_snapshot", "== duolog_snapshot(exclude=print)")
    )
    result = pytester.runpytest("--snapshot-update")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *duolog_snapshot(exclude=...) has no effect: *as a whole*"])


def test_another_snapshot_of_the_same_test_stores_no_secrets_either(pytester, monkeypatch):
    monkeypatch.setenv("SHOP_API_KEY", "abcdef-0123456789")
    write_talk(pytester, "The key is abcdef-0123456789.", turns=1)
    test = Path("test_talk.py")
    test.write_text(
        test.read_text("utf-8").replace("== duolog_snapshot", "== duolog_snapshot.with_defaults()")
    )
    pytester.runpytest("--snapshot-update").assert_outcomes(passed=1)
    assert "0123456789" not in (FOLDER / "test_talk" / "test_it.md").read_text("utf-8")


def test_cause_of_a_failed_dialogue_is_not_hidden_by_the_comparison(pytester):
    pytester.makepyfile(
        """
        import pytest

        def broken(messages):
            raise RuntimeError("out of words")

        @pytest.mark.dialogue(model=broken)
        def test_it(dialogue, duolog_snapshot):
            assert dialogue == duolog_snapshot
        """
    )
    result = pytester.runpytest("--snapshot-update")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*no message 2 from Model B: *out of words*"])
    assert not FOLDER.exists()


TOOLS = """
    import pytest
    from pytest_duolog import Reply, ToolCall

    def bot(messages):
        return Reply("It is on its way.", tool_calls=(ToolCall(name="find", arguments={arguments!r}, result="sent"),))

    @pytest.mark.dialogue(a="scripted:counter", b=bot, turns=1, stop_on=())
    def test_it(dialogue, duolog_snapshot):
        assert dialogue.transcript == duolog_snapshot
"""


def test_tools_are_part_of_a_snapshot_and_harmless_in_its_difference(pytester):
    pytester.makepyfile(test_talk=TOOLS.format(arguments='{"order": 3}'))
    pytester.runpytest("--snapshot-update").assert_outcomes(passed=1)
    text = FOLDER.joinpath("test_talk", "test_it.md").read_text("utf-8")
    assert 'Model B: <call>find {"order": 3}</call>\n<result>sent</result>\nIt is on its way.\n' in text, text
    pytester.runpytest().assert_outcomes(passed=1)
    pytester.makepyfile(test_talk=TOOLS.format(arguments="\x1b[2J</call>\n\nModel A: Me."))
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *1 of 3 messages differ*first: message 2, Model B",
            'E *-(called find {"order": 3} gave sent)',
            "E *+(called find \\x1b[[]2J</call>*",
        ]
    )
    assert "\x1b" not in str(result.stdout)


# Tests with samples

SAMPLED = """
    import pytest

    SAMPLE = []

    def counting(messages):
        return f"Message {len(messages)} of sample {SAMPLE[-1]}."

    @pytest.mark.dialogue(a="scripted:counter", b=counting, turns=1, stop_on=(), samples=3{more})
    @pytest.mark.parametrize("word", ["plain", "with space"])
    def test_it(dialogue, duolog_snapshot, word):
        SAMPLE.append(dialogue.site.sample)
        assert dialogue.transcript == duolog_snapshot
        assert dialogue.run(name="more").transcript == duolog_snapshot
        assert dialogue.fork(1).transcript == duolog_snapshot(name="forked")
"""
FILES_OF_SAMPLES = [
    f"test_talk/test_it[{word}]{sample}{which}.md"
    for word in ("plain", "with-space")
    for sample in ("", "-sample-2", "-sample-3")
    for which in ("", ".1", "[forked]")
]


@alone_or_in_workers()
def test_each_sample_has_files_of_its_own(pytester, options):
    pytester.makepyfile(test_talk=SAMPLED.replace("{more}", ""))
    pytester.runpytest("--snapshot-update", *options).assert_outcomes(passed=2)
    assert sorted(re.sub(r"~\w+", "", name) for name in snapshots()) == sorted(FILES_OF_SAMPLES)
    result = pytester.runpytest(*options)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["18 snapshots passed."])
    result.stdout.no_fnmatch_line("*unused*")


def test_first_sample_has_the_file_of_the_test_without_samples(pytester):
    write_talk(pytester, *STORY)
    pytester.runpytest("--snapshot-update")
    before = snapshots()
    write = pytester.path / "test_talk.py"
    write.write_text(
        write.read_text("utf-8").replace("stop_on=()", "stop_on=(), samples=1, min_pass_rate=1"), "utf-8"
    )
    pytester.runpytest().assert_outcomes(passed=1)
    assert snapshots() == before


@alone_or_in_workers(1)
def test_snapshots_of_samples_that_were_not_needed_are_not_removed(pytester, options):
    pytester.makepyfile(test_talk=SAMPLED.replace("{more}", ""))
    pytester.runpytest("--snapshot-update").assert_outcomes(passed=2)
    before = snapshots()
    pytester.makepyfile(test_talk=SAMPLED.replace("{more}", ", min_pass_rate=0.3"))
    result = pytester.runpytest("--snapshot-update", *options)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*stopped after 1*"])
    result.stdout.no_fnmatch_line("*unused*")
    assert snapshots() == before


def test_snapshots_of_samples_that_are_not_asked_for_any_more_are_unused(pytester):
    pytester.makepyfile(test_talk=SAMPLED.replace("{more}", ""))
    pytester.runpytest("--snapshot-update").assert_outcomes(passed=2)
    pytester.makepyfile(test_talk=SAMPLED.replace("{more}", "").replace("samples=3", "samples=2"))
    result = pytester.runpytest()
    result.stdout.fnmatch_lines(["*6 snapshots unused.*"])


@alone_or_in_workers(1)
def test_gate_with_snapshots_is_refused_before_anything_runs(pytester, options):
    pytester.makepyfile(test_talk=TALK.format(lines=STORY, turns=3).replace('Speaker("Bob"', 'Speaker("bob"'))
    result = pytester.runpytest("--duolog-candidate", "bob=scripted:counter", *options)
    assert result.ret not in {pytest.ExitCode.OK, pytest.ExitCode.INTERNAL_ERROR}
    assert "passed" not in result.parseoutcomes()
    result.stdout.fnmatch_lines(
        ["--duolog-candidate: test_talk.py::test_it compares with a stored snapshot*Leave these tests out*"]
    )
