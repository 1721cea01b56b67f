"""Limits the size to which an untrusted YAML file can expand.

An alias (`*a`) stands for a whole value, which can contain aliases itself: a few hundred bytes can expand to gigabytes
when the value is traversed, although PyYAML reads such a file quickly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

import yaml

# Reading numbers in base 60 (`1:30:00`, YAML 1.1) takes time that grows with the square of their length.
LONGEST_NUMBER = 100
# The number of anchors and aliases together: PyYAML takes 10 to 50 times as long for each as for a plain value.
MOST_REFERENCES = 10_000
# An anchor or an alias; text can look the same, so a file with many matches is read in detail.
_REFERENCE = re.compile(r"(?:^|[\s\[{,:?-])[&*][\w-]", re.MULTILINE)
# The parser in C if it is available.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class UnfoldsTooFar(ValueError):
    """Reading the file would take much more memory or time than its size."""


def has_too_many_references(text: str) -> bool:
    """Whether a text has more than MOST_REFERENCES anchors and aliases. Raises yaml.YAMLError if it is not YAML."""
    if next(islice(_REFERENCE.finditer(text), MOST_REFERENCES, None), None) is None:
        return False
    events = yaml.parse(text, Loader=_LOADER)
    found = (event for event in events if getattr(event, "anchor", None) is not None)
    return next(islice(found, MOST_REFERENCES, None), None) is not None


def unfolds_beyond(limit: int, root: yaml.Node) -> bool:
    """Whether the text would be longer than `limit` without aliases; also true for a value that contains itself."""
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
