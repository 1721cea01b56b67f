"""What nobody looked at fails its test: a verdict that does not hold, and a test whose dialogues nobody asked for."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pytest_duolog.display import and_more, printable
from pytest_duolog.plugin.collector import SITE
from pytest_duolog.plugin.unused_markers import NAME
from pytest_duolog.properties.base import Outcome
from pytest_duolog.properties.claims import Claim

MOST_SHOWN = 5
ADVICE = "to fix: assert it; where it may fail, read its .outcome"
NOT_LOOKED_AT = """nobody looked at the dialogue, so nothing was tested
to fix: assert something of it, like `assert dialogue.ends_cleanly()`; if it only has to run, read .transcript"""

# Stands in the stash of a test whose body passed, with all its verdicts looked at.
PASSED: pytest.StashKey[bool] = pytest.StashKey()


def require_seen(item: pytest.Item, claims: Sequence[Claim] = (), *, is_over: bool = False) -> None:
    """Fail a test for the verdicts of its dialogues, and those in `claims`, that nobody looked at.

    A test fails as well if nobody looked at any of its dialogues; other fixtures may do so until the test `is_over`.
    The exception says in `is_unmeasured` whether none of the verdicts fails, for all of them could not be measured.
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
    # A further dialogue runs at once, and what is wrong with one that does not is told elsewhere.
    is_seen = site is None or len(site.dialogues) > 1 or site.dialogues[0].is_looked_at
    if not is_seen and (is_over or not _has_other_fixtures(item)):
        raise pytest.fail.Exception(NOT_LOOKED_AT, pytrace=False)
    item.stash[PASSED] = True


def _has_other_fixtures(item: pytest.Item) -> bool:
    """Whether a fixture of the test takes the dialogue, and so may look at it after the test's body."""
    info = getattr(item, "_fixtureinfo", None)
    definitions = [made for found in (info.name2fixturedefs.values() if info else ()) for made in found]
    return any(NAME in definition.argnames for definition in definitions)
