"""Ends an instance: its programs, containers, networks, volumes, image tags and folder.

Everything is found by the labels that name the instance and its owner, so nothing else is affected.
The search is repeated until nothing is left, because resources may still be being created.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composetasks.apply.tools import event
from composetasks.facts import (
    INSTANCE_LABEL,
    OWNER_LABEL,
    EndInstance,
    Engine,
    Event,
    Model,
    State,
    Step,
    World,
)
from composetasks.run.failure import TaskFailure
from composetasks.store import instance_folder, lock
from composetasks.store.folder import MOUNTED

if TYPE_CHECKING:
    from docker import APIClient


ROUNDS = 5
AT_ONCE = 8
EMPTYING_SECONDS = 600.0
"""How long it may take to remove, as root in a container, the files that containers wrote."""
LAST = ("lock", instance_folder.RECORD)
HOLDER_SECONDS = 8.0
"""How long a task that works on the instance may take to end after SIGTERM."""
GRACE_SECONDS = 5.0
"""How long a program that a killed task left running may take to end."""


def end_instance(client: APIClient, name: str, owner: str, place: Path | None) -> None:
    """End the instance ``name`` of ``owner``, and remove its folder ``place`` if it has one.

    A task that works on it is ended first. Raises TaskFailure if something is left.
    """
    if place is None or not place.is_dir() or instance_folder.recorded(place) != owner:
        _clear(client, name, owner)
        return
    try:
        with lock.take_over(place / "lock", f"the end of instance {name}", HOLDER_SECONDS):
            override = place / instance_folder.OVERRIDE
            end_programs(override)
            _clear(client, name, owner)
            _untag(client, instance_folder.images(place))
            if instance_folder.recorded(place) == owner:
                _remove_folder(client, name, place)
    except FileNotFoundError:
        if place.is_dir():
            raise
        _clear(client, name, owner)  # another process ended it first


def carry_out(step: Step, client: APIClient) -> Iterator[Event]:
    """Carry out an end-instance step."""
    operation = step.operation
    assert isinstance(operation, EndInstance)
    place = Path(operation.folder) if operation.folder else None
    yield event("step-started", step)
    end_instance(client, operation.name, operation.owner, place)
    yield event("step-done", step, "nothing is left of it")


def _clear(client: APIClient, name: str, owner: str) -> None:
    from docker import errors

    labels = {"label": [f"{INSTANCE_LABEL}={name}", f"{OWNER_LABEL}={owner}"]}
    problems: list[str] = []
    tags: set[str] = set()

    def tried(remove: Callable[..., Any], key: str, **options: Any) -> None:
        try:
            remove(key, **options)
        except errors.NotFound:
            pass
        except errors.APIError as error:
            problems.append(str(error.explanation or error))

    for _ in range(ROUNDS):
        problems.clear()
        containers = client.containers(all=True, filters=labels)
        networks = client.networks(filters=labels)
        volumes = client.volumes(filters=labels).get("Volumes") or []
        if not (containers or networks or volumes):
            break
        tags |= {image for one in containers if (image := str(one["Image"])).endswith(f":{name}")}
        _side_by_side(
            lambda key: tried(client.remove_container, key, v=True, force=True),
            [str(one["Id"]) for one in containers],
        )
        _side_by_side(
            lambda key: tried(client.remove_network, key), [str(one["Id"]) for one in networks]
        )
        _side_by_side(
            lambda key: tried(client.remove_volume, key, force=True),
            [str(one["Name"]) for one in volumes],
        )
    if problems:
        raise TaskFailure(
            f"instance {name} could not be removed completely",
            detail="\n".join(dict.fromkeys(problems)),
            hint="the next run of any task tries again",
        )
    _untag(client, tags)


def _side_by_side(remove: Callable[[str], None], keys: Iterable[str]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(remove, keys))


def _untag(client: APIClient, tags: Iterable[str]) -> None:
    """Remove the instance's own tags; the images keep the tags of their build inputs."""
    from docker import errors

    for tag in sorted(tags):
        with contextlib.suppress(errors.APIError):  # in use elsewhere, or gone
            client.remove_image(tag)


def _remove_folder(client: APIClient, name: str, place: Path) -> None:
    """Remove the folder. The record of its owner is removed last, so that an interrupted end is
    repeated. The lock moves away together with the folder, so that a new run gets its own lock."""
    try:
        _remove_content(place)
    except PermissionError:  # files written by containers often belong to root
        empty_mounted(client, name, place)
        _remove_content(place)
    ended = place.rename(place.with_name(f".{name}.{os.getpid()}.ended"))
    for last in LAST:
        (ended / last).unlink()
    ended.rmdir()


def _remove_content(place: Path) -> None:
    for entry in place.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name not in LAST:
            entry.unlink()


def empty_mounted(client: APIClient, name: str, place: Path) -> None:
    """Empty, as root, the folders of an instance that its services write to."""
    for mounted in filter(Path.is_dir, map(place.joinpath, MOUNTED)):
        empty_as_root(client, name, mounted)


def empty_as_root(client: APIClient, name: str, place: Path) -> None:
    """Empty a folder as root, through the engine. Raises TaskFailure if that fails."""
    from composetasks.apply.state.helper import Helper, HelperFailed
    from composetasks.apply.state.mounts import for_replacing

    world = World(Model(name, place.parent, (), {}), Engine())
    state = State(name=place.name, kind="folder", source=str(place), place=str(place))
    try:
        with Helper(client, world, [for_replacing(client, state, 0)]) as at_work:
            at_work.ask("prepare_empty", place=0)
            at_work.ask("commit")
            reply = at_work.ask("settle", seconds=EMPTYING_SECONDS)
    except HelperFailed as error:
        raise TaskFailure(f"{place} could not be emptied", detail=str(error)) from error
    left = [*map(str, reply["left"]), *(["it takes too long"] if reply["unfinished"] else [])]
    if left:
        raise TaskFailure(f"{place} could not be emptied", detail="\n".join(left))


def end_programs(override: Path) -> list[str]:
    """End every Docker program that works on the project of this override file, first with SIGTERM;
    return their process ids. (A shell that only has the variable set is left alone.)"""
    import psutil

    programs = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name().startswith("docker") and str(override) in _files(process.environ()):
                process.terminate()
                programs.append(process)
    names = [f"{process.pid}" for process in programs]
    _, left = psutil.wait_procs(programs, GRACE_SECONDS)
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, GRACE_SECONDS)
    return names


def _files(environment: dict[str, str]) -> list[str]:
    return environment.get("COMPOSE_FILE", "").split(os.pathsep)
