"""Networks, volumes, addresses, devices and files that are taken or not there: known to the plan,
before anything is built or started. Each is what plain Compose finds out half way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from composetasks.facts import ExitCode, Plan
from tests.engine.planned import Planned
from tests.engine.stacks import free_prefixes

pytestmark = pytest.mark.engine

BUILT = {"build": {"dockerfile_inline": "FROM ct-test/busybox\n"}}


def network(subnet: str, **pool: Any) -> dict[str, Any]:
    return {"ipam": {"config": [{"subnet": subnet, **pool}]}}


def said(plan: Plan) -> list[tuple[int, str]]:
    return [(int(one.code), one.message) for one in plan.blockers]


def test_all_missing_external_things_are_named_before_a_build(planned: Planned) -> None:
    name = planned.name
    app = {**BUILT, "image": f"{name}-app", "networks": ["one", "two"], "volumes": ["data:/data"]}
    external = {key: {"external": True, "name": f"{name}-{key}"} for key in ("one", "two", "data")}
    planned.write(
        {"app": app},
        networks={key: external[key] for key in ("one", "two")},
        volumes={"data": external["data"]},
    )
    assert "could not be found" in planned.by_compose("up", "-d", "--no-build", check=False)
    ran = planned.inv("up")
    assert ran.code == ExitCode.INVALID
    for command in ("network create", "network create", "volume create"):
        assert f"docker {command} {name}-" in ran.err
    assert planned.client.images(name=f"{name}-app") == []
    # The commands of the hints resolve it; a network may be named by its id.
    key = planned.docker("network", "create", f"{name}-one")
    planned.docker("network", "create", f"{name}-two")
    planned.docker("volume", "create", f"{name}-data")
    external["one"]["name"] = key
    planned.write(
        {"app": {**app, **BUILT, "networks": ["one"]}},
        networks={"one": external["one"]},
        volumes={"data": external["data"]},
    )
    assert planned.plan().blockers == ()


def test_an_overlapping_subnet_is_told_with_its_owner(planned: Planned) -> None:
    prefix = next(free_prefixes())
    planned.docker("network", "create", "--subnet", f"{prefix}.0/25", f"{planned.name}-other")
    planned.write({"app": {}}, networks={"default": network(f"{prefix}.0/24")})
    assert "Pool overlaps" in planned.by_compose("up", "-d", check=False)
    [(code, message)] = said(planned.plan())
    assert code == ExitCode.CONFLICT
    assert f"{prefix}.0/25 of network {planned.name}-other (not created by Compose" in message
    planned.docker("network", "rm", f"{planned.name}-other")
    # What an earlier model of this project left there is in nobody's way.
    planned.write({"app": {"networks": ["old"]}}, networks={"old": network(f"{prefix}.0/24")})
    planned.up()
    planned.write({"app": {"networks": ["new"]}}, networks={"new": network(f"{prefix}.0/24")})
    actions = [(one.action.value, one.target) for one in planned.plan().steps]
    assert actions[0] == ("remove-network", f"{planned.name}_old")
    planned.up()
    assert planned.plan().steps == ()
    result = planned.find(f"{planned.name}-app-1")
    assert result is not None
    assert (result.state, list(result.networks)) == ("running", [f"{planned.name}_new"])


def test_fixed_addresses_that_are_taken_or_impossible(planned: Planned) -> None:
    prefix = next(free_prefixes())
    name = f"{planned.name}_default"

    def write(a: str, b: str = "") -> None:
        services: dict[str, Any] = {"a": {"networks": {"default": {"ipv4_address": a}}}}
        if b:
            services["b"] = {"networks": {"default": {"ipv4_address": b}}}
        planned.write(services, networks={"default": network(f"{prefix}.0/24")})

    for a, b, says in (
        (f"{prefix}.1", "", "reserves for its gateway"),
        ("10.199.0.9", "", "is not in network"),
        (f"{prefix}.9", f"{prefix}.9", "services a and b want the same address"),
    ):
        write(a, b)
        [(_, message)] = said(planned.plan())
        assert says in message
        # So says the engine, when it is too late.
        assert "rror" in planned.by_compose("up", "-d", check=False)
        planned.by_compose("down")
    write(f"{prefix}.8")
    planned.up()
    guest = f"{planned.name}-guest"
    planned.by_hand(guest, "--network", name, "--ip", f"{prefix}.9")
    write(f"{prefix}.9")
    [(code, message)] = said(planned.plan())
    assert code == ExitCode.CONFLICT
    assert f"container {guest} has the address {prefix}.9 on network {name}" in message
    planned.docker("stop", "-t", "0", guest)
    planned.up()
    assert planned.plan().steps == ()


def test_a_device_that_is_not_there_and_a_volume_whose_device_changed(
    planned: Planned, tmp_path: Path
) -> None:
    def write(device: Path | str) -> None:
        options = {"type": "none", "o": "bind", "device": str(device)}
        planned.write(
            {"app": {"volumes": ["data:/data"]}},
            volumes={"data": {"driver_opts": options}},
        )

    first, second = tmp_path / "one", tmp_path / "two"
    write(first)
    [(code, message)] = said(planned.plan())
    assert code == ExitCode.INVALID
    assert f"the device of volume data, {first}, does not exist" in message
    write("./relative")
    assert "`driver: local`" in planned.plan().blockers[0].hint
    for folder in (first, second):
        folder.mkdir()
    write(first)
    planned.up()
    write(second)
    plan = planned.plan()
    assert plan.blockers == ()
    [warning] = plan.warnings
    assert f"device {first}, but the model has {second}" in warning
    planned.do(plan)
    planned.by_compose("exec", "app", "touch", "/data/kept")
    assert (first / "kept").exists()
    # The warning's way to the new one.
    planned.by_compose("down")
    planned.docker("volume", "rm", f"{planned.name}_data")
    planned.up()
    planned.by_compose("exec", "app", "touch", "/data/kept")
    assert (second / "kept").exists()


def test_files_and_devices_that_containers_need(planned: Planned) -> None:
    app = {
        "volumes": ["./app.conf:/etc/app.conf", "./conf.d:/etc/conf.d", "./made:/made"],
        "secrets": ["password"],
        "configs": ["settings"],
        "devices": ["/dev/nothing-here:/dev/it"],
    }
    files = {"secrets": {"password": {"file": "./pw"}}, "configs": {"settings": {"file": "./st"}}}
    planned.write({"app": app}, **files)
    plan = planned.plan()
    assert {one.code for one in plan.blockers} == {ExitCode.INVALID}
    targets = {one.target for one in plan.blockers}
    assert targets == {"/dev/nothing-here", str(planned.folder / "pw"), str(planned.folder / "st")}
    planned.write({"app": {"volumes": app["volumes"]}})
    [warning] = planned.plan().warnings
    assert f"{planned.folder}/app.conf (app, at /etc/app.conf): does not exist" in warning
    planned.up()
    planned.by_compose("down")
    # The engine has made folders of all three; one of them is no folder by its name.
    [warning] = planned.plan().warnings
    assert f"{planned.folder}/app.conf (app, at /etc/app.conf): an empty folder" in warning
