"""Carries out a plan in stages: abandoned instances, images, files to send, conflicts and
leftovers, state, containers, port forwards, checks, swarm services.

Images come first, so that a failed build has not touched any container. Before anything is removed
or replaced, the containers that the plan refers to are inspected again; if they changed since the
plan was made, the run stops.
"""

from __future__ import annotations

import enum
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace

from composetasks.apply.conflicts import removal
from composetasks.apply.images.build import build
from composetasks.apply.instances import teardown
from composetasks.apply.start import forwards
from composetasks.apply.start.checks import run_check
from composetasks.apply.start.launch import stop_by_compose, stop_provider
from composetasks.apply.start.send import send
from composetasks.apply.start.start import Start
from composetasks.apply.tools import Tools
from composetasks.facts import (
    BuildImage,
    ContainerOperation,
    ContainerStart,
    CreateContainer,
    CreateService,
    EmptyState,
    EndForwards,
    EndInstance,
    Event,
    ExitCode,
    ForwardPort,
    Operation,
    Plan,
    PullImage,
    PushImage,
    RecreateContainer,
    RemoveContainer,
    RemoveImage,
    RemoveNetwork,
    RemoveService,
    RenameContainer,
    RestartContainer,
    RestoreState,
    RetagImage,
    RunCheck,
    RunCheckJob,
    RunProvider,
    Send,
    StartContainer,
    StateOperation,
    Step,
    StopContainer,
    StopProvider,
    TakeSnapshot,
    UpdateService,
    Wait,
    World,
)
from composetasks.facts.engine import RUNNING, listed_name
from composetasks.run.failure import TaskFailure
from composetasks.run.signals import Terminated

AT_ONCE = 8
"""How many containers are stopped or removed in parallel; each may use its stop grace period."""


def carry_out(plan: Plan, world: World, tools: Tools) -> Generator[Event, None, None]:
    """Carry out ``plan`` and yield its events. Raises TaskFailure if a step fails."""
    stages = _stages(plan)
    images, state = stages[_PlanStage.IMAGES], stages[_PlanStage.STATE]
    containers, clearing = stages[_PlanStage.CONTAINERS], stages[_PlanStage.CLEARING]
    after_state = {step.id for step in state}
    left_over = [step for step in clearing if not after_state.isdisjoint(step.needs)]
    for step in stages[_PlanStage.ENDS]:
        yield from teardown.carry_out(step, tools.client)
    if images:
        yield from build(images, world, tools)
    for step in stages[_PlanStage.MOUNTS]:
        yield from send(step, world, tools)
    if clearing or containers:
        check_unchanged(plan, world, tools)
    try:
        yield from _clear([step for step in clearing if step not in left_over], world, tools)
    except _ends() as error:
        if state:
            yield from _start_again(containers, world, tools, error)
        raise
    if state:
        yield from _change_state(state, containers, world, tools)
        yield from _clear(left_over, world, tools)
    start = Start(world, containers, tools).run() if containers else ()
    yield from forwards.alongside(start, containers, stages[_PlanStage.FORWARDS], world, tools)
    for step in stages[_PlanStage.END_FORWARDS]:
        yield from forwards.end(step, tools)
    for step in stages[_PlanStage.CHECKS]:
        yield from run_check(step, tools)
    if tools.stack is not None:
        from composetasks.apply.deploy.deployment import carry_out as deploy

        pushed = [one.target for one in images if isinstance(one.operation, PushImage)]
        yield from deploy(stages[_PlanStage.SWARM], tools.stack, pushed, tools.client)


class _PlanStage(enum.Enum):
    ENDS, IMAGES, MOUNTS, CLEARING, STATE, CONTAINERS = range(6)
    FORWARDS, END_FORWARDS, CHECKS, SWARM = range(6, 10)


def _stages(plan: Plan) -> Mapping[_PlanStage, list[Step]]:
    """The steps by stage. A container that is stopped only to be started again, and not because of
    a state step, is stopped in the containers stage, when it is its turn to start."""
    stages: dict[_PlanStage, list[Step]] = {stage: [] for stage in _PlanStage}
    changes_state = any(isinstance(step.operation, StateOperation) for step in plan.steps)
    starting = [step for step in plan.steps if isinstance(step.operation, ContainerOperation)]
    started = {step.target for step in starting if not changes_state}
    for step in plan.steps:
        restarts = isinstance(step.operation, StopContainer) and step.target in started
        stage = _PlanStage.CONTAINERS if restarts else _stage(step.operation)
        stages[stage].append(step)
    return stages


def _stage(operation: Operation) -> _PlanStage:
    match operation:
        case EndInstance():
            return _PlanStage.ENDS
        case BuildImage() | PullImage() | RetagImage() | PushImage():
            return _PlanStage.IMAGES
        case (
            RemoveContainer()
            | StopContainer()
            | RenameContainer()
            | RemoveNetwork()
            | RemoveImage()
            | StopProvider()
        ):
            return _PlanStage.CLEARING
        case TakeSnapshot() | EmptyState() | RestoreState():
            return _PlanStage.STATE
        case CreateContainer() | RecreateContainer() | StartContainer() | RestartContainer():
            return _PlanStage.CONTAINERS
        case RunProvider() | Wait():
            return _PlanStage.CONTAINERS
        case Send():
            return _PlanStage.MOUNTS
        case ForwardPort():
            return _PlanStage.FORWARDS
        case EndForwards():
            return _PlanStage.END_FORWARDS
        case RunCheck():
            return _PlanStage.CHECKS
        case CreateService() | UpdateService() | RemoveService() | RunCheckJob():
            return _PlanStage.SWARM


def _change_state(
    state: Sequence[Step], containers: Sequence[Step], world: World, tools: Tools
) -> Iterator[Event]:
    """Carry out the state steps. If one fails, all state is left as it was, and the containers that
    were stopped for it are started again before the failure is raised (unless the state could not
    be put back). The same happens if a run that only takes snapshots is interrupted; an interrupted
    replacement of state is completed or undone by the next run."""
    from composetasks.apply.state.replacement import HalfReplaced
    from composetasks.apply.state.steps import change_state

    try:
        yield from change_state(state, world, tools)
    except HalfReplaced:
        raise
    except _ends() as error:
        nothing_changed = all(isinstance(step.operation, TakeSnapshot) for step in state)
        if isinstance(error, Exception) or nothing_changed:
            yield from _start_again(containers, world, tools, error)
        raise


def _failures() -> tuple[type[Exception], ...]:
    """The exceptions that end a step: a failure, an error of the engine or of the system."""
    from docker.errors import DockerException

    return (TaskFailure, DockerException, OSError)


def _ends() -> tuple[type[BaseException], ...]:
    """The exceptions that end a step, or the whole run."""
    return (*_failures(), KeyboardInterrupt, Terminated)


def _start_again(
    containers: Sequence[Step], world: World, tools: Tools, error: BaseException
) -> Iterator[Event]:
    """Start the containers that ran before they were stopped for a state step. After an interrupt,
    do not wait until they are up."""
    ran = {one.id for one in world.engine.containers if one.running}
    again = [step for step in containers if step.key in ran]
    if again:
        wait = tools.limits.wait and isinstance(error, Exception)
        yield from Start(
            world, again, replace(tools, limits=replace(tools.limits, wait=wait))
        ).run()


def check_unchanged(plan: Plan, world: World, tools: Tools) -> None:
    """Raise TaskFailure, code 9, if somebody else changed what the plan depends on since it was
    made (a build may have taken minutes): a container that the plan still needs is gone, a
    container that may be removed only while it is stopped is running, another container took a name
    that the plan needs, or a port that it needs was taken. A container that exited, restarted or
    became healthy is no change."""
    containers = tools.client.containers(all=True)
    now = {str(one["Id"]): str(one.get("State", "")) for one in containers}
    holders = {listed_name(one): str(one["Id"]) for one in containers}
    ended = [container for one in world.abandoned for container in one.containers]
    then = {container.id: container for container in (*world.engine.containers, *ended)}
    for step in plan.steps:
        seen = then.get(step.key)
        if seen is not None:
            state = now.get(step.key, "gone")
            ending = isinstance(step.operation, RemoveContainer | StopContainer)
            gone = state in ("gone", "removing") and not ending
            if gone or (_stopped_only(step) and state in RUNNING):
                raise _changed(seen.name, f"it was {seen.state} and is {state} now")
        holder = (
            holders.get(step.target) if isinstance(step.operation, ContainerOperation) else None
        )
        if holder is not None and holder not in then:
            raise _changed(step.target, "another container now has its name")
    starting = dict.fromkeys(
        step.service for step in plan.steps if isinstance(step.operation, ContainerStart)
    )
    if starting and tools.taken_since is not None:
        for difference in tools.taken_since(list(starting)):
            raise _stopped(f"a port was taken after the plan was made: {difference}")


def _changed(name: str, difference: str) -> TaskFailure:
    return _stopped(f"container {name} changed after the plan was made: {difference}")


def _stopped(message: str) -> TaskFailure:
    return TaskFailure(
        message,
        code=ExitCode.CONFLICT,
        hint="nothing was removed or replaced; run the task again for a new plan",
    )


def _clear(steps: Sequence[Step], world: World, tools: Tools) -> Iterator[Event]:
    """Carry out clearing steps in parallel, each after the steps it needs."""
    left = {step.id: step for step in steps}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        under_way: dict[Future[list[Event]], list[Step]] = {}
        try:
            while left or under_way:
                pending = {*left, *(step.id for group in under_way.values() for step in group)}
                for step in list(left.values()):
                    if step.id in left and pending.isdisjoint(step.needs):
                        group = _at_once(step, left.values())
                        for together in group:
                            del left[together.id]
                        under_way[pool.submit(_clear_some, group, world, tools)] = group
                done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    del under_way[future]
                    yield from future.result()
        except _ends():
            # Requests already sent to the engine complete and are reported; nothing new begins.
            pool.shutdown(cancel_futures=True)
            for future in under_way:
                if not future.cancelled() and future.exception() is None:
                    yield from future.result()
            raise


def _at_once(step: Step, steps: Iterable[Step]) -> list[Step]:
    """The steps carried out together with ``step``: Compose stops all containers of a service."""
    if not _by_compose(step):
        return [step]
    return [one for one in steps if _by_compose(one) and one.service == step.service]


def _stopped_only(step: Step) -> bool:
    return isinstance(step.operation, RemoveContainer) and step.operation.stopped_only


def _by_compose(step: Step) -> bool:
    operation = step.operation
    return isinstance(operation, RemoveContainer | StopContainer) and operation.by_compose


def _clear_some(steps: Sequence[Step], world: World, tools: Tools) -> list[Event]:
    if isinstance(steps[0].operation, StopProvider):
        return list(stop_provider(steps[0], tools, world.model.project))
    if _by_compose(steps[0]):
        keys = [step.key for step in steps]
        stop_by_compose(tools, world.model.project, steps[0].service, keys)
    return [
        event
        for step in steps
        for event in removal.carry_out(step, tools.client, tools.run_folder, world.model)
    ]
