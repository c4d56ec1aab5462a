"""Starts the containers of some services, by Compose (``docker compose up --no-build --no-deps``),
and directly for what ``up`` does not do; stops containers that have hooks."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from types import UnionType

from composetasks.apply.conflicts import removal
from composetasks.apply.start import compose_command
from composetasks.apply.start.compose_command import NotDone
from composetasks.apply.tools import Tools, event
from composetasks.facts import (
    ContainerStart,
    CreateContainer,
    Event,
    Model,
    RecreateContainer,
    RestartContainer,
    RunProvider,
    StartContainer,
    Step,
    StopContainer,
)
from composetasks.facts.plain_text import lines_of
from composetasks.plan.start.error_line import plain_line
from composetasks.run import waiting
from composetasks.run.compose import Compose
from composetasks.run.external_failures import EngineGone, engine_lost, unless_full
from composetasks.run.failure import TaskFailure
from composetasks.run.masking import safe
from composetasks.run.process import ProgramError

ENDED_SECONDS = 1
"""How long the engine may still report a container as running after it exited."""
LAUNCHED_BY_COMPOSE = ContainerStart | RunProvider
# Orphans are removed only if the plan says so, not because of COMPOSE_REMOVE_ORPHANS.
OPTIONS = ("--no-build", "--pull", "never", "--remove-orphans=false")
UP = ("up", "-d", *OPTIONS)
MAKE = ("up", "--no-start", *OPTIONS)


class NotLaunched(Exception):
    """Compose could not start one of ``services``; ``printed`` is what it printed on stderr."""

    def __init__(self, services: Sequence[str], printed: str) -> None:
        super().__init__(printed)
        self.services = services
        self.lines = [line.strip() for line in map(plain_line, lines_of(printed)) if line]

    @property
    def why(self) -> str:
        """The line that gives the reason: the last one that mentions an error."""
        errors = [line for line in self.lines if "rror" in line]
        return (errors or self.lines or [""])[-1]


def engine_answers(tools: Tools) -> bool:
    try:
        return bool(tools.client.ping())
    except engine_lost():
        return False


def launches(steps: Sequence[Step]) -> bool:
    """Whether one of these steps creates, starts or restarts a container."""
    return _has(steps, LAUNCHED_BY_COMPOSE | RestartContainer)


def _has(steps: Sequence[Step], operations: type | UnionType) -> bool:
    return any(isinstance(step.operation, operations) for step in steps)


def launch(tools: Tools, model: Model, services: Mapping[str, Sequence[Step]]) -> None:
    """Carry out the steps of each service. Raises NotLaunched, and one of :func:`engine_lost`."""
    for name, steps in services.items():
        with _refusals_named(tools, name):
            _by_hand(tools, steps)
    _restart(tools, model, services)
    as_they_were = [name for name, steps in services.items() if any(map(_as_it_was, steps))]
    _start_again(tools, model, {name: services[name] for name in as_they_were})
    wanted = {
        name: steps
        for name, steps in services.items()
        if _has(steps, LAUNCHED_BY_COMPOSE) and name not in as_they_were
    }
    needed = {name: providers for name in wanted if (providers := model.providers_of(name))}
    run_along = {one for providers in needed.values() for one in providers}
    apart = {one: steps for one, steps in wanted.items() if one not in {*needed, *run_along}}
    seeing = {one: steps for one, steps in apart.items() if any(map(_sees_dependencies, steps))}
    _make(tools, model, seeing)
    groups: dict[bool, list[str]] = {}
    for name, steps in apart.items():
        groups.setdefault(_forced(steps) and name not in seeing, []).append(name)
    for forced, names in groups.items():
        up = [*UP, "--no-deps", *_force(forced)]
        _run_compose(tools, model, up, names)
    if needed:
        names = [name for name in wanted if name in run_along]
        names += [name for name in needed if name not in run_along]
        forced = any(_forced(wanted[name]) for name in needed)
        _with_providers(tools, model, names, needed, _force(forced))


def _make(tools: Tools, model: Model, services: Mapping[str, Sequence[Step]]) -> None:
    """Let Compose create or recreate the containers of services without starting them."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, steps in services.items():
        recreates = _has(steps, RecreateContainer)
        option = _force(_forced(steps)) if recreates else ["--no-recreate"]
        groups.setdefault(tuple(option), []).append(name)
    for options, names in groups.items():
        _run_compose(tools, model, [*MAKE, *options], names)


def _as_it_was(step: Step) -> bool:
    return isinstance(step.operation, StartContainer) and step.operation.as_it_was


def _start_again(tools: Tools, model: Model, services: Mapping[str, Sequence[Step]]) -> None:
    """Start the same containers that were stopped, even if Compose would recreate them by now: by
    the engine, or by Compose if they have ``post_start`` hooks."""
    hooked = [name for name in services if model.services[name].config.get("post_start")]
    if hooked:
        _run_compose(tools, model, [*UP, "--no-deps", "--no-recreate"], hooked)
    for name, steps in services.items():
        for step in steps if name not in hooked else ():
            with _refusals_named(tools, name):
                tools.client.start(step.key)


def _sees_dependencies(step: Step) -> bool:
    operation = step.operation
    return (
        isinstance(operation, CreateContainer | RecreateContainer) and operation.sees_dependencies
    )


def _force(forced: bool) -> list[str]:
    return ["--force-recreate"] if forced else []


def _restart(tools: Tools, model: Model, services: Mapping[str, Sequence[Step]]) -> None:
    """Restart containers, by Compose in one run for all its services, or by the engine."""
    names = [
        name
        for name, steps in services.items()
        if any(step.operation == RestartContainer(by_compose=True) for step in steps)
    ]
    if names:
        keys = {name: [step.key for step in services[name]] for name in names}
        _restart_by_compose(tools, model, keys)
    for name, steps in services.items():
        for step in steps:
            if step.operation == RestartContainer(by_compose=False):
                _restart_by_engine(tools, name, step.key)


def _restart_by_compose(tools: Tools, model: Model, services: Mapping[str, Sequence[str]]) -> None:
    """Restart all containers of services (``services`` maps names to container ids). Raises
    TaskFailure, code 1, if a ``pre_stop`` hook fails: Compose then leaves the container running."""
    before = {name: _lives(tools, keys) for name, keys in services.items()}
    try:
        _run_compose(tools, model, ["restart", "--no-deps"], list(services))
    except NotLaunched as failed:
        for name, keys in services.items():
            if failed.why.startswith(f"{name} hook ") and before[name] & _lives(tools, keys):
                raise _not_stopped(name, failed) from failed
        raise


def _restart_by_engine(tools: Tools, service: str, key: str) -> None:
    with _refusals_named(tools, service):
        removal.stop(tools.client, tools.client.inspect_container(key))
        tools.client.start(key)


@contextlib.contextmanager
def _refusals_named(tools: Tools, service: str) -> Iterator[None]:
    """Raise NotLaunched for a service if the engine refuses a request in the block. (To the SDK, a
    refusal is an error of the connection, too.)"""
    from docker import errors

    try:
        yield
    except errors.APIError as error:
        if not engine_answers(tools):
            raise EngineGone from error
        raise NotLaunched([service], str(error.explanation or error)) from error


def _with_providers(
    tools: Tools,
    model: Model,
    names: Sequence[str],
    needed: Mapping[str, Sequence[str]],
    options: Sequence[str],
) -> None:
    """Start services together with the providers they depend on (``needed``): Compose passes a
    provider's output to services only within the same run. Their other dependencies are up and are
    left alone."""
    every = dict.fromkeys(one for providers in needed.values() for one in providers)
    alone = [one for one in every if one not in needed]
    text = "".join(
        [
            "services:\n",
            *(f"  {json.dumps(one)}: {{depends_on: !reset null}}\n" for one in alone),
            *(
                f"  {json.dumps(name)}: {{depends_on: !override {json.dumps(list(providers))}}}\n"
                for name, providers in needed.items()
            ),
        ]
    )
    files = [*map(str, model.files), "-"]
    compose = tools.compose.with_files(files, tools.compose.project)
    _run_compose(tools, model, [*UP, *options], names, compose=compose, override=text)


def _by_hand(tools: Tools, steps: Sequence[Step]) -> None:
    """Do what ``up`` does not do: unpause a container, stop one that has to restart."""
    for step in steps:
        if isinstance(step.operation, StopContainer):
            removal.stop(tools.client, tools.client.inspect_container(step.key))
        elif step.operation == StartContainer(unpause=True) and _paused(tools, step.key):
            tools.client.unpause(step.key)


def _paused(tools: Tools, key: str) -> bool:
    return bool(tools.client.inspect_container(key)["State"]["Paused"])


def _forced(steps: Sequence[Step]) -> bool:
    return any(
        isinstance(step.operation, RecreateContainer) and step.operation.forced for step in steps
    )


def _limit(tools: Tools, services: Sequence[str]) -> float:
    """The seconds that the engine may take for one container of these services: the time they may
    take to be up, but never less than for other work."""
    given = [tools.given_timeout(name) for name in services]
    limits = [compose_command.LONGEST_SECONDS if one is None else one for one in given]
    return max(*limits, tools.client.timeout * waiting.WORK)


def _run_compose(
    tools: Tools,
    model: Model,
    command: Sequence[str],
    services: Sequence[str],
    *,
    compose: Compose | None = None,
    override: str | None = None,
) -> None:
    """Run a Compose command on services. Raises NotLaunched if it fails. ``compose`` and its
    ``override`` are for services that are run with their providers, which may take any time."""
    arguments = [*command, *services]
    limit = _limit(tools, services) if compose is None else math.inf
    try:
        compose_command.run(tools, model.project, arguments, compose, stdin=override, limit=limit)
    except NotDone as error:
        raise NotLaunched(services, str(error)) from error
    except ProgramError as error:
        with unless_full():
            (tools.run_folder / f"compose-{command[0]}.log").write_text(
                safe(error.stdout + error.stderr), "utf-8", "backslashreplace"
            )
        if not engine_answers(tools):
            raise EngineGone from error
        # With COMPOSE_STATUS_STDOUT the state of each container is on stdout.
        raise NotLaunched(services, error.stdout + error.stderr) from error


def stop_provider(step: Step, tools: Tools, project: str) -> Iterator[Event]:
    """Let a provider remove what it created. Raises TaskFailure, code 1, if that fails."""
    yield event("step-started", step)
    try:
        compose_command.run(tools, project, ["down", step.service])
    except ProgramError as error:
        failed = NotLaunched([step.service], error.stdout + error.stderr)
        raise TaskFailure(
            f"the provider of {step.service} could not remove what it created",
            detail=safe(failed.why),
            hint="make sure that its program is on PATH, and run the task again",
        ) from error
    yield event("step-done", step, "ended")


def stop_by_compose(tools: Tools, project: str, service: str, keys: Sequence[str]) -> None:
    """Stop a service's containers (``keys`` are their ids) after their ``pre_stop`` hooks.

    Raises TaskFailure, code 1, if a hook fails: Compose then leaves the container running. If the
    container exited during the hook, for example in a restart loop, there is nothing left to stop,
    and nothing is raised."""
    before = _lives(tools, keys)
    try:
        compose_command.run(tools, project, ["stop", service])
    except ProgramError as error:
        # A hook sees the end of its container before the engine's record shows it.
        for key, _ in before & _lives(tools, keys):
            _await_end(tools, key)
        if before.isdisjoint(_lives(tools, keys)):
            return
        failed = NotLaunched([service], error.stdout + error.stderr)
        raise _not_stopped(service, failed) from error


def _await_end(tools: Tools, key: str) -> None:
    """Wait a moment until a container has exited."""
    import requests
    from docker import errors

    with contextlib.suppress(requests.exceptions.RequestException, errors.DockerException):
        tools.client.wait(key, timeout=ENDED_SECONDS, condition="not-running")


def _not_stopped(service: str, failed: NotLaunched) -> TaskFailure:
    return TaskFailure(
        f"service {service} could not be stopped: {safe(failed.why)}",
        detail=safe("\n".join(failed.lines)),
        hint=f"`docker compose kill {service}` stops it without its hooks",
    )


def _lives(tools: Tools, keys: Sequence[str]) -> set[tuple[str, str]]:
    """The ids of the containers that run, with the times they started."""
    from docker import errors

    lives = set()
    for key in keys:
        with contextlib.suppress(errors.NotFound):
            state = tools.client.inspect_container(key)["State"]
            if state["Running"] and not state["Restarting"]:
                lives.add((key, str(state["StartedAt"])))
    return lives


def culprit(
    tools: Tools, model: Model, failed: NotLaunched, containers: Mapping[str, Sequence[str]]
) -> str:
    """The service that Compose's error is about: one whose container has this error recorded by the
    engine, one whose container has another, one that the error names, or the first. ``containers``
    are ids by service."""
    import requests
    from docker import errors

    recorded = {}
    for name in failed.services:
        for key in containers[name]:
            with contextlib.suppress(requests.exceptions.RequestException, errors.DockerException):
                if error := tools.client.inspect_container(key)["State"].get("Error"):
                    recorded[name] = error
                    if _in_one_line(error) in _in_one_line(*failed.lines):
                        return name
    if recorded:
        return next(iter(recorded))
    for name in failed.services:
        for container in model.services[name].container_names:
            if container in failed.why or any(
                line.startswith(f"Container {container} ") and line.endswith("Error")
                for line in failed.lines
            ):
                return name
        beginnings = (f"service:{name}:", f'service "{name}" pre_start', f"{name} hook ")
        if any(line.startswith(beginnings) for line in failed.lines):
            return name
    return failed.services[0]


def _in_one_line(*text: str) -> str:
    return " ".join(" ".join(text).split())
