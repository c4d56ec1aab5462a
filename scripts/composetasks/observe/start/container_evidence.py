"""What the engine can tell of the containers of a start that failed: their records, their last log
lines, and whether somebody asked for their end. Named and kept by ``apply/start/diagnosis.py``."""

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
"""How many log lines of a container are read, of those since the start began."""
LAST_LINES = 12
"""How many of an earlier run, where it said nothing in this one."""


@frozen
class ContainerEvidence:
    """A container's name, its inspect record, and its last log lines, each after its time."""

    name: str = ""
    record: Mapping[str, Any] = field(default_factory=dict)
    log: Sequence[str] = ()


def evidence(
    client: APIClient, names: Mapping[str, str], since: float
) -> dict[str, ContainerEvidence]:
    """What the engine says of each container, by id, as far as it still does. ``names`` are theirs,
    by id, ``since`` is when the start began (Unix seconds)."""
    import requests
    from docker import errors

    by_container = {}
    for key, name in names.items():
        with contextlib.suppress(requests.exceptions.RequestException, errors.DockerException):
            record: Mapping[str, Any] = client.inspect_container(key)
            # Its log may say what is in its environment.
            hide_all(declared(record.get("Config")))
            by_container[key] = ContainerEvidence(name, record, _log(client, key, since))
    return by_container


def asked_to_end(client: APIClient, key: str, record: Mapping[str, Any]) -> bool | None:
    """Whether the engine was asked to kill the last run of a container (with SIGKILL); None where
    its events do not reach back so far, as after a restart."""
    import requests
    from docker import errors

    state = record.get("State") or {}
    began, ended = (parse_time(str(state.get(name, ""))) for name in ("StartedAt", "FinishedAt"))
    if ended < began:
        return None
    events: list[Mapping[str, Any]] = []
    with contextlib.suppress(requests.exceptions.RequestException, errors.DockerException):
        # By the engine's own clock, and until what happened then is noted.
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
    """The last lines with their times; of before the start where nothing was said since."""
    from docker import errors

    for limits in ({"since": since, "tail": KEPT_LINES}, {"tail": LAST_LINES}):
        try:
            text: Any = client.logs(key, timestamps=True, **limits)
        except errors.APIError as error:
            return [f"- (its log can't be read: {error.explanation})"]
        if text:
            return lines_of(safe(text.decode("utf-8", "replace")))
    return []
