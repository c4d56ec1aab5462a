"""Fixed addresses and subnets: what the engine would refuse, found without it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from composetasks.facts import Action, Container, Engine, ExitCode, Network, Resource, World
from composetasks.plan.conflicts.claims import Findings
from tests.unit.plan.conflicts.finding import in_the_way
from tests.unit.worlds import container, model, service, world

SUBNET = "10.1.0.0/24"


def ipam(**pool: Any) -> dict[str, Any]:
    return {"ipam": {"config": [pool]}}


def at(name: str, /, **changes: Any) -> Any:
    """A service with addresses on the default network."""
    names = ("ipv4_address", "ipv6_address")
    attachment = {one: changes.pop(one) for one in names if one in changes}
    return service(name, config={"networks": {"default": attachment}}, **changes)


def seen(*services: Any, config: Any = None, networks: Any = (), containers: Any = ()) -> World:
    default = Resource("default", "shop_default", config=config or ipam(subnet=SUBNET))
    of = world(model(*services, networks={"default": default}))
    return replace(of, engine=Engine(containers=containers, networks=networks))


def found(of: World) -> Findings:
    return in_the_way(of)


def messages(of: World) -> list[tuple[int, str]]:
    return [(one.code, one.message) for one in found(of).blockers]


DEFAULT = Network("net-default", "shop_default", {"com.docker.compose.project": "shop"})
DEFAULT = replace(DEFAULT, driver="bridge", subnets=(SUBNET,), reserved=("10.1.0.1",))
DEFAULT = replace(DEFAULT, labels={**DEFAULT.labels, "com.docker.compose.network": "default"})


@pytest.mark.parametrize(
    ("address", "config", "says"),
    [
        ({"ipv4_address": "10.1.0.9"}, ipam(subnet=SUBNET), ""),
        ({"ipv4_address": "10.2.0.9"}, ipam(subnet=SUBNET), "not in network shop_default"),
        ({"ipv4_address": "10.1.0.1"}, ipam(subnet=SUBNET), "gateway"),
        ({"ipv4_address": "10.1.0.1"}, ipam(subnet=SUBNET, gateway="10.1.0.254"), ""),
        ({"ipv4_address": "10.1.0.1"}, ipam(subnet=SUBNET, ip_range="10.1.0.128/25"), ""),
        ({"ipv4_address": "10.1.0.7"}, ipam(subnet=SUBNET, aux_addresses={"x": "10.1.0.7"}), "aux"),
        ({"ipv4_address": "10.1.0.9"}, {"driver": "bridge"}, "no IPv4 subnet"),
        ({"ipv6_address": "fd00::9"}, ipam(subnet="fd00::/64"), ""),
        ({"ipv6_address": "fd00::9"}, ipam(subnet=SUBNET), "no IPv6 subnet"),
        ({"ipv4_address": "10.1.0.9"}, {"ipam": {"driver": "own"}}, ""),
    ],
)
def test_an_address_that_nobody_can_have(address: Any, config: Any, says: str) -> None:
    blockers = found(seen(at("a", **address), config=config)).blockers
    assert [one.code for one in blockers] == [ExitCode.INVALID] * bool(says)
    assert all(says in one.message for one in blockers)


def test_two_services_or_replicas_of_one_want_the_same() -> None:
    a, b = at("a", ipv4_address="10.1.0.9"), at("b", ipv4_address="10.1.0.9")
    [(code, text)] = messages(seen(a, b))
    assert code == ExitCode.CONFLICT
    assert "services a and b want the same address 10.1.0.9" in text
    two = at("a", ipv4_address="10.1.0.9", container_names=("shop-a-1", "shop-a-2"))
    [(code, text)] = messages(seen(two))
    assert "the 2 replicas of service a" in text


def taken(holder: Container, **changes: Any) -> World:
    on = {"networks": {"shop_default": "net-default"}, "addresses": {"net-default": ("10.1.0.9",)}}
    holder = replace(holder, **{**on, **changes})
    wants = at("a", ipv4_address="10.1.0.9")
    return seen(wants, service("b"), networks=(DEFAULT,), containers=(holder,))


BY_HAND = Container(id="g", name="guest", image="x", image_id="x", state="running")


def test_somebody_elses_container_has_it() -> None:
    [(code, text)] = messages(taken(BY_HAND))
    assert code == ExitCode.CONFLICT
    assert "guest has the address 10.1.0.9 on network shop_default" in text
    assert found(taken(BY_HAND, state="exited", addresses={})) == Findings()


def test_another_of_ours_was_given_it() -> None:
    [blocker] = found(taken(container("b"))).blockers
    assert blocker.code == ExitCode.CONFLICT
    assert "of service b has the address" in blocker.message
    assert "ip_range" in blocker.hint
    # It is recreated, or it is the very one.
    changed = container("b", labels={"com.docker.compose.config-hash": "other"})
    assert found(taken(changed)) == Findings()
    assert found(taken(container("a"))) == Findings()


@pytest.mark.parametrize(
    ("address", "pool", "early"),
    [
        ("10.1.0.2", {}, True),
        ("10.1.0.9", {}, False),
        ("10.1.0.2", {"ip_range": "10.1.0.128/25"}, False),
    ],
)
def test_an_early_address_may_be_given_away_before(address: str, pool: Any, early: bool) -> None:
    config = ipam(subnet=SUBNET, **pool)
    said = found(seen(at("a", ipv4_address=address), service("b"), config=config)).warnings
    assert [address in one for one in said] == [True] * early
    assert found(seen(at("a", ipv4_address=address), config=config)).warnings == ()


# --- subnets --------------------------------------------------------------------------------


def other(project: str = "", **changes: Any) -> Network:
    labels = {"com.docker.compose.project": project} if project else {}
    fields = {"driver": "bridge", "subnets": ("10.1.0.128/25",), **changes}
    return Network("other-id", "other", labels, **fields)


def test_a_subnet_that_another_network_has() -> None:
    by_x = container("z", labels={"com.docker.compose.project": "x"}, networks={"o": "other-id"})
    of = seen(service("a"), networks=(other("x"),), containers=(by_x,))
    [(code, text)] = messages(of)
    assert code == ExitCode.CONFLICT
    assert "10.1.0.0/24, which overlaps with 10.1.0.128/25 of network other" in text
    assert "created by Compose project x in /srv/shop, used by shop-z-1" in text
    [blocker] = found(seen(service("a"), networks=(other(),))).blockers
    assert "`docker network rm other`" in blocker.hint


@pytest.mark.parametrize(
    "networks",
    [
        (DEFAULT, other()),  # it is there already
        (other(driver="overlay"),),
        (other(subnets=("10.1.1.0/24",)),),
        (other(subnets=("fd00::/64",)),),
    ],
)
def test_no_overlap(networks: Any) -> None:
    assert found(seen(service("a"), networks=networks)).blockers == ()


def test_what_this_project_has_left_there_goes_first() -> None:
    left = replace(other("shop"), name="shop_before")
    labels = {"com.docker.compose.config-hash": "other"}
    ours = container("a", labels=labels, networks={"shop_before": "other-id"})
    result = found(seen(service("a"), networks=(left,), containers=(ours,)))
    assert result.blockers == ()
    assert [(one.action, one.key) for one in result.steps] == [(Action.REMOVE_NETWORK, "other-id")]
    guest = replace(BY_HAND, networks={"shop_before": "other-id"})
    [(code, _)] = messages(seen(service("a"), networks=(left,), containers=(guest,)))
    assert code == ExitCode.CONFLICT


def test_two_networks_of_the_model_overlap() -> None:
    of = seen(service("a", networks=("default", "second")))
    second = Resource("second", "shop_second", config=ipam(subnet="10.1.0.0/16"))
    networks = {**of.model.networks, "second": second}
    [(code, text)] = messages(replace(of, model=replace(of.model, networks=networks)))
    assert code == ExitCode.CONFLICT
    assert "default and second of the model overlap" in text


def test_a_bridge_has_one_subnet_of_each_family() -> None:
    def config(*wanted: str, **more: Any) -> Any:
        return {"ipam": {"config": [{"subnet": one} for one in wanted]}, **more}

    [(code, text)] = messages(seen(service("a"), config=config(SUBNET, "10.2.0.0/24")))
    assert code == ExitCode.INVALID
    assert "two IPv4 subnets" in text
    assert messages(seen(service("a"), config=config(SUBNET, "fd00::/64"))) == []
    several = config(SUBNET, "10.2.0.0/24", driver="ipvlan")
    assert messages(seen(service("a"), config=several)) == []
