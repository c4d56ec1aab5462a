"""Who waits for whom in a start: functions of the model and of how far each service is."""

from __future__ import annotations

from collections.abc import Mapping

from composetasks.apply.start.progress import Progress
from composetasks.facts import Dependency, Model
from composetasks.plan.start.readiness import Phase


def waits_for(model: Model, services: Mapping[str, Progress], name: str) -> list[str]:
    """The services that must come further before ``name`` may be started."""
    return [
        dependency.service
        for dependency in model.services[name].depends_on
        if dependency.service in services
        and not _satisfied(dependency, services[dependency.service])
    ]


def _satisfied(dependency: Dependency, other: Progress) -> bool:
    # What can be done without is given up as soon as the engine says so, as Compose does.
    given_up = other.phase is Phase.FAILED or other.verdict.kind == "unhealthy"
    if given_up and not dependency.required:
        return True
    return {
        "service_healthy": other.phase is Phase.UP,
        "service_completed_successfully": other.phase is Phase.DONE,
    }.get(dependency.condition, other.launched is not None)


def dependents(model: Model, services: Mapping[str, Progress], failed: str) -> list[str]:
    """The services that have not been started because they wait, in the end, for one."""
    found = [failed]
    for name, progress in services.items():
        needs = {dependency.service for dependency in model.services[name].depends_on}
        if progress.launched is None and not needs.isdisjoint(found):
            found.append(name)
    return found[1:]


def is_optional(model: Model, services: Mapping[str, Progress], name: str) -> bool:
    """Whether services of this start depend on one, and all can do without it."""
    required = [
        dependency.required
        for other in services
        for dependency in model.services[other].depends_on
        if dependency.service == name
    ]
    return bool(required) and not any(required)


def states_of_others(model: Model, services: Mapping[str, Progress], failed: str) -> dict[str, str]:
    """How the services stand that neither failed nor wait for the one that did."""
    apart = {failed, *dependents(model, services, failed)}
    return {name: _stands(one) for name, one in services.items() if name not in apart}


def _stands(progress: Progress) -> str:
    if progress.launched is None:
        return "not started"
    return "starting" if progress.phase is Phase.WAITING else progress.phase.value
