"""Choose the Compose binary: the first on this machine that is new enough, or else the one that was
installed with this package's dependencies."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from composetasks.facts import OLDEST_COMPOSE, ExitCode
from composetasks.run import process
from composetasks.run.compose import Compose, naming, plugins, surroundings
from composetasks.run.failure import TaskFailure
from composetasks.store import cache_entry


def candidates(environment: Mapping[str, str]) -> list[Path]:
    """Return the Compose binaries of this machine in the order in which the docker client
    searches."""
    beside_python = Path(sys.executable).parent / "docker-compose"
    own = [beside_python] if os.access(beside_python, os.X_OK) else []
    return plugins("docker-compose", environment) + own


def version(binary: Path) -> str:
    """Return the version that a Compose binary reports, without a leading v, or ""."""
    try:
        output = process.run([str(binary), "version", "--short"], timeout=20).stdout
    except process.ProgramError:
        return ""
    return output.strip().removeprefix("v")


def new_enough(text: str) -> bool:
    """Tell whether a version is at least OLDEST_COMPOSE."""
    numbers = re.match(r"(\d+)\.(\d+)", text)
    return numbers is not None and (int(numbers[1]), int(numbers[2])) >= OLDEST_COMPOSE


def find(folder: Path, files: Sequence[str] = ()) -> Compose:
    """Return the Compose to use: the first candidate that is new enough.

    A binary is asked for its version only if it is not the one that was installed with this
    package's dependencies, which needs no check. Raises TaskFailure (code 5) if no binary is
    usable.
    """
    environment = surroundings(folder)
    own = Path(sys.executable).parent / "docker-compose"
    seen = []
    for path in candidates(environment):
        if path.resolve() == own.resolve() or new_enough(_remembered_version(folder, path)):
            return Compose(path, folder, tuple(files), None, naming(files, environment))
        seen.append(str(path))
    raise TaskFailure(
        f"no usable Compose: {'too old: ' + ', '.join(seen) if seen else 'none installed'}",
        code=ExitCode.NO_ENGINE,
        hint="install Compose {}.{} or newer: docs.docker.com/compose/install".format(
            *OLDEST_COMPOSE
        ),
    )


def _remembered_version(folder: Path, path: Path) -> str:
    """Return the version of a binary, cached under the binary's path, size and modification
    time."""
    status = path.stat()
    key = f"{path.resolve()} {status.st_size} {status.st_mtime_ns}"
    place = folder / ".composetasks" / "cache" / "compose-version"
    versions = cache_entry.load(place, cache_entry.as_texts) or {}
    if key not in versions:
        answer = version(path)
        if not answer:
            return ""
        versions = {key: answer}
        cache_entry.save(place, versions)
    return versions[key]
