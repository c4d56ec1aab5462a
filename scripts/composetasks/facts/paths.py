"""Paths as text, of this machine, of the engine's host and of containers: nothing looks at a disk.

``PurePosixPath.is_relative_to`` is twenty times slower, and a context may have a hundred thousand
files.
"""

from __future__ import annotations

OF_THE_MACHINE = ("/dev", "/proc", "/run", "/sys", "/var/run")
"""Folders that every machine has for itself."""


def within(path: str, folder: str) -> bool:
    """Whether a path is ``folder`` or below it; "" and "/" contain every path."""
    above = folder.rstrip("/")
    return not above or path == above or path.startswith(f"{above}/")


def of_the_machine(path: str) -> bool:
    """Whether a path is in a folder that every machine has for itself."""
    return any(within(path, folder) for folder in OF_THE_MACHINE)
