"""The containers of a project's services as they are at this moment, for who starts them."""

from __future__ import annotations

from collections.abc import Container as Contains
from typing import TYPE_CHECKING, NamedTuple

from composetasks.facts import Role, role
from composetasks.facts.engine import PROJECT, SERVICE

if TYPE_CHECKING:
    from docker import APIClient


class Replica(NamedTuple):
    """A container that counts as one of its service; the state is the engine's word."""

    name: str
    state: str


def replicas(
    client: APIClient, project: str, copies: Contains[str]
) -> dict[str, dict[str, Replica]]:
    """The replicas of each service by their ids. ``copies`` are the ids of containers whose labels
    are an image's, since that is a commit of a container. Raises what the SDK raises."""
    found: dict[str, dict[str, Replica]] = {}
    for one in client.containers(all=True, filters={"label": [f"{PROJECT}={project}"]}):
        labels = one.get("Labels") or {}
        if role(labels) is Role.REPLICA and one["Id"] not in copies:
            name = min(one["Names"], key=len).lstrip("/")
            of = found.setdefault(labels[SERVICE], {})
            of[one["Id"]] = Replica(name, str(one["State"]))
    return found
