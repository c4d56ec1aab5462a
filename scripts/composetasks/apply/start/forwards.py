"""Forwards ports of this machine to the ports published on an engine behind ssh."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

from composetasks.apply.start.launch import launches
from composetasks.apply.tools import Tools, event
from composetasks.facts import Event, ForwardPort, Step, World, published_at
from composetasks.observe.engine.inventory import read_containers
from composetasks.run.failure import TaskFailure


def alongside(
    start: Iterable[Event],
    containers: Sequence[Step],
    steps: Sequence[Step],
    world: World,
    tools: Tools,
) -> Iterator[Event]:
    """Yield the events of ``start``, which carries out ``containers``, and meanwhile carry out
    ``steps``, each once its service is launched: services that are up are reachable while others
    are waited for, and even if one fails.

    Raises the failure of a forward after the start.
    """
    if not steps:
        yield from start
        return
    starting = {step.service for step in containers if launches([step])}
    left = list(steps)
    failures: list[TaskFailure] = []

    def due(services: Iterable[str]) -> Iterator[Event]:
        for step in [one for one in left if one.service in services]:
            left.remove(step)
            try:
                yield from _forward(step, world, tools)
            except TaskFailure as failure:
                failures.append(failure)
                yield event("step-failed", step, failure.message)

    yield from due({step.service for step in left} - starting)
    for happened in start:
        yield happened
        if happened.kind == "step-done":
            yield from due([happened.service])
    yield from due(starting)
    for failure in failures:
        raise failure


def _forward(step: Step, world: World, tools: Tools) -> Iterator[Event]:
    """Forward what the containers of the step's service publish for a port. A container that no
    longer runs publishes nothing."""
    operation = step.operation
    assert isinstance(operation, ForwardPort)
    assert tools.ports is not None
    began = time.monotonic()
    forwarded = tools.ports.load()
    containers = [
        container
        for container in read_containers(tools.client)
        if container.project == world.model.project and container.service == step.service
    ]
    addresses = []
    for there, number in published_at(containers, operation.port).items():
        port = forwarded[there] if there in forwarded else tools.ports.forward(there, number)
        taken = "" if port == number else f" ({number} is taken on this machine)"
        addresses.append(f"127.0.0.1:{port} leads to {there} on the engine's host{taken}")
    yield event("step-done", step, "; ".join(addresses), time.monotonic() - began)


def end(step: Step, tools: Tools) -> Iterator[Event]:
    """End all port forwards of the project."""
    assert tools.ports is not None
    tools.ports.end()
    yield event("step-done", step)
