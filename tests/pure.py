"""Holds plans to be pure: while :func:`pure` lasts, nothing that the rooms of values do may open a
file, talk to anybody, start a program or look at a clock, by whatever it is handed."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from composetasks import facts, plan

ROOMS = tuple(str(Path(str(room.__file__)).parent) for room in (plan, facts))
FORBIDDEN = ("open", "socket.", "subprocess.", "os.", "shutil.", "tempfile.", "glob.", "pathlib.")
CLOCKS = ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "sleep")
_active: list[bool] = []


def _of_a_plan() -> bool:
    """Whether a function of these rooms is under way, and not for an import of its own."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if "importlib" in name:
            return False
        if name.startswith(ROOMS):
            return True
        frame = frame.f_back
    return False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _active and event.startswith(FORBIDDEN) and _of_a_plan():
        raise AssertionError(f"a plan does {event} {arguments}")


sys.addaudithook(_hook)


def _watched(name: str, clock: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(clock)
    def watched(*arguments: Any) -> Any:
        assert not _of_a_plan(), f"a plan calls time.{name}"
        return clock(*arguments)

    return watched


@contextmanager
def pure() -> Iterator[None]:
    """Raise AssertionError in whatever a plan does that is not made of its arguments alone."""
    with pytest.MonkeyPatch.context() as patch:
        for name in CLOCKS:
            patch.setattr(time, name, _watched(name, getattr(time, name)))
        _active.append(True)
        try:
            yield
        finally:
            _active.pop()
