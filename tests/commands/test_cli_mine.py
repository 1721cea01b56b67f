"""`duolog mine`: tests of failing dialogues in logs, which fail for the reason that they state."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_duolog.cli import main
from pytest_duolog.commands.mine_failures import USUAL, Miner
from pytest_duolog.commands.mine_test import Asserted, remove_unfinished, write_folder
from pytest_duolog.mining import given_names
from pytest_duolog.mining.kinds import Failure
from pytest_duolog.properties.by_name import given_property, parse_property
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.transcripts.sources import Source
from pytest_duolog.transcripts.transcript import Transcript
from tests.chat_server import ChatServer

SORRY = "I did not understand that. Please say it in other words."
LAMP = ("is broken", "flickers", "hums at night", "came in a torn parcel", "has no bulb")
FLIGHT = ("seat", "delay", "luggage", "gate", "pilot")


def stuck(topic: str = "lamp", *, name: str = "Mia Silva", says: str = SORRY, n: int = 8) -> dict[str, Any]:
    """A dialogue in which the assistant always says the same."""
    first = f"Hello, my name is {name}. My {topic} is broken, the {topic} flickers."
    messages = [{"role": "user", "content": first}]
    for number in range(n):
        text = f"Once more about the {topic}, which {LAMP[number % 5]}: {name.split(maxsplit=1)[0]} here."
        messages += [{"role": "assistant", "content": says}, {"role": "user", "content": text}]
    return {"id": f"{topic}-{name}", "messages": [*messages, {"role": "assistant", "content": says}]}


def delayed(name: str) -> dict[str, Any]:
    """A dialogue about something else in which the assistant always says something else."""
    messages = [{"role": "user", "content": f"Good morning, my name is {name}."}]
    for number in range(8):
        messages.append({"role": "assistant", "content": "All lines are busy, kindly stand by."})
        messages.append(
            {"role": "user", "content": f"When does my plane leave, given the {FLIGHT[number % 5]}?"}
        )
    return {"id": name, "messages": messages}


def chat() -> dict[str, Any]:
    """Two who cannot stop praising each other."""
    messages = [
        {"role": ("user", "assistant")[number % 2], "content": "Jazz is such a wonderful and joyful music!"}
        for number in range(14)
    ]
    return {"messages": messages}


def healthy() -> dict[str, object]:
    return {
        "messages": [
            {"role": "user", "content": "Do you repair lamps?"},
            {"role": "assistant", "content": "Yes, we repair lamps of all kinds."},
        ]
    }


@pytest.fixture
def log(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(pytester.path)
    path = pytester.path / "log.jsonl"
    write(path, stuck(name="Mia Silva"), stuck(name="Ben Kowalski"), healthy(), delayed("Ann Dole"))
    return path


def write(path: Path, *dialogues: object) -> None:
    path.write_text("".join(f"{json.dumps(one)}\n" for one in dialogues), "utf-8")


def modules() -> list[Path]:
    return sorted(Path("tests/mined").glob("[!.]*/test_*.py"))


def test_it_says_that_nothing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    Path("talk.md").write_text(
        "Ann: Do you repair lamps?\n\nBob: We do. Goodbye!\n\nAnn: Goodbye!\n", "utf-8"
    )
    assert main(["mine", "talk.md", "-o", "tests"]) == 0
    assert capsys.readouterr().out == "1 dialogue read, none fails: 0 tests written\n"


def test_one_test_for_each_kind_is_written_and_fails_for_its_reason(
    log: Path, pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
):
    assert main(["mine", "log.jsonl", "-o", "tests"]) == 0
    out = capsys.readouterr().out
    assert "        2  DoesNotRepeatItself" in out or "        2  NoLoops" in out
    assert "4 dialogues read, 3 with failures of 2 kinds: 2 tests written\n" in out
    assert len(modules()) == 2
    for module in modules():
        assert [path.name for path in sorted(module.parent.iterdir())] == ["dialogue.md", module.name]
        reason = module.read_text("utf-8").split("\n")[2]
        result = pytester.runpytest(str(module), "-k", "test_as_logged")
        result.assert_outcomes(failed=1)
        assert reason[:60] in result.stdout.str().replace('"', "'")


def test_nobody_is_named_in_what_is_written(log: Path):
    assert main(["mine", "log.jsonl", "-o", "tests"]) == 0
    written = "".join(path.read_text("utf-8") for path in Path("tests").rglob("*") if path.is_file())
    for name in ("Mia", "Silva", "Ben", "Kowalski", "Ann", "Dole"):
        assert name not in written
    assert "my name is Robin Avery" in written


def test_the_folder_of_the_log_is_not_in_the_test(log: Path):
    assert main(["mine", str(log.absolute()), "-o", "tests"]) == 0
    for module in modules():
        text = module.read_text("utf-8")
        assert "From log.jsonl:" in text
        assert str(log.parent) not in text


def test_details_are_kept_if_asked(log: Path):
    assert main(["mine", "log.jsonl", "-o", "tests", "--keep-details"]) == 0
    assert "Ben Kowalski" in "".join(path.read_text("utf-8") for path in Path("tests").rglob("*.md"))


def test_a_placeholder_is_refused_in_words(log: Path, pytester: pytest.Pytester):
    main(["mine", "log.jsonl", "-o", "tests", "--most", "1"])
    result = pytester.runpytest("tests", "-k", "test_again")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*NotImplementedError: ask your bot here, or name its model below*"])


def test_the_recorded_messages_are_said_to_the_model_under_test(
    log: Path, pytester: pytest.Pytester, chat_server: ChatServer
):
    main(["mine", "log.jsonl", "-o", "tests", "--most", "1", "--under-test", "openai:agent"])
    chat_server.answer = lambda body: f"This is answer {len(body['messages'])}."
    result = pytester.runpytest("tests", "-k", "test_again", "--record-mode=once")
    heard = [body["messages"][-1]["content"] for body in chat_server.requests]
    assert "Hello, my name is Robin Avery. My lamp is broken, the lamp flickers." in heard
    assert sum(result.parseoutcomes().values()) >= 1
    again = pytester.runpytest("tests", "-k", "test_again")
    assert again.parseoutcomes() == result.parseoutcomes()


def test_a_second_run_adds_only_new_kinds(log: Path, capsys: pytest.CaptureFixture[str]):
    main(["mine", "log.jsonl", "-o", "tests"])
    before = {path: path.read_bytes() for path in Path("tests").rglob("*") if path.is_file()}
    write(log, stuck(name="Eve Novak"), delayed("Kim Byrd"), chat())
    capsys.readouterr()
    assert main(["mine", "log.jsonl", "-o", "tests"]) == 0
    out = capsys.readouterr().out
    assert out.count("(there already)") == 2
    assert "1 test written" in out
    assert len(modules()) == 3
    assert {path: path.read_bytes() for path in before} == before


def test_a_dry_run_writes_nothing(log: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["mine", "log.jsonl", "-o", "tests", "--dry-run"]) == 0
    assert "2 tests would be written (--dry-run)" in capsys.readouterr().out
    assert not Path("tests").exists()


def test_most_limits_the_tests_and_says_what_is_left_out(log: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["mine", "log.jsonl", "-o", "tests", "--most", "1"]) == 0
    assert "        1  in 1 smaller kind, left out by --most\n" in capsys.readouterr().out
    assert len(modules()) == 1


def test_json_has_every_kind(log: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["mine", "log.jsonl", "-o", "tests", "--most", "1", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["dialogues"], found["failing"], found["dry_run"], found["unreadable"]) == (4, 3, False, [])
    assert [(kind["n_dialogues"], kind["state"]) for kind in found["kinds"]] == [
        (2, "written"),
        (1, "left_out"),
    ]
    assert Path(found["kinds"][0]["test"]).is_file()


def test_a_given_property_is_what_the_test_asserts(log: Path):
    assert (
        main(["mine", "log.jsonl", "-o", "tests", "--property", "NeverSays('flickers')", "--most", "1"]) == 0
    )
    [module] = modules()
    text = module.read_text("utf-8")
    assert "from pytest_duolog import NeverSays, Script, Speaker, Transcript" in text
    assert "satisfies(NeverSays(phrases='flickers'))" in text
    compile(text, "test", "exec")


def test_a_property_of_the_users_is_imported(log: Path, pytester: pytest.Pytester):
    pytester.makepyfile(
        own="""
        from dataclasses import dataclass
        from pytest_duolog import Property, NeverSays
        @dataclass(frozen=True)
        class Calm(Property):
            word: str = "flickers"
            def check(self, transcript):
                return NeverSays(self.word).check(transcript)
        QUIET = NeverSays("broken")
    """
    )
    for given in ("own:Calm", "own:Calm(word='lamp')", "own:QUIET"):
        assert (
            main(["mine", "log.jsonl", "-o", given.replace(":", "_"), "--property", given, "--most", "1"])
            == 0
        )
        pytester.syspathinsert()
        result = pytester.runpytest(given.replace(":", "_"), "-k", "test_as_logged")
        result.assert_outcomes(failed=1)


def test_the_prompt_of_the_log_is_what_the_model_under_test_gets(
    log: Path, pytester: pytest.Pytester, chat_server: ChatServer
):
    prompted = stuck()
    prompted["messages"].insert(0, {"role": "system", "content": "You sell lamps."})
    write(log, prompted)
    main(["mine", "log.jsonl", "-o", "tests", "--under-test", "openai:agent"])
    pytester.runpytest("tests", "-k", "test_again", "--record-mode=once")
    assert {body["messages"][0]["content"] for body in chat_server.requests} == {"You sell lamps."}


def test_hostile_text_is_only_data(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(pytester.path)
    evil = "\"\"\"\n\\ {x} ''' \x1b[2J \u202e import os; os.abort() {{}} %s"
    bad = stuck("lamp")
    bad["id"] = "../../" + evil
    for message in bad["messages"]:  # type: ignore[attr-defined]
        message["content"] = f"{message['content']} {evil}"
    write(Path("log.jsonl"), bad)
    assert main(["mine", "log.jsonl", "-o", "tests"]) == 0
    [module] = modules()
    text = module.read_text("utf-8")
    assert "\x1b" not in text
    assert "\u202e" not in text
    pytester.runpytest(str(module), "-k", "test_as_logged").assert_outcomes(failed=1)


@pytest.mark.parametrize(
    "names", [("user:4711", "bot:2"), ("An\nn \x1b[2J", "x" * 300), ("a:b", "a b"), (":", "::")]
)
def test_names_that_no_speaker_may_have_become_plain(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, names: tuple[str, str]
):
    monkeypatch.chdir(pytester.path)
    texts = [str(message["content"]) for message in stuck("lamp")["messages"]]  # type: ignore[attr-defined]
    said = [{"speaker": names[at % 2], "content": text} for at, text in enumerate(texts)]
    write(Path("log.jsonl"), {"messages": said})
    assert main(["mine", "log.jsonl", "-o", "tests", "--keep-details"]) == 0
    [module] = modules()
    result = pytester.runpytest(str(module), "-p", "no:cacheprovider", "--record-mode=once")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*NotImplementedError: ask your bot here*"])


def test_replacements_are_kept_from_others(log: Path, tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("state") / "replaced.jsonl"
    assert main(["mine", "log.jsonl", "-o", "tests", "--replacements", str(path)]) == 0
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert {row["test"] for row in rows} == {module.parent.name for module in modules()}
    assert {"kind": "name", "value": "Ann Dole", "stand_in": "Robin Avery"}.items() <= rows[
        -3
    ].items() or any(row["value"] == "Ann Dole" for row in rows)


def test_replacements_are_only_of_tests_that_were_written(
    log: Path, tmp_path_factory: pytest.TempPathFactory
):
    path = tmp_path_factory.mktemp("state") / "replaced.jsonl"
    main(["mine", "log.jsonl", "-o", "tests"])
    assert main(["mine", "log.jsonl", "-o", "tests", "--replacements", str(path)]) == 0
    assert not path.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--replacements", "here.jsonl"], "it would be in the git repository"),
        (["--replacements", "log.jsonl"], "there is a file already"),
        (["--replacements", "/nowhere/x.jsonl"], "--replacements /nowhere/x.jsonl: cannot be made"),
        (["--under-test", "gpt"], "is not 'provider:model'"),
        (["--under-test", "nobody:gpt"], "unknown provider 'nobody'"),
        (["--keep-details", "--replacements", "x"], "nothing to list"),
        (["--dry-run", "--replacements", "x"], "leave one of them out"),
        (["-o", "log.jsonl"], "it is not a folder"),
        (["--property", "Nothing"], "unknown property"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_read(
    log: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
):
    Path(".git").mkdir()
    assert main(["mine", "log.jsonl", "-o", "tests", *options]) == 2
    assert words in capsys.readouterr().err
    assert not Path("tests").exists()


@pytest.mark.parametrize("missing", ["phonenumbers", "faker.providers.person"])
def test_without_the_extra_it_says_what_to_do(
    log: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, missing: str
):
    given_names.given_names.cache_clear()
    monkeypatch.setitem(sys.modules, missing, None)
    assert main(["mine", "log.jsonl", "-o", "tests"]) == 2
    assert "pip install 'pytest-duolog[mine]'" in capsys.readouterr().err
    assert main(["mine", "log.jsonl", "-o", "tests", "--keep-details"]) == 0


def test_an_unreadable_line_is_named_and_the_rest_is_mined(log: Path, capsys: pytest.CaptureFixture[str]):
    log.write_text(log.read_text("utf-8") + "{broken\n", "utf-8")
    assert main(["mine", "log.jsonl", "-o", "tests"]) == 2
    assert "log.jsonl:5: not JSON" in capsys.readouterr().err
    assert len(modules()) == 2


def test_an_unknown_speaker_is_named(log: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["mine", "log.jsonl", "-o", "tests", "--speaker", "agent"]) == 2
    assert "nobody is called 'agent'" in capsys.readouterr().err


def between_people(under_test: str = "Lena") -> dict[str, Any]:
    """The same stuck dialogue; both sides have names of people, and the side under test is the first one to speak."""
    names = {"user": "Kathleen", "assistant": under_test}
    messages = [
        {"speaker": names[one["role"]], "content": one["content"]}
        for one in stuck(name="Kathleen")["messages"]
    ]
    greeting = {"speaker": under_test, "content": "Welcome to the shop for lamps."}
    speakers = [{"name": name} for name in names.values()]
    return {"format": 1, "speakers": speakers, "messages": [greeting, *messages]}


def test_the_speaker_under_test_may_have_the_name_of_a_person(log: Path, capsys: pytest.CaptureFixture[str]):
    write(log, between_people())
    mine = ["mine", "log.jsonl", "-o", "tests", "--speaker", "Lena"]
    assert main(mine) == 0
    [module] = modules()
    text = module.read_text("utf-8")
    assert "Lena" not in text
    assert "Speaker('Avery', model=under_test)" in text
    assert "'Once more about the lamp, which is broken: Robin here.'" in text
    capsys.readouterr()
    assert main(mine) == 0
    assert "(there already)" in capsys.readouterr().out


def test_the_named_speaker_decides_what_the_user_said():
    miner = Miner([parse_property("NoLoops")], is_usual=False, speaker="Lena")
    source = Source("a", "log.jsonl", 1, Transcript.from_value(between_people()))
    failure = miner.failure(FiledDialogue(source))
    assert isinstance(failure, Failure)
    assert "flick" in failure.user
    assert "under" not in failure.user


def test_a_test_that_cannot_be_written_does_not_stop_the_others(
    log: Path, capsys: pytest.CaptureFixture[str]
):
    main(["mine", "log.jsonl", "-o", "tests", "--dry-run", "--format", "json"])
    first, second = (Path(kind["test"]) for kind in json.loads(capsys.readouterr().out)["kinds"])
    first.parent.parent.mkdir(parents=True)
    first.parent.symlink_to("nowhere")
    assert main(["mine", "log.jsonl", "-o", "tests"]) == 2
    out = capsys.readouterr().out
    assert f"{first} (could not be written)" in out
    assert "1 test written" in out
    assert second.is_file()


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path):
    assert write_folder(tmp_path / "a", {"x": "1", "y": "2"})
    assert not write_folder(tmp_path / "a", {"x": "3"})
    assert (tmp_path / "a" / "x").read_text() == "1"
    with pytest.raises(TypeError):
        write_folder(tmp_path / "b", {"x": "1", "y": 2})  # type: ignore[dict-item]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_that_a_killed_run_left_is_in_nobodys_way(tmp_path: Path):
    (tmp_path / f".a.{os.getpid()}").mkdir()
    assert write_folder(tmp_path / "a", {"x": "1"})
    if os.name == "posix":
        (tmp_path / "plain").mkdir()
        assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_killed_runs_left_is_removed_once_it_is_old(tmp_path: Path):
    left, fresh, other = (
        tmp_path / "mined" / name
        for name in (".no_loops_0123abcd.x1y2z3_4", ".no_loops_0123abcd.new", ".my_notes")
    )
    for folder in (left, fresh, other):
        folder.mkdir(parents=True)
        (folder / "dialogue.md").write_text("half", "utf-8")
        if folder is not fresh:
            os.utime(folder, (1_000_000, 1_000_000))
    remove_unfinished(tmp_path)
    assert [folder.exists() for folder in (left, fresh, other)] == [False, True, True]
    remove_unfinished(tmp_path / "not there")


def test_a_folder_that_another_run_made_meanwhile_is_there_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    real = Path.write_text

    def made_meanwhile(self: Path, *args: Any, **options: Any) -> int:
        (tmp_path / "a").mkdir()
        real(tmp_path / "a" / "x", "theirs")
        return real(self, *args, **options)

    monkeypatch.setattr(Path, "write_text", made_meanwhile)
    assert not write_folder(tmp_path / "a", {"x": "ours"})
    assert (tmp_path / "a" / "x").read_text() == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_killed_run_leaves_no_half_test(tmp_path: Path):
    code = """
import os, signal, sys
from pathlib import Path
from pytest_duolog.commands import mine_test
real = Path.write_text
def write(self, text, *args, **options):
    if self.name == 'y': os.kill(os.getpid(), signal.SIGKILL)
    return real(self, text, *args, **options)
Path.write_text = write
mine_test.write_folder(Path(sys.argv[1]) / 'mined' / 'a', {'x': '1', 'y': '2'})
"""
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "mined" / "a").exists()
    assert write_folder(tmp_path / "mined" / "a", {"x": "1", "y": "2"})


@pytest.mark.parametrize("name", USUAL)
def test_every_usual_property_can_be_asserted(name: str):
    made = Asserted.of(parse_property(name), name)
    code = "".join(f"from {module} import {name}\n" for name, module in made.imports.items()) + made.code
    namespace: dict[str, object] = {}
    exec(compile(code.replace(made.code, f"found = {made.code}"), "code", "exec"), namespace)
    assert namespace["found"] == given_property(name)
