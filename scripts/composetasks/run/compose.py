"""Compose as a program: the argument list and the variables that address this project.

The plugin's binary is run directly (it also works on its own), which saves the start of the
``docker`` client before it. Which binary that is, observe/compose/binary.py says.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path

from composetasks.facts.frozen import frozen
from composetasks.run import process

PLUGIN_FOLDERS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
"""Where the docker client looks for plugins, after its own configuration folder."""


@frozen
class Compose:
    """Compose, addressing one project.

    ``folder`` is where it runs (the folder of ``tasks.py``); ``files`` and ``project`` are given
    to it only where they are not what Compose would find by itself; ``environment`` names the
    files.
    """

    binary: Path
    folder: Path
    files: tuple[str, ...] = ()
    project: str | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def argv(self, *arguments: str) -> list[str]:
        """The argument list of a Compose command in this project."""
        options = ["-p", self.project] if self.project else []
        return [str(self.binary), *options, *arguments]

    def run(
        self,
        *arguments: str,
        check: bool = True,
        stdin: str | None = None,
        timeout: float | None = None,
    ) -> process.Completed:
        """Run a Compose command quietly; raises ProgramError where it fails and ``check``, or
        takes longer than ``timeout`` seconds."""
        return process.run(
            self.argv(*arguments),
            cwd=self.folder,
            env=self.environment,
            check=check,
            stdin=stdin,
            timeout=timeout,
        )

    def start(self, *arguments: str) -> process.Running:
        """Start a Compose command whose output is read as it comes."""
        return process.Running(self.argv(*arguments), cwd=self.folder, env=self.environment)

    def identity(self) -> tuple[str, int, int]:
        """What tells this binary from another version of it without running it."""
        status = self.binary.stat()
        return str(self.binary.resolve()), status.st_size, status.st_mtime_ns

    def with_files(self, files: Sequence[str], project: str | None) -> Compose:
        environment = naming(files, self.environment)
        return replace(self, files=tuple(files), project=project, environment=environment)


def naming(files: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` with the files to use. By option (``-f``) Compose would read the ``.env``
    beside the first of them alone, and not that of the folder it runs in (seen with 5.6.1)."""
    if not files:
        return dict(environment)
    named = {"COMPOSE_FILE": os.pathsep.join(files), "COMPOSE_PATH_SEPARATOR": os.pathsep}
    return {**environment, **named}


def surroundings(folder: Path) -> dict[str, str]:
    """The process's variables as a program in ``folder`` must have them, wherever below it the user
    stands: files named from there are found from here, and PWD is the folder as the user reached
    it (through links, perhaps), so that Compose names the same paths whatever the place. A PWD of
    another place, as a wrapper leaves it behind, stays: Compose fills it in as it is."""
    environment = dict(os.environ)
    stands = Path.cwd()
    separators = {
        "COMPOSE_FILE": environment.get("COMPOSE_PATH_SEPARATOR") or os.pathsep,
        "COMPOSE_ENV_FILES": ",",
    }
    for name, separator in separators.items():
        if environment.get(name):
            paths = (_from(stands, path) for path in environment[name].split(separator))
            environment[name] = separator.join(paths)
    environment["PWD"] = _as_reached(folder, stands, environment.get("PWD"))
    own = Path(environment.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker"))
    if "BUILDX_CONFIG" not in environment and not _can_be_made(own):
        # Buildx builds nothing where it can keep nothing; bootstrap's HOME is the same then.
        environment["BUILDX_CONFIG"] = str(folder / ".composetasks/home/.docker/buildx")
    return environment


def _can_be_made(folder: Path) -> bool:
    """Whether a folder may be written to, or made: a user may have no home, or none of theirs."""
    there = next(place for place in (folder, *folder.parents) if os.path.exists(place))
    return os.access(there, os.W_OK | os.X_OK)


def _from(stands: Path, path: str) -> str:
    """A path as it was meant where the user stands, if there is something; else as it is."""
    meant = os.path.normpath(stands / path)
    return meant if path and os.path.exists(meant) else path


def _as_reached(folder: Path, stands: Path, named: str | None) -> str:
    """``folder`` by the names that the shell has for it, where it ``named`` the place where the
    user ``stands``; else what it named."""
    if named is None:
        return str(folder)
    with contextlib.suppress(OSError):
        reached = Path(named)
        if reached.is_absolute() and reached.samefile(stands):
            above = (place for place in (reached, *reached.parents) if place.samefile(folder))
            return str(next(above, folder))
    return named


def buildx(env: Mapping[str, str]) -> list[str]:
    """How to start Buildx: its binary directly, which saves the start of the docker client."""
    home = env.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")
    for folder in (os.path.join(home, "cli-plugins"), *PLUGIN_FOLDERS):
        path = os.path.join(folder, "docker-buildx")
        if os.access(path, os.X_OK):
            return [path]
    return ["docker", "buildx"]
