"""A lease that its holder could not start."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from composetasks.apply.engine import lease
from composetasks.facts import ExitCode, Maker
from composetasks.observe.engine.inventory import connect
from composetasks.run.failure import TaskFailure

if TYPE_CHECKING:
    from docker import APIClient

PROJECT = "ct-test-leased"
ME = Maker("me", "here", "/project", "machine")


@pytest.fixture
def client() -> Iterator[APIClient]:
    made = connect()
    yield made
    for one in leases(made):
        made.remove_container(one["Id"], force=True)
    made.close()
    with warnings.catch_warnings():  # of the sockets that the SDK never closes
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def leases(client: APIClient) -> list[dict[str, Any]]:
    return list(client.containers(all=True, filters={"name": lease.name(PROJECT)}))


def interrupted(*_: object, **__: object) -> NoReturn:
    raise KeyboardInterrupt


@pytest.mark.parametrize("call", ["attach_socket", "start"])
def test_an_interrupt_before_it_is_started_leaves_none(
    client: APIClient, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(client, call, interrupted)
        with pytest.raises(KeyboardInterrupt), lease.hold(client, PROJECT, "up", ME, 0):
            pass
    assert leases(client) == []


def test_one_that_a_killed_holder_created_is_removed_after_a_while(
    client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        for call in ("attach_socket", "remove_container"):
            patched.setattr(client, call, interrupted)
        with pytest.raises(KeyboardInterrupt), lease.hold(client, PROJECT, "up", ME, 0):
            pass
    with pytest.raises(TaskFailure) as refused, lease.hold(client, PROJECT, "down", ME, 0):
        pass
    assert refused.value.code is ExitCode.LOCKED

    monkeypatch.setattr(lease, "START_SECONDS", 0.0)
    with lease.hold(client, PROJECT, "down", ME, 0):
        assert [one["State"] for one in leases(client)] == ["running"]
        with pytest.raises(TaskFailure):
            lease.wait_for_end(client, PROJECT, 0)
    assert leases(client) == []
