"""Draw the feed's clips: one for each post of posts.json, and spares for posts added later.

A clip is 2 s, 96x96 pixels, 8 frames a second, H.264, silent. A safe one is a slow pastel gradient
with a soft disc moving over it; an unsafe one alternates hard red and black under blocks that jump.
The seed is the clip's name: the same name always gives the same clip.

    python3 make_clips.py posts.json OUTPUT_FOLDER
"""

import json
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np

SIDE = 96
FRAMES_PER_SECOND = 8
FRAMES = 2 * FRAMES_PER_SECOND
SPARES = 6


def safe_frames(random: np.random.Generator) -> np.ndarray:
    """A pastel gradient that drifts, and a soft disc on a slow arc."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    first, second = random.uniform(165, 250, (2, 3))
    disc_colour = random.uniform(200, 255, 3)
    angle, phase = random.uniform(0, 2 * np.pi, 2)
    radius = random.uniform(0.12, 0.2)
    frames = []
    for number in range(FRAMES):
        turn = angle + 0.04 * number
        mix = 0.5 + 0.5 * np.sin(2 * (x * np.cos(turn) + y * np.sin(turn)) + 0.05 * number)
        frame = mix[..., None] * first + (1 - mix[..., None]) * second
        centre_x = 0.5 + 0.25 * np.cos(phase + 0.12 * number)
        centre_y = 0.5 + 0.25 * np.sin(phase + 0.12 * number)
        distance = np.hypot(x - centre_x, y - centre_y)
        disc = 1 / (1 + np.exp((distance - radius) * 40))
        frames.append(frame * (1 - disc[..., None]) + disc_colour * disc[..., None])
    return np.array(frames).clip(0, 255).astype(np.uint8)


def unsafe_frames(random: np.random.Generator) -> np.ndarray:
    """Red and black by turns, each frame with blocks at new places in the other colour."""
    red = np.array([random.uniform(200, 255), random.uniform(0, 30), random.uniform(0, 30)])
    black = random.uniform(0, 18, 3)
    frames = []
    for number in range(FRAMES):
        ground, blocks = (red, black) if number % 2 == 0 else (black, red)
        frame = np.tile(ground, (SIDE, SIDE, 1))
        for _ in range(random.integers(5, 9)):
            top, left = random.integers(0, SIDE - 12, 2)
            height, width = random.integers(6, 34, 2)
            frame[top : top + height, left : left + width] = blocks
        frames.append(frame)
    return np.array(frames).clip(0, 255).astype(np.uint8)


def write_clip(kind: str, name: str, folder: Path) -> None:
    """Draw the clip called name, of kind safe or unsafe, as folder/name.mp4."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    frames = {"safe": safe_frames, "unsafe": unsafe_frames}[kind](random)
    subprocess.run(
        [
            *("ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"),
            *("-s", f"{SIDE}x{SIDE}", "-r", str(FRAMES_PER_SECOND), "-i", "-"),
            *("-c:v", "libx264", "-pix_fmt", "yuv420p", "-threads", "1", "-an"),
            *("-fflags", "+bitexact", "-movflags", "+faststart", str(folder / f"{name}.mp4")),
        ],
        input=frames.tobytes(),
        check=True,
    )


def main() -> None:
    """Draw every clip the feed may show."""
    posts, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for post in json.loads(posts.read_text(encoding="utf-8")):
        write_clip(post["video"], post["post_id"], folder)
    for kind in ("safe", "unsafe"):
        for number in range(SPARES):
            write_clip(kind, f"spare-{kind}-{number}", folder)


if __name__ == "__main__":
    main()
