"""Runs a check that the stack declares, inside a service's container."""

from __future__ import annotations

import time
from collections.abc import Iterator

from composetasks.apply.tools import Tools, event
from composetasks.facts import Event, RunCheck, Step
from composetasks.facts.program import task
from composetasks.run.failure import TaskFailure


def run_check(step: Step, tools: Tools) -> Iterator[Event]:
    """Run a step's check and yield its output lines as events. If it exits with a code other than
    0, raise TaskFailure, code 1, with its last lines."""
    operation = step.operation
    assert isinstance(operation, RunCheck)
    began = time.monotonic()
    lines: list[str] = []
    arguments = ("exec", "-T", step.service, *operation.command)
    with tools.compose.start(*arguments) as running:
        for line in running:
            lines.append(line.text)
            yield event("log", step, line.text, data={"stream": line.stream})
        code = running.wait()
    seconds = time.monotonic() - began
    if code != 0:
        raise TaskFailure(
            f"check {step.target} failed (exited with code {code} after {seconds:.1f} s)",
            detail="\n".join(lines[-30:]),
            hint=f"{task(f'logs {step.service}')} shows its log, and {task('status')} what "
            "is not healthy",
            data={"check": step.target},
        )
    yield event("step-done", step, "passed", seconds)
