"""Carries a plan out in its stages: orphans, images, what stands in the way, containers, checks.

Images come first: where a build fails no container has been touched. Before anything is taken
away or replaced, the containers the plan speaks of are looked at once more; what changed since
the plan was shown stops the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from composetasks.apply import removal, teardown
from composetasks.apply.build import build
from composetasks.apply.checks import run_check
from composetasks.apply.launch import stop_by_compose, stop_provider
from composetasks.apply.start import Start
from composetasks.apply.tools import Tools
from composetasks.facts import Action, Event, ExitCode, Plan, Step, World
from composetasks.run.failure import TaskFailure

IMAGES = (Action.BUILD_IMAGE, Action.PULL_IMAGE, Action.RETAG_IMAGE, Action.PUSH_IMAGE)
CONTAINERS = (
    Action.CREATE_CONTAINER,
    Action.RECREATE_CONTAINER,
    Action.START_CONTAINER,
    Action.RUN_PROVIDER,
    Action.WAIT,
)
LAUNCHING = (Action.CREATE_CONTAINER, Action.RECREATE_CONTAINER, Action.START_CONTAINER)
ENDING = (Action.REMOVE_CONTAINER, Action.STOP_CONTAINER)
ALIVE = ("running", "paused", "restarting")
STATE = (Action.SNAPSHOT, Action.EMPTY_STATE, Action.RESTORE_STATE)
AT_ONCE = 8
"""How many containers are stopped or removed side by side; each may take its grace period."""


def carry_out(plan: Plan, world: World, tools: Tools) -> Iterator[Event]:
    """Do what ``plan`` says and yield what happens; raises TaskFailure where a step fails."""
    ends = [step for step in plan.steps if step.action is Action.END_INSTANCE]
    images = [step for step in plan.steps if step.action in IMAGES]
    state = [step for step in plan.steps if step.action in STATE]
    started = {step.target for step in plan.steps if step.action in CONTAINERS and not state}
    containers = [
        step
        for step in plan.steps
        if step.action in CONTAINERS
        or (step.action is Action.STOP_CONTAINER and step.target in started)
    ]
    checks = [step for step in plan.steps if step.action is Action.RUN_CHECK]
    others = {step.id for step in (*ends, *images, *state, *containers, *checks)}
    after_state = {step.id for step in state}
    clearing = [step for step in plan.steps if step.id not in others]
    left_over = [step for step in clearing if not after_state.isdisjoint(step.needs)]
    for step in ends:
        yield from teardown.carry_out(step, tools.client)
    if images:
        yield from build(
            images,
            world=world,
            compose=tools.compose.argv(),
            cwd=tools.compose.folder,
            env=tools.compose.environment,
            run_folder=tools.run_folder,
            cache=tools.cache,
            jobs=tools.jobs,
            client=tools.client,
            digest_now=tools.digest_now,
            definitions=tools.definitions,
        )
    if clearing or containers:
        check_unchanged(plan, world, tools)
    try:
        yield from _clear([step for step in clearing if step not in left_over], world, tools)
    except TaskFailure:
        if state:
            yield from _start_again(containers, world, tools)
        raise
    if state:
        yield from _change_state(state, containers, world, tools)
        yield from _clear(left_over, world, tools)
    if containers:
        yield from Start(world, containers, tools).run()
    for step in checks:
        yield from run_check(step, tools)


def _change_state(
    state: Sequence[Step], containers: Sequence[Step], world: World, tools: Tools
) -> Iterator[Event]:
    """Do the state steps; where one fails, all state is what it was, and what was stopped for it
    is started again before the failure is raised (not where it could not be made what it was)."""
    from composetasks.apply.replacement import HalfReplaced
    from composetasks.apply.state import change_state

    try:
        yield from change_state(state, world, tools)
    except HalfReplaced:
        raise
    except TaskFailure:
        yield from _start_again(containers, world, tools)
        raise


def _start_again(containers: Sequence[Step], world: World, tools: Tools) -> Iterator[Event]:
    """Start what ran before it was stopped for the sake of state."""
    ran = {one.id for one in world.engine.containers if one.running}
    again = [step for step in containers if step.key in ran]
    if again:
        yield from Start(world, again, tools).run()


def check_unchanged(plan: Plan, world: World, tools: Tools) -> None:
    """Raise TaskFailure, code 9, where somebody else had a hand in what the plan speaks of since it
    was made: a container is gone that the plan goes on with, one that may be removed since it does
    not run has come to life, another has a name the plan needs, or a port it needs was taken (a
    build may have taken minutes). That a container ends, restarts, or is healthy is its own
    affair."""
    found = tools.client.containers(all=True)
    now = {str(one["Id"]): str(one.get("State", "")) for one in found}
    holders = {min(one["Names"], key=len).lstrip("/"): str(one["Id"]) for one in found}
    ended = [container for orphan in world.orphans for container in orphan.containers]
    then = {container.id: container for container in (*world.engine.containers, *ended)}
    for step in plan.steps:
        seen = then.get(step.key)
        if seen is not None:
            state = now.get(step.key, "gone")
            gone = state in ("gone", "removing") and step.action not in ENDING
            if gone or (step.idle and state in ALIVE):
                raise _changed(seen.name, f"it was {seen.state} and is {state} now")
        holder = holders.get(step.target) if step.action in CONTAINERS else None
        if holder is not None and holder not in then:
            raise _changed(step.target, "another one has come to its name")
    starting = dict.fromkeys(step.service for step in plan.steps if step.action in LAUNCHING)
    if starting and tools.taken_since is not None:
        for difference in tools.taken_since(list(starting)):
            raise _stopped(f"a port was taken after the plan was made: {difference}")


def _changed(name: str, difference: str) -> TaskFailure:
    return _stopped(f"container {name} changed after the plan was made: {difference}")


def _stopped(message: str) -> TaskFailure:
    return TaskFailure(
        message,
        code=ExitCode.CONFLICT,
        hint="nothing was removed or replaced; run the task again to see the new plan",
    )


def _clear(steps: Sequence[Step], world: World, tools: Tools) -> Iterator[Event]:
    """Carry clearing steps out side by side, each after the steps it needs."""
    left = {step.id: step for step in steps}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        under_way: dict[Future[list[Event]], list[Step]] = {}
        while left or under_way:
            pending = {*left, *(step.id for some in under_way.values() for step in some)}
            for step in list(left.values()):
                if step.id in left and pending.isdisjoint(step.needs):
                    some = _at_once(step, left.values())
                    for one in some:
                        del left[one.id]
                    under_way[pool.submit(_clear_some, some, world, tools)] = some
            done, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                del under_way[future]
                yield from future.result()


def _at_once(step: Step, steps: Iterable[Step]) -> list[Step]:
    """The steps that are done with ``step``: Compose stops all containers of a service."""
    if not step.by_compose:
        return [step]
    return [one for one in steps if one.by_compose and one.service == step.service]


def _clear_some(steps: Sequence[Step], world: World, tools: Tools) -> list[Event]:
    if steps[0].action is Action.STOP_PROVIDER:
        return list(stop_provider(steps[0], tools))
    if steps[0].by_compose:
        stop_by_compose(tools, steps[0].service, [step.key for step in steps])
    return [
        event
        for step in steps
        for event in removal.carry_out(step, tools.client, tools.run_folder, world.model)
    ]
