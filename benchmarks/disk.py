"""A separate disk for a benchmark, for figures that another file system would distort."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.framework import say
from benchmarks.scratch import Failed, run


@contextlib.contextmanager
def own_disk(size: int) -> Iterator[Path | None]:
    """A folder with its own ext4 file system of ``size`` bytes; None if none can be mounted, which
    takes root and loop devices.

    It has a journal. Without a journal, as on some virtual machines, ext4 checks every recently
    deleted inode before it takes another. Creating many files after many deletions then takes
    several times as long, depending on where the inodes lie.
    """
    with tempfile.TemporaryDirectory(prefix="ct-bench-disk-") as place:
        image, folder = Path(place, "image"), Path(place, "disk")
        folder.mkdir()
        with image.open("wb") as file:
            file.truncate(size)
        try:
            run("mkfs.ext4", "-q", str(image))
            run("mount", "-o", "loop", str(image), str(folder))
            mounted = True
        except (Failed, OSError) as error:
            say(f"  no disk of its own: {error}")
            mounted = False
        try:
            yield folder if mounted else None
        finally:
            if mounted:
                run("umount", str(folder))
