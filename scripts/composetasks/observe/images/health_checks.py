"""Which services have, or may have, a health check of their image's own, which the model does not
show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from composetasks.facts import Engine, Model, Service

if TYPE_CHECKING:
    from docker import APIClient


def image_checks(client: APIClient, model: Model, engine: Engine) -> dict[str, str]:
    """The services whose image brings the check they have, and the image. One that is not here
    may bring it."""
    healthy = {
        one.service
        for one in engine.containers
        if one.project == model.project and one.replica and one.health
    }
    return {
        name: service.image
        for name, service in model.services.items()
        if _none_of_its_own(service)
        and (
            name in healthy
            or engine.image(service.image) is None
            or _has_one(client, service.image)
        )
    }


def _none_of_its_own(service: Service) -> bool:
    """Whether the model says nothing of a check; it may also say that there is to be none."""
    return not (service.has_healthcheck or service.config.get("healthcheck"))


def _has_one(client: APIClient, image: str) -> bool:
    from docker import errors

    untyped: Any = client
    try:
        record = untyped.inspect_image(image)
    except errors.APIError:
        return False  # It is gone meanwhile.
    check = (record.get("Config") or {}).get("Healthcheck") or {}
    return bool((check.get("Test") or ["NONE"])[0] != "NONE")
