"""The variables as a document, secrets masked."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from composetasks.facts import Problem, VariableStatus
from composetasks.report.documents import schema
from composetasks.run.masking import MASK, mask


def environment_document(
    variables: Iterable[VariableStatus], problems: Iterable[Problem], hidden: Collection[str]
) -> dict[str, Any]:
    """The document of ``env``; ``hidden`` are values that are shown nowhere."""
    return {
        "schema": schema("env"),
        "variables": [_variable(one, hidden) for one in variables],
        "problems": [_problem(one, hidden) for one in problems],
    }


def _variable(one: VariableStatus, hidden: Collection[str]) -> dict[str, Any]:
    def visible(value: str | None) -> str | None:
        return MASK if one.secret and value else value and mask(value, hidden)

    return {
        "name": one.name,
        "value": visible(one.setting.value),
        "source": one.setting.source,
        "overrides": [
            {"source": other.source, "line": other.line or None, "value": visible(other.value)}
            for other in one.overrides
        ],
        "secret": one.secret,
        "services": list(one.services),
        "containers": dict(one.containers),
        "type": one.type,
        "meaning": one.meaning,
    }


def _problem(one: Problem, hidden: Collection[str]) -> dict[str, Any]:
    return {
        "severity": one.severity,
        "name": one.name,
        "file": one.file or None,
        "line": one.line or None,
        "message": mask(one.message, hidden),
        "hint": mask(one.hint, hidden),
    }
