"""What a run with dialogues cannot do is said in words before any test runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

NEIGHBOURS = Path(sys.prefix) / "neighbours"

TEST = """
import pytest

@pytest.mark.dialogue(model="scripted:counter", turns=1{more})
{mark}
def test_it(dialogue):
    assert dialogue.messages

def test_plain():
    pass
"""


def write(pytester: pytest.Pytester, *, more: str = "", mark: str = "") -> None:
    pytester.makepyfile(test_it=TEST.format(more=more, mark=mark))


def test_samples_that_every_worker_would_hold_are_refused(pytester: pytest.Pytester):
    write(pytester, more=", samples=3")
    result = pytester.runpytest("-n2", "--dist=each")
    assert result.ret not in {pytest.ExitCode.OK, pytest.ExitCode.INTERNAL_ERROR}
    assert "passed" not in result.parseoutcomes()
    result.stdout.fnmatch_lines(["--dist=each would run the samples of test_it.py::test_it*"])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


@pytest.mark.slow
def test_every_worker_may_hold_dialogues_without_samples(pytester: pytest.Pytester):
    write(pytester)
    pytester.runpytest("-n2", "--dist=each").assert_outcomes(passed=4)


@pytest.fixture
def in_parallel(pytester: pytest.Pytester):
    if not (NEIGHBOURS / "pytest_run_parallel").is_dir():
        pytest.skip("make puts the neighbours there")
    pytester.syspathinsert(NEIGHBOURS)

    def run(*options: str, more: str = "", mark: str = "", ini: str = ""):
        write(pytester, more=more, mark=mark)
        pytester.makeini(f"[pytest]\n{ini}\n")
        others = [f"-pno:{name}" for name in ("recording", "cassetter", "check")]
        return pytester.runpytest(*others, "-W", "ignore", *options)

    return run


@pytest.mark.parametrize(
    ("options", "mark", "what"),
    [
        (("--parallel-threads=3",), "", "in several threads"),
        (("--parallel-threads=auto",), "", "in several threads"),
        ((), "@pytest.mark.parallel_threads(2)", "in several threads"),
        ((), "@pytest.mark.force_parallel_threads(2)", "in several threads"),
        (("--iterations=2",), "", "several times"),
        ((), "@pytest.mark.iterations(2)", "several times"),
    ],
    ids=["option", "auto", "marker", "forced", "iterations", "iterations marker"],
)
@pytest.mark.parametrize("more", ["", ", samples=3"], ids=["once", "samples"])
def test_bodies_in_several_threads_are_refused(in_parallel, options, mark, what, more):
    result = in_parallel(*options, mark=mark, more=more)
    assert result.ret not in {pytest.ExitCode.OK, pytest.ExitCode.INTERNAL_ERROR}
    assert "passed" not in result.parseoutcomes()
    result.stdout.fnmatch_lines([f"pytest-run-parallel would run test_it.py::test_it {what} *"])


@pytest.mark.parametrize(
    ("options", "mark", "ini"),
    [
        ((), "", ""),
        (("--parallel-threads=2",), "@pytest.mark.thread_unsafe", ""),
        (("--parallel-threads=2",), "@pytest.mark.parallel_threads(1)", ""),
        (("--parallel-threads=2",), "@pytest.mark.parallel_threads_limit(1)", ""),
        (("--parallel-threads=2",), "", "thread_unsafe_fixtures = dialogue"),
        (("--iterations=2",), "@pytest.mark.iterations(1)", ""),
    ],
    ids=["not asked for", "unsafe", "one thread", "limit", "ini", "one iteration"],
)
@pytest.mark.parametrize("more", ["", ", samples=1, min_pass_rate=1"], ids=["once", "samples"])
def test_bodies_in_one_thread_run(in_parallel, options, mark, ini, more):
    result = in_parallel(*options, mark=mark, ini=ini, more=more)
    result.assert_outcomes(passed=2)


def test_markers_of_that_name_mean_nothing_without_the_plugin(pytester: pytest.Pytester):
    write(pytester, mark="@pytest.mark.iterations(7)")
    pytester.runpytest("-W", "ignore").assert_outcomes(passed=2)
