"""Folders as they are listed, and a mark of each listing.

Where there are many a second process lists some of them, for which this module is the program: so
it imports nothing of this package. A thread would not help: of the 3 µs that a file takes the
interpreter's lock is held for half.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time

FOLDER = 0o040000
KIND = 0o170000
SEPARATOR = "/"
SENT_ALONG = ("user.", "security.capability")
"""The extended attributes that BuildKit sends along."""
TRIES = 5
"""How often a folder is listed from which entries go meanwhile."""
PAUSE_SECONDS = 0.005
"""How long the second process keeps what it has to tell, at most."""
UNKNOWN = "-"
"""The mark of a folder that can't be listed."""


def list_folder(path: str) -> str:
    """The entries of a folder, one after the other: name, mode, size, both times, inode; of a
    folder name, mode and extended attributes. What separates them stands in no name. A folder
    that is not there has no entries. Raises OSError."""
    for _ in range(TRIES):
        try:
            return _entries(path)
        except FileNotFoundError:
            continue
    return ""


def _entries(path: str) -> str:
    # From an open folder, names are looked up without walking the path to it each time.
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with os.scandir(descriptor) as entries:
            # Of a hundred thousand files a call for each would take a seventh of the whole.
            listed = [
                f"{entry.name}/{status.st_mode}/{status.st_size}"
                f"/{status.st_mtime_ns}/{status.st_ctime_ns}/{status.st_ino}"
                if (status := entry.stat(follow_symlinks=False)).st_mode & KIND != FOLDER
                else f"{entry.name}/{status.st_mode}/{attributes(f'{path}/{entry.name}')}"
                for entry in entries
            ]
    finally:
        os.close(descriptor)
    return SEPARATOR.join(listed)


def mark(listing: str) -> str:
    """A digest of a listing."""
    return hashlib.sha256(listing.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def attributes(path: str) -> str:
    """A digest of the extended attributes that BuildKit sends along and that are not the
    machine's own affair (as SELinux labels are); "" where there are none."""
    if not hasattr(os, "listxattr"):
        return ""  # macOS: its Python can't read them
    try:
        names = [n for n in os.listxattr(path, follow_symlinks=False) if n.startswith(SENT_ALONG)]
        if not names:
            return ""
        held = [(name, os.getxattr(path, name, follow_symlinks=False)) for name in sorted(names)]
    except OSError:
        return ""
    return hashlib.sha256(repr(held).encode()).hexdigest()[:16]


def main() -> None:
    """Read paths of folders, in hexadecimal digits, and print the marks of their listings; of one
    that can't be listed :data:`UNKNOWN`."""
    told_at = 0.0
    for path in sys.stdin.read().split():
        print(_marked(os.fsdecode(bytes.fromhex(path))))
        # Who reads is held up by each answer that comes alone.
        if time.monotonic() - told_at > PAUSE_SECONDS:
            sys.stdout.flush()
            told_at = time.monotonic()


def _marked(path: str) -> str:
    try:
        return mark(list_folder(path))
    except OSError:
        return UNKNOWN


if __name__ == "__main__":
    main()
