"""Sends changes in a file or folder of this machine to the volume that replaces its bind mounts on
another host, as an archive that the engine unpacks."""

from __future__ import annotations

import io
import json
import os
import tarfile
import tempfile
import time
from collections.abc import Iterator
from typing import IO

from composetasks.apply.inside.pack import Pack
from composetasks.apply.inside.tree import FOLDER
from composetasks.apply.state import mounts
from composetasks.apply.state.helper import Helper, HelperFailed, failure
from composetasks.apply.tools import Tools, event
from composetasks.facts import SENT, Event, Send, Sent, State, Step, World
from composetasks.facts.engine import PROJECT, VOLUME
from composetasks.facts.units import size
from composetasks.observe.engine.host_files import PLACE, with_volume
from composetasks.observe.start.sent import LISTS
from composetasks.run.failure import TaskFailure


def send(step: Step, world: World, tools: Tools) -> Iterator[Event]:
    """Send changed files, remove deleted ones, and last store the list of what was sent. After an
    interruption, the next run repeats what is not in the list."""
    operation, sent = step.operation, world.sent[step.target]
    assert isinstance(operation, Send)
    began = time.monotonic()
    yield event("step-started", step)
    client, project = tools.client, world.model.project
    volume = world.model.volumes[SENT].name
    client.create_volume(volume, labels={PROJECT: project, VOLUME: SENT})
    if operation.removed:
        _remove(operation, sent, volume, world, tools)
    with with_volume(client, volume) as container, tempfile.TemporaryFile() as archive:
        try:
            length = _archive(archive, sent, operation)
        except OSError as error:
            raise TaskFailure(
                f"{step.target} can't be read for sending: {error.strerror or error}",
                hint="correct that, then run the task again",
            ) from error
        client.put_archive(container, PLACE, archive)
        client.put_archive(container, PLACE, _list(sent))
    yield event("step-done", step, f"sent {size(length)}", time.monotonic() - began)


def _archive(file: IO[bytes], sent: Sent, operation: Send) -> int:
    """Write what is to be sent, as it is now, to ``file``, compressed; return its size in bytes."""
    import zstandard

    root = os.open(sent.root, FOLDER)
    try:
        with zstandard.ZstdCompressor().stream_writer(file, closefd=False) as writer:
            paths = map(os.fsencode, operation.changed)
            Pack(writer.write).some(root, paths, f"./{sent.key}/".encode())
    finally:
        os.close(root)
    length = file.tell()
    file.seek(0)
    return length


def _list(sent: Sent) -> IO[bytes]:
    text = json.dumps(sent.local).encode()
    entry = tarfile.TarInfo(f"{LISTS}/{sent.key}.json")
    entry.size = len(text)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(entry, io.BytesIO(text))
    buffer.seek(0)
    return buffer


def _remove(operation: Send, sent: Sent, volume: str, world: World, tools: Tools) -> None:
    """Remove files that were deleted on this machine; an archive cannot do that."""
    place = mounts.for_writing(State(SENT, "volume", SENT, volume))
    try:
        with Helper(tools.client, world, [place]) as at_work:
            paths = [f"{sent.key}/{path}" for path in operation.removed]
            at_work.ask("remove", place=0, paths=paths)
    except HelperFailed as error:
        raise failure("files deleted here could not be removed there", error) from error
