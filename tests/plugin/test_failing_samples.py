"""However pytest and its plugins say that a test failed, it is a failing sample, or an error, and never a pass."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pytest_duolog.results.store import read_record
from tests.workers import alone_or_in_workers

NEIGHBOURS = Path(sys.prefix) / "neighbours"
has_subtests = pytest.mark.skipif(not hasattr(pytest, "Subtests"), reason="this pytest has no subtests")

# A dialogue is another one in each sample, for what is said again word for word counts once.
TEST = """
import gc
import itertools
import threading
import warnings

import pytest

NUMBERS = itertools.count()

def speak(messages):
    return f"Number {{next(NUMBERS)}}."

{before}

@pytest.mark.dialogue(a="scripted:counter", b=speak, turns=1, stop_on=(){marker})
{mark}
def test_it(dialogue{arguments}):
    assert dialogue.messages
    sample = dialogue.site.sample
{body}
"""
SAMPLES = ", samples=5"


@pytest.fixture
def run(pytester: pytest.Pytester):
    def run(
        body: str, *options: str, arguments: str = "", before: str = "", mark: str = "", marker: str = SAMPLES
    ):
        lines = "".join(f"    {line}\n" for line in body.splitlines())
        text = TEST.format(body=lines, arguments=arguments, before=before, mark=mark, marker=marker)
        pytester.makepyfile(test_it=text)
        return pytester.runpytest("-W", "default", *options)

    return run


def outcomes(pytester: pytest.Pytester) -> set[str]:
    return {str(sample.outcome) for sample in read_record(pytester.path / ".duolog" / "record.jsonl").samples}


# Subtests

SUBTESTS = """
for number in range(3):
    with subtests.test("part", number=number):
        assert number != {wrong}
"""


@has_subtests
@alone_or_in_workers(1)
def test_subtest_that_fails_fails_its_sample(pytester: pytest.Pytester, run, options):
    result = run(SUBTESTS.format(wrong=1), *options, arguments=", subtests")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=1)
    assert outcomes(pytester) == {"failed"}
    result.stdout.fnmatch_lines(
        [
            "FAIL: 0 of * passed*",
            "test_it.py::test_it, sample 1 (failed):",
            "subtest [[]part] (number=1) failed",
            "E *assert 1 != 1",
            "--- dialogue ---",
        ]
    )


@has_subtests
@alone_or_in_workers(1)
def test_one_sample_with_a_failing_subtest_may_be_within_the_bar(pytester: pytest.Pytester, run, options):
    body = 'with subtests.test("part"):\n    assert sample != 2'
    result = run(body, *options, "-v", arguments=", subtests", marker=", samples=5, min_pass_rate=0.8")
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*PASS: 4 of 5 passed*"])
    result.stdout.no_fnmatch_line("*SUB*")


@has_subtests
def test_subtests_that_pass_pass(pytester: pytest.Pytester, run):
    run(SUBTESTS.format(wrong=7), arguments=", subtests").assert_outcomes(passed=1)
    assert outcomes(pytester) == {"passed"}


@has_subtests
def test_subtests_that_skip_or_fail_as_expected_are_no_failures(pytester: pytest.Pytester, run):
    body = (
        'with subtests.test("a"):\n    pytest.skip("no")\nwith subtests.test("b"):\n    pytest.xfail("known")'
    )
    run(body, arguments=", subtests").assert_outcomes(passed=1)
    assert outcomes(pytester) == {"passed"}


@has_subtests
def test_failing_subtests_of_a_test_that_is_expected_to_fail_are_expected(run):
    run(
        SUBTESTS.format(wrong=1), arguments=", subtests", mark="@pytest.mark.xfail(strict=True)"
    ).assert_outcomes(xfailed=1)


@has_subtests
def test_unmeasured_subtest_is_an_error(pytester: pytest.Pytester, run):
    body = 'with subtests.test("part"):\n    assert not dialogue.transcript.keeps_length()'
    run(body, arguments=", subtests").assert_outcomes(failed=1)
    assert outcomes(pytester) == {"error"}


@has_subtests
def test_many_failing_subtests_are_counted_and_the_body_goes_first(run):
    result = run(SUBTESTS.replace("!= {wrong}", "> 7"), arguments=", subtests")
    result.stdout.fnmatch_lines(["subtest [[]part] (number=0) failed (and 2 more)"])
    result = run(SUBTESTS.replace("!= {wrong}", "> 7") + "raise KeyError(7)", arguments=", subtests")
    result.stdout.fnmatch_lines(["E *KeyError: 7"])


@has_subtests
def test_subtests_of_tests_without_samples_are_as_ever(run):
    result = run(SUBTESTS.format(wrong=1), arguments=", subtests", marker="")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*contains 1 failed subtest*"])


# Other ways of failing

FAILING = {
    "fail": 'pytest.fail("as said")',
    "an error": "raise KeyError(7)",
    "exit of Python": "raise SystemExit(0)",
    "group of errors": 'raise ExceptionGroup("both", [ValueError(1), KeyError(2)])',
    "returned verdict": 'return dialogue.never_says("number")',
}


@pytest.mark.parametrize("body", FAILING.values(), ids=FAILING.keys())
def test_body_that_fails(pytester: pytest.Pytester, run, body: str):
    run(body).assert_outcomes(failed=1)
    assert outcomes(pytester) == {"failed"}


@pytest.mark.parametrize(
    ("body", "warning"),
    [
        ('warnings.warn("careful")', "UserWarning"),
        ("return 7", "PytestReturnNotNoneWarning"),
        (
            "class Bad:\n    def __del__(self):\n        raise ValueError('late')\nBad()\ngc.collect()",
            "PytestUnraisableExceptionWarning",
        ),
        (
            "thread = threading.Thread(target=lambda: 1 / 0)\nthread.start()\nthread.join()",
            "PytestUnhandledThreadExceptionWarning",
        ),
    ],
    ids=["own", "returned", "unraisable", "thread"],
)
def test_warning_that_is_an_error(pytester: pytest.Pytester, run, body: str, warning: str):
    name = warning if warning == "UserWarning" else f"pytest.{warning}"
    run(body, "-W", f"error::{name}").assert_outcomes(failed=1)
    assert outcomes(pytester) == {"failed"}
    assert run(body).ret == pytest.ExitCode.OK, "it is a warning otherwise"


TEARDOWN = """
@pytest.fixture
def broken(dialogue):
    yield
    {what}
"""


@pytest.mark.parametrize(
    "what", ['pytest.fail("late")', "raise KeyError(7)", "assert dialogue.never_says('number')"]
)
def test_teardown_that_fails_is_an_error_and_no_pass(pytester: pytest.Pytester, run, what: str):
    result = run("pass", arguments=", broken", before=TEARDOWN.format(what=what))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert outcomes(pytester) == {"error"}
    result.stdout.fnmatch_lines(["*INCONCLUSIVE: sample 1 is missing*"])


@pytest.mark.slow
def test_workers_tell_of_a_teardown_and_of_a_warning(pytester: pytest.Pytester, run):
    teardown = TEARDOWN.format(what='pytest.fail("late")')
    run("pass", "-n1", arguments=", broken", before=teardown).assert_outcomes(failed=1)
    assert outcomes(pytester) == {"error"}
    run('warnings.warn("careful")', "-n1", "-Werror::UserWarning").assert_outcomes(failed=1)
    assert outcomes(pytester) == {"failed"}


def test_teardown_of_a_module_that_fails_is_an_error_beside_the_verdict(run):
    before = '@pytest.fixture(scope="module")\ndef broken():\n    yield\n    pytest.fail("late")\n'
    result = run("pass", arguments=", broken", before=before)
    result.assert_outcomes(passed=1, errors=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_setup_that_fails_is_an_error(pytester: pytest.Pytester, run):
    before = '@pytest.fixture\ndef broken():\n    pytest.fail("early")\n'
    assert run("pass", arguments=", broken", before=before).ret == pytest.ExitCode.TESTS_FAILED
    assert outcomes(pytester) == {"error"}


STRICT = "@pytest.mark.xfail(strict=True, reason='known')"


@pytest.mark.parametrize(
    ("body", "mark", "expected"),
    [
        ("assert False", STRICT, {"xfailed": 1}),
        ("pass", STRICT, {"failed": 1}),
        ("pass", "@pytest.mark.xfail", {"xpassed": 1}),
        ("raise KeyError(7)", "@pytest.mark.xfail(raises=ValueError)", {"failed": 1}),
        ('pytest.xfail("now")', "", {"xfailed": 1}),
    ],
    ids=["fails", "strict and passes", "passes", "another error", "says so itself"],
)
def test_expected_failure_applies_to_the_verdict(run, body: str, mark: str, expected: dict[str, int]):
    run(body, mark=mark).assert_outcomes(**expected)


# Plugins

SOFT = """
import pytest

FOUND = []

@pytest.fixture
def soft():
    return FOUND.append

@pytest.hookimpl(wrapper=True{order})
def pytest_runtest_makereport(item, call):
    report = yield
    if call.when == "call" and FOUND:
        report.outcome, report.longrepr = "failed", "soft: " + FOUND.pop()
        FOUND.clear()
    return report
"""


@pytest.mark.parametrize("order", ["", ", tryfirst=True", ", trylast=True"])
def test_plugin_that_fails_a_report_fails_the_sample(pytester: pytest.Pytester, run, order: str):
    pytester.makeconftest(SOFT.format(order=order))
    result = run('soft("this was wrong")', arguments=", soft")
    result.assert_outcomes(failed=1)
    assert outcomes(pytester) == {"failed"}
    result.stdout.fnmatch_lines(["soft: this was wrong"])


LOGGED = """
import pytest

@pytest.fixture
def logged(request):
    def fail(text):
        where = (request.node.nodeid, request.node.location, {})
        report = pytest.TestReport(*where, "failed", text, "call")
        request.node.ihook.pytest_runtest_logreport(report=report)
    return fail
"""


def test_plugin_that_logs_a_failure_of_its_own_fails_the_sample(pytester: pytest.Pytester, run):
    pytester.makeconftest(LOGGED)
    assert run('logged("by itself")', arguments=", logged").ret == pytest.ExitCode.TESTS_FAILED
    assert outcomes(pytester) == {"failed"}


@pytest.mark.skipif(not (NEIGHBOURS / "pytest_check").is_dir(), reason="make puts the neighbours there")
@pytest.mark.parametrize(
    "body",
    ["check.equal(1, 2)", "with check:\n    assert False", 'check.is_true(dialogue.never_says("number"))'],
    ids=["function", "context", "verdict"],
)
def test_checks_of_pytest_check_fail_the_sample(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, run, body: str
):
    monkeypatch.setenv("PYTHONPATH", str(NEIGHBOURS))
    monkeypatch.setattr(pytester, "runpytest", pytester.runpytest_subprocess)  # it has to find the plugin
    others = [f"-pno:{name}" for name in ("recording", "cassetter", "run-parallel")]
    run(body, *others, arguments=", check").assert_outcomes(failed=1)
    assert outcomes(pytester) == {"failed"}
