"""Which published ports of an engine behind ssh have to be forwarded from this machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from composetasks.facts import (
    ContainerStart,
    Evidence,
    ForwardPort,
    RestartContainer,
    Service,
    Step,
    World,
    published_at,
    reached_at,
)


def forward_steps(world: World, services: Iterable[str], steps: Iterable[Step]) -> Iterator[Step]:
    """Yield a step for each TCP port of ``services`` that is not forwarded yet, or whose number the
    engine chooses when ``steps`` start the container."""
    if world.forwards is None:
        return
    containers = tuple(steps)
    starts = ContainerStart | RestartContainer
    starting = {step.service for step in containers if isinstance(step.operation, starts)}
    for name in services:
        service = world.model.services[name]
        needs = tuple(step.id for step in containers if step.service == name)
        for target in dict.fromkeys(one.target for one in service.ports if one.protocol == "tcp"):
            there = _addresses(world, service, target, starts=name in starting)
            if there is None or not set(there) <= world.forwards.local.keys():
                yield Step(
                    operation=ForwardPort(target),
                    target=f"{name}:{target}",
                    reason=_reason(there or [], world),
                    service=name,
                    because=(Evidence(kind="forward", name=world.forwards.engine),),
                    needs=needs,
                )


def _addresses(world: World, service: Service, target: int, *, starts: bool) -> list[str] | None:
    """Where a port of a service is published on the engine's host, None if that is not known
    yet."""
    if not starts:
        return list(published_at(world.replicas(service.name), target))
    entries = [one for one in service.ports if one.target == target and one.protocol == "tcp"]
    addresses = [
        reached_at(entry.host_ip, entry.published[0])
        for entry in entries
        if entry.published and entry.published[0] == entry.published[1]
    ]
    return addresses if len(addresses) == len(entries) else None


def _reason(there: Iterable[str], world: World) -> str:
    assert world.forwards is not None
    numbers = [int(one.rpartition(":")[2]) for one in there]
    if not numbers:
        return "forwarded from a port of this machine, with the same number if that is free"
    taken = [str(one) for one in numbers if one in world.forwards.taken]
    if taken:
        return f"port {', '.join(taken)} is taken on this machine: forwarded from a free one"
    return f"{', '.join(f'127.0.0.1:{one}' for one in numbers)} of this machine is forwarded to it"
