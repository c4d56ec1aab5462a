"""A plan is made of values: in every test of this folder the network, files, programs and the clock
are forbidden to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.pure import pure


@pytest.fixture(autouse=True)
def nothing_but_values() -> Iterator[None]:
    with pure():
        yield
