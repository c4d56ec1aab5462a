"""The failure of a build: the step, file and line, the last lines of its log, and what to do."""

from __future__ import annotations

import os
from pathlib import Path

from composetasks.facts import ExitCode, Service
from composetasks.facts.layers import place
from composetasks.run import external_failures
from composetasks.run.build_log import BuildLog
from composetasks.run.failure import TaskFailure

ENGINE_LOST = (
    "code = Unavailable",
    "error reading from server",
    "Cannot connect to the Docker daemon",
    "error during connect",
)
"""What Buildx prints if its connection to the engine breaks."""
LOST_LAYER = "the engine's build cache has lost a layer: building again without the cache"


def lost_layer(log: BuildLog) -> bool:
    """Whether a build failed only because a layer is missing from the engine's build cache."""
    return external_failures.LOST_LAYER in log.last_error()


def build_failure(service: Service, directory: Path, log: BuildLog, path: Path) -> TaskFailure:
    """The failure of a service's build. Files are named relative to ``directory``; ``path`` is the
    file with the whole log."""
    vertex = log.failed()
    if vertex is None and any(words in log.last_error() for words in ENGINE_LOST):
        return TaskFailure(
            f"the engine went away during the build of the image of {service.name}",
            code=ExitCode.NO_ENGINE,
            detail=log.last_error(),
            hint=f"{external_failures.LOOK}; no container was touched",
            data={"service": service.name, "log": str(path)},
        )
    line = log.dockerfile_line()
    file = _dockerfile(service, directory) if line else None
    what = vertex.name if vertex else "before its first step"
    cure = external_failures.cure(f"{what}\n{log.detail()}", "correct it and run the task again")
    where = f" ({place(file or '', line)})" if line else ""
    return TaskFailure(
        f"the image of {service.name} could not be built: {what}{where}",
        code=ExitCode.BUILD_FAILED,
        detail=log.detail(),
        hint=f"{cure}; no container was touched; the whole log is in {path}",
        data={
            "service": service.name,
            "step": what,
            "file": file,
            "line": line,
            "log": str(path),
        },
    )


def _dockerfile(service: Service, directory: Path) -> str | None:
    """The path of a service's Dockerfile relative to ``directory``; None for a Dockerfile that is
    part of the compose file."""
    build = service.build
    if build is None or build.definition.get("dockerfile_inline"):
        return None
    place = build.dockerfile_path
    return os.path.relpath(place, directory) if os.path.isfile(place) else build.dockerfile
