"""The ports of this machine that lead to published ports of an engine behind ssh."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from composetasks.facts import Binding, Container, Forwards, Model, reached_at
from composetasks.observe.engine.endpoint import chosen
from composetasks.run.ssh_ports import LISTEN_ADDRESS, Ports, is_free


def ports_of(project: str, seconds: float) -> Ports | None:
    """Return the forwarded ports of a project; None if the engine is not behind ssh."""
    address = chosen().address
    return Ports(address, project, seconds) if address.startswith("ssh://") else None


def forwards(model: Model, ports: Ports) -> Forwards:
    """Return the forwarded ports, and the ports of the model that are taken on this machine."""
    ports_here = ports.load()
    wanted = {
        port.published[0]
        for service in model.services.values()
        for port in service.ports
        if port.published and port.protocol == "tcp"
    }
    taken = {one for one in wanted - set(ports_here.values()) if not is_free(one)}
    return Forwards(ports_here, frozenset(taken), chosen().address)


def _leading(binding: Binding, ports_here: Mapping[str, int]) -> int | None:
    """Return the local port that leads to a remote one: the IPv4 one if there are two."""
    return ports_here.get(binding.there) or ports_here.get(reached_at("", binding.published))


def seen_from_here(
    containers: Iterable[Container], ports_here: Mapping[str, int]
) -> tuple[Container, ...]:
    """Return the containers with the local addresses of the ports that they publish remotely."""
    return tuple(
        replace(
            container,
            bindings=tuple(
                replace(binding, forwarded=f"{LISTEN_ADDRESS}:{port}")
                if (port := _leading(binding, ports_here))
                else binding
                for binding in container.bindings
            ),
        )
        for container in containers
    )
