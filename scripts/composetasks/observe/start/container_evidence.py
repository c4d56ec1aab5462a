"""The engine's evidence about the containers of a failed start: their records, their last log
lines, and whether they were killed on request. Named and stored by ``apply/start/diagnosis.py``."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

from composetasks.facts.frozen import frozen
from composetasks.facts.plain_text import lines_of
from composetasks.facts.timestamps import parse_time
from composetasks.run.masking import hide_all, safe
from composetasks.run.secret_values import declared

if TYPE_CHECKING:
    from docker import APIClient

KEPT_LINES = 10_000
"""The maximal number of a container's log lines that are read, since the start began."""
LAST_LINES = 12
"""The number of log lines of an earlier run that are read if this run wrote none."""


@frozen
class ContainerEvidence:
    """A container's name, its inspect record, and its last log lines, each with its time."""

    name: str = ""
    record: Mapping[str, Any] = field(default_factory=dict)
    log: Sequence[str] = ()


def evidence(
    client: APIClient, names: Mapping[str, str], since: float
) -> dict[str, ContainerEvidence]:
    """Return what the engine still knows of each container, by id. ``names`` maps ids to names,
    ``since`` is when the start began (Unix seconds)."""
    import requests
    from docker import errors

    by_container = {}
    for key, name in names.items():
        with contextlib.suppress(requests.exceptions.RequestException, errors.DockerException):
            record: Mapping[str, Any] = client.inspect_container(key)
            # Its log may contain values of its environment.
            hide_all(declared(record.get("Config")))
            by_container[key] = ContainerEvidence(name, record, _log(client, key, since))
    return by_container


def asked_to_end(client: APIClient, key: str, record: Mapping[str, Any]) -> bool | None:
    """Tell whether the engine was asked to kill the last run of a container (with SIGKILL); None if
    its events do not reach back that far, as after a restart of the engine."""
    import requests
    from docker import errors

    state = record.get("State") or {}
    began, ended = (parse_time(str(state.get(name, ""))) for name in ("StartedAt", "FinishedAt"))
    if ended < began:
        return None
    events: list[Mapping[str, Any]] = []
    with contextlib.suppress(requests.exceptions.RequestException, errors.DockerException):
        # Times are the engine's own; the limit leaves time for the events to be recorded.
        events += client.events(
            since=int(began.timestamp()),
            until=int(ended.timestamp()) + 2,
            filters={"container": [key], "event": ["kill", "die"]},
            decode=True,
        )
    if all(event.get("Action") != "die" for event in events):
        return None
    return any((event["Actor"].get("Attributes") or {}).get("signal") == "9" for event in events)


def _log(client: APIClient, key: str, since: float) -> list[str]:
    """Return the last lines with their times; lines before the start if there are none since."""
    from docker import errors

    for limits in ({"since": since, "tail": KEPT_LINES}, {"tail": LAST_LINES}):
        try:
            text: Any = client.logs(key, timestamps=True, **limits)
        except errors.APIError as error:
            return [f"- (its log can't be read: {error.explanation})"]
        if text:
            return lines_of(safe(text.decode("utf-8", "replace")))
    return []
