"""A port of this host that leads to an engine's socket."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def relayed(address: str) -> Iterator[int]:
    """The port that leads to the engine at ``unix://...``, for as long as the block lasts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        path = address.removeprefix("unix://")
        thread = threading.Thread(target=_serve, args=(listener, path), daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _serve(listener: socket.socket, path: str) -> None:
    with contextlib.suppress(OSError):
        while True:
            caller, _ = listener.accept()
            threading.Thread(target=_relay, args=(caller, path), daemon=True).start()


def _relay(caller: socket.socket, path: str) -> None:
    with contextlib.suppress(OSError), caller, socket.socket(socket.AF_UNIX) as engine:
        engine.connect(path)
        back = threading.Thread(target=copied, args=(engine, caller), daemon=True)
        back.start()
        copied(caller, engine)
        back.join()


def copied(source: socket.socket, target: socket.socket) -> None:
    """Pass on what comes, and that no more will."""
    with contextlib.suppress(OSError):
        while content := source.recv(1 << 16):
            target.sendall(content)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
