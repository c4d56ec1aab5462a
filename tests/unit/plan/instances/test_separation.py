"""What two copies of a stack would share: each gets its own, or the instance is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from composetasks.facts import ExitCode, InCommon, Model, Mount, Resource
from composetasks.plan.instances.override import Reset, override
from composetasks.plan.instances.separation import in_common, own_volumes
from tests.unit.plan.conflicts.finding import in_the_way
from tests.unit.worlds import model, service, world

BOUND = {"driver_opts": {"type": "none", "o": "bind", "device": "/srv/data"}}
SUBNET = {"ipam": {"config": [{"subnet": "10.1.0.0/24"}]}}


def with_volume(*, read_only: bool = False, **fields: Any) -> Model:
    db = service("db", mounts=(Mount("volume", "data", "/data", read_only),))
    return model(db, volumes={"data": Resource("data", "shop_data", **fields)})


def overridden(of: Model, **volumes: Path | None) -> Any:
    return override(of, "two", {}, {}, volumes, {})


# --- volumes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "own"),
    [
        ({"config": BOUND}, True),
        ({"external": True}, True),
        ({"external": True, "read_only": True}, False),
        ({"config": BOUND, "read_only": True}, False),
        ({}, False),  # by its name
        ({"config": {"driver_opts": {"type": "tmpfs", "device": "tmpfs"}}}, False),
    ],
)
def test_volumes_of_its_own(fields: Any, own: bool) -> None:
    assert own_volumes(with_volume(**fields), ()) == ("data",) * own
    assert own_volumes(with_volume(**fields), {"data"}) == ()


def test_a_volume_that_stands_for_a_folder_stands_for_another() -> None:
    volumes = overridden(with_volume(config=BOUND), data=Path("/own/data"))["volumes"]
    assert volumes == {"data": {"labels": {}, "driver_opts": {"device": "/own/data"}}}


def test_an_external_volume_is_an_ordinary_one() -> None:
    section = overridden(with_volume(external=True), data=None)["volumes"]["data"]
    assert isinstance(section.pop("external"), Reset)
    assert section == {"labels": {}, "name": "shop_data-two"}
    assert overridden(with_volume(external=True))["volumes"] == {}


@pytest.mark.parametrize(
    "options",
    [
        {"type": "nfs", "o": "addr=nas", "device": ":/data"},
        {"type": "ext4", "device": "/dev/sdz1"},
    ],
)
def test_data_elsewhere_is_shared_and_so_refused(options: Any) -> None:
    nfs = {"driver_opts": options}
    assert own_volumes(with_volume(config=nfs), ()) == ()
    [one] = in_common(with_volume(config=nfs), ())
    assert (one.kind, one.name, one.services) == ("volume", "data", ("db",))
    assert "'shared': True" in one.hint
    assert list(in_common(with_volume(config=nfs), {"data"})) == []
    assert list(in_common(with_volume(config=nfs, read_only=True), ())) == []


# --- networks -------------------------------------------------------------------------------


def on_network(config: Any, attachment: Any = None, /, **changes: Any) -> Model:
    more = changes.pop("config", {})
    a = service("a", config={"networks": {"default": attachment}, **more})
    default = Resource("default", "shop_default", config=config, **changes)
    return model(a, networks={"default": default})


def test_subnets_addresses_and_bridges_are_not_fixed() -> None:
    options = {"com.docker.network.bridge.name": "br-shop", "other": "x"}
    of = on_network({**SUBNET, "driver_opts": options}, {"ipv4_address": "10.1.0.9"})
    document = overridden(of)
    network = document["networks"]["default"]
    assert isinstance(network["ipam"], Reset)
    assert list(network["driver_opts"]) == ["com.docker.network.bridge.name"]
    attachment = document["services"]["a"]["networks"]["default"]
    assert isinstance(attachment["ipv4_address"], Reset)
    assert "networks" not in overridden(on_network({}))["services"]["a"]


def test_on_an_external_network_it_has_no_fixed_place() -> None:
    fixed = {"ipv4_address": "10.1.0.9", "mac_address": "02:42:ac:11:00:99", "aliases": ["x"]}
    attachment = overridden(on_network({}, fixed, external=True))["services"]["a"]["networks"]
    assert sorted(attachment["default"]) == ["ipv4_address", "mac_address"]


def test_it_is_found_by_the_name_its_container_had() -> None:
    of = on_network({}, config={"container_name": "postgres"})
    section = overridden(of)["services"]["a"]
    assert section["networks"] == {"default": {"aliases": ["postgres"]}}
    external = on_network({}, external=True, config={"container_name": "postgres"})
    assert "networks" not in overridden(external)["services"]["a"]


def test_what_joins_a_fixed_name_joins_its_own_copy() -> None:
    vpn = service("vpn", config={"container_name": "gluetun"})
    app = service("app", config={"network_mode": "container:gluetun", "pid": "container:other"})
    section = overridden(model(vpn, app))["services"]["app"]
    assert section == {"labels": {}, "network_mode": "service:vpn"}


@pytest.mark.parametrize("driver", ["macvlan", "ipvlan"])
def test_a_network_of_the_hosts_interface_is_refused(driver: str) -> None:
    [one] = in_common(on_network({**SUBNET, "driver": driver}), ())
    assert (one.kind, one.name, one.services) == ("network", "default", ("a",))
    assert overridden(on_network({**SUBNET, "driver": driver}))["networks"] == {
        "default": {"labels": {}}
    }


@pytest.mark.parametrize(
    ("config", "names"),
    [
        ({"environment": {"DB": "pg://u@10.1.0.9:5432/x"}}, ["10.1.0.9"]),
        ({"extra_hosts": ["db=10.1.0.9"]}, ["10.1.0.9"]),
        ({"command": ["--trust", "10.1.0.0/24"]}, ["10.1.0.0"]),
        ({"environment": {"DB": "10.1.1.9", "V": "1.10.1.0.9", "W": "110.1.0.9"}}, []),
        ({"networks": {"default": {"ipv4_address": "10.1.0.9"}}}, []),
    ],
)
def test_an_address_that_a_program_is_given_is_refused(config: Any, names: list[str]) -> None:
    results = list(in_common(on_network(SUBNET, config=config), ()))
    assert [one.name for one in results] == names
    assert all(f"{next(iter(config))}" in one.reason for one in results)
    assert list(in_common(on_network({}, config=config), ())) == []


# --- the plan -------------------------------------------------------------------------------


def test_only_what_is_started_is_refused() -> None:
    of = world(model(service("a"), service("b"), instance="two"))
    one = InCommon("folder", "data", ("b",), "why", "what to do")
    of = replace(of, in_common=(one,))
    [blocker] = in_the_way(of, "a", "b").blockers
    assert (blocker.code, blocker.hint) == (ExitCode.CONFLICT, "what to do")
    assert "instance two would share folder data with the other copies" in blocker.message
    assert in_the_way(of, "a").blockers == ()


def test_what_the_model_shares_is_said() -> None:
    a, b = service("a", networks=("edge",)), service("b", config={"network_mode": "host"})
    networks = {"edge": Resource("edge", "proxy", external=True, config={"driver": "overlay"})}
    of = world(model(a, b, networks=networks, instance="two"))
    said = in_the_way(of, "a", "b").warnings
    assert (
        "external network proxy is the same for all copies, and so are the names on it of a"
        in said[0]
    )
    assert "b on the host's network" in said[1]
    base = replace(of, model=replace(of.model, instance=None))
    assert len(in_the_way(base, "a", "b").warnings) == len(said) - 2
