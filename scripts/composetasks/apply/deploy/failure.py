"""The page of a service that a deployment could not bring up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from composetasks.apply.deploy.stack import Stack
from composetasks.facts.program import typed
from composetasks.observe.deploy.swarm import nodes_of, task_name
from composetasks.plan.deploy.convergence import Progress
from composetasks.plan.start.telling_line import spoken, telling_line
from composetasks.run.failure import NotUp
from composetasks.run.masking import safe, safe_data


def not_up(stack: Stack, name: str, found: Progress, service: str, what: str = "") -> NotUp:
    """The failure of ``name``, whose record's id is ``service``, with what its task says of it;
    ``what`` says what failed where that is not the service itself."""
    task = found.task or {}
    status: Mapping[str, Any] = task.get("Status") or {}
    code = (status.get("ContainerStatus") or {}).get("ExitCode")
    lines = list(map(spoken, stack.log(service, str(task["ID"])))) if task else []
    at = telling_line(lines)
    check = ((task.get("Spec") or {}).get("ContainerSpec") or {}).get("Healthcheck") or {}
    node = nodes_of(stack.client).get(str(task.get("NodeID")), "no node")
    words = [safe(str(status.get("Err") or "")), found.failed]
    what_failed = [word for word in dict.fromkeys(words) if word]
    return NotUp(
        f"{what or f'{name} is not up'}: {what_failed[0]}",
        service=name,
        cause="task-failed" if code else "not-up",
        hint=f"correct it and deploy once more; {typed('deploy --plan')} shows what differs",
        data={
            "waiting": [],
            "diagnosis": safe_data(
                {
                    "container": f"{task_name(task, f'{stack.name}_{name}')} on {node}",
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
