"""The world, observed once for a run: what each plan is computed from.

``Session.observe`` calls :func:`observe_world` with the model and a scope, which limits what is
read for verbs that need less. The parts come from the other modules of ``observe``, in three
stages: the engine, then the images' build inputs, then what a start needs besides. The result goes
to ``plan``, and with the plan to ``apply``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from composetasks.facts import Blocker, BuildInputs, Model, Scope, Shared, World
from composetasks.facts.references import DIGEST_TAG, plain
from composetasks.observe.compose.contents import old_contents
from composetasks.observe.compose.hashes import with_asked_hashes, with_resolved_hashes
from composetasks.observe.conflicts.host import port_holders, real_paths, unheld
from composetasks.observe.conflicts.mount_sources import (
    empty_folders,
    missing_away,
    missing_sources,
    silent_sources,
)
from composetasks.observe.conflicts.state_times import with_since
from composetasks.observe.engine.endpoint import chosen
from composetasks.observe.engine.images import Images
from composetasks.observe.engine.inventory import read_containers, read_engine, read_plugins
from composetasks.observe.engine.local import is_here
from composetasks.observe.images.build_inputs import inputs_and_faults
from composetasks.observe.images.edits import edited_since_tagged, outdated
from composetasks.observe.images.health_checks import image_checks
from composetasks.observe.images.platforms import other_platforms
from composetasks.observe.instances.maker import checkout_name
from composetasks.observe.start.jobs import job_services, mounted_digests, observe_runs
from composetasks.run.compose import Compose
from composetasks.run.failure import TaskFailure
from composetasks.store import build_records, container_configs, jobs

if TYPE_CHECKING:
    from docker import APIClient


def observe_world(
    model: Model, client: APIClient, compose: Compose, cache: Path, scope: Scope
) -> World:
    """Return everything that a plan for ``model`` is made from.

    Raises TaskFailure if the engine does not answer or a build context is missing.
    """
    recorded = build_records.load_tags(cache)
    images = Images(client, None if scope.leftovers else model.images, recorded)
    world = _on_the_engine(model, client, compose, cache, images)
    if not scope.inputs:
        return world
    world = _with_images(world, images, client, cache, scope)
    return _with_surroundings(world, client, cache, scope)


def _on_the_engine(
    model: Model, client: APIClient, compose: Compose, cache: Path, images: Images
) -> World:
    """Observe the project on the engine, and load what the cache has recorded about it."""
    engine = with_since(client, read_engine(client, images.read), model)
    model = with_resolved_hashes(model, engine.containers, compose, cache)
    engine = with_asked_hashes(model, engine, compose, cache)
    ours = [one for one in engine.containers if one.project == model.project]
    ended = jobs.load(cache, model.project)
    return World(
        model,
        engine,
        ended=ended,
        runs=observe_runs(client, model, engine, ended),
        recorded_configs=container_configs.load(
            cache, (container.config_hash for container in ours)
        ),
        paths=real_paths(model, engine.containers, local=is_here(client.base_url)),
        warnings=model.warnings,
        checkout=checkout_name(model.directory),
    )


def _with_images(
    world: World, images: Images, client: APIClient, cache: Path, scope: Scope
) -> World:
    """Return ``world`` with the build inputs of its images and the records of those images."""
    model = world.model
    undigested = build_records.load_undigested(cache)
    by_hand = partial(_by_hand, model, images, undigested)

    def listed(inputs: BuildInputs) -> bool:
        build = model.service(inputs.service).build
        due = scope.rebuild or (build and (build.pull or build.no_cache))
        return bool(due) or images.built_from(inputs.digest) is None or by_hand(inputs)

    wanted, faults = inputs_and_faults(model, images, cache, client=client, listed=listed)
    wanted, shared, warnings = _shared(wanted, model, images, cache, client, scope, listed)
    build_records.save_tags(cache, _digest_tags(model, images, wanted))
    local = is_here(client.base_url)
    edited = {name: one for name, one in wanted.items() if local and by_hand(one)}
    compared = _compared(model, images, wanted)
    engine = replace(world.engine, images=images.images)
    return replace(
        world,
        engine=engine,
        inputs=wanted,
        unbuildable={name: _blocker(model, name, one) for name, one in faults.items()},
        built=build_records.load_inputs(cache, compared),
        undigested=undigested,
        shared=shared,
        edited=edited_since_tagged(client, model, edited),
        outdated=outdated(client, model, engine, wanted),
        other_platforms=other_platforms(client, model, engine),
        image_checks=image_checks(client, model, engine, cache),
        warnings=(*world.warnings, *warnings),
    )


def _with_surroundings(world: World, client: APIClient, cache: Path, scope: Scope) -> World:
    """Return ``world`` with what a start needs besides images: mounts, ports and plugins."""
    model, engine = world.model, world.engine
    contents = old_contents(model, engine.containers, client, container_configs.digest_key(cache))
    world = replace(world, old_contents=contents, missing_plugins=_missing_plugins(model, client))
    if not is_here(client.base_url):
        nothing = frozenset[str](), frozenset[str]()
        missing, only_here = missing_away(model, engine, client) if scope.starting else nothing
        return replace(world, remote=chosen().address, missing=missing, only_here=only_here)
    return replace(
        world,
        mounted=mounted_digests(model, job_services(model, engine, world.ended), cache),
        ports=port_holders(unheld(model.published(), engine.containers)),
        missing=missing_sources(model, engine.volumes, client),
        empty_folders=empty_folders(model),
        silent=silent_sources(model),
    )


def _missing_plugins(model: Model, client: APIClient) -> frozenset[str]:
    """Return the drivers of networks and volumes that the engine does not list."""
    resources = (*model.networks.values(), *model.volumes.values())
    wanted = frozenset(one.plugin for one in resources if one.plugin)
    return wanted - read_plugins(client) if wanted else wanted


def look_again(world: World, client: APIClient) -> World:
    """Return ``world`` with the engine's containers and the holders of host ports as of now."""
    containers = read_containers(client)
    local = is_here(client.base_url)
    ports = port_holders(unheld(world.model.published(), containers)) if local else ()
    return replace(world.with_containers(containers), ports=ports)


def _blocker(model: Model, name: str, failure: TaskFailure) -> Blocker:
    """Return the blocker that says why the image of a service can't be built."""
    return Blocker(
        kind="build",
        target=model.services[name].image,
        message=failure.message,
        hint=failure.hint,
        code=failure.code,
        service=name,
    )


def _shared(
    inputs: Mapping[str, BuildInputs],
    model: Model,
    images: Images,
    cache: Path,
    client: APIClient,
    scope: Scope,
    listed: Callable[[BuildInputs], bool],
) -> tuple[Mapping[str, BuildInputs], Shared | None, tuple[str, ...]]:
    """Return the build inputs, the images that the registry holds for them, and warnings."""
    if not scope.registry or not inputs:
        return inputs, None, ()
    from composetasks.observe.images.registry import base_digests, look

    # A digest also covers the base images. The registry is asked by name for a base image that was
    # never on this engine.
    unseen = {name for one in inputs.values() for name, base in one.bases.items() if not base}
    digests = base_digests(unseen, client)
    if digests:
        bases = {plain(name): build_records.Base(digest) for name, digest in digests.items()}
        build_records.save_bases(cache, bases)
        inputs, _ = inputs_and_faults(model, images, cache, client=client, listed=listed)
    shared, warnings = look(scope.registry, images, inputs, client, everything=scope.push)
    return inputs, shared, warnings


def _by_hand(
    model: Model, images: Images, undigested: Collection[str], inputs: BuildInputs
) -> bool:
    """Tell whether another program may have put a different image on the tag of an image that was
    built here."""
    present = images.image(model.service(inputs.service).image)
    foreign = present and present.id not in undigested and not present.inputs_digests
    return bool(foreign) and images.built_from(inputs.digest) is not None


def _digest_tags(model: Model, images: Images, services: Iterable[str]) -> dict[str, str]:
    """Return the digest tags of the services' present images, with the images' ids."""
    present = (images.image(model.service(name).image) for name in services)
    return {
        tag: image.id for image in present if image for tag in image.tags if DIGEST_TAG.match(tag)
    }


def _compared(model: Model, images: Images, inputs: Mapping[str, BuildInputs]) -> list[str]:
    """Return the inputs' digests of present images that have to be rebuilt, because no image was
    built from the current inputs."""
    stale = (one.service for one in inputs.values() if images.built_from(one.digest) is None)
    present = (images.image(model.service(name).image) for name in stale)
    return sorted({digest for image in present if image for digest in image.inputs_digests})
