"""What machines wrap around messages, and what is said inside."""

from __future__ import annotations

import json

import pytest

from pytest_duolog.detectors.loops import LoopDetector
from pytest_duolog.detectors.wrapping import unwrap

IDS = [f"{at * 7919:08x}c0ffee{at:02d}" for at in range(1, 17)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"role": "agent", "id": "9f3c2a1b77", "content": "The boiler is fixed."}', "The boiler is fixed."),
        ('{"ts": "2025-02-03T10:11:12Z", "temp": 21.5}', "temp 21.5"),
        ('```json\n{"seq": 4, "state": "open"}\n```', "state open"),
        ("<m id='4'><text>Hello there, old friend</text></m>", "Hello there, old friend"),
        ("level=warn req=77ab12cd90 retry=4 upstream timeout", "level=warn     upstream timeout"),
        ("state: queued\nrun_id: 55aa77bb1234\nuptime: 410", "state: queued"),
        ("2025-02-03 10:11:12 ERROR [a1b2c3d4e5] disk full", "ERROR [ ] disk full"),
        ("## Job\n- run: 4b19f0\n- state: blocked", "## Job - run: - state: blocked"),
        ("| node | trace |\n|---|---|\n| c1 | 0x9a7 |", "| node | trace | | c1 | |"),
        ("Build 4f1a02 failed, no space left", "Build failed, no space left"),
    ],
    ids=["spoken", "values", "fenced", "XML", "pairs", "YAML", "log", "Markdown list", "table", "short hash"],
)
def test_ids_times_and_counters_are_left_out(content, said):
    assert unwrap(content).said.split() == said.split()


@pytest.mark.parametrize(
    "content",
    [
        "The code is 7 = 4 + 3, said Ann.", "[bows and leaves]", "*waves* (smiling)", "{", "[", "<3 you", "",
        "Dear Ben,\nNote: bring bread.\nI will be late and the shop closes early.", '"quoted"',
        "Select a colour from the list.", "Flight BA2490 is full.", "The facade of 1ab is grey.",
    ],
)  # fmt: skip
def test_prose_stays_as_it_is(content):
    assert unwrap(content).said == content


def loops(*texts: str) -> list[str]:
    detector = LoopDetector()
    for at, content in enumerate(texts):
        detector.read("AB"[at % 2], content)
    return [loop.kind for loop in detector.loops()]


WRAPPINGS = {
    "JSON": lambda at, value: json.dumps({"id": IDS[at], "ts": 1700000000 + 977 * at, "state": value}),
    "nested JSON": lambda at, value: json.dumps(
        {"meta": {"request_id": IDS[at]}, "data": [{"state": value}]}
    ),
    "XML": lambda at, value: f'<r id="{IDS[at]}"><state>{value}</state></r>',
    "YAML": lambda at, value: f"request_id: {IDS[at]}\nattempt: {at * 13}\nstate: {value}",
    "pairs": lambda at, value: f"req={IDS[at]} attempt={at * 13} state={value}",
    "table": lambda at, value: f"| id | state |\n|---|---|\n| {IDS[at]} | {value} |",
    "log": lambda at, value: f"2025-03-04T{at + 4:02d}:{at * 3:02d}:11Z INFO [{IDS[at]}] state {value}",
}
VALUES = [
    "mixing",
    "kneading",
    "resting",
    "folding",
    "shaping",
    "proofing",
    "scoring",
    "baking",
    "cooling",
    "slicing",
]


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_the_same_in_ever_new_wrapping_is_a_loop(wrapping):
    assert loops(*(WRAPPINGS[wrapping](at, "idle") for at in range(12)))


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_new_values_are_news(wrapping):
    assert not loops(*(WRAPPINGS[wrapping](at, value) for at, value in enumerate(VALUES)))


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE {} (id INTEGER PRIMARY KEY, label TEXT NOT NULL, made_at TIMESTAMP);",
        "SELECT COUNT(*) FROM {} WHERE archived = FALSE;",
        "GRANT SELECT, INSERT ON {} TO reporting;",
    ],
)
def test_statements_on_ever_new_tables_are_no_loop(statement):
    assert not loops(*(statement.format(f"{value}_log") for value in VALUES))


def test_polls_with_a_counter_of_an_unknown_name_are_a_loop():
    polls = [f"state: queued\njob: 4417\nseen: {at}" for at in range(7)]
    assert loops(*(text for poll in polls for text in (poll, "ok: true\nqueue: main")))
    assert not loops(*(f"state: queued\njob: 4417\nahead: {9 - at}" for at in range(9)))


def test_hostile_wrapping_is_read():
    for content in (
        "[" * 20_000,
        '{"a":' * 3_000,
        "<a>" * 8_000,
        "a=" * 9_000,
        "|" * 20_000,
        "a: \n" * 6_000,
    ):
        assert isinstance(unwrap(content).said, str)
