"""The connection to a run's engine: a client that is watched, and the local addresses of its
ports."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from composetasks.facts import Container, Model, World
from composetasks.run import signals
from composetasks.run.settings import Settings

if TYPE_CHECKING:
    from composetasks.observe.engine.inventory import APIClient
    from composetasks.observe.engine.liveness import LivenessCheck
    from composetasks.run.ssh_ports import Ports


@dataclass
class EngineConnection:
    """The engine that the settings and the environment select; connected on first use."""

    settings: Settings
    liveness: LivenessCheck | None = None

    @cached_property
    def client(self) -> APIClient:
        """A client for the engine, which is watched from then on: if the engine stops answering,
        the run ends, whatever it waits for."""
        from composetasks.observe.engine.inventory import client_of
        from composetasks.observe.engine.liveness import LivenessCheck

        seconds = self.settings.engine_timeout
        client = client_of(seconds)
        self.liveness = LivenessCheck(client, seconds, signals.engine_silent)
        return client

    @cached_property
    def swarm_client(self) -> APIClient:
        """A client for a manager of the target swarm: the engine's own client, unless the settings
        name another context."""
        from composetasks.observe.engine.inventory import connect

        context = self.settings.deploy.context
        return connect(self.settings.engine_timeout, context) if context else self.client

    @property
    def remote(self) -> bool:
        """Whether the engine is on another host."""
        from composetasks.observe.engine.local import is_here

        return not is_here(self.client.base_url)

    def ports(self, model: Model) -> Ports | None:
        """The ports of this machine that lead to the project on an engine behind ssh; None if ports
        are not forwarded."""
        if not self.settings.remote.forward:
            return None
        from composetasks.observe.engine.forwarded import ports_of

        return ports_of(model.project, self.settings.engine_timeout)

    def containers(self, model: Model) -> tuple[Container, ...]:
        """The current containers, with the addresses of their ports on this machine."""
        from composetasks.observe.engine.inventory import read_containers

        containers, ports = read_containers(self.client), self.ports(model)
        if ports is None:
            return containers
        from composetasks.observe.engine.forwarded import seen_from_here

        return seen_from_here(containers, ports.load())

    def of_another_host(self, world: World) -> World:
        """Add the maker and the forwards that are known of an engine on another host."""
        from composetasks.observe.instances.maker import myself, other_maker

        me = myself(world.model.directory)
        world = replace(world, maker=other_maker(world.engine, world.model.project, me))
        return self.with_forwards(world)

    def with_forwards(self, world: World) -> World:
        ports = self.ports(world.model)
        if ports is None:
            return world
        from composetasks.observe.engine.forwarded import forwards, seen_from_here

        forwarded = forwards(world.model, ports)
        containers = seen_from_here(world.engine.containers, forwarded.local)
        return replace(world.with_containers(containers), forwards=forwarded)

    def close(self) -> None:
        """Stop watching the engine."""
        if self.liveness is not None:
            self.liveness.end()
