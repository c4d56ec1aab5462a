"""The record of a start in its run folder, for ``timeline``: when each service was launched,
created, started and ready, and which services it waited for."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from composetasks.apply.start.probe import Probe
from composetasks.facts.timeline import RECORD
from composetasks.store import folder

NEVER = "0001"
"""The beginning of the engine's timestamps for events that did not happen yet."""


class StartRecord:
    """Filled while a start runs. ``awaited`` are the services that another service waited for."""

    def __init__(self, project: str) -> None:
        self._project, self.began = project, folder.now()
        self._services: dict[str, dict[str, Any]] = {}
        self._seen: dict[str, dict[str, Probe]] = {}
        self.awaited: set[str] = set()

    def _of(self, name: str) -> dict[str, Any]:
        return self._services.setdefault(name, {"waited_for": []})

    def waits(self, name: str, others: Sequence[str]) -> None:
        """``name`` cannot be launched before ``others`` have reached the required state."""
        waited_for = self._of(name)["waited_for"]
        waited_for += [other for other in others if other not in waited_for]
        self.awaited.update(others)

    def launched(self, name: str) -> None:
        self._of(name)["launched"] = folder.now()

    def seen(self, name: str, key: str, probe: Probe) -> None:
        """Keep the engine's timestamps of one of the service's containers."""
        self._seen.setdefault(name, {})[key] = probe

    def ready(self, name: str) -> None:
        """The service is up or done; only the first time counts."""
        self._of(name).setdefault("ready", folder.now())

    def failed(self, name: str) -> None:
        """The service is not up, and no other service waits for it any more."""
        self._of(name).setdefault("failed", folder.now())

    def write(self, place: Path, outcome: str, states: Mapping[str, str]) -> None:
        """Write the services in ``states`` and their final states. If that fails, because the disk
        is full for example, the start does not fail."""
        services = {name: {**self._of(name), **self._moments(name)} for name in states}
        document = {
            "project": self._project,
            "began": self.began,
            "ended": folder.now(),
            "outcome": outcome,
            "services": {
                name: {"state": states[name], **services[name]}
                for name in sorted(states, key=lambda one: services[one].get("launched", "~"))
            },
        }
        with contextlib.suppress(OSError):
            folder.write_json(place / RECORD, document)

    def _moments(self, name: str) -> dict[str, Any]:
        """The service is created with its first container and started with its last."""
        probes = list(self._seen.get(name, {}).values())
        created = [one.created for one in probes if one.created > NEVER + "~"]
        started = [one.started for one in probes if one.started > NEVER + "~"]
        every = [one.asked_every for one in probes if one.asked_every is not None]
        moments: dict[str, Any] = {"created": min(created)} if created else {}
        if started:
            moments["started"] = max(started)
        if every:
            moments["asked_every"] = max(every)
        return moments
