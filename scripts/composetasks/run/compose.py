"""Compose as a program: the argument list and the variables that select this project.

The plugin's binary is run directly (it also works standalone), which avoids starting the ``docker``
client first. observe/compose/binary.py chooses the binary.
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
"""The folders that the docker client searches for plugins, after its own configuration folder."""


@frozen
class Compose:
    """Compose for one project.

    ``folder`` is its working directory (the folder of ``tasks.py``); ``files`` and ``project`` are
    set only if they differ from what Compose would find on its own; ``environment`` names the
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
        """Run a Compose command without showing its output. Raises ProgramError if it takes longer
        than ``timeout`` seconds or, with ``check``, if it fails."""
        return process.run(
            self.argv(*arguments),
            cwd=self.folder,
            env=self.environment,
            check=check,
            stdin=stdin,
            timeout=timeout,
        )

    def start(self, *arguments: str) -> process.Running:
        """Start a Compose command whose output is read while it runs."""
        return process.Running(self.argv(*arguments), cwd=self.folder, env=self.environment)

    def identity(self) -> tuple[str, int, int]:
        """Identifies this version of the binary without running it: its path, size and time."""
        status = self.binary.stat()
        return str(self.binary.resolve()), status.st_size, status.st_mtime_ns

    def with_files(self, files: Sequence[str], project: str | None) -> Compose:
        environment = naming(files, self.environment)
        return replace(self, files=tuple(files), project=project, environment=environment)


def naming(files: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` with the files to use. With the option ``-f``, Compose would read only the
    ``.env`` next to the first file, and not the one in its working directory (seen with 5.6.1)."""
    if not files:
        return dict(environment)
    named = {"COMPOSE_FILE": os.pathsep.join(files), "COMPOSE_PATH_SEPARATOR": os.pathsep}
    return {**environment, **named}


def surroundings(folder: Path) -> dict[str, str]:
    """The environment for a program that runs in ``folder`` although the user called the task in a
    folder below it: relative paths in variables are resolved from the user's folder, and PWD is
    ``folder`` by the path that the user's shell has for it (possibly through links), so that
    Compose always uses the same paths. A PWD of an unrelated folder, left by a wrapper, is kept:
    Compose uses it unchanged."""
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
    if "BUILDX_CONFIG" not in environment and not _can_be_made(docker_folder(environment)):
        # Buildx needs a writable folder; bootstrap uses the same HOME in this case.
        environment["BUILDX_CONFIG"] = str(folder / ".composetasks/home/.docker/buildx")
    return environment


def _can_be_made(folder: Path) -> bool:
    """Whether a folder is writable, or could be created: some users have no home of their own."""
    there = next(place for place in (folder, *folder.parents) if os.path.exists(place))
    return os.access(there, os.W_OK | os.X_OK)


def _from(stands: Path, path: str) -> str:
    """``path`` resolved from the user's folder if it exists there, otherwise unchanged."""
    meant = os.path.normpath(stands / path)
    return meant if path and os.path.exists(meant) else path


def _as_reached(folder: Path, stands: Path, named: str | None) -> str:
    """``folder`` by the shell's path for it if ``named``, the shell's PWD, is the user's folder
    ``stands``; otherwise ``named`` itself."""
    if named is None:
        return str(folder)
    with contextlib.suppress(OSError):
        reached = Path(named)
        if reached.is_absolute() and reached.samefile(stands):
            above = (place for place in (reached, *reached.parents) if place.samefile(folder))
            return str(next(above, folder))
    return named


def buildx(env: Mapping[str, str]) -> list[str]:
    """The command that starts Buildx: its binary, which avoids starting the docker client."""
    return next(([str(path)] for path in plugins("docker-buildx", env)), ["docker", "buildx"])


def plugins(name: str, environment: Mapping[str, str]) -> list[Path]:
    """The docker client's plugins of this name, in the order in which it searches them."""
    folders = (docker_folder(environment) / "cli-plugins", *PLUGIN_FOLDERS)
    return [path for path in (Path(place, name) for place in folders) if os.access(path, os.X_OK)]


def docker_folder(environment: Mapping[str, str]) -> Path:
    """The docker client's own folder."""
    return Path(environment.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker"))
