"""The fetcher against a feed that is really there, or really not."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from processing import fetch
from processing.fetch import Fetcher, Hosts, Unavailable, Unreachable
from processing.messages import Rejected


@dataclass
class Feed:
    """A server: what it answers by path, how often it was asked, over how many connections."""

    address: str = ""
    codes: dict[str, int] = field(default_factory=dict)
    locations: dict[str, str] = field(default_factory=dict)
    asked: int = 0
    callers: set[int] = field(default_factory=set)
    release: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str) -> str:
        return f"http://{self.address}{path}"


LOOPBACK: Hosts = frozenset({("127.0.0.1", None)})


@pytest.fixture
def feed() -> Iterator[Feed]:
    state = Feed()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            state.asked += 1
            state.callers.add(self.client_address[1])
            if self.path == "/silent":
                self.close_connection = True
                state.release.wait(30)
                return
            if self.path in ("/dribble", "/headers"):
                self.dribble()
                return
            code = state.codes.get(self.path, 200)
            body = b"clip" if code == 200 else b""
            self.send_response(code)
            self.send_header("Content-Length", "9" if self.path == "/cut" else str(len(body)))
            if self.path in state.locations:
                self.send_header("Location", state.locations[self.path])
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = self.path in ("/cut", "/last")

        def dribble(self) -> None:
            """Bytes, each well in time, and no end."""
            self.close_connection = True
            self.send_response(200)
            if self.path == "/dribble":
                self.send_header("Content-Length", "1000000")
                self.end_headers()
            else:
                self.flush_headers()
            try:
                while not state.release.wait(0.02):
                    self.wfile.write(b"x")
            except OSError:
                return

        def log_message(self, format: str, *args: object) -> None:
            """Tests are quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.address = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        state.release.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address where nobody answers: its port is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    with Fetcher(20, LOOPBACK) as one:
        yield one


def test_clips_come_over_one_connection(feed: Feed, fetcher: Fetcher) -> None:
    assert [fetcher.fetch(feed.url(f"/{name}")) for name in "abc"] == [b"clip"] * 3
    assert (feed.asked, len(feed.callers)) == (3, 1)


def test_a_connection_closed_meanwhile_is_opened_again(feed: Feed, fetcher: Fetcher) -> None:
    assert fetcher.fetch(feed.url("/last")) == b"clip"
    assert fetcher.fetch(feed.url("/a")) == b"clip"


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 451])
def test_a_feed_that_has_no_such_clip_is_believed(feed: Feed, fetcher: Fetcher, code: int) -> None:
    feed.codes["/a"] = code
    with pytest.raises(Rejected, match=rf"^video_url: HTTP {code} from http://.*/a$"):
        fetcher.fetch(feed.url("/a"))
    assert feed.asked == 1


@pytest.mark.parametrize("code", [408, 425, 429, 500, 502, 503])
def test_a_feed_that_stumbles_may_have_it_later(feed: Feed, fetcher: Fetcher, code: int) -> None:
    feed.codes["/a"] = code
    with pytest.raises(Unavailable, match=rf"^HTTP {code} from http://.*/a$"):
        fetcher.fetch(feed.url("/a"))


def test_a_clip_that_breaks_off_may_come_whole_later(feed: Feed, fetcher: Fetcher) -> None:
    with pytest.raises(Unavailable, match="broken answer"):
        fetcher.fetch(feed.url("/cut"))
    assert fetcher.fetch(feed.url("/a")) == b"clip"


@pytest.mark.parametrize("path", ["/dribble", "/headers", "/silent"])
def test_a_clip_has_a_time_for_the_whole_of_it(feed: Feed, path: str) -> None:
    with Fetcher(0.3, LOOPBACK) as fetcher:
        with pytest.raises(Unavailable, match="takes more than"):
            fetcher.fetch(feed.url(path))
        assert fetcher.fetch(feed.url("/a")) == b"clip"


def test_an_address_where_nobody_answers_is_told_from_a_clip(
    nobody: str, feed: Feed, fetcher: Fetcher
) -> None:
    with pytest.raises(Unreachable, match=f"^{nobody} doesn't answer"):
        fetcher.fetch(f"http://{nobody}/a.mp4")
    assert fetcher.fetch(feed.url("/a")) == b"clip"


def test_a_clip_without_end_is_rejected(
    feed: Feed, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "LARGEST_BYTES", 3)
    with pytest.raises(Rejected, match="more than 0 MiB"):
        fetcher.fetch(feed.url("/a"))


def test_a_redirect_within_the_feed_is_followed(feed: Feed, fetcher: Fetcher) -> None:
    feed.codes["/old"], feed.locations["/old"] = 302, "/a"
    assert fetcher.fetch(feed.url("/old")) == b"clip"


INSIDE = (
    *("http://localhost:{port}/a", "http://[::1]:{port}/a", "http://[::ffff:127.0.0.1]:{port}/a"),
    *("http://0.0.0.0:{port}/a", "http://10.0.0.1/a", "http://192.168.1.1:8080/a"),
    *("http://172.17.0.1/a", "http://169.254.169.254/latest/meta-data", "http://100.64.0.1/a"),
    *("http://[fd00::1]/a", "http://[64:ff9b::a00:1]/a", "http://[2002:a00:1::]/a"),
    *("https://10.0.0.1/a", "http://2130706433:{port}/a", "http://127.1:{port}/a"),
    "http://user@127.0.0.2:{port}/a",
)


@pytest.mark.parametrize("target", INSIDE)
def test_a_redirect_to_an_internal_address_is_not_followed(
    feed: Feed, fetcher: Fetcher, target: str
) -> None:
    port = feed.address.partition(":")[2]
    feed.codes["/old"], feed.locations["/old"] = 302, target.format(port=port)
    with pytest.raises(Rejected, match=r"^video_url: .* is not public, and not one of the hosts"):
        fetcher.fetch(feed.url("/old"))
    assert feed.asked == 1


@pytest.mark.parametrize("target", INSIDE)
def test_nor_is_a_clip_asked_for_there(feed: Feed, fetcher: Fetcher, target: str) -> None:
    with pytest.raises(Rejected, match="is not public"):
        fetcher.fetch(target.format(port=feed.address.partition(":")[2]))
    assert feed.asked == 0


def test_each_hop_of_several_is_looked_at(feed: Feed, fetcher: Fetcher) -> None:
    port = feed.address.partition(":")[2]
    feed.codes.update({"/one": 302, "/two": 307})
    feed.locations.update({"/one": "/two", "/two": f"http://localhost:{port}/a"})
    with pytest.raises(Rejected, match=r"localhost:.* is not public"):
        fetcher.fetch(feed.url("/one"))
    assert feed.asked == 2


def test_a_name_that_stands_for_an_internal_address_is_none_that_is_public(
    feed: Feed, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(feed.address.partition(":")[2])
    asked = []

    def names(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", names)
    feed.codes["/old"], feed.locations["/old"] = 302, f"http://clips.example:{port}/a"
    with pytest.raises(Rejected, match=f"clips.example:{port} is not public"):
        fetcher.fetch(feed.url("/old"))
    assert feed.asked == 1
    # What was looked at is what is connected to: a name may stand for another address each time.
    monkeypatch.setattr(fetch, "_is_public", lambda address: address == "127.0.0.1")
    assert fetcher.fetch(f"http://clips.example:{port}/a") == b"clip"
    assert asked == ["127.0.0.1", "clips.example", "clips.example"]


def test_hosts_inside_are_allowed_with_their_port_or_with_any(feed: Feed) -> None:
    port = int(feed.address.partition(":")[2])
    url = f"http://LOCALHOST:{port}/a"
    for allowed in (port, None):
        with Fetcher(20, frozenset({("localhost", allowed)})) as fetcher:
            assert fetcher.fetch(url) == b"clip"
    with (
        Fetcher(20, frozenset({("localhost", port + 1)})) as fetcher,
        pytest.raises(Rejected, match="CLIP_HOSTS"),
    ):
        fetcher.fetch(url)


@pytest.mark.parametrize("target", ["", "file:///etc/passwd", "http://a b/"])
def test_a_redirect_to_no_address_is_rejected(feed: Feed, fetcher: Fetcher, target: str) -> None:
    feed.codes["/old"], feed.locations["/old"] = 302, target
    with pytest.raises(Rejected, match="redirect"):
        fetcher.fetch(feed.url("/old"))


def test_redirects_have_an_end(feed: Feed, fetcher: Fetcher) -> None:
    feed.codes["/old"], feed.locations["/old"] = 301, "/old"
    with pytest.raises(Rejected, match="more than 3 redirects"):
        fetcher.fetch(feed.url("/old"))
