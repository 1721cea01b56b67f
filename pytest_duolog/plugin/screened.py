"""`--duolog-ahead`: the tests of which a gate runs pairs first, from the answer of a screen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pytest_duolog.display import listed, wrong_fields
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.results.plan import RunPlan, roles_words

# So many tests run ahead, those that differ most; and none with a larger p-value.
MOST_AHEAD = 3
LARGEST_P = 0.1


class _Dialogue(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: str
    p: float = Field(ge=0, le=1)


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")

    format: int = Field(ge=1, le=1)
    candidate: str
    dialogues: tuple[_Dialogue, ...]


def with_screen(config: pytest.Config, plan: RunPlan | None) -> RunPlan | None:
    """The plan of a gate with the tests that a screen finds suspicious, if one is given.

    Raises ConfigurationError if the file is no answer of a screen, or is about another candidate.
    """
    given = config.getoption("duolog_ahead") or config.getini("duolog_ahead")
    if not given or plan is None or plan.gate is None:
        return plan
    path = config.rootpath / given
    try:
        answer = _Answer.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(
            f"--duolog-ahead: {path} cannot be read: {error.strerror}; --duolog-screen writes it"
        ) from None
    except ValidationError as error:
        raise ConfigurationError(
            f"--duolog-ahead: {path} is no answer of a screen ({wrong_fields(error)}); --duolog-screen writes it"
        ) from None
    today = roles_words(plan.candidate)
    if answer.candidate != today:
        raise ConfigurationError(
            f"--duolog-ahead: {path} is about {answer.candidate}, and this gate about {today}: screen this candidate"
        )
    names = [dialogue.name for dialogue in answer.dialogues if dialogue.p <= LARGEST_P]
    tests = dict.fromkeys(_test_of(name, plan) for name in names)
    tests.pop("", None)
    return replace(plan, ahead=tuple(tests)[:MOST_AHEAD])


def ahead_words(plan: RunPlan) -> str:
    """The tests that run ahead; empty if none does."""
    return f"ahead of the others, by a screen: {listed(plan.ahead)}" if plan.ahead else ""


def _test_of(name: str, plan: RunPlan) -> str:
    """The test of a screened dialogue; empty if the gate has none."""
    return next((test for test in plan.scenarios if name == test or name.startswith(f"{test}, ")), "")
