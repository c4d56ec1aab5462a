"""Removes conflicts and leftovers: by id, after another inspection, and with their records kept.

Volumes, including anonymous ones, are never removed with a container; the event names them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composetasks.apply.tools import event
from composetasks.facts import (
    ClearingOperation,
    Event,
    ExitCode,
    Model,
    RemoveContainer,
    RemoveImage,
    RemoveNetwork,
    RenameContainer,
    Role,
    Step,
    StopContainer,
    role,
)
from composetasks.facts.engine import PROJECT, SERVICE, listed_name
from composetasks.facts.references import short_volume
from composetasks.run.external_failures import unless_full
from composetasks.run.failure import TaskFailure
from composetasks.run.masking import safe, safe_data
from composetasks.store import folder

if TYPE_CHECKING:
    from docker import APIClient

LOG_LINES = 200
GONE_SECONDS = 60
"""How long a removal that the engine has begun may take."""
DEFAULT_GRACE_SECONDS = 10
"""The engine's default, for containers without a ``stop_grace_period``."""
STOPPED = ("created", "exited", "dead")


def carry_out(step: Step, client: APIClient, run_folder: Path, model: Model) -> Iterator[Event]:
    """Carry out a step that removes, renames or stops a container, or removes a network or an
    image.

    Raises TaskFailure: code 9 if the object is not what the plan saw, otherwise code 1 with the
    engine's message.
    """
    from docker import errors

    began = time.monotonic()
    yield event("step-started", step)
    try:
        done = _done(step, client, run_folder, model)
    except errors.APIError as error:
        raise TaskFailure(
            f"{step.action.value} {step.target} failed",
            detail=str(error.explanation or error),
            hint=f"its record is in {run_folder}; run the task again to continue",
        ) from error
    message = str(done.pop("message"))
    yield event("step-done", step, message, time.monotonic() - began, done)


def _done(step: Step, client: APIClient, run_folder: Path, model: Model) -> dict[str, Any]:
    operation = step.operation
    assert isinstance(operation, ClearingOperation)
    match operation:
        case RemoveContainer():
            return _remove_container(step, operation, client, run_folder)
        case StopContainer():
            return _stop_container(step, client)
        case RenameContainer():
            return _rename_container(step, operation, client)
        case RemoveNetwork():
            return _remove_network(step, operation, client, run_folder, model)
        case RemoveImage():
            return _remove_image(step, client)


# --- containers -----------------------------------------------------------------------------


def _remove_container(
    step: Step, operation: RemoveContainer, client: APIClient, run_folder: Path
) -> dict[str, Any]:
    record = _container(step, client)
    if record is None:
        return {"message": "already gone"}
    state = str(record["State"]["Status"])
    if operation.stopped_only and state not in (*STOPPED, "removing"):
        difference = (
            f"container {step.target} was not running when the plan was made, and is now {state}"
        )
        raise _changed(step, difference)
    if state == "removing":
        _wait_until_gone(step, client)
        return {"message": "removal completed"}
    place = _kept_in(record)
    with unless_full():
        _keep(client, record, run_folder / place)
    volumes = _volumes(record)
    if state in STOPPED:
        _removed(step, client, lambda: client.remove_container(step.key))
    else:
        _end(step, client, record)
    word = "volume" if len(volumes) == 1 else "volumes"
    without = f" without its {word} {', '.join(map(short_volume, volumes))}" if volumes else ""
    return {
        "message": f"removed{without}",
        "volumes": volumes,
        "record": place,
    }


def _container(step: Step, client: APIClient) -> dict[str, Any] | None:
    """The record of the step's container, None if it is gone.

    Raises TaskFailure if it has another name.
    """
    from docker import errors

    try:
        record: dict[str, Any] = client.inspect_container(step.key)
    except errors.NotFound:
        return None
    name = str(record["Name"]).lstrip("/")
    if name != step.target:
        raise _changed(step, f"container {step.target} is now called {name}")
    return record


def _changed(step: Step, difference: str) -> TaskFailure:
    return TaskFailure(
        f"{difference}; {step.action.value} was not done",
        code=ExitCode.CONFLICT,
        hint="run the task again for a new plan",
    )


def _end(step: Step, client: APIClient, record: Mapping[str, Any]) -> None:
    """Stop a running container, within its stop grace period, and remove it.

    A container that removes itself when it exits (``docker run --rm``) would also remove its
    anonymous volumes, so it is removed by force in one call: then the engine keeps them.
    """
    itself = bool((record.get("HostConfig") or {}).get("AutoRemove"))
    if itself and any(one.get("Type") == "volume" for one in record.get("Mounts") or ()):
        _removed(step, client, lambda: client.remove_container(step.key, force=True))
        return
    stop(client, record)
    _removed(step, client, lambda: client.remove_container(step.key))


def _removed(step: Step, client: APIClient, remove: Callable[[], None]) -> None:
    """Remove a container; if it is already removing itself, wait until it is gone."""
    from docker import errors

    try:
        remove()
    except errors.NotFound:
        return
    except errors.APIError as error:
        if error.status_code != 409 or "already in progress" not in str(error.explanation):
            raise
        _wait_until_gone(step, client)


def _wait_until_gone(step: Step, client: APIClient) -> None:
    import requests
    from docker import errors

    try:
        client.wait(step.key, timeout=GONE_SECONDS, condition="removed")
    except errors.NotFound:
        return
    except requests.exceptions.RequestException as error:
        raise TaskFailure(
            f"container {step.target} has been removing for more than {GONE_SECONDS} s",
            hint=f"`docker rm -f {step.target}` may show why; restarting the engine clears it",
        ) from error


def _volumes(record: Mapping[str, Any]) -> list[str]:
    return sorted(
        str(mount["Name"])
        for mount in record.get("Mounts") or ()
        if mount.get("Type") == "volume" and mount.get("Name")
    )


def _kept_in(record: Mapping[str, Any]) -> str:
    """The path in the run folder where a container's record and log are kept."""
    return f"removed/{str(record['Name']).lstrip('/')}-{str(record['Id'])[:12]}"


def _keep(client: APIClient, record: Mapping[str, Any], place: Path) -> None:
    """Keep a container's inspect record and its last log lines with known secrets masked. Both may
    contain unknown secrets, so only their owner can read them."""
    from docker import errors

    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.write_json(place / "inspect.json", safe_data(record))
    try:
        lines = client.logs(str(record["Id"]), tail=LOG_LINES, timestamps=True)
    except errors.APIError as error:
        lines = f"(no log: {error.explanation})\n".encode()
    with os.fdopen(os.open(place / "log.txt", os.O_WRONLY | os.O_CREAT, 0o600), "wb") as stream:
        stream.write(safe(lines.decode(errors="replace")).encode())


def _rename_container(step: Step, operation: RenameContainer, client: APIClient) -> dict[str, Any]:
    if _container(step, client) is None:
        raise _changed(step, f"container {step.target} is gone")
    client.rename(step.key, operation.new)
    return {"message": f"renamed to {operation.new}"}


def _stop_container(step: Step, client: APIClient) -> dict[str, Any]:
    record = _container(step, client)
    if record is None:
        return {"message": "already gone"}
    stop(client, record)
    return {"message": "stopped"}


def stop(client: APIClient, record: Mapping[str, Any]) -> None:
    """Stop a container within its stop grace period (the SDK would time out on a longer one)."""
    client.stop(record["Id"], timeout=grace_seconds(record))


def grace_seconds(record: Mapping[str, Any]) -> int:
    """The stop grace period of a container in seconds."""
    grace = (record.get("Config") or {}).get("StopTimeout")
    return DEFAULT_GRACE_SECONDS if grace is None else int(grace)


# --- networks -------------------------------------------------------------------------------


def _remove_network(
    step: Step, operation: RemoveNetwork, client: APIClient, run_folder: Path, model: Model
) -> dict[str, Any]:
    from docker import errors

    try:
        record = client.inspect_network(step.key)
    except errors.NotFound:
        return {"message": "already gone"}
    place = run_folder / "removed"
    with unless_full():
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.write_json(place / f"network-{record['Name']}.json", record)
    left = [
        name
        for container in client.containers(all=True, filters={"network": step.key})
        if (name := _leave(step, operation, client, container, model))
    ]
    client.remove_network(step.key)
    return {"message": "removed" + (f"; disconnected {', '.join(sorted(left))}" if left else "")}


def _leave(
    step: Step,
    operation: RemoveNetwork,
    client: APIClient,
    container: Mapping[str, Any],
    model: Model,
) -> str:
    """Disconnect a container from a network if the operation allows it, and return its name.

    A container of one of the project's services is stopped first: it is recreated on the new
    network. Another running container (also a one-off of the project or a container of a sibling
    file) keeps running; another stopped container is left alone.
    """
    name = listed_name(container)
    ours = _of_a_service(container.get("Labels") or {}, model)
    alive = container["State"] not in STOPPED
    allowed = operation.disconnect_all or (ours and operation.disconnect_ours)
    if alive and not allowed:
        raise _changed(step, f"container {name} is on network {step.target}")
    if not allowed or not (ours or alive):
        return ""
    if ours and alive:
        stop(client, client.inspect_container(container["Id"]))
    client.disconnect_container_from_network(container["Id"], step.key, force=True)
    return name


def _of_a_service(labels: Mapping[str, str], model: Model) -> bool:
    return (
        role(labels) is Role.REPLICA
        and labels[PROJECT] == model.project
        and labels.get(SERVICE) in (*model.services, *model.inactive)
    )


# --- images ---------------------------------------------------------------------------------


def _remove_image(step: Step, client: APIClient) -> dict[str, Any]:
    """Remove a tag, and the image with its last tag."""
    from docker import errors

    untyped: Any = client  # its stubs leave inspect_image untyped
    try:
        record = untyped.inspect_image(step.target)
    except errors.NotFound:
        return {"message": "already gone"}
    if record["Id"] != step.key:
        raise _changed(step, f"image {step.target} changed after the plan was made")
    client.remove_image(step.target)
    return {"message": "removed"}
