"""A start without builds: it takes the images as they are, stale or not."""

from __future__ import annotations

from dataclasses import replace

from composetasks.facts import Blocker, BuildImage, ExitCode, World
from composetasks.facts.program import typed
from composetasks.plan.images.decisions import ImagePlan


def without_builds(world: World, images: ImagePlan) -> ImagePlan:
    """``images`` with every build left out: a warning where a stale image is used, a blocker
    where there is none."""
    image_of = dict(images.image_of)
    blockers, warnings = list(images.blockers), list(images.warnings)
    for step in images.steps:
        if not isinstance(step.operation, BuildImage):
            continue
        present = world.engine.image(step.target)
        if present is None:
            blockers.append(
                Blocker(
                    kind="image",
                    target=step.target,
                    message=f"{step.service}: its image {step.target} is not on this engine",
                    hint=f"{typed(f'build {step.service}')}, or leave out --no-build",
                    code=ExitCode.INVALID,
                    service=step.service,
                )
            )
            continue
        warnings.append(f"{step.target} is taken as it is, though {step.reason}")
        runs = [name for name in step.services if image_of.get(name, "") is None]
        image_of.update(dict.fromkeys(runs, present.id))
    kept = tuple(step for step in images.steps if not isinstance(step.operation, BuildImage))
    return replace(
        images,
        steps=kept,
        image_of=image_of,
        blockers=tuple(blockers),
        warnings=tuple(warnings),
    )
