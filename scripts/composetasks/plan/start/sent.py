"""Bind mounts whose sources exist only on this machine, with an engine on another host: the
override that mounts a volume in their place, and the steps that send files to it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from composetasks.facts import SENT, Evidence, Model, Send, Sent, Service, Step, World
from composetasks.facts.units import counted, size
from composetasks.plan.instances.override import Replace

LABEL = "composetasks.sent."
"""The prefix of the labels that hold the digests of single files: a container has the file as it
was when the container was created, and is recreated for a changed one."""
CONTENTS = {"secrets": "/run/secrets/", "configs": "/"}


def override(
    model: Model,
    sources: Mapping[str, str],
    digests: Mapping[str, str],
    files: Mapping[str, Mapping[str, str]],
) -> dict[str, Any]:
    """The override, as a mapping for :func:`composetasks.plan.instances.override.dump`. ``sources``
    maps each source to its folder in the volume, ``digests`` gives the digests of single files,
    ``files`` the sources of secrets and configs, by kind and name."""
    services = {
        name: section
        for name, service in {**model.inactive, **model.services}.items()
        if (section := _service(service, sources, digests, files))
    }
    return {"services": services, "volumes": {SENT: {}}} if services else {}


def replaceable(model: Model) -> frozenset[str]:
    """The sources that :func:`override` can replace with a folder of the volume."""
    mounts = (one for service in model.services.values() for one in service.mounts)
    files = (path for kind in CONTENTS for path in model.content_files.get(kind, {}).values())
    return frozenset((*(one.source for one in mounts if one.type == "bind"), *files))


def mounted(sources: Mapping[str, Sent]) -> dict[str, dict[str, str]]:
    """For each service, the digests of the sources sent for it: if one changes, a job's work is due
    again."""
    digests: dict[str, dict[str, str]] = {}
    for source, sent in sources.items():
        digest = hashlib.sha256(repr(sorted(sent.local.items())).encode()).hexdigest()
        for name in sent.services:
            digests.setdefault(name, {})[source] = digest
    return digests


def _service(
    service: Service,
    sources: Mapping[str, str],
    digests: Mapping[str, str],
    files: Mapping[str, Any],
) -> dict[str, Any]:
    mounts = [
        (str(entry["source"]), str(entry["target"]), bool(entry.get("read_only")))
        for entry in service.config.get("volumes") or ()
        if entry.get("type") == "bind" and entry.get("source") in sources
    ]
    section: dict[str, Any] = {}
    for kind, place in CONTENTS.items():
        entries = service.config.get(kind) or ()
        by_source = {one["source"]: files[kind].get(one["source"]) for one in entries}
        if any(source in sources for source in by_source.values()):
            section[kind] = Replace(
                dict(entry) for entry in entries if by_source[entry["source"]] not in sources
            )
        for mount in entries:
            if (source := by_source[mount["source"]]) in sources:
                target = str(mount.get("target") or mount["source"])
                path = target if target.startswith("/") else place + target
                mounts.append((str(source), path, True))
    if not mounts:
        return {}
    section["volumes"] = [
        {
            "type": "volume",
            "source": SENT,
            "target": target,
            "read_only": read_only,
            "volume": {"subpath": sources[source], "nocopy": True},
        }
        for source, target, read_only in mounts
    ]
    labels = {
        f"{LABEL}{target}": digests[source] for source, target, _ in mounts if source in digests
    }
    return {**section, **({"labels": labels} if labels else {})}


def send_steps(world: World, services: Collection[str]) -> Iterator[Step]:
    """Yield a step for each source of ``services`` that differs from what was sent before."""
    for source, sent in world.sent.items():
        users = tuple(name for name in sent.services if name in services)
        changed = tuple(p for p, text in sorted(sent.local.items()) if sent.there.get(p) != text)
        removed = tuple(sorted(sent.there.keys() - sent.local.keys()))
        if users and (changed or removed):
            yield Step(
                operation=Send(changed, removed),
                target=source,
                reason=_reason(sent, changed, removed, world),
                services=users,
                because=tuple(_evidence(sent, changed, removed)),
            )


def _reason(sent: Sent, changed: Iterable[str], removed: Collection[str], world: World) -> str:
    files = [path for path in changed if sent.local[path][0] != "d"]
    amount = f"{counted(len(files), 'file')} ({size(sum(sent.sizes.values()))})"
    if not sent.there:
        return f"not on {world.remote} yet: {amount}"
    gone = f", {len(removed)} removed" if removed else ""
    return f"changed since it was sent to {world.remote}: {amount}{gone}"


def _evidence(sent: Sent, changed: Iterable[str], removed: Iterable[str]) -> Iterator[Evidence]:
    for path in changed:
        change = "modified" if path in sent.there else "added"
        detail = size(sent.sizes[path]) if path in sent.sizes else None
        yield Evidence(kind="file", path=path, change=change, detail=detail)
    for path in removed:
        yield Evidence(kind="file", path=path, change="removed")
