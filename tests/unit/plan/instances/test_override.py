"""The override file that makes a second copy of a stack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from composetasks.facts import Engine, Port, Resource, World
from composetasks.plan.conflicts.instances import free_name
from composetasks.plan.instances.override import (
    NAME,
    dump,
    override,
    project_name,
    published_ports,
)
from tests.unit.worlds import built, container, model, service

PORT = {"target": 5432, "published": "5432", "host_ip": "127.0.0.1", "protocol": "tcp"}
EPHEMERAL = {"target": 80, "protocol": "tcp"}


def shop() -> Any:
    db = service(
        "db",
        config={"container_name": "postgres", "ports": [PORT, EPHEMERAL]},
        ports=(Port(5432, (5432, 5432), "127.0.0.1", "tcp"), Port(80, None, "", "tcp")),
    )
    job = built(
        "job",
        image="registry:5000/shop-job",
        config={"volumes": [{"type": "bind", "source": "/srv/$hop/state", "target": "/state"}]},
    )
    return model(
        db,
        job,
        volumes={
            "data": Resource("data", "shop_data"),
            "named": Resource("named", "everybodys"),
            "outer": Resource("outer", "outer", external=True),
        },
    )


def text(**changes: Any) -> str:
    given: dict[str, Any] = {
        "ports": {("db", "127.0.0.1", "5432", 5432, "tcp"): 40001},
        "folders": {"/srv/$hop/state": Path("/srv/$x/state")},
        "volumes": {},
        "labels": {"composetasks.instance": "two"},
        **changes,
    }
    return dump(override(shop(), "two", **given))


def _sequence(loader: yaml.SafeLoader, node: Any) -> list[Any]:
    return list(loader.construct_sequence(node, deep=True))


def loaded() -> Any:
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!reset", lambda loader, node: "RESET")
    Loader.add_constructor("!override", _sequence)
    return yaml.load(text(), Loader)  # noqa: S506 (a safe loader with two tags)


def test_ports_names_and_images_are_its_own() -> None:
    services = loaded()["services"]
    assert services["db"]["container_name"] == "RESET"
    assert services["db"]["ports"] == [{**PORT, "published": "40001"}, EPHEMERAL]
    assert services["job"]["image"] == "registry:5000/shop-job:two"
    assert "image" not in services["db"]


def test_state_folders_are_its_own_and_dollars_survive_compose() -> None:
    [mount] = loaded()["services"]["job"]["volumes"]
    assert mount == {"type": "bind", "source": "/srv/$$x/state", "target": "/state"}


def test_volumes_with_fixed_names_get_their_own_and_external_ones_stay() -> None:
    volumes = loaded()["volumes"]
    assert volumes["named"]["name"] == "everybodys-two"
    assert "name" not in volumes["data"]
    assert "outer" not in volumes


def test_everything_it_makes_says_whose_it_is() -> None:
    document = loaded()
    for kind in ("services", "networks", "volumes"):
        for section in document[kind].values():
            assert section["labels"] == {"composetasks.instance": "two"}


def test_only_fixed_ports_need_another() -> None:
    assert published_ports(shop()) == [("db", "127.0.0.1", "5432", 5432, "tcp")]


def test_its_project_is_named_after_both() -> None:
    assert project_name(shop(), "two") == "shop-two"
    assert NAME.fullmatch("smoke-42")
    assert not NAME.fullmatch("../x")


@given(st.text())
def test_any_folder_gives_a_name(folder: str) -> None:
    assert NAME.fullmatch(free_name(World(shop(), Engine(), checkout=folder)))


def test_a_name_that_another_checkout_has_gets_a_number() -> None:
    theirs = {"com.docker.compose.project": "shop-work-tree"}
    where = "com.docker.compose.project.working_dir"
    elsewhere = container("db", labels={**theirs, where: "/other"})
    here = container("db", labels={**theirs, where: "/srv/shop"})
    named = [
        free_name(World(shop(), Engine(some), checkout="Work Tree"))
        for some in ((), (here,), (here, elsewhere))
    ]
    assert named == ["work-tree", "work-tree", "work-tree-2"]


def test_two_ports_that_lead_to_one_stay_two() -> None:
    entries = [{**PORT, "published": published} for published in ("5432", "6000-6001")]
    known = (Port(5432, (5432, 5432), "127.0.0.1", "tcp"), Port(5432, (6000, 6001), "", "tcp"))
    twice = model(service("db", config={"ports": entries}, ports=known))
    assert [key[2] for key in published_ports(twice)] == ["5432", "6000-6001"]
    ports = {
        ("db", "127.0.0.1", "5432", 5432, "tcp"): 40001,
        ("db", "127.0.0.1", "6000-6001", 5432, "tcp"): 40002,
    }
    given = override(twice, "two", ports, {}, {}, {})["services"]["db"]["ports"]
    assert [one["published"] for one in given] == ["40001", "40002"]
