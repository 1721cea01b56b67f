"""The report files that a run can write.

A report is a module of this package with a function `report_text(record, decided, places)` and an entry in
`RUN_REPORTS`; the text of its option stands in the plugin, which every pytest run imports. A report's module is
imported when the report is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_duolog.storage.own_folder import make_folder
from pytest_duolog.storage.whole_file import write_whole

if TYPE_CHECKING:
    from pytest_duolog.gate.decide import RecordDecision
    from pytest_duolog.reports.scenario_rows import Place
    from pytest_duolog.results.filed import FiledDialogue
    from pytest_duolog.results.record import RunRecord


class RunReport(NamedTuple):
    """A report file about the verdicts of a run.

    `module` is its module and the name of its option. `variable` is an environment variable of a CI system with the
    path of a file to which the report is added; such a report has no option. `shows_dialogues` means that the report
    has something to show of a run without samples: its module also has `dialogues_text`.
    """

    module: str
    title: str
    variable: str = ""
    shows_dialogues: bool = False

    @property
    def option(self) -> str:
        """Its pytest option."""
        return f"--duolog-{self.module.replace('_', '-')}"

    @property
    def key(self) -> str:
        """Its ini key."""
        return f"duolog_{self.module}"

    def write(
        self, path: Path, record: RunRecord, decided: RecordDecision, places: Mapping[str, Place]
    ) -> str | None:
        """Write the report, or add it to the file of the variable; returns an error message if that fails.

        `places` are the known places of the scenarios' tests.
        """
        return self._write(path, self._module.report_text(record, decided, places))

    def write_dialogues(self, path: Path, dialogues: Sequence[FiledDialogue]) -> str | None:
        """Write the report of a run without samples; returns an error message if that fails."""
        return self._write(path, self._module.dialogues_text(dialogues))

    @property
    def _module(self) -> Any:
        return import_module(f"{__package__}.{self.module}")

    def _write(self, path: Path, text: str) -> str | None:
        try:
            make_folder(path.parent)
            if self.variable:
                with path.open("a", encoding="utf-8", newline="\n") as file:
                    file.write(text)
            else:
                write_whole(path, text)
        except OSError as error:
            return f"{self.title}: {path} cannot be written: {error.strerror}"
        return None


RUN_REPORTS = (
    RunReport("ctrf", "CTRF report"),
    RunReport("code_quality", "Code Quality report"),
    RunReport("comment", "comment"),
    RunReport("report", "HTML report", shows_dialogues=True),
    RunReport("step_summary", "step summary", variable="GITHUB_STEP_SUMMARY"),
)
