"""Plans, events and failures as JSON documents, as defined in docs/reference/schemas/."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from composetasks.facts.timeline import MOMENTS
from composetasks.run.masking import MASK, mask, safe

if TYPE_CHECKING:
    from composetasks.facts import (
        Check,
        Event,
        Evidence,
        Link,
        Plan,
        Problem,
        Shortening,
        Step,
        Timeline,
        VariableStatus,
        WatchRule,
    )
    from composetasks.run.failure import TaskFailure


def schema(name: str) -> str:
    return f"composetasks.{name}/1"


def plan_document(plan: Plan) -> dict[str, Any]:
    """A plan; the same world results in the same document, byte for byte."""
    return {
        "schema": schema("plan"),
        "command": plan.command,
        "project": plan.project,
        "instance": plan.instance,
        "steps": [step_document(step) for step in plan.steps],
        "unchanged": list(plan.unchanged),
        "blockers": [
            {
                "kind": blocker.kind,
                "target": blocker.target,
                "service": blocker.service,
                "message": blocker.message,
                "hint": blocker.hint,
                "code": int(blocker.code),
            }
            for blocker in plan.blockers
        ],
        "warnings": list(plan.warnings),
        **({"watch": [rule_document(rule) for rule in plan.watch]} if plan.watch else {}),
    }


def rule_document(rule: WatchRule) -> dict[str, Any]:
    return {
        "service": rule.service,
        "action": rule.action.value,
        "path": rule.path,
        "target": rule.target,
        "include": list(rule.include),
        "ignore": list(rule.ignore),
        "command": list(rule.hook.command) if rule.hook else [],
        "declared": rule.declared,
    }


def watching_event(rules: Iterable[WatchRule], time: str) -> dict[str, Any]:
    """The line of a stream from which on edits are noticed."""
    return {
        "schema": schema("event"),
        "event": "watching",
        "time": time,
        "rules": [rule_document(rule) for rule in rules],
    }


def step_document(step: Step) -> dict[str, Any]:
    return {
        "id": step.id,
        "action": step.action.value,
        "target": step.target,
        "service": step.service,
        "services": list(step.services),
        "reason": step.reason,
        "because": [evidence_document(evidence) for evidence in step.because],
        "needs": list(step.needs),
        "destroys": list(step.destroys),
        "consent": step.consent.value,
    }


def evidence_document(evidence: Evidence) -> dict[str, Any]:
    """Evidence without the fields that its kind lacks; a change keeps both ``old`` and ``new``."""
    document = dataclasses.asdict(evidence)
    paired = evidence.old is not None or evidence.new is not None
    return {
        key: value
        for key, value in document.items()
        if value is not None or (paired and key in ("old", "new"))
    }


def doctor_document(checks: Iterable[Check]) -> dict[str, Any]:
    return {
        "schema": schema("doctor"),
        "checks": [
            {
                "name": check.name,
                "status": check.status.value,
                "message": safe(check.message),
                "hint": safe(check.hint),
            }
            for check in checks
        ],
    }


def event_document(event: Event) -> dict[str, Any]:
    document: dict[str, Any] = {
        "schema": schema("event"),
        "event": event.kind,
        "time": event.time,
    }
    for key in ("step", "service", "target", "message", "seconds"):
        value = getattr(event, key)
        if value not in ("", None):
            document[key] = value
    return {**document, **event.data}


def timeline_document(
    timeline: Timeline, path: Sequence[Link], shortenings: Sequence[Shortening]
) -> dict[str, Any]:
    """The course of a start; a moment that was not reached is null."""
    return {
        "schema": schema("timeline"),
        "project": timeline.project,
        "run": timeline.run,
        "began": timeline.began,
        "ended": timeline.ended,
        "seconds": timeline.seconds,
        "outcome": timeline.outcome,
        "services": [
            {
                "name": service.name,
                "state": service.state,
                **{moment: service.times.get(moment) for moment in MOMENTS},
                "waited_for": list(service.waited_for),
            }
            for service in timeline.services
        ],
        "critical_path": [link.service for link in path],
        "critical_seconds": [link.seconds for link in path],
        "advice": [
            {
                "service": shortening.service,
                "message": shortening.message,
                "saves_seconds": shortening.seconds,
            }
            for shortening in shortenings
        ],
    }


def error_event(failure: TaskFailure) -> dict[str, Any]:
    """The last line of a stream that failed."""
    return {"schema": schema("error"), "event": "error", **_failure_fields(failure)}


def error_document(failure: TaskFailure) -> dict[str, Any]:
    """The only document of a failed task without a stream."""
    return {"schema": schema("error"), **_failure_fields(failure)}


def _failure_fields(failure: TaskFailure) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "code": int(failure.code),
        "message": failure.message,
        "hint": failure.hint,
    }
    if failure.detail:
        fields["detail"] = failure.detail
    return {**fields, **failure.data}


def result_document(command: str, **fields: Any) -> dict[str, Any]:
    """The end of a stream: its command and result fields."""
    return {"schema": schema("result"), "command": command, **fields}


def result_event(document: Mapping[str, Any]) -> dict[str, Any]:
    """The last line of a stream that succeeded."""
    return {"event": "result", **document}


def environment_document(
    variables: Iterable[VariableStatus], problems: Iterable[Problem], hidden: Collection[str]
) -> dict[str, Any]:
    """The document of ``env``; ``hidden`` are values that are shown nowhere."""
    return {
        "schema": schema("env"),
        "variables": [_variable(one, hidden) for one in variables],
        "problems": [_problem(one, hidden) for one in problems],
    }


def _variable(status: VariableStatus, hidden: Collection[str]) -> dict[str, Any]:
    def visible(value: str | None) -> str | None:
        return MASK if status.secret and value else value and mask(value, hidden)

    return {
        "name": status.name,
        "value": visible(status.setting.value),
        "source": status.setting.source,
        "overrides": [
            {"source": other.source, "line": other.line or None, "value": visible(other.value)}
            for other in status.overrides
        ],
        "secret": status.secret,
        "services": list(status.services),
        "containers": dict(status.containers),
        "type": status.type,
        "meaning": status.meaning,
    }


def _problem(problem: Problem, hidden: Collection[str]) -> dict[str, Any]:
    return {
        "severity": problem.severity,
        "name": problem.name,
        "file": problem.file or None,
        "line": problem.line or None,
        "message": mask(problem.message, hidden),
        "hint": mask(problem.hint, hidden),
    }
