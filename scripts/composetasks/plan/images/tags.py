"""What the image on a service's tag is, and which digest tags of earlier builds are removed."""

from __future__ import annotations

from composetasks.facts import (
    BuildInputs,
    Consent,
    Evidence,
    Image,
    RemoveImage,
    Service,
    Step,
    World,
)
from composetasks.facts.references import DIGEST_TAG, plain, repository
from composetasks.plan.images.why_built import changed_files

KEPT_TAGS = 5


def old_tags(world: World) -> tuple[Step, ...]:
    """Steps that remove this project's digest tags beyond the last five of each service, but never
    an image that a container runs or that also has a normal tag."""
    used = {container.image_id for container in world.engine.containers}
    wanted = {f"ct-{inputs.digest}" for inputs in world.inputs.values()}
    steps = []
    for service in world.model.services.values():
        if not service.build:
            continue
        own = repository(service.image)
        tagged: list[tuple[int, str, Image]] = []
        for image in world.engine.images:
            for tag in image.tags:
                match = DIGEST_TAG.match(tag)
                if match and match["repository"] == own:
                    tagged.append((image.created, tag, image))
        tagged.sort(key=lambda entry: (-entry[0], entry[1]))
        for _, tag, image in tagged[KEPT_TAGS:]:
            others = [other for other in image.tags if not DIGEST_TAG.match(other)]
            if others or image.id in used or tag.rsplit(":", 1)[1] in wanted:
                continue
            steps.append(
                Step(
                    operation=RemoveImage(),
                    target=tag,
                    reason=f"{service.name} has {KEPT_TAGS} newer builds, which are kept",
                    service=service.name,
                    because=(Evidence(kind="old-image", name=tag),),
                    destroys=(tag,),
                    consent=Consent.YES,
                    key=image.id,
                )
            )
    return tuple({step.id: step for step in steps}.values())


def record_of(world: World, image: Image) -> BuildInputs | None:
    """The inputs an image was built from, None if they are not recorded."""
    records = (world.built[one] for one in image.inputs_digests if one in world.built)
    return next(records, None)


def is_ours(world: World, image: Image) -> bool:
    """Whether an image was built here or by another checkout of the project."""
    return image.id in world.undigested or bool(image.inputs_digests)


def put_by_hand(world: World, service: Service, present: Image, same: Image) -> bool:
    """Whether someone else put ``present`` on a service's tag after this project had put ``same``
    there: ``present`` was not built here, and ``same`` was built for this tag. If a file was edited
    since (another branch, for example), ``present`` does not count as intended."""
    own = f"{repository(service.image)}:ct-"
    for_this = any(tag.startswith(own) for tag in (*same.tags, *same.lost_tags))
    his = present.id != same.id and for_this and not is_ours(world, present)
    return his and service.name not in world.edited


def only_hidden_changed(world: World, inputs: BuildInputs, present: Image) -> bool:
    """Whether the differences between ``present`` and the image that ``inputs`` would give are
    hidden from all services that run the image, and nothing else uses the image."""
    if not inputs.hidden.places:
        return False
    builders = world.model.builders()
    mounted = any(
        builders.get(plain(image)) == inputs.service
        for service in world.model.services.values()
        for image in service.mounted_images
    )
    built_upon = any(f"ct-{inputs.digest}" in one.bases.values() for one in world.inputs.values())
    record = record_of(world, present)
    if mounted or built_upon or record is None or record.options != inputs.options:
        return False
    return all(map(inputs.hidden.holds, changed_files(record, inputs)))
