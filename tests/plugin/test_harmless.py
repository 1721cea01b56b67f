"""What a test with dialogues reports holds no secret, and nothing that acts on a terminal or a CI system.

Keys and commands are planted wherever text of a model, or of a request, can come to a report, and pytest is run in all
ways that show reports differently.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.planted import Maker

MAKER = Maker(1)
SHAPED = "sk-pr" + "oj-" + MAKER.word(40)
VALUE = "lab-" + MAKER.word(20)

# What GitHub, Azure, GitLab and TeamCity obey in a log, and terminals.
COMMANDS = (
    "\x1b[2J\x1b]0;owned\x07\n::error::owned\n  ::add-mask::owned\n##[error]owned ##vso[task.complete]owned"
    "\nsection_start:1:owned\r\x1b[0K\x9b31m\u202e\n##teamcity[testFailed name='owned']\n"
)

PROJECT = """
import logging, os, sys, warnings
import pytest
from pytest_duolog import Script, Speaker

SHAPED, VALUE, COMMANDS = os.environ["SHAPED"], os.environ["LAB_TOKEN"], os.environ["COMMANDS"]
KEYS = [SHAPED, VALUE, "##[error]owned ##vso[task.complete]"]
log = logging.getLogger("lab")

@pytest.fixture
def duolog_scenario(key):
    said = COMMANDS + key
    return {"a": Speaker("Ann", model=Script("a " + said)), "b": Speaker("Ben", model=Script("b " + said)),
            "opener": said, "system": key, "turns": 1}

@pytest.fixture
def noise(key, dialogue, record_property):
    said = dialogue.messages[-1].content + COMMANDS + key
    def make():
        record_property("plain " + key, said)
        record_property("value", [key, said])
        print(said)
        print(said, file=sys.stderr)
        log.warning("%s says %s", key, said)
        try:
            raise KeyError(said)
        except KeyError:
            log.exception("raised")
        warnings.warn("deprecated " + said)
        return said
    return make

@pytest.mark.parametrize("key", KEYS)
class TestEverything:
    def test_passes(self, dialogue, key, noise, duolog_snapshot):
        noise()
        assert dialogue == duolog_snapshot
        assert dialogue.run(name="again " + key, turns=2).messages

    def test_fails(self, dialogue, key, noise):
        local = [noise(), {"password": key}]
        assert local == dialogue.messages[-1].content, noise()

    def test_is_shortened(self, dialogue, key):
        long = "y" * 110 + key + "z" * 150
        assert dialogue.messages == long

    def test_differs_late(self, dialogue, key):
        start = "y" * 110 + key[:-4]
        assert start + "one" == start + "two " + key

    def test_raises(self, dialogue, key, noise):
        raise RuntimeError("y" * 100 + noise())

    def test_skips(self, dialogue, key):
        pytest.skip(COMMANDS + key)

    @pytest.mark.xfail(reason=COMMANDS + SHAPED)
    def test_is_expected(self, dialogue, key):
        assert key == COMMANDS

    def test_ends_badly(self, dialogue, key, request):
        request.addfinalizer(lambda: (print(key, COMMANDS), 1 / len("") if key else 0))

    def test_is_never_made(self, broken, dialogue, key):
        pass

@pytest.fixture
def broken(key):
    raise ValueError(COMMANDS + key)
"""

SUBTESTS = """
    def test_has_subtests(self, dialogue, key, noise, subtests):
        with subtests.test(msg=COMMANDS + key, key=key, long="y" * 110 + key + "z" * 150):
            assert noise() == key
        with subtests.test(msg=COMMANDS + key):
            print(COMMANDS + key)
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("SHAPED", SHAPED)
    monkeypatch.setenv("LAB_TOKEN", VALUE)
    monkeypatch.setenv("COMMANDS", COMMANDS)
    with_subtests = PROJECT.replace(
        "\n@pytest.fixture\ndef broken", SUBTESTS + "\n@pytest.fixture\ndef broken"
    )
    pytester.makepyfile(with_subtests if pytest.version_tuple >= (9, 0) else PROJECT)
    return pytester


def check_no_secret(texts: dict[str, str]) -> None:
    """Not even ten characters of one are left anywhere."""
    for secret in (SHAPED.partition("oj-")[2], VALUE):
        parts = [secret[at : at + 10] for at in range(len(secret) - 9)]
        left = [(name, part) for name, text in texts.items() for part in parts if part in text]
        assert left == []


def check_inert(log: str) -> None:
    """No line of a log commands anything, and nothing in it acts on a terminal."""
    assert [character for character in log if not (character.isprintable() or character in "\n\t")] == []
    assert re.findall(r"^\s*::[a-z-]+.*owned|##\[error|##vso\[|^##teamcity\[", log, re.MULTILINE) == []


def written_files(folder: Path) -> dict[str, str]:
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".pyc" and not path.name.startswith("test_"):
            name = str(path.relative_to(folder))
            found[name] = name + path.read_bytes().decode("utf-8", "replace")
    return found


FILES = ("-Wdefault", "--junitxml=junit.xml", "--log-file=lab.log", "--record-mode=once", "--snapshot-update")


@pytest.mark.parametrize(
    "options",
    [
        ("-v", "-rA"),
        ("-vv", "-rA", "--showlocals"),
        pytest.param(("--tb=short", "--showlocals", "-rA"), marks=pytest.mark.slow),
        ("--tb=native",),
        pytest.param(("--tb=line", "-q"), marks=pytest.mark.slow),
        pytest.param(("--tb=no", "-rA"), marks=pytest.mark.slow),
        pytest.param(("-v", "--log-cli-level=INFO"), marks=pytest.mark.slow),
        ("-p", "no:terminal"),
        ("-v", "-n1"),
        ("-v", "--duolog-samples=2", "--duolog-ctrf=ctrf.json", "--duolog-code-quality=quality.json", "-rA"),
    ],
    ids=" ".join,
)
def test_reports_hold_no_secret_and_command_nothing(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    result = project.runpytest(*FILES, *options)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    printed = "\n".join([*result.outlines, *result.errlines])
    check_inert(re.sub(r"\x1b\[[0-9;]*m|\x1b\[K", "", printed))  # pytest's own colours
    files = written_files(project.path)
    assert {"junit.xml", "lab.log"} <= set(files)
    check_no_secret({"what was printed": printed, **files})


def test_names_of_tests_stay_apart_and_are_the_ones_to_select(project: pytest.Pytester) -> None:
    result = project.runpytest("--collect-only", "-q", "-k", "test_skips")
    names = [line.partition("::")[2] for line in result.outlines if "::" in line]
    assert names == [
        "TestEverything::test_skips[redacted-key]",
        "TestEverything::test_skips[redacted-LAB_TOKEN]",
        "TestEverything::test_skips[#\\x23[error]owned #\\x23vso[task.complete]]",
    ]
    module = next(project.path.glob("test_*.py")).name
    for name in names:
        project.runpytest(f"{module}::{name}").assert_outcomes(skipped=1)


def test_two_keys_have_two_names(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.parametrize("n", [1, 2])
        @pytest.mark.parametrize("key", ["sk-pr" + "oj-{MAKER.word(30)}", "sk-pr" + "oj-{MAKER.word(30)}", "plain"])
        @pytest.mark.dialogue(model="scripted:counter", turns=1)
        def test_it(dialogue, key, n):
            assert dialogue.messages
        """
    )
    result = pytester.runpytest("-v")
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines_random(
        [
            f"*::test_it[[]{name}[]] PASSED*"
            for name in (
                *("redacted-key-1", "redacted-key-1-2", "redacted-key-2", "redacted-key-2-2"),
                *("plain-1", "plain-2"),
            )
        ]
    )


def test_tests_without_dialogues_are_none_of_our_business(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.parametrize("key", ["sk-pr" + "oj-{"a1b2" * 8}"])
        def test_it(key):
            print("\\x1b[31m" + key)
            assert not key
        """
    )
    result = pytester.runpytest("-v", "--color=no")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*test_it[[]sk-proj-a1b2*", "\x1b[[]31msk-proj-a1b2*"])


def test_warnings_of_classes_with_their_own_ideas_are_told(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import warnings
        import pytest

        class Odd(UserWarning):
            def __init__(self, *, text):
                super().__init__(text)

        @pytest.mark.dialogue(model="scripted:counter", turns=1)
        def test_it(dialogue):
            assert dialogue.messages
            warnings.warn(Odd(text="old\\x1b[2J"))
        """
    )
    result = pytester.runpytest("-Wdefault")
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*Odd: old\\x1b[[]2J"])
