"""The tools that carrying out a plan needs, and the events that it yields.

``verbs/carry_through.py`` makes the tools once for a run; most modules of ``apply`` take them,
beside the step and the world.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composetasks.facts import Event, Step
from composetasks.facts.frozen import frozen
from composetasks.run.compose import Compose
from composetasks.run.settings import Limits, Settings
from composetasks.store import folder

if TYPE_CHECKING:
    from concurrent.futures import Future

    from docker import APIClient

    from composetasks.apply.deploy.stack import Stack
    from composetasks.apply.images.bake import Definitions
    from composetasks.facts import Ended
    from composetasks.run.ssh_ports import Ports


def _forget(ends: Sequence[tuple[str, Ended]]) -> None:
    """Remember nothing: the default of ``Tools.remember_ends``."""


@frozen
class Tools:
    """The programs, folders and limits of one run.

    ``definitions`` are the build definitions from Compose, if they were requested earlier;
    ``taken_since`` reports which published ports of services were taken since the plan was made;
    ``remember_ends`` stores how the jobs of services ended; ``stack`` is the swarm stack to deploy;
    ``ports`` are the ports forwarded to this machine from an engine behind ssh.
    """

    compose: Compose
    client: APIClient
    run_folder: Path
    cache: Path
    limits: Limits = Limits()
    settings: Settings = Settings()
    definitions: Future[Definitions] | None = None
    remember_ends: Callable[[Sequence[tuple[str, Ended]]], None] = _forget
    taken_since: Callable[[Sequence[str]], Sequence[str]] | None = None
    stack: Stack | None = None
    ports: Ports | None = None

    @property
    def root(self) -> Path:
        """The folder of the library (``.composetasks``) for the project or instance."""
        return self.run_folder.parents[1]

    def given_timeout(self, service: str) -> float | None:
        """The seconds ``service`` may take, from the run's limit or the settings; None if
        neither."""
        if self.limits.timeout is not None:
            return self.limits.timeout
        return self.settings.timeouts.get(service)


def event(
    kind: str,
    step: Step,
    message: str = "",
    seconds: float | None = None,
    data: Mapping[str, Any] | None = None,
) -> Event:
    """An event of a step, with the current time."""
    happened = service_event(kind, step.service, message, seconds, data)
    return replace(happened, step=step.id, target=step.target, action=step.action)


def service_event(
    kind: str,
    service: str,
    message: str,
    seconds: float | None = None,
    data: Mapping[str, Any] | None = None,
) -> Event:
    """An event of a service, with the current time."""
    return Event(
        kind=kind,
        time=folder.now(),
        service=service,
        message=message,
        seconds=None if seconds is None else round(seconds, 3),
        data=data or {},
    )
