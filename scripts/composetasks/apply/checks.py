"""Runs a check that the stack declares, inside a service's container."""

from __future__ import annotations

import time
from collections.abc import Iterator

from composetasks.apply.tools import Tools
from composetasks.facts import Event, Step
from composetasks.run import folder
from composetasks.run.failure import TaskFailure


def run_check(step: Step, tools: Tools) -> Iterator[Event]:
    """Run the check a step names; its output lines become events, and where it does not end with
    0 they become a TaskFailure, code 1."""
    check = next(one for one in tools.checks if one.name == step.target)
    began = time.monotonic()
    lines: list[str] = []
    arguments = ("exec", "-T", check.service, *check.command)
    with tools.compose.start(*arguments) as running:
        for line in running:
            lines.append(line.text)
            yield Event(
                kind="log",
                time=folder.now(),
                step=step.id,
                service=check.service,
                message=line.text,
                data={"stream": line.stream},
            )
        code = running.wait()
    seconds = round(time.monotonic() - began, 3)
    if code != 0:
        raise TaskFailure(
            f"check {check.name} failed (ended with {code} after {seconds:.1f} s)",
            detail="\n".join(lines[-30:]),
            hint=f"`inv logs {check.service}`, and `inv status` for what is not healthy",
            data={"check": check.name},
        )
    yield Event(
        kind="step-done",
        time=folder.now(),
        step=step.id,
        target=check.name,
        message="passed",
        seconds=seconds,
    )
