"""The Compose model as a stack file: what is said in other words, refused, or left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from composetasks.facts import StackFile
from composetasks.plan.deploy.stack_file import stack_file, with_services


def translated(section: Mapping[str, Any], endpoint: str = "", **top: Any) -> StackFile:
    """The stack file of a model with one service, ``web``, and whatever else ``top`` says."""
    services = {"web": {"image": "web", **section}, **top.pop("services", {})}
    config = {"name": "shop", "services": services, "networks": {"default": {}}, **top}
    objects = {("configs", "conf"): "shop_conf_1", ("secrets", "key"): "shop_key_2"}
    return stack_file(config, dict.fromkeys(services, "web@sha256:1"), objects, endpoint)


def web(section: Mapping[str, Any], endpoint: str = "", **top: Any) -> dict[str, Any]:
    """That service, where nothing is in the way."""
    made = translated(section, endpoint, **top)
    assert not made.blockers
    result: dict[str, Any] = made.services["web"]
    return result


def test_its_image_is_the_pinned_one_and_its_build_is_no_affair_of_swarm() -> None:
    made = translated({"build": {"context": "."}, "pull_policy": "build", "develop": {"watch": []}})
    assert made.services["web"]["image"] == "web@sha256:1"
    assert made.warnings == ()
    assert "build" not in made.services["web"]


@pytest.mark.parametrize(
    ("restart", "policy"),
    [
        ("no", {"condition": "none"}),
        ("always", {"condition": "any"}),
        ("unless-stopped", {"condition": "any"}),
        ("on-failure", {"condition": "on-failure"}),
        ("on-failure:3", {"condition": "on-failure", "max_attempts": 3}),
    ],
)
def test_a_restart_is_a_restart_policy(restart: str, policy: Mapping[str, Any]) -> None:
    assert web({"restart": restart})["deploy"]["restart_policy"] == policy


def test_a_restart_policy_of_its_own_stays() -> None:
    own = {"condition": "any", "delay": "1s"}
    assert web({"restart": "no", "deploy": {"restart_policy": own}})["deploy"] == {
        "restart_policy": own
    }


def test_limits_are_resources_and_those_of_deploy_stay() -> None:
    made = web(
        {
            "mem_limit": "67108864",
            "mem_reservation": "1024",
            "cpus": 0.5,
            "pids_limit": 9,
            "scale": 2,
            "deploy": {"resources": {"limits": {"cpus": 2.0}}},
        }
    )
    assert made["deploy"]["replicas"] == 2
    assert made["deploy"]["resources"] == {
        "limits": {"cpus": "2.0", "memory": "67108864", "pids": 9},
        "reservations": {"memory": "1024"},
    }


def test_a_container_name_is_an_alias_on_every_network() -> None:
    networks = {"default": None, "back": {"aliases": ["b"]}}
    made = web({"container_name": "postgres", "networks": networks}, networks={"back": {}})
    assert made["networks"] == {
        "default": {"aliases": ["postgres"]},
        "back": {"aliases": ["b", "postgres"]},
    }


def test_networks_are_overlays_with_the_stack_s_names() -> None:
    own, ours = {"name": "shop_default", "ipam": {}}, {"name": "mine", "driver": "bridge"}
    others = {"name": "theirs", "external": True}
    used = dict.fromkeys(("default", "ours", "others"))
    networks = {"default": own, "ours": ours, "others": others, "unused": {}}
    assert translated({"networks": used}, networks=networks).file["networks"] == {
        "default": {"driver": "overlay"},
        "ours": {"driver": "overlay", "name": "mine"},
        "others": {"external": True, "name": "theirs"},
    }


def test_ports_are_numbers_and_of_the_host_where_nothing_balances_them() -> None:
    port = {"mode": "ingress", "target": 80, "published": "8080", "protocol": "tcp"}
    assert web({"ports": [port]})["ports"] == [{**port, "published": 8080}]
    assert web({"ports": [port]}, "dnsrr")["ports"] == [{**port, "published": 8080, "mode": "host"}]
    assert web({}, "dnsrr")["deploy"] == {"endpoint_mode": "dnsrr"}


def test_configs_and_secrets_are_named_by_their_content() -> None:
    made = translated(
        {
            "configs": [{"source": "conf", "target": "/etc/conf", "mode": "0440"}],
            "secrets": [{"source": "key"}],
        }
    )
    section = made.services["web"]
    assert section["configs"] == [{"source": "shop_conf_1", "target": "/etc/conf", "mode": 0o440}]
    assert section["secrets"] == [{"source": "shop_key_2", "target": "/run/secrets/key"}]
    assert made.file["configs"] == {"shop_conf_1": {"external": True, "name": "shop_conf_1"}}


def test_shared_memory_is_a_tmpfs() -> None:
    assert web({"shm_size": "1024"})["volumes"] == [
        {"type": "tmpfs", "target": "/dev/shm", "tmpfs": {"size": 1024}}
    ]


def test_who_is_awaited_to_its_end_is_a_job() -> None:
    waiting = {"depends_on": {"web": {"condition": "service_completed_successfully"}}}
    made = web(
        {"restart": "on-failure:2", "deploy": {"update_config": {"delay": "1s"}}},
        services={"api": waiting},
    )
    policy = {"condition": "on-failure", "max_attempts": 2}
    assert made["deploy"] == {"mode": "replicated-job", "restart_policy": policy}
    once = web({}, services={"api": waiting})["deploy"]
    assert once == {"mode": "replicated-job", "restart_policy": {"condition": "none"}}


@pytest.mark.parametrize(
    "section",
    [
        {"volumes": [{"type": "bind", "source": "/srv/x", "target": "/x"}]},
        {"ports": [{"target": 80, "published": "8080", "host_ip": "127.0.0.1"}]},
        {"ports": [{"target": 80, "published": "8080-8090"}]},
        {"privileged": True},
        {"entrypoint": []},
        {"devices": [{"source": "/dev/fuse", "target": "/dev/fuse"}]},
        {"network_mode": "host"},
        {"pid": "host"},
        {"security_opt": ["no-new-privileges:true"]},
        {"post_start": [{"command": "x"}]},
        {"networks": {"default": {"ipv4_address": "10.0.0.2"}}},
        {"deploy": {"resources": {"reservations": {"devices": [{"capabilities": ["gpu"]}]}}}},
    ],
)
def test_what_would_run_otherwise_is_refused(section: Mapping[str, Any]) -> None:
    [blocker] = translated(section).blockers
    assert (int(blocker.code), blocker.service) == (6, "web")
    assert "stack.deploy.files" in blocker.hint


def test_what_is_so_anyway_is_no_reason_to_refuse() -> None:
    section = {
        "privileged": False,
        "network_mode": "bridge",
        "ipc": "private",
        "ports": [{"target": 80, "published": "80", "host_ip": "0.0.0.0"}],
    }
    assert translated(section).blockers == ()


def test_what_does_not_change_what_runs_is_one_warning() -> None:
    made = translated(
        {"mac_address": "1:2", "cpu_shares": 9, "networks": {"default": {"priority": 1}}}
    )
    assert made.warnings == (
        "web: Swarm has no cpu_shares, mac_address, networks.default.priority; ignored",
    )


def test_a_volume_of_a_node_needs_a_place() -> None:
    mounted = {"volumes": [{"type": "volume", "source": "data", "target": "/data"}]}
    placed = {"deploy": {"placement": {"constraints": ["node.hostname == a"]}}}
    anywhere = {"deploy": {"placement": {"constraints": ["node.role == worker"]}}}
    shared = {"data": {"driver_opts": {"type": "nfs", "o": "addr=x"}}}

    [warning] = translated(mounted, volumes={"data": {"name": "shop_data"}}).warnings
    assert "each node has its own volume data" in warning
    assert translated({**mounted, **anywhere}, volumes={"data": {}}).warnings == (warning,)
    assert translated({**mounted, **placed}, volumes={"data": {}}).warnings == ()
    assert translated(mounted, volumes=shared).warnings == ()


def test_a_variable_without_a_value_is_left_out() -> None:
    assert web({"environment": {"A": "1", "B": None}})["environment"] == {"A": "1"}


def test_some_services_of_a_file_leave_the_others_as_they_were() -> None:
    before = {"services": {"a": {"image": "1"}, "b": {"image": "1"}}, "networks": {"n": {}}}
    now = {"services": {"a": {"image": "2"}, "b": {"image": "2"}}, "volumes": {"v": {}}}
    merged = with_services(before, now, ["b"])
    assert merged["services"] == {"a": {"image": "1"}, "b": {"image": "2"}}
    assert {"networks", "volumes"} < set(merged)
