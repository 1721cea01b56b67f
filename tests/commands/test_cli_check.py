"""`duolog check`: what it prints, and its exit status."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_duolog.cli import main
from pytest_duolog.commands.dialogue_paths import BEGINNING
from pytest_duolog.properties import Property, StaysOnTopic
from pytest_duolog.results.examination import reads_topic
from pytest_duolog.transcripts.transcript import Transcript
from tests.dialogues import LIGHTHOUSES, RITUAL, dialogue
from tests.locked import lock
from tests.properties.documented import EXAMPLES

GOODBYE = "Goodbye, and thank you."


def healthy(**fields: object) -> Transcript:
    return dialogue(*LIGHTHOUSES, "It was a pleasure. Goodbye!", GOODBYE, **fields)


def looping() -> Transcript:
    return dialogue(*LIGHTHOUSES, *RITUAL)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("healthy.md").write_text(healthy().to_markdown(), "utf-8")
    Path("looping.md").write_text(looping().to_markdown(), "utf-8")
    return tmp_path


def test_a_healthy_transcript_is_a_success(files: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["check", "healthy.md"]) == 0
    assert capsys.readouterr() == ("1 dialogue checked: none with findings\n", "")


def test_findings_are_named_with_file_line_and_evidence(files: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["check", "healthy.md", "looping.md"]) == 1
    out = capsys.readouterr().out
    line = Path("looping.md").read_text("utf-8").split("\n").index("Ann: " + RITUAL[1]) + 1
    assert f"looping.md:{line} looping: NoLoops fails: messages 15 to 27 add nothing new (ritual)" in out
    assert f"  message 15 (Ann): {RITUAL[1]!r}" in out
    assert "looping: EndsCleanly fails: goodbye at message 13, and 14 messages" in out
    assert out.endswith("2 dialogues checked: 1 with findings\n")


def test_json_is_one_documented_object_a_dialogue(files: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["check", "--format", "json", "looping.md", "healthy.md"]) == 1
    looping, healthy = map(json.loads, capsys.readouterr().out.splitlines())
    assert list(looping) == [
        *("id", "file", "messages", "stop_reason", "closing", "loops", "boundaries", "topic", "verdicts")
    ]
    assert (looping["id"], looping["file"], looping["messages"]) == ("looping", "looping.md", 27)
    assert looping["closing"] == {"message": 13, "clean": False, "messages_after": 14}
    assert looping["loops"] == [
        {
            "onset": 15,
            "end": 27,
            "period": None,
            "speakers": ["Ann", "Ben"],
            "kind": "ritual",
            "evidence": [15, 16, 17],
        }
    ]
    assert looping["topic"] is None
    assert [(verdict["property"], verdict["outcome"]) for verdict in looping["verdicts"]] == [
        ("NoLoops", "fails"),
        ("EndsCleanly", "fails"),
    ]
    assert healthy["closing"] == {"message": 13, "clean": True, "messages_after": 2}
    assert healthy["loops"] == []


def test_sides_of_the_founding_format_are_letters(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "x.md"
    path.write_text(dialogue(*RITUAL, speakers=("Model A", "Model B")).to_markdown(), "utf-8")
    main(["check", "--format", "json", str(path)])
    assert json.loads(capsys.readouterr().out)["loops"][0]["speakers"] == ["A", "B"]


def test_a_stated_topic_is_measured_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "x.md"
    path.write_text(healthy(topic="the history of lighthouses").to_markdown(), "utf-8")
    main(["check", "--format", "json", str(path)])
    found = json.loads(capsys.readouterr().out)
    assert found["topic"]["statement"] == "the history of lighthouses"
    assert 0 < found["topic"]["score"] <= 1
    assert found["topic"]["method"]
    assert found["topic"]["first_drift"] is None
    assert found["verdicts"][-1]["property"] == "StaysOnTopic"


def test_topic_option_states_it_where_the_file_does_not(files: Path, capsys: pytest.CaptureFixture[str]):
    main(["check", "--format", "json", "--topic", "lighthouses and their keepers", "healthy.md"])
    assert json.loads(capsys.readouterr().out)["topic"]["statement"] == "lighthouses and their keepers"


@pytest.mark.parametrize(
    "checked", [["NoLoops"], ["NoLoops", "EndsCleanly"], ["StaysOnTopic(topic='bread')"]], ids=", ".join
)
def test_a_topic_that_nothing_reads_is_refused(
    files: Path, capsys: pytest.CaptureFixture[str], checked: list[str]
):
    chosen = [word for name in checked for word in ("--property", name)]
    for more in ([], ["--out", "rows"], ["--format", "sarif"]):
        assert main(["check", *chosen, "--topic", "bread", *more, "healthy.md"]) == 2
        assert capsys.readouterr().err == (
            f"duolog: --topic: it has no effect on {', '.join(checked)}: add --property StaysOnTopic, or leave it out\n"
        )
    assert main(["check", "--topic", " ", "healthy.md"]) == 2
    assert not Path("rows").exists()


@pytest.mark.parametrize("checked", ["StaysOnTopic", "StaysInCharacter"])
def test_a_topic_that_is_read_is_taken(files: Path, checked: str):
    chosen = ["--property", "NoLoops", "--property", checked]
    assert main(["check", *chosen, "--topic", "lighthouses and their keepers", "healthy.md"]) == 0


@pytest.mark.parametrize("example", [*EXAMPLES, StaysOnTopic()], ids=str)
def test_it_is_known_which_properties_read_the_topic(example: Property, monkeypatch: pytest.MonkeyPatch):
    transcript = healthy(topic="bread")
    read = []

    def noted(self: Transcript, name: str) -> object:
        if name == "topic":
            read.append(name)
        return object.__getattribute__(self, name)

    monkeypatch.setattr(Transcript, "__getattribute__", noted)
    example.check(transcript)
    is_read = bool(read)
    monkeypatch.undo()
    assert reads_topic(example) >= is_read


def test_properties_can_be_chosen(files: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["check", "--property", "TerminatesWithin(turns=7)", "healthy.md"]) == 0
    assert main(["check", "--property", "TerminatesWithin(turns=6)", "healthy.md"]) == 1
    assert "TerminatesWithin(turns=6) fails: 7 turns (at most 6)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("Nice", "unknown property 'Nice' (known: AnswersQuestions, "),
        ("has_no_loops", "unknown property 'has_no_loops'; did you mean 'NoLoops'? (known: "),
        ("NoLoop()", "unknown property 'NoLoop()'; did you mean 'NoLoops'? (known: "),
        ("Mentions(refund)", "refund is no value (accepted: text in quotes, numbers, "),
        ("TerminatesWithin(turns=10*2)", "10 * 2 is no value (accepted: "),
        ("TerminatesWithin(rounds=3)", "got an unexpected keyword argument 'rounds'"),
        ("TerminatesWithin(", "is not Name or Name(field=value)"),
        ("TerminatesWithin(turns=open('x'))", "TerminatesWithin(turns=open('x'))"),
        ("__import__('os')", "unknown property"),
        ("NoLoops(**{})", "NoLoops(**{})"),
    ],
)
def test_a_wrong_property_is_said(
    files: Path, capsys: pytest.CaptureFixture[str], written: str, problem: str
):
    assert main(["check", "--property", written, "healthy.md"]) == 2
    assert problem in capsys.readouterr().err


OWN = """
from dataclasses import dataclass

from pytest_duolog import MaxWords, NoLoops, Property


@dataclass(frozen=True)
class GreetsFirst(Property):
    greeting: str = "Hello"

    def check(self, transcript):
        first = transcript.messages[0]
        return self.verdict(first.content.startswith(self.greeting), f"it opens with {first.content!r}")


class Group:
    @dataclass(frozen=True)
    class Inner(GreetsFirst):
        pass


SHORT = NoLoops() & MaxWords(50)
GREETING = "Hello"
"""


@pytest.fixture
def own(files: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry not in ("", str(files))])
    package = files / "own_checks"
    package.mkdir()
    (package / "greeting.py").write_text(OWN, "utf-8")
    (package / "broken.py").write_text("1 / 0", "utf-8")
    (package / "leaving.py").write_text("raise SystemExit(3)", "utf-8")
    yield
    for name in [name for name in sys.modules if name.startswith("own_checks")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("written", "status", "said"),
    [
        ("own_checks.greeting:GreetsFirst", 0, "none with findings"),
        ("own_checks.greeting:GreetsFirst()", 0, "none with findings"),
        (
            " own_checks.greeting: GreetsFirst(greeting='Good day: sir')",
            1,
            "GreetsFirst(greeting='Good day: sir') fails: it opens with 'Hello. I would like",
        ),
        ("own_checks.greeting:Group.Inner('Hi')", 1, "Inner(greeting='Hi') fails"),
        ("own_checks.greeting:SHORT", 0, "none with findings"),
        ("pytest_duolog:MaxWords(3)", 1, "MaxWords(words=3) fails"),
    ],
)
def test_properties_of_ones_own_are_given_with_their_module(
    own: None, capsys: pytest.CaptureFixture[str], written: str, status: int, said: str
):
    assert main(["check", "--property", written, "healthy.md"]) == status
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("own_checks.none:GreetsFirst", "ModuleNotFoundError: No module named 'own_checks.none'"),
        (
            "own_checks.greeting:Greets()",
            "AttributeError: module 'own_checks.greeting' has no attribute 'Greets'",
        ),
        ("own_checks.greeting:GREETING", "GREETING is neither a property nor a class of properties"),
        ("own_checks.greeting:SHORT()", "SHORT is neither a property nor a class of properties"),
        ("own_checks.greeting:dataclass", "dataclass is neither a property nor a class of properties"),
        ("own_checks.greeting:Property", "Property is neither a property nor a class of properties"),
        ("own_checks.greeting:GreetsFirst(salute=1)", "unexpected keyword argument 'salute'"),
        ("own_checks.greeting:GreetsFirst(open('x'))", "open('x') is no value"),
        ("own_checks.broken:GreetsFirst", "ZeroDivisionError: division by zero"),
        ("own_checks.leaving:GreetsFirst", "SystemExit: 3"),
        ("own_checks.greeting:", "is not Name or Name(field=value)"),
        (":GreetsFirst", "is not Name or Name(field=value)"),
    ],
)
def test_a_wrong_property_of_ones_own_is_said(
    own: None, capsys: pytest.CaptureFixture[str], written: str, problem: str
):
    assert main(["check", "--property", written, "healthy.md"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"duolog: property {written!r}")
    assert problem in err


def test_what_cannot_be_read_is_said_and_the_rest_is_checked(files: Path, capsys: pytest.CaptureFixture[str]):
    Path("bad.md").write_text("Some notes.", "utf-8")
    assert main(["check", "bad.md", "nowhere.md", "healthy.md"]) == 2
    out, err = capsys.readouterr()
    assert out == "1 dialogue checked: none with findings, 2 could not be read\n"
    assert err.splitlines() == [
        "duolog: bad.md:1: expected a speaker's name and a colon, as in 'Alice: Hello.', found 'Some notes.'",
        "duolog: nowhere.md:1: cannot be read: No such file or directory",
    ]


def test_a_folder_stands_for_the_dialogues_in_it(files: Path, capsys: pytest.CaptureFixture[str]):
    logs = files / "logs"
    logs.mkdir()
    assert main(["check", "logs"]) == 2
    assert (
        "duolog: logs:1: there are no dialogues in the files (.json, .jsonl, .md)" in capsys.readouterr().err
    )
    for name in ("healthy.md", "looping.md"):
        (files / name).rename(logs / name)
    (logs / "notes.md").write_text("Some notes.", "utf-8")
    assert main(["check", "logs"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("logs/looping.md:")
    assert out.endswith("2 dialogues checked: 1 with findings\n")
    assert err == "duolog: logs: no dialogue in 1 other file\n"


def test_a_folder_in_a_folder_that_may_not_be_read_is_said(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    lock(Path("locked"), monkeypatch)
    assert main(["check", "."]) == 2
    assert "locked:1: cannot be read: Permission denied" in capsys.readouterr().err


def test_a_file_of_a_folder_is_read_once(files: Path, monkeypatch: pytest.MonkeyPatch):
    read: list[str] = []
    real = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        read.append(path.name)
        return real(path)

    Path("README.md").write_text("# A project\n\nNo dialogue.\n", "utf-8")
    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    main(["check", "."])
    assert read.count("README.md") == 1


@pytest.mark.parametrize(
    ("encoding", "problem"),
    [("utf-16", "not a text file in UTF-8: it is UTF-16; save it"), ("cp1252", "not a text file: byte 9 is")],
)
def test_a_log_of_a_folder_in_another_encoding_is_not_passed_over(
    files: Path, capsys: pytest.CaptureFixture[str], encoding: str, problem: str
):
    """As Windows PowerShell writes what a bot prints (UTF-16), and old editors save it."""
    logs = files / "logs"
    logs.mkdir()
    (files / "healthy.md").rename(logs / "healthy.md")
    (logs / "other.md").write_text("Alice: Gr\u00fc\u00dfe!\n\nBob: Hello!\n", encoding)
    assert main(["check", "logs"]) == 2
    out, err = capsys.readouterr()
    assert out == "1 dialogue checked: none with findings, 1 could not be read\n"
    assert err.startswith(f"duolog: logs/other.md:1: {problem}")


@pytest.mark.parametrize("paths", [["logs", "logs/looping.md"], ["logs/looping.md", "./logs", "logs"]])
def test_a_file_that_is_named_itself_and_by_its_folder_is_checked_once(
    files: Path, capsys: pytest.CaptureFixture[str], paths: list[str]
):
    (files / "logs").mkdir()
    (files / "looping.md").rename(files / "logs" / "looping.md")
    assert main(["check", *paths]) == 1
    out, err = capsys.readouterr()
    assert out.endswith("1 dialogue checked: 1 with findings\n")
    assert not err


def test_logs_that_a_folder_passes_over_are_counted(files: Path, capsys: pytest.CaptureFixture[str]):
    logs = files / "logs"
    logs.mkdir()
    (files / "healthy.md").rename(logs / "healthy.MD")
    for name in ("a.csv", "b.jsonl.gz", "c.ndjson", "d.parquet", "e.JSONL.ZST", "f.py"):
        (logs / name).write_text("session_id,role,content\n1,user,Hi.\n", "utf-8")
    assert main(["check", "logs"]) == 0
    out, err = capsys.readouterr()
    assert out.endswith("1 dialogue checked: none with findings\n")
    assert err.startswith(
        "duolog: logs: left out 5 logs (logs/a.csv, logs/b.jsonl.gz, logs/c.ndjson and 2 more)"
    )
    (logs / "chat.TXT").write_text("[10:01] Ann: Hello.\n[10:02] Bob: Bye.\n", "utf-8")
    (logs / "needs.txt").write_text("requests==2.0\n", "utf-8")
    main(["check", "logs"])
    assert (
        "left out 6 logs (logs/a.csv, logs/b.jsonl.gz, logs/c.ndjson and 3 more)" in capsys.readouterr().err
    )
    main(["check", "logs/chat.TXT", "logs"])
    assert "left out 5 logs" in capsys.readouterr().err
    main(["check", "logs/a.csv", "logs/chat.TXT", "logs"])  # what is read is not passed over
    assert "left out 4 logs" in capsys.readouterr().err


@pytest.mark.parametrize("begins", ["", "[10:01] "])
def test_of_a_long_text_the_beginning_tells_whether_it_is_a_chat(
    files: Path, capsys: pytest.CaptureFixture[str], begins: str
):
    logs, turn = files / "logs", f"{begins}Ann: Grüße aus dem Garten.\n{begins}Bob: Danke, bis bald.\n"
    logs.mkdir()
    n_turns = BEGINNING // len(turn)
    (logs / "chat.txt").write_text(turn * n_turns, "utf-8")
    (logs / "broken.txt").write_bytes((turn * n_turns).encode() + b"\xff\n")  # whoever names it is told why
    (logs / "prose.txt").write_text("The garden is green.\n" * n_turns + turn, "utf-8")
    talk = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hi." * BEGINNING}]
    (logs / "json.txt").write_text(json.dumps(talk), "utf-8")
    (logs / "wide.txt").write_text(turn * n_turns, "utf-16")
    main(["check", "logs"])
    assert "left out 3 logs (logs/broken.txt, logs/chat.txt, logs/json.txt)" in capsys.readouterr().err


def test_stdin_is_read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    line = json.dumps({"id": "talk", "messages": [{"role": "user", "content": GOODBYE}]})
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(line.encode())))
    assert main(["check", "--format", "json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["id"], found["file"]) == ("talk", "stdin")


def test_stdin_that_is_not_text_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"\xff")))
    assert main(["check", "-"]) == 2
    assert "stdin: not a text file: byte 0 is not UTF-8" in capsys.readouterr().err


def test_github_annotations_hold_one_line_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    hostile = "\n::error::owned\n::stop-commands::x\x1b[31m 100%\r\n"
    path = tmp_path / "a,b:c.md"
    path.write_text(dialogue(*LIGHTHOUSES[:5], hostile).to_markdown(), "utf-8")
    assert main(["check", "--format", "github", str(path), str(tmp_path / "no.md")]) == 2
    first, *_, last = lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("::error file=") for line in lines)
    assert "a%2Cb%3Ac.md,line=" in first
    assert "title=a,b:c" not in first
    assert "\x1b" not in "".join(lines)
    assert last.endswith("title=not read::cannot be read: No such file or directory")


def test_sarif_names_rule_place_and_message(files: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["check", "--format", "sarif", "looping.md", "healthy.md", "no.md"]) == 2
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["EndsCleanly", "NoLoops"]
    assert [result["ruleId"] for result in run["results"]] == ["NoLoops", "EndsCleanly"]
    for rule in run["tool"]["driver"]["rules"]:
        assert all(rule[key]["text"] for key in ("shortDescription", "fullDescription", "help"))
    (place,) = run["results"][0]["locations"]
    assert place["physicalLocation"]["artifactLocation"] == {"uri": "looping.md"}
    assert place["physicalLocation"]["region"]["startLine"] > 1
    assert run["invocations"][0]["executionSuccessful"] is False


def test_sarif_names_an_absolute_path_as_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "a b.md"
    path.write_text("Some notes.", "utf-8")
    main(["check", "--format", "sarif", str(path)])
    (notice,) = json.loads(capsys.readouterr().out)["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert notice["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": path.as_uri()}


def test_a_bad_line_of_markdown_is_where_it_is_said(files: Path, capsys: pytest.CaptureFixture[str]):
    Path("bad.md").write_text("Turns: 2\n\n## Conversation\n\nEve: hi", "utf-8")
    assert main(["check", "--format", "github", "bad.md"]) == 2
    out, err = capsys.readouterr()
    assert out.startswith("::error file=bad.md,line=5,title=not read::expected ")
    assert err.startswith("duolog: bad.md:5: expected ")


@pytest.mark.parametrize(
    ("first", "said"),
    [
        ({"duolog": 2}, "a recording (cassette), not a transcript; `duolog check FILE` reads it"),
        ({"duolog_record": 1}, "a run record, not a transcript; `duolog check FILE` reads it"),
        (
            {"duolog_history": 1},
            "a history of builds, which has no dialogues; `duolog history FOLDER` reads it",
        ),
    ],
)
def test_a_file_of_our_own_on_stdin_is_called_what_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], first: dict[str, int], said: str
):
    content = f'{json.dumps(first)}\n{{"x": 1}}\n{{"x": 2}}\n'
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content.encode())))
    assert main(["check", "-"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"duolog: stdin:1: {said}")


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
@pytest.mark.parametrize(
    "messages",
    [
        [{"speaker": "A", "text": "Hello."}],
        [{"speaker": "A", "text": " "}] * 12,
        [{"speaker": f"S{n}", "text": f"I am number {n}."} for n in range(1000)],
        [{"speaker": "A\u202e", "text": text} for text in ("\0", "\ud800", "مرحبا", "Z̷̢̛̰a̸͓͝l̶̜̕g̵̟̈́o̴͎͌", "\x1b[2J")] * 3,
    ],
    ids=["one message", "only blank ones", "a thousand speakers", "hostile text"],
)
def test_odd_dialogues_get_a_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], messages: list[dict[str, str]], form: str
):
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"messages": messages, "topic": "anything"}), "utf-8")
    assert main(["check", "--format", form, str(path)]) in (0, 1)
    assert not set(capsys.readouterr().out) & {"\0", "\x1b", "\u202e"}
