"""Copies files into containers, and runs commands in them, for a watch.

It does so like Compose: one archive for each container, which needs no program of the image and
whose files belong to the container's user. Deleted files are removed by the container's own ``rm``,
as root, because the engine creates as root the folders that an archive needs.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from composetasks.facts import Hook, Role, Sync, role
from composetasks.facts.engine import PROJECT, SERVICE, listed_name
from composetasks.facts.program import task
from composetasks.facts.units import counted
from composetasks.run.failure import TaskFailure
from composetasks.run.masking import safe

if TYPE_CHECKING:
    from docker import APIClient

KEPT_IN_MEMORY = 16_000_000
"""Up to this many bytes, a file is read before its size is determined: it may be written to just
then."""


def sync(client: APIClient, project: str, operation: Sync) -> str:
    """Copy files into all containers of a service; return what was done as text. Raises
    TaskFailure."""
    containers = _containers(client, project, operation.service)
    if not containers:
        raise _failed(operation.service, "it has no container", f"{task('up')} creates one")
    archive, copied = _archive(operation.copies)
    for container in containers:
        with _refusals_named(operation.service, container):
            if operation.removals and container["State"] == "running":
                _remove(client, container["Id"], operation.removals)
            if copied:
                _put(client, container["Id"], archive)
    done = [f"copied {counted(copied, 'file')}"] if copied else []
    if operation.removals:
        done.append(f"removed {counted(len(operation.removals), 'file')}")
    what = " and ".join(done) or "nothing to copy"
    return f"{what} in {counted(len(containers), 'container')}"


def run_hook(client: APIClient, project: str, service: str, hook: Hook) -> Iterator[str]:
    """Run a command in each running container of a service and yield its output lines. Raises
    TaskFailure if its exit code is not 0."""
    for container in _containers(client, project, service):
        if container["State"] != "running":
            continue
        with _refusals_named(service, container):
            command = list(hook.command)
            code, lines = _execute(
                client,
                container["Id"],
                command,
                user=hook.user,
                privileged=hook.privileged,
                workdir=hook.working_dir or None,
                environment=list(hook.environment),
            )
        yield from map(safe, lines)
        if code != 0:
            shown = safe(" ".join(command))
            why = f"`{shown}` exited with code {code} in container {listed_name(container)}"
            raise _failed(service, why, "", "\n".join(lines))


def _containers(client: APIClient, project: str, service: str) -> list[Mapping[str, Any]]:
    labels = [f"{PROJECT}={project}", f"{SERVICE}={service}"]
    containers = client.containers(all=True, filters={"label": labels})
    return [one for one in containers if role(one.get("Labels") or {}) is Role.REPLICA]


@contextlib.contextmanager
def _refusals_named(service: str, container: Mapping[str, Any]) -> Iterator[None]:
    """Turn the engine's errors into failures that name this container."""
    from docker import errors

    try:
        yield
    except errors.APIError as error:
        message = safe(str(error.explanation or error))
        why = f"container {listed_name(container)} could not be changed: {message}"
        raise _failed(service, why, f"{task(f'up {service}')} recreates it if necessary") from error


def _failed(service: str, why: str, hint: str, detail: str = "") -> TaskFailure:
    return TaskFailure(
        f"{service}: {why}", hint=hint, detail=safe(detail), data={"service": service}
    )


def _remove(client: APIClient, key: str, paths: Sequence[str]) -> None:
    code, lines = _execute(client, key, ["rm", "-rf", "--", *paths], user="0")
    if code != 0:
        from docker import errors

        raise errors.APIError("", explanation=f"`rm` exited with code {code}: {' '.join(lines)}")


def _execute(
    client: APIClient, key: str, command: list[str], **options: Any
) -> tuple[int, list[str]]:
    execution = client.exec_create(key, command, **options)["Id"]
    output = client.exec_start(execution)
    code = int(client.exec_inspect(execution)["ExitCode"] or 0)
    return code, output.decode(errors="replace").splitlines()


def _put(client: APIClient, key: str, archive: IO[bytes]) -> None:
    """Unpack an archive in a container; its files get the container's user as owner (an option that
    the SDK's method lacks)."""
    from docker import errors

    archive.seek(0)
    address = f"{client.base_url}/v{client.api_version}/containers/{key}/archive"
    answer = client.put(address, params={"path": "/", "copyUIDGID": "true"}, data=archive)
    if not answer.ok:
        message = str(answer.json().get("message", "")) if answer.content else answer.reason
        raise errors.APIError("", response=answer, explanation=message)


def _archive(copies: Sequence[tuple[str, str]]) -> tuple[IO[bytes], int]:
    """An archive of files by their paths in a container, and the number of files. A path that no
    longer exists, or is neither a file nor a folder nor a link, is left out."""
    buffer, count = io.BytesIO(), 0
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for place, source in copies:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                count += _add(tar, place, source)
    return buffer, count


def _add(tar: tarfile.TarFile, place: str, source: str) -> bool:
    status = os.lstat(source)
    entry = tarfile.TarInfo(place.lstrip("/"))
    entry.mode, entry.mtime = stat.S_IMODE(status.st_mode), int(status.st_mtime)
    if stat.S_ISREG(status.st_mode):
        with open(source, "rb") as file:
            content = io.BytesIO(file.read()) if status.st_size < KEPT_IN_MEMORY else file
            size = os.fstat(file.fileno()).st_size
            entry.size = len(content.getvalue()) if isinstance(content, io.BytesIO) else size
            tar.addfile(entry, content)
        return True
    if stat.S_ISLNK(status.st_mode):
        entry.type, entry.linkname = tarfile.SYMTYPE, os.readlink(source)
    elif stat.S_ISDIR(status.st_mode):
        entry.type = tarfile.DIRTYPE
    else:
        return False
    tar.addfile(entry)
    return not entry.isdir()
