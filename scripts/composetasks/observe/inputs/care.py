"""Contexts that hold what does not belong into an image: very much, or a service's state."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from composetasks.facts import Model
from composetasks.observe.code_folders import why_no_state
from composetasks.observe.inputs.tree import Files
from composetasks.store import memory

LARGE_BYTES = 100_000_000


def warnings(service: str, folder: str, files: Files, model: Model, cache: Path) -> Iterator[str]:
    """What to say of the files of one context."""
    if files.size > LARGE_BYTES:
        largest = ", ".join(
            f"{path} {size / 1e6:.0f} MB" for path, size in files.biggest if size >= 1e6
        )
        yield (
            f"{service}: {files.size / 1e6:.0f} MB of {folder} go into its build ({largest}); "
            "name what it does not need in .dockerignore"
        )
    state = _state_within(folder, files, model, cache)
    if state:
        yield (
            f"{service}: state of services goes into its build, and every change of it builds "
            f"again: {', '.join(state)} of {folder}; name it in .dockerignore"
        )


def _state_within(folder: str, files: Files, model: Model, cache: Path) -> list[str]:
    """Folders among the files that a service writes to and git tracks nothing of."""
    mounts = sorted(
        {
            os.path.relpath(os.path.realpath(mount.source), folder)
            for service in model.services.values()
            for mount in service.mounts
            if mount.type == "bind" and not mount.read_only
        }
    )
    within = [path for path in mounts if path.split("/")[0] not in (os.curdir, os.pardir)]
    if not within:
        return []
    # Git is asked, and all names are gone through, once for each state of the files and of what
    # git tracks.
    place = cache / "state-in-contexts"
    tracked = [_index(Path(folder)), _index(model.directory)]
    key = json.dumps([folder, within, files.digest, tracked])
    known = memory.recall(place, _lists) or {}
    if key not in known:
        paths = files.entries()
        found = [
            path
            for path in within
            if path in paths
            and not why_no_state(Path(folder, path), project=model.directory, named=False)
        ]
        known = {**known, key: found} if len(known) < 50 else {key: found}
        memory.keep(place, known)
    return known[key]


def _lists(kept: Any) -> dict[str, list[str]]:
    return {key: memory.as_names(value) for key, value in memory.as_mapping(kept).items()}


def _index(folder: Path) -> tuple[int, ...]:
    """What tells that git's index of the repository around a folder is as it was."""
    for place in (folder, *folder.parents):
        git = place / ".git"
        with contextlib.suppress(OSError):
            # That of a linked work tree is where its file says.
            if git.is_file():
                git = Path(place, git.read_text("utf-8").removeprefix("gitdir:").strip())
            status = (git / "index").stat()
            return status.st_ino, status.st_size, status.st_mtime_ns
        if git.exists():
            break
    return ()
