"""A verdict that nobody looked at, and does not hold, fails its test at the end of the body."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pytest_duolog.display import and_more, printable
from pytest_duolog.plugin.collector import SITE
from pytest_duolog.properties.base import Outcome
from pytest_duolog.properties.claims import Claim

MOST_SHOWN = 5
ADVICE = "to fix: assert it; where it may fail, read its .outcome"


# Stands in the stash of a test whose body passed, with all its verdicts looked at.
PASSED: pytest.StashKey[bool] = pytest.StashKey()


def require_seen(item: pytest.Item, claims: Sequence[Claim] = ()) -> None:
    """Fail a test for the verdicts of its dialogues, and those in `claims`, that nobody looked at.

    The exception says in `is_unmeasured` whether none of them fails, for all of them could not be measured.
    """
    site = item.stash.get(SITE, None)
    own = [claim for made in (site.dialogues if site else ()) for claim in made.claims]
    bad = [claim for claim in dict.fromkeys([*own, *claims]) if claim.is_bad]
    if bad:
        found = [f"{claim.place(item.config.rootpath)}: nobody looked at {claim.verdict!r}" for claim in bad]
        text = "\n".join([*found[:MOST_SHOWN], *and_more(len(found), MOST_SHOWN), ADVICE])
        failure = pytest.fail.Exception(printable(text), pytrace=False)
        failure.is_unmeasured = all(claim.verdict.outcome is Outcome.UNMEASURED for claim in bad)  # type: ignore[attr-defined]
        raise failure
    item.stash[PASSED] = True
