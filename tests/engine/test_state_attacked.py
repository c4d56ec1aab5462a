"""What is in state, or put in its way, leads nothing outside of it."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
from docker import errors

from composetasks.apply.state import helper, mounts
from composetasks.apply.state.helper import Helper
from composetasks.facts import Engine, Model, State, World
from composetasks.observe.engine.inventory import connect, read_engine
from composetasks.run.failure import TaskFailure
from tests.engine.stacks import docker, wait_until
from tests.engine.state_project import content, digest, helpers, make_toy, mountpoint, volume
from tests.project import Project

SECRET = "kept outside"


@pytest.fixture
def toy(project: Project) -> Project:
    return make_toy(project)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    place = tmp_path / "outside"
    (place / "inner").mkdir(parents=True)
    (place / "inner" / "secret").write_text(SECRET)
    return place


def untouched(outside: Path) -> bool:
    return [path.name for path in outside.rglob("*")] == ["inner", "secret"] and (
        outside / "inner" / "secret"
    ).read_text() == SECRET


def test_links_in_state_are_kept_as_links_and_not_followed(toy: Project, outside: Path) -> None:
    place = mountpoint(volume(toy, "data"))
    points = toy.folder / "state" / "points"
    for root in (place, points):
        (root / "up").symlink_to("../../../../../../../../" + str(outside).lstrip("/"))
        (root / "to").symlink_to(outside)
        (root / "deep").mkdir()
        (root / "deep" / "to").symlink_to(outside / "inner")
    before = digest(volume(toy, "data")), digest(str(points))
    assert toy.inv("reset-state", "--yes").code == 0
    assert untouched(outside)
    [archive] = (toy.folder / ".composetasks/snapshots/before-reset-1").glob("00-*")
    raw = unzstd(archive)
    with tarfile.open(raw) as members:
        assert members.getmember("./to").linkname == str(outside)
        assert not any("secret" in name for name in members.getnames())
    assert toy.inv("restore", "before-reset-1", "--yes").code == 0
    assert (digest(volume(toy, "data")), digest(str(points))) == before
    assert untouched(outside)


def unzstd(archive: Path) -> Path:
    import zstandard

    plain = archive.with_suffix(".plain")
    with archive.open("rb") as source, plain.open("wb") as target:
        zstandard.ZstdDecompressor().copy_stream(source, target)
    return plain


def test_a_folder_that_became_a_link_is_no_state(toy: Project, outside: Path) -> None:
    docker("stop", f"{toy.name}-app-1")
    shutil.rmtree(toy.folder / "state" / "points")
    (toy.folder / "state" / "points").symlink_to(outside)
    planned = toy.plan("reset-state")
    assert ("empty-state", "state/points") not in planned
    assert toy.inv("reset-state", "--yes").code == 0
    assert untouched(outside)


def test_a_folder_around_it_that_became_a_link_leads_nowhere(toy: Project, outside: Path) -> None:
    docker("stop", f"{toy.name}-app-1")
    (toy.folder / "state").rename(toy.folder / "moved")
    (outside / "points").mkdir()
    (outside / "points" / "x").write_text("x")
    (toy.folder / "state").symlink_to(outside)
    assert ("empty-state", "state/points") not in toy.plan("reset-state")
    assert toy.inv("reset-state", "--yes").code == 0
    assert (outside / "points" / "x").exists()


@pytest.mark.parametrize("writable", [False, True])
def test_a_folder_replaced_after_it_was_looked_at_is_refused(
    tmp_path: Path, outside: Path, writable: bool
) -> None:
    """Between the plan and the mount somebody puts a link, or another folder, in its place."""
    client = connect()
    project = f"ct-test-attack-{writable}".lower()
    world = World(Model(project, tmp_path, (), {}), read_engine(client))
    place = tmp_path / "state"
    place.symlink_to(outside)
    state = State("state", "folder", "state", str(place))
    how = mounts.for_replacing(client, state, 0) if writable else mounts.for_reading(state, 0)
    try:
        with pytest.raises((TaskFailure, helper.HelperFailed)), Helper(client, world, [how]):
            pytest.fail("the helper was let in")
    finally:
        client.close()
    assert untouched(outside)
    assert not docker("ps", "-aq", "--filter", f"label=composetasks.helper={project}")


def test_links_put_where_unfinished_work_lies_are_removed_as_links(
    toy: Project, outside: Path
) -> None:
    (toy.folder / "state" / ".composetasks-0badbeef-0").symlink_to(outside)
    assert toy.inv("reset-state", "--yes").code == 0
    assert untouched(outside)
    assert sorted(path.name for path in (toy.folder / "state").iterdir()) == ["jars", "points"]


def test_helpers_on_an_engine_without_images_have_an_empty_one_each(tmp_path: Path) -> None:
    client: Any = connect()
    nothing = World(Model("ct-test-empty", tmp_path, (), {}), Engine())
    try:
        with helper._image(client, nothing) as image:
            with helper._image(client, nothing) as another:
                assert another != image
            assert client.inspect_image(image)["Id"]
            with pytest.raises(errors.ImageNotFound):
                client.inspect_image(another)
    finally:
        client.close()


def test_the_helper_has_the_listed_places_and_nothing_else(tmp_path: Path) -> None:
    client = connect()
    world = World(Model("ct-test-listed", tmp_path, (), {}), read_engine(client))
    (tmp_path / "state").mkdir()
    state = State("state", "folder", "state", str(tmp_path / "state"))
    try:
        with Helper(client, world, [mounts.for_reading(state, 0)]):
            [key] = docker(
                "ps", "-q", "--filter", "label=composetasks.helper=ct-test-listed"
            ).split()
            record = json.loads(docker("inspect", key))[0]
    finally:
        client.close()
    mounted = [(one["Source"], one["RW"]) for one in record["Mounts"]]
    assert mounted == [(str(tmp_path / "state"), False)]
    host = record["HostConfig"]
    assert host["NetworkMode"] == "none"
    assert host["CapDrop"] == ["ALL"]
    assert not host["Privileged"]
    assert host["AutoRemove"]


@pytest.mark.parametrize("read_only", [True, False])
def test_of_snapshots_the_helper_has_the_one_at_hand(tmp_path: Path, read_only: bool) -> None:
    client = connect()
    project = f"ct-test-at-hand-{read_only}".lower()
    world = World(Model(project, tmp_path, (), {}), read_engine(client))
    for name in ("state", "snapshots/one", "snapshots/other"):
        (tmp_path / name).mkdir(parents=True)
    state = State("state", "folder", "state", str(tmp_path / "state"))
    one = mounts.Archives(tmp_path / "snapshots" / "one", read_only=read_only)
    try:
        with Helper(client, world, [mounts.for_reading(state, 0)], archives=one) as at_work:
            sees = at_work.sees_archives
            label = f"label=composetasks.helper={project}"
            record = json.loads(docker("inspect", docker("ps", "-q", "--filter", label)))[0]
    finally:
        client.close()
    assert sees == helper_is_here()
    assert {(mount["Source"], mount["RW"]) for mount in record["Mounts"]} == {
        (str(tmp_path / "state"), False),
        *([(str(one.folder), not read_only)] if sees else ()),
    }


def helper_is_here() -> bool:
    """Whether the engine runs on this machine's own kernel."""
    return docker("info", "--format", "{{.KernelVersion}} {{.Name}}").split() == [
        os.uname().release,
        os.uname().nodename,
    ]


def test_a_removal_goes_on_after_the_run_and_its_helper_ends_by_itself(tmp_path: Path) -> None:
    client = connect()
    world = World(Model("ct-test-alone", tmp_path, (), {}), read_engine(client))
    for number in range(3000):
        (tmp_path / "state" / str(number)).parent.mkdir(exist_ok=True)
        (tmp_path / "state" / str(number)).touch()
    state = State("state", "folder", "state", str(tmp_path / "state"))
    try:
        place = mounts.for_replacing(client, state, 0)
        with Helper(client, world, [place]) as at_work:
            at_work.ask("prepare_empty", place=0)
            at_work.ask("commit")
            if at_work.ask("settle", seconds=0)["unfinished"]:
                at_work.leave_alone()
                assert helper.still_removing(client, "ct-test-alone") in (
                    [at_work.run],
                    [],
                )
        assert list((tmp_path / "state").iterdir()) == []
        wait_until(lambda: helper.still_removing(client, "ct-test-alone") == [])
        label = "label=composetasks.helper=ct-test-alone"
        wait_until(lambda: not docker("ps", "-aq", "--filter", label))
    finally:
        client.close()
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_a_helper_that_was_never_started_goes_with_the_next_run(toy: Project) -> None:
    label = f"composetasks.helper={toy.name}"
    docker("create", "--label", label, "ct-test/busybox")
    assert toy.inv("reset-state", "--yes").code == 0
    assert helpers(toy) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="a file of root takes root to make")
def test_files_of_other_owners_go_and_come_back(toy: Project) -> None:
    script = "echo x > /points/x; chown 70:70 /points/x; chmod 0 /points/x; chmod 700 /points"
    docker("exec", f"{toy.name}-app-1", "sh", "-c", script)
    before = content(f"{toy.folder}/state/points")
    assert toy.inv("reset-state", "--yes").code == 0
    assert list((toy.folder / "state" / "points").iterdir()) == []
    assert toy.inv("restore", "before-reset-1", "--yes").code == 0
    assert content(f"{toy.folder}/state/points") == before


def test_a_program_with_other_rights_comes_from_elsewhere_by_force_alone(toy: Project) -> None:
    """A snapshot that another checkout made, which has a key of its own."""
    script = "cp /bin/busybox /data/root; chmod 4755 /data/root"
    docker("exec", f"{toy.name}-db-1", "sh", "-c", script)
    assert toy.inv("snapshot", "kept").code == 0
    assert toy.inv("restore", "kept", "--yes").code == 0
    shutil.rmtree(toy.folder / ".composetasks" / "cache")
    refused = toy.inv("restore", "kept", "--yes")
    assert refused.code == 4
    assert "1 devices or set-user-ID programs" in refused.err
    assert toy.inv("restore", "kept", "--force").code == 0
    assert docker("exec", f"{toy.name}-db-1", "stat", "-c", "%a", "/data/root") == "4755"
