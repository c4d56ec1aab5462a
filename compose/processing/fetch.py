"""A clip's bytes over HTTP, within a time for the whole of it, and from no machine inside.

Two kinds of failure are told apart. `Rejected`: asked again, the answer would be the same.
`Unavailable`: it may come another time.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from processing.messages import Rejected, quote

ANSWER_SECONDS = 5.0
LARGEST_BYTES = 16 * 1024 * 1024
MOST_REDIRECTS = 3
MOST_KEPT = 4
"""Connections that a thread keeps open for its next clips."""
BACK_LATER = (408, 425, 429)
"""Refusals that pass, beside all from 500 on."""
WATCH_SECONDS = 0.2


Hosts = frozenset[tuple[str, int | None]]
"""Names or addresses in lower case, each with its port, or None for any."""


class Unavailable(Exception):
    """There is no clip just now. Its text is the reason, one line for a person."""


class Unreachable(Unavailable):
    """The address itself does not answer: its other clips won't come either."""


_Address = tuple[socket.AddressFamily, Any]
_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, eq=False)
class _Line:
    """A connection and its socket, which an answer that is the last one takes from it."""

    connection: http.client.HTTPConnection
    socket: socket.socket


class Fetcher:
    """Fetches clips, each within `seconds`, from any number of threads. A context manager.

    A socket's own timeout bounds the wait for each piece: an answer that dribbles would take for
    ever. So a thread of its own shuts the sockets whose time is over.

    Whoever writes a post chooses its clip's address, and whoever serves it where that redirects to:
    only public addresses are connected to, and those `inside`.
    """

    def __init__(self, seconds: float, inside: Hosts) -> None:
        self._seconds = seconds
        self._inside = inside
        self._own = threading.local()
        self._lock = threading.Lock()
        self._ends: dict[socket.socket, float] = {}
        self._overdue: set[socket.socket] = set()
        self._open: set[_Line] = set()
        self._closing = threading.Event()
        self._watchman = threading.Thread(target=self._watch, daemon=True)
        self._watchman.start()

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._watchman.join()
        for line in self._open:
            line.connection.close()

    def fetch(self, url: str) -> bytes:
        """The bytes at an address. Raises Rejected, Unavailable or Unreachable."""
        end = time.monotonic() + self._seconds
        parts = urlsplit(url)
        for _ in range(MOST_REDIRECTS + 1):
            answer = self._ask(parts, end)
            if isinstance(answer, bytes):
                return answer
            parts = _target(parts, answer)
        raise Rejected(f"video_url: more than {MOST_REDIRECTS} redirects from {url}")

    def _ask(self, parts: SplitResult, end: float) -> bytes | str:
        """The body, or where a redirect points to."""
        where = f"{parts.scheme}://{parts.netloc}"
        line, used = self._line(parts, end)
        keep = False
        try:
            answer = self._answer(line, parts, end)
            if answer is None and used:  # closed since it was last used
                self._drop(line, where)
                line, used = self._line(parts, end)
                answer = self._answer(line, parts, end)
            if answer is None:
                raise Unavailable(f"{parts.netloc} closes the connection without an answer")
            body = _body(answer)
            if self._is_overdue(line):  # shut by us, it looks like an end
                raise TimeoutError
            keep = answer.isclosed() and not answer.will_close
        except Unavailable:
            raise
        except (http.client.HTTPException, OSError, ValueError) as error:
            if time.monotonic() >= end or self._is_overdue(line):
                raise Unavailable(f"the clip takes more than {self._seconds:.0f} s") from error
            why = str(error) or type(error).__name__
            raise Unavailable(f"broken answer from {parts.netloc} ({why[:120]})") from error
        finally:
            self._release(line)
            if not keep:
                self._drop(line, where)
        return self._judged(answer, body, parts)

    def _answer(
        self, line: _Line, parts: SplitResult, end: float
    ) -> http.client.HTTPResponse | None:
        """The answer's beginning, or None where a connection was closed before it."""
        with self._lock:
            self._ends[line.socket] = end
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            line.connection.request("GET", path, headers={"User-Agent": "spark-processor"})
            return line.connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            if self._is_overdue(line):
                raise
            return None

    def _judged(
        self, answer: http.client.HTTPResponse, body: bytes, parts: SplitResult
    ) -> bytes | str:
        url = parts.geturl()
        if answer.status == 200:
            if len(body) > LARGEST_BYTES:
                raise Rejected(f"video_url: more than {LARGEST_BYTES // 1024 // 1024} MiB at {url}")
            return body
        if answer.status in (301, 302, 303, 307, 308):
            return answer.getheader("Location") or ""
        reason = f"HTTP {answer.status} from {url}"
        if answer.status >= 500 or answer.status in BACK_LATER:
            raise Unavailable(reason)
        raise Rejected(f"video_url: {reason}")

    def _line(self, parts: SplitResult, end: float) -> tuple[_Line, bool]:
        """A connection to an address, and whether it was used before."""
        kept: dict[str, _Line] = self._own.__dict__.setdefault("kept", {})
        where = f"{parts.scheme}://{parts.netloc}"
        if where in kept:
            return kept[where], True
        while len(kept) >= MOST_KEPT:
            oldest = next(iter(kept))
            self._drop(kept[oldest], oldest)
        seconds = max(0.1, min(ANSWER_SECONDS, end - time.monotonic()))
        try:
            connection = _connection(parts, self._addresses(parts), seconds)
        except (OSError, ValueError) as error:
            raise Unreachable(f"{parts.netloc} doesn't answer ({error})") from error
        line = kept[where] = _Line(connection, connection.sock)
        with self._lock:
            self._open.add(line)
        return line, False

    def _addresses(self, parts: SplitResult) -> list[_Address]:
        """Where to connect to. Raises OSError; Rejected where only machines inside are meant."""
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        found: list[_Address] = [
            (family, address)
            for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        ]
        if not self._inside.isdisjoint({(host, port), (host, None)}):
            return found
        public = [(family, address) for family, address in found if _is_public(address[0])]
        if not public:
            raise Rejected(
                f"video_url: {parts.netloc} is not public, and not one of the hosts inside that"
                " clips may come from (CLIP_HOSTS)"
            )
        return public

    def _drop(self, line: _Line, where: str) -> None:
        self._release(line)
        self._own.__dict__.get("kept", {}).pop(where, None)
        with self._lock:
            self._open.discard(line)
        line.connection.close()

    def _release(self, line: _Line) -> None:
        with self._lock:
            self._ends.pop(line.socket, None)
            self._overdue.discard(line.socket)

    def _is_overdue(self, line: _Line) -> bool:
        with self._lock:
            return line.socket in self._overdue

    def _watch(self) -> None:
        while not self._closing.wait(WATCH_SECONDS):
            now = time.monotonic()
            with self._lock:
                for sock in [sock for sock, end in self._ends.items() if now >= end]:
                    del self._ends[sock]
                    self._overdue.add(sock)
                    with contextlib.suppress(OSError):  # the other side was first
                        sock.shutdown(socket.SHUT_RDWR)


def _connection(
    parts: SplitResult, addresses: list[_Address], seconds: float
) -> http.client.HTTPConnection:
    """A connection to the first of these very addresses that answers: a name that is asked for
    again may stand for another one. Raises OSError."""
    # No proxy: the feed stands beside the job, inside the stack's own network.
    sock = _connected(addresses, seconds)
    host = parts.hostname or ""
    connection = http.client.HTTPConnection(host, parts.port, timeout=seconds)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, parts.port, timeout=seconds, context=context)
        try:
            sock = context.wrap_socket(sock, server_hostname=host)
        except OSError:
            sock.close()
            raise
    connection.sock = sock
    connection.auto_open = 0  # by its name
    return connection


def _connected(addresses: list[_Address], seconds: float) -> socket.socket:
    problem = OSError("it has no address")
    for family, address in addresses:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(seconds)
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except OSError as error:
            sock.close()
            problem = error
    raise problem


def _body(answer: http.client.HTTPResponse) -> bytes:
    """The body; of one that is too large, a little more than may be."""
    body = bytearray()
    while len(body) <= LARGEST_BYTES:
        piece = answer.read(65536)
        if not piece:
            break
        body += piece
    if answer.length and len(body) <= LARGEST_BYTES:
        raise http.client.IncompleteRead(bytes(body), answer.length)
    return bytes(body)


def _target(parts: SplitResult, location: str) -> SplitResult:
    target = urlsplit(urljoin(parts.geturl(), location))
    good = target.scheme in ("http", "https") and target.hostname and location
    if not good or not all("!" <= character <= "~" for character in target.geturl()):
        raise Rejected(f"video_url: redirected to {quote(location)}")
    return target


def _is_public(text: str) -> bool:
    """Whether an address lies outside; of one that carries an IPv4 address, where that lies."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        address = inner or address
    return address.is_global and not address.is_multicast
