"""A build step that reports what programs find in it; its result is discarded.

It is based on the base image of the project's own builds if the engine has that, otherwise on an
empty one. The builder keeps the step in its cache like every step (some kB, and Python once for all
of them), until its own rules remove it.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from composetasks.apply import interpreter
from composetasks.apply.doctor.container import MODULES, PROGRAM, RESOLVER, read
from composetasks.apply.inside.reach import LONGEST_SECONDS
from composetasks.facts import Reach
from composetasks.observe.engine.inventory import inspect_image
from composetasks.run import process
from composetasks.run.compose import buildx
from composetasks.run.external_failures import cure
from composetasks.run.failure import TaskFailure

if TYPE_CHECKING:
    from docker import APIClient

ANSWER = "composetasks-answer.json"
BUILD_SECONDS = LONGEST_SECONDS + 15.0
BUILDER = (
    "`docker buildx inspect` shows the current builder; `docker buildx use default` selects the "
    "engine's own"
)
DOCKERFILE = """\
FROM scratch AS tools
ADD tools.tar /
FROM {base} AS step
USER 0:0
ENV RES_OPTIONS="{resolver}"
ARG ONCE
RUN --mount=type=bind,from=tools,source=/{home},target=/{home} {command}
FROM scratch
COPY --from=step /{answer} /
"""


def base_of(client: APIClient, image: str) -> str:
    """``image``, or "" if a build based on it would do more than the step (``ONBUILD``), or if that
    is unknown."""
    record = inspect_image(client, image) if image else {}
    return "" if not record or (record.get("Config") or {}).get("OnBuild") else image


def in_step(base: str, index: str, environment: Mapping[str, str]) -> Reach:
    """What the program finds in a step based on ``base``, an image of the engine, "" for none.

    Raises TaskFailure with the builder's message if no build can run.
    """
    with tempfile.TemporaryDirectory(prefix="composetasks-doctor-") as temporary:
        context, result = Path(temporary, "composetasks-doctor"), Path(temporary, "result")
        context.mkdir()
        try:
            (context / "tools.tar").write_bytes(interpreter.archive(MODULES))
            (context / "Dockerfile").write_text(_dockerfile(base or "scratch", index), "utf-8")
            done = process.run(
                _argv(context, result, environment),
                timeout=BUILD_SECONDS,
                env={**environment, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"},
            )
        except process.ProgramError as error:
            raise _failure(error) from error
        answer = result / ANSWER
        out = answer.read_text("utf-8") if answer.exists() else ""
        return read(out, done.code, done.stderr, base, "builder")


def _dockerfile(base: str, index: str) -> str:
    import json

    program = [*interpreter.entrypoint(), *interpreter.argv(PROGRAM), f"/{ANSWER}", index]
    return DOCKERFILE.format(
        base=base,
        resolver=RESOLVER,
        home=interpreter.HOME,
        command=json.dumps(program),
        answer=ANSWER,
    )


def _argv(context: Path, result: Path, environment: Mapping[str, str]) -> list[str]:
    return [
        *buildx(environment),
        "build",
        "--progress=plain",
        f"--build-arg=ONCE={secrets.token_hex(8)}",
        f"--output=type=local,dest={result}",
        os.fspath(context),
    ]


def _failure(error: process.ProgramError) -> TaskFailure:
    # Buildx prints the step that failed, and the error last.
    errors = [line for line in error.stderr.splitlines() if line.startswith((" > ", "ERROR"))]
    why = errors[-1] if errors else error.stderr.strip()[-500:] or str(error)
    if error.code == 127:
        return TaskFailure(
            "Buildx is not installed",
            detail=why,
            hint="install Buildx 0.17 or newer (package docker-buildx, or docker-buildx-plugin)",
        )
    return TaskFailure(
        "builds can't run" if error.code != 124 else f"a build did not finish: {error.stderr}",
        detail=why,
        hint=cure("\n".join(errors), BUILDER),
    )
