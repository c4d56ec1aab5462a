"""Warnings about contexts with unsuitable content: very much of it, or a service's state."""

from __future__ import annotations

import contextlib
import json
import os
import posixpath
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from composetasks.facts import Model
from composetasks.facts.paths import within
from composetasks.observe.images.ignore import FolderMatch, Ignore
from composetasks.observe.images.selection import Root
from composetasks.observe.images.tree import Files
from composetasks.observe.state.code_folders import why_no_state
from composetasks.run import file_systems
from composetasks.run.git import git_folder
from composetasks.store import build_records, cache_entry

LARGE_BYTES = 100_000_000


def warnings(service: str, folder: str, files: Files, model: Model, cache: Path) -> Iterator[str]:
    """Yield the warnings about the files of one context."""
    if files.size > LARGE_BYTES:
        largest = ", ".join(
            f"{path} {size / 1e6:.0f} MB" for path, size in files.biggest if size >= 1e6
        )
        yield (
            f"{service}: its build context contains {files.size / 1e6:.0f} MB of {folder} "
            f"({largest}); exclude what it does not need in .dockerignore"
        )
    state = _state_within(folder, files, model, cache)
    if state:
        yield (
            f"{service}: its build context contains state of services, and every change of it "
            f"triggers a rebuild: {', '.join(state)} of {folder}; exclude it in .dockerignore"
        )


def taken_along(folder: str, cache: Path, theirs: Ignore, roots: Iterable[Root]) -> Iterator[str]:
    """Yield a warning if a plain Compose build, which applies only the project's ignore file, would
    copy our own folder from a context into an image."""
    own = build_records.own_path(folder, cache)
    if not own or not any(root.is_folder and within(own, root.path) for root in roots):
        return
    state = FolderMatch()
    for path in reversed([own, *_folders(own)]):
        state = theirs.state(path, state)
    if not state.ignored:
        yield (
            f"a plain `docker compose build` copies {own} (snapshots of state, logs of runs) from "
            f"{folder} into an image; add the line {build_records.own_pattern(folder, cache)} to "
            "its .dockerignore (the task `build` leaves it out anyway)"
        )


def _folders(path: str) -> Iterator[str]:
    """Yield the parent folders of a path in a context, the nearest first."""
    while path := posixpath.dirname(path):
        yield path


def _state_within(folder: str, files: Files, model: Model, cache: Path) -> list[str]:
    """Return the folders among the files that a service writes to and git does not track."""
    mounts = sorted(
        {
            os.path.relpath(file_systems.realpath(mount.source), folder)
            for service in model.services.values()
            for mount in service.mounts
            if mount.type == "bind" and not mount.read_only
        }
    )
    inside = [path for path in mounts if path.split("/")[0] not in (os.curdir, os.pardir)]
    if not inside:
        return []
    # Ask git and search all names only once for each state of the files and of git's index.
    place = cache / "state-in-contexts"
    tracked = [_index(Path(folder)), _index(model.directory)]
    key = json.dumps([folder, inside, files.digest, tracked])
    cached = cache_entry.load(place, _lists) or {}
    if key not in cached:
        paths = files.entries()
        inside = [
            path
            for path in inside
            if path in paths
            and not why_no_state(Path(folder, path), project=model.directory, named=False)
        ]
        cached = {**cached, key: inside} if len(cached) < 50 else {key: inside}
        cache_entry.save(place, cached)
    return cached[key]


def _lists(entry: Any) -> dict[str, list[str]]:
    return {
        key: cache_entry.as_names(value) for key, value in cache_entry.as_mapping(entry).items()
    }


def _index(folder: Path) -> tuple[int, ...]:
    """Return inode, size and time of the git index around a folder, to detect a change."""
    git = git_folder(folder)
    if git is not None:
        with contextlib.suppress(OSError):
            status = (git / "index").stat()
            return status.st_ino, status.st_size, status.st_mtime_ns
    return ()
