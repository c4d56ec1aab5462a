"""Writes a tree as a tar archive (pax), which GNU tar and Python read as well.

It keeps owner, mode, times to the nanosecond, extended attributes (including access control lists
and capabilities), hard links, symbolic links, devices and pipes, and the holes of sparse files
(GNU's format 1.0). Sockets are left out, as by tar: the program that created one creates it again.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator

from . import tree

BLOCK = 512
CHUNK = 1 << 20
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
OCTAL_SIZE = 0o77777777777
OCTAL_OWNER = 0o7777777
TYPES = {
    stat.S_IFDIR: b"5",
    stat.S_IFLNK: b"2",
    stat.S_IFCHR: b"3",
    stat.S_IFBLK: b"4",
    stat.S_IFIFO: b"6",
}


class Pack:
    """One archive; ``write`` receives its bytes as they are produced. ``length`` is their number,
    ``special`` the number of members that are devices or set-user-id or similar programs.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._take = write
        self._linked: dict[tuple[int, int], bytes] = {}
        self.files = 0
        self.bytes = self.length = self.special = 0
        self.left_out: list[str] = []

    def tree(self, root: int) -> None:
        """Write everything in an open folder, the folder itself as ``./``, and the archive's
        end."""
        self._member(b"./", os.fstat(root), b"5", attributes=_attributes_of(root))
        for folder, name, status, path in tree.walk(root):
            self._entry(folder, name, status, b"./" + path)
        self._write(bytes(2 * BLOCK))

    def some(self, root: int, paths: Iterable[bytes], place: bytes) -> None:
        """Write an open folder as ``place``, with its ``paths`` and the folders that lead to them,
        and the archive's end. Paths that no longer exist are left out."""
        self._member(place, os.fstat(root), b"5", attributes=_attributes_of(root))
        written = set()
        for path in sorted(paths):
            parts = path.split(b"/")
            for count in range(1, len(parts) + 1):
                part = b"/".join(parts[:count])
                if part in written:
                    continue
                written.add(part)
                folder, name = os.path.split(part)
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    opened = os.open(folder or b".", tree.FOLDER, dir_fd=root)
                    try:
                        status = os.lstat(name, dir_fd=opened)
                        self._entry(opened, name, status, place + part)
                    finally:
                        os.close(opened)
        self._write(bytes(2 * BLOCK))

    def _write(self, content: bytes) -> None:
        self.length += len(content)
        self._take(content)

    def _entry(self, folder: int, name: bytes, status: os.stat_result, path: bytes) -> None:
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFSOCK:
            self.left_out.append(os.fsdecode(path))
            return
        if kind == stat.S_IFDIR:
            attributes = _attributes_of(folder, name)
            self._member(path + b"/", status, b"5", attributes=attributes)
            return
        self.files += 1
        if status.st_nlink > 1:
            first = self._linked.setdefault((status.st_dev, status.st_ino), path)
            if first is not path:
                self._member(path, status, b"1", link=first)
                return
        if kind == stat.S_IFREG:
            self._file(folder, name, path)
            return
        link = os.fsencode(os.readlink(name, dir_fd=folder)) if kind == stat.S_IFLNK else b""
        attributes = _attributes_of(folder, name)
        self._member(path, status, TYPES[kind], link=link, attributes=attributes)

    # --- files ------------------------------------------------------------------------------

    def _file(self, folder: int, name: bytes, path: bytes) -> None:
        try:
            file = os.open(name, READ, dir_fd=folder)
        except FileNotFoundError:
            self.files -= 1
            return
        try:
            status = os.fstat(file)
            attributes = _attributes_of(file)
            size = status.st_size
            self.bytes += min(size, status.st_blocks * 512)
            if status.st_blocks * 512 < size:
                extents = list(_extents(file, size))
                if sum(length for _, length in extents) < size:
                    self._sparse(file, path, status, extents, attributes)
                    return
            if size <= CHUNK:
                content = _read(file, size)
                self._member(path, status, b"0", size=size, attributes=attributes, body=content)
                return
            self._member(path, status, b"0", size=size, attributes=attributes)
            self._copy(file, size)
            self._pad(size)
        finally:
            os.close(file)

    def _sparse(
        self,
        file: int,
        path: bytes,
        status: os.stat_result,
        extents: list[tuple[int, int]],
        attributes: dict[str, bytes],
    ) -> None:
        """Write a member in GNU's sparse format 1.0: a map of decimal numbers before the data."""
        if not extents or sum(extents[-1]) < status.st_size:
            extents.append((status.st_size, 0))
        numbers = [len(extents), *(number for extent in extents for number in extent)]
        table = b"".join(b"%d\n" % number for number in numbers)
        table += bytes(-len(table) % BLOCK)
        size = len(table) + sum(length for _, length in extents)
        extra = {
            b"GNU.sparse.major": b"1",
            b"GNU.sparse.minor": b"0",
            b"GNU.sparse.name": path,
            b"GNU.sparse.realsize": b"%d" % status.st_size,
        }
        stand_in = b"./GNUSparseFile.0/%d" % self.files
        self._member(stand_in, status, b"0", size=size, attributes=attributes, extra=extra)
        self._write(table)
        for offset, length in extents:
            os.lseek(file, offset, os.SEEK_SET)
            self._copy(file, length)
        self._pad(size)

    def _copy(self, file: int, length: int) -> None:
        """Write ``length`` bytes from the file's position; zeros if the file has become shorter."""
        while length:
            content = _read(file, min(length, CHUNK))
            self._write(content)
            length -= len(content)

    def _pad(self, size: int) -> None:
        if size % BLOCK:
            self._write(bytes(-size % BLOCK))

    # --- members ----------------------------------------------------------------------------

    def _member(
        self,
        path: bytes,
        status: os.stat_result,
        kind: bytes,
        *,
        size: int = 0,
        link: bytes = b"",
        attributes: dict[str, bytes] | None = None,
        extra: dict[bytes, bytes] | None = None,
        body: bytes = b"",
    ) -> None:
        self.special += tree.is_special(kind, status.st_mode, map(os.fsencode, attributes or ()))
        pax = dict(extra or {})
        pax[b"mtime"] = b"%d.%09d" % divmod(status.st_mtime_ns, 10**9)
        for name, value in (attributes or {}).items():
            pax[b"SCHILY.xattr." + os.fsencode(name)] = value
        pax |= {
            key: text
            for key, text in ((b"path", path), (b"linkpath", link))
            if len(text) > 100 or not text.isascii()
        }
        for key, number, most in (
            (b"uid", status.st_uid, OCTAL_OWNER),
            (b"gid", status.st_gid, OCTAL_OWNER),
            (b"size", size, OCTAL_SIZE),
        ):
            if number > most:
                pax[key] = b"%d" % number
        records = b"".join(_record(name, value) for name, value in pax.items())
        device = (0, 0)
        if kind in (b"3", b"4"):
            device = (os.major(status.st_rdev), os.minor(status.st_rdev))
        parts = [
            _header(b"././@PaxHeader", 0o644, 0, 0, len(records), 0, b"x"),
            records,
            bytes(-len(records) % BLOCK),
            _header(
                path[:100],
                stat.S_IMODE(status.st_mode),
                min(status.st_uid, OCTAL_OWNER),
                min(status.st_gid, OCTAL_OWNER),
                min(size, OCTAL_SIZE),
                min(max(int(status.st_mtime), 0), OCTAL_SIZE),
                kind,
                link[:100],
                device,
            ),
            body,
            bytes(-len(body) % BLOCK),
        ]
        self._write(b"".join(parts))


def _header(
    name: bytes,
    mode: int,
    uid: int,
    gid: int,
    size: int,
    time: int,
    kind: bytes,
    link: bytes = b"",
    device: tuple[int, int] = (0, 0),
) -> bytes:
    """A ustar header block (pax(1), POSIX.1-2017)."""
    before = b"%-100b%07o\0%07o\0%07o\0%011o\0%011o\0" % (b"", mode, uid, gid, size, time)
    after = kind + link.ljust(100, b"\0") + b"ustar\x0000" + bytes(64)
    after += b"%07o\0%07o\0" % device + bytes(167)
    before = name.ljust(100, b"\0") + before[100:]
    total = sum(before) + sum(after) + 8 * 32
    return b"%b%06o\0 %b" % (before, total, after)


def _record(name: bytes, value: bytes) -> bytes:
    """A pax record: its own length in decimal, a space, name=value, a newline."""
    body = b" " + name + b"=" + value + b"\n"
    length = len(body) + 1
    while len(b"%d" % length) + len(body) != length:
        length = len(b"%d" % length) + len(body)
    return b"%d" % length + body


def _attributes_of(opened: int, name: bytes | None = None) -> dict[str, bytes]:
    """The extended attributes of an open file, or of the entry ``name`` of an open folder."""
    where = opened if name is None else b"/proc/self/fd/%d/%b" % (opened, name)
    attributes: dict[str, bytes] = {}
    try:
        names = os.listxattr(where, follow_symlinks=name is None)
    except OSError:  # a file system without extended attributes
        return attributes
    for attribute in names:
        # A label belongs to the machine, not to the content.
        if attribute != "security.selinux":
            attributes[attribute] = os.getxattr(where, attribute, follow_symlinks=name is None)
    return attributes


def _extents(file: int, size: int) -> Iterator[tuple[int, int]]:
    """The data extents of a sparse file: offsets and lengths in bytes."""
    offset = 0
    while offset < size:
        try:
            start = os.lseek(file, offset, os.SEEK_DATA)
        except OSError:  # ENXIO: only a hole follows
            break
        end = min(os.lseek(file, start, os.SEEK_HOLE), size)
        yield start, end - start
        offset = end
    os.lseek(file, 0, os.SEEK_SET)


def _read(file: int, count: int) -> bytes:
    """``count`` bytes from the file's position, padded with zeros at its end."""
    content = os.read(file, count) if count else b""
    while len(content) < count:
        more = os.read(file, count - len(content))
        if not more:
            return content + bytes(count - len(content))
        content += more
    return content
