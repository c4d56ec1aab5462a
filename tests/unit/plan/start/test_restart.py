"""Which containers a restart touches, why, and what it says of the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from composetasks.facts import Dependency, Plan, RestartContainer, World
from composetasks.plan.start.restart import plan_restart, restarted_alone
from tests.unit.worlds import container, model, service, world

CHAIN = (
    service("db"),
    service("web", depends_on=[Dependency("db", restart=True)]),
    service("api", depends_on=["db"]),
    service("side", config={"network_mode": "service:web"}),
)


def chain(**changes: Any) -> World:
    """Four services that run; ``changes`` to containers, by service, None for none."""
    present = [
        container(one.name, **(changes.get(one.name) or {}))
        for one in CHAIN
        if changes.get(one.name, {}) is not None
    ]
    return world(model(*CHAIN), present)


def reasons(plan: Plan) -> dict[str, str]:
    return {step.service: step.reason for step in plan.steps}


def test_what_depends_with_restart_true_and_what_shares_a_network_goes_along() -> None:
    plan = plan_restart(chain(), ["db"])
    assert reasons(plan) == {
        "db": "running",
        "web": "db, which it depends on, is restarted",
        "side": "web, whose namespaces it shares, is restarted",
    }
    assert plan.unchanged == ("api",)
    assert plan.steps[1].needs == (plan.steps[0].id,)
    assert all(step.operation == RestartContainer(by_compose=True) for step in plan.steps)


def test_without_a_name_everything_that_has_a_container_is_restarted() -> None:
    plan = plan_restart(chain(web={"state": "exited", "exit_code": 3}, side=None), [])
    assert reasons(plan) == {
        "db": "running",
        "web": "exited with code 3",
        "api": "running",
    }
    assert not plan.blockers


def test_what_has_no_container_is_refused_where_it_was_asked_for() -> None:
    [blocker] = plan_restart(chain(web=None), ["db", "web"]).blockers
    assert (blocker.service, blocker.code, blocker.hint) == ("web", 6, "`inv up web` creates it")
    scaled = world(model(service("db", container_names=())))
    [blocker] = plan_restart(scaled, ["db"]).blockers
    assert blocker.hint == "the model scales db to 0"
    [blocker] = plan_restart(world(model(*CHAIN)), []).blockers
    assert (blocker.target, blocker.hint) == ("shop", "`inv up` creates them")


def test_another_checkout_s_containers_are_left_alone_and_told() -> None:
    elsewhere = {"labels": {"com.docker.compose.project.working_dir": "/srv/other"}}
    plan = plan_restart(chain(web=elsewhere), [])
    assert list(reasons(plan)) == ["db", "api", "side"]
    [warning] = plan.warnings
    assert warning.startswith("container shop-web-1 is not restarted: created by another checkout")


def test_a_changed_model_is_told_and_changes_nothing() -> None:
    edited = {"labels": {"com.docker.compose.config-hash": "another"}}
    plan = plan_restart(chain(api=edited), ["api"])
    assert list(reasons(plan)) == ["api"]
    [warning] = plan.warnings
    assert warning.startswith(
        "api is restarted unchanged; `inv up api` recreates it: configuration changed"
    )


def test_the_engine_restarts_where_compose_would_restart_too_much_or_fail() -> None:
    hooked = service("db", config={"pre_stop": [{"command": ["true"]}]})
    running, stopped = container("db"), container("db", state="exited", exit_code=0)
    for containers, by_compose in (([running], True), ([stopped], False)):
        [step] = plan_restart(world(model(hooked), containers), []).steps
        assert step.operation == RestartContainer(by_compose=by_compose)
    no_number = {**running.labels, "com.docker.compose.container-number": ""}
    copied = replace(running, id="copy", name="copy", labels=no_number)
    [step] = plan_restart(world(model(hooked), [running, copied]), []).steps
    assert (step.key, step.operation) == (running.id, RestartContainer(by_compose=False))


def test_only_what_is_restarted_too_is_waited_for() -> None:
    whole = chain()
    alone = restarted_alone(whole, plan_restart(whole, ["api"]))
    assert alone.model.services["api"].depends_on == ()
    both = restarted_alone(whole, plan_restart(whole, ["db", "api"]))
    assert [one.service for one in both.model.services["api"].depends_on] == ["db"]
