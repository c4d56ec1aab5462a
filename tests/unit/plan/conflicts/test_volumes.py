"""Volumes and external things: what is not there, and what is not what the model says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from composetasks.facts import Engine, ExitCode, Mount, Network, Resource, Volume, World
from composetasks.plan.conflicts.claims import Findings
from composetasks.plan.start.start import StartOptions, plan_start
from tests.unit.plan.conflicts.finding import in_the_way
from tests.unit.worlds import model, service, world

BOUND = {"type": "none", "o": "bind", "device": "/srv/data"}


def with_volume(opts: Any, *volumes: Volume, missing: Any = (), **changes: Any) -> World:
    resource = Resource("data", "shop_data", config={"driver_opts": opts}, **changes)
    db = service("db", mounts=(Mount("volume", "data", "/data"),))
    of = world(model(db, volumes={"data": resource}), missing=frozenset(missing))
    return replace(of, engine=replace(of.engine, volumes=volumes))


def found(of: World) -> Findings:
    return in_the_way(of)


def volume(**options: str) -> Volume:
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.config-hash": "before"}
    return Volume("shop_data", labels, driver="local", options=options)


def test_all_that_others_should_have_made_is_named_at_once() -> None:
    db = service(
        "db",
        networks=("default", "proxy", "by-id"),
        mounts=(Mount("volume", "data", "/data"),),
    )
    of = world(
        model(
            db,
            networks={
                "default": Resource("default", "shop_default"),
                "proxy": Resource("proxy", "edge", external=True),
                "by-id": Resource("by-id", "f" * 64, external=True),
            },
            volumes={"data": Resource("data", "everybody's", external=True)},
        )
    )
    of = replace(of, engine=Engine(networks=(Network("f" * 64, "some"),)))
    blockers = found(of).blockers
    assert [(one.code, one.target) for one in blockers] == [
        (ExitCode.INVALID, "edge"),
        (ExitCode.INVALID, "everybody's"),
    ]
    assert "`docker network create edge`" in blockers[0].hint
    assert "`docker volume create 'everybody'\"'\"'s'`" in blockers[1].hint


def test_a_changed_volume_is_used_as_it_is_with_a_warning() -> None:
    [warning] = found(with_volume(BOUND, volume(), config_hash="now")).warnings
    assert "device (none), but the model has /srv/data" in warning
    assert "would be lost" in warning
    old = volume(type="none", o="bind", device="/srv/old")
    [warning] = found(with_volume(BOUND, old, config_hash="now")).warnings
    assert "the data in /srv/old is kept" in warning
    assert found(with_volume(BOUND, volume(), config_hash="before")).warnings == ()


def test_another_hash_of_the_same_options_is_no_change() -> None:
    same = volume(**BOUND)
    assert found(with_volume(BOUND, same, config_hash="of another Compose")).warnings == ()


def test_a_password_in_options_is_not_shown() -> None:
    cifs = {"type": "cifs", "device": "//nas/x", "o": "username=u,password=hunter2"}
    [warning] = found(with_volume({}, volume(**cifs), config_hash="now")).warnings
    assert "hunter2" not in warning


@pytest.mark.parametrize(
    ("options", "there", "says"),
    [
        (BOUND, (), "/srv/data"),
        ({**BOUND, "o": "ro,bind"}, (), "/srv/data"),
        ({"type": "ext4", "device": "/dev/sdz1"}, (), "/dev/sdz1"),
        ({"type": "nfs", "o": "addr=10.0.0.1", "device": ":/data"}, (), ""),
        ({"type": "tmpfs", "device": "tmpfs"}, (), ""),
        ({**BOUND, "device": "/srv/new"}, (volume(**BOUND),), "/srv/data"),
        ({**BOUND, "device": "data"}, (), "data"),
    ],
)
def test_a_device_that_is_not_there(options: Any, there: Any, says: str) -> None:
    missing = ("/srv/data", "/dev/sdz1", ":/data", "tmpfs", "data")
    plan = plan_start(with_volume(options, *there, missing=missing), [], StartOptions())
    blockers = [one for one in plan.blockers if one.kind == "volume"]
    assert [one.code for one in blockers] == [ExitCode.INVALID] * bool(says)
    assert all(f"the device of volume data, {says}," in one.message for one in blockers)


def test_a_driver_that_the_engine_does_not_list() -> None:
    config = {"driver": "vieux/sshfs:latest"}
    db = service("db", mounts=(Mount("volume", "data", "/data"),))
    of = model(db, volumes={"data": Resource("data", "shop_data", config=config)})
    assert of.volumes["data"].plugin == "vieux/sshfs"
    here = world(of, missing_plugins=frozenset({"vieux/sshfs"}))
    [warning] = found(here).warnings
    assert "volume shop_data needs the driver vieux/sshfs" in warning
    assert found(world(of)).warnings == ()
    there = replace(here, engine=replace(here.engine, volumes=(Volume("shop_data"),)))
    assert not any("needs the driver" in one for one in found(there).warnings)
    assert Resource("data", "d", config={"driver": "local"}).plugin == ""
    assert Resource("data", "d", external=True, config=config).plugin == ""
