"""When an image that is not built is pulled: Compose's rules for ``pull_policy`` and
``platform``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from composetasks.facts import Blocker, Evidence, ExitCode, Image, PullImage, Service, Step, World
from composetasks.facts.references import plain

NOT_ALLOWED = ("never", "build")
"""The policies that forbid to pull an image."""


def asking(world: World, services: Iterable[str]) -> dict[str, Service]:
    """The services whose pull policy asks for their image, by that. It is pulled for all who run
    it, though Compose would not pull it for one with another policy."""
    return {
        plain(service.image): service
        for service in map(world.model.service, services)
        if service.config.get("pull_policy") == "always" or service.name in world.outdated
    }


def allowed(service: Service) -> bool:
    return service.config.get("pull_policy") not in NOT_ALLOWED


def blocker(service: Service) -> Blocker:
    """An image is neither here nor allowed to be pulled."""
    return Blocker(
        kind="image",
        target=service.image,
        message=f"{service.name}: image {service.image} is not on this engine, and "
        f"pull_policy is {service.config['pull_policy']}",
        hint=f"`docker pull {service.image}`, or change pull_policy",
        code=ExitCode.INVALID,
        service=service.name,
    )


def pull_step(
    world: World,
    service: Service,
    present: Image | None,
    asking: Mapping[str, Service],
    *,
    newest: bool,
) -> Step | None:
    """The step that pulls a service's image, with why; None where it is not pulled. ``present`` is
    what its tag names now, ``asking`` is as :func:`asking` gives it, and ``newest`` says that a
    newer image was asked for."""
    other = asking.get(plain(service.image))
    of = service
    if present is None:
        because, reason = Evidence(kind="no-image"), "not on this engine"
    elif other is not None:
        of, policy = other, str(other.config.get("pull_policy"))
        because, reason = Evidence(kind="pull-policy", new=policy), f"pull_policy is {policy}"
    elif not allowed(service):
        return None
    elif service.name in world.other_platforms:
        platform, actual = str(service.config["platform"]), world.other_platforms[service.name]
        because = Evidence(kind="platform", old=actual, new=platform)
        reason = f"the image on this engine is for {actual}, but the model asks for {platform}"
    elif newest:
        because, reason = Evidence(kind="pull"), "newer images were asked for"
    else:
        return None
    return Step(
        operation=PullImage(),
        target=service.image,
        reason=reason,
        service=of.name,
        services=(service.name,),
        because=(because,),
        key=present.id if present else "",
    )
