"""Find images that are older than one of their files, than their pull policy allows, or than the
base image in its registry."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composetasks.facts import Build, BuildInputs, Engine, Model
from composetasks.facts.timestamps import seconds
from composetasks.observe.engine.inventory import inspect_image

if TYPE_CHECKING:
    from docker import APIClient


def edited_since_tagged(
    client: APIClient, model: Model, inputs: Mapping[str, BuildInputs]
) -> dict[str, str]:
    """Return the services whose image has a file that is newer than the last tagging of that image,
    each with such a file (relative to the project's folder)."""
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
    """Return the services whose image was tagged longer ago than their ``pull_policy`` allows, or
    that are built with ``pull: true`` on a base image that has changed in its registry."""
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
    """Compare only bases that were pulled; a registry that does not answer has nothing newer."""
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
    """Return when an image was last tagged, in seconds since the epoch; 0 if unknown."""
    stamp = str((inspect_image(client, image).get("Metadata") or {}).get("LastTagTime") or "")
    try:
        # The engine represents "never" by the year 1.
        return max(0.0, float(seconds(stamp, 0.0)))
    except ValueError:
        return 0.0


def _places(inputs: BuildInputs, build: Build, model: Model) -> Iterator[tuple[str, Path]]:
    """Yield the files of an image, each with its path on disk."""
    contexts = build.definition.get("additional_contexts") or {}
    for path, text in inputs.files.items():
        if text.startswith("d"):
            continue  # its time also changes when files outside the image change
        context, colon, rest = path.partition(":")
        named = contexts.get(context) if colon else None
        yield path, Path(named, rest) if named else model.directory / path
    if not build.definition.get("dockerfile_inline"):
        yield build.dockerfile, Path(build.dockerfile_path)


def _time(place: Path) -> float:
    try:
        return os.lstat(place).st_mtime
    except OSError:
        return 0.0
