"""What all stored values have in common: they are frozen, strict, and hold only text that a file can hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeVar, dataclass_transform

from pydantic import ConfigDict, Field, GetCoreSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema, core_schema

from pytest_duolog.dataclass import slotted
from pytest_duolog.display import among_known

Value = TypeVar("Value", bound="Record")


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


class Word(StrEnum):
    """Base of the words that tests compare results with; another text is a mistake, and `!=` would always be true."""

    if not TYPE_CHECKING:  # for type checkers, `==` tells the words apart as in any enum

        def __eq__(self, other: object) -> bool:
            """Raises ValueError for a text that is none of the words."""
            if type(other) is str and other not in (known := [word.value for word in type(self)]):
                raise ValueError(f"{other!r} is no {type(self).__name__}{among_known(other, known)}")
            return str.__eq__(self, other)

        def __ne__(self, other: object) -> bool:
            return not self == other

        __hash__ = StrEnum.__hash__


def _adapter(kind: Any) -> TypeAdapter[Any]:
    built: TypeAdapter[Any] = TypeAdapter(kind)
    # From here pydantic takes it for the classes that have values of this one, and does not make it again.
    kind.__pydantic_core_schema__ = built.core_schema
    return built


# What checks and writes the values of a class; it is built at the first call.
adapter: Callable[[Any], TypeAdapter[Any]] = cache(_adapter)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(Field,))
def stored(cls: type[Value]) -> type[Value]:
    """Make a class of stored values; its base is `Record`.

    To compare a value with a text raises TypeError: `message != "Hello."` and `"Hello." not in messages` would always
    be true.
    """
    made = slotted(cls)
    equal: Callable[..., bool] = made.__eq__

    def equal_or_refused(self: Any, other: object) -> bool:
        if isinstance(other, str):
            names = ", ".join(field.name for field in fields(self))
            raise TypeError(
                f"a {made.__name__} ({names}) is no text, so it never equals one: compare a field of it"
            )
        return equal(self, other)

    made.__eq__ = equal_or_refused  # type: ignore[method-assign, assignment]
    return made


class Record:
    """Base of stored values: frozen, and an unknown field is an error, because files are not trusted.

    pydantic checks and writes them. A record of a run has very many, so they are dataclasses with slots, which need
    less memory and time than models. Their methods are named as those of a model. A class builds its validator at its
    first use, because a replay uses few of them.
    """

    __slots__ = ()
    __pydantic_config__ = ConfigDict(extra="forbid")
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def __init__(self, **given: Any) -> None:
        """Raises ValidationError if a field is missing, unknown or wrong."""
        adapter(type(self)).validator.validate_python(given, self_instance=self)

    @classmethod
    def model_validate(cls, value: Any) -> Self:
        """The value in plain data. Raises ValidationError."""
        found: Self = adapter(cls).validate_python(value)
        return found

    @classmethod
    def model_validate_json(cls, text: str | bytes) -> Self:
        """The value in JSON. Raises ValidationError."""
        found: Self = adapter(cls).validate_json(text)
        return found

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """Plain data, with the options of `TypeAdapter.dump_python`."""
        data: dict[str, Any] = adapter(type(self)).dump_python(self, **options)
        return data

    def model_dump_json(self, **options: Any) -> str:
        """JSON, with the options of `TypeAdapter.dump_json`."""
        return adapter(type(self)).dump_json(self, **options).decode()

    def model_copy(self, *, update: Mapping[str, Any]) -> Self:
        """The same with other values for some fields, which are not checked."""
        copied = object.__new__(type(self))
        copied.__setstate__({**self.__getstate__(), **update})
        return copied

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __setstate__(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)
