"""A socket between a program and the engine, whose connections a test can cut or let hang, all of
them or those on which a certain thing is asked for."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
from collections.abc import Callable
from pathlib import Path

REQUEST = re.compile(rb"(?:GET|HEAD|POST|PUT|DELETE) /[^? ]*")


def _engine_address() -> str:
    return os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")


class EngineProxy:
    """Passes everything on to the engine, until :meth:`cut`; a context manager. ``refused`` is set
    once a connection was; ``requests`` are those that came, as method and path, and ``turns`` how
    many of them waited for each other's answers, which take ``seconds`` longer."""

    def __init__(self, path: Path, seconds: float = 0.0) -> None:
        self.address = f"unix://{path}"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._refusing = False
        self.refused, self.asked = threading.Event(), threading.Event()
        self._flowing = threading.Event()
        self._flowing.set()
        self._silent: re.Pattern[bytes] | None = None
        self.requests: list[str] = []
        self.turns = 0
        self._turn: dict[socket.socket, int] = {}
        self._seconds = seconds
        self._ended = threading.Event()

    def __enter__(self) -> EngineProxy:
        self._start(self._accept)
        return self

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._ended.set()
        self.cut()
        self._flowing.set()
        for thread in self._threads:
            thread.join()
        for one in (self._listener, *self._sockets):
            one.close()

    def cut(self, *, refuse: bool = False) -> None:
        """End every connection, as an engine that stops does; then ``refuse`` new ones, or not."""
        self._refusing = refuse
        for one in list(self._sockets):
            _end(one)

    def hang(self) -> None:
        """Pass nothing on any more, and keep every connection open, new ones too."""
        self._flowing.clear()

    def flow(self) -> None:
        """Pass on again."""
        self._silent = None
        self._flowing.set()

    def silence(self, method: str, path: str) -> None:
        """Pass no request on whose path matches, nor whatever else comes on its connection. All
        others are answered. ``asked`` is set with the first of them."""
        request = rf"{method} (?:/v[\d.]+)?{path}[? ]"
        self._silent = re.compile(request.encode())
        self.asked.clear()

    def _start(self, target: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=target, args=arguments)
        thread.start()
        self._threads.append(thread)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self._refusing:
                    self.refused.set()
                    near.close()
                    continue
                far = socket.socket(socket.AF_UNIX)
                far.connect(_engine_address())
                self._sockets += near, far
                self._start(self._pass_on, near, far)
                self._start(self._pass_on, far, near)

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if request := REQUEST.match(data):
                    self.requests.append(request[0].decode())
                    self._turn[source] = self.turns + 1
                elif asked := self._turn.pop(sink, 0):
                    self._ended.wait(self._seconds)
                    self.turns = max(self.turns, asked)
                self._flowing.wait()
                if self._silent and self._silent.match(data):
                    self.asked.set()
                    self._ended.wait()
                sink.sendall(data)
        _end(sink)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
