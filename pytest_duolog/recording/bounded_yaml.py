"""vcrpy's YAML, for files from strangers: what a small file may unfold to is bounded.

An alias (`*a`) stands for a whole value, and a value of aliases for as many: a few hundred bytes make gigabytes as soon
as somebody walks through them. PyYAML reads such a file at once, and vcrpy walks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml
from vcr.serializers import yamlserializer

# What an alias stands for is named so, and so is text now and then; only a file that has it is looked at closely.
ANCHOR = re.compile(r"(?:^|[\s\[{,:?-])&[\w-]", re.MULTILINE)

# What aliases may add: vcrpy itself writes them, for objects that a user's hooks gave it twice.
MOST_BYTES = 16 * 1024 * 1024
MOST_TIMES = 10

# Numbers in base 60 (`1:30:00`), which YAML 1.1 has, take the square of their length.
LONGEST_NUMBER = 100


class UnfoldsTooFar(ValueError):
    """Reading the file would take much more memory or time than its length suggests."""


def _number(loader: Any, node: yaml.ScalarNode) -> Any:
    if len(node.value) > LONGEST_NUMBER:
        raise UnfoldsTooFar(f"it holds a number of {len(node.value)} characters")
    is_int = node.tag == "tag:yaml.org,2002:int"
    return loader.construct_yaml_int(node) if is_int else loader.construct_yaml_float(node)


_SERIALIZER = yamlserializer.with_custom_tags(
    dict.fromkeys(("tag:yaml.org,2002:int", "tag:yaml.org,2002:float"), _number)
)


class BoundedYaml:
    """A serializer of vcrpy's."""

    @staticmethod
    def deserialize(text: str) -> Any:
        """The value of a cassette. Raises UnfoldsTooFar if it would unfold to much more than the file holds."""
        if ANCHOR.search(text):
            _check_unfolded(text)
        return _SERIALIZER.deserialize(text)

    @staticmethod
    def serialize(value: Any) -> str:
        """The text of a cassette."""
        return str(yamlserializer.serialize(value))


def _check_unfolded(text: str) -> None:
    limit = MOST_TIMES * len(text) + MOST_BYTES
    root = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    if root is not None and _unfolds_beyond(limit, root):
        raise UnfoldsTooFar(f"its aliases unfold to more than {limit:,} bytes")


def _unfolds_beyond(limit: int, root: yaml.Node) -> bool:
    """Whether the text would be longer than `limit` without aliases, as one that holds itself would."""
    sizes: dict[int, int] = {}
    around = {id(root)}
    path = [(root, _children(root))]
    while path:
        node, children = path[-1]
        child = next(children, None)
        if child is None:
            path.pop()
            around.discard(id(node))
            own = len(node.value) if isinstance(node, yaml.ScalarNode) else 1
            sizes[id(node)] = own + sum(sizes[id(inner)] for inner in _children(node))
            if sizes[id(node)] > limit:
                return True
        elif id(child) in around:
            return True
        elif id(child) not in sizes:
            around.add(id(child))
            path.append((child, _children(child)))
    return False


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
