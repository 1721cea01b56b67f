"""A customer with a goal and an agent with tools: what the agent does after the customer's last words counts."""

from __future__ import annotations

import pytest

from pytest_duolog import CallsTool, Persona, Script, check, reply, say
from pytest_duolog.properties.steps import StepCheck
from tests.running.test_tools import PAY, Project, Shop, project  # noqa: F401
from tests.tool_server import Round

AGREES = Script("My lamp is broken, order 4711.", "Yes, please refund it. <<done>>", "never said")
HONEST = (Round("Shall I refund it?"), Round("", [PAY]), Round("I have refunded it."))
LYING = (Round("Shall I refund it?"), Round("I have refunded it."))


def ann(**model: object) -> Persona:
    return Persona("Ann", goal="the money back", facts={"order number": "4711"}, **{"model": AGREES, **model})


def test_the_agent_still_acts_after_the_customer_has_agreed(project: Project):  # noqa: F811
    shop = Shop()
    project.serve(*HONEST)
    for mode in ("once", "none"):
        transcript = project.hold(shop.tools, mode, a=ann(), opener=None, turns=9)
        assert transcript.reaches_goal() & transcript.calls_tool("refund", order_id="4711", times=1)
        assert transcript.messages[-1].content == "I have refunded it."
        assert shop.ran == ["refund"]


def test_a_customer_believes_a_lie_and_the_calls_do_not(project: Project):  # noqa: F811
    project.serve(*LYING)
    transcript = project.hold(Shop().tools, a=ann(), opener=None, turns=9)
    assert transcript.reaches_goal()
    verdict = transcript.calls_tool("refund")
    assert verdict.outcome == "fails"
    assert any("I have refunded it." in evidence.quote for evidence in verdict.evidence)


@pytest.mark.parametrize(("rounds", "outcome"), [(HONEST, "holds"), (LYING, "fails")])
def test_a_step_can_check_calls(project: Project, rounds, outcome):  # noqa: F811
    project.serve(*rounds)
    steps = [
        *(say("My lamp is broken, order 4711."), reply(), check(~CallsTool("refund"))),
        *(say("Yes, please."), reply(), check(CallsTool("refund"))),
    ]
    transcript = project.hold(Shop().tools, opener=None, steps=steps)
    verdicts = [StepCheck(*found).check(transcript) for found in project.run.checks()]
    assert [verdict.outcome for verdict in verdicts] == ["holds", outcome]
