"""Small worlds for tests of plans: values, and nothing that acts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from composetasks.facts import (
    Build,
    Container,
    Dependency,
    Engine,
    Image,
    Model,
    Network,
    Resource,
    Service,
    World,
)

HERE = Path("/srv/shop")


def service(name: str, **changes: Any) -> Service:
    """A service of project ``shop`` with one container and no peculiarities."""
    fields: dict[str, Any] = {
        "name": name,
        "image": f"shop-{name}:latest",
        "config_hash": f"hash-{name}",
        "container_names": (f"shop-{name}-1",),
        "config": {"image": f"shop-{name}"},
        "networks": ("default",),
    }
    depends_on = changes.pop("depends_on", ())
    fields.update(changes)
    fields["depends_on"] = tuple(
        one if isinstance(one, Dependency) else Dependency(one) for one in depends_on
    )
    return Service(**fields)


def built(name: str, **changes: Any) -> Service:
    """A service whose image is built from its folder."""
    context = str(HERE / name)
    build = Build(context, "Dockerfile", {"context": context})
    return service(name, **{"build": build, **changes})


def model(*services: Service, **changes: Any) -> Model:
    fields: dict[str, Any] = {
        "project": "shop",
        "directory": HERE,
        "files": (HERE / "compose.yaml",),
        "services": {one.name: one for one in services},
        "networks": {"default": Resource("default", "shop_default")},
    }
    fields.update(changes)
    return Model(**fields)


def container(name: str, number: int = 1, /, **changes: Any) -> Container:
    """The running container that Compose would have made for ``service(name)``."""
    labels: Mapping[str, str] = {
        "com.docker.compose.project": "shop",
        "com.docker.compose.service": name,
        "com.docker.compose.container-number": str(number),
        "com.docker.compose.oneoff": "False",
        "com.docker.compose.config-hash": f"hash-{name}",
        "com.docker.compose.image": f"sha256:{name}",
        "com.docker.compose.project.working_dir": str(HERE),
        "com.docker.compose.project.config_files": str(HERE / "compose.yaml"),
    }
    fields: dict[str, Any] = {
        "id": f"id-{name}-{number}",
        "name": f"shop-{name}-{number}",
        "image": f"shop-{name}:latest",
        "image_id": f"sha256:{name}",
        "state": "running",
        "status": "Up 3 minutes",
        "networks": {"shop_default": "net-default"},
    }
    fields["labels"] = {**labels, **changes.pop("labels", {})}
    fields.update(changes)
    return Container(**fields)


def image(name: str, **changes: Any) -> Image:
    return Image(**{"id": f"sha256:{name}", "tags": (f"shop-{name}:latest",), **changes})


def network(name: str = "shop_default", **changes: Any) -> Network:
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.network": "default"}
    return Network(**{"id": "net-default", "name": name, "labels": labels, **changes})


def world(of: Model, containers: Iterable[Container] = (), **changes: Any) -> World:
    """A world in which every image of the model is present."""
    engine = Engine(
        containers=tuple(containers),
        images=tuple(image(name) for name in of.services),
        networks=(network(),),
    )
    return World(**{"model": of, "engine": engine, **changes})
