"""A YAML serializer for vcrpy that limits the size to which an untrusted file can expand."""

from __future__ import annotations

import re
from typing import Any

import yaml
from vcr.serializers import yamlserializer

from pytest_duolog.storage.yaml_bounds import (
    LONGEST_NUMBER,
    MOST_REFERENCES,
    UnfoldsTooFar,
    has_too_many_references,
    unfolds_beyond,
)

# An anchor of an alias; text can look the same, so a file with a match is checked in detail.
ANCHOR = re.compile(r"(?:^|[\s\[{,:?-])&[\w-]", re.MULTILINE)

# The size that aliases may add: vcrpy itself writes aliases for objects that a user's hooks return twice.
MOST_BYTES = 16 * 1024 * 1024
MOST_TIMES = 10


def _number(loader: Any, node: yaml.ScalarNode) -> Any:
    if len(node.value) > LONGEST_NUMBER:
        raise UnfoldsTooFar(f"it contains a number with {len(node.value)} characters")
    is_int = node.tag == "tag:yaml.org,2002:int"
    return loader.construct_yaml_int(node) if is_int else loader.construct_yaml_float(node)


_SERIALIZER = yamlserializer.with_custom_tags(
    dict.fromkeys(("tag:yaml.org,2002:int", "tag:yaml.org,2002:float"), _number)
)


class BoundedYaml:
    """A serializer for vcrpy."""

    @staticmethod
    def deserialize(text: str) -> Any:
        """The value of a cassette.

        Raises UnfoldsTooFar if it would expand to much more than the file's size, or has too many anchors.
        """
        if ANCHOR.search(text):
            _check_unfolded(text)
        return _SERIALIZER.deserialize(text)

    @staticmethod
    def serialize(value: Any) -> str:
        """The text of a cassette."""
        return str(yamlserializer.serialize(value))


def _check_unfolded(text: str) -> None:
    if has_too_many_references(text):
        raise UnfoldsTooFar(f"it has more than {MOST_REFERENCES:,} anchors and aliases")
    limit = MOST_TIMES * len(text) + MOST_BYTES
    root = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    if root is not None and unfolds_beyond(limit, root):
        raise UnfoldsTooFar(f"its aliases expand to more than {limit:,} bytes")
