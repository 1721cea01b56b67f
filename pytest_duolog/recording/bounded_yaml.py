"""vcrpy's YAML, for files from strangers: what a small file may unfold to is bounded."""

from __future__ import annotations

import re
from typing import Any

import yaml
from vcr.serializers import yamlserializer

from pytest_duolog.storage.yaml_bounds import LONGEST_NUMBER, UnfoldsTooFar, unfolds_beyond

# What an alias stands for is named so, and so is text now and then; only a file that has it is looked at closely.
ANCHOR = re.compile(r"(?:^|[\s\[{,:?-])&[\w-]", re.MULTILINE)

# What aliases may add: vcrpy itself writes them, for objects that a user's hooks gave it twice.
MOST_BYTES = 16 * 1024 * 1024
MOST_TIMES = 10


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
    if root is not None and unfolds_beyond(limit, root):
        raise UnfoldsTooFar(f"its aliases unfold to more than {limit:,} bytes")
