"""The versions that a report of a bug needs."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib import metadata

from composetasks.run import process
from composetasks.run.buildx import buildx

ASK_SECONDS = 5.0
"""How long a program may take to say its version."""


def versions() -> str:
    """This package, Python, the platform, and each program the tasks stand on, in a line; a program
    that does not say its version is unknown."""
    programs = {
        "Compose": ["docker", "compose", "version", "--short"],
        "Buildx": [*buildx(os.environ), "version"],
        "engine": ["docker", "version", "--format", "{{.Server.Version}}"],
    }
    return ", ".join(
        [
            f"composetasks {_installed()}",
            f"Python {platform.python_version()}",
            platform.platform(),
            *(f"{name} {_said(argv)}" for name, argv in programs.items()),
        ]
    )


def _installed() -> str:
    try:
        return metadata.version("composetasks")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def _said(argv: Sequence[str]) -> str:
    """The first line that looks like a version of what a program says."""
    try:
        said = process.run(argv, timeout=ASK_SECONDS).stdout.split()
    except (process.ProgramError, OSError):
        return "unknown"
    return next((word for word in said if word.lstrip("v")[:1].isdigit()), "unknown")
