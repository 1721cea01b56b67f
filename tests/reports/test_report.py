"""The HTML report: what it says, that it is one inert file, and how it looks in a browser."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from pathlib import Path

import pytest

from pytest_duolog.cli import main
from pytest_duolog.gate.decide import decide_record
from pytest_duolog.properties.base import judge
from pytest_duolog.properties.loops import NoLoops
from pytest_duolog.reports.report import breakable, dialogues_text, report_text
from pytest_duolog.reports.run_view import short_names
from pytest_duolog.results.dialogue_result import PropertyResult
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.results.reading import read
from pytest_duolog.results.store import write_record
from pytest_duolog.transcripts.sources import Source
from pytest_duolog.transcripts.transcript import Message, ToolCall, Transcript, TranscriptSpeaker
from tests.dialogues import BREAD, LIGHTHOUSES, RITUAL, dialogue
from tests.hostile import HOSTILE
from tests.reports.pages import HEALTHY, LOOPING, Page, filed, page_of, spoken
from tests.run_records import bar_record

OUR_TAGS = frozenset(
    re.findall(
        r"\w+",
        """a b body button caption circle code dd desc details div dl dt figcaption figure footer h1 h2 head header html
        input label li line main meta nav ol p path rect script section span style summary svg table tbody td text th
        thead title tr tspan u ul wbr""",
    )
)


def test_a_dialogue_tells_its_story():
    page = Page(dialogues_text([filed(LOOPING)]))
    assert "Says goodbye in message 13, then continues for 34 more." in page.words
    assert "13 messages of substance , goodbye in 13" in page.words
    assert "Nothing new from here on: 33 messages of ritual" in page.words
    assert "repeats message 28, 19 messages running: show 17 more like it" in page.words
    assert "20 times , first in 28" in page.words
    assert "Go to message 13, the goodbye · message 15, nothing new from here on" in page.words
    links = {attributes["href"] for attributes in page.of("a")}
    assert {"#d1-m13", "#d1-m15"} <= links
    ids = {attributes.get("id") for _, attributes in page.elements}
    assert {f"d1-m{number}" for number in range(1, 48)} <= ids


def test_verdicts_stand_at_their_messages():
    text = dialogues_text([filed(LOOPING)])
    message = re.search(r'<li [^>]*id="d1-m15">.*?</li>', text, re.DOTALL)
    assert message is not None
    assert "only ritual <b>◀ NoLoops</b>" in message[0]


def test_evidence_is_shown_whole_up_to_four_times_the_length():
    words = "We looked at lamps and lenses. " * 20  # 120 words
    for goodbye, n_folds in ((f"{words}Goodbye!", 1), (f"{words * 5}Goodbye!", 2)):
        page = Page(dialogues_text([filed(dialogue("Hello.", words, goodbye, "Goodbye!"))]))
        assert page.words.count(" more words") == n_folds, n_folds


@pytest.mark.parametrize(
    ("names", "prefix"),
    [
        (["tests/a.py::test_x", "tests/b.py::test_x"], "tests/"),
        (["tests/deep/a.py::test_x", "tests/b.py::test_x"], "tests/"),
        (["tests/a.py::test_x", "tests/a.py::test_y"], "tests/a.py::"),
        (["tests/a.py::test_x[1]", "tests/a.py::test_x[2]"], "tests/a.py::test_x"),
        (["a.py::test_x", "tests/b.py::test_x"], ""),
        (["talk", "other talk"], ""),
        ([], ""),
    ],
)
def test_names_share_their_beginning(names: list[str], prefix: str):
    assert short_names(names).prefix == prefix


def test_a_name_may_be_broken_between_its_words_and_is_escaped():
    assert breakable("t/a_b.py::c[<_/b>]") == "t/<wbr>a_<wbr>b.py::<wbr>c<wbr>[&lt;_/<wbr>b&gt;]"


ABOUT = "how lighthouses changed in the twentieth century"


def test_a_stated_topic_has_a_curve_that_shows_where_the_talk_leaves_it():
    said = dialogue(*LIGHTHOUSES, *BREAD, *RITUAL).model_copy(update={"topic": ABOUT})
    reading = read(said)
    assert len(reading.topic) == len(said)
    assert reading.off_topic
    assert reading.off_topic[0][0] in range(13, 17)
    page = Page(dialogues_text([filed(said)]))
    assert f"topic: {ABOUT}" in page.words
    assert "closeness to the topic, off topic in red" in page.words
    on_topic = dialogue(*LIGHTHOUSES).model_copy(update={"topic": ABOUT})
    assert "off topic in red" not in Page(dialogues_text([filed(on_topic)])).words
    assert "closeness" not in Page(dialogues_text([filed(dialogue(*LIGHTHOUSES))])).words


@pytest.mark.parametrize(
    "wrong",
    [
        {"topic": (0.5,)},
        {"off_topic": ((0, 1),)},
        {"off_topic": ((2, 1),)},
        {"off_topic": ((1, 99),)},
    ],
)
def test_a_curve_that_does_not_fit_its_dialogue_is_not_believed(wrong: dict[str, object]):
    said = dialogue(*LIGHTHOUSES)
    assert read(said).fits(said)
    assert not read(said).model_copy(update=wrong).fits(said)


def test_a_clean_dialogue_is_good_news():
    page = Page(dialogues_text([filed(HEALTHY)]))
    assert "Says goodbye in message 13 and ends." in page.words
    assert "No message is repeated." in page.words


def test_tools_reasoning_and_three_speakers_are_shown():
    said = (
        Message(
            speaker="A",
            content="Well.",
            reasoning="Think first.",
            tool_calls=(ToolCall(name="weather", arguments="{}", result="rain"),),
        ),
        Message(speaker="B", content="Yes."),
        Message(speaker="C", content="", finish="truncated"),
    )
    page = Page(dialogues_text([filed(Transcript(messages=said))]))
    for part in ("Think first.", "tool weather", "→ rain", "cut off", "(empty)"):
        assert part in page.words
    assert any("s2" in (attributes.get("class") or "").split() for attributes in page.of("li"))


def test_a_run_has_a_square_a_sample_and_failures_first():
    page = page_of(spoken(bar_record({"t.py::test_a": "+" * 20, "t.py::test_b": "+" * 10 + "-" * 10})))
    assert (
        "Do all scenarios reach their pass rate? No. 1 of 2 scenarios below their pass rate: t.py::test_b."
        in page.words
    )
    squares = [attributes for attributes in page.of("a") if "aria-label" in attributes]
    assert len(squares) == 40
    ids = {attributes.get("id") for attributes in page.of("details")}
    assert {attributes["href"].removeprefix("#") for attributes in squares if attributes["href"]} <= ids
    assert "Failed dialogues 10," in page.words
    assert "NoLoops 30 of 40" in page.words
    assert page.words.index("t.py::test_b, sample 11 ") < page.words.index("t.py::test_a, sample 1 ")


def test_of_a_cell_three_passes_keep_their_messages():
    page = page_of(spoken(bar_record({"t.py::test_a": "+" * 16 + "----"})))
    kept = {
        (attributes.get("id") or "").partition("-")[0] for attributes in page.of("li") if attributes.get("id")
    }
    assert kept == {"d1", "d2", "d3", "d17", "d18", "d19", "d20"}
    assert "13 dialogues without messages on this page; duolog show --says TEXT searches all" in page.words
    assert "--says" not in page_of(spoken(bar_record({"t.py::test_a": "+--"}))).words


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_models_write_is_only_text(hostile: str):
    call = ToolCall(name=hostile, arguments=hostile, result=hostile)
    said = Message(speaker=f"A{hostile}", content=hostile, reasoning=hostile, tool_calls=(call,))
    speaker = TranscriptSpeaker(name=said.speaker, model=hostile, system=hostile)
    hurt = Transcript(speakers=(speaker,), messages=(said, said), topic=hostile)
    bad = {"property": hostile, "explanation": hostile}
    verdict = PropertyResult.of(judge(NoLoops(), hurt), hurt).model_copy(update=bad)
    for n in (1, 2):  # the page of one, and of several
        page = Page(
            dialogues_text(
                [
                    FiledDialogue(Source(f"{hostile}{at}", hostile, 1, hurt), verdicts=(verdict,))
                    for at in range(n)
                ]
            )
        )
        assert len(page.of("script")) == len(page.of("style")) == 1
        assert {tag for tag, _ in page.elements} <= OUR_TAGS
        names = {name for _, attributes in page.elements for name in attributes}
        assert not any(name.startswith("on") or name in ("style", "src", "action") for name in names)
        assert all((attributes.get("href") or "#").startswith("#") for attributes in page.of("a"))
    shown = "".join(text for tag, text in page.texts if tag not in ("style", "script"))
    assert all(character.isprintable() or character in "\n\t" for character in shown)


def test_the_page_is_one_file_that_runs_only_its_own_script():
    text = dialogues_text([filed(LOOPING)])
    page = Page(text)
    (policy,) = (attributes["content"] for attributes in page.of("meta") if attributes.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
        assert "url(" not in inside
    assert len(re.findall(r"<script>(.*?)</script>", text, re.DOTALL)[0]) <= 10_000
    assert not any("src" in attributes for _, attributes in page.elements)
    assert not page.of("link")


def test_commands_write_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    Path("talk.md").write_text(LOOPING.to_markdown(), "utf-8")
    write_record(Path("run.jsonl"), spoken(bar_record({"t.py::test_a": "+" * 20})))
    assert main(["report", "talk.md", "-o", "talk.html"]) == 0
    assert "then continues for 34 more." in Page(Path("talk.html").read_text("utf-8")).words
    assert main(["report", "run.jsonl", "-o", "run.html"]) == 0
    assert "Yes. All of 1 scenario reach their pass rate." in Page(Path("run.html").read_text("utf-8")).words
    assert main(["report", ".", "-o", "all.html"]) == 0
    assert "1 of 21 dialogues break a property." in Page(Path("all.html").read_text("utf-8")).words
    assert "all.html: 21 dialogues" in capsys.readouterr().out
    assert main(["report", "missing.md", "-o", "no.html"]) == 2
    assert not Path("no.html").exists()


def test_a_run_of_pytest_writes_the_page(pytester: pytest.Pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.dialogue(a="scripted:farewell", b="scripted:farewell", turns=2, samples=3, min_pass_rate=0.5)
        def test_talk(dialogue):
            assert dialogue.run().has_no_loops()
        """
    )
    result = pytester.runpytest(
        "-p", "no:cacheprovider", "--duolog-report=out/report.html", "--record-mode=once"
    )
    result.stdout.fnmatch_lines(["HTML report: *report.html"])
    page = Page(Path("out/report.html").read_text("utf-8"))
    assert "Do all scenarios reach their pass rate?" in page.words
    assert '"reading"' in Path(".duolog/record.jsonl").read_text("utf-8")


@pytest.mark.slow
def test_four_hundred_dialogues_are_small_and_quick():
    record = spoken(bar_record({f"t.py::test_a[{at}]": "+" * 18 + "--" for at in range(20)}))
    began = time.process_time()
    text = report_text(record, decide_record(record), {})
    assert time.process_time() - began <= 2
    assert len(text.encode()) <= 1_500_000
