"""The places of state as the helper mounts them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composetasks.facts import State
from composetasks.facts.frozen import frozen

if TYPE_CHECKING:
    from docker import APIClient

TARGET = "/.composetasks-state"
ARCHIVES = f"{TARGET}/archives"


@frozen
class Mounted:
    """How a piece of state is mounted: ``mount`` in the engine's words, and the ``name`` of its
    folder within what is mounted, "" where it is that itself. ``number`` tells the places of a
    run apart."""

    state: State
    number: int
    mount: Mapping[str, Any]
    name: str = ""


@frozen
class Archives:
    """The folder of a snapshot, which the helper writes or reads itself where the engine runs on
    this machine: all that is in it need not go through the engine then."""

    folder: Path
    read_only: bool


def for_reading(state: State, number: int) -> Mounted:
    """The state itself, and not to be written to."""
    return Mounted(state, number, _mount(state.kind, state.place, number, read_only=True))


def for_writing(state: State) -> Mounted:
    """The state itself, the only one of its run."""
    return Mounted(state, 0, _mount(state.kind, state.place, 0))


def for_replacing(client: APIClient, state: State, number: int) -> Mounted:
    """What holds the state's folder, so that it can be replaced as a whole by one rename: a
    volume's own folder on the engine, or the folder around a folder.

    Where that can't be (a volume of another driver or with options, a folder that is a mount
    point), the state itself.
    """
    if state.kind == "folder":
        if os.path.ismount(state.place):
            return Mounted(state, number, _mount("bind", state.place, number))
        around, name = os.path.split(state.place)
        mount = _mount("bind", around, number)
        if not state.exists:
            mount |= {"BindOptions": {"CreateMountpoint": True}}
        return Mounted(state, number, mount, name)
    record = client.inspect_volume(state.place)
    around, name = os.path.split(str(record.get("Mountpoint", "")))
    if record.get("Driver") == "local" and not record.get("Options") and name == "_data":
        return Mounted(state, number, _mount("bind", around, number), name)
    return Mounted(state, number, _mount("volume", state.place, number))


def _mount(kind: str, source: str, number: int, *, read_only: bool = False) -> dict[str, Any]:
    mount = bind(source, f"{TARGET}/{number}", read_only=read_only)
    if kind == "volume":
        # Else the engine would fill an empty volume with what the helper's image has there.
        mount |= {"Type": "volume", "VolumeOptions": {"NoCopy": True}}
    return mount


def bind(source: str, target: str, *, read_only: bool) -> dict[str, Any]:
    """The mount of a folder in the engine's words."""
    return {"Type": "bind", "Source": source, "Target": target, "ReadOnly": read_only}
