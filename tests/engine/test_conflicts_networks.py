"""Networks that changed: recreated without a loss, or refused before anything is stopped."""

from __future__ import annotations

import json
from typing import Any

import pytest

from composetasks.facts import Consent, ExitCode
from composetasks.observe.compose.hashes import resource_hashes
from tests.engine.busybox import TAG
from tests.engine.planned import Planned, steps

pytestmark = pytest.mark.engine


def write(planned: Planned, label: str, **services: Any) -> None:
    """Services a and b on a network with a label, in which it differs."""
    usual = {"a": {"volumes": ["/data"]}, "b": {}}
    planned.write({**usual, **services}, networks={"default": {"labels": {"is": label}}})


@pytest.fixture
def running(planned: Planned) -> Planned:
    """A stack on a network that is not what its model says any more."""
    write(planned, "old")
    planned.up()
    planned.by_compose("exec", "a", "touch", "/data/kept")
    write(planned, "new")
    return planned


def test_our_hashes_are_those_of_compose(planned: Planned) -> None:
    networks = {
        "plain": {},
        "full": {
            "labels": {"b": '<&>\u2028é"\\', "a": "1", "price": "5$$ $$$$"},
            "driver": "bridge",
            "driver_opts": {"com.docker.network.bridge.enable_icc": "true"},
            "internal": True,
            "attachable": True,
            "enable_ipv6": False,
            "ipam": {"config": [{"subnet": "10.213.77.0/24", "gateway": "10.213.77.9"}]},
        },
    }
    volumes = {"plain": {}, "full": {"labels": {"x": "y"}, "driver_opts": {"type": "tmpfs"}}}
    volumes["full"]["driver_opts"].update(device="tmpfs", o="size=1m")
    used = {"networks": list(networks), "volumes": [f"{key}:/{key}" for key in volumes]}
    planned.write({"a": used}, networks=networks, volumes=volumes)
    planned.by_compose("create")
    world = planned.world()
    for resources, there in (
        (world.model.networks, world.engine.networks),
        (world.model.volumes, world.engine.volumes),
    ):
        for resource in resources.values():
            [made] = [one for one in there if one.name == resource.name]
            assert made.labels["com.docker.compose.config-hash"] == resource.config_hash
    assert resource_hashes({}) == {"networks": {}, "volumes": {}}


def test_so_are_those_of_a_model_that_compose_prints_as_yaml_alone(planned: Planned) -> None:
    networks = {"default": {}, "full": {"driver": "bridge", "labels": {"price": "5$$", "y": "yes"}}}
    build = {"context": ".", "ssh": ["key=./id_test"]}
    one = {"build": build, "networks": list(networks), "volumes": ["data:/data"]}
    planned.write({"a": one}, networks=networks, volumes={"data": {"labels": {"on": "on"}}})
    (planned.folder / "Dockerfile").write_text(f"FROM {TAG}\n")
    planned.by_compose("create", "--no-build")
    world = planned.world()
    there = {one.name: one.labels for one in world.engine.networks}
    there |= {one.name: one.labels for one in world.engine.volumes}
    resources = (*world.model.networks.values(), *world.model.volumes.values())
    assert len(resources) == 3
    for resource in resources:
        assert there[resource.name]["com.docker.compose.config-hash"] == resource.config_hash
    assert "remove-network" not in {action for action, _ in steps(planned.plan())}


def test_a_changed_network_is_recreated_and_nothing_is_lost(running: Planned) -> None:
    plan = running.plan()
    name = running.name
    assert steps(plan) == [
        ("remove-network", f"{name}_default"),
        ("recreate-container", f"{name}-a-1"),
        ("recreate-container", f"{name}-b-1"),
    ]
    assert {step.consent for step in plan.steps} == {Consent.NONE}
    assert [(e.field, e.old, e.new) for e in plan.steps[0].because] == [
        ("labels", "is=old", "is=new")
    ]
    running.do(plan)
    assert running.plan().steps == ()
    # By their services' names they find each other, and anonymous volumes are still theirs.
    running.by_compose("exec", "b", "ping", "-c", "1", "-W", "2", "a")
    running.by_compose("exec", "a", "ls", "/data/kept")


def test_a_running_guest_stops_nothing_of_ours(running: Planned) -> None:
    guest = f"{running.name}-guest"
    running.by_hand(guest, "--network", f"{running.name}_default")
    [blocker] = running.plan().blockers
    assert blocker.code is ExitCode.CONFLICT
    assert f"container {guest} is on it" in blocker.message
    ran = running.inv("up")
    assert ran.code == ExitCode.CONFLICT
    for name in (f"{running.name}-a-1", f"{running.name}-b-1", guest):
        result = running.find(name)
        assert result is not None
        assert result.state == "running"
    # The two commands of the hint resolve it.
    running.docker("network", "disconnect", f"{running.name}_default", guest)
    running.up()
    running.docker("network", "connect", f"{running.name}_default", guest)
    assert running.plan().steps == ()


def test_with_force_the_guest_loses_the_network_and_runs_on(running: Planned) -> None:
    guest = f"{running.name}-guest"
    running.by_hand(guest, "--network", f"{running.name}_default")
    plan = running.plan(force=True)
    assert plan.steps[0].consent is Consent.FORCE
    running.do(plan)
    assert running.plan().steps == ()
    result = running.find(guest)
    assert result is not None
    assert (result.state, result.networks) == ("running", {})


def test_a_one_off_and_a_siblings_container_are_guests_too(running: Planned) -> None:
    name = running.name
    sibling = {"services": {"z": {"image": TAG, "command": "sleep 3600", "init": True}}}
    same = {"networks": {"default": {"labels": {"is": "old"}}}}
    (running.folder / "sibling.yaml").write_text(json.dumps({"name": name, **sibling, **same}))
    running.by_compose("-f", "sibling.yaml", "up", "-d")
    write(running, "old")
    running.by_compose("run", "-d", "--name", f"{name}-once", "a")
    write(running, "new")
    assert len(running.plan().blockers) == 2
    running.do(running.plan(force=True))
    for guest in (f"{name}-z-1", f"{name}-once"):
        result = running.find(guest)
        assert result is not None
        assert (result.state, result.networks) == ("running", {})


def test_a_stopped_guest_comes_back_by_the_commands_of_the_warning(running: Planned) -> None:
    guest, network = f"{running.name}-guest", f"{running.name}_default"
    running.by_hand(guest, "--network", network)
    running.docker("stop", "-t", "0", guest)
    plan = running.plan()
    [warning] = [one for one in plan.warnings if guest in one]
    running.do(plan)
    assert f"`docker network disconnect {network} {guest}`" in warning
    running.docker("network", "disconnect", network, guest)
    running.docker("network", "connect", network, guest)
    running.docker("start", guest)


def test_a_start_of_some_does_not_take_the_network_from_the_others(running: Planned) -> None:
    plan = running.plan("a")
    assert [blocker.code for blocker in plan.blockers] == [ExitCode.CONFLICT]
    assert "b" in plan.blockers[0].hint


def test_what_compose_left_stopped_is_brought_back(running: Planned) -> None:
    """Compose stops ours, fails at the guest, and fails ever after; we don't."""
    guest = f"{running.name}-guest"
    running.by_hand(guest, "--network", f"{running.name}_default")
    assert "has active endpoints" in running.by_compose("up", "-d", check=False)
    running.docker("rm", "-f", guest)
    assert "is not connected" in running.by_compose("up", "-d", check=False)
    running.up()
    assert running.plan().steps == ()
    running.by_compose("exec", "b", "ping", "-c", "1", "-W", "2", "a")
    running.by_compose("exec", "a", "ls", "/data/kept")


def test_containers_on_a_network_that_is_gone_are_recreated(planned: Planned) -> None:
    write(planned, "old")
    planned.up()
    planned.by_compose("exec", "a", "touch", "/data/kept")
    planned.by_compose("stop")
    planned.docker("network", "rm", f"{planned.name}_default")
    plan = planned.plan()
    assert steps(plan) == [
        ("recreate-container", f"{planned.name}-a-1"),
        ("recreate-container", f"{planned.name}-b-1"),
    ]
    reasons = {step.reason for step in plan.steps}
    assert reasons == {f"network {planned.name}_default no longer exists"}
    planned.up()
    assert planned.plan().steps == ()
    planned.by_compose("exec", "a", "ls", "/data/kept")


def test_a_stopped_container_off_its_network_is_not_started_without_it(planned: Planned) -> None:
    write(planned, "old")
    planned.up()
    planned.by_compose("stop", "a")
    planned.docker("network", "disconnect", f"{planned.name}_default", f"{planned.name}-a-1")
    assert steps(planned.plan()) == [("recreate-container", f"{planned.name}-a-1")]
    planned.up()
    planned.by_compose("exec", "b", "ping", "-c", "1", "-W", "2", "a")
    assert planned.plan().steps == ()


def test_a_done_job_is_not_run_again_for_its_network(planned: Planned) -> None:
    job = {"command": "true", "init": False}
    awaits = {"depends_on": {"a": {"condition": "service_completed_successfully"}}}
    write(planned, "old", a=job, b=awaits)
    planned.up()
    write(planned, "new", a=job, b=awaits)
    assert ("recreate-container", f"{planned.name}-a-1") not in steps(planned.plan())
    planned.up()
    assert planned.plan().steps == ()


def test_a_renamed_network_takes_its_containers_along(planned: Planned) -> None:
    planned.write({"a": {}, "b": {}})
    planned.up()
    planned.write({"a": {}, "b": {}}, networks={"default": {"name": f"{planned.name}-renamed"}})
    planned.up()
    assert planned.plan().steps == ()
    names = {one["Name"] for one in planned.client.networks()}
    assert f"{planned.name}-renamed" in names
    assert f"{planned.name}_default" not in names
    planned.by_compose("exec", "b", "ping", "-c", "1", "-W", "2", "a")


def test_a_network_by_hand_is_used_with_a_warning(planned: Planned) -> None:
    planned.docker("network", "create", f"{planned.name}_default")
    planned.write({"a": {}})
    plan = planned.plan()
    assert any("was created by hand, not by this project" in one for one in plan.warnings)
    planned.do(plan)
    assert planned.plan().steps == ()


def test_an_orphan_on_a_changed_network_goes_with_consent(running: Planned) -> None:
    write(running, "old", c={})
    running.by_compose("up", "-d")
    write(running, "new")
    plan = running.plan()
    assert steps(plan)[:2] == [
        ("remove-container", f"{running.name}-c-1"),
        ("remove-network", f"{running.name}_default"),
    ]
    assert plan.steps[0].consent is Consent.YES
    running.do(plan)
    assert running.plan().steps == ()


def test_clean_orphans_leaves_a_changed_network_that_is_in_use(running: Planned) -> None:
    assert running.leftovers().steps == ()
