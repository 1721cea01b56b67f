"""Limits the size to which an untrusted YAML file can expand.

An alias (`*a`) stands for a whole value, which can contain aliases itself: a few hundred bytes can expand to gigabytes
when the value is traversed, although PyYAML reads such a file quickly.
"""

from __future__ import annotations

from collections.abc import Iterator

import yaml

# Reading numbers in base 60 (`1:30:00`, YAML 1.1) takes time that grows with the square of their length.
LONGEST_NUMBER = 100


class UnfoldsTooFar(ValueError):
    """Reading the file would take much more memory or time than its size."""


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
