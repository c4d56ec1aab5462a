"""What each image is made from, and the digest over it: docs/reference/build-inputs.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from composetasks.facts import BuildInputs, Engine, Model
from composetasks.observe.inputs.listings import Ahead
from composetasks.observe.inputs.observer import Observer

if TYPE_CHECKING:
    from docker import APIClient


def build_inputs(
    model: Model,
    engine: Engine,
    cache: Path,
    services: Iterable[str] | None = None,
    client: APIClient | None = None,
    ahead: Ahead | None = None,
) -> Mapping[str, BuildInputs]:
    """The inputs of every service with a build section, or of ``services`` among them.

    ``cache`` is the folder where file digests are remembered; ``client`` is asked for the
    configuration of base images not seen before; folders that were listed ``ahead`` are not listed
    again. Raises TaskFailure, code 6, where a context, a
    Dockerfile or its target is missing, or a file can't be read.
    """
    observer = Observer(model, engine, cache, client, ahead)
    wanted = model.services if services is None else services
    found = {name: observer.inputs(name) for name in wanted if model.services[name].build}
    observer.remember()
    return found
