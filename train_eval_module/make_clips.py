"""Draws the clips the video model learns from, by the same visual rule as the feed's.

A clip is 2 s, 96x96, 8 frames a second. A safe one is a pastel gradient that drifts slowly, with
a soft disc moving over it; an unsafe one flashes hard between red and black, with jagged blocks
that jump. Nothing else is meant by "unsafe" here. Some are hard to tell: safe ones whose light
flickers, and unsafe ones that are pale.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SIZE = 96
FRAMES = 16
FRAMES_A_SECOND = 8

Frames = NDArray[np.uint8]


def draw(label: str, chance: np.random.Generator) -> Frames:
    """One clip with that label (safe or unsafe): (frame, row, column, RGB), 0 to 255."""
    frames = _draw_safe(chance)
    if label == "unsafe":
        strength = chance.uniform(0.4, 1)
        frames = (1 - strength) * frames + strength * _draw_unsafe(chance)
    elif chance.random() < 0.3:
        frames = frames * chance.uniform(0.6, 1, (FRAMES, 1, 1, 1))
    return np.clip(frames, 0, 255).astype(np.uint8)


def write_mp4(frames: Frames, path: Path) -> None:
    """The clip as a silent H.264 mp4, always the same. Raises CalledProcessError where ffmpeg
    fails."""
    size = f"{frames.shape[2]}x{frames.shape[1]}"
    command = [
        *("ffmpeg", "-y", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size),
        *("-r", str(FRAMES_A_SECOND), "-i", "-", "-an", "-c:v", "libx264", "-threads", "1"),
        *("-sws_flags", "bitexact+accurate_rnd", "-pix_fmt", "yuv420p", str(path)),
    ]
    subprocess.run(command, input=frames.tobytes(), check=True)


def _draw_safe(chance: np.random.Generator) -> NDArray[np.float64]:
    rows, columns = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    first, second = chance.uniform(150, 245, (2, 3))
    angle, drift = chance.uniform(0, 2 * np.pi), chance.uniform(-0.4, 0.4)
    disc, radius = chance.uniform(180, 255, 3), chance.uniform(0.1, 0.25)
    start, speed = chance.uniform(0.2, 0.8, 2), chance.uniform(-0.02, 0.02, 2)
    frames = []
    for step in range(FRAMES):
        turned = angle + drift * step / FRAMES
        share = 0.5 + 0.5 * np.sin(2 * (np.cos(turned) * columns + np.sin(turned) * rows))
        frame = first + share[..., None] * (second - first)
        y, x = start + speed * step
        distance = np.hypot(rows - y, columns - x)
        softness = np.clip((radius - distance) / (0.4 * radius), 0, 1)[..., None]
        frames.append(frame * (1 - softness) + disc * softness)
    return np.stack(frames)


def _draw_unsafe(chance: np.random.Generator) -> NDArray[np.float64]:
    red = np.array([chance.uniform(170, 255), chance.uniform(0, 50), chance.uniform(0, 50)])
    black = np.full(3, chance.uniform(0, 35))
    period, blocks = chance.integers(1, 3), chance.integers(2, 7)
    colours = np.stack([red, black, np.full(3, 255.0), np.array([255.0, 220.0, 0.0])])
    frames = []
    for step in range(FRAMES):
        frame = np.tile(red if step // period % 2 else black, (SIZE, SIZE, 1))
        for _ in range(blocks):
            top, left = chance.integers(0, SIZE - 12, 2)
            height, width = chance.integers(6, 36, 2)
            colour = colours[chance.integers(len(colours))]
            # A jagged edge: each row of the block starts somewhere else.
            for row in range(top, min(SIZE, top + height)):
                shift = int(chance.integers(0, 8))
                frame[row, left + shift : left + shift + width] = colour
        frames.append(frame)
    return np.stack(frames)
