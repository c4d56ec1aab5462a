"""Which services ask for another platform than the image on the engine is for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from composetasks.facts import Engine, Image, Model, Service
from composetasks.facts.engine import replicas_of

if TYPE_CHECKING:
    from docker import APIClient

SYSTEMS = ("linux", "windows", "darwin", "freebsd")
ARCHITECTURES = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "i386": "386",
    "armhf": "arm/v7",
    "armel": "arm/v6",
}
MACHINES = {**ARCHITECTURES, "armv7l": "arm/v7"}
"""Architectures by the names that kernels have for them."""
VARIANTS = {"amd64": "v1", "arm64": "v8", "arm": "v7"}
"""What a variant is where none is named (containerd/platforms, normalizeArch)."""


def other_platforms(client: APIClient, model: Model, engine: Engine) -> dict[str, str]:
    """The services whose ``platform`` is not the one of their image, and that one. Compose takes
    such an image for missing."""
    platforms = {}
    for name, service in model.services.items():
        wanted = str(service.config.get("platform") or "")
        image = engine.image(service.image) if wanted and not service.build else None
        if image is None or _runs(engine, model, service, image):
            continue
        actual = _platform(client, image)
        if actual and differ(wanted, actual):
            platforms[name] = actual
    return platforms


def _runs(engine: Engine, model: Model, service: Service, image: Image) -> bool:
    """Whether a container that the engine has made of the image for this service shows that it is
    the right one: of an image for several platforms the engine may tell about another."""
    return any(
        container.config_hash == service.config_hash and container.compose_image_id == image.id
        for container in replicas_of(engine.containers, model.project, service.name)
    )


def _platform(client: Any, image: Image) -> str:
    """What an image is for: os/architecture[/variant]; "" where it is gone meanwhile."""
    from docker import errors

    try:
        record = client.inspect_image(image.id)
    except errors.APIError:
        return ""
    parts = (record.get("Os"), record.get("Architecture"), record.get("Variant"))
    return "/".join(str(one) for one in parts if one)


def differ(wanted: str, actual: str) -> bool:
    """Whether an image for one platform is none for the other that is asked for: by a system alone,
    any architecture that the engine has."""
    return wanted.lower() not in SYSTEMS and parsed(wanted) != parsed(actual)


def parsed(platform: str) -> tuple[str, str, str]:
    """A platform as os, architecture and variant, each by its usual name; an architecture alone is
    one of Linux. What is no platform is left to Compose, which says so."""
    parts = platform.lower().split("/")
    if len(parts) == 1:
        parts = ["linux", *parts]
    system, (architecture, *rest) = parts[0], ARCHITECTURES.get(parts[1], parts[1]).split("/")
    variant = "".join([*rest, *parts[2:]][:1]) or VARIANTS.get(architecture, "")
    return system, architecture, variant if variant.startswith("v") else f"v{variant}"


def own_platform() -> str:
    """The platform of this machine."""
    name = os.uname().machine.lower()
    return f"linux/{MACHINES.get(name, name)}"
