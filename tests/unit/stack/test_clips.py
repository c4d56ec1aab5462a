"""The reader against a feed that is really there, or really not; ffmpeg has no part in it."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from processing import clips
from processing.clips import Clip, ClipReader
from processing.messages import Rejected


@dataclass
class Feed:
    """A server whose next answers are given; after them it says 200."""

    address: str = ""
    codes: list[int] = field(default_factory=list)
    asked: int = 0


@pytest.fixture
def feed() -> Iterator[Feed]:
    state = Feed()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked += 1
            code = state.codes.pop(0) if state.codes else 200
            self.send_response(code)
            self.end_headers()
            self.wfile.write(b"clip")

        def log_message(self, format: str, *args: object) -> None:
            """Tests are quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.address = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        server.shutdown()
        thread.join()


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address where nobody answers: its port is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture(autouse=True)
def decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(content: bytes, size: int) -> Clip:
        return Clip(size, content)

    monkeypatch.setattr(clips, "decode", decode)


def reader(waited: list[float]) -> ClipReader:
    return ClipReader(48, wait=waited.append)


def test_a_clip_is_read(feed: Feed) -> None:
    waited: list[float] = []
    assert reader(waited).read(f"http://{feed.address}/a.mp4") == Clip(48, b"clip")
    assert waited == []


def test_a_feed_that_stumbles_is_asked_again(feed: Feed) -> None:
    feed.codes = [503]
    waited: list[float] = []
    assert reader(waited).read(f"http://{feed.address}/a.mp4").pixels == b"clip"
    assert waited == [0.5]


def test_a_feed_that_has_no_such_clip_is_believed(feed: Feed) -> None:
    feed.codes = [404]
    with pytest.raises(Rejected, match=r"^video_url: HTTP 404 from http://.*/a\.mp4$"):
        reader([]).read(f"http://{feed.address}/a.mp4")
    assert feed.asked == 1


def test_a_clip_that_cannot_be_decoded_is_tried_twice(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(content: bytes, size: int) -> Clip:
        raise clips._Unusable("not an mp4")

    monkeypatch.setattr(clips, "decode", decode)
    with pytest.raises(Rejected, match=r"^video_url: not an mp4, in 2 tries$"):
        reader([]).read(f"http://{feed.address}/a.mp4")
    assert feed.asked == 2


def test_an_address_that_never_answers_costs_its_tries_once(nobody: str, feed: Feed) -> None:
    waited: list[float] = []
    clips_of_a_batch = reader(waited)
    for name in ("a", "b"):
        with pytest.raises(Rejected, match=rf"{nobody} doesn't answer \(.*\), in 4 tries$"):
            clips_of_a_batch.read(f"http://{nobody}/{name}.mp4")
    assert waited == [0.5, 2.0, 6.0]
    assert clips_of_a_batch.read(f"http://{feed.address}/a.mp4").pixels == b"clip"


def test_a_clip_without_end_is_rejected(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "LARGEST_BYTES", 3)
    with pytest.raises(Rejected, match="more than 0 MiB"):
        reader([]).read(f"http://{feed.address}/a.mp4")


def test_ffmpeg_may_read_nothing_but_the_file() -> None:
    command = clips.decode_command("/tmp/clip.mp4", 48)
    assert command[command.index("-protocol_whitelist") + 1] == "file,pipe"
    assert command[command.index("-f") + 1] == "mp4"
    assert "fps=8,scale=48:48:flags=area" in command


def test_a_clip_counts_its_whole_frames() -> None:
    assert Clip(2, bytes(2 * 2 * 3 * 5 + 1)).count == 5


def test_a_reason_is_the_last_line_that_says_anything() -> None:
    assert clips.last_line("first\nmoov atom not found\n\n") == "moov atom not found"
    assert clips.last_line("") == ""
