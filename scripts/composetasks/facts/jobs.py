"""Jobs: runs of containers, how they ended, and the services that a job's result depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from composetasks.facts.frozen import frozen
from composetasks.facts.model import NAMESPACES, Model, Service

DIGITS = 9


@frozen
class Run:
    """The last run of a container, by the engine's clock: times that sort as text (see
    :func:`sortable`)."""

    started: str
    finished: str = ""


@frozen
class Ended:
    """How a run of a container ended, as observed by the start that began it. ``by_itself`` is
    whether it exited on its own or was stopped. ``until`` is when the last container of that start
    was started; ``mounted`` maps the sources of its mounts to the digests of their content."""

    container: str
    started: str
    by_itself: bool
    until: str = ""
    mounted: Mapping[str, str] = field(default_factory=dict)


def sortable(stamp: str) -> str:
    """An engine's UTC time with all digits of its fraction: the engine omits trailing zeros."""
    whole, _, fraction = stamp.removesuffix("Z").partition(".")
    return f"{whole}.{fraction.ljust(DIGITS, '0')}Z"


def namespaces_of(service: Service) -> tuple[str, ...]:
    """The services whose container's network or processes this service's container shares. It loses
    them when that container stops, and does not regain them when that one is started again."""
    modes = [str(service.config.get(key) or "") for key in NAMESPACES]
    named = (mode.removeprefix("service:") for mode in modes if mode.startswith("service:"))
    return tuple(dict.fromkeys(named))


def shares_with(service: Service) -> tuple[str, ...]:
    """The services to whose container this service's container is bound by id (network, processes
    or volumes): if theirs is recreated, so is this one (reconcile.go, parentNamespaceRecreated)."""
    volumes_from = (str(source) for source in service.config.get("volumes_from") or ())
    named = (source.split(":")[0] for source in volumes_from if not source.startswith("container:"))
    return tuple(dict.fromkeys((*namespaces_of(service), *named)))


def rests_on(model: Model, name: str) -> tuple[str, ...]:
    """The services that a job's result depends on: its dependencies, and the services that share a
    volume with it. Services that wait for the job are excluded: they start after it."""
    service = model.services[name]
    depends_on = [one.service for one in service.depends_on if one.service in model.services]
    volumes = _volumes(service)
    shares = [
        other.name
        for other in model.services.values()
        if other.name != name
        and not volumes.isdisjoint(_volumes(other))
        and name not in model.with_dependencies([other.name])
    ]
    return tuple(dict.fromkeys([*depends_on, *shares]))


def _volumes(service: Service) -> set[str]:
    return {one.source for one in service.mounts if one.type == "volume" and one.source}
