"""Records on a remote engine who created a project there, as the labels of a volume."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from composetasks.facts import Maker, World
from composetasks.facts.world import MAKER_LABEL

if TYPE_CHECKING:
    from docker import APIClient


def sign(client: APIClient, world: World, who: Maker) -> None:
    """Record that ``who`` creates the project's resources from now on."""
    project = world.model.project
    labels = {f"{MAKER_LABEL}{name}": value for name, value in who.labels().items()}
    labels[f"{MAKER_LABEL}project"] = project
    there = next((one for one in world.engine.volumes if one.name == _name(project)), None)
    if there is None or there.labels != labels:
        if there is not None:
            client.remove_volume(there.name)
        client.create_volume(_name(project), labels=labels)


def unsign(client: APIClient, project: str) -> None:
    """Remove the record of who created the project, because nothing of the project is left."""
    from docker import errors

    with contextlib.suppress(errors.NotFound):
        client.remove_volume(_name(project))


def _name(project: str) -> str:
    return f"composetasks-maker-{project}"
