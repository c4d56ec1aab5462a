"""What the engine's list of containers is read into."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from composetasks.observe.engine.inventory import read_containers

PORTS = (
    {"IP": "127.0.0.1", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
    {"IP": "0.0.0.0", "PrivatePort": 443, "PublicPort": 8443, "Type": "tcp"},
    {"IP": "0.0.0.0", "PrivatePort": 443, "PublicPort": 8443, "Type": "udp"},
)


class Listing:
    """A client whose engine lists the ports of its one container in an order of its own."""

    def __init__(self, ports: tuple[dict[str, Any], ...]) -> None:
        self._ports = ports

    def containers(self, **_asked: Any) -> list[dict[str, Any]]:
        shown = {"Id": "c1", "Names": ["/web"], "State": "running", "Status": "Up 2 seconds"}
        return [{**shown, "Image": "web", "ImageID": "sha256:web", "Ports": [*self._ports]}]


@pytest.mark.parametrize("ports", [*permutations(PORTS)])
def test_ports_are_in_one_order_whatever_the_engine_s_is(ports: tuple[dict[str, Any], ...]) -> None:
    client: Any = Listing(ports)
    [container] = read_containers(client)
    assert [(one.target, one.protocol) for one in container.bindings] == [
        (80, "tcp"),
        (443, "tcp"),
        (443, "udp"),
    ]
