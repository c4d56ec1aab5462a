"""The live page of `status --watch`, at 80 columns and wider."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from composetasks.report.live import WIDE, live_page


def service(name: str, state: str = "running", health: str = "", **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "name": name,
        "state": state,
        "health": health,
        "since": "2026-11-29T04:00:00Z",
        "exit_code": None,
        "restarts": 0,
        "problem": "",
        "replicas": [],
        "urls": [],
        "forwarded": [],
        "ports": [],
        "stale": False,
        "stale_because": [],
        "done": False,
        "provider": "",
        "waits_for": [],
        "memory_bytes": 12_000_000,
        "cpu_percent": 1.5,
    }
    return {**fields, **changes}


SERVICES = [
    service("db", health="starting", problem="health check exited with code 1: no answer"),
    service("api", "created", waits_for=["db", "cache"]),
    service("web", health="healthy", urls=["http://127.0.0.1:8080"]),
    service("job", "exited", exit_code=0, done=True),
]
LINES = {"web": "\x1b[31mGET /health 200\x1b[0m" + " long" * 40, "db": "not shown"}


def page(
    width: int, services: list[dict[str, Any]], chosen: int = 2, height: int = 24
) -> list[str]:
    console = Console(width=width, height=height)
    with console.capture() as captured:
        shown = {"project": "shop", "services": services}
        console.print(live_page(shown, LINES, chosen, width, height))
    return captured.get().splitlines()


def test_at_80_columns_each_service_is_a_line_that_fits() -> None:
    lines = page(80, SERVICES)
    assert max(map(len, lines)) <= 80
    assert lines[0].rstrip() == "shop  2 of 4 up"
    told = {line[3:].split()[0]: line.rstrip() for line in lines[2:6]}
    assert "health check exited" in told["db"]
    assert told["api"].endswith("waits for db, cache")
    assert "GET /health 200 long" in told["web"]
    assert told["web"].startswith(">")
    assert lines[7] == "http://127.0.0.1:8080"
    assert lines[8].startswith("q quit")
    assert "MB" not in "".join(lines)


def test_with_more_room_it_says_what_they_take() -> None:
    assert "1.5 %" in "".join(page(WIDE, SERVICES))


def test_of_more_services_than_lines_those_around_the_chosen_one_are_shown() -> None:
    many = [service(f"s{number}") for number in range(40)]
    for chosen in (0, 20, 39):
        lines = page(80, many, chosen, height=24)
        assert len(lines) <= 24
        assert any(line.startswith(">") and f" s{chosen} " in line for line in lines)


def test_the_facts_of_the_chosen_service_are_on_one_line_below() -> None:
    telling = service("web", facts={"lag": "12", "model": "ab " * 60}, facts_problem="")
    lines = page(80, [telling, service("db", facts={}, facts_problem="")], chosen=0)
    assert [line for line in lines if line.startswith("web: lag 12, model ab")]
    assert len(lines) <= 24
    many = [service(f"s{number}", facts={"lag": "1"}) for number in range(50)]
    assert len(page(80, many, chosen=40, height=24)) <= 24


def test_a_model_without_an_active_service_has_a_page_too() -> None:
    lines = [line.rstrip() for line in page(80, [], chosen=0)]
    assert lines[0] == "shop  0 of 0 up"
    assert lines[-2] == "the model has no active service"
    assert lines[-1].startswith("q quit")
