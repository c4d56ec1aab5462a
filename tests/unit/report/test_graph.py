"""The graph of a model, as people and programs get it."""

from __future__ import annotations

from typing import Any

from composetasks.facts import Dependency, Port
from composetasks.report.graph import graph_document, mermaid
from tests.schemas import validate
from tests.unit.worlds import model, service

SHOP = model(
    service("db", ports=(Port(5432, (5000, 5000), "::1", "tcp"), Port(80, None, "", "tcp"))),
    service("init.job", depends_on=[Dependency("db", "service_healthy", restart=True)]),
    service(
        "end",
        depends_on=[
            Dependency("init.job", "service_completed_successfully"),
            Dependency("db", required=False),
        ],
    ),
)


def state(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "state": "running",
        "health": "",
        "exit_code": None,
        "ports": [],
    } | changes


def test_an_arrow_says_what_is_waited_for() -> None:
    document = validate(graph_document(SHOP, ()))
    assert mermaid(document).splitlines() == [
        "flowchart LR",
        '  s0["db<br/>[::1]:5000->5432/tcp<br/>80/tcp"]',
        '  s1["init.job"]',
        '  s2["end"]',
        "  s1 -->|healthy, restart| s0",
        "  s2 -->|completed| s1",
        "  s2 -.-> s0",
    ]


def test_how_services_stand_is_written_and_coloured() -> None:
    states = [
        state("db", health="unhealthy", ports=["127.0.0.1:1->5432/tcp"]),
        state("init.job", state="exited", exit_code=0),
        state("end", health="healthy"),
    ]
    lines = mermaid(validate(graph_document(SHOP, states))).splitlines()
    assert lines[1:4] == [
        '  s0["db<br/>unhealthy<br/>127.0.0.1:1->5432/tcp"]:::bad',
        '  s1["init.job<br/>exited with code 0"]',
        '  s2["end<br/>healthy"]:::up',
    ]
    assert lines[-2:] == ["  classDef up fill:#d3f3da", "  classDef bad fill:#fbd5d5"]


def test_a_provider_is_named_for_what_it_is() -> None:
    provided = model(service("db", config={"provider": {"type": "cloud"}}))
    document = validate(graph_document(provided, [state("db", state="provided")]))
    assert '  s0["db<br/>provider cloud"]' in mermaid(document).splitlines()


def test_a_service_without_replicas_is_not_missing() -> None:
    scaled = model(service("db", container_names=()))
    document = validate(graph_document(scaled, [state("db", state="missing")]))
    assert mermaid(document).splitlines()[1:] == ['  s0["db<br/>scaled to 0"]']
