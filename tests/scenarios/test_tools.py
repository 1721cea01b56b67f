"""Functions as tools: what their models are told, how arguments are read, and which functions are refused."""

from __future__ import annotations

import datetime as dt
import functools
import json
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Literal, Optional

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.scenarios.speaker import Speaker
from pytest_duolog.scenarios.tool_schema import documented
from pytest_duolog.scenarios.tools import BadArguments, Tool, definition_hash
from pytest_duolog.settings import Settings
from pytest_duolog.storage.json_text import canonical


class Color(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Item:
    name: str
    n: int = 1
    notes: list[str] = field(default_factory=list)


@dataclass
class Tree:
    name: str
    below: list[Tree]


class Address(BaseModel):
    title: str
    lines: list[str]


class Place(TypedDict):
    town: str


def order(
    text: str,
    whole: int,
    real: float = 1.0,
    yes: bool = False,
    maybe: Optional[str] = None,  # noqa: UP045  # users write it
    either: int | None = None,
    one: Literal["x", "y"] = "x",
    items: list[Item] | None = None,
    color: Color = Color.RED,
    counts: dict[str, int] | None = None,
    anything: Any = None,
    some: list = [],  # noqa: B006
    more: dict = {},  # noqa: B006
    told: Annotated[str, "By a note."] = "",
) -> str:
    """Order something.

    It costs money.

    Args:
        text: What to write, and
            on which line.
        whole (int): How many: more than none.

    Returns:
        Nothing.
    """
    return ""


# These bytes are part of requests, so they must stay: a change makes all recordings with tools stale.
PINNED = (
    b'{"description":"Order something.\\n\\nIt costs money.","name":"order","parameters":{"additionalProperties":false,'
    b'"properties":{"anything":{},"color":{"enum":["red","blue"],"type":"string"},"counts":{"anyOf":[{'
    b'"additionalProperties":{"type":"integer"},"type":"object"},{"type":"null"}]},"either":{"anyOf":[{"type":"integer"},'
    b'{"type":"null"}]},"items":{"anyOf":[{"items":{"additionalProperties":false,"properties":{"n":{"type":"integer"},'
    b'"name":{"type":"string"},"notes":{"items":{"type":"string"},"type":"array"}},"required":["name"],"type":"object"},'
    b'"type":"array"},{"type":"null"}]},"maybe":{"anyOf":[{"type":"string"},{"type":"null"}]},"more":{"type":"object"},'
    b'"one":{"enum":["x","y"],"type":"string"},"real":{"type":"number"},"some":{"items":{},"type":"array"},'
    b'"text":{"description":"What to write, and on which line.","type":"string"},"told":{"description":"By a note.",'
    b'"type":"string"},"whole":{"description":"How many: more than none.","type":"integer"},"yes":{"type":"boolean"}},'
    b'"required":["text","whole"],"type":"object"}}'
)


def test_definition_of_simple_types_is_always_the_same():
    assert canonical(Tool(order).definition.model_dump()) == PINNED
    assert definition_hash(Tool(order).definition) == "85d5419c938efb92"


def schema_of(kind: Any) -> dict[str, Any]:
    def function(x):
        """Do it."""

    function.__annotations__["x"] = kind
    return Tool(function).definition.parameters


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        (dt.date, {"format": "date", "type": "string"}),
        (Annotated[int, Field(ge=1)], {"minimum": 1, "type": "integer"}),
        (Place, {"properties": {"town": {"type": "string"}}, "required": ["town"], "type": "object"}),
        (
            Address,
            {
                "properties": {
                    "lines": {"items": {"type": "string"}, "type": "array"},
                    "title": {"type": "string"},  # a field, and no title of a schema
                },
                "required": ["title", "lines"],
                "type": "object",
            },
        ),
        (Literal["a", 1], {"enum": ["a", 1]}),
    ],
)
def test_other_types_have_the_schema_of_pydantic_without_titles(kind, schema):
    assert schema_of(kind)["properties"]["x"] == schema


def test_type_that_contains_itself_is_defined_once():
    schema = schema_of(Tree)
    assert schema["properties"]["x"] == {"$ref": "#/$defs/Tree"}
    assert schema["$defs"]["Tree"]["properties"]["below"]["items"] == {"$ref": "#/$defs/Tree"}


@pytest.mark.parametrize(
    ("docstring", "told"),
    [
        (None, ("", {})),
        ("Sum.", ("Sum.", {})),
        (
            "Sum.\n\n    Args:\n        x: The x.\n            More.\n        *y: The y.\n",
            ("Sum.", {"x": "The x. More.", "y": "The y."}),
        ),
        (
            "Sum.\n\nParameters\n----------\nx : int\n    The x.\n    More.\ny\n    The y.\n\nReturns\n-------\nint\n",
            ("Sum.", {"x": "The x. More.", "y": "The y."}),
        ),
        (
            "Sum.\n\n:param int x: the x\n    more\n:param y: the y\n:returns: z",
            ("Sum.", {"x": "the x more", "y": "the y"}),
        ),
        ("Sum.\n\nArgs:\nnothing here", ("Sum.", {})),
        ("Note: this is text.\nArgs: so is this.", ("Note: this is text.\nArgs: so is this.", {})),
    ],
)
def test_docstrings_describe_parameters(docstring, told):
    assert documented(docstring) == told


def test_partial_has_the_description_of_its_function():
    def refund(shop: str, order_id: str) -> str:
        """Give money back.

        Args:
            order_id: The number on the parcel.
        """
        return ""

    tool = Tool(functools.partial(functools.partial(refund), "a shop"), name="refund")
    assert tool.definition.description == "Give money back."
    assert tool.definition.parameters["properties"] == {
        "order_id": {"type": "string", "description": "The number on the parcel."}
    }


def test_arguments_become_values_of_their_types():
    given = {"text": "x", "whole": 1, "real": 2, "color": "blue", "items": [{"name": "lamp"}]}
    values = Tool(order).arguments(json.dumps(given))
    assert values == {**given, "color": Color.BLUE, "items": [Item("lamp")]}


def test_no_text_is_no_arguments():
    assert Tool(lambda: "now", name="now").arguments("") == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "{",
            "the arguments are not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
        ("[1]", "the arguments are not a JSON object"),
        ('{"whole": 1}', "text: this parameter is required"),
        ('{"text": "x", "whole": "1"}', "whole: Input should be a valid integer"),
        ('{"text": "x", "whole": true}', "whole: Input should be a valid integer"),
        ('{"text": "x", "whole": 1, "no": 1}', "no: there is no such parameter"),
        ('{"text": "x", "whole": 1, "items": [{"n": 1}]}', "items.0.name: Field required"),
        ("[" * 200 + "]" * 200, "the arguments are not JSON: nested too deeply: more than 100 levels"),
    ],
)
def test_arguments_that_do_not_fit_are_named(text, problem):
    with pytest.raises(BadArguments) as caught:
        Tool(order).arguments(text)
    assert str(caught.value) == problem


def test_own_schema_is_sent_as_it_is_and_arguments_are_not_checked():
    schema = {"type": "object", "properties": {"x": {"type": "string"}}}
    tool = Tool(lambda **given: given, name="free", description="Anything.", schema=schema)
    assert tool.definition.model_dump() == {"name": "free", "description": "Anything.", "parameters": schema}
    assert tool.arguments('{"y": 1}') == {"y": 1}


def untyped(x):
    """Do it."""


def stars(*args: int) -> None:
    """Do it."""


def named(**more: int) -> None:
    """Do it."""


def positional(x: int, /) -> None:
    """Do it."""


def generator(x: int):
    """Do it."""
    yield x


def unknown_type(x: Nowhere) -> None:  # noqa: F821
    """Do it."""


WRONG = {
    "untyped": (untyped, "tool untyped: parameter 'x' has no type: write x: str, or what it is"),
    "*args": (stars, "tool stars: *args says nothing about its arguments: name them, each with a type"),
    "**kwargs": (named, "tool named: **more says nothing about its arguments: name them, each with a type"),
    "positional": (positional, "tool positional: parameter 'x' cannot be passed by name"),
    "generator": (generator, "tool generator: it is a generator; a tool returns its whole result"),
    "unknown type": (
        unknown_type,
        "tool unknown_type: name 'Nowhere' is not defined; the type of a parameter must be a name of its module",
    ),
    "no function": ("look_up", "tools: write a list of functions"),
    "no list": (order, "tools: write a list of functions"),
    "no tool": ([3], "tools: 3 is not a function, so it cannot be a tool"),
    "lambda": ([lambda x: x], "'<lambda>' cannot be the name of a tool"),
    "partial": ([functools.partial(order, "x")], "'' cannot be the name of a tool"),
    "two of one name": (
        [order, order],
        "two tools are named 'order'; write Tool(function, name='...') for one of them",
    ),
}


@pytest.mark.parametrize(("given", "problem"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_a_tool_is_refused_at_once(given, problem):
    tools = [given] if callable(given) and given is not order else given
    with pytest.raises(ConfigurationError) as caught:
        Speaker("Bob", model="openai:x", tools=tools)
    assert problem in str(caught.value)
    assert " at 0x" not in str(caught.value)


class Odd:
    pass


ODD_INSIDE = [list["Odd"], dict[str, "Odd"], list["Nowhere"], Annotated["Nowhere", "A thing."]]  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize("kind", [Odd, [int], "Odd", *ODD_INSIDE])
def test_type_without_a_schema_is_refused(kind):
    with pytest.raises(
        ConfigurationError, match="tool function: the type of parameter 'x' has no JSON schema"
    ):
        schema_of(kind)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": "look up"}, "'look up' cannot be the name of a tool"),
        ({"name": "x" * 65}, "cannot be the name of a tool"),
        ({"timeout_s": 0}, "tool order: timeout_s is 0, not a number of seconds above 0"),
        ({"timeout_s": True}, "tool order: timeout_s is True, not a number of seconds above 0"),
        ({"schema": {"type": "string"}}, "tool order: its schema must be that of an object"),
        ({"schema": {"type": "object", "x": object()}}, "tool order: its schema is not JSON"),
    ],
)
def test_wrong_argument_of_a_tool_is_named(changes, problem):
    with pytest.raises(ConfigurationError) as caught:
        Tool(order, **changes)
    assert problem in str(caught.value)


def answer(messages: list[dict[str, str]]) -> str:
    return "Yes."


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (
            {"model": answer, "tools": [order]},
            "tools have no effect on callable:answer: code of your own calls",
        ),
        ({"tool_rounds": 3}, "tool_rounds has no effect without tools"),
        (
            {"tools": [order], "tool_rounds": 0},
            "tool_rounds: Input should be greater than or equal to 1 (got 0)",
        ),
        ({"tools": [order], "extra": {"tools": []}}, "extra has 'tools', too; write them in tools= only"),
    ],
)
def test_tools_without_an_effect_are_refused(fields, problem):
    with pytest.raises(ConfigurationError) as caught:
        Speaker("Bob", **fields)
    assert problem in str(caught.value)
    with pytest.raises(ConfigurationError) as caught:
        Scenario.build({"b": fields})
    assert problem in str(caught.value)


@pytest.mark.parametrize("model", ["scripted:echo", "https://bot.example/chat"])
def test_model_that_takes_no_tools_is_refused_when_the_models_are_known(model):
    scenario = Scenario.build({"b": Speaker("Bob", tools=[order])})
    assert Settings(default_model="openai:x").cast(scenario).b.tools == scenario.b.tools
    with pytest.raises(ConfigurationError, match=f"Bob has tools, but {model} takes none: use a model of"):
        Settings(overrides={"Bob": model}).cast(scenario)
