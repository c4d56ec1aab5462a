"""Faults of single services of the model, which block only a start that needs these services."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from composetasks.facts import Blocker, ExitCode, Model, World
from composetasks.plan.images.decisions import ImagePlan


def model_faults(model: Model, services: Iterable[str]) -> Iterator[Blocker]:
    """Yield what keeps Compose from starting some of ``services``: an ``env_file`` that it can't
    read, more replicas than possible, or a dependency that no active profile includes (Compose then
    starts nothing at all)."""
    for name in services:
        if name in model.faults:
            yield Blocker(
                kind="model",
                target=name,
                message=f"{name}: {model.faults[name]}",
                hint=model.cures.get(
                    name,
                    "correct the compose file, or create the file it names (`required: false` "
                    "lets an env_file be missing)",
                ),
                code=ExitCode.INVALID,
                service=name,
            )
        for dependency in model.services[name].depends_on:
            if dependency.required and dependency.service not in model.services:
                yield _inactive(model, name, dependency.service)


def without_active(model: Model) -> Iterator[Blocker]:
    """Yield a blocker if no service is active; Compose refuses this too ("no service selected")."""
    if model.services:
        return
    profiles = sorted({one for service in model.inactive.values() for one in service.profiles})
    yield Blocker(
        kind="profile",
        target=model.project,
        message="the model has no active service",
        hint=f"choose a profile ({', '.join(profiles)}) with COMPOSE_PROFILES, or name a service"
        if profiles
        else "add services to it",
        code=ExitCode.INVALID,
    )


def _inactive(model: Model, name: str, dependency: str) -> Blocker:
    inactive = model.inactive.get(dependency)
    profiles = [str(one) for one in inactive.config.get("profiles") or ()] if inactive else []
    profiled = bool(profiles)
    return Blocker(
        kind="profile",
        target=dependency,
        message=f"{name} depends on {dependency}, which is "
        + (f"in the inactive profile {profiles[0]}" if profiled else "not in the model"),
        hint=f"add {dependency} to the services, or set COMPOSE_PROFILES={profiles[0]}"
        if profiled
        else "correct depends_on in the compose file",
        code=ExitCode.INVALID,
        service=name,
    )


def with_present_images(world: World, images: ImagePlan) -> ImagePlan:
    """``images`` for a start: if build inputs are missing but the image exists, Compose uses that
    image, so the blocker becomes a warning."""
    blockers, warnings = [], list(images.warnings)
    for blocker in images.blockers:
        service = world.model.services.get(blocker.service)
        always = service is not None and service.config.get("pull_policy") == "build"
        if blocker.kind != "build" or always or world.engine.image(blocker.target) is None:
            blockers.append(blocker)
        else:
            warnings.append(f"{blocker.message}: {blocker.target} is used unchanged")
    return replace(images, blockers=tuple(blockers), warnings=tuple(warnings))
