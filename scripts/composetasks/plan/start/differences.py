"""The differences between a container and the current model, field by field.

Compose compares hashes, which only say that something changed; the recorded configuration that the
container was created from shows what changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from composetasks.facts import MADE_BY_PLAN, Container, Evidence, Service, World
from composetasks.facts.jobs import shares_with
from composetasks.facts.references import short_id
from composetasks.plan.conflicts import networks
from composetasks.plan.conflicts.mounts import mounted_images

NOT_IN_HASH = ("build", "depends_on", "profiles", "pull_policy", "scale", "attach")
"""Fields that Compose leaves out of a service's configuration hash (compose/hash.go)."""


def differences(
    world: World, service: Service, container: Container, image_of: Mapping[str, str | None]
) -> Iterator[Evidence]:
    """Yield why Compose would, or should, recreate a container. ``image_of`` gives the id of the
    image that each service is to run, None if a step of the plan makes it."""
    image_id = image_of.get(service.name)
    if container.config_hash != service.config_hash:
        yield from _config_differences(world, service, container)
    image_before = container.compose_image_id
    if image_id is None:
        yield Evidence(kind="image", old=short_id(image_before), new=MADE_BY_PLAN)
    elif image_id != image_before:
        yield Evidence(kind="image", old=short_id(image_before), new=short_id(image_id))
    yield from mounted_images(world, service, container, image_of)
    if container.state in ("created", "running", "paused", "restarting", "exited"):
        for path in world.old_contents.get(container.id, ()):
            yield Evidence(kind="content", name=path)
        yield from networks.differences(world, service, container)
        yield from _volume_differences(world, service, container)


def _config_differences(world: World, service: Service, container: Container) -> Iterator[Evidence]:
    was = world.recorded_configs.get(container.config_hash)
    if was is None:
        yield Evidence(
            kind="config",
            field="(unknown)",
            old=container.config_hash[:12],
            new=service.config_hash[:12],
            detail="the configuration it was created from is not recorded",
        )
        return
    changes = list(changed_fields(comparable(was), comparable(service.config)))
    # Compose's hash contains the ids of the containers whose namespaces or volumes are shared.
    newer = (
        name
        for name in shares_with(service)
        if any(other.created > container.created for other in world.replicas(name))
    )
    if not changes and (name := next(newer, None)):
        changes = [Evidence(kind="dependency", name=name, detail="was recreated")]
    yield from changes
    if not changes:
        yield Evidence(
            kind="config",
            field="(order or content)",
            old=container.config_hash[:12],
            new=service.config_hash[:12],
        )


def comparable(config: Mapping[str, Any]) -> dict[str, Any]:
    """A service's resolved configuration without the fields that its hash leaves out."""
    return {key: value for key, value in config.items() if key not in NOT_IN_HASH}


def changed_fields(old: Any, new: Any, path: str = "") -> Iterator[Evidence]:
    """Yield the leaves in which two configurations differ, as ``environment.NAME`` paths."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            inner = f"{path}.{key}" if path else str(key)
            if key not in old:
                yield Evidence(kind="config", field=inner, old=None, new=_text(new[key]))
            elif key not in new:
                yield Evidence(kind="config", field=inner, old=_text(old[key]), new=None)
            else:
                yield from changed_fields(old[key], new[key], inner)
    elif old != new:
        yield Evidence(kind="config", field=path, old=_text(old), new=_text(new))


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_text(item) for item in value) + "]"
    return "" if value is None else str(value)


def _volume_differences(world: World, service: Service, container: Container) -> Iterator[Evidence]:
    for mount in service.mounts:
        resource = world.model.volumes.get(mount.source) if mount.type == "volume" else None
        if resource is None:
            continue
        has = container.volumes.get(mount.target)
        if has != resource.name:
            yield Evidence(kind="volume", name=mount.target, old=has, new=resource.name)
