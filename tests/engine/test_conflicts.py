"""What is in the way of a start, made on a real engine, found, and put right."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from composetasks.facts import Action, Consent, ExitCode
from composetasks.plan.conflicts.networks import pool_report
from composetasks.run.failure import TaskFailure
from composetasks.store import folder
from tests.engine.busybox import TAG
from tests.engine.planned import Planned, codes, steps

pytestmark = pytest.mark.engine


def volumes_of(planned: Planned, name: str) -> list[str]:
    record = planned.client.inspect_container(name)
    return sorted(str(one["Name"]) for one in record["Mounts"])


@pytest.fixture
def db(planned: Planned) -> Planned:
    """A project with one service, whose container's name is fixed."""
    planned.write({"db": {"container_name": f"{planned.name}-fixed"}})
    return planned


# --- 1: names -------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["created", "exited"])
def test_a_stopped_container_by_hand_is_removed_and_its_traces_are_kept(
    db: Planned, state: str
) -> None:
    name = f"{db.name}-fixed"
    options = ("-v", f"{db.name}-named:/named", "-v", "/anonymous")
    if state == "created":
        db.docker("create", "--network", "none", "--name", name, *options, TAG, "true")
    else:
        says = ("sh", "-c", "for i in $(seq 300); do echo line $i; done")
        db.by_hand(name, *options, command=says)
        db.docker("wait", name)
    key = db.client.inspect_container(name)["Id"]
    volumes = volumes_of(db, name)
    assert len(volumes) == 2

    plan = db.plan()
    assert steps(plan) == [("remove-container", name), ("create-container", name)]
    removal = plan.steps[0]
    assert (removal.consent, removal.key) == (Consent.NONE, key)
    assert "created by hand" in removal.reason
    assert f"{state}" in removal.reason
    assert " since 20" in removal.reason
    assert f"{db.name}-named" in removal.reason

    [event] = [one for one in db.do(plan) if one.step == removal.id and one.kind == "step-done"]
    assert event.data["volumes"] == volumes
    there = {volume["Name"] for volume in db.client.volumes()["Volumes"]}
    assert set(volumes) <= there
    [run] = db.kept.runs.iterdir()
    kept = run / event.data["record"]
    assert json.loads((kept / "inspect.json").read_text())["Id"] == key
    if state == "exited":
        lines = (kept / "log.txt").read_text().splitlines()
        assert (len(lines), lines[-1].split(" ", 1)[1]) == (200, "line 300")
    assert db.plan().steps == ()
    for volume in volumes:
        if db.name not in volume:
            db.client.remove_volume(volume)


def test_what_is_removed_needs_no_room_for_its_traces(
    db: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.docker("create", "--network", "none", "--name", f"{db.name}-fixed", TAG, "true")
    plan = db.plan()

    def full(path: Path, document: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(folder, "write_json", full)
    events = db.do(plan)
    assert [one.step for one in events if one.kind == "step-done"] == [s.id for s in plan.steps]


@pytest.mark.parametrize("paused", [False, True])
def test_a_running_container_by_hand_is_refused_and_removed_with_force(
    db: Planned, paused: bool
) -> None:
    name = f"{db.name}-fixed"
    key = db.by_hand(name)
    if paused:
        db.docker("pause", name)
    plan = db.plan()
    assert codes(plan) == [ExitCode.CONFLICT]
    assert f"docker stop {name} && docker rm {name}" in plan.blockers[0].hint
    assert ("paused" if paused else "running") in plan.blockers[0].message

    forced = db.plan(force=True)
    assert next((step.key, step.consent) for step in forced.steps) == (key, Consent.FORCE)
    db.do(forced)
    assert db.plan().steps == ()


def test_a_restarting_container_is_refused(db: Planned) -> None:
    name = f"{db.name}-fixed"
    db.by_hand(name, "--restart", "always", command=["false"])
    assert codes(db.plan()) == [ExitCode.CONFLICT]


def test_a_container_that_removes_itself_leaves_its_anonymous_volume(db: Planned) -> None:
    name = f"{db.name}-fixed"
    db.by_hand(name, "--rm", "-v", "/anonymous")
    [volume] = volumes_of(db, name)
    db.up(force=True)
    assert db.client.inspect_volume(volume)
    db.client.remove_volume(volume)


def test_another_project_is_named_with_its_folder(db: Planned, tmp_path: Path) -> None:
    other = Planned(tmp_path / "other", db.client, f"{db.name}-other")
    other.write({"front": {"container_name": f"{db.name}-fixed"}})
    other.by_compose("up", "-d")
    [blocker] = db.plan().blockers
    assert f"Compose project {db.name}-other in {tmp_path / 'other'}" in blocker.message
    other.by_compose("stop")
    assert steps(db.plan()) == [
        ("remove-container", f"{db.name}-fixed"),
        ("create-container", f"{db.name}-fixed"),
    ]


def test_a_one_off_that_has_the_name_is_refused_while_it_runs(db: Planned) -> None:
    db.write({"db": {"container_name": f"{db.name}-fixed"}, "tool": {}})
    db.by_compose("run", "-d", "--name", f"{db.name}-fixed", "tool")
    plan = db.plan("db")
    assert codes(plan) == [ExitCode.CONFLICT]
    assert "by `docker compose run` of service tool" in plan.blockers[0].message
    db.docker("stop", "-t", "0", f"{db.name}-fixed")
    assert steps(db.plan("db"))[0] == ("remove-container", f"{db.name}-fixed")
    db.up("db")
    assert db.plan("db").steps == ()


def test_a_name_is_needed_where_a_container_is_made_and_nowhere_else(planned: Planned) -> None:
    planned.write({"one": {}, "web": {"scale": 3}})
    planned.up()
    planned.docker("rename", f"{planned.name}-one-1", f"{planned.name}-renamed")
    planned.by_hand(f"{planned.name}-one-1")
    planned.docker("rm", "-f", f"{planned.name}-web-2")
    planned.up()
    planned.by_hand(f"{planned.name}-web-2")
    planned.docker("stop", "-t", "0", f"{planned.name}-web-2")
    assert (planned.plan().steps, planned.plan().blockers) == ((), ())
    planned.write({"one": {"environment": {"A": "2"}}, "web": {"scale": 4}})
    planned.by_hand(f"{planned.name}-web-5")
    plan = planned.plan()
    assert sorted(blocker.target for blocker in plan.blockers) == [
        f"{planned.name}-one-1",
        f"{planned.name}-web-5",
    ]


def test_a_name_that_moves_between_our_services_is_renamed(planned: Planned) -> None:
    planned.write({"a": {"container_name": f"{planned.name}-main"}, "b": {}})
    planned.up()
    planned.write({"a": {}, "b": {"container_name": f"{planned.name}-main"}})
    plan = planned.plan()
    assert steps(plan)[0] == ("rename-container", f"{planned.name}-main")
    assert plan.steps[0].consent is Consent.NONE
    planned.do(plan)
    assert planned.plan().steps == ()
    there = planned.find(f"{planned.name}-main")
    assert there is not None
    assert there.service == "b"


# --- 2: ports: tests/engine/test_conflicts_ports.py -------------------------------------------
# --- 3: another checkout --------------------------------------------------------------------


def test_another_checkout_is_refused_even_with_force(db: Planned, tmp_path: Path) -> None:
    db.up()
    other = db.copy(tmp_path / "elsewhere")
    for force in (False, True):
        plan = other.plan(force=force)
        assert codes(plan) == [ExitCode.CONFLICT]
        assert plan.blockers[0].target == str(db.folder)
        assert "--instance" in plan.blockers[0].hint
    assert other.leftovers().blockers[0].code is ExitCode.CONFLICT


def test_the_same_checkout_over_a_link_is_the_same(db: Planned, tmp_path: Path) -> None:
    db.up()
    (tmp_path / "link").symlink_to(db.folder)
    linked = Planned(tmp_path / "link", db.client, db.name)
    assert linked.plan().blockers == ()
    assert linked.plan().steps == ()


def test_a_project_whose_folder_was_moved_goes_on(db: Planned, tmp_path: Path) -> None:
    first = db.copy(tmp_path / "first")
    first.by_compose("up", "-d")
    first.folder.rename(tmp_path / "moved")
    moved = Planned(tmp_path / "moved", db.client, db.name)
    assert moved.plan().steps == moved.leftovers().steps == ()
    moved.by_compose("stop")
    assert [(one.action, one.consent) for one in moved.plan().steps] == [
        (Action.START_CONTAINER, Consent.NONE)
    ]
    moved.do(moved.plan())
    assert moved.plan().steps == ()


# --- 4: leftovers of ours ------------------------------------------------------------------


def test_left_overs_of_ours_are_told_apart(planned: Planned) -> None:
    planned.write({"db": {}, "old": {}, "older": {}})
    planned.by_compose("up", "-d")
    planned.by_compose("stop", "older")
    (planned.folder / "debug.yaml").write_text(
        json.dumps({"services": {"debug": {"image": TAG, "command": "true"}}})
    )
    planned.by_compose("-f", "compose.yaml", "-f", "debug.yaml", "up", "-d", "debug")
    planned.by_compose("run", "-d", "--name", f"{planned.name}-ended", "db", "true")
    planned.docker("wait", f"{planned.name}-ended")
    planned.by_compose("run", "-d", "--name", f"{planned.name}-at-work", "db")
    planned.write({"db": {}})

    result = planned.leftovers()
    name = planned.name
    assert sorted((one.target, one.consent.value) for one in result.steps) == [
        (f"{name}-ended", "none"),
        (f"{name}-old-1", "yes"),
        (f"{name}-older-1", "none"),
    ]
    spared = [warning for warning in result.warnings if "is not removed" in warning]
    assert any(
        f"{name}-at-work is not removed: a one-off that is still running" in one for one in spared
    )
    assert any("other Compose files" in one and "debug.yaml" in one for one in spared)

    up = planned.plan()
    assert up.steps == ()
    assert not any(f"{name}-at-work" in warning for warning in up.warnings)
    assert any("3 containers" in warning and "clean-orphans" in warning for warning in up.warnings)
    planned.clean()
    assert planned.leftovers().steps == ()
    assert planned.find(f"{name}-debug-1") is not None
    assert planned.find(f"{name}-at-work") is not None


@pytest.mark.parametrize("original", ["gone", "running", "stopped"])
def test_a_recreation_that_broke_off_is_repaired(planned: Planned, original: str) -> None:
    """Made as Compose makes it: the new container is there under its temporary name."""
    planned.write({"db": {"environment": {"A": "1"}}})
    planned.by_compose("up", "-d")
    name = f"{planned.name}-db-1"
    old = planned.client.inspect_container(name)["Id"]
    temporary = f"{old[:12]}_{name}"
    planned.write({"db": {"environment": {"A": "2"}}})
    _make_temporary(planned, temporary, runs=original != "running")
    if original == "gone":
        planned.docker("rm", "-f", old)
    elif original == "stopped":
        planned.docker("stop", "-t", "0", old)

    plan = planned.plan()
    assert plan.blockers == ()
    assert all(step.consent is Consent.NONE for step in plan.steps)
    planned.do(plan)
    assert planned.plan().steps == ()
    ours = [one.name for one in planned.world().engine.containers if one.project == planned.name]
    assert ours == [name]


def _make_temporary(planned: Planned, temporary: str, *, runs: bool) -> None:
    """The container of a service as it is now, labelled as Compose does, by a temporary name."""
    world = planned.world()
    service = world.model.services["db"]
    labels = {
        "com.docker.compose.project": planned.name,
        "com.docker.compose.service": "db",
        "com.docker.compose.container-number": "1",
        "com.docker.compose.oneoff": "False",
        "com.docker.compose.config-hash": service.config_hash,
        "com.docker.compose.image": next(
            one.image_id for one in world.engine.containers if one.project == planned.name
        ),
        "com.docker.compose.planned.working_dir": str(planned.folder),
        "com.docker.compose.planned.config_files": str(planned.folder / "compose.yaml"),
    }
    flags = [part for key, value in labels.items() for part in ("--label", f"{key}={value}")]
    network = ["--network", f"{planned.name}_default", "-e", "A=2", "--init"]
    made = ["create", "--name", temporary, *flags, *network, TAG]
    planned.docker(*made, "sleep", "3600")
    if runs:
        planned.docker("start", temporary)


def test_empty_networks_of_ours_are_removed_by_clean_orphans_alone(planned: Planned) -> None:
    planned.write({"db": {"networks": ["old"]}}, networks={"old": {}})
    planned.up()
    planned.write({"db": {}})
    planned.up()
    result = planned.leftovers()
    assert [step.target for step in result.steps] == [f"{planned.name}_old"]
    planned.clean()
    names = {network["Name"] for network in planned.client.networks()}
    assert f"{planned.name}_old" not in names
    assert f"{planned.name}_default" in names


def test_down_spares_what_other_files_of_the_project_made(planned: Planned) -> None:
    planned.write({"db": {}})
    planned.by_compose("up", "-d")
    sibling = {"services": {"debug": {"image": TAG, "command": "sleep 3600", "init": True}}}
    (planned.folder / "debug.yaml").write_text(json.dumps({"name": planned.name, **sibling}))
    planned.by_compose("-f", "debug.yaml", "up", "-d")
    ran = planned.inv("down")
    assert ran.code == ExitCode.OK, ran.err
    assert f"{planned.name}-debug-1 is kept" in ran.err
    assert planned.find(f"{planned.name}-db-1") is None
    spared = planned.find(f"{planned.name}-debug-1")
    assert spared is not None
    assert spared.state == "running"


def test_builds_beyond_the_last_five_go_with_consent(planned: Planned) -> None:
    planned.write({"web": {"build": ".", "image": f"{planned.name}-web"}})
    (planned.folder / "Dockerfile").write_text(f"FROM {TAG}\n")
    base = planned.docker("create", "--name", f"{planned.name}-base", TAG)
    builds = [f"{planned.name}-web:ct-{n:024x}" for n in range(7)]
    for tag in builds:
        planned.docker("commit", "-c", f"LABEL build={tag}", base, tag)
    try:
        listed = planned.inv("clean-orphans", "--plan", "--json").document["steps"]
        old = {one["target"] for one in listed}
        assert len(old) == 2
        assert old < set(builds)
        assert planned.inv("clean-orphans").code == ExitCode.REFUSED
        assert set(builds) <= _tags(planned)
        ran = planned.inv("clean-orphans", "--yes")
        assert ran.code == ExitCode.OK, ran.err
        assert "nothing is left to remove (2 steps)" in ran.out
        assert _tags(planned) == set(builds) - old
        assert planned.inv("clean-orphans", "--plan", "--json").document["steps"] == []
    finally:
        for tag in _tags(planned):
            planned.docker("rmi", tag)


def _tags(planned: Planned) -> set[str]:
    """The tags of the project's one image."""
    listed = ("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", f"{planned.name}-web")
    return set(planned.docker(*listed).split())


# --- 5: volumes -----------------------------------------------------------------------------


def test_a_namesake_of_another_project_name_is_pointed_out(
    planned: Planned, tmp_path: Path
) -> None:
    services = {"db": {"volumes": ["data:/data"], "command": ["touch", "/data/x"]}}
    before = Planned(tmp_path / "before", planned.client, f"{planned.name}-before")
    before.write(services, volumes={"data": {}})
    before.by_compose("up", "-d")
    before.by_compose("down")
    planned.write(services, volumes={"data": {}})
    assert any(f"{before.name}_data" in warning for warning in planned.plan().warnings)
    planned.up()
    assert not any(before.name in warning for warning in planned.plan().warnings)


# --- 6: address pools -----------------------------------------------------------------------


def test_unused_networks_are_reported_by_project(planned: Planned) -> None:
    planned.write({"db": {}})
    planned.docker(
        *("network", "create", "--label", f"com.docker.compose.project={planned.name}-gone"),
        f"{planned.name}-unused",
    )
    report = pool_report(planned.world())
    assert f"project {planned.name}-gone:" in report
    assert f"{planned.name}-unused  " in report
    assert "addresses)  since 20" in report


# --- 7: ours against ours -------------------------------------------------------------------


def test_two_of_ours_that_want_the_same_are_told_before_anything_starts(planned: Planned) -> None:
    planned.write(
        {
            "a": {"container_name": f"{planned.name}-b-1", "ports": ["127.0.0.1:18431:80"]},
            "b": {"ports": ["127.0.0.1:18431:81"]},
        }
    )
    plan = planned.plan()
    assert [blocker.kind for blocker in plan.blockers] == ["own-name", "own-port"]
    ran = planned.inv("up", "--json")
    assert ran.code == ExitCode.CONFLICT, ran.err
    assert planned.find(f"{planned.name}-b-1") is None


# --- safe against time ----------------------------------------------------------------------


def test_what_came_to_life_after_the_plan_is_not_removed(db: Planned) -> None:
    name = f"{db.name}-fixed"
    db.docker("create", "--network", "none", "--name", name, TAG, "sleep", "3600")
    plan, world = db.plan(), db.world()
    db.docker("start", name)
    with pytest.raises(TaskFailure) as failed:
        db.do(plan, world)
    assert failed.value.code is ExitCode.CONFLICT
    result = db.find(name)
    assert result is not None
    assert result.state == "running"


def test_who_came_to_a_needed_name_after_the_plan_stops_it_before_anything_is_removed(
    planned: Planned,
) -> None:
    planned.write({"a": {}, "b": {"container_name": f"{planned.name}-b"}})
    planned.docker("create", "--network", "none", "--name", f"{planned.name}-a-1", TAG)
    plan = planned.plan()
    world = planned.world()
    planned.by_hand(f"{planned.name}-b")
    with pytest.raises(TaskFailure, match="another container now has its name"):
        planned.do(plan, world)
    assert planned.find(f"{planned.name}-a-1") is not None


# --- the command line -----------------------------------------------------------------------


def test_refused_and_forced_on_the_command_line(db: Planned) -> None:
    name = f"{db.name}-fixed"
    key = db.by_hand(name)
    for arguments in (["up"], ["up", "--plan"], ["up", "--yes"], ["clean-orphans"]):
        ran = db.inv(*arguments)
        assert ran.code == ExitCode.CONFLICT, ran.err
        assert "created by hand" in ran.err
    assert db.client.inspect_container(name)["Id"] == key
    ran = db.inv("up", "--force")
    assert ran.code == ExitCode.OK, ran.err
    assert db.client.inspect_container(name)["Id"] != key
    ran = db.inv("up", "--plan", "--json")
    assert json.loads(ran.out)["steps"] == []
