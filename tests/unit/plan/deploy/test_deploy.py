"""The plan of a deployment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from composetasks.facts import (
    BuildInputs,
    Consent,
    Plan,
    Revision,
    Shared,
    StackCheck,
    StackFile,
    Swarm,
    SwarmService,
    World,
)
from composetasks.plan.deploy.deploy import plan_deploy, plan_removal
from composetasks.plan.deploy.images import references
from tests.unit.worlds import built, container, model, service, world

CHECK = StackCheck("works", "web", ("true",))


def stack(**services: Mapping[str, Any]) -> StackFile:
    return StackFile({"services": {name: {"image": "x", **one} for name, one in services.items()}})


def deployed(file: StackFile, **changes: Any) -> Swarm:
    """A swarm that has what ``file`` says."""
    names = sorted(file.services)
    specs = {name: f"spec-{name}" for name in names}
    has = {name: SwarmService(name, f"id-{name}", specs[name]) for name in names}
    record = Revision(1, "ann@desk", "2026-01-31T12:00:00Z", file, file.file, specs)
    fields = {"services": has, "revisions": (record,), **changes}
    return Swarm("shop", **fields)


def planned(swarm: Swarm, wanted: StackFile, *names: str, **options: Any) -> Plan:
    here = world(model(service("web"), service("db")))
    return plan_deploy(here, swarm, wanted, names=names, build=False, **options)


def steps(plan: Plan) -> list[str]:
    return [step.id for step in plan.steps]


def test_a_first_deployment_creates_all_in_the_order_of_their_needs_and_checks_them() -> None:
    wanted = stack(db={}, web={"x-waits-for": ["db"]})
    plan = planned(Swarm("shop"), wanted, checks=[CHECK])
    assert steps(plan) == [
        "create-service:shop_db",
        "create-service:shop_web",
        "run-check-job:works",
    ]
    assert plan.steps[1].needs == ("create-service:shop_db",)
    assert plan.steps[2].needs == ("create-service:shop_db", "create-service:shop_web")


def test_what_is_as_it_was_deployed_needs_nothing_and_no_check() -> None:
    file = stack(web={"environment": {"A": "1"}}, db={})
    plan = planned(deployed(file), file, checks=[CHECK])
    assert (plan.steps, plan.unchanged) == ((), ("web", "db"))


def test_a_field_that_changed_is_named_with_both_values() -> None:
    before = stack(web={"environment": {"A": "1"}}, db={})
    [step] = planned(deployed(before), stack(web={"environment": {"A": "2"}}, db={})).steps
    [why] = step.because
    assert step.id == "update-service:shop_web"
    assert (why.kind, why.field, why.old, why.new) == ("config", "environment.A", "1", "2")


def test_a_config_with_another_content_is_told_by_its_target() -> None:
    def using(name: str) -> StackFile:
        return stack(web={"configs": [{"source": name, "target": "/etc/conf"}]})

    [step] = planned(deployed(using("shop_conf_1")), using("shop_conf_2")).steps
    assert [one.field for one in step.because] == ["configs./etc/conf.source"]


def test_what_somebody_changed_by_hand_is_told_by_field() -> None:
    file = stack(web={})
    before, now = {"Mode": {"Replicas": 1}}, {"Mode": {"Replicas": 3}}
    by_hand = SwarmService("web", "id-web", "other", "spec-web", now, before)
    [step] = planned(deployed(file, services={"web": by_hand}), file).steps
    [why] = step.because
    assert step.reason == "changed by other means since the last deployment"
    assert (why.kind, why.field, why.old, why.new) == ("drift", "Mode.Replicas", "1", "3")


def test_several_changes_by_hand_are_drift_all_the_same() -> None:
    file = stack(web={})
    by_hand = SwarmService("web", "id-web", "third", "second")
    [step] = planned(deployed(file, services={"web": by_hand}), file).steps
    assert [one.kind for one in step.because] == ["drift"]


def test_a_service_that_somebody_else_deployed_is_updated_for_want_of_a_record() -> None:
    file = stack(web={})
    [step] = planned(deployed(file, revisions=()), file).steps
    assert [one.kind for one in step.because] == ["no-record"]


def test_a_service_that_is_no_more_in_the_model_is_removed_with_consent_alone() -> None:
    swarm = deployed(stack(web={}, db={}))
    [step] = planned(swarm, stack(web={})).steps
    assert (step.id, step.consent) == ("remove-service:shop_db", Consent.YES)
    assert planned(swarm, stack(web={}), "web").steps == ()


def test_only_what_is_named_is_touched() -> None:
    before, now = stack(web={}, db={}), stack(web={"user": "1"}, db={"user": "1"})
    assert steps(planned(deployed(before), now, "db")) == ["update-service:shop_db"]


def test_what_others_were_to_make_is_missed_before_anything_is_done() -> None:
    file = {"services": {}, "networks": {"n": {"external": True, "name": "theirs"}}}
    [blocker] = planned(Swarm("shop"), StackFile(file)).blockers
    assert (int(blocker.code), blocker.target) == (6, "theirs")
    assert planned(Swarm("shop", networks=frozenset({"theirs"})), StackFile(file)).blockers == ()


def test_a_network_that_changed_stays_as_it_is_and_that_is_said() -> None:
    before = {"services": {}, "networks": {"n": {"driver": "overlay"}}}
    now = {"services": {}, "networks": {"n": {"driver": "overlay", "internal": True}}}
    [warning] = planned(deployed(StackFile(before)), StackFile(now)).warnings
    assert "network n changed" in warning


def test_the_same_volumes_are_not_used_twice_on_one_engine() -> None:
    mounted = stack(web={"volumes": [{"type": "volume", "source": "data", "target": "/data"}]})
    here = world(model(service("web")), [container("web")])
    [blocker] = plan_deploy(here, Swarm("shop"), mounted, build=False).blockers
    assert (int(blocker.code), blocker.target) == (9, "shop-web-1")
    for swarm in (Swarm("shop", local=False), Swarm("other")):
        assert plan_deploy(here, swarm, mounted, build=False).blockers == ()
    assert plan_deploy(here, Swarm("shop"), stack(web={}), build=False).blockers == ()


def test_removing_a_stack_names_all_it_has() -> None:
    plan = plan_removal(world(model(service("web"))), deployed(stack(web={}, db={})))
    assert steps(plan) == ["remove-service:shop_db", "remove-service:shop_web"]
    assert {step.consent for step in plan.steps} == {Consent.YES}


# --- images ---------------------------------------------------------------------------------


def building(shared: Shared | None = None) -> World:
    here = world(model(built("web")), inputs={"web": BuildInputs("web", "d" * 24)})
    return replace(here, shared=shared)


def test_an_image_that_the_registry_has_is_pinned_and_not_built() -> None:
    reference = f"reg/web:ct-{'d' * 24}"
    here = building(Shared("reg", images={"web": reference}))
    result = references(here, Swarm("shop", local=False), {reference: "sha256:1"})
    assert result.images == {"web": f"{reference}@sha256:1"}
    plan = plan_deploy(here, Swarm("shop"), stack(web={}))
    assert steps(plan) == ["create-service:shop_web"]


def test_an_image_that_the_registry_lacks_is_built_and_pushed_before_its_service() -> None:
    plan = plan_deploy(building(Shared("reg")), Swarm("shop"), stack(web={}))
    push = f"push-image:reg/web:ct-{'d' * 24}"
    assert steps(plan)[-2:] == [push, "create-service:shop_web"]
    assert push in plan.steps[-1].needs


def test_what_is_built_without_a_registry_runs_on_the_engine_that_built_it_alone() -> None:
    here = building()
    assert references(here, Swarm("shop"), {}).images == {"web": f"shop-web:ct-{'d' * 24}"}
    [blocker] = references(here, Swarm("shop", nodes=3, local=False), {}).blockers
    assert "stack.registry" in blocker.hint


def test_an_image_from_outside_is_pinned_or_refused() -> None:
    here = world(model(service("web", image="nginx:1")))
    assert references(here, Swarm("shop"), {"nginx:1": "sha256:2"}).images == {
        "web": "nginx:1@sha256:2"
    }
    [blocker] = references(here, Swarm("shop"), {}).blockers
    assert (int(blocker.code), blocker.target) == (6, "nginx:1")


def test_an_image_that_is_here_alone_is_used_on_this_engine_alone() -> None:
    here = world(model(service("web")))
    assert references(here, Swarm("shop"), {}).images == {"web": "shop-web:latest"}
    assert references(here, Swarm("shop"), {}).warnings
    assert references(here, Swarm("shop", local=False), {}).blockers


def placed(*constraints: str, **deploy: Any) -> StackFile:
    deploy["placement"] = {"constraints": list(constraints)}
    return stack(web={"deploy": deploy}, db={})


ONE = {"node.id": "x1", "node.hostname": "one", "node.role": "manager"}
TWO = {"node.id": "x2", "node.hostname": "two", "node.role": "worker", "node.labels.disk": "SSD"}


@pytest.mark.parametrize(
    ("constraints", "unmet"),
    [
        (("node.labels.disk == ssd",), ""),
        (("node.labels.disk==ssd", "node.role == worker", "node.hostname != one"), ""),
        (("node.labels.gone != yes",), ""),
        (("node.platform.arch == riscv64",), ""),
        (("node.labels.disk == ssd", "node.role == manager"), "node.role == manager"),
        (("node.labels.disk == tape",), "node.labels.disk == tape"),
        (("node.hostname == three",), "node.hostname == three"),
    ],
)
def test_a_service_that_no_node_may_run_is_refused(
    constraints: tuple[str, ...], unmet: str
) -> None:
    plan = planned(Swarm("shop", attributes=(TWO, ONE)), placed(*constraints))
    assert [one.service for one in plan.blockers] == (["web"] if unmet else [])
    assert all(unmet in one.message for one in plan.blockers)


@pytest.mark.parametrize("deploy", [{"mode": "global"}, {"mode": "global-job"}, {"replicas": 0}])
def test_a_service_that_wants_no_task_there_needs_no_node(deploy: dict[str, Any]) -> None:
    wanted = placed("node.labels.disk == tape", **deploy)
    assert planned(Swarm("shop", attributes=(ONE,)), wanted).blockers == ()


def test_a_label_that_no_node_has_is_named_with_the_command_that_gives_it() -> None:
    [blocker] = planned(Swarm("shop", attributes=(ONE,)), placed("node.labels.disk == a")).blockers
    assert "docker node update --label-add disk=a NODE" in blocker.hint
    assert (
        planned(Swarm("shop", attributes=(ONE,)), placed("node.labels.disk == a"), "db").blockers
        == ()
    )


def test_virtual_addresses_that_nothing_answers_at_are_told() -> None:
    wanted = stack(web={"deploy": {"endpoint_mode": "dnsrr"}}, db={})
    [warning] = planned(Swarm("shop", unbalanced=True), wanted).warnings
    assert "(db)" in warning
    assert "stack.deploy.endpoint: dnsrr" in warning
    assert planned(Swarm("shop"), wanted).warnings == ()
