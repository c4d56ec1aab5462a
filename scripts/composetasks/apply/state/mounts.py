"""How the helper mounts the places of state."""

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
    """The mount of a piece of state: ``mount`` in the engine's API format, and the ``name`` of the
    state's folder within the mounted folder, "" if it is the mounted folder itself. ``number``
    identifies the place within a run."""

    state: State
    number: int
    mount: Mapping[str, Any]
    name: str = ""


@frozen
class Archives:
    """The folder of a snapshot. If the engine runs on this machine, the helper reads or writes it
    directly, so that its content does not go through the engine."""

    folder: Path
    read_only: bool


def for_reading(state: State, number: int) -> Mounted:
    """Mount the state itself, read-only."""
    return Mounted(state, number, _mount(state.kind, state.place, number, read_only=True))


def for_writing(state: State) -> Mounted:
    """Mount the state itself, as the only place of its run."""
    return Mounted(state, 0, _mount(state.kind, state.place, 0))


def for_replacing(client: APIClient, state: State, number: int) -> Mounted:
    """Mount the parent of the state's folder, so that the folder can be replaced by one rename: a
    volume's directory on the engine, or the parent of a folder.

    If that is not possible (a volume with another driver or with options, a folder that is a mount
    point), mount the state itself.
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
        # Otherwise the engine would fill an empty volume from the helper's image.
        mount |= {"Type": "volume", "VolumeOptions": {"NoCopy": True}}
    return mount


def bind(source: str, target: str, *, read_only: bool) -> dict[str, Any]:
    """The mount of a folder, in the engine's API format."""
    return {"Type": "bind", "Source": source, "Target": target, "ReadOnly": read_only}
