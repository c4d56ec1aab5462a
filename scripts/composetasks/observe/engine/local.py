"""Request lists of the engine on this machine without the Docker SDK: importing it takes longer
than everything else in a task that finds nothing to do."""

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
"""The addresses that the SDK uses for sockets and pipes of this host."""
SAFE = "/:@"
"""The characters of references that keep their meaning in a path."""
NO_SUCH_IMAGE = (http.HTTPStatus.NOT_FOUND, http.HTTPStatus.BAD_REQUEST)
"""The engine's status codes if no image has a name, or if the name is invalid."""
PODMAN = "Libpod/"
"""The prefix of the Server header in Podman's answers. Its lists need the SDK's client."""


def is_here(address: str) -> bool:
    """Tell whether the engine at an address (the SDK's ``base_url``) is on this host, so that its
    ports and the folders that its labels name are those of this host."""
    return address in LOCAL_ENGINES


def takes_connections(address: str, seconds: float) -> bool:
    """Tell whether an address is a socket of this machine that accepts connections."""
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
    """Answers the first requests of every task without the SDK. Everything else is passed on to the
    SDK's client, which ``load`` creates on first use, and so are failed requests, so that it
    reports the error."""

    base_url = "http+docker://localhost"
    """The address that the SDK uses for every socket of this machine."""

    def __init__(self, address: str, seconds: float, load: Callable[[], APIClient]) -> None:
        self._path, self._seconds, self._load = address.removeprefix(SOCKET), seconds, load

    @cached_property
    def sdk(self) -> Any:
        return self._load()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sdk, name)

    @property
    def timeout(self) -> float:
        """The seconds that the SDK's client waits for an answer."""
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
        """Return the engine's records of these images, without missing ones; None if they can't be
        read this way. Raises TimeoutError."""
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
        """Return status and document of the answer to a path without a version, which means the
        engine's newest, as for the SDK's client. The status is 0 for an invalid answer, or one of
        Podman. Raises TimeoutError."""
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
