"""Takes a stack back to the last record, where a deployment failed, and says how that went: the way
back may fail as well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from composetasks.apply.deploy.stack import Stack
from composetasks.facts import Step
from composetasks.facts.frozen import frozen
from composetasks.facts.program import typed
from composetasks.run.failure import TaskFailure
from composetasks.run.masking import safe

if TYPE_CHECKING:
    from requests.exceptions import RequestException


@frozen
class Back:
    """How a part of a stack is after the way back, and whether that is as it was before."""

    told: str
    as_before: bool = True


def take_back(touched: Sequence[Step], stack: Stack) -> list[Back]:
    """Bring what ``touched`` changed back to the last record."""
    import requests

    done: list[Back] = []
    try:
        done.extend(_taken_back(touched, stack))
    except (TaskFailure, requests.exceptions.RequestException) as error:
        done.append(Back(f"not taken back: {_why(error)}", as_before=False))
    return done


def with_way_back(failure: TaskFailure, back: Sequence[Back], stack: Stack) -> TaskFailure:
    """The failure of a deployment with what became of the stack."""
    told = [one.told for one in back]
    as_before = all(one.as_before for one in back)
    failure.detail = "\n".join([*([failure.detail] if failure.detail else []), *told])
    failure.data = {**failure.data, "taken_back": told, "as_before": as_before}
    if not as_before:
        last = stack.swarm.last
        failure.message += "; and the stack could not be taken back whole"
        failure.hint = f"`docker stack ps {stack.name}` shows what runs now; " + (
            f"once what is named above is corrected, {typed(f'deploy --rollback {last.number}')} "
            "goes back"
            if last
            else f"{typed('deploy --remove --yes')} removes it"
        )
    return failure


def _taken_back(touched: Sequence[Step], stack: Stack) -> Iterator[Back]:
    last = stack.swarm.last
    if not last and not stack.swarm.services:
        stack.remove()
        yield Back("what was created is removed: there was nothing before")
        return
    known = last.raw["services"] if last else {}
    names = dict.fromkeys(step.service for step in touched)
    back = [name for name in names if name in known]
    records = stack.services()
    for name in names:
        if name in known:
            continue
        if name in stack.swarm.services:
            yield Back(f"{name}: stays as it is: no record says what it was", as_before=False)
        elif name in records:
            stack.client.remove_service(records[name]["ID"])
            yield Back(f"{name}: removed, as it was not there before")
    if not last or not back:
        return
    before = {str(one["ID"]) for one in stack.tasks()}
    stack.deploy(last.raw, back)
    for name, found, _ in stack.wait(back, before):
        how = "it runs" if found.complete else f"it does not run: {found.failed}"
        yield Back(f"{name}: taken back to revision {last.number}, and {how}", found.complete)


def _why(error: TaskFailure | RequestException) -> str:
    if isinstance(error, TaskFailure):
        return ": ".join(filter(None, [error.message, error.detail]))
    return safe(str(getattr(error, "explanation", None) or error))
