"""Folders with everything a file system knows, made, and compared."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import Any

FINE = 1_600_000_000_123_456_789
"""A time with nanoseconds, as none happens to be."""


def make(root: Path) -> None:
    """Fill a folder: links of both kinds, a hole, attributes, owners, odd names and modes."""
    root.mkdir(exist_ok=True)
    (root / "plain").write_text("plain\n")
    (root / "empty").touch()
    (root / "deep" / "er" / "est").mkdir(parents=True)
    (root / "deep" / "er" / "est" / "file").write_bytes(os.urandom(3_000_000))
    os.link(root / "plain", root / "deep" / "hard")
    (root / "soft").symlink_to("deep/er")
    (root / "out").symlink_to("/etc/passwd")
    (root / "dangling").symlink_to("no/where" * 30)
    (root / ("long" * 60)).write_text("a name that no header holds")
    (root / os.fsdecode(b"no-utf8-\xff\xfe\n")).write_text("a name that is no text")
    (root / "zô-đẹp").write_text("a name that is no ASCII")
    hole(root / "holes")
    hole(root / "only-hole", data=False)
    os.mkfifo(root / "pipe")
    (root / "set-id").write_text("#!")
    (root / "set-id").chmod(0o6755)
    (root / "sticky").mkdir()
    (root / "sticky").chmod(0o1777)
    (root / "closed").mkdir()
    (root / "closed" / "inside").write_text("x")
    (root / "closed").chmod(0)
    with contextlib.suppress(OSError):
        os.setxattr(root / "plain", "user.kept", b"by\0tes")
        os.setxattr(root / "deep", "user.folder", b"1")
    if os.geteuid() == 0:
        os.chown(root / "plain", 1234, 4_000_000)
        os.chown(root / "soft", 1000, 1000, follow_symlinks=False)
        os.mknod(root / "device", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        os.setxattr(
            root / "empty", "security.capability", bytes.fromhex("0100000200040000" + 24 * "0")
        )
    for path in (root / "plain", root / "deep"):
        os.utime(path, ns=(FINE, FINE))
    os.utime(root / "soft", ns=(FINE, FINE + 1), follow_symlinks=False)
    os.utime(root, ns=(FINE, FINE + 2))


def hole(path: Path, *, data: bool = True) -> None:
    """A sparse file of 20 MB, with three pieces of data in it or none."""
    with path.open("wb") as stream:
        if data:
            for offset in (0, 5_000_000, 12_345_678):
                stream.seek(offset)
                stream.write(b"data" * 2000)
        stream.truncate(20_000_000)


def describe(root: Path) -> dict[bytes, Any]:
    """Everything in a folder by its path: two folders are the same when this is."""
    results: dict[bytes, Any] = {}
    inodes: dict[int, bytes] = {}
    for place, folders, files in os.walk(os.fsencode(root)):
        for name in (
            (b"", *sorted([*folders, *files]))
            if place == os.fsencode(root)
            else sorted([*folders, *files])
        ):
            path = os.path.join(place, name)
            relative = os.path.relpath(path, os.fsencode(root))
            results[relative] = _describe(path, relative, inodes)
    return results


def _describe(path: bytes, relative: bytes, inodes: dict[int, bytes]) -> Any:
    status = os.lstat(path)
    kind = stat.S_IFMT(status.st_mode)
    content: Any = None
    if kind == stat.S_IFREG:
        content = Path(os.fsdecode(path)).read_bytes()
    elif kind == stat.S_IFLNK:
        content = os.readlink(path)
    attributes = {
        name: os.getxattr(path, name, follow_symlinks=False)
        for name in os.listxattr(path, follow_symlinks=False)
    }
    linked = inodes.setdefault(status.st_ino, relative) if kind == stat.S_IFREG else None
    sparse = kind == stat.S_IFREG and status.st_blocks * 512 < status.st_size
    owner = (status.st_uid, status.st_gid, status.st_rdev)
    return status.st_mode, owner, status.st_mtime_ns, content, attributes, linked, sparse
