"""The current containers of a project, and its event stream on the engine, which is read in the
background from before the first start."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Container as Contains
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from composetasks.facts import Role, role
from composetasks.facts.engine import CONFIG_HASH, PROJECT, SERVICE, listed_name

if TYPE_CHECKING:
    from docker import APIClient


WOKEN: dict[str, Any] = {}
"""A placeholder among the events that only ends a wait."""


class Watch:
    """Container events of a project as they arrive.

    A context manager. ``kinds`` limits it to events of these names. :meth:`changed` waits for the
    next event; a cut stream is reopened from where it ended, so that no event is missed.
    """

    def __init__(self, client: APIClient, project: str, kinds: Sequence[str] = ()) -> None:
        self._client = client
        self._filters = {
            "type": ["container"],
            # A hash is required: a container with labels inherited from its image has none.
            "label": [f"{PROJECT}={project}", CONFIG_HASH],
        }
        if kinds:
            self._filters["event"] = list(kinds)
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._stream: Any = None
        self._closed = False
        self._pause = threading.Event()
        self._since: int | None = None
        self._asked_to_end: set[str] = set()
        self._ended: dict[str, bool] = {}

    def __enter__(self) -> Watch:
        self._connect()
        return self

    def __exit__(self, *exc: object) -> None:
        self._closed = True
        if self._stream is not None:
            with contextlib.suppress(OSError, AttributeError):
                self._stream.close()

    def _connect(self) -> None:
        self._stream = self._client.events(decode=True, filters=self._filters, since=self._since)
        threading.Thread(target=self._read, args=(self._stream,), daemon=True).start()

    def _read(self, stream: Iterator[dict[str, Any]]) -> None:
        import requests
        from docker import errors

        with contextlib.suppress(
            requests.exceptions.RequestException, errors.DockerException, OSError, ValueError
        ):
            for event in stream:
                self._events.put(event)
        if not self._closed:
            self._events.put(None)

    def wake(self) -> None:
        """End a wait for events, from another thread that has other work for the waiting one."""
        self._events.put(WOKEN)

    def changed(self, seconds: float) -> set[str] | None:
        """Wait up to ``seconds`` for events. Return the ids of their containers: empty if the time
        is over or the wait was ended, None if the stream was cut (then all containers may have
        changed)."""
        try:
            event = self._events.get(timeout=max(seconds, 0.001))
        except queue.Empty:
            return set()
        keys: set[str] = set()
        while True:
            if event is None:
                return None
            if event is WOKEN:
                return keys
            key = str(event.get("id") or (event.get("Actor") or {}).get("ID", ""))
            keys.add(key)
            self._note(key, str(event.get("Action") or event.get("status")))
            self._since = int(event["time"])
            try:
                event = self._events.get_nowait()
            except queue.Empty:
                return keys

    def _note(self, key: str, action: str) -> None:
        if action == "start":
            self._asked_to_end.discard(key)
            self._ended.pop(key, None)
        elif action == "kill":
            self._asked_to_end.add(key)
        elif action == "die":
            self._ended[key] = key not in self._asked_to_end

    def asked_to_end(self, key: str) -> bool:
        """Tell whether the engine was asked to stop or kill the last run of a container."""
        return key in self._asked_to_end

    def ended_by_itself(self, key: str) -> bool | None:
        """Tell whether the last run of a container exited without being stopped; None if its end
        was not seen."""
        return self._ended.get(key)

    def pause(self, seconds: float) -> None:
        """Wait for ``seconds`` between two attempts to reach an engine that is away."""
        self._pause.wait(seconds)

    def reconnect(self) -> None:
        """Reopen a cut stream. Raises the SDK's errors while the engine is away, and TaskFailure,
        code 5, if the connection to its host can't be restored."""
        from composetasks.observe.engine.client import Client

        if isinstance(self._client, Client):
            self._client.reopen()
        self._connect()


class Replica(NamedTuple):
    """A replica of a service; the state is the engine's term."""

    name: str
    state: str


def replicas(
    client: APIClient, project: str, copies: Contains[str]
) -> dict[str, dict[str, Replica]]:
    """Return the replicas of each service by their ids. ``copies`` are the ids of containers whose
    labels come from an image that was committed from a container. Raises the SDK's errors."""
    replicas: dict[str, dict[str, Replica]] = {}
    for container in client.containers(all=True, filters={"label": [f"{PROJECT}={project}"]}):
        labels = container.get("Labels") or {}
        if role(labels) is Role.REPLICA and container["Id"] not in copies:
            name = listed_name(container)
            of = replicas.setdefault(labels[SERVICE], {})
            of[container["Id"]] = Replica(name, str(container["State"]))
    return replicas
