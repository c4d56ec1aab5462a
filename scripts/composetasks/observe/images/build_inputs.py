"""What each image is built from, and the digest over it: docs/reference/build-inputs.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from composetasks.facts import BuildInputs, Engine, Model
from composetasks.observe.images.observer import Observer
from composetasks.run.failure import TaskFailure

if TYPE_CHECKING:
    from docker import APIClient

    from composetasks.observe.engine.images import Images


def build_inputs(
    model: Model,
    images: Engine | Images,
    cache: Path,
    client: APIClient | None = None,
) -> Mapping[str, BuildInputs]:
    """Return the inputs of every service with a build section, and of those that they are built
    upon.

    ``cache`` is the folder where file digests are stored; ``client`` is asked for the configuration
    of new base images. Raises TaskFailure, code 6, if a context, a Dockerfile or its target is
    missing, or a file can't be read.
    """
    inputs, faults = inputs_and_faults(model, images, cache, client)
    for failure in faults.values():
        raise failure
    return inputs


def inputs_and_faults(
    model: Model,
    images: Engine | Images,
    cache: Path,
    client: APIClient | None = None,
    listed: Callable[[BuildInputs], bool] = lambda _: True,
) -> tuple[Mapping[str, BuildInputs], Mapping[str, TaskFailure]]:
    """Return the inputs, and the failure of each service that can't be built, which
    :func:`build_inputs` would raise. Only inputs for which ``listed`` is true include their single
    files; for others the digest is enough."""
    observer = Observer(model, images, cache, client)
    faults = {}
    for name in model.services:
        if model.service(name).build:
            try:
                observer.inputs(name)
            except TaskFailure as failure:
                faults[name] = failure
    observer.remember()
    inputs = {
        name: observer.with_files(image_inputs) if listed(image_inputs) else image_inputs
        for name, image_inputs in observer.results.items()
    }
    return inputs, faults


def digest_of(
    service: str, model: Model, images: Engine | Images, cache: Path, client: APIClient
) -> str:
    """Return the current digest of a service's inputs. Raises as :func:`build_inputs` does."""
    observer = Observer(model, images, cache, client)
    digest = observer.inputs(service).digest
    observer.remember()
    return digest
