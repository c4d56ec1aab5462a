"""Allows one changing task at a time per project, even from several machines: a lease kept by the
remote engine.

The lease is a container, whose name only one run can claim. Its program reads its input until the
end, and the holder sends nothing. When the holder ends, for whatever reason, the connection and
then the program end, and the engine removes the container. Only a holder that ends between creating
and starting the container leaves it behind: whoever finds it after START_SECONDS removes it.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import socket
import struct
import tarfile
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from composetasks.facts import ExitCode, Maker
from composetasks.facts.timestamps import parse_time
from composetasks.run.failure import TaskFailure
from composetasks.store import folder

if TYPE_CHECKING:
    from docker import APIClient

IMAGE = "composetasks.lease:1"
"""Contains only the program, 150 bytes; created if the engine does not have it, and kept."""
LABEL = "composetasks.lease."
RELEASE_SECONDS = 3.0
"""How long the engine may take to remove a lease that nobody holds any more."""
START_SECONDS = 30.0
"""How long a holder may take to start the container that it created."""

PROGRAMS = {
    # do { rax = read(0, rsp-16, 1) } while (rax > 0); exit(0)
    "amd64": (62, "31ff488d7424f0ba0100000031c00f0585c07fecb83c00000031ff0f05"),
    "arm64": (
        183,
        "000080d2e1030091220080d2e80780d2010000d41f0000f14cffff54000080d2a80b80d2010000d4",
    ),
}
"""By the engine's architecture: the machine number in ELF, and the instructions."""
BASE, HEADERS = 0x400000, 64 + 56


def name(project: str) -> str:
    """The name of the container that is the lease of a project."""
    return f"composetasks-lease-{project}"


@contextlib.contextmanager
def hold(
    client: APIClient, project: str, verb: str, who: Maker, wait_seconds: float
) -> Iterator[None]:
    """Hold the lease of ``project`` during the block, after waiting up to ``wait_seconds`` for it.
    Raises TaskFailure, code 75, which names the holder and the time. Without effect on an engine
    whose architecture the program does not support."""
    import requests
    from docker import errors

    labels = {"verb": verb, "since": folder.now(), **who.labels()}
    key = _claimed(client, project, labels, wait_seconds)
    if not key:
        yield
        return
    untyped: Any = client
    started, line = False, None
    try:
        line = untyped.attach_socket(key, {"stdin": 1, "stream": 1})
        client.start(key)
        started = True
        yield
    finally:
        if line is not None:
            _hang_up(line)
        if not started:
            with contextlib.suppress(errors.APIError, requests.exceptions.RequestException):
                client.remove_container(key, force=True)
        with contextlib.suppress(errors.APIError, requests.exceptions.RequestException):
            client.wait(key, timeout=math.ceil(RELEASE_SECONDS), condition="removed")


def _claimed(client: APIClient, project: str, labels: Mapping[str, str], seconds: float) -> str:
    """The id of the lease's container, once its name is claimed; "" if the engine cannot run it."""
    from docker import errors

    untyped: Any = client
    config = {
        "Image": IMAGE,
        "Cmd": ["/hold"],
        "Labels": {f"{LABEL}{key}": value for key, value in labels.items()},
        "OpenStdin": True,
        "StdinOnce": True,
        "HostConfig": {
            "AutoRemove": True,
            "NetworkMode": "none",
            "LogConfig": {"Type": "none"},
            "ReadonlyRootfs": True,
        },
    }
    until = time.monotonic() + seconds
    while True:
        try:
            return str(untyped.create_container_from_config(config, name(project))["Id"])
        except errors.NotFound:
            program = PROGRAMS.get(str(client.version().get("Arch")))
            if program is None:
                return ""
            client.import_image_from_data(_image(*program), repository=IMAGE)
        except errors.APIError as error:
            if error.status_code != 409:
                raise
            wait_for_end(client, project, until - time.monotonic())


def wait_for_end(client: APIClient, project: str, seconds: float) -> None:
    """Wait until nobody holds the lease of ``project``. Raises TaskFailure, code 75, if that takes
    longer than ``seconds``."""
    import requests
    from docker import errors

    try:
        record = client.inspect_container(name(project))
        if _left_behind(client, record):
            try:
                client.remove_container(record["Id"])
                return
            except errors.APIError as error:
                if error.status_code != 409:  # it was started after all
                    raise
        ended = record["State"]["Status"] not in ("created", "running")
        patience = max(seconds, RELEASE_SECONDS if ended else 0.0)
        if patience > 0:
            with contextlib.suppress(requests.exceptions.RequestException):
                client.wait(name(project), timeout=math.ceil(patience), condition="removed")
                return
    except errors.NotFound:
        return
    held = record["Config"]["Labels"] or {}
    of = {key: held.get(f"{LABEL}{key}", "?") for key in ("verb", "user", "host", "path", "since")}
    raise TaskFailure(
        f"another run holds the lock on the engine: `{of['verb']}` of {of['user']} on {of['host']}"
        f", in {of['path']}, since {of['since']}",
        code=ExitCode.LOCKED,
        hint="wait for it to end, or give --wait-lock SECONDS",
    )


def _left_behind(client: APIClient, record: Mapping[str, Any]) -> bool:
    """Whether the holder ended before it started the lease: by the engine's clock, it was created
    too long ago."""
    if record["State"]["Status"] != "created":
        return False
    created = parse_time(str(record.get("Created", "")))
    now = parse_time(str(client.info().get("SystemTime", "")))
    return (now - created).total_seconds() > START_SECONDS


def _hang_up(line: Any) -> None:
    """Shut the connection down. (Closing it is not enough, because the SDK holds it too.)"""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(line.fileno())) as connection:
        connection.shutdown(socket.SHUT_RDWR)
    line.close()


def _image(machine: int, instructions: str) -> bytes:
    """An archive with the program, a static executable (elf(5))."""
    code = bytes.fromhex(instructions)
    size, entry = HEADERS + len(code), BASE + HEADERS
    numbers = (2, machine, 1, entry, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", *numbers)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, BASE, BASE, size, size, 0x1000)
    file = tarfile.TarInfo("hold")
    file.size, file.mode = size, 0o755
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(file, io.BytesIO(head + segment + code))
    return buffer.getvalue()
