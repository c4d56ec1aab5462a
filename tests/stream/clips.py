"""A feed of clips that answers as its addresses say. Runs in the stack's Spark image.

/ok/NAME       a clip                         /missing/NAME   404
/slow/NAME     a clip, byte by byte, while the feed is bad; at once when it is good
/down/NAME     503 while the feed is bad      /garbage/NAME   no mp4
/bomb/NAME     frames of 8000x8000          /away/NAME      redirects to an internal address
/long/NAME     a clip of 75 seconds           /fast/NAME      a clip of 240 frames a second
/cut/NAME      the first half of a clip       /huge/NAME      17 MiB
/sound/NAME    an mp4 without video
/good, /bad    make the feed so               /health
"""

from __future__ import annotations

import http.server
import io
import threading
from fractions import Fraction

import av
import numpy as np

GOOD = threading.Event()
DRIBBLE_SECONDS = 0.5


def clip(width: int, height: int, frames: int, codec: str = "libx264", rate: int = 8) -> bytes:
    """A small mp4 of grey frames that get lighter."""
    content = io.BytesIO()
    with av.open(content, "w", format="mp4") as file:
        stream = file.add_stream(codec, rate=Fraction(rate))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            grey = np.full((height, width, 3), 40 + 10 * number % 200, np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        file.mux(stream.encode())
    return content.getvalue()


def bomb() -> bytes:
    """A small clip whose header, and whose stream, speak of 8000x8000."""
    return clip(8000, 8000, 1, "mpeg4")


def sound() -> bytes:
    """A second of silence in an mp4."""
    content = io.BytesIO()
    with av.open(content, "w", format="mp4") as file:
        stream = file.add_stream("aac", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.float32), "fltp", "mono")
        frame.sample_rate = 44100
        file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return content.getvalue()


CLIP = clip(96, 96, 16)
ODD = {
    "bomb": bomb(),
    "long": clip(96, 96, 600),
    "fast": clip(96, 96, 2400, rate=240),
    "cut": CLIP[: len(CLIP) // 2],
    "huge": b"x" * 17 * 1024 * 1024,
    "sound": sound(),
    "garbage": b"no clip " * 100,
}


class Handler(http.server.BaseHTTPRequestHandler):
    """One answer after the other on a connection that is kept."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        kind = self.path.split("/")[1]
        if kind == "health":
            self._answer(200, b"ok")
        elif kind in ("good", "bad"):
            (GOOD.set if kind == "good" else GOOD.clear)()
            self._answer(200, b"ok")
        elif kind == "down" and not GOOD.is_set():
            self._answer(503, b"")
        elif kind == "slow" and not GOOD.is_set():
            self._dribble(CLIP)
        elif kind in ("ok", "down", "slow"):
            self._answer(200, CLIP)
        elif kind in ODD:
            self._answer(200, ODD[kind])
        elif kind == "away":
            self._answer(302, b"", "http://postgres:5432/")
        else:
            self._answer(404, b"")

    def log_message(self, format: str, *args: object) -> None:
        """Tests are quiet."""

    def _answer(self, code: int, body: bytes, location: str = "") -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)

    def _dribble(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.close_connection = True
        try:
            for byte in body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                if GOOD.wait(DRIBBLE_SECONDS):
                    return
        except OSError:
            return


class Server(http.server.ThreadingHTTPServer):
    """Takes as many callers at once as there may be."""

    daemon_threads = True
    request_queue_size = 256


if __name__ == "__main__":
    Server(("", 8000), Handler).serve_forever()
