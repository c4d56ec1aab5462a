"""Measures, walks and removes a folder's tree without following links."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator

STAGE = b".composetasks-"
"""The prefix of the stage folders of replacements that are not finished."""
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def is_special(kind: bytes, mode: int, attributes: Iterable[bytes]) -> bool:
    """Whether a member of an archive is a device, or a program that runs with other privileges than
    its caller's, by its type, mode and the names of its extended attributes."""
    changes = bool(mode & 0o6000) or b"security.capability" in attributes
    return kind in (b"3", b"4") or (kind == b"0" and changes)


def walk(root: int) -> Iterator[tuple[int, bytes, os.stat_result, bytes]]:
    """Everything below an open folder, each folder before its content, names in order.

    Yields the open parent folder, the name, the status, and the path from the root. Entries that
    vanish meanwhile and unfinished replacements are left out.
    """
    names = [name for name in _names(root) if not name.startswith(STAGE)]
    stack = [(os.dup(root), b"", names)]
    try:
        while stack:
            folder, prefix, names = stack[-1]
            if not names:
                os.close(stack.pop()[0])
                continue
            name = names.pop()
            try:
                status = os.lstat(name, dir_fd=folder)
            except FileNotFoundError:
                continue
            path = prefix + name
            yield folder, name, status, path
            if stat.S_ISDIR(status.st_mode):
                try:
                    inner = os.open(name, FOLDER, dir_fd=folder)
                except (FileNotFoundError, NotADirectoryError):
                    continue
                stack.append((inner, path + b"/", _names(inner)))
    finally:
        for folder, _, _ in stack:
            os.close(folder)


def _names(folder: int) -> list[bytes]:
    """The names in a folder in reverse order, for use as a stack."""
    return sorted((os.fsencode(name) for name in os.listdir(folder)), reverse=True)


def measure(root: int) -> dict[str, float]:
    """Measure a tree: bytes on disk (each hard-linked file once), the numbers of files and folders,
    and the latest modification (seconds since 1970)."""
    own = os.fstat(root)
    size, files, folders, modified = 0, 0, 0, own.st_mtime
    linked: set[tuple[int, int]] = set()
    for _, _, status, _ in walk(root):
        modified = max(modified, status.st_mtime)
        if stat.S_ISDIR(status.st_mode):
            folders += 1
            continue
        files += 1
        if status.st_nlink > 1:
            if (status.st_dev, status.st_ino) in linked:
                continue
            linked.add((status.st_dev, status.st_ino))
        if stat.S_ISREG(status.st_mode):
            size += min(status.st_size, status.st_blocks * 512)
    return {"bytes": size, "files": files, "folders": folders, "modified": modified}


def remove(folder: int, name: bytes) -> None:
    """Remove a file, or a folder with its content, from an open folder."""
    try:
        inner = os.open(name, FOLDER, dir_fd=folder)
    except FileNotFoundError:
        return
    except OSError:
        os.unlink(name, dir_fd=folder)
        return
    stack = [(folder, name, inner, _names(inner))]
    while stack:
        above, own, inner, names = stack[-1]
        if not names:
            stack.pop()
            os.close(inner)
            os.rmdir(own, dir_fd=above)
            continue
        child = names.pop()
        try:
            os.unlink(child, dir_fd=inner)
        except IsADirectoryError:
            opened = os.open(child, FOLDER, dir_fd=inner)
            stack.append((inner, child, opened, _names(opened)))


def remove_one(root: int, path: bytes) -> None:
    """Remove the entry at ``path`` below an open folder; a folder only if it is empty. An entry
    that does not exist or lies behind a link is left alone."""
    *folders, name = path.split(b"/")
    folder = os.dup(root)
    try:
        for part in folders:
            inner = os.open(part, FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        try:
            os.unlink(name, dir_fd=folder)
        except IsADirectoryError:
            with contextlib.suppress(OSError):
                os.rmdir(name, dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError):
        pass
    finally:
        os.close(folder)


def copy_attributes(source: int, target: int) -> None:
    """Copy owner, mode and extended attributes from one open folder to another."""
    status = os.fstat(source)
    os.fchown(target, status.st_uid, status.st_gid)
    os.fchmod(target, stat.S_IMODE(status.st_mode))
    for name in os.listxattr(source):
        if not name.startswith("security.selinux"):
            os.setxattr(target, name, os.getxattr(source, name))
