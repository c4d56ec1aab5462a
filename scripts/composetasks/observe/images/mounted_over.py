"""Find files of an image that every service of it hides by mounting the same files over the copy,
as in ``COPY . /app`` with ``.:/app``."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence

from composetasks.facts import Hidden, Service
from composetasks.observe.images.needs import NeededInstruction, Needs
from composetasks.observe.images.selection import select
from composetasks.run import file_systems


def mounted_over(needs: Needs, folder: str, prefix: str, services: Sequence[Service]) -> Hidden:
    """Return the copied parts of the build context ``folder`` that no service sees, as far as
    known.

    ``services`` are all that run the image; ``prefix`` precedes the context's paths in lists of
    inputs. Files that a later ``RUN`` may have read are not hidden.
    """
    if needs.untold or not needs.parts:
        return Hidden()
    own = [part for part in needs.parts if part.stage == needs.parts[-1].stage]
    copied: list[tuple[NeededInstruction, str, str]] = []
    for at, (part, workdir) in enumerate(zip(own, _workdirs(own), strict=True)):
        place = _place(part, folder, workdir)
        if place is None or any(later.instruction.keyword == "RUN" for later in own[at + 1 :]):
            continue
        if all(_mounts(service, os.path.join(folder, place[0]), place[1]) for service in services):
            copied.append((part, *place))
    if not copied:
        return Hidden()
    spared = [part for part, _, _ in copied]
    others = [source for part in needs.parts if part not in spared for source in part.sources]
    seen = {root.path for root in select(folder, [one for one in others if not one.context]).roots}
    for _, path, target in copied:
        seen |= {posixpath.join(path, below) for below in _filled(services, target)}
    return Hidden(
        tuple(prefix + path for _, path, _ in copied),
        tuple(prefix + path for path in sorted(seen)),
    )


def _workdirs(parts: Iterable[NeededInstruction]) -> Iterator[str]:
    """Yield the working directory of each part; "" if it is not known."""
    workdir = ""
    for part in parts:
        yield workdir
        if part.instruction.keyword == "WORKDIR":
            text = part.instruction.text.strip().strip("\"'")
            workdir = "" if "$" in text else _absolute(text, workdir)


def _absolute(path: str, workdir: str) -> str:
    if path.startswith("/"):
        return posixpath.normpath(path)
    return posixpath.normpath(posixpath.join(workdir, path)) if workdir else ""


def _place(part: NeededInstruction, folder: str, workdir: str) -> tuple[str, str] | None:
    """Return source and target in the image of a plain COPY; None for any other instruction."""
    instruction = part.instruction
    words = instruction.words()
    if (
        instruction.keyword != "COPY"
        or instruction.heredocs
        or len(words) != 2
        or len(part.sources) != 1
    ):
        return None
    (source,) = part.sources
    selected = select(folder, [source])
    if source.context or source.parents or selected.on_the_way or len(selected.roots) != 1:
        return None
    (root,) = selected.roots
    target = _absolute(words[1], workdir)
    if "$" in words[1] or not target:
        return None
    if not root.is_folder and words[1].endswith(("/", "/.")):
        target = posixpath.join(target, posixpath.basename(root.path))
    return root.path, target


def _mounts(service: Service, source: str, target: str) -> bool:
    """Tell whether a service sees ``source`` of this machine at ``target``, through a bind mount of
    it or of a folder above it."""
    above = [mount for mount in service.mounts if _below(target, mount.target) is not None]
    mount = max(above, key=lambda one: len(posixpath.normpath(one.target)), default=None)
    if mount is None or mount.type != "bind":
        return False
    below = _below(target, mount.target) or ""
    return file_systems.realpath(os.path.join(mount.source, below)) == os.path.realpath(source)


def _filled(services: Iterable[Service], target: str) -> Iterator[str]:
    """Yield the paths below ``target`` of volumes, which the engine fills from the image."""
    for service in services:
        for mount in service.mounts:
            below = _below(mount.target, target)
            if below is not None and mount.type == "volume":
                yield below


def _below(path: str, above: str) -> str | None:
    """Return ``path`` relative to ``above``; None if it is not below it."""
    relative = posixpath.relpath(posixpath.normpath(path), posixpath.normpath(above))
    if relative == posixpath.curdir:
        return ""
    return None if relative.split("/")[0] == posixpath.pardir else relative
