"""Compose and Buildx: every one of this machine that somebody could be using, with its version."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from composetasks.facts import Plugin
from composetasks.observe.compose.binary import candidates
from composetasks.run import process
from composetasks.run.compose import PLUGIN_FOLDERS

VERSION_SECONDS = 8.0
NUMBER = re.compile(r"v?(\d+\.\d+[\w.+~-]*)")


def compose_plugins(environment: Mapping[str, str]) -> tuple[Plugin, ...]:
    """The Compose binaries, those of the docker client first, in its own order; then the one
    that came with this package, and ``docker-compose`` in PATH."""
    found = [(path, True) for path in candidates(environment)]
    return _asked([*found, *_in_path("docker-compose", environment)], ["version", "--short"])


def buildx_plugins(environment: Mapping[str, str]) -> tuple[Plugin, ...]:
    """The Buildx binaries of the docker client, in its own order, and ``docker-buildx`` in PATH."""
    home = environment.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")
    folders = [os.path.join(home, "cli-plugins"), *PLUGIN_FOLDERS]
    found = [Path(folder, "docker-buildx") for folder in folders]
    plugins = [(path, True) for path in found if os.access(path, os.X_OK)]
    return _asked([*plugins, *_in_path("docker-buildx", environment)], ["version"])


def _in_path(name: str, environment: Mapping[str, str]) -> Iterator[tuple[Path, bool]]:
    for folder in environment.get("PATH", "").split(os.pathsep):
        if folder and (found := shutil.which(name, path=folder)):
            yield Path(found), False


def _asked(found: list[tuple[Path, bool]], question: list[str]) -> tuple[Plugin, ...]:
    """Each once, whatever links lead to it, with what it says of its version."""
    once: dict[Path, tuple[Path, bool]] = {}
    for path, searched in found:
        once.setdefault(path.resolve(), (path, searched))
    if not once:
        return ()
    with ThreadPoolExecutor(len(once)) as pool:
        versions = pool.map(lambda one: _version(one[0], question), once.values())
        return tuple(
            Plugin(str(path), version, searched)
            for (path, searched), version in zip(once.values(), versions, strict=True)
        )


def _version(path: Path, question: list[str]) -> str:
    try:
        said = process.run([str(path), *question], timeout=VERSION_SECONDS).stdout
    except process.ProgramError:
        return ""
    number = NUMBER.search(said)
    return number[1] if number else ""
