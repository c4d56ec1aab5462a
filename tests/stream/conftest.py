"""One Kafka, PostgreSQL and job for a session; healed after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stream.database import Database
from tests.stream.stack import ROOT, Stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The services, started."""
    with Stack.running(ROOT, {}) as result:
        yield result


@pytest.fixture(autouse=True)
def healed(stack: Stack) -> Iterator[None]:
    """Whatever a test does to the services is over when the next one begins."""
    stack.feed("good")
    yield
    stack.heal()
    stack.wait_until_streaming()


@pytest.fixture
def database(stack: Stack) -> Database:
    """An empty one."""
    return Database(stack, "other")
