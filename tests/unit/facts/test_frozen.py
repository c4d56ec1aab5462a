"""What a fact is made with: it is what ``dataclass(frozen=True)`` would make of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import pytest

from composetasks.facts.frozen import frozen


def classes(decorator: Callable[[type], Any]) -> tuple[Any, Any]:
    """A class made by a decorator, and one that inherits it."""

    @decorator
    class Port:
        """A port."""

        number: int
        names: tuple[str, ...] = ()
        raw: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    @decorator
    class Published(Port):
        """A port with a host."""

        host: str = ""

    return Port, Published


OURS = classes(frozen)
THEIRS = classes(dataclass(frozen=True))


@pytest.mark.parametrize(("ours", "theirs"), [*zip(OURS, THEIRS, strict=True)])
def test_it_looks_is_equal_and_hashed_like_the_standard_librarys(ours: Any, theirs: Any) -> None:
    made, like = ours(1, ("a",), {"b": "c"}), theirs(1, ("a",), {"b": "c"})
    assert repr(made).split(".")[-1] == repr(like).split(".")[-1]
    assert hash(made) == hash(like)
    assert made == ours(1, ("a",), {}) != ours(2, ("a",))
    assert replace(made, number=3) == ours(3, ("a",))
    assert asdict(made) == asdict(like)
    assert [one.name for one in fields(ours)] == [one.name for one in fields(theirs)]


def test_a_class_and_one_that_inherits_it_are_never_equal() -> None:
    port, published = OURS
    assert port(1) != published(1)


def test_a_method_of_the_class_itself_stays() -> None:
    @frozen
    class Named:
        name: str

        def __repr__(self) -> str:
            return self.name

    assert repr(Named("kafka")) == "kafka"


@pytest.mark.parametrize("decorator", [frozen, dataclass(frozen=True)])
def test_a_class_below_may_make_its_values_in_its_own_way(decorator: Callable[[type], Any]) -> None:
    class Http(classes(decorator)[0]):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(80)

    assert [Http().number for _ in range(2)] == [80, 80]


@pytest.mark.parametrize("arguments", [(), (1, (), {}, "", 5)])
@pytest.mark.parametrize("times", ["first", "second"])
def test_what_no_value_is_made_of_is_refused_like_the_standard_librarys(
    times: str, arguments: tuple[Any, ...]
) -> None:
    said = []
    for decorator in (frozen, dataclass(frozen=True)):
        kind = classes(decorator)[1]
        if times == "second":
            kind(1)
        with pytest.raises(TypeError) as refused:
            kind(*arguments)
        said.append(str(refused.value).split("__init__")[-1])
    assert said[0] == said[1]
