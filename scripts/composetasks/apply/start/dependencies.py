"""Who waits for whom in a start: functions of the model and of how far each service is."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from composetasks.apply.start.progress import ServiceProgress
from composetasks.facts import Dependency, Model
from composetasks.facts.jobs import namespaces_of
from composetasks.plan.start.readiness import Phase


def waits_for(model: Model, services: Mapping[str, ServiceProgress], name: str) -> list[str]:
    """The services that must come further before ``name`` may be started. A provider is run
    together with the first that depend on it: these wait for what it waits for."""
    found: list[str] = []
    shared = namespaces_of(model.services[name]) if services[name].too_early else ()
    for dependency in model.services[name].depends_on:
        other = services.get(dependency.service)
        if other is None:
            continue
        if model.services[dependency.service].provided and other.launched is None:
            found += waits_for(model, services, dependency.service)
        elif not _satisfied(dependency, other) or (dependency.service in shared and other.coming):
            found.append(dependency.service)
    return list(dict.fromkeys(found))


def runs_along(
    model: Model, services: Mapping[str, ServiceProgress], name: str, ready: Collection[str]
) -> bool:
    """Whether a provider is run later, together with what depends on it: Compose hands what it
    says to these in one and the same run only."""
    users = [
        other
        for other, progress in services.items()
        if progress.launched is None and name in model.providers_of(other)
    ]
    return bool(users) and not any(
        other in ready and not runs_along(model, services, other, ready) for other in users
    )


def _satisfied(dependency: Dependency, other: ServiceProgress) -> bool:
    if (other.hopeless or other.phase is Phase.FAILED) and not dependency.required:
        return True
    return {
        "service_healthy": other.phase is Phase.UP,
        "service_completed_successfully": other.phase is Phase.DONE,
    }.get(dependency.condition, other.launched is not None)


def dependents(model: Model, services: Mapping[str, ServiceProgress], failed: str) -> list[str]:
    """The services that have not been started because they wait, in the end, for one."""
    found = [failed]
    for name, progress in services.items():
        needs = {dependency.service for dependency in model.services[name].depends_on}
        if progress.launched is None and not needs.isdisjoint(found):
            found.append(name)
    return found[1:]


def goes_on(model: Model, services: Mapping[str, ServiceProgress]) -> bool:
    """Whether some service is still to be started that waits only for what may come."""
    waiting = [name for name, progress in services.items() if progress.launched is None]
    return any(_may_come(model, services, name) for name in waiting)


def _may_come(model: Model, services: Mapping[str, ServiceProgress], name: str) -> bool:
    """Whether all that keeps a service from its start may still come. What nothing keeps is started
    with another one: a provider."""
    others = waits_for(model, services, name)
    return bool(others) and all(
        services[other].phase is Phase.WAITING
        if services[other].launched is not None
        else _may_come(model, services, other)
        for other in others
    )


def is_optional(model: Model, services: Mapping[str, ServiceProgress], name: str) -> bool:
    """Whether services of this start depend on one, and all can do without it."""
    required = [
        dependency.required
        for other in services
        for dependency in model.services[other].depends_on
        if dependency.service == name
    ]
    return bool(required) and not any(required)


def states_of_others(
    model: Model, services: Mapping[str, ServiceProgress], failed: str
) -> dict[str, str]:
    """How the services stand that neither failed nor wait for the one that did."""
    apart = {failed, *dependents(model, services, failed)}
    apart |= {one.name for one in model.services.values() if not (one.replicas or one.provided)}
    return {name: _stands(one) for name, one in services.items() if name not in apart}


def _stands(progress: ServiceProgress) -> str:
    if progress.launched is None:
        return "not started"
    return "starting" if progress.phase is Phase.WAITING else progress.phase.value
