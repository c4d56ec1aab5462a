"""Paths as text, of this machine, of the engine's host and of containers: nothing looks at a disk.

``PurePosixPath.is_relative_to`` is twenty times slower, and a context may have a
hundred thousand files.
"""

from __future__ import annotations


def within(path: str, folder: str) -> bool:
    """Whether a path is ``folder`` or below it; "" and "/" contain every path."""
    above = folder.rstrip("/")
    return not above or path == above or path.startswith(f"{above}/")
