"""An engine that answers from a script, over a real socket: for what a real one can't be made to
say, and for machines that have none. It knows the reading half of the API and refuses the rest,
keeping every request, so that a test can tell that nothing was changed."""

from __future__ import annotations

import http.server
import json
import os
import socketserver
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


class ScriptedEngine:
    """Listens on ``folder/engine.sock`` while used as a context manager.

    ``containers``, ``images``, ``networks`` and ``volumes`` are what it lists, in the API's own
    form; ``requests`` are what it was asked, as ("GET", "/containers/json"). ``ping`` and ``info``
    are what it says of itself. It never answers requests for ``silent``, as ("GET", "/events"), and
    forbids those for ``forbidden``.
    """

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "engine.sock"
        self.containers: list[dict[str, Any]] = []
        self.images: list[dict[str, Any]] = []
        self.networks: list[dict[str, Any]] = []
        self.volumes: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str]] = []
        self.ping = "OK"
        self.info: dict[str, Any] = {"ServerVersion": "28.0.0", "Name": os.uname().nodename}
        self.silent: set[tuple[str, str]] = set()
        self.forbidden: set[tuple[str, str]] = set()
        self._over = threading.Event()
        self._server: socketserver.ThreadingUnixStreamServer | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    @property
    def changes(self) -> list[tuple[str, str]]:
        """The requests that would have changed something."""
        return [request for request in self.requests if request[0] not in ("GET", "HEAD")]

    def answer(self, path: str) -> Any:
        """The document for a path without its version; None where there is none."""
        fixed: dict[str, Any] = {
            "/_ping": self.ping,
            "/version": {"Version": "28.0.0", "ApiVersion": "1.48", "MinAPIVersion": "1.24"},
            "/info": {"Containers": len(self.containers), **self.info},
            "/containers/json": self.containers,
            "/images/json": self.images,
            "/networks": self.networks,
            "/volumes": {"Volumes": self.volumes},
        }
        if path.startswith("/containers/") and path.endswith("/json") and path not in fixed:
            key = path.split("/")[2]
            return next((one["inspect"] for one in self.containers if one["Id"] == key), None)
        if path.startswith("/images/") and path.endswith("/json") and path not in fixed:
            name = path.removeprefix("/images/").removesuffix("/json")
            return next((one for one in self.images if name in (one["Id"], *one["RepoTags"])), None)
        return fixed.get(path)

    def __enter__(self) -> ScriptedEngine:
        engine = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _handle(self) -> None:
                path = urlsplit(self.path).path
                if path.startswith("/v1."):
                    path = "/" + path.split("/", 2)[2]
                engine.requests.append((self.command, path))
                if (self.command, path) in engine.silent:
                    engine._over.wait()
                    return
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                result = engine.answer(path) if self.command in ("GET", "HEAD") else None
                document = result if result is not None else {"message": "no"}
                # Text is answered as it is, as an engine answers its ping.
                written = document if isinstance(document, str) else json.dumps(document)
                body = written.encode()
                status = 200 if result is not None else 404
                self.send_response(403 if (self.command, path) in engine.forbidden else status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Api-Version", "1.48")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = do_DELETE = do_PUT = _handle

            def address_string(self) -> str:
                return "test"

            def log_message(self, format: str, *args: Any) -> None:
                """Requests are kept, not printed."""

        self._server = socketserver.ThreadingUnixStreamServer(str(self.socket), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._server is not None
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
