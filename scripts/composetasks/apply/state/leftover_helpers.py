"""Helpers of earlier runs: those that still clean up, and those that never ran."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from composetasks.apply.state.helper import END_SECONDS, LABEL, RUN

if TYPE_CHECKING:
    from docker import APIClient


def end(client: APIClient, project: str) -> None:
    """End the helpers of runs that were killed: one that runs is cleaning up, and is given time
    for that; one that was never started is removed."""
    import requests
    from docker import errors

    for one in _left_over(client, project):
        with contextlib.suppress(errors.APIError, requests.exceptions.ReadTimeout):
            if one["State"] == "running":
                client.wait(one["Id"], timeout=END_SECONDS, condition="removed")
        with contextlib.suppress(errors.APIError):
            client.remove_container(one["Id"], v=True, force=True)


def remove_stopped(client: APIClient, project: str) -> None:
    """Remove the helpers that were never started: their runs were killed before."""
    from docker import errors

    for one in _left_over(client, project):
        if one["State"] != "running":
            with contextlib.suppress(errors.APIError):
                client.remove_container(one["Id"], v=True)


def still_removing(client: APIClient, project: str) -> list[str]:
    """The runs whose helpers still remove what those runs replaced."""
    running = [one for one in _left_over(client, project) if one["State"] == "running"]
    return [one["Labels"][RUN] for one in running if RUN in one["Labels"]]


def _left_over(client: APIClient, project: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.containers(
        all=True, filters={"label": [f"{LABEL}={project}"]}
    )
    return found
