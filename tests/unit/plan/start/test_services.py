"""Which containers are created, recreated, started or left alone, and the reasons given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from composetasks.facts import (
    Action,
    CreateContainer,
    Dependency,
    Engine,
    Mount,
    RecreateContainer,
    Step,
    World,
)
from composetasks.plan.start.services import plan_services, seeing_dependencies
from composetasks.plan.start.start import StartOptions, plan_start
from composetasks.report.page import evidence_line
from tests.unit.worlds import built, container, image, model, service, world

IMAGES = {name: f"sha256:{name}" for name in ("db", "web", "job")}


def steps(of: World, *names: str, images: Any = None, **options: Any) -> list[Step]:
    services = names or tuple(of.model.services)
    return list(plan_services(of, services, images or IMAGES, **options))


def actions(of: World, *names: str, **options: Any) -> list[tuple[Action, str]]:
    return [(step.action, step.target) for step in steps(of, *names, **options)]


def test_what_runs_as_the_model_says_is_left_alone() -> None:
    assert steps(world(model(service("db")), [container("db")])) == []


def test_a_missing_container_is_created() -> None:
    assert actions(world(model(service("db")))) == [(Action.CREATE_CONTAINER, "shop-db-1")]


def test_another_configuration_recreates_and_names_the_field() -> None:
    now = service(
        "web", config={"environment": {"TEXT_WEIGHT": "0.9", "A": "1"}}, config_hash="new"
    )
    before = {"environment": {"TEXT_WEIGHT": "0.3", "A": "1"}}
    [step] = steps(world(model(now), [container("web")], recorded_configs={"hash-web": before}))
    assert step.action is Action.RECREATE_CONTAINER
    [evidence] = step.because
    assert (evidence.field, evidence.old, evidence.new) == ("environment.TEXT_WEIGHT", "0.3", "0.9")
    assert "environment.TEXT_WEIGHT" in step.reason


def test_an_image_that_the_model_changed_is_named_once() -> None:
    now = service("web", config={"image": "web:2"}, config_hash="new")
    before = {"hash-web": {"image": "web:1"}}
    [step] = steps(
        world(model(now), [container("web")], recorded_configs=before), images={"web": "sha256:new"}
    )
    assert [one.kind for one in step.because] == ["config", "image"]
    assert step.reason == "configuration changed (image)"


def test_content_of_the_model_that_changed_recreates_and_is_named_once() -> None:
    on = container("web")
    inline = {on.id: ("/etc/app.conf", "/run/secrets/key")}
    [step] = steps(world(model(service("web")), [on], old_contents=inline))
    assert step.reason == "content of /etc/app.conf changed, content of /run/secrets/key changed"
    assert [evidence_line(one) for one in step.because] == ["", ""]


def test_an_unrecorded_configuration_is_admitted() -> None:
    [step] = steps(world(model(service("web", config_hash="new")), [container("web")]))
    assert step.because[0].detail == "the configuration it was created from is not recorded"


def test_what_shares_a_container_that_was_recreated_by_hand_names_it() -> None:
    app = service("app", config={"network_mode": "service:vpn"}, config_hash="new")
    made = [replace(container("vpn"), created=9), replace(container("app"), created=3)]
    seen = world(model(service("vpn"), app), made, recorded_configs={"hash-app": app.config})
    [step] = steps(seen, "app", images={"app": "sha256:app"})
    assert step.reason == "shares namespaces or volumes with vpn, which was recreated"
    older = [replace(container("vpn"), created=1), made[1]]
    [step] = steps(
        replace(seen, engine=world(seen.model, older).engine), "app", images={"app": "sha256:app"}
    )
    assert step.reason == "configuration changed (order or content)"


@pytest.mark.parametrize(
    ("desired", "new"), [("sha256:fresh", "fresh"), (None, "made by this plan")]
)
def test_another_image_recreates(desired: str | None, new: str) -> None:
    [step] = steps(world(model(service("web")), [container("web")]), images={"web": desired})
    assert step.action is Action.RECREATE_CONTAINER
    assert (step.because[0].kind, step.because[0].new) == ("image", new)


VOLUME_DIGESTS = "com.docker.compose.image-volume-digest"


@pytest.mark.parametrize(
    ("labels", "images", "new"),
    [
        ({VOLUME_DIGESTS: "/d=sha256:old,/e=sha256:e"}, {"data": "sha256:new"}, ["new"]),
        ({VOLUME_DIGESTS: "/d=sha256:old,/e=sha256:e"}, {"data": None}, ["made by this plan"]),
        ({VOLUME_DIGESTS: "/d=sha256:new,/e=sha256:e"}, {"data": "sha256:new"}, []),
        ({}, {"data": "sha256:new"}, []),
    ],
    ids=["built since", "built now", "the same", "an older Compose"],
)
def test_a_container_that_mounts_another_image_is_recreated(
    labels: dict[str, str], images: dict[str, str | None], new: list[str]
) -> None:
    mounts = (Mount("image", "shop-data", "/d"), Mount("image", "elsewhere:1", "/e"))
    web = service("web", mounts=mounts)
    there = container("web")
    there = replace(there, labels={**there.labels, **labels})
    seen = world(model(built("data", container_names=()), web), [there])
    result = steps(seen, images={"web": "sha256:web", **images})
    assert [one.new for step in result for one in step.because] == new


def test_another_network_of_the_same_name_recreates() -> None:
    moved = container("web", networks={"shop_default": "an-older-network"})
    [step] = steps(world(model(service("web")), [moved]))
    assert step.because[0].kind == "network"


def test_a_container_off_its_network_is_said_to_be_that() -> None:
    [step] = steps(world(model(service("web")), [container("web", networks={})]))
    assert step.reason == "not connected to network shop_default"


def test_a_stopped_container_is_started_again() -> None:
    stopped = container("db", state="exited", exit_code=137)
    [step] = steps(world(model(service("db", restart="always")), [stopped]))
    assert (step.action, step.reason) == (Action.START_CONTAINER, "exited with code 137")


def test_a_job_that_is_done_is_not_run_twice() -> None:
    done = container("job", state="exited", exit_code=0)
    after = service("web", depends_on=[Dependency("job", "service_completed_successfully")])
    of = world(model(service("job"), after), [done, container("web")])
    assert steps(of) == []
    assert actions(of, rerun=["job"]) == [(Action.START_CONTAINER, "shop-job-1")]


def test_what_is_no_completed_job_is_not_run_again_and_says_so() -> None:
    done = container("job", state="exited", exit_code=0)
    after = service("web", depends_on=[Dependency("job", "service_completed_successfully")])
    of = world(model(service("job"), after), [done, container("web")])
    plan = plan_start(of, (), StartOptions(rerun=("web", "job", "web")))
    assert [step.service for step in plan.steps] == ["job"]
    [warning] = plan.warnings
    assert warning.startswith("web is not a completed job, so --rerun does not run it again; ")


def test_a_job_that_failed_runs_again() -> None:
    failed = container("job", state="exited", exit_code=1)
    assert actions(world(model(service("job")), [failed])) == [
        (Action.START_CONTAINER, "shop-job-1")
    ]


@pytest.mark.parametrize("health", ["starting", "unhealthy"])
def test_what_runs_but_is_not_healthy_is_waited_for(health: str) -> None:
    of = world(model(service("db")), [container("db", health=health)])
    assert actions(of) == [(Action.WAIT, "shop-db-1")]
    assert actions(of, wait=False) == []


def test_replicas_are_one_step_each_and_those_too_many_go() -> None:
    two = service("web", container_names=("shop-web-1", "shop-web-2"))
    three = [container("web", 1), container("web", 3), container("web", 4)]
    assert actions(world(model(two), three)) == [(Action.REMOVE_CONTAINER, "shop-web-4")]
    # Compose counts them and goes on after the highest number: a gap stays.
    assert actions(world(model(two), three[1:2])) == [(Action.CREATE_CONTAINER, "shop-web-4")]


def test_no_replicas_need_no_step() -> None:
    assert steps(world(model(service("web", container_names=())))) == []


def test_a_container_waits_for_the_steps_of_what_it_depends_on() -> None:
    of = world(model(service("db"), service("web", depends_on=["db"])))
    first, second = steps(of)
    assert second.needs == (first.id,)


def test_restart_true_stops_and_starts_the_dependent() -> None:
    dependent = service("web", depends_on=[Dependency("db", restart=True)])
    of = world(
        model(service("db", config_hash="new"), dependent), [container("db"), container("web")]
    )
    assert actions(of) == [
        (Action.RECREATE_CONTAINER, "shop-db-1"),
        (Action.STOP_CONTAINER, "shop-web-1"),
        (Action.START_CONTAINER, "shop-web-1"),
    ]


def test_one_offs_are_no_replicas() -> None:
    one_off = container("web", labels={"com.docker.compose.oneoff": "True"})
    assert actions(world(model(service("web")), [one_off])) == [
        (Action.CREATE_CONTAINER, "shop-web-1")
    ]


def test_the_same_world_gives_the_same_steps() -> None:
    of = world(model(service("db"), service("web", depends_on=["db"])))
    assert steps(of) == steps(replace(of))


def made_in_sight(of: World, *names: str) -> set[str]:
    made = (CreateContainer, RecreateContainer)
    return {
        dependency.service
        for dependency in seeing_dependencies(of, steps(of, *names))
        if isinstance(dependency.operation, made) and dependency.operation.sees_dependencies
    }


def test_made_in_sight_is_what_depends_on_what_compose_leaves_alone() -> None:
    on_db = service("web", depends_on=(Dependency("db"),))
    there = world(model(service("db"), on_db), [container("db")])
    assert made_in_sight(there) == {"web"}
    # Both are made, and db depends on nothing.
    assert made_in_sight(world(there.model)) == {"web"}
    differs = world(model(service("db", config_hash="new"), on_db), [container("db")])
    assert made_in_sight(differs) == {"web"}
    # Compose would recreate it, and this start is not about it.
    assert made_in_sight(differs, "web") == set()


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(
            {"engine": Engine(containers=(container("db"),), images=(image("web"),))},
            id="an image that is gone",
        ),
        pytest.param({"db": {"config": {"provider": {"type": "cloud"}}}}, id="a provider"),
        pytest.param({"db": {"config": {"platform": "linux/arm64"}}}, id="another platform"),
        pytest.param({"state": "paused"}, id="what Compose would start"),
        pytest.param({"on": "cache"}, id="what an inactive profile has"),
    ],
)
def test_nothing_is_made_in_sight_of(of: dict[str, Any]) -> None:
    """What Compose would not leave alone."""
    on = tuple(Dependency(name) for name in ("db", of.get("on")) if name)
    there = model(service("db", **of.get("db", {})), service("web", depends_on=on))
    result = world(there, [container("db", state=of.get("state", "running"))])
    if "engine" in of:
        result = replace(result, engine=of["engine"])
    assert made_in_sight(result, "web") == set()
