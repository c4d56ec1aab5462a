"""The ports that a project publishes on an engine's host behind ssh, on this machine: one ssh of
their own forwards them all. It has no end by itself (that of the engine's socket ends some minutes
after its last use): it lives until :meth:`Ports.end`, or until the line is cut.
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
"""Where they are listened on here: what is published there to everybody is not by this machine."""


class Ports:
    """The forwarded ports of ``project`` on the engine at ``ssh://...``; one command of ssh may
    take ``seconds``."""

    def __init__(self, address: str, project: str, seconds: float) -> None:
        self._link = SshLink(address, own_folder(), seconds, f"ports of {project}")
        self._list = self._link.folder / f"{self._link.name}.json"

    def load(self) -> dict[str, int]:
        """The ports of this machine, by the address there that each leads to."""
        if not self._list.exists() or not self._link.there():
            return {}
        try:
            listed = json.loads(self._list.read_text("utf-8"))
            return {str(there): int(port) for there, port in listed.items()}
        except (OSError, *MALFORMED):
            return {}  # Damaged: they are forwarded again.

    def forward(self, there: str, wanted: int) -> int:
        """Let a port of this machine lead to the address ``there``: the ``wanted`` one, or a free
        one where that can't be had. Returns which."""
        with self._link.alone():
            forwarded = self.load()
            if not forwarded:
                self._open()
            port = wanted if self._leads(wanted, there) else self._free(there)
            self._keep({**forwarded, there: port})
        return port

    def end(self) -> None:
        """Forward nothing any more."""
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
    """Whether a port can be listened on here."""
    with socket.socket() as tried, contextlib.suppress(OSError):
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tried.bind((LISTEN_ADDRESS, port))
        return True
    return False
