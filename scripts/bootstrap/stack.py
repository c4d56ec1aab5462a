"""What the parts need to know about the stack: its compose files, its model, and its ``.env``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = "compose/compose.yaml"
AIRGAP = "compose/compose.airgap.yaml"
HUB_BASE = "debian:bookworm-slim"
AIRGAP_BASE = "composetasks/base:bookworm"


class Failure(Exception):
    """A part failed: the exit code, what failed and why, and what to do next."""

    def __init__(self, code: int, what: str, why: str, following: str) -> None:
        super().__init__(what)
        self.code, self.what, self.why, self.following = code, what, why, following

    def show(self, part: str) -> int:
        """Print it in the format of lib.sh's ``fail``, and return the code."""
        lines = [f"bootstrap: {part}: {self.what}"]
        lines += [f"  why:  {line}" for line in self.why.splitlines()]
        print(*lines, f"  next: {self.following}", sep="\n", file=sys.stderr)
        return self.code


def read_env(root: Path) -> dict[str, str]:
    """The variables of ``.env``; empty without a file. Raises Failure, code 6, if it is
    unreadable."""
    path = root / ".env"
    try:
        values = dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(
            6, f"{path} can't be read", str(error), "correct it, or move it away"
        ) from error
    return {name: value or "" for name, value in values.items()}


def docker(
    *arguments: str, seconds: float = 60, folder: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run the docker client without output; a client that is missing or hangs counts as failed."""
    argv = ["docker", *arguments]
    try:
        return subprocess.run(
            argv,
            capture_output=True,
            text=True,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(argv, 1, "", str(error))


def model(root: Path) -> dict[str, Any]:
    """The model of the stack with a registry's images. Raises Failure, code 6, if it is invalid."""
    done = docker("compose", "-f", COMPOSE, "config", "--format", "json", folder=root)
    if done.returncode != 0:
        raise Failure(
            6,
            f"Compose can't read {COMPOSE}",
            done.stderr.strip(),
            "correct what it names, in the file or .env",
        )
    loaded: dict[str, Any] = json.loads(done.stdout)
    return loaded
