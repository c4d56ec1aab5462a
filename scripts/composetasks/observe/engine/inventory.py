"""Read the engine through the Docker SDK: one request for each kind of object, all in parallel."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

from composetasks.facts import Binding, Container, Engine, ExitCode, Image, Network, Volume
from composetasks.facts.engine import IMAGE, listed_name
from composetasks.facts.timestamps import parse_time
from composetasks.facts.units import whole_number
from composetasks.observe.engine.endpoint import chosen, of_context
from composetasks.observe.engine.local import PODMAN, LocalClient, takes_connections
from composetasks.run import process, ssh_link
from composetasks.run.bounded import Bounded
from composetasks.run.external_failures import parsing, silent
from composetasks.run.failure import TaskFailure
from composetasks.run.settings import ENGINE_SECONDS

if TYPE_CHECKING:
    from docker import APIClient as APIClient  # for modules that only pass it on

    from composetasks.observe.engine.client import Client

T = TypeVar("T")
AT_ONCE = 8
"""The number of containers that are inspected in parallel."""
CONNECTIONS = 4
"""The number of connections for images by name: containerd's store is slow for each image."""
ADDRESSES = ("IPAddress", "GlobalIPv6Address")
"""The engine's fields for the addresses of a container on a network."""


OLDEST_PODMAN = 5


def connect(seconds: float = ENGINE_SECONDS, context: str = "") -> Client:
    """Return a client for the engine that the docker client would use (endpoint.py), or for the
    engine of a ``context``.

    No answer may take longer than ``seconds``: a socket that hangs must not block this program. An
    engine behind ssh is reached through one connection, which programs that are started later use
    too. Raises TaskFailure, code 5, if no engine answers, or if it is a Podman that is too old.
    """
    import requests
    from docker import errors

    from composetasks.observe.engine.client import Client

    endpoint = of_context(context) if context else chosen()
    where = f"{endpoint.address} ({endpoint.how})" if endpoint.address else endpoint.how
    if not endpoint.address:
        raise _unreachable(f"there is no docker {endpoint.how}", where, "")
    address, away = endpoint.address, endpoint.address.startswith("ssh://")
    _check_address(address, where)
    reopen = partial(ssh_link.socket_of, address, seconds) if away else None
    if reopen is not None:
        address = f"unix://{reopen()}"
    try:
        tls = endpoint.tls() or False
        client = Client(timeout=math.ceil(seconds), base_url=address, tls=tls, reopen=reopen)
    except (errors.DockerException, requests.exceptions.RequestException, OSError) as error:
        # The SDK asks for the engine's version, and wraps the errors of that request.
        if isinstance(error.__cause__, requests.exceptions.Timeout):
            raise silent(seconds, f"{error.__cause__}, at {where}") from error
        raise _unreachable(_cause(error), where, endpoint.address) from error
    if too_old := old_podman(client.server):
        raise TooOld(
            f"Podman {too_old} at {where} is too old",
            code=ExitCode.NO_ENGINE,
            hint="upgrade it to 5.0 or newer: older ones give a network's name as its id",
        )
    if away and not context:
        process.surround({"DOCKER_HOST": address})
    return client


def client_of(seconds: float) -> APIClient:
    """Return a client for the engine in use, which connects as :func:`connect` does. For an engine
    on this machine it connects only when more than lists is needed."""
    address = chosen().address
    if not takes_connections(address, seconds):
        return connect(seconds)
    return cast("APIClient", LocalClient(address, seconds, partial(connect, seconds)))


class TooOld(TaskFailure):
    """The engine answers, but is too old to be used."""


class NotAnAddress(TaskFailure):
    """The address of the engine can't be read."""


def _check_address(address: str, where: str) -> None:
    """Raise NotAnAddress if the host or the port of an address can't be read."""
    try:
        _ = urlsplit(address).port
    except ValueError as error:
        raise NotAnAddress(
            f"{where} is not the address of an engine",
            code=ExitCode.NO_ENGINE,
            detail=str(error),
            hint="write it as unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST:PORT",
        ) from error


def old_podman(server: str) -> str:
    """Return the reported version of a Podman that is older than 5; "" for other engines."""
    name, _, version = server.partition(" ")[0].partition("/")
    major = whole_number(version.split(".")[0])
    podman = f"{name}/" == PODMAN
    return version if podman and major is not None and major < OLDEST_PODMAN else ""


START = (
    "start Docker (`sudo systemctl start docker`), or install it: docs.docker.com/engine/install"
)
START_THERE = (
    "start it there, or unset DOCKER_HOST (or `docker context use default`) to use this machine's "
    "own"
)
NO_CONTEXT = "`docker context ls` lists the contexts; unset DOCKER_CONTEXT for the default"


def how_to_start(address: str) -> str:
    """Return the hint for an address at which no engine answers."""
    parts = urlsplit(address)
    if parts.scheme == "unix":
        return START
    if parts.scheme != "ssh":
        return START_THERE
    port = f"-p {parts.port} " if parts.port else ""
    host = parts.netloc.rpartition(":")[0] if port else parts.netloc
    return (
        f"`ssh {port}{host} docker version` shows why: Docker must run there, and your user must "
        "be allowed to use it"
    )


def _cause(error: BaseException) -> str:
    """Return the system's own message, which the SDK and its libraries wrap several times; else
    that of ``error``."""
    import requests

    inner: BaseException | None = error
    while inner is not None:
        # An error of requests is an OSError, too.
        if isinstance(inner, OSError) and not isinstance(inner, requests.RequestException):
            return inner.strerror or str(inner)
        inner = inner.__cause__ or inner.__context__
    return str(error)


def _unreachable(why: str, where: str, address: str) -> TaskFailure:
    if "Permission denied" in why:
        return TaskFailure(
            f"no permission to use the engine at {where}",
            code=ExitCode.NO_ENGINE,
            detail=why,
            hint="add your user to the group that owns the socket (often docker), and log in again",
        )
    return TaskFailure(
        f"no engine answers at {where}",
        code=ExitCode.NO_ENGINE,
        detail=why,
        hint=how_to_start(address) if address else NO_CONTEXT,
    )


def read_engine(client: APIClient, listed: Callable[[], tuple[Image, ...]] | None = None) -> Engine:
    """Return everything that the engine holds, by four parallel requests; ``listed`` may supply a
    part of the images instead of all."""
    containers = _under_way(lambda: read_containers(client))
    images = _under_way(listed or (lambda: read_images(client)))
    networks = _under_way(lambda: read_networks(client))
    volumes = _under_way(lambda: read_volumes(client))
    return Engine(containers.value(), images.value(), networks.value(), volumes.value())


def _under_way(question: Callable[[], T]) -> Bounded[T]:
    """Start a request in the background. The client itself limits the time of an answer."""
    return Bounded(question, threading.TIMEOUT_MAX)


def read_containers(client: APIClient) -> tuple[Container, ...]:
    """Return all containers, running or not, by name."""
    with parsing("the engine's list of containers", ExitCode.NO_ENGINE):
        containers = [_container(raw, client) for raw in client.containers(all=True)]
        return tuple(sorted(containers, key=lambda container: container.name))


def read_images(client: APIClient) -> tuple[Image, ...]:
    """Return all images that are not mere layers of others, by id."""
    with parsing("the engine's list of images", ExitCode.NO_ENGINE):
        return tuple(sorted(map(_image, client.images()), key=lambda image: image.id))


def read_images_called(client: Any, references: Iterable[str]) -> tuple[Image, ...] | None:
    """Return the images of these ids and references; None if the engine should be asked for the
    list of all images instead."""
    if not isinstance(client, LocalClient):
        return None
    names = sorted(references)
    parts = [names[first::CONNECTIONS] for first in range(min(CONNECTIONS, len(names)))]
    with parsing("the engine's images", ExitCode.NO_ENGINE):
        under_way = [_under_way(partial(client.image_records, part)) for part in parts]
        images: list[Image] = []
        for records in [one.value() for one in under_way]:
            if records is None:
                return None
            images += map(_recorded_image, records)
        return tuple(images)


def read_networks(client: APIClient) -> tuple[Network, ...]:
    """Return all networks, by name."""
    with parsing("the engine's list of networks", ExitCode.NO_ENGINE):
        return tuple(sorted(map(_network, client.networks()), key=lambda network: network.name))


def read_volumes(client: APIClient) -> tuple[Volume, ...]:
    """Return all volumes, by name."""
    with parsing("the engine's list of volumes", ExitCode.NO_ENGINE):
        listed = client.volumes().get("Volumes") or ()
        return tuple(sorted(map(_volume, listed), key=lambda volume: volume.name))


def read_plugins(client: APIClient) -> frozenset[str]:
    """Return the engine's drivers of networks and volumes, built-in or plugins."""
    with parsing("the engine's list of plugins", ExitCode.NO_ENGINE):
        plugins = client.info().get("Plugins") or {}
        named = (*(plugins.get("Network") or ()), *(plugins.get("Volume") or ()))
        return frozenset(str(one).removesuffix(":latest") for one in named)


def _labels(raw: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in (raw.get("Labels") or {}).items()}


def _container(raw: Mapping[str, Any], client: APIClient) -> Container:
    status = str(raw.get("Status", ""))
    health = re.search(r"\((health: )?(starting|healthy|unhealthy)\)", status)
    exited = re.match(r"Exited \((\d+)\)", status)
    networks = (raw.get("NetworkSettings") or {}).get("Networks") or {}
    return Container(
        id=str(raw["Id"]),
        name=listed_name(raw),
        image=str(raw.get("Image", "")),
        image_id=str(raw.get("ImageID", "")),
        state=str(raw.get("State", "")),
        status=status,
        created=int(raw.get("Created", 0)),
        health=health[2] if health else "",
        exit_code=int(exited[1]) if exited else None,
        labels=(labels := _labels(raw)),
        copied=_copied(labels, str(raw.get("ImageID", "")), client),
        networks={name: str(one.get("NetworkID", "")) for name, one in sorted(networks.items())},
        addresses={
            str(network["NetworkID"]): addresses
            for network in networks.values()
            if (addresses := tuple(str(network[key]) for key in ADDRESSES if network.get(key)))
        },
        volumes={
            str(mount["Destination"]): str(mount["Name"])
            for mount in raw.get("Mounts") or ()
            if mount.get("Type") == "volume" and mount.get("Name")
        },
        binds=tuple(
            str(mount.get("Source"))
            for mount in raw.get("Mounts") or ()
            if mount.get("Type") == "bind"
        ),
        bindings=_bindings(raw),
    )


def _bindings(raw: Mapping[str, Any]) -> tuple[Binding, ...]:
    """Return the published ports by the container's port: the engine's order is arbitrary."""
    bindings = [
        Binding(
            host_ip=str(port.get("IP", "")),
            published=int(port["PublicPort"]),
            target=int(port["PrivatePort"]),
            protocol=str(port.get("Type", "tcp")),
        )
        for port in raw.get("Ports") or ()
        if port.get("PublicPort")
    ]
    bindings.sort(key=lambda one: (one.target, one.protocol, one.host_ip, one.published))
    return tuple(bindings)


def _copied(labels: Mapping[str, str], image: str, client: APIClient) -> bool:
    """Tell whether the Compose labels come from a container that was committed to the image. One of
    them is the id of the container's image, which an image can't carry of itself."""
    made_of = labels.get(IMAGE)
    if not made_of or made_of == image:
        return False
    inherited = (inspect_image(client, image).get("Config") or {}).get("Labels") or {}
    return bool(inherited.get(IMAGE) == made_of)


def _image(raw: Mapping[str, Any]) -> Image:
    tags = [tag for tag in raw.get("RepoTags") or () if tag != "<none>:<none>"]
    return Image(
        id=str(raw["Id"]),
        tags=tuple(sorted(map(str, tags))),
        digests=tuple(sorted(map(str, raw.get("RepoDigests") or ()))),
        created=int(raw.get("Created", 0)),
        size=int(raw.get("Size", 0)),
        labels=_labels(raw),
    )


def _recorded_image(record: Mapping[str, Any]) -> Image:
    """Convert the engine's full record of an image, whose fields differ from those of lists."""
    created = parse_time(str(record.get("Created", ""))).timestamp()
    labels = (record.get("Config") or {}).get("Labels")
    return _image({**record, "Created": max(0.0, created), "Labels": labels})


def _network(raw: Mapping[str, Any]) -> Network:
    pools = (raw.get("IPAM") or {}).get("Config") or ()
    return Network(
        id=str(raw["Id"]),
        name=str(raw["Name"]),
        labels=_labels(raw),
        created=str(raw.get("Created", "")),
        driver=str(raw.get("Driver", "")),
        subnets=tuple(str(pool["Subnet"]) for pool in pools if pool.get("Subnet")),
        reserved=tuple(
            str(address)
            for pool in pools
            for address in (pool.get("Gateway"), *(pool.get("AuxiliaryAddresses") or {}).values())
            if address
        ),
    )


def _volume(raw: Mapping[str, Any]) -> Volume:
    return Volume(
        name=str(raw["Name"]),
        labels=_labels(raw),
        created=str(raw.get("CreatedAt", "")),
        driver=str(raw.get("Driver", "")),
        options={str(name): str(value) for name, value in (raw.get("Options") or {}).items()},
    )


def inspect_container(client: APIClient, key: str) -> dict[str, Any]:
    """Return the engine's full record of a container; empty if it no longer exists."""
    from docker import errors

    try:
        record: dict[str, Any] = client.inspect_container(key)
    except errors.NotFound:
        return {}
    return record


def inspect_image(client: Any, image: str) -> dict[str, Any]:
    """Return the engine's full record of an image; empty if it was removed meanwhile."""
    from docker.errors import DockerException

    try:
        record: dict[str, Any] = client.inspect_image(image)
    except DockerException:
        return {}
    return record


def inspect_containers(client: APIClient, keys: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return the records of many containers, requested in parallel: the engine may be remote."""
    if len(keys) < 2:
        return {key: inspect_container(client, key) for key in keys}
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(keys, pool.map(partial(inspect_container, client), keys), strict=True))
