"""Which sources of mounts count as missing on the engine's host."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from composetasks.facts import Mount
from composetasks.observe.conflicts import mount_sources
from tests.unit.worlds import model, service

if TYPE_CHECKING:
    from docker import APIClient


class EngineInMachine:
    """An engine in a virtual machine on this host."""

    def info(self) -> dict[str, str]:
        return {"Name": "docker-desktop"}


def test_only_a_machine_s_own_folders_are_left_to_an_engine_in_a_virtual_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mount_sources, "IN_A_CONTAINER", ())
    sources = ("/dev/kvm-of-another", "/run/other/socket", "/devices/none", "/runner/none")
    mounts = tuple(Mount("bind", source, source) for source in sources)
    client = cast("APIClient", EngineInMachine())
    missing = mount_sources.missing_sources(model(service("web", mounts=mounts)), (), client)
    assert missing == {"/devices/none", "/runner/none"}
