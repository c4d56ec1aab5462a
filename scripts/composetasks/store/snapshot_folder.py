"""``.composetasks/snapshots/``: one folder for each snapshot, with a manifest and one compressed
archive for each piece of state; all readable by their owner only."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from composetasks.facts import Snapshot, SnapshotPart
from composetasks.store import files, folder

SCHEMA = "composetasks.snapshot/1"
SNAPSHOTS = "snapshots"
"""The folder's name in the library's own folder."""
MANIFEST = "manifest.json"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
CREATED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}Z")
ARCHIVE = re.compile(r"[0-9]{2,}-[A-Za-z0-9_.-]*\.tar\.zst")
"""The names that :func:`archive_name` returns; a manifest with another file name is refused."""
UNFINISHED = ".unfinished-"
CHUNK = 1 << 20


class Damaged(Exception):
    """A snapshot differs from what was saved; the text says where."""


def archive_name(number: int, state: str) -> str:
    """The file name of the archive of a piece of state."""
    return f"{number:02d}-{re.sub(r'[^A-Za-z0-9_.-]', '-', state)}.tar.zst"


def load_all(place: Path, key: bytes = b"") -> tuple[Snapshot, ...]:
    """Every snapshot in ``place``, the oldest first; the archives themselves are not read. ``key``
    is this checkout's digest key, by which its own snapshots are recognized."""
    try:
        names = sorted(os.listdir(place))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    snapshots = [load(place, name, key) for name in names if NAME.fullmatch(name)]
    return tuple(sorted(snapshots, key=lambda one: (one.created, one.name)))


def load(place: Path, name: str, key: bytes = b"") -> Snapshot:
    """Load one snapshot from its manifest; a defect is its ``problem``."""
    try:
        document = manifest(place, name)
    except Damaged as error:
        return Snapshot(name, "", 0, problem=str(error))
    missing = [
        part["file"]
        for part in document["parts"]
        if _size(place / name / part["file"]) != part["compressed"]
    ]
    return Snapshot(
        name=name,
        created=document["created"],
        bytes=sum(part["compressed"] for part in document["parts"]),
        state=tuple(
            SnapshotPart(
                part["name"], part["kind"], part["bytes"], part["files"], part.get("special")
            )
            for part in document["parts"]
        ),
        images={name: image["id"] for name, image in document["images"].items()},
        problem=f"{missing[0]} is missing or has another size" if missing else "",
        made_here=bool(key) and document.get("mark") == _mark(document, key),
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def manifest(place: Path, name: str) -> dict[str, Any]:
    """Return a snapshot's manifest. Raises Damaged if there is none or it was changed."""
    try:
        document = json.loads(files.read(place / name / MANIFEST))
    except (OSError, ValueError, RecursionError) as error:
        raise Damaged(f"its manifest can't be read ({error})") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise Damaged("its manifest is invalid, or of another version")
    if document.pop("sha256", "") != seal(document):
        raise Damaged("its manifest was changed after it was written")
    if not _whole(document):
        raise Damaged("its manifest is incomplete")
    return document


def _whole(document: Mapping[str, Any]) -> bool:
    """Whether a manifest has every field that is read, and names no files but its own archives."""
    parts, images = document.get("parts"), document.get("images")
    return (
        CREATED.fullmatch(str(document.get("created"))) is not None
        and isinstance(parts, list)
        and all(isinstance(part, dict) and _whole_part(part) for part in parts)
        and isinstance(images, dict)
        and all(isinstance(one, dict) and isinstance(one.get("id"), str) for one in images.values())
    )


def _whole_part(part: Mapping[str, Any]) -> bool:
    counts = [part.get(key) for key in ("bytes", "files", "compressed")]
    counts += [part[key] for key in ("length", "special") if key in part]
    return (
        isinstance(part.get("name"), str)  # a folder may have any name
        and all(_is_text(part.get(key)) for key in ("kind", "file", "sha256"))
        and all(type(count) is int and count >= 0 for count in counts)
        and ARCHIVE.fullmatch(part["file"]) is not None
    )


def _is_text(value: object) -> bool:
    """Whether it is a string of printable characters."""
    return isinstance(value, str) and value.isprintable()


def seal(document: Mapping[str, Any]) -> str:
    """The digest of a manifest, which the manifest itself contains."""
    text = json.dumps(document, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _mark(document: Mapping[str, Any], key: bytes) -> str:
    """The keyed digest that only the checkout with this key can write into a manifest."""
    unmarked = {name: value for name, value in document.items() if name != "mark"}
    return hashlib.blake2b(seal(unmarked).encode(), digest_size=16, key=key).hexdigest()


def verify(place: Path, name: str) -> dict[str, Any]:
    """Return the manifest after verifying that no archive was changed since it was written.

    Raises Damaged.
    """
    document = manifest(place, name)
    buffer = memoryview(bytearray(CHUNK))
    for part in document["parts"]:
        digest = hashlib.sha256()
        try:
            with (place / name / part["file"]).open("rb", buffering=0) as stream:
                while count := stream.readinto(buffer):
                    digest.update(buffer[:count])
        except OSError as error:
            raise Damaged(f"{part['file']} can't be read ({error.strerror})") from error
        if digest.hexdigest() != part["sha256"]:
            raise Damaged(f"{part['file']} ({part['name']}) was changed after it was written")
    return document


@contextlib.contextmanager
def writing(place: Path, name: str) -> Iterator[Path]:
    """A new snapshot's folder under a temporary name, for the block to fill before it calls
    :func:`finish`. If the block fails, the folder is removed."""
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    sweep(place)
    new = place / f"{UNFINISHED}{name}"
    new.mkdir(mode=0o700)
    try:
        yield new
    finally:
        shutil.rmtree(new, ignore_errors=True)


def sweep(place: Path) -> None:
    """Remove the unfinished folders of killed runs (the caller holds the project's lock)."""
    for path in place.glob(f"{UNFINISHED}*"):
        shutil.rmtree(path, ignore_errors=True)


def finish(new: Path, document: Mapping[str, Any], key: bytes) -> Path:
    """Write the manifest into a filled folder, make the snapshot durable, and rename the folder."""
    whole = {"schema": SCHEMA, **document}
    whole["mark"] = _mark(whole, key)
    whole["sha256"] = seal(whole)
    folder.write_json(new / MANIFEST, whole)
    for path in (new / MANIFEST, new):
        sync(path)
    target = new.with_name(new.name.removeprefix(UNFINISHED))
    new.rename(target)
    sync(target.parent)
    return target


def sync(path: Path) -> None:
    """Wait until a file or folder is written to the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
