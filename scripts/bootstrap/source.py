"""Determines the source of images: ``hub``, a registry, or ``airgap``, this machine's packages.

``IMAGE_SOURCE`` (environment or ``.env``) sets it; ``auto`` finds out. The engine itself is asked
whether a registry answers for each image, so that its mirrors and proxies apply; nothing is pulled.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

from bootstrap.stack import AIRGAP, HUB_BASE, ROOT, Failure, docker, model, read_env

CHOICES = ("auto", "hub", "airgap")
ANSWER_SECONDS = 20
"""How long a registry may take to answer; the engine itself would wait for minutes."""


def decide(root: Path, environment: Mapping[str, str]) -> tuple[str, str]:
    """Return ``hub`` or ``airgap``, and the reason in words.

    Raises Failure: code 2 for an unknown IMAGE_SOURCE, 6 for a model that Compose cannot read.
    """
    env = read_env(root)
    wanted = environment.get("IMAGE_SOURCE") or env.get("IMAGE_SOURCE") or "auto"
    if wanted not in CHOICES:
        raise Failure(
            2,
            f"IMAGE_SOURCE is {wanted!r}",
            f"it is one of {', '.join(CHOICES)}",
            "correct it in .env or the environment",
        )
    if wanted != "auto":
        return wanted, f"IMAGE_SOURCE={wanted}"
    if AIRGAP in env.get("COMPOSE_FILE", ""):
        # Another source means other databases on the same volumes, so only the user may change it.
        return "airgap", "set in .env; IMAGE_SOURCE=hub asks a registry again"
    return _ask(root, environment.get("BASE_IMAGE") or env.get("BASE_IMAGE") or HUB_BASE)


def _ask(root: Path, base: str) -> tuple[str, str]:
    services = model(root)["services"].values()
    pulled = sorted({one["image"] for one in services if "build" not in one})
    absent = [image for image in pulled if not _is_local(image)]
    if not absent:
        return "hub", "its images are on this machine"
    if base == HUB_BASE and not _is_local(base):
        absent.append(base)
    with ThreadPoolExecutor(len(absent)) as pool:
        said = dict(zip(absent, pool.map(registry_error, absent), strict=True))
    refused = {image: error for image, error in said.items() if error}
    if not refused:
        return "hub", "a registry answers"
    image, error = next(iter(refused.items()))
    if len(refused) == len(said):
        return "airgap", f"no registry answers ({error})"
    answered = ", ".join(name for name in said if name not in refused)
    return "airgap", (
        f"a registry answers for {answered}, not for {', '.join(refused)} ({image}: {error}); "
        "IMAGE_SOURCE=hub uses it anyway"
    )


def _is_local(image: str) -> bool:
    return docker("image", "inspect", "--format", "{{.Id}}", image).returncode == 0


class _Answer(io.BytesIO):
    """Bytes that HTTPResponse accepts as a socket."""

    def makefile(self, *_: object) -> io.BytesIO:
        return self


def registry_error(image: str) -> str:
    """Why the engine cannot get this image from its registry; "" if it can.

    The request, GET /distribution/NAME/json of the Engine's API, goes through ``docker system
    dial-stdio``, which connects to the engine that the docker client uses (DOCKER_HOST, contexts,
    ssh).
    """
    request = (
        f"GET /distribution/{image}/json HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n"
    )
    try:
        done = subprocess.run(
            ["docker", "system", "dial-stdio"],
            input=request.encode(),
            capture_output=True,
            timeout=ANSWER_SECONDS,
        )
        response = http.client.HTTPResponse(cast(socket.socket, _Answer(done.stdout)))
        response.begin()
        body = json.loads(response.read() or b"{}")
    except subprocess.TimeoutExpired:
        return f"no answer within {ANSWER_SECONDS} s"
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"the engine's answer can't be read: {error or 'it is empty'}"
    return "" if response.status == 200 else str(body.get("message", response.reason))


def main() -> int:
    """Print the source on stdout, and the reason in one line on stderr."""
    try:
        source, reason = decide(ROOT, os.environ)
    except Failure as failure:
        return failure.show("source")
    print(f"bootstrap: source: images come from {_PLACES[source]}: {reason}", file=sys.stderr)
    print(source)
    return 0


_PLACES = {"hub": "a registry", "airgap": "this machine's packages"}

if __name__ == "__main__":
    sys.exit(main())
