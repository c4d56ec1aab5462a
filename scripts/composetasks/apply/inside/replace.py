"""Replaces content: new content is prepared beside the old, exchanged in one step, and the exchange
is undone unless all places succeeded.

A place is either a folder within the mounted folder (``name``): then one rename exchanges the whole
folder. Or it is the mounted folder itself (no ``name``), which cannot be renamed: then its entries
are moved. Unfinished content is kept in a stage folder, ``.composetasks-<run>-<number>``, beside
the place or in it.
"""

from __future__ import annotations

import ctypes
import errno
import os
from dataclasses import dataclass

from . import tree

CONTENT, OLD = b"content", b"old"
ARMED, MOVED, DONE = b"armed", b"moved", b"done"
EXCHANGE = 2
NO_EXCHANGE = (errno.EINVAL, errno.ENOSYS, errno.EXDEV, errno.EBUSY, errno.ENOTSUP)


def _exchange(folder: int, name: bytes, other_folder: int, other: bytes) -> None:
    """Exchange two names atomically (renameat2(2))."""
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "renameat2"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if library.renameat2(folder, name, other_folder, other, EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), os.fsdecode(name))


@dataclass
class Place:
    """A place whose content is replaced; ``stage`` is the name of its stage folder."""

    mount: int
    name: bytes
    stage: bytes

    # --- before -----------------------------------------------------------------------------

    def open(self) -> int:
        """Open the current content's folder. Raises FileNotFoundError if there is none."""
        return os.open(self.name or b".", tree.FOLDER, dir_fd=self.mount)

    def prepare(self) -> int:
        """Create the folder for the new content and open it."""
        stage = self._stage(create=True)
        try:
            os.mkdir(CONTENT, 0o700, dir_fd=stage)
            return os.open(CONTENT, tree.FOLDER, dir_fd=stage)
        finally:
            os.close(stage)

    def _stage(self, *, create: bool = False) -> int:
        if create:
            os.mkdir(self.stage, 0o700, dir_fd=self.mount)
        return os.open(self.stage, tree.FOLDER, dir_fd=self.mount)

    # --- the exchange -----------------------------------------------------------------------

    def arm(self) -> None:
        """Note which folder is in the place before the exchange, for :meth:`undo`."""
        self._note(ARMED, self._inode())

    def _note(self, name: bytes, text: bytes) -> None:
        stage = self._stage()
        try:
            note = os.open(name, os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=stage)
            os.write(note, text)
            os.fsync(note)
            os.close(note)
        finally:
            os.close(stage)

    def commit(self) -> None:
        """Put the prepared content in place; the old content is kept in the stage."""
        stage = self._stage()
        try:
            if self.name:
                self._replace(stage)
            else:
                self._move(stage)
        finally:
            os.close(stage)

    def _replace(self, stage: int) -> None:
        try:
            _exchange(self.mount, self.name, stage, CONTENT)
        except FileNotFoundError:
            os.rename(CONTENT, self.name, src_dir_fd=stage, dst_dir_fd=self.mount)
        except OSError as error:
            if error.errno not in NO_EXCHANGE:
                raise
            # A file system without atomic exchange (NFS, older ZFS): two renames in sequence.
            os.rename(self.name, OLD, src_dir_fd=self.mount, dst_dir_fd=stage)
            os.rename(CONTENT, self.name, src_dir_fd=stage, dst_dir_fd=self.mount)

    def _move(self, stage: int) -> None:
        os.mkdir(OLD, 0o700, dir_fd=stage)
        old = os.open(OLD, tree.FOLDER, dir_fd=stage)
        content = os.open(CONTENT, tree.FOLDER, dir_fd=stage)
        tree.copy_attributes(self.mount, old)
        _move_all(self.mount, old)
        self._note(MOVED, b"")
        _move_all(content, self.mount)
        tree.copy_attributes(content, self.mount)
        os.close(old)
        os.close(content)

    def finished(self) -> None:
        """Note that every place of the run was exchanged: it cannot be undone any more."""
        self._note(DONE, b"")

    # --- after ------------------------------------------------------------------------------

    def is_finished(self) -> bool:
        return self._noted(DONE) is not None

    def _noted(self, name: bytes) -> bytes | None:
        try:
            stage = self._stage()
        except FileNotFoundError:
            return None
        try:
            note = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=stage)
            text = os.read(note, 100)
            os.close(note)
        except FileNotFoundError:
            return None
        finally:
            os.close(stage)
        return text

    def is_exchanged(self) -> bool:
        """Whether the old content was exchanged, partly or completely."""
        armed = self._noted(ARMED)
        if not armed:
            # Nothing is exchanged before every place has a complete note.
            return False
        stage = self._stage()
        try:
            if os.fsdecode(OLD) in os.listdir(stage):
                return True
        finally:
            os.close(stage)
        return bool(self.name) and self._inode() != armed

    def _inode(self) -> bytes:
        """The inode number of the folder that is in the place, 0 if there is none."""
        try:
            content = self.open()
        except FileNotFoundError:
            return b"0"
        try:
            return str(os.fstat(content).st_ino).encode()
        finally:
            os.close(content)

    def undo(self) -> bool:
        """Put the old content back if it was exchanged, even partly; return whether it was."""
        if not self.is_exchanged():
            return False
        stage = self._stage()
        try:
            if self.name:
                self._replace_back(stage)
            else:
                self._move_back(stage)
        finally:
            os.close(stage)
        return True

    def _replace_back(self, stage: int) -> None:
        there = self._inode() != b"0"
        if os.fsdecode(OLD) in os.listdir(stage):
            if there:
                os.rename(self.name, CONTENT, src_dir_fd=self.mount, dst_dir_fd=stage)
            os.rename(OLD, self.name, src_dir_fd=stage, dst_dir_fd=self.mount)
        elif self._noted(ARMED) == b"0":
            os.rename(self.name, CONTENT, src_dir_fd=self.mount, dst_dir_fd=stage)
        else:
            _exchange(self.mount, self.name, stage, CONTENT)

    def _move_back(self, stage: int) -> None:
        """Move the old entries back. This can be interrupted and repeated: while ``moved`` is
        noted, the entries in the place are new; without it, they are old."""
        old = os.open(OLD, tree.FOLDER, dir_fd=stage)
        if self._noted(MOVED) is not None:
            content = os.open(CONTENT, tree.FOLDER, dir_fd=stage)
            _move_all(self.mount, content)
            os.close(content)
            tree.copy_attributes(old, self.mount)
            os.unlink(MOVED, dir_fd=stage)
        _move_all(old, self.mount)
        os.close(old)

    def settle(self) -> None:
        """Remove the stage folder, with what is left of the exchange."""
        tree.remove(self.mount, self.stage)


def _move_all(source: int, target: int) -> None:
    for name in os.listdir(source):
        if not os.fsencode(name).startswith(tree.STAGE):
            os.rename(name, name, src_dir_fd=source, dst_dir_fd=target)


def left_behind(mount: int) -> list[bytes]:
    """The stage folders in a mounted folder, left by runs that did not complete."""
    return [name for name in map(os.fsencode, os.listdir(mount)) if name.startswith(tree.STAGE)]
