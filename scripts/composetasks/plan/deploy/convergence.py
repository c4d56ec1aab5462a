"""How far a swarm service has converged, judged from its tasks as the engine lists them.

A task with a health check becomes ``running`` once that has passed. Only tasks of the service's
current spec count; those of the previous spec are being shut down.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from composetasks.facts.frozen import frozen
from composetasks.plan.deploy.placement import unmet

CRASHES = 3
"""This many failed tasks of one spec mean that the deployment has failed."""
ENDED = ("failed", "rejected", "orphaned")
LIVE = (
    *("new", "pending", "assigned", "accepted", "preparing", "ready", "starting", "running"),
    "complete",
)


@frozen
class Convergence:
    """How many of the ``wanted`` tasks are as they should be. ``failed`` says why the service will
    not converge ("" if it still may), ``task`` is the most informative task, ``proven`` says that
    Swarm or a health check has monitored the tasks."""

    done: int
    wanted: int
    failed: str = ""
    task: Mapping[str, Any] | None = None
    proven: bool = True

    @property
    def complete(self) -> bool:
        return not self.failed and self.done >= self.wanted


def progress(
    service: Mapping[str, Any],
    tasks: Sequence[Mapping[str, Any]],
    before: Collection[str] = (),
    nodes: Collection[Mapping[str, str]] = (),
) -> Convergence:
    """How far ``service`` has converged, by its ``tasks``. Failures of tasks whose ids are in
    ``before``, from before the deployment, do not count. ``nodes`` are the attributes of each node
    that constraints compare."""
    spec = service["Spec"]
    mode, template = spec["Mode"], spec["TaskTemplate"]
    current = [one for one in _by_time(tasks) if _is_of(one, service)]
    job = "ReplicatedJob" in mode or "GlobalJob" in mode
    policy = template.get("RestartPolicy") or {}
    ends = job or policy.get("Condition") in ("none", "on-failure")
    good = [one for one in current if _is_good(one, job=job, ends=ends)]
    new = [one for one in _by_time(tasks) if one["ID"] not in before]
    failures = [one for one in current if _state(one) in ENDED and one in new]
    live = [one for one in current if _state(one) in LIVE and one.get("DesiredState") != "shutdown"]
    constraints = (template.get("Placement") or {}).get("Constraints")
    wanted = _wanted(mode, live, nowhere=bool(unmet(constraints, nodes)))
    update = service.get("UpdateStatus") or {}
    state = str(update.get("State") or "")
    failed = ""
    if state == "paused" or state.startswith("rollback"):
        failed = str(update.get("Message") or "its update was rolled back")
    elif len(failures) >= CRASHES or (failures and not live and _gives_up(policy, failures)):
        failed = f"{len(failures)} of its tasks failed"
    decisive = failures or [one for one in new if _state(one) in ENDED] or current
    waiting = state == "updating" or any(
        task.get("DesiredState") == "running" and task not in current and not job for task in tasks
    )
    return Convergence(
        done=min(len(good), max(0, wanted - 1)) if waiting else len(good),
        wanted=wanted,
        failed=failed,
        task=decisive[-1] if decisive else None,
        proven=job or bool(state) or bool(template["ContainerSpec"].get("Healthcheck")),
    )


def _by_time(tasks: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(tasks, key=lambda one: str(one["CreatedAt"]))


def _is_of(task: Mapping[str, Any], service: Mapping[str, Any]) -> bool:
    """Whether a task belongs to a service's current spec and to its current job iteration."""
    template = service["Spec"]["TaskTemplate"]
    same = all(
        task["Spec"].get(key) == template.get(key)
        for key in {*template, *task["Spec"]} - {"Runtime"}
    )
    iteration = (service.get("JobStatus") or {}).get("JobIteration") or {}
    mine = task.get("JobIteration") or {}
    return same and iteration.get("Index", 0) == mine.get("Index", 0)


def _state(task: Mapping[str, Any]) -> str:
    return str((task.get("Status") or {}).get("State") or "")


def _is_good(task: Mapping[str, Any], *, job: bool, ends: bool) -> bool:
    state = _state(task)
    if state == "complete":
        return ends
    return state == "running" and task.get("DesiredState") == "running" and not job


def _wanted(mode: Mapping[str, Any], live: Sequence[Mapping[str, Any]], *, nowhere: bool) -> int:
    """The number of tasks there should be. A global service has one on each node that Swarm chose,
    so none if its constraints are met ``nowhere``."""
    if "Replicated" in mode or "ReplicatedJob" in mode:
        replicas = mode.get("Replicated", {}).get("Replicas")
        count = mode.get("ReplicatedJob", {}).get("TotalCompletions", replicas)
        return 1 if count is None else int(count)
    return max(0 if nowhere else 1, len(live))


def _gives_up(policy: Mapping[str, Any], failures: Sequence[Mapping[str, Any]]) -> bool:
    """Whether Swarm does not replace a failed task any more."""
    attempts = int(policy.get("MaxAttempts") or 0)
    return policy.get("Condition") == "none" or bool(attempts and len(failures) > attempts)
