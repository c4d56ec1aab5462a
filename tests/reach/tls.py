"""An engine behind TLS: a relay on this host that asks callers for a certificate and proves who it
is with one, as ``dockerd --tlsverify`` does, and passes on to an engine's socket."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.reach.relay import copied


def certificates(folder: Path) -> None:
    """``ca.pem``, and ``cert.pem`` with ``key.pem`` of a caller; ``server.pem`` of the engine."""
    folder.mkdir()

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=tests")
    (folder / "names").write_text("subjectAltName = IP:127.0.0.1\n")
    for name, cert, key in (("engine", "server.pem", "server.key"), ("me", "cert.pem", "key.pem")):
        openssl("req", *new, "-keyout", key, "-out", "request", "-subj", f"/CN={name}")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
        openssl("x509", "-req", "-in", "request", "-out", cert, "-days", "2", *signed)


@contextlib.contextmanager
def behind_tls(address: str, folder: Path) -> Iterator[int]:
    """The port of such a relay to the engine at ``unix://...``, for as long as the block lasts."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = (listener, context, address.removeprefix("unix://"))
        thread = threading.Thread(target=_serve, args=relay, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _serve(listener: socket.socket, context: ssl.SSLContext, path: str) -> None:
    while True:
        try:
            caller, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_relay, args=(caller, context, path), daemon=True).start()


def _relay(caller: socket.socket, context: ssl.SSLContext, path: str) -> None:
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX) as engine,
        context.wrap_socket(caller, server_side=True) as inner,
    ):
        engine.connect(path)
        back = threading.Thread(target=copied, args=(engine, inner), daemon=True)
        back.start()
        copied(inner, engine)
        back.join()
