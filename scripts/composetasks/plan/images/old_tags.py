"""The digest tags of earlier builds that are no longer kept."""

from __future__ import annotations

from composetasks.facts import Consent, Evidence, Image, RemoveImage, Step, World
from composetasks.facts.references import DIGEST_TAG, repository

KEPT_TAGS = 5


def old_tags(world: World) -> tuple[Step, ...]:
    """Steps that remove digest tags of this project's images beyond the last five of each
    service. What a container runs or a normal tag names is never among them."""
    used = {container.image_id for container in world.engine.containers}
    wanted = {f"ct-{inputs.digest}" for inputs in world.inputs.values()}
    steps = []
    for service in world.model.services.values():
        if not service.build:
            continue
        own = repository(service.image)
        found: list[tuple[int, str, Image]] = []
        for image in world.engine.images:
            for tag in image.tags:
                match = DIGEST_TAG.match(tag)
                if match and match["repository"] == own:
                    found.append((image.created, tag, image))
        found.sort(key=lambda entry: (-entry[0], entry[1]))
        for _, tag, image in found[KEPT_TAGS:]:
            others = [other for other in image.tags if not DIGEST_TAG.match(other)]
            if others or image.id in used or tag.rsplit(":", 1)[1] in wanted:
                continue
            steps.append(
                Step(
                    operation=RemoveImage(),
                    target=tag,
                    reason=f"{service.name} has {KEPT_TAGS} newer builds, which are kept",
                    service=service.name,
                    services=(service.name,),
                    because=(Evidence(kind="old-image", name=tag),),
                    destroys=(tag,),
                    consent=Consent.YES,
                    key=image.id,
                )
            )
    return tuple({step.id: step for step in steps}.values())
