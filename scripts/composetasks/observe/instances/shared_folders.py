"""Find the folders of the host that an instance would write to together with the other copies of
its stack, because it can't have its own copy: their role is unknown, or they are elsewhere."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from composetasks.facts import InCommon, Model
from composetasks.facts.paths import OF_THE_MACHINE, within
from composetasks.observe.state.code_folders import why_no_state
from composetasks.observe.state.places import (
    by_path,
    holds_project,
    home_of,
    homes_of,
    mounts_of,
    use,
)
from composetasks.run import file_systems, settings

SYSTEM = (*OF_THE_MACHINE, "/bin", "/boot", "/etc", "/lib", "/sbin", "/usr")
"""Folders of the machine: a service that mounts them means the machine's own."""
CODE = ("git tracks", "a git repository")
"""The prefixes of reasons for which a folder is code: all copies run the same code."""


def shared_sources(
    model: Model,
    folder: Path,
    named: Mapping[str, settings.StateSetting],
    moved: Collection[Path],
) -> Iterator[InCommon]:
    """Yield the files and folders that services of ``model`` may write to and that an instance does
    not have a copy of (as it has of those in ``moved``), except those that all copies should use:
    code, parts of the machine, ``.env``, and paths that the settings declare as shared."""
    homes = homes_of(model, folder.resolve())
    settled = {path for path, name in by_path(homes, named, None).items() if named[name].shared}
    for path, mounts in sorted(mounts_of(model, "bind").items()):
        place = Path(path)
        services, written = use(mounts)
        if not written or place in moved or path in settled or file_systems.silent(path):
            continue
        if _of_the_machine(place):
            continue
        if place.name.startswith(".env") or holds_project(place, model, folder.resolve()):
            continue
        home = home_of(place, homes)
        why = why_no_state(place, project=home or place.parent, named=False)
        if why.startswith(CODE):
            continue
        name = str(place.relative_to(home)) if home else path
        reason = why if home else "it is outside the project's folder"
        yours = (
            f"`stack.state` gives each copy its own ({{{name!r}: {{}}}}) or all copies "
            "the same one "
        )
        if home is None or os.path.isfile(place):
            reason = reason or "it is a single file"
            yours = "`stack.state` lets all copies use the same one "
        yield InCommon(
            kind="file" if os.path.isfile(place) else "folder",
            name=name,
            services=services,
            reason=reason,
            hint=f"{yours}({{{name!r}: {{'shared': True}}}}); or mount it read-only",
        )


def _of_the_machine(place: Path) -> bool:
    inside = place == Path("/") or any(within(str(place), folder) for folder in SYSTEM)
    return inside or file_systems.is_special(place)
