"""Projects that the benchmarks create, and remove with everything that came from them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from benchmarks.framework import ROOT, seconds
from tests.engine import busybox
from tests.project import own_environment

TASKS = "from composetasks import collection\nns = collection()\n"


GIT = (
    *("git", "-c", "user.name=bench", "-c", "user.email=bench@example.invalid"),
    *("-c", "gc.auto=0", "-c", "maintenance.auto=false"),
)
"""git without background processes, which would disturb the removal of its folder."""


BASE = "BASE_IMAGE"


def base_image() -> str:
    """The base image of this machine's images."""
    return os.environ.get(BASE) or dotenv_values(ROOT / ".env").get(BASE) or "debian:bookworm-slim"


class Failed(Exception):
    """A measured program exited with another code than 0."""


def run(
    *argv: str, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> str:
    """The output of a program. Raises Failed with the output if its exit code is not 0."""
    done = subprocess.run(
        argv,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Failed(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def users_environment() -> dict[str, str]:
    """The environment of both sides: Python caches compiled files, as it does for users by
    default."""
    environment = own_environment()
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


@dataclass
class Scratch:
    """A project in its own folder."""

    folder: Path
    name: str
    environment: dict[str, str] = field(default_factory=users_environment)

    def write(self, services: Mapping[str, Any], **sections: Mapping[str, Any]) -> None:
        """Write the compose file, with further ``sections``, and ``tasks.py``."""
        document = {"name": self.name, "services": services, **sections}
        (self.folder / "compose.yaml").write_text(json.dumps(document))
        (self.folder / "tasks.py").write_text(TASKS)

    def file(self, path: str, text: str) -> None:
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def inv(self, *arguments: str) -> str:
        argv = (sys.executable, "-m", "invoke", *arguments)
        return run(*argv, folder=self.folder, environment=self.environment)

    def compose(self, *arguments: str) -> str:
        argv = ("docker", "compose", *arguments)
        return run(*argv, folder=self.folder, environment=self.environment)

    def timed_inv(self, *arguments: str) -> float:
        return seconds(lambda: self.inv(*arguments))

    def timed_compose(self, *arguments: str) -> float:
        return seconds(lambda: self.compose(*arguments))

    def remove_everything(self) -> None:
        """Remove its containers, networks, volumes and images."""
        with contextlib.suppress(Failed):
            self.compose("down", "-t", "0", "-v", "--remove-orphans")
        docker = ("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}")
        tags = run(*docker, environment=self.environment).split()
        ours = [tag for tag in tags if tag.startswith(self.name)]
        if ours:
            run("docker", "image", "rm", "-f", *ours, environment=self.environment)


@contextlib.contextmanager
def scratch(word: str, below: Path | None = None) -> Iterator[Scratch]:
    """A project for the block. Its folder is below ``below``, or else below ``TMPDIR``."""
    busybox.image()
    name = f"ct-bench-{word}-{uuid.uuid4().hex[:6]}"
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=below) as place:
        made = Scratch(Path(place), name)
        try:
            yield made
        finally:
            made.remove_everything()


PEAK = (sys.executable, "-S", str(ROOT / "benchmarks" / "peak.py"))


def peak_memory(*argv: str, folder: Path) -> int:
    """The largest resident size, in bytes, of a program or of a child that it waited for."""
    with tempfile.NamedTemporaryFile("r") as told:
        run(*PEAK, told.name, *argv, folder=folder, environment=users_environment())
        return int(told.read())
