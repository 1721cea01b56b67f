"""What a dialogue, and a whole run, may cost."""

from __future__ import annotations

import json

import pytest

from pytest_duolog.endpoints.base import Reply
from pytest_duolog.errors import BudgetExceeded, ConfigurationError
from pytest_duolog.genuine import CLOCK
from pytest_duolog.running.budget import RunBudget
from pytest_duolog.settings.options import budget_limits
from pytest_duolog.transcripts.transcript import StopKind, Transcript
from pytest_duolog.transcripts.usage import Usage
from tests.chat_server import ChatServer, completion
from tests.running.test_runner import hold
from tests.workers import alone_or_in_workers

TEST = """
    import pytest

    @pytest.mark.parametrize("opener", ["One.", "Two.", "Three."])
    @pytest.mark.dialogue(a="openai:m", b="openai:m", turns=2)
    def test_talk(dialogue, opener):
        assert len(dialogue.messages) == 5
"""


# A dialogue


@pytest.mark.parametrize(
    ("budget", "detail", "n_messages"),
    [
        ({"token_budget": 8}, "8 of 8 tokens", 3),
        ({"seconds_budget": 2.5}, "3.0 of 2.5 seconds", 4),
        ({"cost_budget": 0.02}, "0.02 of 0.02 in cost", 3),
        ({"cost_budget": 9, "token_budget": 12}, "12 of 12 tokens", 4),
    ],
)
def test_used_up_budget_ends_the_dialogue(budget, detail, n_messages):
    reply = Reply("Hm.", usage=Usage(reply_tokens=3, reasoning_tokens=1, cost=0.01), latency_ms=1000)
    run = hold([reply], [reply], stop_on=(), **budget)
    assert (run.stop_reason.kind, run.stop_reason.detail) == (StopKind.BUDGET, detail)
    assert len(run.messages) == n_messages


def test_a_transcript_knows_what_it_cost():
    messages = [
        {"speaker": "A", "content": "Hi."},
        {"speaker": "B", "content": "Hi.", "usage": {"prompt_tokens": 5, "reply_tokens": 2, "cost": 0.5}},
        {"speaker": "A", "content": "Bye.", "usage": {"prompt_tokens": 6, "cache_read_tokens": 4}},
    ]
    usage = Transcript(messages=messages).usage
    assert usage == Usage(prompt_tokens=11, reply_tokens=2, cache_read_tokens=4, cost=0.5)
    assert (usage.tokens_read, usage.tokens_written) == (15, 2)


# A run


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("", {}),
        ("tokens=1000", {"tokens": 1000}),
        (" cost = 2.5 , dialogues=4", {"cost": 2.5, "dialogues": 4}),
    ],
)
def test_budgets_are_read(text, limits):
    assert budget_limits(text) == limits


def test_processes_share_a_budget():
    assert budget_limits("tokens=1000,cost=1", n_shares=4) == {"tokens": 250, "cost": 0.25}


@pytest.mark.parametrize(
    ("n_dialogues", "shares"), [(5, [2, 2, 1]), (6, [2, 2, 2]), (1, [1, 0, 0]), (2, [1, 1, 0])]
)
def test_whole_dialogues_are_dealt_out(n_dialogues, shares):
    dealt = [budget_limits(f"dialogues={n_dialogues}", n_shares=3, share=n)["dialogues"] for n in range(3)]
    assert dealt == shares


def test_workers_of_xdist_begin_no_more_dialogues_than_the_run_may(pytester, chat_server: ChatServer):
    pytester.makepyfile(TEST.replace('["One.", "Two.", "Three."]', "map(str, range(10))"))
    options = ("--record-mode=once", "-n2", "-o", "duolog_stop_on=nothing")
    pytester.runpytest("--duolog-budget=dialogues=3", *options).assert_outcomes(passed=3, failed=7)
    assert len(chat_server.requests) == 12


@pytest.mark.parametrize(
    "text",
    ["tokens", "euros=3", "tokens=0", "cost=-1", "cost=nan", "seconds=inf", "tokens=1,tokens=2", "cost=x"],
)
def test_wrong_budgets_are_refused_with_the_known_names(text):
    with pytest.raises(ConfigurationError, match=r"is not a limit.*tokens, seconds, cost, dialogues"):
        budget_limits(text)


def test_time_runs_from_the_first_request(monkeypatch):
    now = 1000.0
    monkeypatch.setattr(CLOCK, "seconds", lambda: now)
    budget = RunBudget({"seconds": 60})
    budget.check()
    now += 59
    budget.check()
    now += 1
    with pytest.raises(BudgetExceeded, match="60 of 60 seconds"):
        budget.check()


@pytest.mark.parametrize(
    ("option", "said", "n_asked"),
    [
        (
            "tokens=300",
            "no message * from *: the budget of this run is used up: 3?? of 300 tokens",
            range(5, 12),
        ),
        ("dialogues=2", "no message 2 from *: the budget of this run is used up: 2 of 2 dialogues", [8]),
        ("cost=0.05", "the budget of this run is used up: 0.05 of 0.05 cost", [5]),
    ],
)
def test_used_up_budget_stops_the_asking(pytester, chat_server: ChatServer, option, said, n_asked):
    def answer(body):
        content = json.loads(completion(body, "Indeed, and so on."))
        content["usage"]["cost"] = 0.01
        return 200, json.dumps(content).encode()

    chat_server.answer = answer
    pytester.makepyfile(TEST)
    options = ("--record-mode=once", "--duolog-concurrency=1", "-o", "duolog_stop_on=nothing")
    result = pytester.runpytest(f"--duolog-budget={option}", *options)
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"*{said}*", "*to fix: *--duolog-budget*"])
    assert len(chat_server.requests) in n_asked
    n_asked_before = len(chat_server.requests)
    pytester.runpytest(*options).assert_outcomes(passed=3)
    assert len(chat_server.requests) == 12, "what was recorded is not asked again"
    assert n_asked_before < 12


@pytest.mark.parametrize(
    ("limits", "ended", "n_fitting"),
    [
        ({}, [], 99),
        ({"tokens": 1000}, [], 1),
        ({"tokens": 1000}, [100], 9),
        ({"tokens": 1000}, [100, 200], 3),
        ({"tokens": 1000}, [600], 1),
        ({"dialogues": 5}, [10, 10], 3),
        ({"dialogues": 5, "tokens": 130}, [10, 10], 3),
        ({"dialogues": 5, "tokens": 40}, [10, 10], 2),
        ({"seconds": 100}, [1], 99),
        ({"seconds": 6}, [1], 1),
    ],
)
def test_dialogues_begin_early_only_if_all_can_end(limits, ended, n_fitting):
    budget = RunBudget(limits)
    for n_tokens in ended:
        usage = Usage(prompt_tokens=n_tokens)
        budget.begin_dialogue()
        budget.spend(usage)
        budget.end_dialogue(usage, seconds=7)
    assert budget.has_room_for(n_fitting)
    assert n_fitting == 99 or not budget.has_room_for(n_fitting + 1)


SEVENTEEN = """
import pytest

@pytest.mark.parametrize("opener", [f"Number {n}." for n in range(17)])
@pytest.mark.dialogue(model="openai:m", turns=3, stop_on=())
def test_talk(dialogue, opener):
    dialogue.messages
"""


@alone_or_in_workers()
def test_dialogues_that_have_begun_end_before_others_begin(pytester, chat_server: ChatServer, options):
    pytester.makepyfile(SEVENTEEN)
    result = pytester.runpytest("--record-mode=once", "--duolog-budget=tokens=2600", *options)
    n_passed = result.parseoutcomes()["passed"]
    unfinished = [path for path in pytester.path.rglob("*.jsonl") if '"end"' not in path.read_text("utf-8")]
    assert len(unfinished) <= (2 if options else 1), "one a process: the one for which no tokens were left"
    assert n_passed >= 6
    assert n_passed + len(unfinished) == len(list(pytester.path.rglob("*.jsonl")))


def test_replays_are_free(pytester, chat_server: ChatServer):
    pytester.makepyfile(TEST)
    options = ("-o", "duolog_stop_on=nothing", "-o", "duolog_budget=tokens=1")
    pytester.runpytest("--record-mode=once", "--duolog-budget=tokens=9999", *options).assert_outcomes(
        passed=3
    )
    pytester.runpytest(*options).assert_outcomes(passed=3)


def test_budget_holds_for_requests_of_a_callable(pytester, chat_server: ChatServer):
    pytester.makepyfile(
        """
        import os, httpx, pytest

        def bot(messages):
            body = {"model": "m", "messages": messages}
            try:
                answer = httpx.post(os.environ["OPENAI_BASE_URL"] + "/chat/completions", json=body)
            except Exception as error:
                return "I failed, but do not tell."
            return answer.json()["choices"][0]["message"]["content"]

        @pytest.mark.parametrize("opener", ["One.", "Two."])
        @pytest.mark.dialogue(a="scripted:counter", b=bot, turns=1)
        def test_talk(dialogue, opener):
            dialogue.messages
        """
    )
    result = pytester.runpytest("--record-mode=once", "--duolog-budget=dialogues=1")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*used up: 1 of 1 dialogues*"])


def test_wrong_option_is_a_usage_error(pytester):
    pytester.makepyfile(TEST)
    result = pytester.runpytest("--duolog-budget=lots")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*--duolog-budget: 'lots' is not a limit*"])


def test_what_was_asked_anew_is_summed_up(pytester, chat_server: ChatServer):
    def answer(body):
        content = json.loads(completion(body, "Indeed."))
        content["usage"] |= {
            "prompt_tokens_details": {"cached_tokens": 5},
            "completion_tokens": 4,
            "completion_tokens_details": {"reasoning_tokens": 3},
            "cost": 0.25,
        }
        return 200, json.dumps(content).encode()

    chat_server.answer = answer
    pytester.makepyfile(TEST)
    options = ("-k", "One", "-o", "duolog_stop_on=nothing")
    result = pytester.runpytest("--record-mode=once", *options)
    said = "1 dialogue, 4 replies recorded (* s of model time; 120 tokens read, 20 of them from a cache; "
    result.stdout.fnmatch_lines([f"{said}16 written, 12 of them reasoning; cost 1; * s on the clock)"])
    result = pytester.runpytest(*options)
    result.stdout.fnmatch_lines(["1 dialogue, 4 replies replayed"])


def test_messages_cut_at_a_limit_are_named_when_recorded(pytester, chat_server: ChatServer):
    chat_server.answer = lambda body: (200, completion(body, "Inde", finish_reason="length"))
    pytester.makepyfile(TEST)
    options = ("-k", "One", "-o", "duolog_stop_on=nothing")
    said = "*test_talk*: messages 2, 3, 4, 5 were cut short by a token limit (max_tokens)"
    pytester.runpytest("--record-mode=once", *options).stdout.fnmatch_lines([said])
    pytester.runpytest(*options).stdout.no_fnmatch_line(said)
