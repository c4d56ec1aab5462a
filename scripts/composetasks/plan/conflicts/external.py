"""What the project uses but does not create: external networks and volumes, and driver plugins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from shlex import quote

from composetasks.facts import Blocker, ExitCode, Resource, World
from composetasks.plan.conflicts import networks, volumes


def missing(world: World, services: Iterable[str]) -> Iterator[Blocker]:
    """A blocker for each external network and volume of ``services`` that does not exist."""
    starting = tuple(services)
    model, engine = world.model, world.engine
    present = {name for one in engine.networks for name in (one.name, one.id)}
    for key in networks.keys_of(model, starting):
        network = model.networks.get(key)
        if network is None or not network.external or network.name in present:
            continue
        # A swarm node learns of an overlay network of another node when it first uses it.
        if network.config.get("driver") != "overlay":
            yield _missing("network", network, networks.users(model, starting, key)[0])
    there = {volume.name for volume in engine.volumes}
    for key, users in volumes.used(model, starting).items():
        volume = model.volumes[key]
        if volume.external and volume.name not in there:
            yield _missing("volume", volume, users[0])


def without_plugin(world: World, services: Iterable[str]) -> Iterator[str]:
    """Yield warnings about networks and volumes whose driver the engine does not list. (It lists a
    driver that is a program on the host only after its first use.)"""
    starting = tuple(services)
    model, engine = world.model, world.engine
    wanted = [
        ("network", model.networks[key])
        for key in networks.keys_of(model, starting)
        if key in model.networks
    ]
    wanted += [("volume", model.volumes[key]) for key in volumes.used(model, starting)]
    there = {
        *(network.name for network in engine.networks),
        *(volume.name for volume in engine.volumes),
    }
    for kind, resource in wanted:
        if resource.plugin in world.missing_plugins and resource.name not in there:
            yield (
                f"{kind} {resource.name} needs the driver {resource.plugin}, which the engine "
                f"does not list: `docker plugin install {quote(resource.plugin)}`, unless the "
                "driver is a program on the host"
            )


def _missing(kind: str, resource: Resource, service: str) -> Blocker:
    return Blocker(
        kind=f"external-{kind}",
        target=resource.name,
        message=f"{service}: external {kind} {resource.name} does not exist",
        hint=f"`docker {kind} create {quote(resource.name)}`, or let this project create "
        f"it: remove `external` from {kind}s.{resource.key}",
        code=ExitCode.INVALID,
        service=service,
    )
