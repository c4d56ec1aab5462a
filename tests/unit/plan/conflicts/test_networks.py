"""Networks: what changed, who is on them, and where the addresses went."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from composetasks.facts import (
    Action,
    Consent,
    Container,
    Engine,
    Evidence,
    ExitCode,
    Network,
    Resource,
    World,
)
from composetasks.plan.conflicts.claims import Findings
from composetasks.plan.conflicts.networks import differences, pool_report
from tests.unit.plan.conflicts.finding import in_the_way
from tests.unit.worlds import container, model, network, service, world

LABELS = {
    "com.docker.compose.project": "shop",
    "com.docker.compose.network": "default",
    "com.docker.compose.config-hash": "before",
}
NEW = Resource("default", "shop_default", config_hash="now")


def there(*networks: Network, **resource: Any) -> Any:
    """A world of a web and a db whose default network is not what the model says."""

    def made(*containers: Container) -> World:
        of = model(service("web"), service("db"), networks={"default": replace(NEW, **resource)})
        return replace(
            world(of, containers), engine=Engine(containers=containers, networks=networks)
        )

    return made


changed = there(replace(network(), labels=LABELS, driver="bridge", subnets=("10.1.0.0/24",)))


def guest(**changes: Any) -> Container:
    fields: dict[str, Any] = {"id": "g", "name": "guest", "image": "x", "image_id": "x"}
    on = {"shop_default": "net-default"}
    return Container(**{**fields, "state": "running", "networks": on, **changes})


def found(of: World, *names: str, force: bool = False) -> Findings:
    return in_the_way(of, *(names or ("web", "db")), force=force)


def test_a_changed_network_is_recreated() -> None:
    [step] = found(changed(container("web"), container("db"))).steps
    assert (step.action, step.target, step.key) == (
        Action.REMOVE_NETWORK,
        "shop_default",
        "net-default",
    )
    assert step.services == ("web", "db")
    assert step.consent is Consent.NONE
    assert step.because == (Evidence(kind="network", name="shop_default", old="before", new="now"),)


def test_what_the_engine_shows_of_a_change_is_said() -> None:
    config = {"ipam": {"config": [{"subnet": "10.2.0.0/24"}]}, "labels": {"a": "b"}}
    here = there(
        replace(network(), labels=LABELS, driver="bridge", subnets=("10.1.0.0/24",)),
        config=config,
    )
    [step] = found(here()).steps
    assert [(e.field, e.old, e.new) for e in step.because] == [
        ("ipam", "10.1.0.0/24", "10.2.0.0/24"),
        ("labels", None, "a=b"),
    ]


@pytest.mark.parametrize(
    "as_is",
    [
        there(replace(network(), labels={**LABELS, "com.docker.compose.config-hash": "now"})),
        there(replace(network(), labels=LABELS), config_hash=""),
        there(replace(network(), labels=LABELS), external=True),
        there(network()),
        there(),
    ],
    ids=["same", "hash unknown", "external", "no recorded hash", "not there"],
)
def test_other_networks_are_left_alone(as_is: Any) -> None:
    assert found(as_is(container("web"))).steps == ()


def test_a_running_guest_blocks_before_anything_is_stopped() -> None:
    [blocker] = found(changed(container("web"), guest())).blockers
    assert blocker.code is ExitCode.CONFLICT
    assert "container guest is on it: created by hand" in blocker.message
    assert "`docker network disconnect shop_default guest`" in blocker.hint
    assert "`docker network connect shop_default guest`" in blocker.hint
    assert found(changed(container("web"), guest())).steps == ()


def test_with_force_the_guest_loses_the_network_and_lives() -> None:
    got = found(changed(container("web"), guest()), force=True)
    assert got.blockers == ()
    [step] = got.steps
    assert (step.action, step.consent) == (Action.REMOVE_NETWORK, Consent.FORCE)
    assert "guest loses the connection" in step.reason


def test_a_stopped_guest_is_told_how_to_come_back() -> None:
    got = found(changed(guest(state="exited")))
    assert [step.action for step in got.steps] == [Action.REMOVE_NETWORK]
    assert "docker network connect shop_default guest" in got.warnings[0]


def test_a_running_one_off_is_a_guest_too() -> None:
    once = container("web", id="o", name="web-run", labels={"com.docker.compose.oneoff": "True"})
    assert len(found(changed(once)).blockers) == 1


def test_ours_that_is_not_part_of_the_start_blocks() -> None:
    got = found(changed(container("web"), container("db")), "web")
    assert got.steps == ()
    assert "start db as well" in got.blockers[0].hint


def test_a_running_orphan_on_the_network_goes_first_with_consent() -> None:
    steps = found(changed(container("old"))).steps
    assert [(s.action, s.consent) for s in steps] == [
        (Action.REMOVE_CONTAINER, Consent.YES),
        (Action.REMOVE_NETWORK, Consent.NONE),
    ]
    assert steps[1].needs == (steps[0].id,)


def test_a_renamed_network_is_replaced() -> None:
    [step] = found(there(replace(network(), labels=LABELS), name="fresh")()).steps
    assert step.target == "shop_default"
    assert step.because[0].field == "name"


def test_a_network_of_others_is_used_with_a_warning() -> None:
    got = found(there(replace(network(), labels={}))())
    assert "network shop_default was created by hand, not by this project" in got.warnings[0]


# --- why containers are recreated for their networks ----------------------------------------


def why(here: World, one: Container) -> list[tuple[str | None, str | None]]:
    return [(e.old, e.new) for e in differences(here, here.model.services["web"], one)]


SAME = there(replace(network(), labels={**LABELS, "com.docker.compose.config-hash": "now"}))


def test_a_container_on_its_network_has_no_reason() -> None:
    assert why(SAME(), container("web")) == []


def test_a_container_that_never_ran_names_its_network_without_an_id() -> None:
    assert why(SAME(), container("web", networks={"shop_default": ""})) == []


def test_a_changed_network_recreates_its_containers() -> None:
    assert why(changed(), container("web")) == [("before", "now")]


def test_a_container_off_its_network_is_recreated() -> None:
    assert why(SAME(), container("web", networks={})) == [("not attached", "net-default")]


def test_a_container_on_a_network_that_is_gone_is_recreated() -> None:
    one = container("web", networks={"shop_default": "net-before"})
    assert why(SAME(), one) == [("net-before", "net-default")]
    assert why(there()(), one) == [("net-before", "made by this plan")]


# --- address pools --------------------------------------------------------------------------


def test_the_report_names_unused_networks_by_project_with_size_and_age() -> None:
    def made(name: str, project: str, subnet: str) -> Network:
        labels = {"com.docker.compose.project": project} if project else {}
        created = "2026-01-02T03:04:05.678Z"
        return Network(name, name, labels, created, "bridge", (subnet,))

    networks = (
        Network("bridge", "bridge", driver="bridge", subnets=("172.17.0.0/16",)),
        Network("host", "host", driver="host"),
        made("a_default", "a", "172.18.0.0/16"),
        made("b_default", "b", "172.19.0.0/24"),
        made("mine", "", "172.20.0.0/16"),
    )
    user = guest(networks={"a_default": "a_default"})
    here = replace(world(model()), engine=Engine(containers=(user,), networks=networks))
    assert pool_report(here).splitlines() == [
        (
            "the engine has no free subnet left: 3 networks hold its address pools, and no "
            "container uses 2 of them"
        ),
        "  created by hand:",
        "    mine  172.20.0.0/16 (65,536 addresses)  since 2026-01-02T03:04:05Z",
        "  project b:",
        "    b_default  172.19.0.0/24 (256 addresses)  since 2026-01-02T03:04:05Z",
        "remove those that are no longer needed: docker network rm mine b_default",
    ]
