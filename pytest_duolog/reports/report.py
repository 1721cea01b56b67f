"""The HTML report: one file that opens from disk, from a mail, or as an artifact of a CI system.

Model text is escaped, and invisible characters that change how text is shown become marks. The page loads nothing and
runs only its own script, which its security policy names by hash. It is also complete without the script.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from pytest_duolog.display import counted
from pytest_duolog.gate.decide import RecordDecision
from pytest_duolog.gate.screen import Screen, Spoken
from pytest_duolog.history.trends import Trends
from pytest_duolog.reports.blame_words import blames_of
from pytest_duolog.reports.comparison_view import ComparisonView
from pytest_duolog.reports.dialogue_view import MOST_BYTES, views_of
from pytest_duolog.reports.gate_view import ANSWERS, SHOWN_ROWS, STATES, GateView
from pytest_duolog.reports.history_view import HistoryView
from pytest_duolog.reports.run_view import RunView
from pytest_duolog.reports.scenario_rows import Place, headline
from pytest_duolog.reports.screen_view import ScreenView
from pytest_duolog.reports.wording import record_words
from pytest_duolog.results.comparison import Comparison
from pytest_duolog.results.filed import FiledDialogue, of_record
from pytest_duolog.results.record import RunRecord

PAGE = Path(__file__).parent / "page"
# What the messages below the pairs of a gate may take, in bytes.
MOST_BYTES_BELOW_PAIRS = 500_000
# How the heading of a collection goes on if a dialogue failed, and if none did.
TEST_WORDS = ("dialogues are of tests that failed.", "dialogues are of tests that passed.")
PROPERTY_WORDS = ("dialogues break a property.", "dialogues hold every property.")
# Control characters, direction marks, characters without width (except the two joiners), and private-use characters.
_HIDDEN = re.compile(
    "([\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ue000-\uf8ff])\\1*"
)

# The places where the name of a test may be broken.
_BREAKS = re.compile(r"(?<=[_/])(?![_/])|(?<=::)|(?<=\w)(?=\[)")


def report_text(
    record: RunRecord,
    decided: RecordDecision,
    places: Mapping[str, Place],  # noqa: ARG001  # the page links to nothing outside of it
) -> str:
    """The page of a run: what was decided, the matrix of its samples, and its dialogues, failures first."""
    notes = tuple(record_words(record, decided))
    if record.header.plan.collect:
        views = views_of(of_record(record))
        n = counted(len(views), "dialogue")
        return _run_page(RunView("collection", views, "open", n, "Collected:", "none is judged.", notes))
    if decided.blames:
        blames = blames_of(record, decided)
        named = sum(blame.is_named for blame in blames)
        n = counted(len(blames), "scenario")
        reason = blames[0].headline.partition(": ")[2] if len(blames) == 1 else f"a side in {named} of {n}."
        return _run_page(
            RunView(
                "blame",
                views_of(of_record(record)),
                "pass" if named else "open",
                "Which side carries the failure?",
                "Blame:" if named else "Cannot tell:",
                reason,
                notes,
                blames,
            )
        )
    decision = decided.decision
    words = headline(decided).partition(": ")[2]
    run = RunView(
        "run",
        views_of(of_record(record), room=MOST_BYTES if decided.pairs is None else MOST_BYTES_BELOW_PAIRS),
        STATES[decision],
        "Do all scenarios reach their pass rate?",
        ANSWERS[decision],
        f"{words[0].upper()}{words[1:]}.",
        notes,
    )
    if decided.pairs is None:
        return _run_page(run)
    gate = GateView(record, decided.pairs, run, notes)
    return _rendered("gate.html.j2", view=gate, title=gate.title)


def dialogues_text(dialogues: Sequence[FiledDialogue]) -> str:
    """The page of one dialogue, or of a collection of them; raises ValueError if there is none."""
    if not dialogues:
        raise ValueError("a report needs dialogues")
    views = views_of(dialogues)
    if len(views) == 1:
        return _rendered("dialogue.html.j2", view=views[0], title=views[0].title)
    n_failed = sum(view.is_failed for view in views)
    of_tests = all(dialogue.outcome is not None for dialogue in dialogues)
    failed, passed = TEST_WORDS if of_tests else PROPERTY_WORDS
    n = counted(len(views), "dialogue")
    return _run_page(
        RunView(
            n,
            views,
            "block" if n_failed else "pass",
            n,
            f"{n_failed} of {len(views)}" if n_failed else f"All {len(views)}",
            failed if n_failed else passed,
        )
    )


def comparison_text(comparison: Comparison) -> str:
    """The page of a comparison of two sides."""
    return _rendered("comparison.html.j2", view=ComparisonView(comparison), title="Comparison")


def screen_text(
    screen: Screen, on_trial: str, spoken: Mapping[str, Mapping[int, Spoken]], missing: str
) -> str:
    """The page of a screen; see `ScreenView`."""
    return _rendered("screen.html.j2", view=ScreenView(screen, on_trial, spoken, missing), title="Screen")


def history_text(trends: Trends) -> str:
    """The page of a history of builds."""
    return _rendered("history.html.j2", view=HistoryView(trends), title="History")


def _run_page(view: RunView) -> str:
    return _rendered("run.html.j2", view=view, title=view.title)


def _rendered(template: str, **values: object) -> str:
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(PAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    style, script = (Markup(_part(name)) for name in ("report.css", "report.js"))  # noqa: S704  # our own files
    environment.filters.update(
        visible=visible,
        breakable=breakable,
        counted=counted,
        kind=lambda value: type(value).__name__,
        known=_known,
    )
    environment.globals.update(
        style=style,
        script=script,
        policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; "
        f"form-action 'none'",
        version=version("pytest-duolog"),
        shown_rows=SHOWN_ROWS,
    )
    return environment


def _part(name: str) -> str:
    return PAGE.joinpath(name).read_text("utf-8").strip()


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _known(n: int | None, n_silent: int) -> str:
    """A sum over replies, of which so many did not say theirs."""
    return "not known" if n is None else f"{'at least ' if n_silent else ''}{n:,}"


def visible(text: str) -> Markup:
    """The escaped text, with a mark for each invisible character that changes how text is shown."""
    found = _HIDDEN.sub(_mark, str(escape(text)))
    return Markup(found)  # noqa: S704  # it was escaped, and the marks hold hexadecimal digits only


def breakable(name: str) -> Markup:
    """The visible name of a test, which may go on in a new line after `_`, `/`, `::` and before `[`."""
    return Markup("<wbr>").join(map(visible, _BREAKS.split(name)))


def _mark(hidden: re.Match[str]) -> str:
    """The mark for a character, and how often it stands there."""
    times = f" ×{len(hidden[0])}" if len(hidden[0]) > 1 else ""
    return f'<span class="ctl">U+{ord(hidden[1]):04X}{times}</span>'
