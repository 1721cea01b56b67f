"""What the README and the docs show is run, and what they list is there."""

from __future__ import annotations

import doctest
import json
import re
import textwrap
import tomllib
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

import pytest
from pydantic import BaseModel

import pytest_duolog
from pytest_duolog.plugin import MARKER
from pytest_duolog.properties import PropertyMethods
from pytest_duolog.properties.by_name import property_types
from pytest_duolog.settings.project_table import ProjectTable, configured_providers, read_project_table
from pytest_duolog.transcripts.transcript import StopKind
from tests.dialogues import LIGHTHOUSES

ROOT = Path(__file__).parent.parent
README = ROOT.joinpath("README.md").read_text("utf-8")
MARKER_PAGE = ROOT.joinpath("docs", "marker.md").read_text("utf-8")
PAGES = [ROOT / "README.md", ROOT / "example_project" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(text: str, language: str) -> list[str]:
    """The fenced code blocks in one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def of_pages(language: str) -> list[Any]:
    return [
        pytest.param(code, id=f"{page.parent.name}/{page.name} {number}")
        for page in PAGES
        for number, code in enumerate(blocks(page.read_text("utf-8"), language), start=1)
    ]


@pytest.fixture
def lamp_shop(pytester, chat_server):
    """The project of the README's first screen; both its providers are a server of ours."""
    pytester.makepyprojecttoml(
        f"""
        [tool.duolog.providers]
        openai = {{ base_url = "{chat_server.url}" }}
        openrouter = {{ base_url = "{chat_server.url}" }}
        """
    )
    chat_server.answer = lambda body: f"{LIGHTHOUSES[len(chat_server.requests) % 12]} And the refund?"
    tests = pytester.mkdir("tests")
    tests.joinpath("test_lamp.py").write_text(blocks(README, "python")[1], "utf-8")
    return pytester


def commands(console: str) -> list[tuple[list[str], list[str]]]:
    """(arguments of pytest, lines it prints) in order."""
    shown: list[tuple[list[str], list[str]]] = []
    for line in console.splitlines():
        if line.startswith("$ pytest"):
            shown.append((line.partition("#")[0].split()[2:], []))
        else:
            shown[-1][1].append(line)
    return shown


def test_first_screen_records_and_replays(lamp_shop):
    for arguments, lines in commands(blocks(README, "console")[2]):
        result = lamp_shop.runpytest(*arguments)
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines([re.sub(r"\(.*\)", "(*)", line) for line in lines])


def test_first_screen_shows_the_miss_as_it_is(lamp_shop):
    lamp_shop.runpytest("--record-mode=once", "--snapshot-update").assert_outcomes(passed=1)
    module = Path("tests", "test_lamp.py")
    code = module.read_text("utf-8")
    module.write_text(code.replace("of a lamp shop.", "of a lamp shop. Never promise money."), "utf-8")
    result = lamp_shop.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    shown = blocks(README, "text")[1].splitlines()
    expected = [re.sub(r"recorded 2\S+;|openai-gpt\S+", "*", line).replace("[", "[[]") for line in shown]
    result.stdout.fnmatch_lines([f"*{line.strip()}*" for line in expected])


@pytest.mark.parametrize("code", [block for block in of_pages("python") if ">>>" in block.values[0]])
def test_sessions_of_the_docs_print_what_they_show(code):
    session = doctest.DocTestParser().get_doctest(code, {}, "shown", None, None)
    assert doctest.DocTestRunner().run(session).failed == 0


@pytest.mark.parametrize("code", [block for block in of_pages("python") if ">>>" not in block.values[0]])
def test_python_of_the_docs_can_be_imported_and_collected(pytester, code):
    for library in re.findall(r"^(?:from|import) (\w+)", code, flags=re.MULTILINE):
        pytest.importorskip(library)  # docs show libraries that the tests do not need
    if "import" not in code:  # lines out of a test
        code = "def test_shown(dialogue):\n" + textwrap.indent(code, "    ")
    pytester.makepyfile(test_shown=code)
    result = pytester.runpytest("--collect-only", "--strict-markers")
    assert result.ret == (pytest.ExitCode.OK if "def test_" in code else pytest.ExitCode.NO_TESTS_COLLECTED)


@pytest.mark.parametrize("code", of_pages("toml"))
def test_toml_of_the_docs_is_accepted(tmp_path, code):
    path = tmp_path / "pyproject.toml"
    path.write_text(code, "utf-8")
    table = read_project_table(path)
    assert list(configured_providers(table)) == list(
        tomllib.loads(code).get("tool", {}).get("duolog", {}).get("providers", {})
    )


def test_options_of_the_docs_exist(pytester):
    text = "\n".join(page.read_text("utf-8") for page in PAGES)
    mentioned = set(re.findall(r"(--(?:duolog|record)-[a-z-]+)", text))
    ini = set(re.findall(r"`(duolog_(?!scenario|snapshot|vcr_config)[a-z_]+)`", text))
    shown = pytester.runpytest("--help").stdout.str()
    assert mentioned
    assert [option for option in sorted(mentioned) if not re.search(f"{option}[= ]", shown)] == []
    assert [key for key in sorted(ini) if f"{key} (" not in shown] == []


def named_in_help(pytester) -> tuple[set[str], set[str]]:
    """The options and the ini keys that `pytest --help` tells of this plugin."""
    shown = pytester.runpytest("--help").stdout.str()
    options = set(re.findall(r"--(?:duolog-[a-z-]+|record-mode)", shown))
    return options, set(re.findall(r"^  (duolog_[a-z_]+) \(", shown, flags=re.MULTILINE))


def test_every_option_and_ini_key_is_in_the_docs(pytester):
    text = "\n".join(page.read_text("utf-8") for page in PAGES)
    options, keys = named_in_help(pytester)
    twins = {key for key in keys if "--" + key.replace("_", "-") in options}
    assert options
    assert [option for option in sorted(options) if option not in text] == []
    assert [key for key in sorted(keys - twins) if f"`{key}`" not in text] == []


def table_keys(model: type[BaseModel]) -> set[str]:
    """The keys of a settings table, those of the tables in it included."""
    inner = [
        part
        for field in model.model_fields.values()
        for part in (field.annotation, *get_args(field.annotation))
        if isinstance(part, type) and issubclass(part, BaseModel)
    ]
    return set(model.model_fields).union(*map(table_keys, inner))


def test_page_of_settings_names_every_key_of_pyproject():
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    keys = table_keys(ProjectTable) - {"seed"}  # a variant has none
    assert {"base_url_env", "function_timeout_s", "requests_per_minute"} <= keys
    assert [key for key in sorted(keys) if not re.search(rf"[`.]{key}[`.\]]", page)] == []


def test_every_public_name_and_method_is_in_the_docs():
    text = "\n".join(page.read_text("utf-8") for page in PAGES)
    methods = [name for name in dir(PropertyMethods) if not name.startswith("_")]
    assert [name for name in pytest_duolog.__all__ if not re.search(rf"\b{name}\b", text)] == []
    assert [name for name in methods if f"{name}(" not in text] == []


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_links_between_pages_lead_somewhere(page):
    # What `make docs` generates is not there yet; Sphinx itself checks links to it.
    links = re.findall(r"\]\((?!https?:|generated/)([^)#]*)#?([^)]*)\)", page.read_text("utf-8"))
    found = [(page.parent / file if file else page, anchor) for file, anchor in links]
    assert [str(target) for target, _ in found if not target.exists()] == []
    assert [
        f"{target}#{anchor}" for target, anchor in found if anchor and anchor not in anchors(target)
    ] == []


SITE = "https://pytest-duolog.github.io/pytest-duolog/"
REPOSITORY = "https://github.com/pytest-duolog/pytest-duolog/blob/main/"


@pytest.mark.parametrize(
    "name", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "pyproject.toml"]
)
def test_absolute_links_to_our_own_pages_lead_somewhere(name):
    text = (ROOT / name).read_text("utf-8")
    pages = re.findall(rf"{SITE}([\w/-]+)\.html#?([\w-]*)", text)
    files = re.findall(rf"{REPOSITORY}([\w/.-]+)", text)
    found = [(ROOT / "docs" / f"{page}.md", anchor) for page, anchor in pages]
    assert [str(page) for page, _ in found if not page.exists() and page.parent.name != "generated"] == []
    assert [f"{page}#{anchor}" for page, anchor in found if anchor and anchor not in anchors(page)] == []
    assert [file for file in files if not (ROOT / file).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_links_to_other_sites_are_addresses(page):
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for address in re.findall(r"\]\((https?:[^)]*)\)", text):
        parts = urlsplit(address)
        assert parts.scheme == "https", address
        assert re.fullmatch(r"[\w-]+(\.[\w-]+)+", parts.netloc), address
        assert not re.search(r"\s", address), address


def prose(page: Path) -> str:
    """The running text of a page, without code, tables, headings and addresses."""
    text = re.sub(
        r"^```.*?^```|^[|#].*?$|<!--.*?-->", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    text = re.sub(r"!\[.*?\]\(.*?\)", "", text, flags=re.DOTALL)
    return re.sub(r"`[^`]*`", "code", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text))


def reading_ease(text: str) -> float:
    """Flesch's score, with groups of vowels for syllables: 60 is plain English, 100 very easy."""
    words = re.findall(r"[A-Za-z']+", text)
    n_sentences = len(re.findall(r"[.!?:](?=\s|$)", text)) or 1
    n_syllables = sum(max(1, len(re.findall(r"[aeiouy]+", word.lower().removesuffix("e")))) for word in words)
    return 206.835 - 1.015 * len(words) / n_sentences - 84.6 * n_syllables / len(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_page_is_as_easy_to_read_as_those_of_pytest(page):
    assert reading_ease(prose(page)) >= 52  # the median of pytest's own how-to pages


def test_settings_of_editors_fit_what_duolog_check_prints():
    settings, tasks = map(json.loads, blocks((ROOT / "docs" / "editors.md").read_text("utf-8"), "json"))
    assert settings["files.associations"]
    pattern = tasks["tasks"][1]["problemMatcher"]["pattern"]
    (shown,) = (
        text for text in blocks((ROOT / "docs" / "check.md").read_text("utf-8"), "console") if "fails" in text
    )
    found = re.search(pattern["regexp"], shown, flags=re.MULTILINE)
    assert found is not None
    assert found.group(pattern["file"], pattern["line"]) == ("talks/returns.md", "41")
    assert found[pattern["message"]].startswith("returns: NoLoops fails: ")


def test_table_of_the_marker_names_every_argument():
    rows = re.findall(r"^\| (`.*?`) \|", MARKER_PAGE, flags=re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    signature = MARKER[: MARKER.index("): ")]
    assert {"a", "b", *re.findall(r"(\w+)=", signature)} <= documented


def test_sentence_of_the_stop_reasons_names_every_one():
    (sentence,) = re.findall(
        r"^`dialogue\.stop_reason` says why it ended: (.*)\.$", MARKER_PAGE, flags=re.MULTILINE
    )
    assert set(re.split(r", | or ", sentence)) == {kind.value.replace("_", " ") for kind in StopKind}


def test_public_names_are_these():
    besides = [name for name in pytest_duolog.__all__ if name not in property_types()]
    assert besides == [
        "CassetteError",
        "CassetteMismatch",
        "ChatRequest",
        "ConfigurationError",
        "Dialogue",
        "DialogueError",
        "DuologError",
        "EndpointConfig",
        "EndpointError",
        "Evidence",
        "HttpTarget",
        "McpServer",
        "Message",
        "Outcome",
        "Persona",
        "Property",
        "Question",
        "Reply",
        "Scenario",
        "Script",
        "Speaker",
        "StopKind",
        "StopReason",
        "Tool",
        "ToolCall",
        "ToolDefinition",
        "Transcript",
        "TranscriptError",
        "UnusedMessages",
        "Usage",
        "Verdict",
        "check",
        "judge",
        "reply",
        "say",
        "scenario_params",
        "talk",
    ]
    assert set(property_types()) <= set(pytest_duolog.__all__)


@pytest.mark.parametrize("name", pytest_duolog.__all__)
def test_public_name_is_importable_and_documented(name):
    assert getattr(pytest_duolog, name).__doc__


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'pytest_duolog' has no attribute 'Dialog'"):
        pytest_duolog.Dialog  # noqa: B018


def test_map_of_the_code_names_every_module_and_folder():
    page = (ROOT / "docs" / "inside.md").read_text("utf-8")
    table = page[page.index("| where |") : page.index("- **Imports")]
    entries = (ROOT / "pytest_duolog").iterdir()
    there = {
        path.stem if path.suffix == ".py" else f"{path.name}/" for path in entries if path.suffix != ".typed"
    }
    assert set(re.findall(r"`([a-z_]+/?)`", table)) == there - {"__init__", "__pycache__/"}
