"""The helper's loop: carries out the requests on its standard input, one after the other.

If the requesting side is gone, what was prepared but not exchanged is removed, and the old state
stays. An exchange that was requested is always completed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from . import pack, read_ahead, replace, tree, unpack, wire

OUT_CHUNK = 1 << 18
PROGRESS_BYTES = 50_000_000


def main() -> int:
    """Serve until the other side closes the connection; return exit code 0."""
    _widen_pipes()
    helper = CommandHandler()
    try:
        while True:
            kind, payload = wire.receive(_read)
            if kind == wire.JSON:
                helper.answer(payload)
    except wire.Closed:
        return 0
    finally:
        helper.give_up()


def _widen_pipes() -> None:
    import fcntl

    for descriptor in (0, 1):
        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, 1031, 1 << 20)  # F_SETPIPE_SZ


def _read(count: int) -> bytes:
    return os.read(0, count)


def _send(record: bytes) -> None:
    _write(1, record)


def _write(file: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]


def _send_data(content: bytes) -> None:
    _still_asked()
    _send(wire.encode(wire.DATA, content))


def _still_asked() -> None:
    """Raise wire.Closed if the requesting side is gone: it sends nothing while it waits for an
    answer, so readable input can only be the end of the connection."""
    if select.select([0], [], [], 0)[0]:
        raise wire.Closed


class CommandHandler:
    """The places of one run. ``staged`` are the places with a stage folder to remove at the end,
    which holds either the prepared content or the content it replaced. During ``exchanging`` it may
    be either, so nothing is removed."""

    def __init__(self) -> None:
        self.places: list[replace.Place] = []
        self.staged: list[replace.Place] = []
        self.exchanging = False
        self.archives = -1
        """The open folder of a snapshot, if that is mounted too; else -1."""
        self._removal: threading.Thread | None = None
        self._left: list[str] = []

    def answer(self, payload: bytes) -> None:
        import json

        arguments: dict[str, Any] = json.loads(payload)
        do: Callable[..., dict[str, Any] | None] = getattr(self, "do_" + arguments.pop("do"))
        try:
            reply = do(**arguments) or {}
        except (OSError, unpack.BadArchive) as error:
            reply = {
                "error": getattr(error, "strerror", None) or str(error),
                "errno": getattr(error, "errno", None),
                "path": _text(getattr(error, "filename", None)),
            }
        _send(wire.message(reply))

    def give_up(self) -> None:
        """Remove the prepared content, or the replaced content if the exchange is complete. An
        exchange that could neither be completed nor undone is left to the next run."""
        if not self.exchanging:
            self._remove()

    # --- what can be asked for --------------------------------------------------------------

    def do_open(self, run: str, places: list[dict[str, Any]], archives: str = "") -> dict[str, Any]:
        """Open the mounted folders; return the machine's boot id and the identity of each place."""
        for place in places:
            mount = os.open(place["mount"], tree.FOLDER)
            stage = b"%b%b-%d" % (tree.STAGE, run.encode(), place["number"])
            self.places.append(replace.Place(mount, os.fsencode(place["name"]), stage))
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
        reply: dict[str, Any] = {"boot": boot, "places": [_identity(one) for one in self.places]}
        if archives:
            try:
                self.archives = os.open(archives, tree.FOLDER)
            except OSError:  # a file system that does not trust another machine's root
                return reply
            status = os.fstat(self.archives)
            reply["archives"] = [status.st_dev, status.st_ino]
        return reply

    def do_measure(self) -> dict[str, Any]:
        sizes = []
        for place in self.places:
            root = place.open()
            sizes.append(tree.measure(root))
            os.close(root)
        return {"places": sizes}

    def do_clean(self, spare: list[str]) -> dict[str, Any]:
        """Remove what earlier runs left, except for the runs in ``spare``, which still do so."""
        names = []
        spared = tuple(b"%b%b-" % (tree.STAGE, run.encode()) for run in spare)
        for place in self.places:
            for name in replace.left_behind(place.mount):
                if not name.startswith(spared):
                    tree.remove(place.mount, name)
                    names.append(_text(name))
        return {"removed": names}

    def do_remove(self, place: int, paths: list[str]) -> None:
        """Remove files; remove folders only if they are empty by then."""
        for path in sorted(paths, reverse=True):
            tree.remove_one(self.places[place].mount, os.fsencode(path))

    def do_pack(self, place: int, level: int, threads: int) -> dict[str, Any]:
        """Send a place's archive, compressed, as data records followed by an empty one."""
        try:
            return self._pack(place, level, threads, _send_data)
        finally:
            _send(wire.encode(wire.DATA, b""))

    def do_pack_here(self, place: int, level: int, threads: int, file: str) -> dict[str, Any]:
        """Write a place's archive, compressed, to a new file in the snapshot's folder; the file
        gets the folder's owner. Meanwhile, send the number of bytes written."""
        digest, size, reported = hashlib.sha256(), 0, 0
        opened = os.open(file, unpack.NEW_FILE, 0o600, dir_fd=self.archives)

        def write(content: bytes) -> None:
            nonlocal size, reported
            _still_asked()
            digest.update(content)
            _write(opened, content)
            size += len(content)
            if size - reported >= PROGRESS_BYTES:
                reported = size
                _send(wire.message({"written": size}))

        try:
            owner = os.fstat(self.archives)
            os.fchown(opened, owner.st_uid, owner.st_gid)
            reply = self._pack(place, level, threads, write)
        finally:
            os.close(opened)
        return {**reply, "compressed": size, "sha256": digest.hexdigest()}

    def _pack(
        self, place: int, level: int, threads: int, send: Callable[[bytes], None]
    ) -> dict[str, Any]:
        import zstandard

        compressor = zstandard.ZstdCompressor(
            level=level, threads=threads, write_checksum=True
        ).compressobj()
        waiting: list[bytes] = []
        size = 0

        def compress(content: bytes) -> None:
            compressed = compressor.compress(content)
            if compressed:
                send(compressed)

        def write(content: bytes) -> None:
            nonlocal size
            waiting.append(content)
            size += len(content)
            if size >= OUT_CHUNK:
                joined = b"".join(waiting)
                waiting.clear()
                size = 0
                for start in range(0, len(joined), 1 << 22):
                    compress(joined[start : start + (1 << 22)])

        archive = pack.Pack(write)
        root = self.places[place].open()
        try:
            archive.tree(root)
            compress(b"".join(waiting))
            send(compressor.flush())
        finally:
            os.close(root)
        counted = ("files", "bytes", "left_out", "length", "special")
        return {name: getattr(archive, name) for name in counted}

    def do_prepare_empty(self, place: int) -> None:
        """Prepare an empty folder with the attributes of the current one."""
        content = self._prepared(place)
        old = self.places[place].open()
        tree.copy_attributes(old, content)
        os.close(old)
        os.close(content)

    def _prepared(self, place: int) -> int:
        """Create the stage folder for the new content beside the current content; return it
        open."""
        self.staged.append(self.places[place])
        return self.places[place].prepare()

    def do_prepare_content(self, place: int, **limits: Any) -> dict[str, Any]:
        """Unpack the data records that follow, up to an empty one, beside the current content;
        return the digest of the archive. ``limits``: ``length`` is the permitted length of the
        archive, ``special`` allows devices and similar members."""
        source = _Records()
        try:
            return self._unpack(place, source, **limits)
        finally:
            source.drain()

    def do_prepare_content_here(self, place: int, file: str, **limits: Any) -> dict[str, Any]:
        """Like :meth:`do_prepare_content`, but read a file of the snapshot's folder."""
        with _archive(self.archives, file) as source:
            return self._unpack(place, source, **limits)

    def _unpack(
        self, place: int, source: read_ahead.ArchiveSource, length: int | None, special: bool
    ) -> dict[str, Any]:
        content = self._prepared(place)
        try:
            with read_ahead.Decompressed(source, length) as archive:
                unpack.Unpack(archive.read, content, special=special).run()
                return {"sha256": archive.digest()}
        finally:
            os.close(content)

    def do_commit(self) -> None:
        """Exchange everything that is prepared, or nothing."""
        for place in self.staged:
            place.arm()
        self.exchanging = True
        try:
            for place in self.staged:
                place.commit()
            # One note for all places: if it exists, the exchange is final, otherwise it is undone.
            self.staged[0].finished()
        except OSError:
            for place in reversed(self.staged):
                place.undo()
            self.exchanging = False
            raise
        self.exchanging = False

    def do_settle(self, seconds: float) -> dict[str, Any]:
        """Begin to remove the replaced content; return what could not be removed, and whether the
        removal is unfinished after ``seconds``. It continues after the requesting side is gone."""
        self._removal = threading.Thread(target=self._remove_staged)
        self._removal.start()
        self._removal.join(seconds)
        return {"left": list(self._left), "unfinished": self._removal.is_alive()}

    def _remove(self) -> None:
        if self._removal is not None:
            self._removal.join()
        self._remove_staged()

    def _remove_staged(self) -> None:
        """Remove the stages. The first place, whose note says that all was exchanged, comes
        last."""
        while self.staged:
            try:
                self.staged[-1].settle()
            except OSError as error:
                self._left.append(f"{error.strerror}: {_text(error.filename)}")
            self.staged.pop()

    def do_recover(self, in_use: bool) -> dict[str, Any]:
        """Clean up after a killed run: if every place was exchanged, remove the old content;
        otherwise put it back, unless a running container uses the state. The stages are those of
        the run that :meth:`do_open` was given."""
        finished = any(place.is_finished() for place in self.places)
        exchanged = [place for place in self.places if place.is_exchanged()]
        if exchanged and not finished:
            if in_use:
                raise OSError(errno.EBUSY, "a container is running on it")
            for place in reversed(exchanged):
                place.undo()
        self.staged = list(self.places)
        self._remove()
        return {"undone": bool(exchanged) and not finished, "finished": finished}


class _Records:
    """The data records of a request as a readable stream."""

    def __init__(self) -> None:
        self._left = memoryview(b"")
        self._ended = False

    def read(self, count: int) -> bytes:
        """Up to ``count`` bytes, none at the end."""
        if not self._left and not self._ended:
            _, payload = wire.receive(_read)
            self._left, self._ended = memoryview(payload), not payload
        content = bytes(self._left[:count])
        self._left = self._left[count:]
        return content

    def drain(self) -> None:
        """Read the remaining records, so that the next request can be read."""
        while not self._ended:
            _, payload = wire.receive(_read)
            self._ended = not payload


class _File:
    """An open archive as a readable stream, as long as the requesting side is there."""

    def __init__(self, opened: int) -> None:
        self._opened = opened

    def read(self, count: int) -> bytes:
        """Up to ``count`` bytes, none at the end."""
        _still_asked()
        return os.read(self._opened, count)


@contextlib.contextmanager
def _archive(folder: int, name: str) -> Iterator[_File]:
    try:
        opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        raise unpack.BadArchive(f"{name} can't be read ({error.strerror})") from error
    try:
        yield _File(opened)
    finally:
        os.close(opened)


def _identity(place: replace.Place) -> dict[str, Any]:
    """Values that identify a folder on this machine, even when it is mounted elsewhere."""
    try:
        root = place.open()
    except FileNotFoundError:
        return {"exists": False}
    status = os.fstat(root)
    os.close(root)
    return {"exists": True, "device": status.st_dev, "inode": status.st_ino}


def _text(name: Any) -> str:
    if isinstance(name, bytes):
        return os.fsdecode(name)
    return "" if name is None else str(name)


if __name__ == "__main__":
    sys.exit(main())
