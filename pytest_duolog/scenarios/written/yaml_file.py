"""Reads YAML: only plain values, no tags that create objects, and aliases that do not expand to much more text.

It uses PyYAML, because vcrpy requires it and its nodes have lines and columns. Nodes are read one by one, because
PyYAML's constructors silently use the last of two equal keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from pytest_duolog.display import shorten
from pytest_duolog.scenarios.written.places import FIRST, Misread, Place, Way, Written
from pytest_duolog.storage.json_text import DEEPEST
from pytest_duolog.storage.yaml_bounds import (
    LONGEST_NUMBER,
    MOST_REFERENCES,
    has_too_many_references,
    unfolds_beyond,
)

# The number of characters that aliases may add to a file.
MOST_TIMES = 10
MOST_BYTES = 1024 * 1024

# The loader in C if it is available: the other one takes quadratic time for nested brackets.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

TAG = "tag:yaml.org,2002:"
MERGE = f"{TAG}merge"


def read(text: str) -> Written:
    """The values of a YAML text; raises Misread if it is not YAML, or has other values than plain ones."""
    try:
        if has_too_many_references(text):
            raise Misread(FIRST, f"it has more than {MOST_REFERENCES:,} anchors and aliases")
        root = yaml.compose(text, Loader=LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = ", ".join(part for part in (error.context, error.problem) if part)
        raise Misread(_place(mark) if mark else FIRST, problem) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Misread(
            Place(line, 1), f"a character that YAML does not allow: {chr(error.character)!r}"
        ) from None
    except RecursionError:
        raise Misread(FIRST, f"nested too deeply: more than {DEEPEST} levels") from None
    if root is None:
        return Written(None)
    limit = MOST_TIMES * len(text) + MOST_BYTES
    if unfolds_beyond(limit, root):
        raise Misread(FIRST, f"its aliases expand to more than {limit:,} characters")
    places: dict[Way, Place] = {}
    return Written(_value(root, (), places), places)


def _place(mark: yaml.Mark) -> Place:
    return Place(mark.line + 1, mark.column + 1)


def _value(node: yaml.Node, way: Way, places: dict[Way, Place]) -> Any:
    place = _place(node.start_mark)
    places.setdefault(way, place)  # for a value with a key, the place of the key
    if len(way) > DEEPEST:
        raise Misread(place, f"nested too deeply: more than {DEEPEST} levels")
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    if isinstance(node, yaml.SequenceNode) and node.tag == f"{TAG}seq":
        return [_value(item, (*way, number), places) for number, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode) and node.tag == f"{TAG}map":
        return _mapping(node, way, places)
    raise _of_other_kind(node)


def _mapping(node: yaml.MappingNode, way: Way, places: dict[Way, Place]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    merged: dict[str, Any] = {}
    for key_node, value_node in node.value:
        place = _place(key_node.start_mark)
        if key_node.tag == MERGE:
            for mapping in _merged(value_node):
                merged = {**_mapping(mapping, way, {}), **merged}
            continue
        key = _value(key_node, (), {})
        if not isinstance(key, str):
            raise Misread(place, f"a key must be text, not {key!r:.60}: put it in quotation marks")
        if key in found:
            raise Misread(place, f"the key {shorten(key, 40)} occurs twice")
        places[(*way, key)] = place
        found[key] = _value(value_node, (*way, key), places)
    return {**merged, **found}


def _merged(node: yaml.Node) -> Iterator[yaml.MappingNode]:
    """The mappings that `<<` includes, in order."""
    for part in node.value if isinstance(node, yaml.SequenceNode) else [node]:
        if not isinstance(part, yaml.MappingNode):
            raise Misread(_place(part.start_mark), "`<<` can only include mappings")
        yield part


def _scalar(node: yaml.ScalarNode) -> Any:
    place, kind = _place(node.start_mark), node.tag.removeprefix(TAG)
    if kind in ("str", "timestamp"):
        return node.value
    if kind in ("int", "float") and len(node.value) > LONGEST_NUMBER:
        raise Misread(place, f"a number with {len(node.value)} characters")
    constructor = yaml.constructor.SafeConstructor()
    try:
        match kind:
            case "null":
                return None
            case "bool":
                return constructor.construct_yaml_bool(node)
            case "int":
                return constructor.construct_yaml_int(node)
            case "float":
                return constructor.construct_yaml_float(node)
    except (ValueError, KeyError, OverflowError):
        raise Misread(place, f"{shorten(node.value, 40)} is not a {kind}") from None
    raise _of_other_kind(node)


def _of_other_kind(node: yaml.Node) -> Misread:
    tag = node.tag.replace(TAG, "!!")
    return Misread(
        _place(node.start_mark),
        f"the tag {shorten(tag, 60)} is not accepted: values are text, numbers, true, false, null, "
        "lists and mappings",
    )
