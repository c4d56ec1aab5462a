"""Which of several services that Compose started at once its error is about."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from composetasks.apply.start.launch import NotLaunched, culprit
from composetasks.apply.tools import Tools
from tests.unit.worlds import model, service

DRIVER = 'could not select device driver "none" with capabilities: [[gpu]]'
RUNTIME = "failed to create task for container: error during container init:\nno such program"
PRINTED = " Container shop-db-1 Starting\n Container shop-web-1 Starting\n"


class Engine:
    """An engine whose containers, named like their services, have these errors recorded."""

    def __init__(self, recorded: Mapping[str, str]) -> None:
        self.recorded = recorded

    def inspect_container(self, key: str) -> dict[str, Any]:
        return {"State": {"Error": self.recorded.get(key, "")}}


@pytest.mark.parametrize(
    ("recorded", "printed", "service_name"),
    [
        ({"db": RUNTIME, "web": DRIVER}, f"Error response from daemon: {DRIVER}", "web"),
        ({"db": RUNTIME, "web": DRIVER}, f"Error response from daemon: {RUNTIME}", "db"),
        ({"db": RUNTIME, "web": DRIVER}, "Error: context canceled", "db"),
        ({"web": DRIVER}, "Error: context canceled", "web"),
        ({}, "Container shop-web-1 Error\nError: no such volume", "web"),
        ({}, "Error: context canceled", "db"),
    ],
)
def test_an_error_is_about_the_service_whose_container_has_it(
    recorded: Mapping[str, str], printed: str, service_name: str
) -> None:
    nothing = cast("Any", None)
    tools = Tools(nothing, cast("Any", Engine(recorded)), Path("run"), Path("cache"))
    failed = NotLaunched(["db", "web"], PRINTED + printed)
    both = model(service("db"), service("web"))
    assert culprit(tools, both, failed, {"db": ["db"], "web": ["web"]}) == service_name
