"""What all stored values have in common: they are frozen, strict, and hold only text that a file can hold."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


def storable(text: str) -> str:
    """`text` with `?` for each lone surrogate: some models send them, and UTF-8 cannot encode them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


class _Storable:
    """Makes text storable unless it comes from JSON, whose parser accepts no lone surrogates."""

    @staticmethod
    def __get_pydantic_core_schema__(source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = handler(source)
        checked = core_schema.no_info_after_validator_function(storable, text)
        return core_schema.json_or_python_schema(json_schema=text, python_schema=checked)


Text = Annotated[str, _Storable]


class Record(BaseModel):
    """Base of stored values: frozen, and an unknown field is an error, because files are not trusted.

    A class builds its validator at its first use, because a replay uses few of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
