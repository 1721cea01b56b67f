"""The plan of a run: the samples and pass rate of each scenario, and the gate over all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, ConfigDict

from pytest_duolog.dataclass import dataclass
from pytest_duolog.display import and_more, listed, shorten
from pytest_duolog.errors import ConfigurationError

if TYPE_CHECKING:
    from pytest_duolog.stats.acceptance import AcceptancePlan

DEFAULT_MARGIN = Decimal("0.10")
DEFAULT_MAX_ROUNDS = 20
# With fewer, not even four pairings that differ in every dialogue are evidence.
FEWEST_BLAME_ROUNDS = 6
DEFAULT_BLAME_ROUNDS = 40
# An error about two plans names at most this many scenarios that differ.
MOST_NAMED = 5
MISSING = object()

# Records are not trusted, so the numbers in a plan are limited.
MOST_SAMPLES = 1000
# The last hundred numbers are those of samples of a stored baseline that are run anew, with recordings of their own.
FIRST_CANARY = MOST_SAMPLES - 99
MOST_DIGITS = 30


class Claim(StrEnum):
    """What a pass means: enough samples passed, or the pass rate is proven to be high enough."""

    MEETS = "meets"
    PROVE = "prove"


def _decimal(value: object) -> Decimal:
    """A number as an exact decimal; the float 0.9 is nine tenths."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise ConfigurationError(f"{shorten(str(value))} is not a number")
    _, digits, exponent = number.as_tuple()
    if len(digits) > MOST_DIGITS or abs(int(exponent)) > MOST_DIGITS:
        raise ConfigurationError(f"{shorten(str(value))} has more than {MOST_DIGITS} digits")
    return number


def _check_most(number: int, what: str) -> None:
    if number > MOST_SAMPLES:
        raise ConfigurationError(f"{number} {what} are too many (at most {MOST_SAMPLES})")


ExactNumber = Annotated[Decimal, BeforeValidator(_decimal)]


@lru_cache(maxsize=256)  # the tests of a suite ask for few different rates
def _acceptance(samples: int, min_pass_rate: Decimal, claim: Claim) -> AcceptancePlan:
    from pytest_duolog.stats.acceptance import acceptance_plan, proof_plan  # noqa: PLC0415  # most tests run once

    make = proof_plan if claim is Claim.PROVE else acceptance_plan
    return make(samples, min_pass_rate)


@dataclass(frozen=True)
class ScenarioPlan:
    """The plan of one scenario: at least the share `min_pass_rate` of `samples` must pass.

    Raises ConfigurationError for no samples, a rate outside (0, 1], or too few samples to prove the rate.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    samples: int
    min_pass_rate: ExactNumber = Decimal(1)
    claim: Claim = Claim.MEETS

    def __post_init__(self) -> None:
        if self.claim not in list(Claim):
            raise ConfigurationError(f"claim: {self.claim!r} is not one of {', '.join(Claim)}")
        object.__setattr__(self, "claim", Claim(self.claim))
        _check_most(self.samples, "samples")
        try:
            object.__setattr__(self, "min_pass_rate", _decimal(self.min_pass_rate))
            _ = self.acceptance
        except ValueError as error:
            raise ConfigurationError(
                f"samples={self.samples}, min_pass_rate={self.min_pass_rate}: {error}"
            ) from None

    @cached_property
    def acceptance(self) -> AcceptancePlan:
        """When the count decides, and with which risks."""
        return _acceptance(self.samples, self.min_pass_rate, self.claim)

    @property
    def is_rounded_up(self) -> bool:
        """Whether samples times rate is not a whole number, so that more samples must pass than the rate says."""
        return self.claim is Claim.MEETS and self.samples * self.min_pass_rate != self.acceptance.n_needed


@dataclass(frozen=True)
class GatePlan:
    """The gate over all scenarios: `margin` is the smallest drop of the mean pass rate that it must detect.

    A round is one pair from each scenario; after `max_rounds` the gate decides with the samples that it has. Raises
    ConfigurationError for a margin outside (0, 1) or no rounds.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    margin: ExactNumber = DEFAULT_MARGIN
    max_rounds: int = DEFAULT_MAX_ROUNDS

    def __post_init__(self) -> None:
        object.__setattr__(self, "margin", _decimal(self.margin))
        if not 0 < self.margin < 1:
            raise ConfigurationError(
                f"margin {self.margin} is not inside (0, 1): it is the smallest drop of the pass rate that "
                f"the gate must detect, for example 0.10 for ten points"
            )
        _check_most(self.max_rounds, "rounds")
        if self.max_rounds < 1:
            raise ConfigurationError(f"a gate needs at least 1 round, not {self.max_rounds}")


@dataclass(frozen=True)
class BlamePlan:
    """A run that asks which side carries a failure: at most so many rounds, each a dialogue of four pairings.

    Raises ConfigurationError for fewer rounds than can show anything.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    max_rounds: int = DEFAULT_BLAME_ROUNDS

    def __post_init__(self) -> None:
        _check_most(self.max_rounds, "rounds")
        if self.max_rounds < FEWEST_BLAME_ROUNDS:
            raise ConfigurationError(
                f"{self.max_rounds} rounds are too few to blame a side (at least {FEWEST_BLAME_ROUNDS})"
            )


@dataclass(frozen=True)
class RunPlan:
    """The plan of a run; records with different plans are not merged.

    `scenarios` has all scenarios, including those of other shards, so that a missing shard is noticed after merging.
    `keys` has a hash of everything else that must be equal in each scenario: prompts, models of the baseline, judges,
    the test's source. `key` is such a hash for all of them. `stored` has the scenarios with a stored baseline, and the
    number of stored samples for each candidate sample. With `collect` that many samples of each scenario are taken,
    and none is judged. With `blame` each scenario is held in four pairings of its models. `ahead` are the scenarios of
    which a gate runs pairs before the first round, because a screen finds them suspicious.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    scenarios: Mapping[str, ScenarioPlan | None]
    gate: GatePlan | None = None
    # The models by role; `candidate` is empty without a gate.
    baseline: Mapping[str, str] = field(default_factory=dict)
    candidate: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    stored: Mapping[str, int] = field(default_factory=dict)
    collect: int = 0
    blame: BlamePlan | None = None
    ahead: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.scenarios:
            raise ConfigurationError("the plan has no scenarios: no test has samples")
        _check_most(self.collect, "samples")
        if self.stored and self.gate and self.gate.max_rounds >= FIRST_CANARY:
            raise ConfigurationError(
                f"{self.gate.max_rounds} rounds are too many (at most {FIRST_CANARY - 1} with a stored baseline)"
            )

    @property
    def has_arms(self) -> bool:
        """Whether its samples are held with different models, so that the arm says which."""
        return self.gate is not None or self.blame is not None

    def differences(self, other: RunPlan) -> list[str]:
        """The differences of two plans as text; empty if they are equal."""
        found = [
            f"{name}: {_plan_value(mine)} and {_plan_value(theirs)}"
            for name in ("gate", "baseline", "candidate", "collect", "blame")
            if (mine := getattr(self, name)) != (theirs := getattr(other, name))
        ]
        if self.key != other.key:
            found.append(f"prompts, judges or other settings (keys {self.key} and {other.key})")
        if self.ahead != other.ahead:
            found.append("the scenarios that run ahead")
        if self.stored != other.stored:
            found.append("the stored baselines")
        changed = [name for name in self.keys if self.keys[name] != other.keys.get(name, self.keys[name])]
        if changed:
            found.append(f"models, prompts, judges or source of {listed(changed, MOST_NAMED)}")
        differing = [
            scenario
            for scenario in dict.fromkeys([*self.scenarios, *other.scenarios])
            if self.scenarios.get(scenario, MISSING) != other.scenarios.get(scenario, MISSING)
        ]
        found += [
            f"scenario {scenario}: {_bar_of(self, scenario)} and {_bar_of(other, scenario)}"
            for scenario in differing[:MOST_NAMED]
        ]
        return [*found, *and_more(len(differing), MOST_NAMED, "scenarios")]


def roles_words(models: Mapping[str, str]) -> str:
    """Models by role as people write them."""
    return ", ".join(f"{role}={model}" for role, model in models.items()) or "none"


def _plan_value(value: object) -> str:
    """A part of a plan as text."""
    if isinstance(value, GatePlan):
        return f"margin {value.margin} ({value.max_rounds} rounds)"
    if isinstance(value, BlamePlan):
        return f"at most {value.max_rounds} rounds"
    if isinstance(value, Mapping):
        return roles_words(value)
    return str(value) if value else "none"


def _bar_of(plan: RunPlan, scenario: str) -> str:
    if scenario not in plan.scenarios:
        return "not there"
    bar = plan.scenarios[scenario]
    if bar is None:
        return "there"
    proof = ", proven" if bar.claim is Claim.PROVE else ""
    return f"at least {bar.min_pass_rate} of {bar.samples} samples{proof}"
