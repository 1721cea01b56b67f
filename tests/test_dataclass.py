import dataclasses
import inspect
from dataclasses import KW_ONLY, field
from typing import Any

import pytest

from pytest_duolog.dataclass import dataclass


class Empty:
    pass


class Values:
    """With every kind of field."""

    name: str
    number: float = 1.5
    default: int = 1
    set: int = 2
    items: list[int] = field(default_factory=list)
    quiet: str = field(default="", repr=False, compare=False)
    counted: int = field(init=False)
    made: dict[str, int] = field(init=False, default_factory=dict)
    _: KW_ONLY
    wanted: bool
    more: Any = None

    def __post_init__(self):
        object.__setattr__(self, "counted", len(self.items))


class One:
    one: float


class Special:
    one: float

    def __repr__(self):
        return "special"

    def __hash__(self):
        return 7


def both(cls, **flags):
    """The class as the standard decorator makes it, and as ours does."""
    content = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
    return [
        make(**flags)(type(cls.__name__, (), dict(content))) for make in (dataclasses.dataclass, dataclass)
    ]


FLAGS = [{}, {"frozen": True}, {"eq": False}, {"frozen": True, "eq": False}]


@pytest.mark.parametrize("flags", FLAGS, ids=str)
@pytest.mark.parametrize("cls", [Empty, Values, One, Special])
def test_the_class_is_as_the_standard_decorator_makes_it(cls, flags):
    standard, ours = both(cls, **flags)
    assert str(inspect.signature(ours)) == str(inspect.signature(standard))
    assert [vars(found) for found in map(shown, dataclasses.fields(ours))] == [
        vars(found) for found in map(shown, dataclasses.fields(standard))
    ]
    assert (ours.__hash__ is None) == (standard.__hash__ is None)
    assert ours.__match_args__ == standard.__match_args__


def shown(made):
    return type("Shown", (), {name: getattr(made, name) for name in ("name", "type", "init", "kw_only")})()


GIVEN = [
    (Empty, [{}]),
    (
        Values,
        [
            {"name": "a", "wanted": True},
            {"name": "a", "wanted": True, "quiet": "is not compared"},
            {"name": "a", "wanted": False, "items": [1], "more": {}},
        ],
    ),
    (One, [{"one": 1}, {"one": float("nan")}]),
    (Special, [{"one": 1}]),
]


@pytest.mark.parametrize("flags", FLAGS, ids=str)
@pytest.mark.parametrize(("cls", "given"), GIVEN, ids=[cls.__name__ for cls, _ in GIVEN])
def test_objects_are_as_those_of_the_standard_decorator(cls, given, flags):
    standard, ours = ([made(**values) for values in given] for made in both(cls, **flags))
    for theirs, own in zip(standard, ours, strict=True):
        assert vars(own) == vars(theirs)
        assert repr(own) == repr(theirs)
        assert dataclasses.asdict(own) == dataclasses.asdict(theirs)
        assert [own == other for other in ours] == [theirs == other for other in standard]
        assert own != theirs
        assert dataclasses.replace(own) is not own


def test_defaults_are_made_for_each_object():
    _, ours = both(Values)
    first, second = ours("a", wanted=True), ours("a", wanted=True)
    assert first.items is not second.items
    assert first.made is not second.made


def test_equal_objects_have_one_hash():
    _, ours = both(One, frozen=True)
    assert len({ours(1), ours(1.0), ours(2)}) == 2
    _, ours = both(Special, frozen=True)
    assert hash(ours(1)) == 7


def test_a_frozen_object_cannot_be_changed():
    _, ours = both(Special, frozen=True)
    made = ours(1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="one"):
        made.one = 2
    with pytest.raises(dataclasses.FrozenInstanceError, match="one"):
        del made.one
    assert made.one == 1


@pytest.mark.parametrize("wrong", [(), (1, 2)])
def test_wrong_arguments_are_refused(wrong):
    _, ours = both(Special)
    with pytest.raises(TypeError, match=r"Special\.__init__\(\)"):
        ours(*wrong)


@pytest.mark.parametrize("frozen", [True, False])
def test_a_class_is_derived_with_the_standard_decorator(frozen):
    _, ours = both(Special, frozen=frozen)

    @dataclasses.dataclass(frozen=frozen)
    class Derived(ours):
        two: int = 2

    assert vars(Derived(1)) == {"one": 1, "two": 2}
    assert Derived(1) == Derived(1) != Derived(3)


def test_an_object_that_holds_itself_is_shown():
    _, ours = both(Values)
    made = ours("a", wanted=True)
    made.more = made
    assert repr(made).endswith("more=...)")
