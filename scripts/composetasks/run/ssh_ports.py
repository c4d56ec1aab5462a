"""Forwards the ports that a project publishes on an engine's host behind ssh to this machine, over
an ssh connection of their own. Unlike the connection for the engine's socket, which ends some
minutes after its last use, it stays open until :meth:`Ports.end`, or until it breaks.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Mapping

from composetasks.run.external_failures import MALFORMED
from composetasks.run.failure import TaskFailure
from composetasks.run.ssh_link import ALIVE, SshLink, own_folder

LISTEN_ADDRESS = "127.0.0.1"
"""The local listening address: ports published on all addresses there stay private here."""


class Ports:
    """The forwarded ports of ``project`` on the engine at ``ssh://...``; ``seconds`` is the limit
    for one command of ssh."""

    def __init__(self, address: str, project: str, seconds: float) -> None:
        self._link = SshLink(address, own_folder(), seconds, f"ports of {project}")
        self._list = self._link.folder / f"{self._link.name}.json"

    def load(self) -> dict[str, int]:
        """The forwarded ports of this machine, by the remote address that each leads to."""
        if not self._list.exists() or not self._link.there():
            return {}
        try:
            listed = json.loads(self._list.read_text("utf-8"))
            return {str(there): int(port) for there, port in listed.items()}
        except (OSError, *MALFORMED):
            return {}  # damaged: the ports are forwarded again

    def forward(self, there: str, wanted: int) -> int:
        """Forward a port of this machine to the remote address ``there``: the ``wanted`` port, or a
        free one if that is not available. Returns the port."""
        with self._link.alone():
            forwarded = self.load()
            if not forwarded:
                self._open()
            port = wanted if self._leads(wanted, there) else self._free(there)
            self._keep({**forwarded, there: port})
        return port

    def end(self) -> None:
        """End all forwards."""
        with self._link.alone():
            self._link.ssh("-O", "exit", check=False)
            self._list.unlink(missing_ok=True)

    def _open(self) -> None:
        self._list.unlink(missing_ok=True)
        if not self._link.there():
            self._link.control.unlink(missing_ok=True)
            self._link.ssh("-M", "-f", "-N", "-o", "ControlPersist=no", *ALIVE)

    def _leads(self, port: int, there: str) -> bool:
        forward = f"{LISTEN_ADDRESS}:{port}:{there}"
        return self._link.ssh("-O", "forward", "-L", forward, check=False).code == 0

    def _free(self, there: str) -> int:
        for _ in range(10):
            port = _free_port()
            if self._leads(port, there):
                return port
        raise TaskFailure(
            f"no port of this machine could be forwarded to {there} on the engine's host",
            hint="check whether its sshd allows that (AllowTcpForwarding), or turn it "
            "off (setting stack.remote.forward: false)",
        )

    def _keep(self, forwarded: Mapping[str, int]) -> None:
        new = self._list.with_suffix(".new")
        new.write_text(json.dumps(forwarded), "utf-8")
        new.replace(self._list)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((LISTEN_ADDRESS, 0))
        return int(listener.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a port is free to listen on at this machine."""
    with socket.socket() as tried, contextlib.suppress(OSError):
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tried.bind((LISTEN_ADDRESS, port))
        return True
    return False
