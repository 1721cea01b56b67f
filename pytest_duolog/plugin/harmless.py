"""Removes secrets and control sequences from everything that pytest reports about tests with dialogues.

Such a test handles text from models and requests with keys. Both can get into reports: tracebacks, captured output,
logs, warnings, names of parameters, properties and subtests. Output of a test without capturing (`-s`) goes directly to
the terminal and is not changed.
"""

from __future__ import annotations

import linecache
import logging
import os
import re
from collections.abc import Callable, Collection, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import pytest

# The parts of a report's `longrepr`. pytest (9.2) documents that reports have one, but not its structure.
from _pytest._code.code import ExceptionChainRepr, ReprEntry, TerminalRepr
from _pytest.junitxml import xml_key

from pytest_duolog.display import printable
from pytest_duolog.plugin.state import redactor_of
from pytest_duolog.recording.redaction import Redactor

COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
MARKER = re.compile(r"\[redacted ([^\[\]]*)\]")

Change = Callable[[str], str]


class Guard:
    """Changes reports of tests with dialogues before they are shown or stored."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._tests: set[str] = set()
        self._guard_logs()

    @property
    def _redactor(self) -> Redactor:
        try:
            return redactor_of(self._config)
        except pytest.UsageError:  # a wrong setting, which is reported elsewhere
            return Redactor(os.environ)

    def harmless(self, text: str) -> str:
        """`text` without secrets and control sequences."""
        return self._change()(text)

    def _change(self) -> Change:
        """The function that makes texts harmless, with the current secrets.

        It removes colours, too: those of pytest and syrupy cannot be distinguished from a model's, and can split a key.
        """
        redactor = self._redactor
        return lambda text: printable(redactor.shown(COLOUR.sub("", text)))

    def watch(self, items: Sequence[pytest.Item]) -> None:
        """Guard these tests from now on; the names of their parameters become harmless at once."""
        if not items:
            return
        redactor = self._redactor
        harmless = _harmless_parts(redactor, {part for item in items for part in _parts(item)})
        taken = {item.nodeid for item in items}
        for item in items:
            if not harmless.issuperset(_parts(item)):
                _rename(item, lambda text: _name_part(redactor, text), taken)
        self._tests.update(item.nodeid for item in items)

    def watches(self, item: pytest.Item) -> bool:
        """Whether a test is guarded."""
        return item.nodeid in self._tests

    def clean(self, report: pytest.TestReport) -> None:
        """Make all texts of a report harmless.

        Expected failures have tracebacks, too, and the reason of a skip can be any text.
        """
        context = getattr(report, "context", None)  # the report of a subtest
        xfail = getattr(report, "wasxfail", None)
        if not (report.longrepr or report.sections or report.user_properties or context or xfail):
            return
        change = self._change()
        if isinstance(report.longrepr, ExceptionChainRepr):
            _drop_speakers_locals(report.longrepr)
        report.longrepr = _with_texts(report.longrepr, change)
        report.sections = [(change(title), change(text)) for title, text in report.sections]
        report.user_properties = [
            (change(str(name)), _changed(value, change)) for name, value in report.user_properties
        ]
        if xfail:
            report.wasxfail = change(xfail)
        if context is not None:  # its class is frozen
            object.__setattr__(context, "msg", _changed(context.msg, change))
            kwargs = {change(name): _changed(value, change) for name, value in context.kwargs.items()}
            object.__setattr__(context, "kwargs", kwargs)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Clean what was added after the report was made: subtests have their own output."""
        if report.nodeid not in self._tests:
            return
        self.clean(report)
        xml: Any = self._config.stash.get(xml_key, None)
        if xml is not None and report.when == "teardown" and (attributes := xml.node_reporter(report).attrs):
            change = self._change()
            attributes.update({name: _changed(value, change) for name, value in attributes.items()})

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: Any) -> None:
        """Clean a warning and the line of code that is shown with it."""
        if not self._tests:
            return
        change = self._change()
        text = str(warning_message.message)
        if (shown := change(text)) != text:
            warning_message.message = _warning_like(warning_message.message, shown)
        if warning_message.line is None:
            line = linecache.getline(warning_message.filename, warning_message.lineno).strip()
            if (shown := change(line)) != line:
                warning_message.line = shown

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Clean the properties of the whole run before they are written."""
        xml: Any = self._config.stash.get(xml_key, None)
        if xml is not None and self._tests:
            change = self._change()
            xml.global_properties[:] = [
                (_changed(name, change), _changed(value, change)) for name, value in xml.global_properties
            ]

    def _guard_logs(self) -> None:
        """Clean logs that go to a terminal or a file while tests run; captured logs are in the reports."""
        plugin: Any = self._config.pluginmanager.get_plugin("logging-plugin")
        for handler in (plugin.log_cli_handler, plugin.log_file_handler) if plugin else ():
            if handler.formatter is not None:
                handler.setFormatter(_HarmlessFormatter(handler.formatter, self.harmless))


class _HarmlessFormatter(logging.Formatter):
    """Formats like another formatter, and makes the result harmless."""

    def __init__(self, formatter: logging.Formatter, change: Change) -> None:
        super().__init__()
        self._formatter = formatter
        self._change = change

    def format(self, record: logging.LogRecord) -> str:
        """The line of the record, with its traceback."""
        clean = copy(record)
        clean.msg, clean.args = self._change(record.getMessage()), None
        if record.exc_info:
            clean.exc_text = self._change(record.exc_text or self.formatException(record.exc_info))
        if record.stack_info:
            clean.stack_info = self._change(record.stack_info)
        return self._formatter.format(clean)


GUARD: pytest.StashKey[Guard] = pytest.StashKey()


def guard_of(config: pytest.Config) -> Guard:
    """The guard of this run, which is active from the first test with a dialogue on."""
    if GUARD not in config.stash:
        config.stash[GUARD] = Guard(config)
        config.pluginmanager.register(config.stash[GUARD], "duolog-guard")
    return config.stash[GUARD]


def _parts(item: Any) -> Sequence[str]:
    """The parameters in a test's name."""
    callspec = getattr(item, "callspec", None)
    return callspec._idlist if callspec else ()  # noqa: SLF001  # as they are joined in pytest 9.2


def _harmless_parts(redactor: Redactor, parts: Collection[str]) -> set[str]:
    """Parts of names that surely need no change: what is so of many lines is so of each."""
    sure = redactor.without_secrets(parts)
    lines = "\n".join(sure)
    return sure if MARKER.sub("", printable(lines)) == lines else set()


def _rename(item: Any, change: Change, taken: set[str]) -> None:
    """Change the parameters in a test's name and id; two tests never get the same name.

    pytest's hook for this, `pytest_make_parametrize_id` (9.2), is not called for names that the test sets itself.
    """
    callspec, parts = item.callspec, list(map(change, _parts(item)))
    if parts == list(_parts(item)):
        return
    start = item.nodeid.removesuffix(item.name)
    number, name = 1, item.name.replace(callspec.id, "-".join(parts))
    while start + name in taken:
        number += 1
        name = item.name.replace(callspec.id, f"{'-'.join(parts)}-{number}")
    taken.add(start + name)
    item.keywords._markers.pop(item.name, None)  # noqa: SLF001
    item.name, item.callspec = name, replace(callspec, _idlist=[name.partition("[")[2].removesuffix("]")])
    item.keywords._markers[name] = True  # noqa: SLF001
    if hasattr(item, "_id"):
        item._id = type(item._id).parse(start + name)  # noqa: SLF001
    else:  # before pytest 9.1
        item._nodeid = start + name  # noqa: SLF001


def _with_texts(shown: Any, change: Change) -> Any:
    """The content of a report about a failure or a skip, with `change` applied to each text (mostly in place)."""
    if isinstance(shown, str):
        return change(shown)
    if isinstance(shown, list | tuple):
        return type(shown)(_with_texts(item, change) for item in shown)
    if isinstance(shown, TerminalRepr):
        for name, item in vars(shown).items():
            setattr(shown, name, _with_texts(item, change))
    return shown


def _drop_speakers_locals(shown: ExceptionChainRepr) -> None:
    """Remove the local variables (`--showlocals`) of frames that ask a model: they contain requests with keys."""
    for traceback, _, _ in shown.chain[:-1]:
        for entry in traceback.reprentries:
            if isinstance(entry, ReprEntry):
                entry.reprlocals = entry.reprfuncargs = None


def _warning_like(warning: Warning, text: str) -> Warning:
    """A warning of the same class with the message `text`; a plain one if the class does not support it."""
    try:
        like = type(warning)(text)
    except Exception:  # noqa: BLE001  # a class of the user's can ask for anything
        return Warning(text)
    return like if str(like) == text else Warning(text)


def _name_part(redactor: Redactor, text: str) -> str:
    """A part of a test's name, which is also used in names of files."""
    return MARKER.sub(lambda found: "redacted-" + found[1].replace(" ", "-"), printable(redactor.text(text)))


def _changed(value: Any, change: Change) -> Any:
    """A value whose text is shown; unchanged if nothing in its text must be changed."""
    text = str(value)
    shown = change(text)
    return value if shown == text else shown
