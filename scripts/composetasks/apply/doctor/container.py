"""A container that reports what programs find in it, and is removed again.

It uses nothing from its image except the certificate authorities, which are under test: Python and
the program are copied into it (:mod:`composetasks.apply.interpreter`).
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from composetasks.apply import interpreter
from composetasks.apply.inside.reach import LONGEST_SECONDS, look
from composetasks.facts import Daemon, Disk, Reach, Watching
from composetasks.observe.engine.host_files import empty_image
from composetasks.run.bounded import Unavailable
from composetasks.run.failure import TaskFailure
from composetasks.run.process import ProgramError

if TYPE_CHECKING:
    from docker import APIClient


LABEL = "composetasks.doctor"
PROGRAM, MODULES = "reach", "inside.reach"
RESOLVER = "timeout:2 attempts:1"
"""Limits how long a name server that does not answer is asked (resolv.conf(5))."""


def usable_here(daemon: Daemon) -> None:
    """Raise Unavailable if this machine's Python cannot run in the engine's containers."""
    import platform

    from composetasks.observe.images.platforms import MACHINES

    # Engines report either the kernel's name or Docker's.
    ours, theirs = (MACHINES.get(one, one) for one in (platform.machine(), daemon.architecture))
    same = ours == theirs
    if sys.platform != "linux" or daemon.system != "linux" or not same:
        raise Unavailable(
            f"needs an engine that can run this machine's programs ({sys.platform} "
            f"{platform.machine()}); this one runs {daemon.system} {daemon.architecture}"
        )


class Containers:
    """The containers that this run created. :meth:`end` removes those that are left; containers
    created later are removed immediately."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, APIClient] = {}
        self._ended = False

    @contextlib.contextmanager
    def removed_after(self, client: APIClient, key: str) -> Iterator[None]:
        """Remove the container ``key``, which was just created, after the block."""
        with self._lock:
            self._running[key] = client
            ended = self._ended
        try:
            if ended:
                raise Unavailable("the run has ended")
            yield
        finally:
            self._remove(key)

    def _remove(self, key: str) -> None:
        import requests
        from docker import errors

        with self._lock:
            client = self._running.pop(key, None)
        if client is not None:
            with contextlib.suppress(errors.APIError, requests.exceptions.RequestException):
                client.remove_container(key, v=True, force=True)

    def end(self) -> None:
        """Remove the containers now, even if another thread waits for one."""
        with self._lock:
            self._ended = True
            left = list(self._running)
        for key in left:
            self._remove(key)


def in_container(
    client: APIClient, project: str, image: str, index: str, containers: Containers
) -> Reach:
    """What the program finds in a container of ``image``, or of an empty image if that is "".

    Raises TaskFailure if no container can be run.
    """
    import requests
    from docker import errors

    try:
        with _image(client, image) as reference:
            key = _created(client, project, reference, index)
            with containers.removed_after(client, key):
                client.put_archive(key, "/", interpreter.archive(MODULES))
                client.start(key)
                code = int(client.wait(key, timeout=LONGEST_SECONDS + 2)["StatusCode"])
                out = client.logs(key, stdout=True, stderr=False)
                stderr = client.logs(key, stdout=False, stderr=True)
    except (errors.DockerException, requests.exceptions.RequestException, ProgramError) as error:
        why = str(getattr(error, "explanation", None) or error)
        raise TaskFailure("a container can't be run", detail=why, hint=_hint(why)) from error
    return read(
        out.decode(errors="replace"), code, stderr.decode(errors="replace"), image, "container"
    )


def _hint(why: str) -> str:
    if "no space left" in why.lower():
        return (
            "free space where the engine stores its images: `docker system df` shows what uses it"
        )
    return "`docker run --rm IMAGE` shows the same error from the engine"


def read(out: str, code: int, errors: str, image: str, place: str) -> Reach:
    """The program's answer as a fact. Raises TaskFailure if there is none."""
    try:
        answer: dict[str, Any] = json.loads(out)
    except ValueError as error:
        raise TaskFailure(
            f"the program in a {place} exited with code {code} without an answer",
            detail=errors.strip()[-500:],
            hint="137 and 142 mean it was killed: too little memory, or a name server "
            "that does not answer",
        ) from error
    room, limits = answer.pop("disk"), answer.pop("watching")
    return Reach(
        place=place, image=image, disk=Disk("/", *room), watching=Watching(*limits), **answer
    )


@contextlib.contextmanager
def _image(client: APIClient, image: str) -> Iterator[str]:
    if image:
        yield image
        return
    with empty_image(client, f"{LABEL}-{secrets.token_hex(4)}") as empty:
        yield empty


def _created(client: APIClient, project: str, image: str, index: str) -> str:
    """Create a container with the proxy variables from the docker client's configuration."""
    untyped: Any = client
    host = untyped.create_host_config(
        cap_drop=["ALL"],
        security_opt=["no-new-privileges", "label=disable"],
        log_config={"Type": "json-file", "Config": {}},
    )
    container = untyped.create_container(
        image,
        entrypoint=interpreter.entrypoint(),
        command=[*interpreter.argv(PROGRAM), index],
        name=f"{project}-doctor-{secrets.token_hex(4)}",
        user="0:0",
        working_dir="/",
        labels={LABEL: project},
        environment={"RES_OPTIONS": RESOLVER},
        healthcheck={"Test": ["NONE"]},
        host_config=host,
    )
    return str(container["Id"])


def remove_left_over(client: APIClient, project: str) -> None:
    """Remove the stopped containers of this project that killed doctor runs left; a container that
    still runs exits on its own."""
    from docker import errors

    for container in client.containers(all=True, filters={"label": [f"{LABEL}={project}"]}):
        if container["State"] not in ("created", "exited", "dead"):
            continue
        with contextlib.suppress(errors.APIError):
            client.remove_container(container["Id"], v=True)


def on_host(index: str) -> Reach:
    """What programs on this host find."""
    answer = look(index)
    del answer["disk"], answer["watching"]
    return Reach(place="host", **answer)
