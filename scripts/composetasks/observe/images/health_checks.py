"""Find services whose image has, or may have, a health check that the model does not show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from composetasks.facts import Container, Engine, Image, Model, Service
from composetasks.facts.engine import health_check, replicas_of
from composetasks.observe.engine.inventory import inspect_image
from composetasks.store import cache_entry

if TYPE_CHECKING:
    from docker import APIClient


def image_checks(client: APIClient, model: Model, engine: Engine, cache: Path) -> dict[str, str]:
    """Return the services whose health check comes from their image, and that image. A missing
    image is included, since it may have one.

    A running container of the image shows it, and ``cache`` does for an image that was inspected
    before: an id always means the same image.
    """
    place = cache / "image-checks.json"
    cached = cache_entry.load(place, _understood) or {}
    answers: dict[str, bool] = {}
    checks = {}
    for name, service in model.services.items():
        if service.has_healthcheck or service.config.get("healthcheck") or service.provided:
            continue  # the model may also disable the check
        image = engine.image(service.image)
        containers = replicas_of(engine.containers, model.project, name)
        if image is None or any(one.health for one in containers):
            checks[name] = service.image
        elif not any(_shows_none(one, service, image) for one in containers):
            if image.id not in answers:
                answers[image.id] = (
                    cached[image.id]
                    if image.id in cached
                    else bool(health_check(inspect_image(client, image.id)))
                )
            if answers[image.id]:
                checks[name] = service.image
    if any(key not in cached for key in answers):
        cache_entry.save(place, answers)
    return checks


def _shows_none(container: Container, service: Service, image: Image) -> bool:
    """Tell whether a container without a health check proves that its service's image has none."""
    as_in_model = (
        container.config_hash == service.config_hash and container.compose_image_id == image.id
    )
    return container.state == "running" and as_in_model


def _understood(entry: Any) -> dict[str, bool]:
    return {key: bool(one) for key, one in cache_entry.as_mapping(entry).items()}
