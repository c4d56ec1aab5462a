"""Values that threads get: had, failed, late, and lacking."""

from __future__ import annotations

import threading
import time

import pytest

from composetasks.run.bounded import Bounded, Late, Unavailable


def fails() -> int:
    raise LookupError("not there")


def test_a_value_is_had_once_it_is_there() -> None:
    go = threading.Event()
    bounded = Bounded(lambda: go.wait(30), 30)
    go.set()
    assert bounded.value() is True
    assert bounded.or_unavailable() is True


def test_what_getting_it_raised_is_raised_to_who_asks() -> None:
    with pytest.raises(LookupError, match="not there"):
        Bounded(fails, 30).value()


def test_who_needs_it_hears_what_is_lacking_whatever_the_reason() -> None:
    with pytest.raises(Unavailable, match="needs the engine") as caught:
        Bounded(fails, 30, "the engine").or_unavailable()
    assert isinstance(caught.value.__cause__, LookupError)


def test_one_that_hangs_is_late_and_holds_up_no_other() -> None:
    never = threading.Event()
    began = time.monotonic()
    hanging = Bounded(never.wait, 0.1)
    assert Bounded(lambda: 1, 30).value() == 1
    with pytest.raises(Late, match=r"no answer within 0\.1 s"):
        hanging.value()
    with pytest.raises(Unavailable):
        hanging.or_unavailable()
    assert time.monotonic() - began < 20
    never.set()
