"""How far a YAML file from a stranger unfolds.

An alias (`*a`) stands for a whole value, and a value of aliases for as many: a few hundred bytes make gigabytes as soon
as somebody walks through them. PyYAML reads such a file at once.
"""

from __future__ import annotations

from collections.abc import Iterator

import yaml

# Numbers in base 60 (`1:30:00`), which YAML 1.1 has, take the square of their length.
LONGEST_NUMBER = 100


class UnfoldsTooFar(ValueError):
    """Reading the file would take much more memory or time than its length suggests."""


def unfolds_beyond(limit: int, root: yaml.Node) -> bool:
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
