"""What a service that is not started waits for."""

from __future__ import annotations

from composetasks.facts import Container, Dependency, ServiceStatus
from composetasks.plan.start.status import waited_for
from tests.unit.worlds import container, service


def status(
    name: str, shown: Container | None = None, *on: Dependency, done: bool = False
) -> ServiceStatus:
    return ServiceStatus(service(name, depends_on=on), shown=shown, done=done)


def test_it_waits_for_what_is_on_its_way_and_not_there() -> None:
    on = (
        Dependency("sick", "service_healthy"),
        Dependency("well", "service_healthy"),
        Dependency("job", "service_completed_successfully"),
        Dependency("done", "service_completed_successfully"),
        Dependency("runs"),
        Dependency("made"),
        Dependency("gone"),
        Dependency("ended", "service_healthy"),
        Dependency("unknown"),
    )
    others = (
        status("sick", container("sick", health="starting")),
        status("well", container("well", health="healthy")),
        status("job", container("job")),
        status("done", container("done", state="exited"), done=True),
        status("runs", container("runs")),
        status("made", container("made", state="created")),
        status("gone"),
        status("ended", container("ended", state="exited")),
    )
    for shown in (None, container("web", state="created")):
        result = waited_for([status("web", shown, *on), *others])
        assert result == {"web": ("sick", "job", "made")}
    assert waited_for([status("web", container("web"), *on), *others]) == {}
