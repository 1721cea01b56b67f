"""Dataclasses that are made quickly, for modules that a replay or a collection imports.

The standard decorator compiles up to six methods for each class, one after the other. This one compiles `__init__`; the
others are functions that all classes share. A class of either kind can be derived from one of these with the standard
decorator, but not with this one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, fields
from dataclasses import dataclass as standard
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass", "slotted"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls: type | None = None, /, *, frozen: bool = False, eq: bool = True) -> Any:
        """Make a dataclass as the standard decorator does, with a shared `__repr__`, `__eq__` and the like."""
        return _made(cls, frozen, eq) if cls else lambda cls: _made(cls, frozen, eq)


class _OfFactory:
    """Stands in a signature for a default that is made anew for each object."""

    def __repr__(self) -> str:
        return "<factory>"


_OF_FACTORY = _OfFactory()


def slotted(cls: type) -> type:
    """A frozen dataclass with slots, with arguments by name for the `__init__` of its base."""
    return _made(cls, frozen=True, eq=True, slots=True)


def _made(cls: type, frozen: bool, eq: bool, *, slots: bool = False) -> type:
    own = cls.__dict__
    # Without a docstring, the standard decorator would write one from the signature.
    cls.__doc__ = cls.__doc__ or cls.__name__
    cls = standard(init=False, repr=False, eq=False, slots=slots, kw_only=slots)(cls)
    methods: dict[str, Any] = {"__repr__": _repr}
    if not slots:
        methods["__init__"] = _init(cls, frozen)
    if eq:
        methods |= _comparing(cls, frozen)
    if frozen:
        methods |= {"__setattr__": _keep, "__delattr__": _keep}
        cls.__dataclass_params__.frozen = True  # type: ignore[attr-defined]
    for name in methods.keys() - own.keys():
        setattr(cls, name, methods[name])
    return cls


def _init(cls: type, frozen: bool) -> Callable[..., None]:
    given: dict[str, Any] = {"_set": object.__setattr__, "_default": _OF_FACTORY}
    positional, named, body = ["self"], list[str](), list[str]()
    for field in fields(cls):
        name, value = field.name, field.name
        if field.default_factory is not MISSING:
            given[f"_new_{name}"] = field.default_factory
            value = f"_new_{name}()"
        if field.init:
            default = ""
            if field.default is not MISSING:
                given[f"_of_{name}"], default = field.default, f"=_of_{name}"
            elif field.default_factory is not MISSING:
                value, default = f"{value} if {name} is _default else {name}", "=_default"
            (named if field.kw_only else positional).append(name + default)
        elif field.default_factory is MISSING:
            continue
        body.append(f"_set(self, {name!r}, {value})" if frozen else f"self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    signature = ", ".join([*positional, *(["*", *named] if named else [])])
    exec(f"def __init__({signature}):\n " + "\n ".join(body or ["pass"]), given)  # noqa: S102  # as dataclasses does
    init: Callable[..., None] = given["__init__"]
    init.__annotations__ = {field.name: field.type for field in fields(cls) if field.init} | {"return": None}
    init.__qualname__, init.__module__ = f"{cls.__qualname__}.__init__", cls.__module__
    return init


@recursive_repr()
def _repr(self: Any) -> str:
    shown = (f"{field.name}={getattr(self, field.name)!r}" for field in fields(self) if field.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _keep(_self: Any, name: str, *_: Any) -> None:
    raise FrozenInstanceError(f"cannot assign to or delete field {name!r}")


def _comparing(cls: type, frozen: bool) -> dict[str, Any]:
    names = [field.name for field in fields(cls) if field.compare]
    # Of one field, too, the key is a tuple: an object is then equal to itself whatever it says.
    key: Callable[[Any], Any] = (
        attrgetter(*names) if len(names) > 1 else lambda self: tuple(getattr(self, name) for name in names)
    )

    def equal(self: Any, other: Any) -> Any:
        return key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented

    def hashed(self: Any) -> int:
        return hash(key(self))

    return {"__eq__": equal, "__hash__": hashed if frozen else None}
