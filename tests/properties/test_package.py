"""A property is a class and a row in the docs; its names and its method come from the class."""

from __future__ import annotations

from dataclasses import MISSING, fields

import pytest

import pytest_duolog
from pytest_duolog import ConfigurationError, Verdict, judge
from pytest_duolog.properties import PropertyMethods
from pytest_duolog.properties.base import Property
from pytest_duolog.properties.by_name import parse_property, property_names, property_types
from tests.dialogues import LIGHTHOUSES, dialogue
from tests.properties.documented import EXAMPLES, ROWS
from tests.properties.generate import COMMAND, FILE, package_text

TYPES = property_types()
TALK = dialogue(*LIGHTHOUSES, "Thank you. Goodbye!")


def test_names_without_classes_are_those_of_the_classes():
    assert property_names() == list(TYPES)


def test_names_and_methods_are_those_of_the_classes():
    is_in_step = FILE.read_text("utf-8") == package_text()
    assert is_in_step, f"pytest_duolog/properties/__init__.py does not fit the classes; to fix: {COMMAND}"


@pytest.mark.parametrize("name", TYPES)
def test_property_is_exported_and_has_a_method_and_a_row(name: str):
    kind = TYPES[name]
    assert getattr(pytest_duolog, name) is getattr(pytest_duolog.properties, name) is kind
    assert kind.method_form, f"{name} names no method: class {name}(..., method='...')"
    assert name in ROWS, f"docs/properties.md has no row for {name}"
    assert ROWS[name].method == kind.method_form.name
    assert callable(getattr(PropertyMethods, kind.method_form.name))


@pytest.mark.parametrize("name", TYPES)
def test_row_has_the_defaults_of_the_class(name: str):
    configured = [field for field in fields(TYPES[name]) if field.repr and field.name != "speaker"]
    shown = [f"`{field.name}={field.default!r}`" for field in configured if field.default is not MISSING]
    assert [default for default in shown if default not in ROWS[name].defaults] == []


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_method_is_its_property(example: Property):
    row = ROWS[type(example).__name__]
    arguments = row.call.partition("(")[2]
    asked = eval(f"talk.{row.method}({arguments}", {"talk": TALK})
    assert repr(asked) == repr(judge(example, TALK))
    assert asked.property == str(example)


WRONG = (
    None,
    True,
    -1,
    0,
    1.5,
    float("nan"),
    "",
    " ",
    "x",
    b"x",
    (),
    ("x",),
    ["x"],
    {"x": 1},
    object(),
    "x" * 9999,
)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
@pytest.mark.parametrize("wrong", WRONG, ids=lambda value: f"{type(value).__name__} {value!r:.9}")
def test_any_value_of_a_field_is_taken_or_refused_in_words(example: Property, wrong: object):
    for field in fields(example):
        if field.name != "ask":
            verdict, refusal = checked_with(example, field.name, wrong)
            assert verdict is not None or refusal.startswith(f"{type(example).__name__}: ")


def checked_with(example: Property, name: str, value: object) -> tuple[Verdict | None, str]:
    """The verdict of the property with another value for a field, or the words that refuse the value."""
    given = {field.name: getattr(example, field.name) for field in fields(example)}
    try:
        return type(example)(**{**given, name: value}).check(TALK), ""
    except ConfigurationError as error:
        return None, str(error)


def test_names_of_types_that_are_combined_or_abstract_are_no_properties():
    assert not {"AllOf", "AnyOf", "Not", "Property", "SpokenProperty"} & set(TYPES)


@pytest.mark.parametrize("written", ["pytest_duolog:NoLoops", "os:system('id')", "own.checks:Mine()"])
def test_names_out_of_a_file_import_nothing(written: str):
    with pytest.raises(ConfigurationError, match="is not "):
        parse_property(written)
