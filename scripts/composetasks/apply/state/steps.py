"""Carries out the steps of a plan that save, empty and restore state."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

from composetasks.apply.state import snapshot
from composetasks.apply.state.helper import HelperFailed, failure
from composetasks.apply.state.replacement import StateReplacement
from composetasks.apply.tools import Tools, event
from composetasks.facts import Event, Step, TakeSnapshot, World
from composetasks.facts.program import task
from composetasks.run.external_failures import engine_lost
from composetasks.run.failure import TaskFailure
from composetasks.run.process import ProgramError


def change_state(steps: Sequence[Step], world: World, tools: Tools) -> Iterator[Event]:
    """Carry out the state steps of a plan, the snapshot first.

    Raises TaskFailure; in that case all state is unchanged.
    """
    for step in steps:
        if isinstance(step.operation, TakeSnapshot):
            yield from _keep(step, step.operation, world, tools)
    replacing = [step for step in steps if not isinstance(step.operation, TakeSnapshot)]
    if replacing:
        yield from StateReplacement(replacing, world, tools).run()


def _keep(step: Step, operation: TakeSnapshot, world: World, tools: Tools) -> Iterator[Event]:
    state = [one for one in world.state if one.name in operation.state]
    began = time.monotonic()
    yield event("step-started", step)
    try:
        still = _still(operation.paused, world, tools)
        for progress in snapshot.write(step.target, state, world, tools, still):
            yield event("progress", step, progress)
    except HelperFailed as error:
        raise failure(f"snapshot {step.target} could not be taken", error) from error
    except snapshot.Vanished as gone:
        raise TaskFailure(
            f"snapshot {step.target} was not taken: {gone.name} is empty now, but had "
            f"{gone.files} files when the plan was made",
            hint=f"it is emptied when its services stop; {task('snapshot --live')} reads "
            "it while they are paused",
        ) from gone
    except OSError as error:
        if isinstance(error, engine_lost()):
            raise
        raise TaskFailure(
            f"snapshot {step.target} could not be written: {error.strerror or error}",
            hint="the state is unchanged; free space in .composetasks/snapshots",
        ) from error
    yield event("step-done", step, "saved", time.monotonic() - began)


@contextlib.contextmanager
def _still(names: Sequence[str], world: World, tools: Tools) -> Iterator[None]:
    """Pause the named containers during the block so that they do not write, each after the
    ``live`` command of its service."""
    containers = [one for one in world.engine.containers if one.name in names]
    for container in containers:
        command = tools.settings.live.get(container.service, ())
        if command:
            _prepare(container.service, command, tools)
    with contextlib.ExitStack() as woken:
        for container in containers:
            tools.client.pause(container.id)
            woken.callback(tools.client.unpause, container.id)
        yield


def _prepare(service: str, command: Sequence[str], tools: Tools) -> None:
    try:
        tools.compose.run("exec", "-T", service, *command)
    except ProgramError as error:
        raise TaskFailure(
            f"{service} could not be prepared for a snapshot (`{' '.join(command)}` exited "
            f"with code {error.code})",
            detail=error.stderr.strip() or error.stdout.strip(),
            hint=f"correct stack.services.{service}.live, or omit --live",
        ) from error
