"""A clip's bytes become small frames: decoded in this process, within limits.

Training and the stream share it. `python3 -m processing.decode SIZE` does the same from standard
input to standard output, for clips that a process of their own had better try.
"""

from __future__ import annotations

import io
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from processing.messages import Rejected

FRAMES_A_SECOND = 8
MOST_FRAMES = 64
LARGEST_PIXELS = 4_000_000
"""Of one frame: more than 2560x1440. A decoder holds a dozen and a half of them."""
MOST_DECODED = 2_000
"""Frames that are decoded for those that are kept: eight seconds of 240 a second."""
DECODE_SECONDS = 15.0
APART_BYTES = 2 * 1024 * 1024 * 1024
"""What a process of its own may take, its libraries included."""


@dataclass(frozen=True)
class Clip:
    """A clip's frames, `size` pixels square: RGB bytes, frame after frame, row after row."""

    size: int
    pixels: bytes

    @property
    def count(self) -> int:
        """How many frames there are."""
        return len(self.pixels) // (self.size * self.size * 3)


def decode(content: bytes, size: int) -> Clip:
    """The frames of an mp4, `size` pixels square, eight for each second, 64 at most.

    Raises Rejected for what is no mp4, and for what takes more than a clip may.
    """
    # Here and not above: what only talks of clips has no use for it.
    import av

    end = time.monotonic() + DECODE_SECONDS
    options = {"max_pixels": str(LARGEST_PIXELS), "threads": "1"}
    try:
        # Nothing but mp4, and no other file: a clip could name the worker's own.
        with av.open(io.BytesIO(content), format="mp4", options=options, io_open=_no_file) as file:
            if not file.streams.video:
                raise Rejected("video_url: an mp4 without video")
            stream = file.streams.video[0]
            check_size(stream.codec_context.width, stream.codec_context.height)
            frames = sampled(_frames(file, stream, end))
            pixels = [_small(frame, size) for frame in frames]
    except (av.FFmpegError, ValueError, MemoryError) as error:
        raise Rejected(f"video_url: not an mp4 that can be decoded ({_reason(error)})") from error
    if not pixels:
        raise Rejected("video_url: not an mp4 that can be decoded (no frames)")
    return Clip(size, b"".join(pixels))


def decode_apart(content: bytes, size: int) -> Clip:
    """The same, in a process of its own: what brings that down is rejected, too."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "processing.decode", str(size)],
            input=content,
            capture_output=True,
            timeout=2 * DECODE_SECONDS,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Rejected(f"video_url: not decoded within {2 * DECODE_SECONDS:.0f} s") from error
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        own = done.returncode == 1 and bool(lines) and lines[-1].startswith("video_url: ")
        raise Rejected(
            lines[-1][:300] if own else f"video_url: the decoder ends with {done.returncode}"
        )
    return Clip(size, done.stdout)


def check_size(width: int, height: int) -> None:
    """Raises Rejected for frames that take too much memory."""
    if width * height > LARGEST_PIXELS:
        raise Rejected(f"video_url: frames of {width}x{height}, more than {LARGEST_PIXELS} pixels")


def sampled(frames: Iterator[tuple[float, Any]]) -> Iterator[Any]:
    """Of frames with their seconds, those seen at each eighth of a second, 64 at most.

    As ffmpeg's `fps` filter has it: a frame is moved to the nearest eighth, the later of two at
    one eighth counts, and a gap repeats the frame before it.
    """
    first: float | None = None
    place, shown = 0, None
    for seconds, frame in frames:
        if first is None:
            first = seconds
        at = int((seconds - first) * FRAMES_A_SECOND + 0.5)
        while shown is not None and place < at:
            yield shown
            place += 1
            if place == MOST_FRAMES:
                return
        shown = frame
    if shown is not None:
        yield shown


def _frames(file: Any, stream: Any, end: float) -> Iterator[tuple[float, Any]]:
    """The decoded frames and their seconds."""
    usual = 1 / float(stream.average_rate or FRAMES_A_SECOND)
    for number, frame in enumerate(file.decode(stream)):
        if number == MOST_DECODED:
            return
        if time.monotonic() > end:
            raise Rejected(f"video_url: not decoded within {DECODE_SECONDS:.0f} s")
        check_size(frame.width, frame.height)
        yield (number * usual if frame.time is None else frame.time), frame


def _small(frame: Any, size: int) -> bytes:
    small = frame.reformat(width=size, height=size, format="rgb24", interpolation="AREA")
    return bytes(small.to_ndarray().tobytes())


def _no_file(url: str, *_: object) -> io.BytesIO:
    raise ValueError(f"it names another file, {url[:80]}")


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error)[:200]


def main(size: int) -> int:
    """Decodes standard input. Ends with 1 and the reason where it is no clip."""
    resource.setrlimit(resource.RLIMIT_AS, (APART_BYTES, APART_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        clip = decode(sys.stdin.buffer.read(), size)
    except Rejected as error:
        print(error, file=sys.stderr)
        return 1
    sys.stdout.buffer.write(clip.pixels)
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
