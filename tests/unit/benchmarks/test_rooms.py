"""The clock that tells where the time of a run goes."""

from __future__ import annotations

import importlib

import pytest

from benchmarks.rooms import DEEP, ROOMS, Clock, timed

PLACES = [place for places in (ROOMS | DEEP).values() for place in places]


@pytest.mark.parametrize("place", PLACES)
def test_every_door_that_is_watched_is_there(place: str) -> None:
    path, _, name = place.rpartition(".")
    try:
        owner = importlib.import_module(path)
    except ModuleNotFoundError:
        module, _, kind = path.rpartition(".")
        owner = getattr(importlib.import_module(module), kind)
    assert callable(getattr(owner, name))


def test_time_in_a_room_within_a_room_counts_there() -> None:
    clock = Clock()
    inner = timed(clock, "inner", lambda: None)
    outer = timed(clock, "outer", inner)
    outer()
    assert clock.rooms == ["Invoke, settings, lock"]
    assert set(clock.took) == {"Invoke, settings, lock", "outer", "inner"}


def test_a_room_may_be_left_while_another_thread_is_in_one_it_entered_later() -> None:
    clock = Clock()
    clock.enter("a build")
    clock.enter("imports")
    clock.leave("a build")
    assert clock.rooms == ["Invoke, settings, lock", "imports"]
