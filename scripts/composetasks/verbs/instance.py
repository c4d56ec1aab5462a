"""An instance as Compose sees it: the base files and one generated override.

``.composetasks/instances/<name>/`` holds the override, the ports it was given (kept while it
lives), its state folders, its lock and its runs.
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
from composetasks.plan.instances.override import (
    NAME,
    PortKey,
    dump,
    override,
    project_name,
    published_ports,
)
from composetasks.plan.instances.separation import folder_of, own_volumes
from composetasks.run.compose import Compose
from composetasks.run.failure import TaskFailure
from composetasks.store import folder, instance_folder, lock
from composetasks.store.instance_folder import OVERRIDE

CHOICE_SECONDS = 30.0
"""How long the others may take to choose theirs."""


def check_name(name: str) -> None:
    """Raise TaskFailure, code 2, for a name that could not be part of a project's."""
    if not NAME.fullmatch(name):
        raise TaskFailure(
            f"an instance can't be called {name!r}",
            code=ExitCode.USAGE,
            hint="use small letters, digits, - and _, a letter or digit first, at most 41",
        )


def instance_compose(
    base: Compose,
    model: Model,
    name: str,
    place: Path,
    state: Mapping[Path, str],
    shared: Collection[str],
    owner: str,
) -> Compose:
    """Compose addressing the instance ``name`` of ``model``, its override written where it
    changed. ``state`` are the bind-mounted folders that hold state, with what this one calls its
    own; ``shared`` are the volumes that all copies are to use; ``owner`` is the text of the process
    that it lives for, "" for none."""
    place.mkdir(parents=True, exist_ok=True)
    ports = _ports(model, place)
    folders = {
        source: place / "state" / own
        for source in _bind_sources(model)
        if (own := state.get(Path(source).resolve()))
    }
    for mounted, path in folders.items():
        _make_like(Path(mounted), path)
    volumes: dict[str, Path | None] = {}
    for key in own_volumes(model, shared):
        source = folder_of(model.volumes[key])
        volumes[key] = place / "volumes" / key if source else None
        if source:
            _make_like(Path(source), place / "volumes" / key)
    labels = {INSTANCE_LABEL: name, **({OWNER_LABEL: owner} if owner else {})}
    document = override(model, name, ports, folders, volumes, labels)
    text = dump(document).lstrip("\n")
    file = place / OVERRIDE
    if not file.exists() or file.read_text("utf-8", "replace") != text:
        sections = document["services"].values()
        instance_folder.keep_images(place, [one["image"] for one in sections if "image" in one])
        new = file.with_suffix(f".{os.getpid()}.tmp")
        new.write_text(text, "utf-8")
        new.replace(file)
    files = [str(path) for path in model.files]
    return base.with_files([*files, str(file)], project_name(model, name))


def _make_like(source: Path, path: Path) -> None:
    """Make a folder with the mode and, where that is allowed, the owner of ``source``: programs
    that do not run as root must be able to write to it."""
    if path.exists():
        return
    path.mkdir(parents=True)
    with contextlib.suppress(FileNotFoundError, PermissionError):
        found = source.stat()
        path.chmod(stat.S_IMODE(found.st_mode))
        os.chown(path, found.st_uid, found.st_gid)


def _bind_sources(model: Model) -> set[str]:
    services = model.services.values()
    return {one.source for two in services for one in two.mounts if one.type == "bind"}


def _ports(model: Model, place: Path) -> dict[PortKey, int]:
    """A port for each published one: those given before, else free ones from the kernel, one
    instance after another so that none is given twice."""
    known = folder.read_json(place / "ports.json") or {}
    wanted = {key: _text(key) for key in published_ports(model)}
    if any(text not in known for text in wanted.values()):
        with lock.hold(place.parent / "ports.lock", "the choice of ports", CHOICE_SECONDS):
            others = [folder.read_json(one) or {} for one in place.parent.glob("*/ports.json")]
            taken = {port for other in others for port in other.values()}
            known = _chosen(model, folder.read_json(place / "ports.json") or {}, taken)
            folder.write_json(place / "ports.json", known)
    return {key: int(known[text]) for key, text in wanted.items()}


def _text(key: PortKey) -> str:
    service, host_ip, published, target, protocol = key
    return f"{service} {host_ip}:{published}->{target}/{protocol}"


def _chosen(model: Model, known: dict[str, Any], taken: set[Any]) -> dict[str, Any]:
    """``known`` with a free port for what has none yet, none of those that are ``taken``."""
    held: list[socket.socket] = []
    known = dict(known)
    try:
        for key in published_ports(model):
            _, host_ip, _, _, protocol = key
            while (text := _text(key)) not in known:
                kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
                family = socket.AF_INET6 if ":" in host_ip else socket.AF_INET
                held.append(socket.socket(family, kind))
                held[-1].bind((host_ip or "", 0))
                port = held[-1].getsockname()[1]
                if port not in taken:
                    known[text] = port
    finally:
        for one in held:
            one.close()
    return known
