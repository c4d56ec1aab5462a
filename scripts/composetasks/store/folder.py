"""``.composetasks/``: the library's data in the project's folder. Safe to delete."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shlex
import shutil
import stat
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from composetasks.facts.frozen import frozen
from composetasks.run.external_failures import FULL
from composetasks.run.failure import TaskFailure
from composetasks.store import files

OWN_FOLDER = ".composetasks"
KEPT_RUNS = 20
ROOM = 65_536
"""The bytes that a run needs for its record."""
EVERYBODYS = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - only in folders of our own there
"""Folders with possible free space if the user's own have none; the last one is in memory."""
MOUNTED = ("state", "volumes")
"""The folders of an instance that its services write to."""
STAMP = "%Y%m%dT%H%M%S.%fZ"
JOURNAL = "replacing.json"
"""The journal of a replacement of state; exists from before the first change until after the
last."""


@frozen
class OwnFolder:
    """The library's own folder of a project, or of one of its instances; the cache is shared."""

    root: Path
    cache: Path

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    def make(self) -> None:
        """Create the missing folders, ignored by git whatever the project's own rules say. Raises
        TaskFailure, which names the owner, if they are not writable."""
        try:
            for path in (self.cache, self.runs):
                path.mkdir(parents=True, exist_ok=True)
            ignore = self.root / ".gitignore"
            if not ignore.exists() or not ignore.stat().st_size:  # a full disk leaves it empty
                with files.naming(ignore):
                    ignore.write_text("*\n", "ascii")
        except OSError as error:
            if error.errno in FULL:
                raise
            for path in (self.root, self.cache, self.runs):
                if os.path.lexists(path) and not path.is_dir():
                    raise not_a(path, "folder") from error
            raise closed(self.root) from error
        for path in (self.root, self.cache, self.runs):
            if not os.access(path, os.W_OK | os.X_OK):
                raise closed(path)

    def make_lock(self) -> None:
        """Create the lock file. Raises OSError if the disk is full; other obstacles are reported
        when the lock is taken."""
        if os.path.lexists(self.lock):
            return
        try:
            self.lock.touch(0o600)
        except OSError as error:
            if error.errno in FULL:
                raise

    def new_run(self, verb: str) -> Path:
        """Create a run folder, named after time and verb, and remove the oldest beyond KEPT_RUNS.
        Raises OSError if the disk has no room for the run's record."""
        run = self.runs / f"{self._stamp()}-{verb}"
        run.mkdir(parents=True, mode=0o700)
        try:
            self.check_room()
        except OSError:
            run.rmdir()
            raise
        for old in sorted(self.runs.iterdir())[:-KEPT_RUNS]:
            shutil.rmtree(old, ignore_errors=True)
        return run

    def check_room(self) -> None:
        """Raise OSError if the disk has no room for a run's record."""
        os.unlink(files.draft(self.runs / "room", bytes(ROOM)))

    def _stamp(self) -> str:
        """The current time, or just after the last run's if the clock was set back since: the names
        of runs sort in the order of their creation."""
        time = datetime.now(timezone.utc)
        last = max(self.runs.iterdir(), default=self.runs).name.partition("-")[0]
        with contextlib.suppress(ValueError):
            last_made = datetime.strptime(last, STAMP).replace(tzinfo=timezone.utc)
            time = max(time, last_made + timedelta(microseconds=1))
        return time.strftime(STAMP)


def elsewhere(project: Path) -> OwnFolder | None:
    """The folder for a project that is read-only or whose disk is full: in the user's cache or, if
    there is no room, among the temporary files or in memory; the same each time. None if no place
    has room."""
    name = hashlib.sha256(os.fsencode(project.resolve())).hexdigest()[:16]
    for place in _other_places():
        root = place / name
        chosen = OwnFolder(root, root / "cache")
        with contextlib.suppress(OSError, TaskFailure):
            _make_own(place)
            chosen.make()
            chosen.check_room()
            return chosen
    return None


def _other_places() -> Iterator[Path]:
    named = os.environ.get
    home = Path(os.path.expanduser("~"))
    caches = Path(named("XDG_CACHE_HOME") or home / ".cache")
    if (named("XDG_CACHE_HOME") or os.path.isdir(home)) and not _anothers(caches):
        yield caches / "composetasks"
    for where in (named("TMPDIR"), named("XDG_RUNTIME_DIR"), *EVERYBODYS):
        if where and os.path.isdir(where):
            yield Path(where) / f"composetasks-{os.geteuid()}"


def _anothers(place: Path) -> bool:
    """Whether this is root in another user's place (a `sudo` that keeps HOME): that user could not
    write to what root creates there. An unprivileged user may not even have access to a place, such
    as root's HOME."""
    there = next(filter(os.path.exists, (place, *place.absolute().parents)))
    return os.geteuid() == 0 and there.stat().st_uid != 0


def _make_own(place: Path) -> None:
    """Create a folder that nobody else can write to. Raises OSError if there is one that belongs to
    another user or that others can write to: they could plant files or links."""
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    status = place.lstat()
    others_write = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or others_write:
        raise OSError(errno.EPERM, "is accessible to other users", str(place))


def read_only(root: Path) -> bool:
    """Whether a project's own folder ``root`` is not writable because the project is read-only;
    False if it belongs to another user, or if a replacement of state was interrupted."""
    if not root.exists():
        return not os.access(root.parent, os.W_OK | os.X_OK)
    mounted_so = bool(os.statvfs(root).f_flag & os.ST_RDONLY)
    return mounted_so and not (root / JOURNAL).exists()


def own_folder(path: Path) -> Path:
    """The folder ``.composetasks`` around a path of this library's; the path itself if it is in
    none, as a cache elsewhere."""
    return next((one for one in (path, *path.parents) if one.name == OWN_FOLDER), path)


def not_a(path: Path, kind: str) -> TaskFailure:
    """The failure for a path of another kind in place of one of the library's files or folders."""
    return TaskFailure(
        f"{path} has to be a {kind}, but is not",
        hint="it contains no data of composetasks: move it away, or `rm -r "
        f"{shlex.quote(str(path))}`",
    )


def closed(path: Path) -> TaskFailure:
    """The failure for a folder that this user can't write to: who owns it, and how to regain
    access."""
    there = next(place for place in (path, *path.parents) if os.path.lexists(place))
    number = there.lstat().st_uid
    if number == os.geteuid():
        return TaskFailure(
            f"{there} can't be written to",
            hint="check its permissions, and whether its file system is read-only",
        )
    owner, mine = user(number), user(os.geteuid())
    own = own_folder(path)
    way = f"chown -R {mine}:" if own.exists() else f"install -d -o {mine}"
    return TaskFailure(
        f"{there} can't be written to: it belongs to {owner}, and this is {mine}",
        hint=f"`sudo {way} {shlex.quote(str(own))}` makes it yours, or run the task as {owner}",
    )


def user(number: int) -> str:
    """A user's name, or the number of a user without a name here."""
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def hand_over(root: Path) -> None:
    """Give the files that root created in another user's project to that user, who could not use
    them otherwise. What the services of instances write is left as they wrote it."""
    if os.geteuid() != files.ROOT or not root.is_dir():
        return
    project = root.parent.stat()
    if project.st_uid == files.ROOT:
        return
    for place, folders, names, opened in os.fwalk(root):
        if Path(place).parent == root / "instances":
            folders[:] = [name for name in folders if name not in MOUNTED]
        # The folder itself comes last: until then its owner shows that root created it.
        for name in (*names, "."):
            with contextlib.suppress(OSError):
                status = os.stat(name, dir_fd=opened, follow_symlinks=False)
                if status.st_uid == files.ROOT and (name == "." or status.st_nlink == 1):
                    owner = project.st_uid, project.st_gid
                    os.chown(name, *owner, dir_fd=opened, follow_symlinks=False)


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a document completely or not at all, readable by its owner only."""
    text = json.dumps(document, indent=1, ensure_ascii=False)
    files.write(path, text.encode("utf-8", "surrogatepass"))


def read_json(path: Path) -> dict[str, Any] | None:
    """A document written by :func:`write_json`; None if there is none or it is damaged."""
    try:
        loaded = json.loads(files.read(path).decode("utf-8", "surrogatepass"))
    except (OSError, ValueError, RecursionError):
        return None
    return loaded if isinstance(loaded, dict) else None


def now() -> str:
    """The current time, RFC 3339 in UTC with milliseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
