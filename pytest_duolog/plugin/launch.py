"""What happens to the collected tests before the first one runs."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.plugin import given_shard
from pytest_duolog.plugin.collection import kind_of, refuse, sampling_of, uses_our_fixture
from pytest_duolog.plugin.refusals import check_repetition
from pytest_duolog.plugin.state import settings_of


def launch(session: pytest.Session) -> None:
    """Refuse tests that cannot be held as they are asked for; have them dealt and sampled if any is to be."""
    config = session.config
    if config.option.setuponly:  # no test runs, with --setup-plan neither
        return
    try:
        check_repetition(config, session.items)
    except ConfigurationError as error:
        refuse(config, session.items, str(error))
        return
    if settings_of(config).executor is not None:
        from pytest_duolog.plugin.workers import engage  # noqa: PLC0415  # most runs have none

        engage(session)
    if given := config.getoption("duolog_screen"):
        from pytest_duolog.plugin.screening import register_screening  # noqa: PLC0415  # most runs have none

        try:
            settings_of(config)
            register_screening(session, given)
        except ConfigurationError as error:
            refuse(config, session.items, str(error))
        return
    is_special = (
        given_shard(config) is not None
        or settings_of(config).candidates
        or settings_of(config).collect
        or settings_of(config).blame
        or config.getoption("duolog_samples")
        or config.getoption("duolog_baseline")
        or config.getoption("duolog_record")
        or any(map(sampling_of, _one_of_each_kind(session.items)))
    )
    if is_special:
        from pytest_duolog.plugin.sampling import register_sampler  # noqa: PLC0415  # in most runs each test runs once

        register_sampler(session)


def _one_of_each_kind(items: Iterable[pytest.Item]) -> Iterable[pytest.Item]:
    return filter(uses_our_fixture, {kind_of(item): item for item in items}.values())
