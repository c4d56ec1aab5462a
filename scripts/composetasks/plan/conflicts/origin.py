"""Who made a container, relative to this project's checkout, and its state."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from composetasks.facts import Container, Role, World
from composetasks.facts.engine import PROJECT


class Origin(enum.Enum):
    """Who made a container, in the order of docs/reference/conflicts.md."""

    BY_HAND = "created by hand (`docker run`) or by a tool"
    OTHER_PROJECT = "created by another Compose project"
    OTHER_CHECKOUT = "created by another checkout with this project's name"
    GONE_CHECKOUT = (
        "created by a checkout of this project whose folder is gone, for no service of this model"
    )
    OTHER_FILES = "created from other compose files of this project"
    ONE_OFF = "a one-off container of `docker compose run`"
    HELPER = "a hook or relay container that Compose created for a service"
    NO_SERVICE = "of a service that is no longer in the model"
    INACTIVE = "of a service whose profile is not active"
    OURS = "of a service of this model"


class ContainerState(enum.Enum):
    """Docker's states of a container, as far as the policy distinguishes them."""

    STOPPED = "stopped (created, exited)"
    DEAD = "dead"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"


STATES = {
    "created": ContainerState.STOPPED,
    "exited": ContainerState.STOPPED,
    "dead": ContainerState.DEAD,
    "running": ContainerState.RUNNING,
    "paused": ContainerState.PAUSED,
    "restarting": ContainerState.RESTARTING,
    "removing": ContainerState.REMOVING,
}


def container_state(container: Container) -> ContainerState:
    """The state of a container; an unknown one counts as running, which protects the container."""
    return STATES.get(container.state, ContainerState.RUNNING)


def origin(world: World, container: Container) -> Origin:
    """Who made ``container``. Checkouts are compared by real path. A container of a deleted
    checkout counts as this one's, as for Compose: the folder was moved, or cloned again."""
    model = world.model
    if container.role is Role.STRANGER:
        return Origin.BY_HAND
    if container.project != model.project:
        return Origin.OTHER_PROJECT
    if world.maker is not None:
        return Origin.OTHER_CHECKOUT
    folder = (
        real_path(world, container.working_dir) if container.working_dir else project_folder(world)
    )
    if folder not in (None, project_folder(world)):
        return Origin.OTHER_CHECKOUT
    if container.role is Role.ONE_OFF:
        return Origin.ONE_OFF
    if container.role is Role.HELPER:
        return Origin.HELPER
    if container.service in model.services:
        return Origin.OURS
    if container.service in model.inactive:
        return Origin.INACTIVE
    if folder is None:
        return Origin.GONE_CHECKOUT
    return Origin.OTHER_FILES if _other_files(world, container) else Origin.NO_SERVICE


def real_path(world: World, path: str) -> str | None:
    """``path`` with links resolved, as it was observed; None if it no longer exists."""
    return world.paths.get(path, path)


def is_gone(world: World, container: Container) -> bool:
    """Whether the folder of the project that made ``container`` no longer exists."""
    return bool(container.working_dir) and real_path(world, container.working_dir) is None


def project_folder(world: World) -> str:
    """The real path of the project's folder."""
    return real_path(world, str(world.model.directory)) or str(world.model.directory)


def _other_files(world: World, container: Container) -> bool:
    """Whether a Compose file that the container was made from exists and is not one of ours."""
    ours = {real_path(world, str(path)) for path in world.model.files}
    theirs = {real_path(world, path) for path in container.config_files}
    return bool(theirs - ours - {None})


def used_unchanged(kind: str, name: str, labels: Mapping[str, str]) -> str:
    """The warning about a network or volume, with these labels, that is used although this project
    did not create it."""
    maker = labels.get(PROJECT)
    how = f"by Compose project {maker}" if maker else "by hand"
    return (
        f"{kind} {name} was created {how}, not by this project; it is used unchanged (declare it "
        "`external: true` in the model)"
    )
