"""Git, for tests of what is tracked by it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def git(folder: Path, *arguments: str) -> None:
    """Run git as nobody in particular."""
    person = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"}
    argv = ["git", *person, *arguments]
    subprocess.run(argv, cwd=folder, env=environment, check=True, capture_output=True)
