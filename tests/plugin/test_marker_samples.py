"""A test with samples: many runs, one verdict."""

from __future__ import annotations

import itertools
import json
import threading
import time
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from pytest_duolog.results.plan import RunPlan
from pytest_duolog.results.record import Header, RunRecord
from pytest_duolog.results.store import RecordWriter, read_record
from tests.chat_server import ChatServer, completion
from tests.workers import alone_or_in_workers

SAMPLED = """
import itertools
import pytest

numbers = itertools.count(1)

def speaks(messages):
    return f"I am number {{next(numbers)}}."

@pytest.fixture
def fresh(request):
    with open("fixtures.txt", "a") as file:
        print("fresh", file=file)

@pytest.fixture(scope="module")
def lasting():
    with open("fixtures.txt", "a") as file:
        print("lasting", file=file)

@pytest.mark.dialogue(a=speaks, b=speaks, turns=1, {marker})
{more}
def test_it(dialogue, fresh, lasting):
    number = int(dialogue.messages[1].content.split()[-1].strip(".")) // 2 + 1
    {body}
"""


@pytest.fixture
def sampled(pytester: pytest.Pytester):
    def run(*options: str, marker: str = "samples=20, min_pass_rate=0.9", more: str = "", body: str = "pass"):
        pytester.makepyfile(SAMPLED.format(marker=marker, more=more, body=body))
        return pytester.runpytest("-p", "no:cacheprovider", *options)

    return run


def record(pytester: pytest.Pytester) -> RunRecord:
    return read_record(pytester.path / ".duolog" / "record.jsonl")


def outcomes(found: RunRecord) -> list[str]:
    return [sample.outcome.value for sample in found.samples]


@pytest.mark.parametrize("options", [(), ("-n2",)], ids=["plain", "xdist"])
def test_clear_success_stops_early(sampled, pytester: pytest.Pytester, options: tuple[str, ...]):
    result = sampled("-v", *options)
    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "*test_it PASSED*" if not options else "*PASSED*test_it*",
            "*test_it: PASS: 12 of 12 passed (100 %, 95 % interval 75.8 % to 100 %); stopped after 12",
            "  18 of 20 samples must pass (0.9)",
            "  a scenario that passes 95.8 % of the time fails this in about 5 % of runs; one that passes 75.5 %*",
            "run record: *record.jsonl*",
        ]
    )
    assert outcomes(record(pytester)) == ["passed"] * 12


@alone_or_in_workers()
def test_failure_shows_the_count_and_the_first_failing_samples(sampled, options: tuple[str, ...]):
    result = sampled("--junitxml=junit.xml", *options, body="assert number % 3, 'a third fails'")
    result.assert_outcomes(failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "FAIL: 6 of 9 passed (66.7 %*); stopped after 9",
            "18 of 20 samples must pass (0.9)",
            "*test_it, sample 3 *(failed):",
            "E*a third fails",
            "messages: 3",
            "*test_it, sample 6 *(failed):",
            "FAILED *test_it*",
        ]
    )
    result.stdout.no_fnmatch_line("*sample 9 *")
    result.stdout.no_fnmatch_line("*of the baseline*")
    case = next(ET.parse("junit.xml").getroot().iter("testcase"))
    properties = {found.get("name"): found.get("value") for found in case.iter("property")}
    assert properties["duolog_baseline"] == "6/9"
    assert str(properties["duolog_verdict"]).startswith("FAIL: 6 of 9 passed")


def test_every_sample_has_fresh_function_fixtures(sampled, pytester: pytest.Pytester):
    sampled().assert_outcomes(passed=1)
    used = (pytester.path / "fixtures.txt").read_text().split()
    assert (used.count("fresh"), used.count("lasting")) == (12, 1)


TWO_MODULES = """
import itertools
import json
import time
import pytest

times = itertools.count()

@pytest.fixture(scope="module", autouse=True)
def module_fixture():
    log("begin {name}")
    yield
    log("end {name}")

def log(text):
    with open("order.txt", "a") as file:
        print(text, file=file)

def speaks(messages):
    log("{name}")
    return f"Hello for the time {{next(times)}}."

@pytest.mark.dialogue(a="scripted:echo", b=speaks, turns=1, samples=3, min_pass_rate=0.6)
def test_it(dialogue):
    assert dialogue.messages

def test_plain():
    log("plain {name}")
"""


def test_samples_run_breadth_first_and_modules_are_torn_down_between(pytester: pytest.Pytester):
    pytester.makepyfile(test_a=TWO_MODULES.format(name="a"), test_b=TWO_MODULES.format(name="b"))
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=4)
    assert (pytester.path / "order.txt").read_text().split("\n")[:-1] == [
        *("begin a", "a", "plain a", "end a", "begin b", "b", "plain b", "end b"),
        *("begin a", "a", "end a", "begin b", "b", "end b"),
    ]


def test_identical_dialogues_count_once(pytester: pytest.Pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.dialogue(a="scripted:counter", b="scripted:counter", turns=2, samples=10, min_pass_rate=0.8)
        def test_it(dialogue):
            assert dialogue.messages
        """
    )
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "INCONCLUSIVE: too few distinct samples; 1 of 1 passed*",
            "3 samples, 1 distinct: copies*",
        ]
    )


SERVED = """
import pytest

@pytest.mark.dialogue(model="openai:m", turns=1, samples=5, min_pass_rate=0.8, {marker})
def test_it(dialogue):
    assert dialogue.messages
"""


def answering(server: ChatServer, *, errors: tuple[int, ...] = ()) -> None:
    """Every reply is another text; those with these numbers, from 1, are errors that are not worth another try."""

    numbers = itertools.count(1)

    def answer(body: dict[str, Any]) -> Any:
        number = next(numbers)
        return (
            (404, b'{"error": {"message": "no such model today"}}')
            if number in errors
            else f"Reply {number}."
        )

    server.answer = answer


def test_errors_are_tried_again_and_count_neither_way(pytester: pytest.Pytester, chat_server: ChatServer):
    answering(chat_server, errors=(3,))
    pytester.makepyfile(SERVED.format(marker=""))
    result = pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once", "--duolog-concurrency=1")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "*PASS: 4 of 4 passed*",
            "1 of 5 attempts ended in an error, which counts neither as pass nor as failure: *",
        ]
    )
    found = record(pytester)
    assert outcomes(found) == ["passed", "error", "passed", "passed", "passed"]
    assert [(sample.number, sample.attempt) for sample in found.samples][:3] == [(1, 1), (2, 1), (2, 2)]


@pytest.mark.parametrize(("is_cached", "n_samples"), [(False, 4), (True, 3)], ids=["drawn", "cached"])
def test_same_words_are_samples_if_the_model_drew_them(
    pytester: pytest.Pytester, chat_server: ChatServer, is_cached: bool, n_samples: int
):
    numbers = itertools.count(1)

    def answer(body: dict[str, Any]) -> Any:
        time.sleep(0.05)  # so that what differs in time is not the client
        reply = json.loads(completion(body, "Yes."))
        return 200, json.dumps(reply | {"id": "cached" if is_cached else f"id {next(numbers)}"}).encode()

    chat_server.answer = answer
    pytester.makepyfile(SERVED.format(marker=""))
    result = pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once", "--duolog-concurrency=1")
    result.assert_outcomes(passed=not is_cached, failed=is_cached)
    assert outcomes(record(pytester)) == ["passed"] * n_samples
    again = pytester.runpytest("-p", "no:cacheprovider")
    again.assert_outcomes(passed=not is_cached, failed=is_cached)


def test_nothing_but_errors_is_inconclusive_and_said(pytester: pytest.Pytester, chat_server: ChatServer):
    answering(chat_server, errors=tuple(range(1000)))
    pytester.makepyfile(SERVED.format(marker=""))
    result = pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["INCONCLUSIVE: sample 1 is missing; *", "*no such model today*"])
    assert outcomes(record(pytester)) == ["error"] * 3


def test_missing_recordings_are_not_asked_for_again(pytester: pytest.Pytester, chat_server: ChatServer):
    pytester.makepyfile(SERVED.format(marker=""))
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["INCONCLUSIVE: sample 1 is missing*", "*--record-mode=*"])
    assert outcomes(record(pytester)) == ["error"]


def test_every_sample_has_a_cassette_and_a_killed_run_is_gone_on_with(
    pytester: pytest.Pytester, chat_server: ChatServer
):
    answering(chat_server)
    pytester.makepyfile(SERVED.format(marker="seed=7"))
    pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once").assert_outcomes(passed=1)
    cassettes = sorted(pytester.path.rglob("test_it*.jsonl"))
    assert [path.suffixes[-2] for path in cassettes[:4]] == [".1", ".2", ".3", ".4"]
    assert {request["seed"] for request in chat_server.requests} >= {7, 8, 9, 10}
    cassettes[1].unlink()
    chat_server.requests.clear()
    pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once").assert_outcomes(passed=1)
    assert {request["seed"] for request in chat_server.requests} == {8}


def test_record_keeps_what_was_there_when_the_run_is_interrupted(pytester: pytest.Pytester):
    body = "if number == 5: raise KeyboardInterrupt"
    pytester.makepyfile(SAMPLED.format(marker="samples=20, min_pass_rate=0.9", more="", body=body))
    result = pytester.runpytest("-p", "no:cacheprovider", no_reraise_ctrlc=True)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert outcomes(record(pytester)) == ["passed"] * 4
    result.stdout.fnmatch_lines(
        [
            "*test_it: INCONCLUSIVE: sample 5 is missing; 4 of 4 passed *",
            "to continue, repeat this with --record-mode=once: recorded replies are not asked for again",
            "4 dialogues",
        ]
    )


def test_record_has_what_the_properties_of_each_sample_said(sampled, pytester: pytest.Pytester):
    sampled(body='assert dialogue.never_says("number")', marker="samples=1, min_pass_rate=1")
    (sample,) = record(pytester).samples
    (said,) = sample.dialogues[0].verdicts
    assert (said.property, said.outcome.value) == ("NeverSays(phrases=('number',))", "fails")
    assert [cited.message for cited in said.evidence] == [2, 3]
    assert said.explanation


@pytest.mark.parametrize("words", ["number", "\\x1b[31mnumber"], ids=["plain", "hostile"])
def test_record_says_in_a_line_why_a_sample_failed(sampled, pytester: pytest.Pytester, words: str):
    body = f"said = '{words}'; assert not said, f'it said {{said}}'"
    sampled(body=body, marker="samples=1, min_pass_rate=1")
    (sample,) = record(pytester).samples
    assert sample.problem.startswith("AssertionError: it said ")


def test_earlier_record_is_kept_beside_the_new_one(sampled, pytester: pytest.Pytester):
    sampled("--duolog-samples=2")
    sampled()
    folder = pytester.path / ".duolog"
    assert len(read_record(folder / "record.previous.jsonl").samples) == 2
    assert len(record(pytester).samples) == 12


def test_record_goes_where_it_is_told(sampled, pytester: pytest.Pytester):
    sampled("--duolog-record=out/shard.jsonl").assert_outcomes(passed=1)
    assert len(read_record(pytester.path / "out" / "shard.jsonl").samples) == 12
    assert not (pytester.path / ".duolog").exists()


@pytest.mark.parametrize(
    "options", [("--duolog-samples=3",), ("-o", "duolog_samples=3")], ids=["option", "ini"]
)
def test_number_of_samples_is_overruled(sampled, options: tuple[str, ...]):
    result = sampled(*options, marker="")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*PASS: 3 of 3 passed*", "  3 of 3 samples must pass (1)"])


def test_claim_to_prove_a_rate_needs_more(sampled):
    result = sampled(marker="samples=29, min_pass_rate=0.9, claim='prove'")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["*PASS: 29 of 29 passed*", "*which proves a pass rate of 0.9 with 95 % confidence"]
    )


@pytest.mark.parametrize(
    ("marker", "problem"),
    [
        ("samples=0", "a plan needs at least 1 sample, not 0"),
        ("samples='many'", "samples: 'many' is not a whole number"),
        ("samples=5, min_pass_rate=1.5", "the pass rate * must be above 0 and at most 1"),
        ("samples=True", "samples: True is not a whole number"),
        (
            "sample=5",
            "sample: unknown argument; did you mean 'samples'? (known: *claim, *min_pass_rate, *samples, *)",
        ),
        ("samples=5, min_pass_rate='most'", "samples=5, min_pass_rate=most: 'most' is not a number"),
        ("samples=5, claim='sure'", "sure"),
        (
            "samples=20, min_pass_rate=0.9, claim='prove'",
            "20 samples cannot prove a pass rate of 0.9: at least 29 are needed",
        ),
    ],
)
def test_wrong_plan_is_named_before_anything_runs(sampled, marker: str, problem: str):
    result = sampled(marker=marker)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines([f"*{problem}*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_rate_that_does_not_come_out_even_is_said(sampled):
    result = sampled(marker="samples=15, min_pass_rate=0.9")
    result.stdout.fnmatch_lines(["*15 × 0.9 is 13.5, not a whole number: 14 of 15 is 93.3 %"])


@pytest.mark.parametrize(
    "more",
    ["@pytest.mark.skip(reason='later')", "@pytest.mark.skipif(True, reason='later')"],
    ids=["skip", "skipif"],
)
def test_skipped_test_is_skipped(sampled, more: str, pytester: pytest.Pytester):
    sampled(more=more).assert_outcomes(skipped=1)
    assert not (pytester.path / ".duolog").exists()


def test_broken_fixture_is_an_error_of_the_test(pytester: pytest.Pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def broken():
            raise RuntimeError("no database")

        @pytest.mark.dialogue(a="scripted:echo", b="scripted:echo", samples=5)
        def test_it(broken, dialogue):
            pass
        """
    )
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*no database*"])


THREE = "@pytest.mark.parametrize('duolog_scenario', [{'opener': x} for x in 'abc'], ids=list('abc'))"


def test_stop_at_the_first_failing_verdict(sampled):
    result = sampled("-x", more=THREE, body="assert 0")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*stopping after 1 failures*"])


def test_selected_tests_alone_are_sampled(sampled, pytester: pytest.Pytester):
    sampled("-k", "[b]", "--duolog-samples=2", more=THREE).assert_outcomes(passed=1, deselected=2)
    assert [sample.scenario.partition("::")[2] for sample in record(pytester).samples] == ["test_it[b]"] * 2


def test_last_failed_verdicts_run_again(pytester: pytest.Pytester):
    pytester.makepyfile(SAMPLED.format(marker="samples=5", more="", body="assert 0"))
    pytester.runpytest().assert_outcomes(failed=1)
    result = pytester.runpytest("--lf")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*rerun previous 1 failure*"])


def test_async_bodies_are_sampled(pytester: pytest.Pytester):
    source = SAMPLED.format(marker="samples=4", more="@pytest.mark.asyncio", body="await dialogue")
    source = source.replace("def test_it", "async def test_it").replace(
        "    number = int", "    await dialogue\n    number = int"
    )
    pytester.makepyfile(source)
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*PASS: 4 of 4 passed*"])


def test_samples_are_looked_ahead_to(pytester: pytest.Pytester, chat_server: ChatServer):
    together, numbers = threading.Barrier(3), itertools.count()

    def answer(body: dict[str, Any]) -> str:
        together.wait(30)  # nobody is answered before three have asked
        return f"Reply {next(numbers)}."

    chat_server.answer = answer
    pytester.makepyfile(SERVED.format(marker="").replace("samples=5, min_pass_rate=0.8", "samples=3"))
    result = pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once", "--duolog-concurrency=3")
    result.assert_outcomes(passed=1)
    assert outcomes(record(pytester)) == ["passed"] * 3


@pytest.mark.parametrize(
    ("more", "body", "expected"),
    [
        ("@pytest.mark.xfail(reason='known')", "assert 0", {"xfailed": 1}),
        ("@pytest.mark.xfail(reason='known')", "assert number != 3", {"xpassed": 1}),
        ("@pytest.mark.xfail(reason='known', strict=True)", "pass", {"failed": 1}),
        ("@pytest.mark.xfail(reason='known', strict=True)", "assert 0", {"xfailed": 1}),
        ("@pytest.mark.xfail(raises=OSError)", "assert 0", {"failed": 1}),
        ("", "pytest.xfail('known')", {"xfailed": 1}),
        ("", "pytest.xfail('known') if number == 1 else None", {"passed": 1}),
    ],
    ids=[
        "fails",
        "passes",
        "strict passes",
        "strict fails",
        "other error",
        "in the body",
        "once in the body",
    ],
)
def test_expected_failure_is_one_of_the_verdict(
    sampled, pytester: pytest.Pytester, more: str, body: str, expected: dict[str, int]
):
    sampled(more=more, body=body).assert_outcomes(**expected)
    assert "error" not in outcomes(record(pytester))


def test_expected_failure_does_not_hide_that_nothing_could_be_measured(
    pytester: pytest.Pytester, chat_server: ChatServer
):
    pytester.makepyfile(SERVED.format(marker="").replace("\n@", "\n@pytest.mark.xfail(reason='known')\n@", 1))
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["INCONCLUSIVE: sample 1 is missing*"])


def test_test_that_skips_itself_is_skipped(sampled):
    sampled(body="pytest.skip('not here')").assert_outcomes(skipped=1)


def test_sample_that_skips_itself_is_missing(sampled):
    result = sampled(body="if number == 3: pytest.skip('not here')")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["INCONCLUSIVE: sample 3 is missing; 2 of 2*", "1 of 3 attempts ended*: Skipped: not here"]
    )


LASTING = """
import itertools
import json
import time
import pytest

times = itertools.count(1)

def speaks(messages):
    return f"Hello for the time {next(times)}."

pytestmark = pytest.mark.dialogue(a="scripted:echo", b=speaks, turns=1, samples=2)

class TestOne:
    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def lasting(cls):
        yield
        print("lasting is over")
        raise RuntimeError("the end went wrong")

    def test_it(self, dialogue):
        assert dialogue.messages

def test_other(dialogue):
    assert dialogue.messages
"""


def test_lasting_fixtures_end_quietly_and_their_errors_are_their_tests(pytester: pytest.Pytester):
    pytester.makepyfile(test_a="def test_first(): pass", test_b=LASTING)
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.stdout.fnmatch_lines(["*ERROR at teardown of TestOne.test_it*"])
    result.stdout.no_fnmatch_line("*ERROR at teardown of test_first*")
    dots = next(line for line in result.outlines if line.startswith("test_b.py"))
    assert "over" not in dots


RANDOMLY = """
import random

def pytest_addoption(parser):
    parser.addoption("--randomly-seed", dest="randomly_seed", type=int, default=42)

def pytest_runtest_call(item):  # as pytest-randomly does
    random.seed(item.config.getoption("randomly_seed"))
"""

DRAWING = """
import random
import pytest

def speaks(messages):
    return f"I draw {random.random()}."

@pytest.mark.dialogue(a=speaks, b=speaks, turns=1, samples=20, min_pass_rate=0.9)
def test_it(dialogue):
    assert dialogue.messages
"""


def test_seeds_of_pytest_randomly_differ_from_sample_to_sample(pytester: pytest.Pytester):
    pytester.makeconftest(RANDOMLY)
    pytester.makepyfile(DRAWING)
    said = []
    for _ in range(2):
        pytester.runpytest("-p", "no:cacheprovider", "-p", "no:randomly").assert_outcomes(passed=1)
        said.append([sample.fingerprint for sample in record(pytester).samples])
    assert len(set(said[0])) == 12
    assert said[0] == said[1]


@alone_or_in_workers()
def test_reruns_of_pytest_rerunfailures_do_not_hide_a_rate(sampled, options: tuple[str, ...]):
    result = sampled("--reruns=3", *options, body="assert number % 3, 'a third fails'")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["FAIL: 6 of 9 passed*"])
    result.stdout.no_fnmatch_line("*[0-9] rerun*")


@pytest.mark.parametrize(
    ("path", "problem", "options"),
    [
        ("folder", "Is a directory", ()),
        ("file/record.jsonl", "file is not a folder", ()),
        ("busy", "another run is writing", ()),
        pytest.param("busy", "another run is writing", ("-n1",), marks=pytest.mark.slow),
    ],
    ids=["folder", "file", "busy", "busy, xdist"],
)
def test_record_that_cannot_be_written_ends_the_run_with_a_word(
    sampled, pytester: pytest.Pytester, path: str, problem: str, options: tuple[str, ...]
):
    pytester.mkdir("folder")
    (pytester.path / "file").write_text("mine")
    header = Header(plan=RunPlan({"t": None}), plugin="0.1.0", created=datetime.now(UTC))
    with RecordWriter(pytester.path / "busy", header):
        result = sampled(f"--duolog-record={path}", *options)
    # One process knows it before anything runs; with workers the controller has no tests, and ends the run later.
    assert result.ret == (pytest.ExitCode.USAGE_ERROR if options else pytest.ExitCode.INTERRUPTED)
    lines = pytest.LineMatcher(result.outlines + result.errlines)
    lines.fnmatch_lines([f"*{problem}*"])
    lines.no_fnmatch_line("*INTERNALERROR*")
    assert (pytester.path / "folder").is_dir()
    assert (pytester.path / "file").read_text() == "mine"
    assert read_record(pytester.path / "busy").header == header
