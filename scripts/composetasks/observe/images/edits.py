"""Which images are older than something they should be as new as: a file of theirs, what their pull
policy allows, or the base image in its registry."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composetasks.facts import Build, BuildInputs, Engine, Model
from composetasks.facts.timestamps import seconds

if TYPE_CHECKING:
    from docker import APIClient


def edited_since_tagged(
    client: APIClient, model: Model, inputs: Mapping[str, BuildInputs]
) -> dict[str, str]:
    """The services some file of whose image is newer than the last time the image on their tag was
    given one, and such a file (relative to the project's folder)."""
    edited = {}
    for name, current in inputs.items():
        service = model.service(name)
        build, tagged = service.build, _tagged(client, service.image)
        if build is None or not tagged:
            continue
        newer = (path for path, place in _places(current, build, model) if _time(place) > tagged)
        path = next(newer, None)
        if path is not None:
            edited[name] = path
    return edited


def outdated(
    client: APIClient, model: Model, engine: Engine, inputs: Mapping[str, BuildInputs]
) -> frozenset[str]:
    """The services whose image is here for longer than their ``pull_policy`` lets it, or is built
    with ``pull: true`` and on a base image that has changed in its registry."""
    return _held_too_long(client, model, engine) | _on_older_bases(client, model, inputs)


def _held_too_long(client: APIClient, model: Model, engine: Engine) -> frozenset[str]:
    return frozenset(
        service.name
        for service in model.services.values()
        if service.pulled_every is not None
        and engine.image(service.image)
        and _tagged(client, service.image) + service.pulled_every < time.time()
    )


def _on_older_bases(
    client: APIClient, model: Model, inputs: Mapping[str, BuildInputs]
) -> frozenset[str]:
    """A registry that does not answer has nothing newer. What was made here has no digest there."""
    pulled = {
        name: {base: known for base, known in current.bases.items() if not known.startswith("ct-")}
        for name, current in inputs.items()
        if (build := model.service(name).build) and build.pull
    }
    if not any(pulled.values()):
        return frozenset()
    from composetasks.observe.images.registry import base_digests

    there = base_digests({base for bases in pulled.values() for base in bases}, client)
    return frozenset(
        name
        for name, bases in pulled.items()
        if any(there.get(base, known) != known for base, known in bases.items())
    )


def _tagged(client: Any, image: str) -> float:
    """When the image on a tag was given one last, in seconds since the epoch; 0 where the engine
    does not say."""
    from docker.errors import DockerException

    try:
        record = client.inspect_image(image)
    except DockerException:
        return 0.0
    stamp = str((record.get("Metadata") or {}).get("LastTagTime") or "")
    try:
        # The engine's word for never is the year 1.
        return max(0.0, float(seconds(stamp, 0.0)))
    except ValueError:
        return 0.0


def _places(inputs: BuildInputs, build: Build, model: Model) -> Iterator[tuple[str, Path]]:
    """The files of an image, and where on this disk each is."""
    contexts = build.definition.get("additional_contexts") or {}
    for path, text in inputs.files.items():
        if text.startswith("d"):
            continue  # What is made in a folder and does not go into the image changes it as well.
        context, colon, rest = path.partition(":")
        named = contexts.get(context) if colon else None
        yield path, Path(named, rest) if named else model.directory / path
    if not build.definition.get("dockerfile_inline"):
        yield build.dockerfile, Path(build.context, build.dockerfile or "Dockerfile")


def _time(place: Path) -> float:
    try:
        return os.lstat(place).st_mtime
    except OSError:
        return 0.0
