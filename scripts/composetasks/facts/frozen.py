"""``@frozen``: frozen dataclasses at a quarter of their usual cost for a start.

:mod:`dataclasses` writes and compiles six methods for each class; for some 130 classes this took a
fifth of an empty ``up``. Only ``__init__`` has to be specific to a class; the other methods are
shared and defined here. ``__init__`` is compiled when the first instance is created: two thirds of
the classes have none in a start. mypy, not the interpreter, rejects assignments to fields.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform

    @dataclass_transform(frozen_default=True, field_specifiers=(field,))
    def frozen(cls: type[T]) -> type[T]: ...

else:

    def frozen(cls: type[T]) -> type[T]:
        """Make the class a value class: instances are compared and hashed by their fields, as with
        ``dataclass(frozen=True)``, and work with ``fields``, ``replace`` and ``asdict``."""
        value_class = dataclass(init=False, eq=False, repr=False)(cls)
        for method in (__init__, __eq__, __hash__, __repr__):
            if method.__name__ not in cls.__dict__:
                setattr(cls, method.__name__, method)
        return value_class


def __init__(self: Any, *values: Any, **named: Any) -> None:
    """Replace this with the ``__init__`` of a dataclass derived from the class, then call that."""
    kind: Any = next(one for one in type(self).__mro__ if one.__dict__.get("__init__") is __init__)
    # Without a docstring, dataclasses would generate one from the signature.
    below: Any = type(kind.__name__, (kind,), {"__doc__": kind.__doc__ or "A value."})
    below = dataclass(eq=False, repr=False)(below)
    kind.__init__ = below.__init__
    below.__init__(self, *values, **named)


def _compared(self: Any) -> tuple[Any, ...]:
    return tuple(getattr(self, one.name) for one in fields(self) if one.compare)


def __eq__(self: Any, other: object) -> bool:
    if type(self) is not type(other):
        return NotImplemented
    return _compared(self) == _compared(other)


def __hash__(self: Any) -> int:
    return hash(_compared(self))


def __repr__(self: Any) -> str:
    shown = (f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"
