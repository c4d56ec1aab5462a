"""Carries out a deployment: services in waves, each after the services it waits for are up, then
the checks. If one fails, the whole stack is rolled back to the last revision.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from composetasks.apply.deploy.claim import who
from composetasks.apply.deploy.failure import not_up, roll_back, with_rollback
from composetasks.apply.deploy.stack import ASK_SECONDS, Stack, check_job_name
from composetasks.apply.tools import event
from composetasks.facts import (
    CreateService,
    Event,
    ExitCode,
    RemoveService,
    RunCheckJob,
    Step,
    UpdateService,
)
from composetasks.facts.deploy import CHECK, CONTENT, NAMESPACE, REVISION
from composetasks.observe.deploy.swarm import digest, of_stack, packed
from composetasks.observe.images.registry import base_digests
from composetasks.plan.deploy.convergence import progress
from composetasks.run.failure import TaskFailure
from composetasks.run.versions import installed
from composetasks.store.folder import now

if TYPE_CHECKING:
    from docker.errors import APIError


def carry_out(
    steps: Sequence[Step], stack: Stack, pushed: Collection[str], builder: Any
) -> Iterator[Event]:
    """Carry out ``steps`` in a swarm. ``pushed`` are the image references that the plan pushed, by
    the engine that ``builder`` is a client of. Raises TaskFailure, code 8, if a service or a check
    fails."""
    from docker import errors

    removals = [one for one in steps if isinstance(one.operation, RemoveService)]
    services = [one for one in steps if isinstance(one.operation, CreateService | UpdateService)]
    checks = [one for one in steps if isinstance(one.operation, RunCheckJob)]
    if stack.file is None:
        yield from _remove_all(removals, stack)
        return
    stack = _pinned(stack, pushed, builder)
    stack.make_contents()
    touched: list[Step] = []
    try:
        for step in removals:
            touched.append(step)
            yield from _remove(step, stack)
        for wave in waves(services):
            touched += wave
            yield from _bring_up(wave, stack)
        for step in checks:
            yield from _check(step, stack)
    except (TaskFailure, errors.APIError) as error:
        failure = error if isinstance(error, TaskFailure) else _refused(error)
        raise with_rollback(failure, roll_back(touched, stack), stack) from error
    _record(stack)
    _prune(stack)


def _refused(error: APIError) -> TaskFailure:
    return TaskFailure(
        "the swarm refused the request",
        code=ExitCode.NOT_HEALTHY,
        detail=str(error.explanation or error),
        hint="correct what it names, and deploy again",
    )


def waves(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Group steps into waves, each after all steps it needs; a cycle is one last wave."""
    left = list(steps)
    while left:
        pending = {step.id for step in left}
        wave = [step for step in left if pending.isdisjoint(step.needs)] or left
        left = [step for step in left if step not in wave]
        yield wave


# --- images ---------------------------------------------------------------------------------


def _pinned(stack: Stack, pushed: Collection[str], builder: Any) -> Stack:
    """The stack with its pushed images pinned to their digests. Raises TaskFailure, code 7, if an
    image did not reach the registry."""
    assert stack.file is not None
    digests = base_digests(pushed, builder)
    for reference in sorted(set(pushed) - set(digests)):
        raise TaskFailure(
            f"the image {reference} was not pushed to its registry",
            code=ExitCode.BUILD_FAILED,
            hint="files may have changed during the build: deploy again",
        )
    pinned = {
        name: {**service, "image": f"{service['image']}@{digests[service['image']]}"}
        if service["image"] in digests
        else service
        for name, service in stack.file["services"].items()
    }
    return replace(stack, file={**stack.file, "services": pinned})


# --- services -------------------------------------------------------------------------------


def _bring_up(wave: Sequence[Step], stack: Stack) -> Iterator[Event]:
    """Deploy the services of a wave and wait until they match their specs."""
    assert stack.file is not None
    by_name = {step.service: step for step in wave}
    for step in wave:
        yield event("step-started", step)
    before = {str(one["ID"]) for one in stack.tasks()}
    stack.deploy(stack.file, by_name)
    for name, convergence, seconds in stack.wait(by_name, before):
        if not convergence.complete:
            yield event("step-failed", by_name[name], convergence.failed)
            raise not_up(stack, name, convergence, str(stack.services()[name]["ID"]))
        message = f"{convergence.done} of {convergence.wanted} tasks"
        yield event("step-done", by_name[name], message, seconds)


def _remove(step: Step, stack: Stack) -> Iterator[Event]:
    from docker import errors

    yield event("step-started", step)
    try:
        stack.client.remove_service(step.key)
    except errors.NotFound:
        yield event("step-skipped", step, "already gone")
        return
    yield event("step-done", step)


def _remove_all(steps: Sequence[Step], stack: Stack) -> Iterator[Event]:
    began = time.monotonic()
    for step in steps:
        yield event("step-started", step)
    stack.remove()
    for step in steps:
        yield event("step-done", step, seconds=time.monotonic() - began)


# --- checks ---------------------------------------------------------------------------------


def _check(step: Step, stack: Stack) -> Iterator[Event]:
    """Run a check as a job: like a task of its service, but with its own command, and without a
    network alias by which other services could reach it."""
    operation = step.operation
    assert isinstance(operation, RunCheckJob)
    yield event("step-started", step)
    began = time.monotonic()
    services = stack.services()
    template = services[step.service]["Spec"]["TaskTemplate"]
    container = {
        **template["ContainerSpec"],
        "Command": list(operation.command),
        "Args": [],
        "Healthcheck": {"Test": ["NONE"]},
    }
    template = {
        **template,
        "ContainerSpec": container,
        "RestartPolicy": {"Condition": "none"},
        "Networks": [{"Target": one["Target"]} for one in template.get("Networks") or ()],
    }
    # By labels, since the engine's filter matches all names that begin with one. All checks of the
    # stack, whose claim this run holds: the jobs of two checks may have the same name.
    for left in stack.client.services(filters={"label": [f"{NAMESPACE}={stack.name}", CHECK]}):
        stack.client.remove_service(left["ID"])
    identity = stack.client.create_service(
        template,
        name=f"{stack.name}_{check_job_name(stack.name, step.target, services)}",
        labels={NAMESPACE: stack.name, CHECK: step.target},
        mode={"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 1}},
        endpoint_spec={"Mode": "dnsrr"},
    )["ID"]
    try:
        while True:
            record = stack.client.inspect_service(identity)
            tasks = stack.client.tasks(filters={"service": identity})
            convergence = progress(record, tasks)
            late = time.monotonic() - began > stack.limit(step.target)
            if convergence.complete or convergence.failed or late:
                break
            threading.Event().wait(ASK_SECONDS)
        for line in stack.log(identity, str((convergence.task or {}).get("ID"))):
            yield event("log", step, line)
        if not convergence.complete:
            failed = (
                convergence.failed or f"it was still running after {stack.limit(step.target):g} s"
            )
            yield event("step-failed", step, failed)
            stands = replace(convergence, failed=failed)
            raise not_up(stack, step.service, stands, identity, f"the check {step.target} failed")
    finally:
        stack.client.remove_service(identity)
    yield event("step-done", step, "passed", time.monotonic() - began)


# --- records --------------------------------------------------------------------------------


def _record(stack: Stack) -> None:
    """Record the deployment as a revision in the swarm, for everybody who deploys."""
    assert stack.file is not None
    number = stack.swarm.last.number + 1 if stack.swarm.last else 1
    specs = {
        name: digest(service["Spec"])
        for name, service in stack.services().items()
        if name in stack.file["services"]
    }
    record: Mapping[str, Any] = {
        "who": who(),
        "when": now(),
        "versions": {
            "composetasks": installed("composetasks"),
            "engine": stack.client.version()["Version"],
        },
        "file": stack.file,
        "specs": specs,
    }
    stack.client.create_config(
        f"{stack.name}_revision-{number}",
        packed(record),
        labels={NAMESPACE: stack.name, REVISION: str(number)},
    )


def _prune(stack: Stack) -> None:
    """Remove the revisions that are no longer kept, and the configs and secrets of the stack that
    no remaining revision uses."""
    from docker import errors

    assert stack.file is not None
    recent = stack.swarm.revisions[-(stack.keep - 1) :] if stack.keep > 1 else ()
    for revision in stack.swarm.revisions:
        if revision not in recent:
            stack.client.remove_config(revision.id)
    files = [stack.file, *(one.raw for one in recent)]
    removers = {
        "configs": (stack.client.configs, stack.client.remove_config),
        "secrets": (stack.client.secrets, stack.client.remove_secret),
    }
    for kind, (listed, remove) in removers.items():
        named = {name for file in files for name in file.get(kind, {})}
        for entry in listed(filters=of_stack(stack.name)):
            if CONTENT in entry["Spec"]["Labels"] and entry["Spec"]["Name"] not in named:
                with contextlib.suppress(errors.APIError):  # used by a service outside this stack
                    remove(entry["ID"])
