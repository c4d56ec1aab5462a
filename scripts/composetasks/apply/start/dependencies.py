"""Which services wait for which other services in a start."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from composetasks.apply.start.progress import ServiceProgress
from composetasks.facts import Dependency, Model
from composetasks.facts.jobs import namespaces_of
from composetasks.facts.model import COMPLETED, HEALTHY
from composetasks.plan.start.readiness import Phase


class Dependencies:
    """The dependencies of the services of a start, from the model and each service's progress."""

    def __init__(self, model: Model, services: Mapping[str, ServiceProgress]) -> None:
        self.model, self.services = model, services

    def waits_for(self, name: str) -> list[str]:
        """The services that must progress before ``name`` may be started. A provider is run
        together with the first services that depend on it; these wait for what the provider waits
        for."""
        waits: list[str] = []
        shared = namespaces_of(self.model.services[name]) if self.services[name].too_early else ()
        for dependency in self.model.services[name].depends_on:
            other = self.services.get(dependency.service)
            if other is None or self.is_scaled_to_zero(dependency.service):
                continue
            if self.model.services[dependency.service].provided and other.launched is None:
                waits += self.waits_for(dependency.service)
            elif not _satisfied(dependency, other) or (
                dependency.service in shared and other.coming
            ):
                waits.append(dependency.service)
        return list(dict.fromkeys(waits))

    def is_scaled_to_zero(self, name: str) -> bool:
        """Whether a service is to have no containers: then nothing waits for it, as with Compose
        (convergence.go, shouldWaitForDependency)."""
        service = self.model.services[name]
        return not service.replicas and not service.provided

    def runs_along(self, name: str, ready: Collection[str]) -> bool:
        """Whether a provider is run later, together with its dependents: Compose passes the
        provider's output to dependents only within the same run."""
        users = [
            other
            for other, progress in self.services.items()
            if progress.launched is None and name in self.model.providers_of(other)
        ]
        return bool(users) and not any(
            other in ready and not self.runs_along(other, ready) for other in users
        )

    def dependents(self, failed: str) -> list[str]:
        """The services that are not started because they depend on ``failed``, even indirectly."""
        waiting = [failed]
        for name, progress in self.services.items():
            needs = {dependency.service for dependency in self.model.services[name].depends_on}
            if progress.launched is None and not needs.isdisjoint(waiting):
                waiting.append(name)
        return waiting[1:]

    def goes_on(self) -> bool:
        """Whether a service is still to be started and waits only for services that may come up."""
        waiting = [name for name, progress in self.services.items() if progress.launched is None]
        return any(map(self._may_come, waiting))

    def _may_come(self, name: str) -> bool:
        """Whether every service that ``name`` waits for may still come up. False if it waits for
        none: then it is a provider, which is started together with another service."""
        others = self.waits_for(name)
        return bool(others) and all(
            self.services[other].phase is Phase.WAITING
            if self.services[other].launched is not None
            else self._may_come(other)
            for other in others
        )

    def is_optional(self, name: str) -> bool:
        """Whether services of this start depend on ``name`` and none of them requires it."""
        required = [
            dependency.required
            for other in self.services
            for dependency in self.model.services[other].depends_on
            if dependency.service == name
        ]
        return bool(required) and not any(required)

    def states_of_others(self, failed: str) -> dict[str, str]:
        """The states of the services that neither failed nor wait for ``failed``."""
        apart = {failed, *self.dependents(failed)}
        return {
            name: _state(progress)
            for name, progress in self.services.items()
            if name not in apart
            and (self.model.services[name].replicas or self.model.services[name].provided)
        }


def _satisfied(dependency: Dependency, other: ServiceProgress) -> bool:
    if (other.hopeless or other.phase is Phase.FAILED) and not dependency.required:
        return True
    return {
        HEALTHY: other.phase is Phase.UP,
        COMPLETED: other.phase is Phase.DONE,
    }.get(dependency.condition, other.launched is not None)


def _state(progress: ServiceProgress) -> str:
    if progress.launched is None:
        return "not started"
    return "starting" if progress.phase is Phase.WAITING else progress.phase.value
