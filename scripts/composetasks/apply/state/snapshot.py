"""Writes a snapshot from what the helper reads, and sends a snapshot to the helper."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from composetasks.apply.inside import wire
from composetasks.apply.state import mounts
from composetasks.apply.state.helper import Helper, HelperFailed
from composetasks.apply.state.mounts import Archives
from composetasks.apply.tools import Tools
from composetasks.facts import State, World
from composetasks.run.external_failures import FULL
from composetasks.store import container_configs, folder, snapshot_folder
from composetasks.store.snapshot_folder import SNAPSHOTS

LEVEL = 3
"""The default level of zstd."""
THREADS = 2
SEND_BYTES = 1 << 18
ARCHIVE_FIELDS = ("bytes", "files", "left_out", "length", "special", "compressed", "sha256")
"""The helper's data about an archive that a manifest keeps."""
PROGRESS_BYTES = 50_000_000


class Vanished(Exception):
    """State that had content when the plan was made is empty now: ``name``, ``files``."""

    def __init__(self, name: str, files: int) -> None:
        super().__init__(name)
        self.name, self.files = name, files


def write(
    name: str,
    state: Sequence[State],
    world: World,
    tools: Tools,
    still: AbstractContextManager[None],
) -> Iterator[str]:
    """Save ``state`` as snapshot ``name``, read while ``still`` is entered; yield the progress.

    Raises HelperFailed, OSError and Vanished; in that case nothing of the snapshot is left.
    """
    places = [mounts.for_reading(one, number) for number, one in enumerate(state)]
    with snapshot_folder.writing(tools.root / SNAPSHOTS, name) as new:
        parts = []
        archives = Archives(new, read_only=False)
        with Helper(tools.client, world, places, archives=archives) as at_work, still:
            for number, saved in enumerate(state):
                path = new / snapshot_folder.archive_name(number, saved.name)
                write_it = _archive_there if at_work.sees_archives else _archive
                parts.append(
                    _part(saved, path, (yield from write_it(at_work, number, saved, path)))
                )
        for saved, part in zip(state, parts, strict=True):
            if saved.files and not part["files"]:
                raise Vanished(saved.name, saved.files)
        for part in parts:
            snapshot_folder.sync(new / part["file"])
        document = {
            "name": name,
            "created": folder.now(),
            "project": world.model.project,
            "parts": parts,
            "images": {
                name: {"id": image.id, "tags": list(image.tags)}
                for name, image in world.images_of_users(state).items()
            },
        }
        snapshot_folder.finish(new, document, container_configs.digest_key(tools.cache))


def _part(state: State, path: Path, packed: dict[str, Any]) -> dict[str, Any]:
    """The manifest's entry for a piece of state."""
    return {
        "name": state.name,
        "kind": state.kind,
        "source": state.source,
        "file": path.name,
        **{key: packed[key] for key in ARCHIVE_FIELDS},
    }


def _archive_there(
    at_work: Helper, number: int, state: State, path: Path
) -> Generator[str, None, dict[str, Any]]:
    """Let the helper write the archive of a piece of state; return the helper's data about it."""
    arguments = {"place": number, "level": LEVEL, "threads": THREADS, "file": path.name}
    try:
        reply = at_work.ask("pack_here", **arguments)
        while "written" in reply:
            yield _progress(state, reply["written"])
            reply = at_work.answer()
    except HelperFailed as error:
        if error.errno in (*FULL, errno.EFBIG):
            # Reading never fails with these errors: the disk of the snapshot's folder is full.
            raise OSError(error.errno, error.why, str(path)) from error
        raise
    return reply


def _progress(state: State, size: int) -> str:
    return f"{state.name}: {size // 1_000_000} MB written"


def _archive(
    at_work: Helper, number: int, state: State, path: Path
) -> Generator[str, None, dict[str, Any]]:
    """Write the archive of a piece of state as the helper sends it; return the data about it."""
    digest, size, reported = hashlib.sha256(), 0, 0
    arguments = {"place": number, "level": LEVEL, "threads": THREADS}
    at_work.send(wire.message({"do": "pack", **arguments}))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        for content in at_work.data():
            digest.update(content)
            stream.write(content)
            size += len(content)
            if size - reported >= PROGRESS_BYTES:
                reported = size
                yield _progress(state, size)
    return {**at_work.answer(), "compressed": size, "sha256": digest.hexdigest()}


def send(at_work: Helper, number: int, path: Path, *, length: int | None, special: bool) -> str:
    """Let the helper unpack an archive beside the current content; return the digest of what it
    unpacked. ``length`` is the archive's length in bytes, None if it is not known; ``special``
    allows devices and set-user-id or similar programs.

    Raises HelperFailed, and OSError if the archive cannot be read.
    """
    limits = {"place": number, "length": length, "special": special}
    if at_work.sees_archives:
        reply = at_work.ask("prepare_content_here", file=path.name, **limits)
        return str(reply["sha256"])
    with path.open("rb") as stream:
        at_work.send(wire.message({"do": "prepare_content", **limits}))
        while content := stream.read(SEND_BYTES):
            at_work.send(wire.encode(wire.DATA, content))
    at_work.send(wire.encode(wire.DATA, b""))
    return str(at_work.answer()["sha256"])
