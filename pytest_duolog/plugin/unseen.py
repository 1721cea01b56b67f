"""Fails a test for verdicts that it did not check and that do not hold, and for dialogues that it did not use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from pytest_duolog.display import and_more, printable
from pytest_duolog.plugin import SITE
from pytest_duolog.plugin.unused_markers import has_fixture_with_dialogue
from pytest_duolog.properties.claims import Claim
from pytest_duolog.properties.verdict import Outcome

if TYPE_CHECKING:
    from pytest_duolog.running.dialogue import TestSite

MOST_SHOWN = 5
ADVICE = "to fix: assert it; if it may fail, read its .outcome"
NOT_LOOKED_AT = """the test did not use {its}, so {nothing}
to fix: assert something of it, like `assert dialogue.ends_cleanly()`; if it only has to run, read .transcript"""
BEGUN_EARLY = (
    "the test did not use the marker's dialogue, which began early: give the marker the values of run(...), or let "
    "none begin early (--duolog-concurrency=1)"
)

# The stash key of a test whose body passed and that checked all its verdicts.
PASSED: pytest.StashKey[bool] = pytest.StashKey()


def require_seen(item: pytest.Item, claims: Sequence[Claim] = (), *, is_over: bool = False) -> None:
    """Fail a test for the verdicts of its dialogues, and those in `claims`, that it did not check and that do not hold.

    A test also fails if it used none of its dialogues, or not one that its body made and that ran. Other fixtures can
    use them until the test `is_over`. The exception has `is_unmeasured`: whether none of the verdicts fails, and all
    could not be measured.
    """
    site = item.stash.get(SITE, None)
    own = [claim for made in (site.dialogues if site else ()) for claim in made.claims]
    bad = [claim for claim in dict.fromkeys([*own, *claims]) if claim.is_bad]
    if bad:
        from pytest_duolog.properties.steps import WrittenStep, is_unreached  # noqa: PLC0415  # most tests pass

        of_steps = [claim for claim in bad if WrittenStep.of(claim.verdict.property)]
        found = [repr(claim.verdict) for claim in of_steps]
        found += [
            f"{claim.place(item.config.rootpath)}: the test did not check {claim.verdict!r}"
            for claim in bad
            if claim not in of_steps
        ]
        advice = [ADVICE] if len(of_steps) < len(bad) else []
        text = "\n".join([*found[:MOST_SHOWN], *and_more(len(found), MOST_SHOWN), *advice])
        failure = pytest.fail.Exception(printable(text), pytrace=False)
        unmeasured = [
            claim.verdict.outcome is Outcome.UNMEASURED and not is_unreached(claim.verdict.property)
            for claim in bad
        ]
        failure.is_unmeasured = all(unmeasured)  # type: ignore[attr-defined]
        raise failure
    if (unused := _unused(site)) and (is_over or not has_fixture_with_dialogue(item)):
        raise pytest.fail.Exception(unused, pytrace=False)
    item.stash[PASSED] = True
    first = site.dialogues[0] if site else None
    if first and first.has_run and not first.is_looked_at and not has_fixture_with_dialogue(item):
        first.notices.append(BEGUN_EARLY)


def _unused(site: TestSite | None) -> str:
    """What a test did not use of its dialogues; empty if it used all that it made, and at least one.

    Of those that fixtures make, tests may use some. Of those that one line makes, a test may use the first ones:
    `any(...)` looks no further than it has to.
    """
    dialogues = site.dialogues if site else ()
    unseen = [made for made in dialogues if not (made.is_looked_at or made.claims)]
    is_any_used = len(unseen) < len(dialogues)
    first_of = {made.made_at: made for made in reversed(dialogues)}
    further = [
        made
        for made in unseen
        if made.has_run
        and not made.is_first
        and not (made.is_of_fixture and is_any_used)
        and first_of[made.made_at] in unseen
    ]
    if further:
        return printable(
            NOT_LOOKED_AT.format(
                its=f"the dialogue {further[0].name!r} that it made", nothing="it tested nothing there"
            )
        )
    if site and len(unseen) == len(site.dialogues) == 1:
        return NOT_LOOKED_AT.format(its="its dialogue", nothing="it tested nothing")
    return ""
