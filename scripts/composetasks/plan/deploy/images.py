"""Which image each service of a deployment runs: the same one on every node and each time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from composetasks.facts import Blocker, ExitCode, Service, Swarm, World
from composetasks.facts.references import divided, plain, registry_digest, repository


@dataclass
class References:
    """The reference that each service runs, with blockers and warnings about unavailable images."""

    images: dict[str, str] = field(default_factory=dict)
    blockers: list[Blocker] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def asked_for(world: World) -> tuple[str, ...]:
    """The references whose digests are requested from a registry."""
    builders = world.model.builders()
    named = (_named(world, one, builders) for one in world.model.services.values())
    return tuple(sorted({one for one in named if not divided(one)[2]}))


def references(world: World, swarm: Swarm, digests: Mapping[str, str]) -> References:
    """The images of all services, pinned by ``digests``, which come from the registries."""
    references = References()
    builders = world.model.builders()
    for name, service in world.model.services.items():
        reference = _named(world, service, builders)
        builder = builders.get(plain(service.image))
        references.images[name] = reference
        if divided(reference)[2]:
            continue
        if reference in digests:
            references.images[name] = f"{reference}@{digests[reference]}"
        elif builder is None:
            _from_outside(references, world, swarm, name, reference)
        elif world.shared is None and not swarm.local:
            references.blockers.append(
                Blocker(
                    kind="registry",
                    target=service.image,
                    message=f"{name}: its image is built here, and the swarm's nodes can't pull it",
                    hint="set stack.registry to a registry that every node can reach",
                    code=ExitCode.INVALID,
                    service=name,
                )
            )
    return references


def _named(world: World, service: Service, builders: Mapping[str, str]) -> str:
    """The reference of a service's image, with a digest only if the model has one."""
    builder = builders.get(plain(service.image))
    inputs = world.inputs.get(builder or "")
    if builder is None or inputs is None:
        return service.image
    if world.shared is not None:
        return world.shared.reference(builder, inputs.digest)
    return f"{repository(world.model.service(builder).image)}:ct-{inputs.digest}"


def _from_outside(
    references: References, world: World, swarm: Swarm, name: str, reference: str
) -> None:
    present = world.engine.image(reference)
    digest = registry_digest(reference, present.digests) if present else ""
    if digest:
        references.images[name] = f"{reference}@{digest}"
    elif present and swarm.local:
        references.warnings.append(
            f"{name}: its image {reference} is in no registry; the local one is used"
        )
    else:
        references.blockers.append(
            Blocker(
                kind="registry",
                target=reference,
                message=f"{name}: its image {reference} can't be pinned: its registry does not "
                "have it, or does not answer",
                hint=f"`docker buildx imagetools inspect {reference}` shows which; log in with "
                "`docker login`",
                code=ExitCode.INVALID,
                service=name,
            )
        )
