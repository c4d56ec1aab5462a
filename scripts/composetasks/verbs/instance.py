"""An instance as Compose sees it: the base files and one generated override.

``.composetasks/instances/<name>/`` holds the override, the instance's ports (kept as long as it
exists), its state folders, its lock and its runs.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from composetasks.facts import INSTANCE_LABEL, OWNER_LABEL, ExitCode, Model
from composetasks.facts.frozen import frozen
from composetasks.plan.instances.override import (
    NAME,
    PortKey,
    dump,
    override,
    project_name,
    published_ports,
)
from composetasks.plan.instances.separation import folder_of, own_volumes
from composetasks.run import file_systems
from composetasks.run.compose import Compose
from composetasks.run.failure import TaskFailure
from composetasks.run.owner import Owner
from composetasks.store import files, folder, instance_folder, lock
from composetasks.store.instance_folder import OVERRIDE
from composetasks.verbs.connection import EngineConnection

CHOICE_SECONDS = 30.0
"""How long to wait for other instances to choose their ports."""


def check_name(name: str) -> None:
    """Raise TaskFailure, code 2, for a name that can't be part of a project name."""
    if not NAME.fullmatch(name):
        raise TaskFailure(
            f"an instance can't be called {name!r}",
            code=ExitCode.USAGE,
            hint="use lowercase letters, digits, - and _, starting with a letter or "
            "digit, at most 41",
        )


@frozen
class Instance:
    """A copy of the stack, ``name``, in the folder ``place``. ``owner`` is the process that the
    settings name as its owner, None for an instance created by hand."""

    name: str
    place: Path
    owner: Owner | None

    def watch_over(self) -> None:
        """Make sure that an instance with an owner ends with it, however this process ends."""
        from composetasks.verbs.watcher import ensure_watched

        if self.owner is not None:
            instance_folder.claim_new(self.place, self.owner.text)
        if instance_folder.lives_here(instance_folder.recorded(self.place)):
            ensure_watched(self.place)

    def claim(self, engine: EngineConnection) -> None:
        """Make sure, under the lock, that this run may change the instance. Raises TaskFailure if
        it belongs to another owner."""
        text = instance_folder.recorded(self.place)
        if text is None or instance_folder.ended(text):
            self._take_over(engine)
        else:
            instance_folder.refuse_other(self.name, text, self.owner)
        self.watch_over()

    def _take_over(self, engine: EngineConnection) -> None:
        from composetasks.apply.instances.teardown import empty_mounted

        try:
            instance_folder.take_over(self.place, self._mine)
        except PermissionError:  # files written by containers often belong to root
            if engine.remote:
                raise
            empty_mounted(engine.client, self.name, self.place)
            instance_folder.take_over(self.place, self._mine)

    @property
    def _mine(self) -> str:
        return self.owner.text if self.owner else instance_folder.BY_HAND

    def compose(
        self, base: Compose, model: Model, state: Mapping[Path, str], shared: Collection[str]
    ) -> Compose:
        """Compose for this instance of ``model``, after writing its override if that changed.

        ``state`` maps the bind-mounted folders that hold state to the names of the instance's own;
        ``shared`` are the volumes that all copies use.
        """
        self.place.mkdir(parents=True, exist_ok=True)
        owner = instance_folder.recorded(self.place)
        if owner is None or instance_folder.ended(owner):
            owner = self._mine
        labels = {INSTANCE_LABEL: self.name, **({OWNER_LABEL: owner} if owner else {})}
        folders, volumes = self._folders(model, state), self._volumes(model, shared)
        ports = _ports(model, self.place)
        document = override(model, self.name, ports, folders, volumes, labels)
        text = dump(document).lstrip("\n")
        file = self.place / OVERRIDE
        if not file.exists() or file.read_text("utf-8", "replace") != text:
            images = [one["image"] for one in document["services"].values() if "image" in one]
            instance_folder.keep_images(self.place, images)
            files.write(file, text.encode())
        paths = [*map(str, model.files), str(file)]
        return base.with_files(paths, project_name(model, self.name))

    def _folders(self, model: Model, state: Mapping[Path, str]) -> dict[str, Path]:
        """Its own folder for each mounted folder that holds state."""
        mounts = [one for service in model.services.values() for one in service.mounts]
        sources = {one.source for one in mounts if one.type == "bind"}
        folders = {
            source: self.place / "state" / own
            for source in sources
            if (own := state.get(Path(file_systems.realpath(source))))
        }
        for mounted, path in folders.items():
            _make_like(Path(mounted), path)
        return folders

    def _volumes(self, model: Model, shared: Collection[str]) -> dict[str, Path | None]:
        """Its own volumes, each with the folder that replaces a folder of the host, if it mounts
        one."""
        volumes: dict[str, Path | None] = {}
        for key in own_volumes(model, shared):
            source = folder_of(model.volumes[key])
            volumes[key] = self.place / "volumes" / key if source else None
            if source:
                _make_like(Path(source), self.place / "volumes" / key)
        return volumes


def _make_like(source: Path, path: Path) -> None:
    """Create a folder with the mode and, if permitted, the owner of ``source``, so that programs
    that do not run as root can write to it."""
    if path.exists():
        return
    path.mkdir(parents=True)
    with contextlib.suppress(FileNotFoundError, PermissionError):
        status = source.stat()
        path.chmod(stat.S_IMODE(status.st_mode))
        os.chown(path, status.st_uid, status.st_gid)


def _ports(model: Model, place: Path) -> dict[PortKey, int]:
    """A port for each published one: the recorded port, else a free one from the kernel, chosen by
    one instance at a time so that none is used twice."""
    recorded = folder.read_json(place / "ports.json") or {}
    wanted = {key: _text(key) for key in published_ports(model)}
    if any(text not in recorded for text in wanted.values()):
        with lock.hold(place.parent / "ports.lock", "the choice of ports", CHOICE_SECONDS):
            others = [folder.read_json(one) or {} for one in place.parent.glob("*/ports.json")]
            taken = {port for other in others for port in other.values()}
            recorded = _chosen(model, folder.read_json(place / "ports.json") or {}, taken)
            folder.write_json(place / "ports.json", recorded)
    return {key: int(recorded[text]) for key, text in wanted.items()}


def _text(key: PortKey) -> str:
    service, host_ip, published, target, protocol = key
    return f"{service} {host_ip}:{published}->{target}/{protocol}"


def _chosen(model: Model, recorded: dict[str, Any], taken: set[Any]) -> dict[str, Any]:
    """``recorded`` with a free port, not in ``taken``, for each that has none yet."""
    held: list[socket.socket] = []
    recorded = dict(recorded)
    try:
        for key in published_ports(model):
            _, host_ip, _, _, protocol = key
            while (text := _text(key)) not in recorded:
                kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
                family = socket.AF_INET6 if ":" in host_ip else socket.AF_INET
                held.append(socket.socket(family, kind))
                held[-1].bind((host_ip or "", 0))
                port = held[-1].getsockname()[1]
                if port not in taken:
                    recorded[text] = port
    finally:
        for holder in held:
            holder.close()
    return recorded
