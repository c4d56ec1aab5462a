"""What listens inside a container, read in its own network namespace.

A connection would prove nothing: the engine's proxy accepts connections to a published port, and
the container's address may be unreachable from this host (Docker Desktop, rootless and remote
engines, `network_mode: none`, IPv6 alone). The kernel's tables of the namespace are always correct:
``/proc/PID/net`` if the engine's processes are on this host, otherwise ``cat`` run in the
container.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composetasks.observe.conflicts.host import TCP_LISTEN, kernel_address
from composetasks.observe.engine.local import is_here

if TYPE_CHECKING:
    from docker import APIClient

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
ENGINE_DNS = "127.0.0.11"
"""The address of the engine's own DNS server in each container on a network."""

Sockets = frozenset[tuple[str, int]]


class Listening:
    """Called with a container's inspect record: returns the addresses and ports that are listened
    on, None if they can't be read (an image without ``cat`` on another host's engine)."""

    def __init__(self, client: APIClient) -> None:
        self._client = client
        self._local = is_here(client.base_url)

    def __call__(self, record: Mapping[str, Any]) -> Sockets | None:
        listening = self._by_process(record) if self._local else None
        return self._by_exec(str(record["Id"])) if listening is None else listening

    def _by_process(self, record: Mapping[str, Any]) -> Sockets | None:
        """Read the tables of the container's main process if it is on this host (a local socket may
        lead to an engine in a virtual machine, or in another container)."""
        process = Path("/proc", str((record.get("State") or {}).get("Pid") or "none"))
        try:
            groups = (process / "cgroup").read_text()
            tables = (process / "net/tcp").read_text()
            with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
                tables += (process / "net/tcp6").read_text()
        except OSError:
            return None
        return sockets(tables) if str(record["Id"]) in groups else None

    def _by_exec(self, key: str) -> Sockets | None:
        from docker import errors

        try:
            execution = self._client.exec_create(key, ["cat", *TABLES], stderr=False)["Id"]
            output: Any = self._client.exec_start(execution)
        except errors.APIError as error:
            # 409: the container exited or restarts. Any other status: it has no `cat`.
            return frozenset() if error.status_code in (404, 409) else None
        text = bytes(output).decode("ascii", "replace")
        return sockets(text) if "local_address" in text else None


def sockets(tables: str) -> Sockets:
    """Return the listening sockets of ``/proc/net/tcp`` and ``tcp6`` (proc(5))."""
    return frozenset(_listening(tables))


def _listening(tables: str) -> Iterator[tuple[str, int]]:
    for row in tables.splitlines():
        columns = row.split()
        if len(columns) < 4 or columns[3] != TCP_LISTEN:
            continue
        address, _, port = columns[1].rpartition(":")
        at = kernel_address(address)
        if at != ENGINE_DNS:
            yield at, int(port, 16)
