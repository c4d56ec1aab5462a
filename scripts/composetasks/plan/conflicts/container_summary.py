"""Describe a container in words and as data: maker, state, image, volumes and networks."""

from __future__ import annotations

from composetasks.facts import Container, Evidence, World
from composetasks.facts.engine import PROJECT
from composetasks.facts.references import short_volume
from composetasks.plan.conflicts.origin import Origin, is_gone, origin, project_folder, real_path

TOOLS = {
    "com.docker.swarm.service.name": "Docker Swarm, service",
    "org.testcontainers": "Testcontainers",
    "devcontainer.local_folder": "a dev container of",
    "io.x-k8s.kind.cluster": "kind, cluster",
}
"""Labels by which tools other than Compose mark their containers."""


def made_by(world: World, container: Container) -> str:
    """Who made the container, in words: "by Compose project shop in /srv/shop"."""
    maker = origin(world, container)
    service = f"service {container.service}" if container.service else "it"
    if maker is Origin.BY_HAND:
        return _by_hand(container)
    if maker is Origin.OTHER_PROJECT:
        folder = f" in {container.working_dir}" if container.working_dir else ""
        gone = ", which is gone" if is_gone(world, container) else ""
        return f"by Compose project {container.project}{folder}{gone}, {service}"
    if maker is Origin.OTHER_CHECKOUT:
        who = f" ({person(world)})" if world.maker else ""
        return f"by another checkout of this project in {container.working_dir}{who}, {service}"
    if maker is Origin.GONE_CHECKOUT:
        return f"by a checkout of this project in {container.working_dir}, which is gone, {service}"
    if maker is Origin.ONE_OFF:
        return f"by `docker compose run` of {service}"
    if maker is Origin.HELPER:
        return f"by Compose as a hook or relay of {service}"
    if maker is Origin.OTHER_FILES:
        files = ", ".join(_foreign_files(world, container))
        return f"by other Compose files of this project ({files}), {service}"
    if maker is Origin.INACTIVE:
        return f"by this project for {service}, whose profile is not active"
    if maker is Origin.NO_SERVICE:
        return f"by this project for {service}, which is no longer in the model"
    return f"by this project for {service}"


def person(world: World) -> str:
    """Who created the project from another machine: "anna on laptop"; "" if nobody did."""
    return f"{world.maker.user} on {world.maker.host}" if world.maker else ""


def _by_hand(container: Container) -> str:
    for label, words in TOOLS.items():
        if label in container.labels:
            value = container.labels[label]
            return f"by {words} {value}" if value not in ("", "true") else f"by {words}"
    of = container.labels.get(PROJECT)
    image = f" from an image of Compose project {of}" if of else ""
    return f"by hand (`docker run` or `docker create`){image}"


def _foreign_files(world: World, container: Container) -> list[str]:
    ours = {real_path(world, str(path)) for path in world.model.files}
    root = project_folder(world).rstrip("/") + "/"
    return [
        path.removeprefix(root)
        for path in container.config_files
        if real_path(world, path) not in ours
    ]


def state(container: Container) -> str:
    """The container's state and its time: "exited (0) since 2026-03-01T10:00:00Z"."""
    word = container.state
    if word == "exited" and container.exit_code is not None:
        word = f"exited ({container.exit_code})"
    return f"{word} since {container.since}" if container.since else word


def evidence(world: World, container: Container) -> tuple[Evidence, ...]:
    """The description as data, one piece of evidence for each field, volume and network."""
    return (
        Evidence(
            kind="holder",
            field="made-by",
            name=origin(world, container).name.lower().replace("_", "-"),
            path=container.working_dir or None,
            detail=made_by(world, container),
        ),
        Evidence(kind="holder", field="state", name=container.state, detail=state(container)),
        Evidence(kind="holder", field="image", name=container.image),
        *(
            Evidence(kind="holder", field="volume", name=name, path=place, detail="kept")
            for place, name in sorted(container.volumes.items())
        ),
        *(
            Evidence(kind="holder", field="network", name=name)
            for name in sorted(container.networks)
        ),
    )


def sentence(world: World, container: Container) -> str:
    """The description in one line."""
    parts = [
        f"created {made_by(world, container)}",
        state(container),
        f"image {container.image}",
    ]
    if container.volumes:
        parts.append(volumes(container))
    if container.networks:
        word = "network" if len(container.networks) == 1 else "networks"
        parts.append(f"{word} {', '.join(sorted(container.networks))}")
    return "; ".join(parts)


def removal(world: World, container: Container) -> str:
    """The description of a container to remove whose volumes are kept."""
    volumes = "; its volumes are kept" if container.volumes else ""
    return sentence(world, container) + volumes


def volumes(container: Container) -> str:
    """The container's volumes, anonymous ones by a short prefix: "volumes data, 5f2c0e…"."""
    names = sorted(set(container.volumes.values()))
    word = "volume" if len(names) == 1 else "volumes"
    return f"{word} {', '.join(short_volume(name) for name in names)}"
