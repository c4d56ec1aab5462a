from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from composetasks.facts import (
    BuildImage,
    CreateContainer,
    Operation,
    Plan,
    RecreateContainer,
    Step,
)
from composetasks.plan.start.status import check_warnings, stale_services, worst
from tests.unit.worlds import container


def test_the_replica_that_does_not_run_speaks_for_its_service() -> None:
    fine = replace(container("web"), health="healthy")
    ill, gone = replace(fine, health="unhealthy"), replace(fine, state="exited", health="")
    assert worst([fine, ill, gone]) is gone
    assert worst([fine, ill]) is ill
    assert worst([]) is None


@pytest.mark.parametrize(
    ("operation", "stale"),
    [
        (BuildImage(), {"web": ["why"], "job": ["why"]}),
        (RecreateContainer(), {"web": ["why"], "job": ["why"]}),
        (RecreateContainer(changed=False), {}),
        (CreateContainer(), {}),
    ],
)
def test_stale_is_what_a_start_would_recreate(
    operation: Operation, stale: dict[str, list[str]]
) -> None:
    step = Step(operation, "target", "why", service="web", services=("web", "job"))
    assert stale_services(Plan("up", "shop", (step,))) == stale


@pytest.mark.parametrize(
    ("health", "warnings"),
    [
        ({}, ()),
        ({"Status": "healthy", "Log": [{"ExitCode": 0, "Output": "warning: slow\nok"}]}, ("slow",)),
        ({"Status": "healthy", "Log": [{"ExitCode": 1, "Output": "warning: slow"}]}, ()),
        ({"Status": "starting", "Log": [{"ExitCode": 0, "Output": "warning: slow"}]}, ()),
    ],
)
def test_a_passing_check_may_warn(health: dict[str, Any], warnings: tuple[str, ...]) -> None:
    assert check_warnings(health) == warnings
