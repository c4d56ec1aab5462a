"""A failed deployment: the failure page of the service that did not come up, and the rollback of
the stack to the last revision, which may fail as well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from composetasks.apply.deploy.stack import Stack
from composetasks.facts import Step
from composetasks.facts.frozen import frozen
from composetasks.facts.program import task
from composetasks.observe.deploy.swarm import nodes_of, task_name
from composetasks.plan.deploy.convergence import Convergence
from composetasks.plan.start.error_line import error_line, plain_line
from composetasks.run.failure import NotUp, TaskFailure
from composetasks.run.masking import safe, safe_data

if TYPE_CHECKING:
    from requests.exceptions import RequestException


def not_up(
    stack: Stack, name: str, convergence: Convergence, service: str, what: str = ""
) -> NotUp:
    """The failure of the service ``name``, whose id is ``service``, with the status and log of its
    failed task. ``what`` says what failed if that is not the service itself."""
    failed_task = convergence.task or {}
    status: Mapping[str, Any] = failed_task.get("Status") or {}
    code = (status.get("ContainerStatus") or {}).get("ExitCode")
    lines = list(map(plain_line, stack.log(service, str(failed_task["ID"])))) if failed_task else []
    at = error_line(lines)
    check = ((failed_task.get("Spec") or {}).get("ContainerSpec") or {}).get("Healthcheck") or {}
    node = nodes_of(stack.client).get(str(failed_task.get("NodeID")), "no node")
    words = [safe(str(status.get("Err") or "")), convergence.failed]
    what_failed = [word for word in dict.fromkeys(words) if word]
    return NotUp(
        f"{what or f'{name} is not up'}: {what_failed[0]}",
        service=name,
        cause="task-failed" if code else "not-up",
        hint=f"correct the cause and deploy again; {task('deploy --plan')} shows what differs",
        data={
            "waiting": [],
            "diagnosis": safe_data(
                {
                    "container": f"{task_name(failed_task, f'{stack.name}_{name}')} on {node}",
                    "what": what_failed,
                    "said": str(status.get("Message") or ""),
                    "exit_code": code or None,
                    "check": " ".join(check.get("Test") or ())[:500],
                    "probes": [],
                    "telling": lines[at] if at is not None else "",
                    "log": lines,
                    "standing": {},
                }
            ),
        },
    )


@frozen
class RolledBack:
    """The state of a part of the stack after the rollback, and whether it is as before."""

    sentence: str
    as_before: bool = True


def roll_back(touched: Sequence[Step], stack: Stack) -> list[RolledBack]:
    """Roll back what the steps ``touched`` changed to the last revision; return the outcomes."""
    import requests

    done: list[RolledBack] = []
    try:
        done.extend(_rolled_back(touched, stack))
    except (TaskFailure, requests.exceptions.RequestException) as error:
        done.append(RolledBack(f"not rolled back: {_why(error)}", as_before=False))
    return done


def with_rollback(failure: TaskFailure, back: Sequence[RolledBack], stack: Stack) -> TaskFailure:
    """Add the outcome of the rollback to the failure of a deployment."""
    messages = [one.sentence for one in back]
    as_before = all(one.as_before for one in back)
    failure.detail = "\n".join([*([failure.detail] if failure.detail else []), *messages])
    failure.data = {**failure.data, "taken_back": messages, "as_before": as_before}
    if not as_before:
        last = stack.swarm.last
        failure.message += ", and the stack could not be rolled back completely"
        failure.hint = f"`docker stack ps {stack.name}`, on a manager, shows what is running; " + (
            f"after the cause is corrected, {task(f'deploy --rollback {last.number}')} rolls back"
            if last
            else f"{task('deploy --remove --yes')} removes it"
        )
    return failure


def _rolled_back(touched: Sequence[Step], stack: Stack) -> Iterator[RolledBack]:
    last = stack.swarm.last
    if not last and not stack.swarm.services:
        stack.remove()
        yield RolledBack("everything that was created is removed: there was nothing before")
        return
    recorded = last.raw["services"] if last else {}
    names = dict.fromkeys(step.service for step in touched)
    back = [name for name in names if name in recorded]
    records = stack.services()
    for name in names:
        if name in recorded:
            continue
        if name in stack.swarm.services:
            yield RolledBack(
                f"{name}: left as it is: its earlier state is not recorded", as_before=False
            )
        elif name in records:
            stack.client.remove_service(records[name]["ID"])
            yield RolledBack(f"{name}: removed, because it did not exist before")
    if not last or not back:
        return
    before = {str(one["ID"]) for one in stack.tasks()}
    stack.deploy(last.raw, back)
    for name, convergence, _ in stack.wait(back, before):
        how = "up" if convergence.complete else f"not up: {convergence.failed}"
        yield RolledBack(
            f"{name}: rolled back to revision {last.number}; {how}", convergence.complete
        )


def _why(error: TaskFailure | RequestException) -> str:
    if isinstance(error, TaskFailure):
        return ": ".join(filter(None, [error.message, error.detail]))
    return safe(str(getattr(error, "explanation", None) or error))
