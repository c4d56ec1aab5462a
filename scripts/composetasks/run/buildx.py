"""Buildx as a program: where it is."""

from __future__ import annotations

import os
from collections.abc import Mapping

from composetasks.run.compose import PLUGIN_FOLDERS


def buildx(env: Mapping[str, str]) -> list[str]:
    """How to start Buildx: its binary directly, which saves the start of the docker client."""
    home = env.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")
    for folder in (os.path.join(home, "cli-plugins"), *PLUGIN_FOLDERS):
        path = os.path.join(folder, "docker-buildx")
        if os.access(path, os.X_OK):
            return [path]
    return ["docker", "buildx"]
