"""The HTML report: one file that opens from disk, in a mail and as an artifact of a CI system.

What models wrote is escaped, and what is invisible in it and changes what is seen becomes a mark. The page loads
nothing and runs nothing but its own script, which its security policy names by its hash. Without script it is complete.
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
from pytest_duolog.gate.decision import Decision
from pytest_duolog.reports.report_view import RunView, views_of
from pytest_duolog.reports.scenario_rows import Place, headline
from pytest_duolog.reports.wording import record_words
from pytest_duolog.results.filed import FiledDialogue, of_record
from pytest_duolog.results.record import RunRecord

PAGE = Path(__file__).parent / "page"
# Controls, marks of direction, what takes no room (except the two joiners), and characters for private use.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ue000-\uf8ff]"
)
STATES = {Decision.PASS: "pass", Decision.BLOCK: "block", Decision.INCONCLUSIVE: "open"}
ANSWERS = {Decision.PASS: "Yes.", Decision.BLOCK: "No.", Decision.INCONCLUSIVE: "Not yet."}


def report_text(
    record: RunRecord,
    decided: RecordDecision,
    places: Mapping[str, Place],  # noqa: ARG001  # the page links to nothing outside of it
) -> str:
    """The page of a run: what was decided, the matrix of its samples, and its dialogues, failures first."""
    dialogues = list(of_record(record))
    decision = decided.decision
    words = headline(decided).partition(": ")[2]
    question = "May I merge?" if decided.pairs is not None else "Do all scenarios reach their bar?"
    return _run_page(
        RunView(
            "gate" if decided.pairs is not None else "run",
            views_of(dialogues),
            STATES[decision],
            question,
            ANSWERS[decision],
            f"{words[0].upper()}{words[1:]}.",
            tuple(record_words(record, decided)),
        )
    )


def dialogues_text(dialogues: Sequence[FiledDialogue]) -> str:
    """The page of one dialogue, or of a collection of them; raises ValueError if there is none."""
    if not dialogues:
        raise ValueError("a report needs dialogues")
    views = views_of(dialogues)
    if len(views) == 1:
        return _rendered("dialogue.html.j2", view=views[0], title=views[0].title)
    n_failed = sum(view.is_failed for view in views)
    n = counted(len(views), "dialogue")
    return _run_page(
        RunView(
            "collection",
            views,
            "block" if n_failed else "pass",
            n,
            f"{n_failed} of {len(views)}" if n_failed else f"All {len(views)}",
            "dialogues break a property." if n_failed else "dialogues hold every property.",
        )
    )


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
    environment.filters.update(visible=visible, counted=counted, kind=lambda value: type(value).__name__)
    environment.globals.update(
        style=style,
        script=script,
        policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; "
        f"form-action 'none'",
        version=version("pytest-duolog"),
    )
    return environment


def _part(name: str) -> str:
    return PAGE.joinpath(name).read_text("utf-8").strip()


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def visible(text: str) -> Markup:
    """The text escaped, with a mark in the place of each character that cannot be seen and changes what is seen."""
    found = _HIDDEN.sub(lambda hidden: f'<span class="ctl">U+{ord(hidden[0]):04X}</span>', str(escape(text)))
    return Markup(found)  # noqa: S704  # it was escaped, and the marks hold hexadecimal digits only
