"""What the models see of a caption and of a clip. Training and the stream share it."""

from __future__ import annotations

LONGEST_CAPTION = 4_000
"""Characters of a caption that are looked at: more would only cost time."""


def frame_indices(available: int, wanted: int) -> list[int]:
    """Which frames of a clip are looked at: `wanted` of them, evenly spaced, in order.

    A clip with fewer frames repeats some.
    """
    if available < 1:
        raise ValueError("a clip without frames")
    if wanted == 1:
        return [0]
    return [round(step * (available - 1) / (wanted - 1)) for step in range(wanted)]
