"""Lets ports of this machine lead to what was published on an engine behind ssh."""

from __future__ import annotations

import time
from collections.abc import Iterator

from composetasks.apply.events import event
from composetasks.apply.tools import Tools
from composetasks.facts import Event, ForwardPort, Step, World, published_at
from composetasks.observe.engine.inventory import read_containers


def forward(step: Step, world: World, tools: Tools) -> Iterator[Event]:
    """Forward what the containers of the step's service publish of a port. One that runs no more
    publishes nothing."""
    operation = step.operation
    assert isinstance(operation, ForwardPort)
    assert tools.ports is not None
    began = time.monotonic()
    known = tools.ports.known()
    containers = [
        one
        for one in read_containers(tools.client)
        if one.project == world.model.project and one.service == step.service
    ]
    said = []
    for there, number in published_at(containers, operation.port).items():
        port = known[there] if there in known else tools.ports.forward(there, number)
        taken = "" if port == number else f" ({number} is taken on this machine)"
        said.append(f"127.0.0.1:{port} leads to {there} on the engine's host{taken}")
    yield event("step-done", step, "; ".join(said), time.monotonic() - began)


def end(step: Step, tools: Tools) -> Iterator[Event]:
    """Forward nothing of the project any more."""
    assert tools.ports is not None
    tools.ports.end()
    yield event("step-done", step)
