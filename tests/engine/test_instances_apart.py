"""Two copies of one stack have nothing in common that they did not ask for: not only their names
are their own. With plain Compose and another project name, each of these is one thing for both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.stacks import docker, free_prefixes, remove_project
from tests.project import Project, Ran
from tests.repositories import git

LOOP = {"image": "ct-test/busybox", "init": True, "command": ["sleep", "1000"]}


@pytest.fixture
def shop(project: Project) -> Iterator[Project]:
    git(project.folder, "init", "-q")
    git(project.folder, "add", "tasks.py")
    yield project
    remove_project(f"{project.name}-two")
    docker("volume", "rm", "-f", f"{project.name}-outer", check=False)


def write(project: Project, services: dict[str, Any], **more: Any) -> None:
    whole = {key: {**LOOP, "stop_grace_period": "1s", **one} for key, one in services.items()}
    document = {"name": project.name, "services": whole, **more}
    project.write("compose.yaml", json.dumps(document))


def done(ran: Ran) -> Ran:
    assert ran.code == 0, ran.err
    return ran


def test_volumes_subnets_addresses_and_names_are_its_own(shop: Project) -> None:
    name, prefix = shop.name, next(free_prefixes())
    docker("volume", "create", f"{name}-outer")
    shop.write("data/who", "")
    write(
        shop,
        {
            "db": {
                "container_name": f"{name}-fixed",
                "networks": {"default": {"ipv4_address": f"{prefix}.9"}},
                "volumes": ["bound:/bound", "outer:/outer"],
            },
            "app": {"network_mode": f"container:{name}-fixed", "depends_on": ["db"]},
            "web": {},
        },
        networks={
            "default": {
                "ipam": {"config": [{"subnet": f"{prefix}.0/24"}]},
                "driver_opts": {"com.docker.network.bridge.name": f"br{name[-8:]}"},
            }
        },
        volumes={
            "bound": {
                "driver_opts": {"type": "none", "o": "bind", "device": str(shop.folder / "data")}
            },
            "outer": {"external": True, "name": f"{name}-outer"},
        },
    )
    (shop.folder / "data").chmod(0o777)
    done(shop.inv("up"))
    done(shop.inv("up", "--instance", "two"))
    assert shop.plan("up", "--instance", "two") == []
    assert shop.plan("up") == []
    both = {"base": f"{name}-fixed", "two": f"{name}-two-db-1"}
    for who, container in both.items():
        docker("exec", container, "sh", "-c", f"echo {who} | tee /bound/who > /outer/who")
    for who, container in both.items():
        assert docker("exec", container, "cat", "/bound/who", "/outer/who").split() == [who] * 2
        shared = docker("inspect", "-f", "{{.Id}}", container)
        app = container.replace("-fixed", "-db-1").replace("-db-1", "-app-1")
        assert docker("inspect", "-f", "{{.HostConfig.NetworkMode}}", app) == f"container:{shared}"
    assert (shop.folder / "data/who").read_text() == "base\n"
    own = shop.folder / ".composetasks/instances/two/volumes/bound"
    assert own.stat().st_mode & 0o777 == 0o777
    # By the name that its container has in the base, it is found in the copy.
    docker("exec", f"{name}-two-web-1", "ping", "-c", "1", "-W", "2", f"{name}-fixed")


def test_what_can_not_be_its_own_is_refused_with_the_setting_that_resolves_it(
    shop: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside, prefix = tmp_path_factory.mktemp("outside"), next(free_prefixes())
    write(
        shop,
        {
            "db": {"volumes": [f"{outside}:/data"]},
            "web": {
                "environment": {"DB": f"{prefix}.9:5432"},
                "networks": {"default": {"ipv4_address": f"{prefix}.8"}},
            },
        },
        networks={"default": {"ipam": {"config": [{"subnet": f"{prefix}.0/24"}]}}},
    )
    ran = shop.inv("up", "--instance", "two", "--plan", "--json")
    assert ran.code == 9
    blockers = {one["target"]: one for one in ran.document["blockers"]}
    assert set(blockers) == {str(outside), f"{prefix}.9"}
    assert "environment.DB names it" in blockers[f"{prefix}.9"]["message"]
    assert "{'shared': True}" in blockers[str(outside)]["hint"]
    # The base is not concerned, and readers of the copy are not either.
    assert shop.inv("up", "--plan").code == 0
    assert shop.inv("status", "--instance", "two").code == 0
    settings = {"stack": {"state": {str(outside): {"shared": True}}}}
    shop.write(
        "tasks.py", f"from composetasks import collection\nns = collection(config={settings})\n"
    )
    done(shop.inv("up", "db", "--instance", "two"))
    mounted = docker("inspect", "-f", "{{(index .Mounts 0).Source}}", f"{shop.name}-two-db-1")
    assert mounted == str(outside)


def test_a_model_with_includes_is_copied_too(shop: Project) -> None:
    shop.write("inner/data/who", "")
    device = str(shop.folder / "inner/data")
    bound = {"driver_opts": {"type": "none", "o": "bind", "device": device}}
    volumes = ["bound:/data", "./state:/state"]
    db = {**LOOP, "container_name": f"{shop.name}-db", "volumes": volumes}
    included = {"services": {"db": db}, "volumes": {"bound": bound}}
    shop.write("inner/compose.yaml", json.dumps(included))
    git(shop.folder, "add", "inner/compose.yaml")
    write(shop, {"web": {"depends_on": ["db"]}}, include=["inner/compose.yaml"])
    done(shop.inv("up"))
    done(shop.inv("up", "--instance", "two"))
    for container in (f"{shop.name}-db", f"{shop.name}-two-db-1"):
        docker("exec", container, "sh", "-c", f"echo {container} | tee /data/who > /state/who")
    for container in (f"{shop.name}-db", f"{shop.name}-two-db-1"):
        said = docker("exec", container, "cat", "/data/who", "/state/who").split()
        assert said == [container] * 2
