"""Unpacks an archive that pack.py wrote into an empty folder, completely or not at all.

No name in the archive can lead out of the folder: every part of a path is opened as a folder,
starting from the root, and links are refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from . import tree

BLOCK = 512
CHUNK = 1 << 20
LARGEST_RECORDS = 1 << 24
"""The bytes of records that a member may have; extended attributes are among them."""
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
XATTR = b"SCHILY.xattr."


class BadArchive(Exception):
    """The archive was not written by pack.py, is damaged, or a path leads out of the folder."""


@dataclass
class Member:
    """One member: ``path`` in parts from the root, ``time`` in nanoseconds."""

    kind: bytes
    path: tuple[bytes, ...]
    mode: int
    uid: int
    gid: int
    size: int
    time: int
    link: bytes
    device: int
    attributes: dict[bytes, bytes] = field(default_factory=dict)
    real_size: int | None = None


class Unpack:
    """Unpacks one archive; ``read(n)`` returns exactly n bytes or raises. Without ``special``,
    devices and set-user-id or similar programs are refused."""

    def __init__(self, read: Callable[[int], bytes], root: int, *, special: bool = True) -> None:
        self._read, self._root, self._special = read, root, special
        self._folder: tuple[tuple[bytes, ...], int] = ((), os.dup(root))
        self._folders: list[Member] = []

    def run(self) -> None:
        """Unpack to the archive's end. Raises BadArchive, and OSError from the file system."""
        try:
            while (member := self._next()) is not None:
                self._make(member)
            for folder in reversed(self._folders):
                self._finish_folder(folder)
        except (KeyError, OverflowError, ValueError) as error:
            raise BadArchive(f"an invalid member ({error})") from error
        finally:
            os.close(self._folder[1])

    # --- reading ----------------------------------------------------------------------------

    def _next(self) -> Member | None:
        header = self._read(BLOCK)
        if header == bytes(BLOCK):
            self._read(BLOCK)
            return None
        kind, size = header[156:157], _octal(header[124:136])
        if kind != b"x" or not _sound(header):
            raise BadArchive("a member without records")
        if size > LARGEST_RECORDS:
            raise BadArchive("records that are too long")
        records = _records(self._read(size + -size % BLOCK)[:size])
        header = self._read(BLOCK)
        if not _sound(header):
            raise BadArchive("a damaged header")
        return _member(header, records)

    # --- making -----------------------------------------------------------------------------

    def _make(self, member: Member) -> None:
        if not member.path:
            if member.kind != b"5" or self._folders:
                raise BadArchive("a member without a name")
            self._folders.append(member)
            return
        if not self._special and tree.is_special(member.kind, member.mode, member.attributes):
            raise BadArchive("a device, or a program with elevated privileges")
        folder = self._open(member.path[:-1])
        name = member.path[-1]
        if member.kind == b"0":
            self._file(folder, name, member)
            return
        if member.kind == b"1":
            target = _parts(member.link)
            source = self._walk(target[:-1])
            try:
                os.link(
                    target[-1], name, src_dir_fd=source, dst_dir_fd=folder, follow_symlinks=False
                )
            finally:
                os.close(source)
            return
        if member.kind == b"5":
            os.mkdir(name, 0o700, dir_fd=folder)
            self._folders.append(member)
            return
        if member.kind == b"2":
            os.symlink(member.link, name, dir_fd=folder)
        elif member.kind in _DEVICES:
            os.mknod(name, _DEVICES[member.kind] | 0o600, member.device, dir_fd=folder)
        else:
            raise BadArchive(f"a member of kind {member.kind!r}")
        os.chown(name, member.uid, member.gid, dir_fd=folder, follow_symlinks=False)
        if member.kind != b"2":
            os.chmod(name, member.mode, dir_fd=folder)
        where = b"/proc/self/fd/%d/%b" % (folder, name)
        for attribute, value in member.attributes.items():
            os.setxattr(where, attribute, value, follow_symlinks=False)
        times = (member.time, member.time)
        os.utime(name, ns=times, dir_fd=folder, follow_symlinks=False)

    def _open(self, path: tuple[bytes, ...]) -> int:
        """The folder at ``path``, kept open for the next member in the same folder."""
        if self._folder[0] != path:
            opened = self._walk(path)
            os.close(self._folder[1])
            self._folder = (path, opened)
        return self._folder[1]

    def _walk(self, path: tuple[bytes, ...]) -> int:
        folder = os.dup(self._root)
        for name in path:
            try:
                inner = os.open(name, tree.FOLDER, dir_fd=folder)
            finally:
                os.close(folder)
            folder = inner
        return folder

    def _file(self, folder: int, name: bytes, member: Member) -> None:
        file = os.open(name, NEW_FILE, 0o600, dir_fd=folder)
        try:
            if member.real_size is not None:
                self._sparse(file, member)
            else:
                self._copy(file, member.size)
                self._read(-member.size % BLOCK)
            _finish(file, member)
        finally:
            os.close(file)

    def _copy(self, file: int, length: int) -> None:
        while length:
            content = self._read(min(length, CHUNK))
            _write(file, memoryview(content))
            length -= len(content)

    def _sparse(self, file: int, member: Member) -> None:
        table = self._read(BLOCK)
        count, _, rest = table.partition(b"\n")
        wanted = 2 * _decimal(count)
        while rest.count(b"\n") < wanted:
            more = self._read(BLOCK)
            table += more
            rest += more
        numbers = [_decimal(number) for number in rest.split(b"\n", wanted)[:wanted]]
        os.truncate(file, member.real_size or 0)
        for offset, length in zip(numbers[::2], numbers[1::2]):  # noqa: B905 (3.10 has no such rows)
            os.lseek(file, offset, os.SEEK_SET)
            self._copy(file, length)
        self._read(-member.size % BLOCK)

    def _finish_folder(self, member: Member) -> None:
        folder = self._walk(member.path)
        try:
            _finish(folder, member)
        finally:
            os.close(folder)


def _finish(opened: int, member: Member) -> None:
    """Set owner before mode and attributes: a change of owner clears set-user-id and
    capabilities."""
    os.fchown(opened, member.uid, member.gid)
    os.fchmod(opened, member.mode)
    for attribute, value in member.attributes.items():
        os.setxattr(opened, attribute, value)
    os.utime(opened, ns=(member.time, member.time))


def _write(file: int, content: memoryview) -> None:
    while content:
        content = content[os.write(file, content) :]


_DEVICES = {b"3": 0o020000, b"4": 0o060000, b"6": 0o010000}


def _octal(text: bytes) -> int:
    digits = text.rstrip(b"\0 ")
    if digits.strip(b"01234567"):
        raise BadArchive(f"an invalid number: {digits!r}")
    return int(digits or b"0", 8)


def _decimal(text: bytes) -> int:
    """A number that consists only of digits: int() would accept a sign and underscores."""
    if not text.isdigit():
        raise BadArchive(f"an invalid number: {text[:20]!r}")
    return int(text)


def _sound(header: bytes) -> bool:
    total = sum(header) - sum(header[148:156]) + 8 * 32
    return header[257:263] == b"ustar\0" and _octal(header[148:156]) == total


def _records(text: bytes) -> dict[bytes, bytes]:
    records = {}
    while text:
        digits, _, _ = text.partition(b" ")
        length = _decimal(digits)
        if not len(digits) < length <= len(text):
            raise BadArchive("a record with a wrong length")
        record = text[len(digits) + 1 : length - 1]
        name, _, value = record.partition(b"=")
        records[name] = value
        text = text[length:]
    return records


def _member(header: bytes, records: dict[bytes, bytes]) -> Member:
    seconds, _, fraction = records[b"mtime"].partition(b".")
    name = records.get(b"path", header[:100].rstrip(b"\0"))
    real_size = records.get(b"GNU.sparse.realsize")
    return Member(
        kind=header[156:157],
        path=_parts(records.get(b"GNU.sparse.name", name)),
        mode=_octal(header[100:108]),
        uid=_number(records, b"uid", header[108:116]),
        gid=_number(records, b"gid", header[116:124]),
        size=_number(records, b"size", header[124:136]),
        time=int(seconds) * 10**9 + int(fraction),
        link=records.get(b"linkpath", header[157:257].rstrip(b"\0")),
        device=os.makedev(_octal(header[329:337]), _octal(header[337:345])),
        attributes={
            key[len(XATTR) :]: value for key, value in records.items() if key.startswith(XATTR)
        },
        real_size=None if real_size is None else _decimal(real_size),
    )


def _number(records: dict[bytes, bytes], name: bytes, field: bytes) -> int:
    """A number from a member's records or, if it is not there, from its header."""
    return _decimal(records[name]) if name in records else _octal(field)


def _parts(path: bytes) -> tuple[bytes, ...]:
    """The parts of a path in the archive. Raises BadArchive for a path that leads out."""
    if not path.startswith(b"./"):
        raise BadArchive(f"a path that does not begin with ./: {path!r}")
    parts = tuple(part for part in path[2:].rstrip(b"/").split(b"/") if part)
    if any(part in (b".", b"..") or b"\0" in part for part in parts):
        raise BadArchive(f"a path that leads out: {path!r}")
    return parts
