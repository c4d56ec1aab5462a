"""Changes of files as they happen, in batches: files that are written together are one batch."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from composetasks.facts import ExitCode
from composetasks.facts.paths import within
from composetasks.facts.program import task
from composetasks.run.failure import TaskFailure
from composetasks.run.git import git_folder

QUIET_MILLISECONDS = 50
"""A batch ends when nothing has changed for this long."""
LONGEST_MILLISECONDS = 1600
"""A batch ends after this long in any case, even if files change all the time."""

NAME_NOT_READ = "Unable to decode path"
"""The message of watchfiles about a name that is not UTF-8."""
CLOCK_TICK_SECONDS = 0.1
"""How far a file's time may be before the clock's: it is that of the kernel's last tick."""

Batch = dict[str, bool]
"""The paths that changed, and whether each was added."""


class Changes:
    """The changes at and below ``paths``; a context manager. The git work tree is searched for from
    ``directory`` upward.

    Folders are watched with their content. A file is watched through its folder, because editors
    replace files, and so is a path that does not exist yet.
    """

    def __init__(self, paths: Iterable[str], directory: Path) -> None:
        self._paths = tuple(paths)
        git = git_folder(directory)
        self._git = _Git(git) if git else None
        self._batches: queue.Queue[Batch | BaseException] = queue.Queue()
        self._stop = threading.Event()
        self._watchers = 0

    def __enter__(self) -> Changes:
        self._watch(self._paths)
        return self

    def move(self, paths: Iterable[str]) -> None:
        """Watch these paths instead of the previous ones, even if they are the same because a
        folder was created again. Earlier changes will still be reported."""
        before, self._stop, self._watchers = self._stop, threading.Event(), 0
        self._watch(paths)
        # Let a batch that has begun on the previous paths complete.
        ending = threading.Timer(LONGEST_MILLISECONDS / 1000, before.set)
        ending.daemon = True
        ending.start()

    def report(self, batch: Batch) -> None:
        """Add a batch of changes that were noticed elsewhere."""
        self._batches.put(batch)

    def _watch(self, paths: Iterable[str]) -> None:
        paths = tuple(dict.fromkeys(paths))
        folders = _highest({path for path in paths if os.path.isdir(path)})
        around = {_nearest_folder(os.path.dirname(path)) for path in paths}
        self._start(folders, recursive=True)
        self._start({one for one in around if not _is_in(one, folders)}, recursive=False)

    def __exit__(self, *exc: object) -> None:
        self._stop.set()

    def _start(self, folders: set[str], *, recursive: bool) -> None:
        """Watch folders from now on."""
        if not folders:
            return
        try:
            notifier = _Notifier(folders, recursive)
        except OSError as error:
            raise _unwatchable(error) from error
        self._watchers += 1
        # A separate thread: in the main thread, watchfiles would treat our signals as Ctrl-C.
        threading.Thread(target=self._read, args=(notifier, self._stop), daemon=True).start()

    def _read(self, notifier: _Notifier, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                batch = notifier.batch(stop)
            except (OSError, RuntimeError) as error:
                self._batches.put(_unwatchable(error))
                return
            if batch is not None:
                self._batches.put(batch)
        notifier.close()

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches, without end. All changes while git writes the work tree (a branch
        switch) are one batch."""
        while True:
            batch = self._next(None)
            if self._watchers > 1:
                self._collect(batch, QUIET_MILLISECONDS / 1000)
            while self._git is not None and self._git.at_work():
                # The last files that git writes are reported shortly after it has ended.
                self._collect(batch, 3 * QUIET_MILLISECONDS / 1000)
            while self._collect(batch, 0.0):
                pass
            yield batch

    def _collect(self, batch: Batch, seconds: float) -> bool:
        """Add the changes of the next ``seconds`` to a batch, and tell whether there were any."""
        try:
            more = self._next(seconds)
        except queue.Empty:
            return False
        for path, added in more.items():
            batch[path] = added and batch.get(path, True)
        return True

    def _next(self, seconds: float | None) -> Batch:
        batch = self._batches.get(block=seconds != 0.0, timeout=seconds or None)
        if isinstance(batch, BaseException):
            raise batch
        return batch


class _Notifier:
    """The watcher of watchfiles without its loop (as its documentation shows). It drops a batch
    that contains a name that is not UTF-8, and does not work afterwards: this class replaces it and
    finds the dropped changes, except removals."""

    def __init__(self, folders: set[str], recursive: bool) -> None:
        self._folders, self._recursive = sorted(folders), recursive
        self._open()

    def _open(self) -> None:
        from watchfiles._rust_notify import RustNotify

        polling = bool(os.environ.get("WATCHFILES_FORCE_POLLING"))
        self._watcher = RustNotify(self._folders, False, polling, 300, self._recursive, True)
        self._since = time.time()

    def batch(self, stop: threading.Event) -> Batch | None:
        """Return the next batch; None if there was none for a while, or when ``stop`` is set.
        Raises OSError and RuntimeError from watchfiles."""
        from watchfiles import Change

        try:
            changes = self._watcher.watch(LONGEST_MILLISECONDS, QUIET_MILLISECONDS, 0, stop)
        except RuntimeError as error:
            if NAME_NOT_READ not in str(error):
                raise
            since = self._since - CLOCK_TICK_SECONDS
            self._watcher.close()
            self._open()
            return dict.fromkeys(_changed(self._folders, self._recursive, since), False)
        self._since = time.time()
        if isinstance(changes, set):
            return {path: kind == Change.added for kind, path in changes}
        return None

    def close(self) -> None:
        self._watcher.close()


def _changed(folders: Iterable[str], recursive: bool, since: float) -> Iterator[str]:
    """Yield the files in folders that were changed or added since then (seconds of the epoch)."""
    for top in folders:
        for folder, below, names in os.walk(top):
            if not recursive:
                below.clear()
            for name in names:
                path = os.path.join(folder, name)
                with contextlib.suppress(OSError):
                    if os.lstat(path).st_ctime >= since:
                        yield path


def _highest(folders: set[str]) -> set[str]:
    """Return the folders that are not inside any of the others."""
    return {one for one in folders if not _is_in(one, folders - {one})}


def _is_in(path: str, folders: Iterable[str]) -> bool:
    return any(within(path, one) for one in folders)


def _nearest_folder(path: str) -> str:
    """Return ``path`` if it is a folder, or else the nearest folder above it."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


class _Git:
    """Detects whether git changes a work tree, by the index in the git folder of that tree, and by
    the index's lock while git is at work."""

    def __init__(self, folder: Path) -> None:
        self._lock, self._index = folder / "index.lock", folder / "index"
        self._seen = self._written()

    def _written(self) -> int:
        try:
            return self._index.stat().st_mtime_ns
        except OSError:
            return 0

    def at_work(self) -> bool:
        """Tell whether git is at work, or was since the last call."""
        before, self._seen = self._seen, self._written()
        return self._lock.exists() or self._seen != before


def _unwatchable(error: Exception) -> TaskFailure:
    return TaskFailure(
        f"the files can't be watched: {error}",
        code=ExitCode.FAILED,
        hint=f"raise fs.inotify.max_user_watches, or watch smaller folders ({task('doctor')})",
    )
