"""What a start leaves behind in its run folder, for ``timeline``: when each service was launched,
created, started and ready, and whom it waited for."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from composetasks.apply.start.probe import Probe
from composetasks.store import folder

NAME = "timeline.json"
NEVER = "0001"
"""How the engine's time begins of what did not happen yet."""


class StartRecord:
    """Written to as a start goes on. ``awaited`` are the services that another one waited for."""

    def __init__(self, project: str) -> None:
        self._project, self.began = project, folder.now()
        self._services: dict[str, dict[str, Any]] = {}
        self._seen: dict[str, dict[str, Probe]] = {}
        self.awaited: set[str] = set()

    def _of(self, name: str) -> dict[str, Any]:
        return self._services.setdefault(name, {"waited_for": []})

    def waits(self, name: str, others: Sequence[str]) -> None:
        """``name`` can't be launched before ``others`` are where they must be."""
        waited_for = self._of(name)["waited_for"]
        waited_for += [other for other in others if other not in waited_for]
        self.awaited.update(others)

    def launched(self, name: str) -> None:
        self._of(name)["launched"] = folder.now()

    def seen(self, name: str, key: str, probe: Probe) -> None:
        """The engine's own times of one of the service's containers."""
        self._seen.setdefault(name, {})[key] = probe

    def ready(self, name: str) -> None:
        """It is up or done; what counts is the first time."""
        self._of(name).setdefault("ready", folder.now())

    def failed(self, name: str) -> None:
        """It is not up, and nothing waits for it any longer."""
        self._of(name).setdefault("failed", folder.now())

    def write(self, place: Path, outcome: str, states: Mapping[str, str]) -> None:
        """Keep the services of ``states`` and how they stand at the end. A disk that is full is no
        reason for a start to fail."""
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
            folder.write_json(place / NAME, document)

    def _moments(self, name: str) -> dict[str, Any]:
        """Created with the first of its containers, started with the last."""
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
