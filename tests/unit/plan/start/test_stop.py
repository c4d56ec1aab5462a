"""What ``down`` takes away, and what it spares."""

from __future__ import annotations

from dataclasses import replace

from composetasks.facts import Container, Dependency, World
from composetasks.plan.start.stop import plan_stop
from tests.unit.worlds import HERE, container, model, network, service, world

FILES = "com.docker.compose.project.config_files"
FOLDER = "com.docker.compose.project.working_dir"
SIBLING = container("debug", labels={FILES: str(HERE / "debug.yaml")})
PATHS = {str(HERE): str(HERE), str(HERE / "debug.yaml"): str(HERE / "debug.yaml")}


def seen(*containers: Container) -> World:
    web = service("web", depends_on=(Dependency("db", "service_started"),))
    return world(model(service("db"), web), containers, paths=PATHS)


def targets(of: World) -> list[str]:
    return [step.target for step in plan_stop(of).steps]


def test_all_of_the_project_goes_dependents_first_and_then_its_network() -> None:
    steps = plan_stop(seen(container("db"), container("web"), container("gone"))).steps
    names = ["shop-web-1", "shop-db-1", "shop-gone-1", "shop_default"]
    assert [step.target for step in steps] == names
    assert steps[1].needs == (steps[0].id,)
    assert set(steps[3].needs) == {step.id for step in steps[:3]}


def test_what_other_files_or_another_checkout_made_stays_with_its_network() -> None:
    elsewhere = container("db", labels={FOLDER: "/other"})
    for spared in (SIBLING, replace(elsewhere, name="shop-db-2")):
        plan = plan_stop(seen(container("web"), spared))
        assert [step.target for step in plan.steps] == ["shop-web-1"]
        [warning] = plan.warnings
        assert f"{spared.name} is kept" in warning


def test_what_a_stranger_is_on_is_left() -> None:
    guest = Container("x", "guest", "i", "i", "running", networks={"shop_default": "net-default"})
    plan = plan_stop(seen(container("web"), guest))
    assert [step.target for step in plan.steps] == ["shop-web-1"]
    [warning] = plan.warnings
    assert warning.startswith(
        "network shop_default is kept: container guest is on it, created by hand"
    )
    assert targets(replace(seen(), engine=replace(seen().engine, networks=(network(),)))) == [
        "shop_default"
    ]


def test_a_network_that_was_merely_given_the_projects_label_stays() -> None:
    by_hand = network("mine", id="m", labels={"com.docker.compose.project": "shop"})
    of = seen(container("web"))
    engine = replace(of.engine, networks=(network(), by_hand))
    assert targets(replace(of, engine=engine)) == ["shop-web-1", "shop_default"]
