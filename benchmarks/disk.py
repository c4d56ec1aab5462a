"""A disk of a benchmark's own, for figures that another file system would blur."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.framework import say
from benchmarks.scratch import Failed, run


@contextlib.contextmanager
def own_disk(size: int) -> Iterator[Path | None]:
    """A folder with an ext4 file system of ``size`` bytes of its own; None where none can be
    mounted, which takes root and loop devices.

    It has a journal. Without one, as on some virtual machines, ext4 looks at every inode that was
    deleted in the last minutes before it takes another, and whoever makes many files after many
    were deleted takes several times as long, by chance of where they lie.
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
