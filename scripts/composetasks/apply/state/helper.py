"""The helper: a short-lived container that mounts only the listed places of state and works on them
as root (without network, and with only the capabilities that files need). It removes itself when it
exits, and exits when this process ends.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from composetasks.apply import interpreter
from composetasks.apply.inside import wire
from composetasks.apply.state.mounts import ARCHIVES, Archives, Mounted, bind
from composetasks.facts import ExitCode, World
from composetasks.observe.engine.host_files import empty_image
from composetasks.observe.engine.local import is_here
from composetasks.run import waiting
from composetasks.run.external_failures import FULL
from composetasks.run.failure import TaskFailure
from composetasks.run.process import ProgramError

if TYPE_CHECKING:
    from docker import APIClient


LABEL = "composetasks.helper"
RUN = "composetasks.helper.run"
CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "MKNOD", "SETFCAP")
LONG_SECONDS = 3600
END_SECONDS = 60
"""How long a helper may take to clean up after its work was interrupted."""
STREAM_STDERR = 2


class HelperFailed(Exception):
    """A request failed in the helper: the system's message and the path."""

    def __init__(self, why: str, errno: int | None = None, path: str = "") -> None:
        super().__init__(f"{why}: {path}" if path else why)
        self.why, self.errno, self.path = why, errno, path


def failure(what: str, error: HelperFailed) -> TaskFailure:
    """The failure of a run because of a failed request to the helper."""
    hint = "the state is unchanged"
    if error.errno in FULL:
        hint += "; free space where the engine stores it, and run the task again"
    return TaskFailure(f"{what}: {error.why}", detail=error.path, hint=hint)


def sees_our_files(client: APIClient) -> bool:
    """Whether the engine runs on this machine itself, and not in a virtual machine on it."""
    if not is_here(client.base_url):
        return False
    info, machine = client.info(), os.uname()
    return (info.get("Name"), info.get("KernelVersion")) == (machine.nodename, machine.release)


class Helper:
    """A helper at work on some places, as a context manager.

    Leaving the block ends the helper, which removes what it prepared but did not exchange.
    ``sees_archives`` says that the snapshot's folder is mounted too.
    """

    def __init__(
        self,
        client: APIClient,
        world: World,
        places: Sequence[Mounted],
        *,
        run: str = "",
        archives: Archives | None = None,
    ) -> None:
        self._client, self._world, self.places = client, world, tuple(places)
        self._archives = archives if archives and sees_our_files(client) else None
        self.sees_archives = False
        self._left_alone = False
        self.run = run or secrets.token_hex(4)
        self._id = ""
        self._socket: Any = None
        self._frame = 0
        self._complaint = b""
        self._watch = threading.Thread(target=self._until_gone, daemon=True)

    def __enter__(self) -> Helper:
        try:
            self._start()
            mounts = [
                {"mount": place.mount["Target"], "name": place.name, "number": place.number}
                for place in self.places
            ]
            archives = ARCHIVES if self._archives else ""
            reply = self.ask("open", run=self.run, places=mounts, archives=archives)
            if is_here(self._client.base_url) and _on_this_machine(reply):
                self._same_folders(reply)
                self.sees_archives = self._same_archives(reply)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        from docker import errors

        try:
            with _image(self._client, self._world) as image:
                self._id = self._created(image)
                self._client.put_archive(self._id, "/", interpreter.archive())
            self._attach()
            self._client.start(self._id)
            self._watch.start()
        except (errors.APIError, ProgramError) as error:
            raise TaskFailure(
                "the helper container that works on the state can't be started",
                detail=str(getattr(error, "explanation", None) or error),
                hint="nothing was changed; it needs a Linux engine of this machine's architecture",
            ) from error

    def _created(self, image: str) -> str:
        from docker import errors

        mounts = [dict(one.mount) for one in self.places]
        if self._archives is not None:
            source = os.path.realpath(self._archives.folder)
            archives = bind(source, ARCHIVES, read_only=self._archives.read_only)
            try:
                return self._created_with(image, [*mounts, archives])
            except errors.APIError:
                self._archives = None  # the engine cannot reach the folder
        return self._created_with(image, mounts)

    def _created_with(self, image: str, mounts: Sequence[Mapping[str, Any]]) -> str:
        host = {
            "Mounts": mounts,
            "AutoRemove": True,
            "NetworkMode": "none",
            "LogConfig": {"Type": "none"},
            "CapDrop": ["ALL"],
            "CapAdd": list(CAPABILITIES),
            "SecurityOpt": ["no-new-privileges", "label=disable"],
            "UsernsMode": "host",
        }
        config = {
            "Image": image,
            "Entrypoint": interpreter.entrypoint(),
            "Cmd": interpreter.argv(),
            "User": "0:0",
            "WorkingDir": "/",
            "OpenStdin": True,
            "StdinOnce": True,
            "AttachStdin": True,
            "AttachStdout": True,
            "AttachStderr": True,
            "Healthcheck": {"Test": ["NONE"]},
            "Labels": {LABEL: self._world.model.project, RUN: self.run},
            "HostConfig": host,
        }
        name = f"{self._world.model.project}-state-{secrets.token_hex(4)}"
        return create(self._client, config, name)

    def _attach(self) -> None:
        params = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        self._response = self._client.attach_socket(self._id, params=params)
        self._socket = getattr(self._response, "_sock", self._response)
        if hasattr(self._socket, "settimeout"):
            self._socket.settimeout(None)

    def _until_gone(self) -> None:
        """Wait until the container has removed itself, then shut the connection down: the engine
        does not report that nobody reads any more, so a blocked send would never return."""
        end(self._client, self._id)
        with contextlib.suppress(OSError, AttributeError):
            self._socket.shutdown(socket.SHUT_WR)

    def _same_folders(self, reply: Mapping[str, Any]) -> None:
        """Raise TaskFailure, code 9, if the mounted folder is not the one that was observed."""
        for place, there in zip(self.places, reply["places"], strict=True):
            if place.state.kind != "folder" or not there["exists"]:
                continue
            status = os.lstat(place.state.place)
            if (status.st_dev, status.st_ino) != (there["device"], there["inode"]):
                raise TaskFailure(
                    f"{place.state.place} was replaced by another folder",
                    code=ExitCode.CONFLICT,
                    hint="nothing was changed; check what replaced it, and run the task again",
                )

    def _same_archives(self, reply: Mapping[str, Any]) -> bool:
        """Whether the snapshot's folder in the helper is the same as on this machine."""
        if self._archives is None:
            return False
        status = os.stat(self._archives.folder)
        return reply.get("archives") == [status.st_dev, status.st_ino]

    def leave_alone(self) -> None:
        """Let the helper finish its work after the block, and only then remove itself."""
        self._left_alone = True

    def __exit__(self, *exc: object) -> None:
        from docker import errors

        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
                self._response.close()
            self._socket = None
        if self._left_alone:
            return
        if self._watch.ident is not None:
            with waiting.on("the helper container to end"):
                self._watch.join(END_SECONDS)
        if self._id and (self._watch.ident is None or self._watch.is_alive()):
            # It never ran, or does not exit.
            with contextlib.suppress(errors.APIError):
                self._client.remove_container(self._id, v=True, force=True)
        self._id = ""

    # --- asking -----------------------------------------------------------------------------

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send a request and wait for the answer. Raises HelperFailed."""
        self.send(wire.message({"do": do, **arguments}))
        return self.answer()

    def send(self, record: bytes) -> None:
        """Send a record."""
        try:
            self._socket.sendall(record)
        except OSError as error:
            raise self._gone() from error

    def answer(self) -> dict[str, Any]:
        """The answer to the last request. Raises HelperFailed."""
        import json

        kind, payload = self.receive()
        if kind != wire.JSON:
            raise wire.WireError("data instead of an answer")
        reply: dict[str, Any] = json.loads(payload)
        if "error" in reply:
            raise HelperFailed(reply["error"], reply["errno"], reply["path"])
        return reply

    def data(self) -> Iterator[bytes]:
        """The data records of an answer, up to the empty one."""
        while True:
            _, payload = self.receive()
            if not payload:
                return
            yield payload

    def receive(self) -> tuple[bytes, bytes]:
        """The next record."""
        try:
            return wire.receive(self._read)
        except (wire.Closed, OSError) as error:
            raise self._gone() from error

    def _gone(self) -> TaskFailure:
        last = self._complaint.decode(errors="replace").strip().splitlines()
        return TaskFailure(
            "the helper container exited before its work was done",
            detail="\n".join(last[-5:]),
            hint="the state is unchanged; see `docker events`, and run the task again",
        )

    def _read(self, count: int) -> bytes:
        """Up to ``count`` bytes of the helper's standard output, extracted from the engine's
        frames: one byte for the stream, three zero bytes, four bytes of length, and the content."""
        while not self._frame:
            header = self._exactly(8)
            if not header:
                return b""
            length = int.from_bytes(header[4:], "big")
            if header[0] == STREAM_STDERR:
                self._complaint += self._exactly(length)
            else:
                self._frame = length
        content: bytes = self._socket.recv(min(count, self._frame))
        self._frame -= len(content)
        return content

    def _exactly(self, count: int) -> bytes:
        content = b""
        while len(content) < count:
            more = self._socket.recv(count - len(content))
            if not more:
                return b""
            content += more
        return content


def _on_this_machine(reply: Mapping[str, Any]) -> bool:
    """Whether the helper runs on this machine's own kernel."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return bool(reply["boot"] == file.read().strip())
    except OSError:
        return False


@contextlib.contextmanager
def _image(client: APIClient, world: World) -> Iterator[str]:
    """An image to create the helper from: its content does not matter, and none is pulled.

    The image of one of the project's containers, or else the smallest one; if the engine has none,
    an empty image that exists during the block.
    """
    used = [one.image_id for one in world.engine.containers if one.project == world.model.project]
    sizes = {image.id: image.size for image in world.engine.images}
    candidates = [key for key in used if key in sizes] or sorted(sizes, key=lambda key: sizes[key])
    if candidates:
        yield candidates[0]
        return
    with empty_image(client, f"{LABEL}-{secrets.token_hex(4)}") as image:
        yield image


def create(client: APIClient, config: Mapping[str, Any], name: str | None = None) -> str:
    """Create a container from a configuration in the engine's API format, and return its id."""
    untyped: Any = client
    return str(untyped.create_container_from_config(config, name)["Id"])


def end(client: APIClient, key: str) -> None:
    """Wait until a container that removes itself is gone, however long that takes."""
    import requests
    from docker import errors

    while True:
        try:
            client.wait(key, timeout=LONG_SECONDS, condition="removed")
        except errors.APIError:
            return
        except requests.exceptions.ReadTimeout:
            continue
        except requests.exceptions.RequestException:
            return
        return


def end_left_over(client: APIClient, project: str) -> None:
    """End the helpers of runs that were killed: a running one is cleaning up and gets time for
    that; one that was never started is removed."""
    import requests
    from docker import errors

    for container in _left_over(client, project):
        with contextlib.suppress(errors.APIError, requests.exceptions.ReadTimeout):
            if container["State"] == "running":
                client.wait(container["Id"], timeout=END_SECONDS, condition="removed")
        with contextlib.suppress(errors.APIError):
            client.remove_container(container["Id"], v=True, force=True)


def remove_never_started(client: APIClient, project: str) -> None:
    """Remove helpers that were never started because their runs were killed before."""
    from docker import errors

    for container in _left_over(client, project):
        if container["State"] != "running":
            with contextlib.suppress(errors.APIError):
                client.remove_container(container["Id"], v=True)


def still_removing(client: APIClient, project: str) -> list[str]:
    """The runs whose helpers are still removing what was replaced."""
    running = [one for one in _left_over(client, project) if one["State"] == "running"]
    return [one["Labels"][RUN] for one in running if RUN in one["Labels"]]


def _left_over(client: APIClient, project: str) -> list[dict[str, Any]]:
    containers: list[dict[str, Any]] = client.containers(
        all=True, filters={"label": [f"{LABEL}={project}"]}
    )
    return containers
