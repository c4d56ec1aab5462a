"""Find services that request a platform other than that of the image on the engine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from composetasks.facts import Engine, Image, Model, Service
from composetasks.facts.engine import replicas_of
from composetasks.observe.engine.inventory import inspect_image

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
"""Architectures by the names that kernels use."""
VARIANTS = {"amd64": "v1", "arm64": "v8", "arm": "v7"}
"""The default variants (containerd/platforms, normalizeArch)."""


def other_platforms(client: APIClient, model: Model, engine: Engine) -> dict[str, str]:
    """Return the services whose ``platform`` differs from their image's, and the image's platform.
    Compose treats such an image as missing."""
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
    """Tell whether a container that was created from the image for this service proves that the
    image fits: for a multi-platform image, the engine may report another platform."""
    return any(
        container.config_hash == service.config_hash and container.compose_image_id == image.id
        for container in replicas_of(engine.containers, model.project, service.name)
    )


def _platform(client: Any, image: Image) -> str:
    """Return an image's platform: os/architecture[/variant]; "" if it was removed meanwhile."""
    record = inspect_image(client, image.id)
    parts = (record.get("Os"), record.get("Architecture"), record.get("Variant"))
    return "/".join(str(one) for one in parts if one)


def differ(wanted: str, actual: str) -> bool:
    """Tell whether an image for ``actual`` does not satisfy ``wanted``. An operating system alone
    accepts every architecture that the engine has."""
    return wanted.lower() not in SYSTEMS and parsed(wanted) != parsed(actual)


def parsed(platform: str) -> tuple[str, str, str]:
    """Return a platform as os, architecture and variant, by their usual names; an architecture
    alone implies Linux. An invalid platform is left to Compose, which reports it."""
    parts = platform.lower().split("/")
    if len(parts) == 1:
        parts = ["linux", *parts]
    system, (architecture, *rest) = parts[0], ARCHITECTURES.get(parts[1], parts[1]).split("/")
    variant = "".join([*rest, *parts[2:]][:1]) or VARIANTS.get(architecture, "")
    return system, architecture, variant if variant.startswith("v") else f"v{variant}"


def own_platform() -> str:
    """Return the platform of this machine."""
    name = os.uname().machine.lower()
    return f"linux/{MACHINES.get(name, name)}"
