"""What a task asks the engine for: each question costs a far engine's way there and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine import busybox
from tests.engine.engine_proxy import EngineProxy
from tests.engine.stacks import wait_until
from tests.project import Project


@pytest.mark.parametrize("count", [1, 20])
def test_what_is_asked_does_not_grow_with_the_services(
    project: Project, tmp_path: Path, count: int
) -> None:
    body = f"image: {busybox.TAG}, init: true, command: [sleep, '1000'], restart: unless-stopped"
    services = "".join(f"  s{number}: {{{body}}}\n" for number in range(count))
    project.compose(f"services:\n{services}")
    assert project.inv("up").code == 0

    with EngineProxy(tmp_path / "engine.sock") as proxy:
        for arguments in (("up",), ("up", "--json"), ("up", "--plan")):
            proxy.requests.clear()
            ran = project.inv(*arguments, DOCKER_HOST=proxy.address)
            assert ran.code == 0, ran.err
            assert len(proxy.requests) <= 7, proxy.requests
        proxy.requests.clear()
        ran = project.inv("status", "--json", DOCKER_HOST=proxy.address)

    figures = [one for one in proxy.requests if one.endswith("/stats")]
    assert len(figures) == count, figures
    # On a busy machine a figure may be late, and is left out then.
    known: set[str] = set()

    def all_are_known() -> bool:
        services = project.inv("status", "--json").document["services"]
        known.update(one["name"] for one in services if one["cpu_percent"] is not None)
        return len(known) == count

    wait_until(all_are_known)
