"""What the model says of its services together."""

from __future__ import annotations

from tests.unit.worlds import model, service


def test_naming_a_service_brings_what_it_depends_on() -> None:
    of = model(service("db"), service("job"), service("web", depends_on=["db"]))
    assert of.with_dependencies(["web"]) == ("db", "web")
    assert of.with_dependencies([]) == ("db", "job", "web")
