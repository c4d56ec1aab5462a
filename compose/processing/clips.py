"""A post's clip: fetched over HTTP, decoded by ffmpeg into small frames."""

from __future__ import annotations

import http.client
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from processing.messages import Rejected

ANSWER_SECONDS = 5.0
BODY_SECONDS = 20.0
DECODE_SECONDS = 20.0
LARGEST_BYTES = 16 * 1024 * 1024
FRAMES_A_SECOND = 8
MOST_FRAMES = 64
WAITS = (0.5, 2.0, 6.0)
"""Seconds before each further try to get a clip: together, time for a feed to start again."""


@dataclass(frozen=True)
class Clip:
    """A clip's frames, `size` pixels square: RGB bytes, frame after frame, row after row."""

    size: int
    pixels: bytes

    @property
    def count(self) -> int:
        """How many frames there are."""
        return len(self.pixels) // (self.size * self.size * 3)


class _Trouble(Exception):
    """Why there is no clip, perhaps just this once."""

    tries: int


class _Unreachable(_Trouble):
    """The address didn't answer; the next clip from there won't come either."""

    tries = 4


class _Unusable(_Trouble):
    """This one clip didn't come whole, or can't be decoded."""

    tries = 2


class ClipReader:
    """Reads the clips of one batch, and remembers which addresses don't answer.

    Without that memory a feed that hangs would cost a batch its timeouts once per post.
    """

    def __init__(self, size: int, wait: Callable[[float], None] = time.sleep) -> None:
        self._size = size
        self._wait = wait
        self._unreachable: dict[str, str] = {}

    def read(self, url: str) -> Clip:
        """The clip's frames, `size` pixels square, eight for each second, 64 at most.

        Raises Rejected when it can't be had in four tries, or decoded in two.
        """
        address = urlsplit(url).netloc
        if address in self._unreachable:
            raise Rejected(self._unreachable[address])
        tries = 0
        while True:
            tries += 1
            try:
                return decode(_fetch(url), self._size)
            except _Trouble as error:
                if tries < error.tries:
                    self._wait(WAITS[tries - 1])
                    continue
                reason = f"video_url: {error}, in {tries} tries"
                if isinstance(error, _Unreachable):
                    self._unreachable[address] = reason
                raise Rejected(reason) from error


def decode(content: bytes, size: int) -> Clip:
    """The frames of an mp4. Raises _Unusable for what is none."""
    # A file and not a pipe: an mp4 may have its index at the end, and ffmpeg must seek to it.
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        file.write(content)
        file.flush()
        try:
            done = subprocess.run(
                decode_command(file.name, size),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=DECODE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise _Unusable(f"not decoded within {DECODE_SECONDS:.0f} s") from error
    clip = Clip(size, done.stdout)
    if done.returncode != 0 or clip.count == 0:
        reason = last_line(done.stderr.decode(errors="replace").replace(file.name, "clip"))
        raise _Unusable(f"not an mp4 that can be decoded ({reason or 'no frames'})")
    return clip


def decode_command(path: str, size: int) -> list[str]:
    """The ffmpeg command that writes a clip's frames to its standard output as RGB bytes."""
    return [
        *("ffmpeg", "-nostdin", "-v", "error", "-threads", "1"),
        # Nothing but mp4: a playlist in disguise could name the worker's own files.
        *("-protocol_whitelist", "file,pipe", "-f", "mp4", "-i", path),
        *("-vf", f"fps={FRAMES_A_SECOND},scale={size}:{size}:flags=area"),
        *("-frames:v", str(MOST_FRAMES), "-an", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"),
    ]


def last_line(text: str) -> str:
    """The last line that says anything."""
    lines: Iterable[str] = (line.strip() for line in reversed(text.splitlines()))
    return next((line[:200] for line in lines if line), "")


def _fetch(url: str) -> bytes:
    # No proxy: the feed stands beside the job, inside the stack's own network.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=ANSWER_SECONDS) as answer:
            clip = _body(answer, time.monotonic() + BODY_SECONDS)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code < 500:  # the feed has answered: it has no such clip
            raise Rejected(f"video_url: HTTP {error.code} from {url}") from error
        raise _Unusable(f"HTTP {error.code} from {url}") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        why = getattr(error, "reason", None) or error
        raise _Unreachable(f"{urlsplit(url).netloc} doesn't answer ({why})") from error
    except (http.client.HTTPException, OSError) as error:
        raise _Unusable(f"broken answer from {url} ({type(error).__name__})") from error
    if len(clip) > LARGEST_BYTES:
        raise Rejected(f"video_url: more than {LARGEST_BYTES // 1024 // 1024} MiB at {url}")
    return clip


def _body(answer: http.client.HTTPResponse, end: float) -> bytes:
    # In pieces: the opener's timeout bounds the wait for each of them, not for them all.
    body = bytearray()
    while len(body) <= LARGEST_BYTES:
        piece = answer.read1(65536)
        if not piece:
            break
        if time.monotonic() > end:
            raise TimeoutError(f"the clip takes more than {BODY_SECONDS:.0f} s")
        body += piece
    return bytes(body)
