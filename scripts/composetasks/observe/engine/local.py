"""The engine on this machine, asked for its lists without the Docker SDK: importing that takes
longer than all else that a task does which finds nothing to do."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from composetasks.run import waiting

if TYPE_CHECKING:
    from docker import APIClient

SOCKET = "unix://"
LOCAL_ENGINES = ("http+docker://localhost", "http+docker://localnpipe")
"""The addresses that the SDK gives sockets and pipes of this host."""
SAFE = "/:@"
"""What in references means in a path what it means in them."""
NO_SUCH_IMAGE = (http.HTTPStatus.NOT_FOUND, http.HTTPStatus.BAD_REQUEST)
"""How the engine answers where it has no image of a name, or where that can't be one."""
PODMAN = "Libpod/"
"""What the Server header of Podman's answers begins with. Its lists need the SDK's client."""


def is_here(address: str) -> bool:
    """Whether the engine at an address (the SDK's ``base_url``) is on this host, so that its ports
    are this host's and the folders that its labels name are to be found here."""
    return address in LOCAL_ENGINES


def takes_connections(address: str, seconds: float) -> bool:
    """Whether an address is that of a socket of this machine on which somebody listens."""
    if not address.startswith(SOCKET):
        return False
    with socket.socket(socket.AF_UNIX) as tried:
        tried.settimeout(seconds)
        try:
            tried.connect(address.removeprefix(SOCKET))
        except OSError:
            return False
    return True


class LocalClient:
    """Answers what all of a task's questions begin with by itself. Everything else the SDK's client
    does, which ``load`` makes then; what can't be answered here too, for that says what is wrong.
    """

    base_url = "http+docker://localhost"
    """What the SDK calls every socket of this machine."""

    def __init__(self, address: str, seconds: float, load: Callable[[], APIClient]) -> None:
        self._path, self._seconds, self._load = address.removeprefix(SOCKET), seconds, load

    @cached_property
    def sdk(self) -> Any:
        return self._load()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sdk, name)

    @property
    def timeout(self) -> float:
        """Seconds that the SDK's client waits for an answer."""
        return float(self.sdk.timeout)

    @timeout.setter
    def timeout(self, seconds: float) -> None:
        self.sdk.timeout = seconds

    def close(self) -> None:
        if "sdk" in vars(self):
            self.sdk.close()

    def containers(self, **options: Any) -> Any:
        if options != {"all": True}:
            return self.sdk.containers(**options)
        return self._list("/containers/json?all=1", lambda: self.sdk.containers(**options))

    def images(self) -> Any:
        return self._list("/images/json", lambda: self.sdk.images())

    def networks(self, **options: Any) -> Any:
        if options:
            return self.sdk.networks(**options)
        return self._list("/networks", lambda: self.sdk.networks())

    def volumes(self, **options: Any) -> Any:
        if options:
            return self.sdk.volumes(**options)
        return self._list("/volumes", lambda: self.sdk.volumes())

    def image_records(self, references: Iterable[str]) -> list[Any] | None:
        """The engine's records of these images, without those it does not have; None where they
        can't be had this way. Raises TimeoutError."""
        records = []
        with contextlib.closing(_Connection(self._path, self._seconds)) as connection:
            for reference in references:
                status, record = self._answer(connection, f"/images/{quote(reference, SAFE)}/json")
                if status == http.HTTPStatus.OK:
                    records.append(record)
                elif status not in NO_SUCH_IMAGE:
                    return None
        return records

    def _list(self, path: str, otherwise: Callable[[], Any]) -> Any:
        with contextlib.closing(_Connection(self._path, self._seconds)) as connection:
            status, listed = self._answer(connection, path)
        return listed if status == http.HTTPStatus.OK else otherwise()

    def _answer(self, connection: _Connection, path: str) -> tuple[int, Any]:
        """The status and document that the engine answers to a path without a version, which means
        its newest, as it does for the SDK's client; 0 for an answer that is none, or of Podman.
        Raises TimeoutError."""
        request_line = f"GET {path.partition('?')[0]}"
        patience = min(waiting.ENGINE_SECONDS, self._seconds / 2)
        try:
            with waiting.on(f"the engine ({request_line})", patience):
                connection.request("GET", path)
                answer = connection.getresponse()
                text = answer.read()
        except TimeoutError as error:
            raise TimeoutError(f"no answer to {request_line} within {self._seconds:g} s") from error
        except (OSError, http.client.HTTPException):
            return 0, None
        if answer.getheader("Server", "").startswith(PODMAN):
            return 0, None
        return answer.status, json.loads(text) if answer.status == http.HTTPStatus.OK else None


class _Connection(http.client.HTTPConnection):
    """HTTP over a socket of this machine."""

    def __init__(self, path: str, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
