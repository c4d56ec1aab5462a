"""When an image that is not built here is pulled: Compose's rules for ``pull_policy`` and
``platform``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from composetasks.facts import Blocker, Evidence, ExitCode, Image, PullImage, Service, Step, World
from composetasks.facts.references import plain

NOT_ALLOWED = ("never", "build")
"""The policies that forbid pulling an image."""


def asking(world: World, services: Iterable[str]) -> dict[str, Service]:
    """The services whose pull policy requires a pull, by image. The image is pulled for all
    services that run it, although Compose would not pull it for one with another policy."""
    return {
        plain(service.image): service
        for service in map(world.model.service, services)
        if service.config.get("pull_policy") == "always" or service.name in world.outdated
    }


def allowed(service: Service) -> bool:
    return service.config.get("pull_policy") not in NOT_ALLOWED


def blocker(service: Service) -> Blocker:
    """A blocker: the image is not on the engine and must not be pulled."""
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
    """The step that pulls a service's image, and its reason; None if it is not pulled. ``present``
    is the image that the tag names now, ``asking`` the result of :func:`asking`, and ``newest``
    says that a newer image was asked for."""
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
