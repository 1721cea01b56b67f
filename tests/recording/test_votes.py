"""A judge's votes in the dialogue's cassette: recorded after it, replayed strictly, and asked for when they may be."""

from __future__ import annotations

import json

import pytest

from pytest_duolog.recording.journal_file import read_journal

PROJECT = """
import pytest
from pytest_duolog import Judged, Speaker

@pytest.mark.dialogue(
    a=Speaker("Ann", model={speaker!r}),
    b=Speaker("Ben", model={speaker!r}),
    opener="My lamp does not work.",
    turns=1,
)
def test_lamp(dialogue):
    {body}
"""
JUDGED = "assert dialogue.judged('The talk is about a lamp.', by='openai:referee')"


class Project:
    """A test with a dialogue of three messages and a judge, and the server where all models are."""

    def __init__(self, pytester, server):
        self.pytester = pytester
        self.server = server
        server.answer = self.answer
        self.verdicts = [True]
        pytester.makeini("[pytest]\naddopts = -p no:asyncio\nduolog_stop_on = nothing")
        self.write(JUDGED)

    def answer(self, body):
        if body["model"] != "referee":
            return f"Message {len(body['messages'])} of {body['model']}."
        n_votes = sum(request["model"] == "referee" for request in self.server.requests)
        holds = self.verdicts[(n_votes - 1) % len(self.verdicts)]
        return holds if isinstance(holds, tuple | str) else vote(holds)

    def write(self, *body, speaker="openai:small"):
        (self.pytester.path / "test_project.py").write_text(
            PROJECT.format(speaker=speaker, body="\n    ".join(body))
        )

    def run(self, *arguments):
        self.server.requests.clear()
        return self.pytester.runpytest("-p", "no:cacheprovider", *arguments)

    def asked(self):
        return [request["model"] for request in self.server.requests]

    def cassette(self):
        (path,) = (self.pytester.path / "cassettes").rglob("*.jsonl")
        return path

    def votes(self):
        return [vote.is_vote for vote in read_journal(self.cassette()).interactions]


def vote(holds):
    return json.dumps({"because": "They name it.", "evidence": [1], "holds": holds})


@pytest.fixture
def project(pytester, chat_server):
    return Project(pytester, chat_server)


MODELS, JUDGE = ["small"] * 2, ["referee"] * 3


def test_votes_are_recorded_once_and_replayed_without_a_model(project):
    result = project.run("--record-mode=once")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["1 dialogue, 5 replies recorded*"])
    assert project.asked() == MODELS + JUDGE
    assert project.votes() == [False, False, True, True, True]
    recorded = project.cassette().read_bytes()

    for mode in ("none", "once", "new_episodes"):
        replayed = project.run(f"--record-mode={mode}")
        replayed.assert_outcomes(passed=1)
        replayed.stdout.fnmatch_lines(["1 dialogue, 5 replies replayed"])
        assert project.asked() == []
    assert project.cassette().read_bytes() == recorded


def test_judge_is_asked_for_json_by_its_schema(project):
    project.run("--record-mode=once")
    asked = project.server.requests[-1]
    assert asked["response_format"]["json_schema"]["schema"]["required"] == ["because", "evidence", "holds"]
    assert asked["max_completion_tokens"] == 2000
    assert [message["role"] for message in asked["messages"]] == ["system", "user"]
    assert (
        '{"message": 1, "speaker": "Ann", "text": "My lamp does not work."}'
        in asked["messages"][1]["content"]
    )
    assert "response_format" not in project.server.requests[0]


def test_dialogue_that_fails_its_judge_fails_the_test_in_every_run(project):
    project.verdicts = [False, True, False]
    for arguments in (["--record-mode=once"], []):
        result = project.run(*arguments)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            [
                "verdict:  Judged(criterion='The talk is about a lamp.', by=*) fails: 1 of 3 votes of*, 2 that*",
                "            message 1 (Ann): 'My lamp does not work.'",
            ]
        )


def test_babble_could_not_be_measured_and_fails_the_test_in_every_run(project):
    project.verdicts = ["I believe so."]
    for arguments in (["--record-mode=once"], []):
        result = project.run(*arguments)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            ["*could not be measured: 0 of 3 votes*an answer is not the requested JSON*"]
        )
    assert project.votes() == [False, False, True, True, True]


def test_judge_that_cannot_be_asked_fails_the_test_and_is_asked_again(project):
    project.verdicts = [True, (400, b'{"error": {"message": "no such schema"}}')]
    result = project.run("--record-mode=once")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*could not be measured: openai:referee: vote 2 of 3 failed: EndpointError: HTTP 400*"]
    )
    assert project.votes() == [False, False, True]

    project.verdicts = [True]
    project.run("--record-mode=once").assert_outcomes(passed=1)
    assert project.asked() == JUDGE[:2]


def test_vote_that_is_not_recorded_is_a_miss_and_never_a_verdict(project):
    project.run("--record-mode=once")
    project.write("assert not dialogue.judged('The talk is about a sofa.', by='openai:referee')")
    for mode in ("none", "once"):
        result = project.run(f"--record-mode={mode}")
        result.assert_outcomes(failed=1)
        assert project.asked() == []
        result.stdout.fnmatch_lines(
            [
                "*CassetteMismatch: a vote of the judge is not recorded.",
                f"*record mode '{mode}', 3 votes recorded, 0 replayed",
                "*recorded: *The talk is about a lamp.*",
                "*sent:     *The talk is about a sofa.*",
                "*ask the judge: pytest --record-mode=new_episodes test_project.py::test_lamp",
            ]
        )


def test_new_criterion_is_judged_on_the_old_dialogue(project):
    project.run("--record-mode=once")
    project.write(JUDGED, JUDGED.replace("a lamp", "light"))
    project.run("--record-mode=once").assert_outcomes(passed=1)
    assert project.asked() == JUDGE
    assert project.votes().count(True) == 6
    project.run().assert_outcomes(passed=1)


def test_judge_of_a_recorded_dialogue_is_asked_with_once(project):
    project.write("assert dialogue.messages")
    project.run("--record-mode=once")
    project.write(JUDGED)
    missed = project.run()
    missed.assert_outcomes(failed=1)
    missed.stdout.fnmatch_lines(
        ["*no vote of a judge is recorded.", "*pytest --record-mode=once test_project.py*"]
    )
    project.run("--record-mode=once").assert_outcomes(passed=1)
    assert project.asked() == JUDGE


def test_rewriting_asks_the_judge_anew(project):
    project.run("--record-mode=once")
    project.verdicts = [False]
    project.run("--record-mode=rewrite").assert_outcomes(failed=1)
    assert project.asked() == MODELS + JUDGE
    assert project.votes() == [False, False, True, True, True]
    project.run().assert_outcomes(failed=1)


def test_longer_dialogue_is_judged_anew(project):
    project.run("--record-mode=once")
    path = project.pytester.path / "test_project.py"
    path.write_text(path.read_text().replace("turns=1", "turns=2"))
    project.run("--record-mode=new_episodes").assert_outcomes(passed=1)
    assert project.asked() == MODELS + JUDGE
    result = project.run()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["1 dialogue, 7 replies replayed"])


def test_votes_that_fit_survive_a_rewritten_dialogue(project):
    project.write(JUDGED, "assert dialogue.messages")
    project.run("--record-mode=once")
    lines = project.cassette().read_text().splitlines(keepends=True)
    first = next(at for at, line in enumerate(lines) if '"vote"' not in line and '"n":' in line)
    project.cassette().write_text("".join(lines[:first] + lines[first + 1 :]))  # one message is lost

    project.run("--record-mode=new_episodes").assert_outcomes(passed=1)
    assert "referee" not in project.asked()
    project.run().assert_outcomes(passed=1)


def test_dialogue_without_requests_keeps_its_votes_in_a_cassette(project):
    project.write(JUDGED, speaker="scripted:counter")
    project.run("--record-mode=once").assert_outcomes(passed=1)
    assert project.votes() == [True, True, True]
    project.run().assert_outcomes(passed=1)
    assert project.asked() == []

    project.verdicts = [False]
    project.run("--record-mode=rewrite").assert_outcomes(failed=1)
    assert project.votes() == [True, True, True]
    project.run().assert_outcomes(failed=1)


def test_votes_nobody_asks_for_are_told(project):
    project.run("--record-mode=once")
    project.write("assert dialogue.messages")
    result = project.run()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*test_lamp: 3 recorded votes of a judge were not used"])


def test_combined_properties_ask_the_judge_too(project):
    project.write(
        "no = Judged('The talk is about a sofa.', by='openai:referee')",
        "yes = Judged('The talk is about a lamp.', by='openai:referee', votes=1)",
        "assert dialogue.satisfies(yes & ~no | no)",
    )
    project.verdicts = [True, False, False, False, False, False, False]
    project.run("--record-mode=once").assert_outcomes(passed=1)
    project.run().assert_outcomes(passed=1)
    assert project.votes().count(True) == 7


def test_async_test_may_judge(project):
    project.pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function")
    project.write("await dialogue", JUDGED)
    path = project.pytester.path / "test_project.py"
    path.write_text(path.read_text().replace("def test", "async def test"))
    for mode in ("once", "none"):
        project.pytester.runpytest(f"--record-mode={mode}").assert_outcomes(passed=1)


def test_requests_of_a_callable_judge_are_recorded(project):
    project.write(
        "import httpx, os",
        "def referee(messages):",
        "    url = os.environ['OPENAI_BASE_URL'] + '/chat/completions'",
        "    body = {'model': 'referee', 'messages': messages}",
        "    answer = httpx.post(url, json=body, trust_env=False)",
        "    return answer.json()['choices'][0]['message']['content']",
        "assert dialogue.judged('The talk is about a lamp.', by=referee)",
    )
    project.run("--record-mode=once").assert_outcomes(passed=1)
    assert project.asked() == MODELS + JUDGE
    project.run().assert_outcomes(passed=1)
    assert project.asked() == []


def test_unknown_judge_could_not_be_measured(project):
    project.write("assert dialogue.judged('It is good.', by='nowhere:referee')")
    result = project.run("--record-mode=once")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*could not be measured*ConfigurationError: model 'nowhere:referee': unknown provider*"]
    )


def test_key_in_a_vote_never_reaches_the_disk(project):
    project.verdicts = [json.dumps({"because": "They say sk-" + "a1B2" * 12, "evidence": [], "holds": True})]
    project.run("--record-mode=once").assert_outcomes(passed=1)
    assert "sk-a1B2" not in project.cassette().read_text()
    project.run().assert_outcomes(passed=1)


def test_hook_that_changes_a_response_changes_a_fresh_vote_as_it_does_a_replayed_one(project):
    project.pytester.makeconftest(
        """
        import pytest

        def overrule(response):
            string = response["body"]["string"]
            response["body"]["string"] = string.replace(b"true", b"false")
            return response

        @pytest.fixture(scope="module")
        def duolog_vcr_config():
            return {"before_record_response": overrule}
        """
    )
    for mode in ("once", "none"):
        result = project.run(f"--record-mode={mode}")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            ["*0 of 3 votes of openai:referee say that it holds, 3 that it does not*"]
        )
