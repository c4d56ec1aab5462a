"""Contexts that hold what does not belong into an image: very much, or a service's state."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from composetasks.facts import Model
from composetasks.observe.code_folders import why_no_state
from composetasks.observe.inputs.tree import Files
from composetasks.run import packing

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
    # Git is asked, and all names are gone through, once for each state of the files.
    memory = cache / "state-in-contexts"
    key = json.dumps([folder, within, files.digest])
    known: dict[str, list[str]] = packing.load(memory) or {}
    if key not in known:
        paths = files.entries()
        found = [
            path
            for path in within
            if path in paths
            and not why_no_state(Path(folder, path), project=model.directory, named=False)
        ]
        known = {**known, key: found} if len(known) < 50 else {key: found}
        packing.save(memory, known)
    return known[key]
