"""What the models see of a caption and of a clip. Training and the stream share it."""

from __future__ import annotations

import unicodedata
import zlib

LONGEST_CAPTION = 4_000
"""Characters of a caption that are looked at: more would only cost time."""


def ngram_ids(caption: str, buckets: int, shortest: int, longest: int) -> list[int]:
    """The caption's character n-grams, hashed into 0..buckets-1.

    The caption is brought to NFC first: Vietnamese letters arrive composed or decomposed,
    depending on the keyboard they were typed on. CRC-32 is the hash because it is the same in
    every process, which Python's own `hash` is not.
    """
    text = unicodedata.normalize("NFC", caption[:LONGEST_CAPTION]).lower()
    text = " ".join(text.split())
    if not text:
        return []
    text = f" {text} "
    return [
        zlib.crc32(text[start : start + length].encode()) % buckets
        for length in range(shortest, longest + 1)
        for start in range(len(text) - length + 1)
    ]


def frame_indices(available: int, wanted: int) -> list[int]:
    """Which frames of a clip are looked at: `wanted` of them, evenly spaced, in order.

    A clip with fewer frames repeats some.
    """
    if available < 1:
        raise ValueError("a clip without frames")
    if wanted == 1:
        return [0]
    return [round(step * (available - 1) / (wanted - 1)) for step in range(wanted)]
