"""``.composetasks/instances/<name>/``: the owner of an instance, and its watcher.

``owner.json`` names the owner process ("" for an instance created by hand, which lives until
somebody ends it). The first process to create the folder is the owner; the watcher of an owned
instance holds the lock file ``watcher`` as long as it lives. ``images.json`` lists the image tags
that the override sets.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from composetasks.facts import ExitCode
from composetasks.run import owner
from composetasks.run.failure import TaskFailure
from composetasks.run.owner import Owner
from composetasks.store import folder

RECORD = "owner.json"
WATCHER = "watcher"
OVERRIDE = "compose.override.yaml"
IMAGES = "images.json"
BY_HAND = ""


def recorded(place: Path) -> str | None:
    """The owner's text, BY_HAND, or None if the instance is not claimed. A record that can't be
    read means BY_HAND: what is not claimed is removed."""
    if not os.path.lexists(place / RECORD):
        return None
    record = folder.read_json(place / RECORD) or {}
    return str(record.get("owner") or BY_HAND)


def keep_images(place: Path, tags: Sequence[str]) -> None:
    """Record the image tags that belong to the instance, before any of the images is created."""
    folder.write_json(place / IMAGES, {"tags": sorted(tags)})


def images(place: Path) -> list[str]:
    """The image tags that belong to the instance, whether or not the images were created."""
    record = folder.read_json(place / IMAGES) or {}
    return [str(one) for one in record.get("tags") or ()]


def given(setting: str) -> Owner | None:
    """The process that the setting names, None if it is not set. Raises TaskFailure, code 2."""
    if not setting:
        return None
    owned_by = owner.of(int(setting)) if owner.PID.fullmatch(setting) else None
    if owned_by is None:
        raise TaskFailure(
            f"setting stack.owner: {setting!r} is not the ID of a running process",
            code=ExitCode.USAGE,
            hint="it names the process that owns the instance; leave it out for an "
            "instance that exists until you remove it",
        )
    return owned_by


def ended(text: str | None) -> bool:
    """Whether a recorded owner has ended."""
    owned_by = owner.parse(text or "")
    return owned_by is not None and not owner.alive(owned_by)


def lives_here(text: str | None) -> bool:
    """Whether a recorded owner is a running process of this machine."""
    owned_by = owner.parse(text or "")
    return owned_by is not None and owned_by.host == owner.this_machine() and owner.alive(owned_by)


def claim_new(place: Path, text: str) -> None:
    """Make ``text`` the owner of an unclaimed instance; of several concurrent claims, the first
    wins."""
    new = place / f"{RECORD}.{os.getpid()}.new"
    folder.write_json(new, {"owner": text})
    with contextlib.suppress(FileExistsError):
        os.link(new, place / RECORD)
    new.unlink()


def take_over(place: Path, text: str) -> None:
    """Make ``text`` the owner of an instance whose owner has ended, or that has none, while holding
    its lock: the old contents of the folder are removed, except the lock and the current run."""
    for entry in place.iterdir():
        if entry.name in ("lock", "runs", ".gitignore", WATCHER):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    folder.write_json(place / RECORD, {"owner": text})  # last: until then the old one must be ended


def refuse_other(name: str, text: str, mine: Owner | None) -> None:
    """Raise TaskFailure, code 9, if a run for the owner ``mine`` would change an instance of
    another owner: the instance would end with that owner, or outlive ``mine``."""
    if mine is None or text == mine.text:
        return
    owner = f"is owned by process {text.partition(' ')[0]}" if text else "was created by hand"
    raise TaskFailure(
        f"instance {name} {owner}, so process {mine.pid} can't own it",
        code=ExitCode.CONFLICT,
        hint="choose another name for the instance, or omit stack.owner to work on this one",
    )
