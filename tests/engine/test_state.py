"""State on a real engine: what it is, that it goes and comes back, and that nothing else does."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.stacks import docker, own_project
from tests.engine.state_project import (
    TASKS,
    content,
    digest,
    fill,
    helpers,
    make_toy,
    mountpoint,
    running,
    volume,
)
from tests.project import Project
from tests.repositories import git
from tests.unit.apply.state import trees

EMPTY = {"."}


@pytest.fixture
def toy(project: Project) -> Project:
    return make_toy(project)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A toy for tests that leave it as it is."""
    with own_project(tmp_path_factory.mktemp("still")) as project:
        yield make_toy(project)


def emptied(project: Project, *arguments: str) -> list[str]:
    planned = project.plan("reset-state", *arguments)
    return [target for action, target in planned if action == "empty-state"]


# --- what state is --------------------------------------------------------------------------


def test_state_is_what_services_write_and_neither_code_nor_cache(still: Project) -> None:
    assert emptied(still) == ["data", "state/points"]
    assert emptied(still, "state/jars") == ["state/jars"]
    assert emptied(still, "--keep", "data") == []


def test_a_named_piece_brings_its_group(still: Project) -> None:
    assert emptied(still, "state/points") == ["data", "state/points"]


def test_external_others_outside_and_read_only_are_no_state(
    project: Project, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").write_text("x")
    project.write("given/x", "x")
    project.write("file", "x")
    (project.folder / "link").symlink_to(outside)
    project.compose(f"""
services:
  app:
    image: ct-test/busybox
    init: true
    command: [sh, -c, "for d in /[a-f]; do echo x > $$d/x; done; exec sleep 3600"]
    volumes:
      - "mine:/a"
      - "external:/b"
      - "theirs:/c"
      - "{outside}:/d"
      - "./link:/e"
      - "./state:/f"
      - "./given:/g:ro"
      - "./file:/h"
      - ".:/i"
volumes:
  mine:
  external: {{external: true, name: {project.name}-external}}
  theirs: {{name: {project.name}-theirs}}
""")
    git(project.folder, "init", "-q")
    git(project.folder, "add", "compose.yaml")
    label = "com.docker.compose.project=ct-test-other"
    try:
        docker("volume", "create", f"{project.name}-external")
        docker("volume", "create", "--label", label, f"{project.name}-theirs")
        assert project.inv("up").code == 0
        planned = project.inv("reset-state", "--plan", "--json").document
        targets = [s["target"] for s in planned["steps"] if s["action"] == "empty-state"]
        assert targets == ["mine", "state"]
        assert any("of project ct-test-other" in warning for warning in planned["warnings"])
    finally:
        project.inv("down")
        docker("volume", "rm", f"{project.name}-external", f"{project.name}-theirs")


def test_without_git_a_folder_is_state_only_where_the_settings_name_it(project: Project) -> None:
    project.compose("""
services:
  app:
    image: ct-test/busybox
    init: true
    command: [sh, -c, "echo x > /a/x; echo x > /b/x; exec sleep 3600"]
    volumes: ["./a:/a", "./b:/b"]
""")
    project.write("tasks.py", TASKS % {"state": {"b": {"path": "b"}}})
    assert project.inv("up").code == 0
    assert emptied(project) == ["b"]


# --- reset ----------------------------------------------------------------------------------


def test_a_plan_changes_nothing(still: Project) -> None:
    before = running(still), digest(volume(still, "data"))
    planned = still.inv("reset-state", "--plan", "--json")
    again = still.inv("reset-state", "--plan", "--json")
    assert planned.out == again.out
    assert (running(still), digest(volume(still, "data"))) == before
    assert not helpers(still)
    ran = still.inv("reset-state", "--plan", "--exit-code")
    assert ran.code == 10
    assert "3 files" in ran.out or "2 files" in ran.out


def test_what_is_planned_is_done_and_nothing_else(toy: Project) -> None:
    before = running(toy)
    planned = toy.plan("reset-state")
    jars, code = digest(f"{toy.folder}/state/jars"), digest(f"{toy.folder}/src")
    ran = toy.inv("reset-state", "--yes", "--json")
    assert ran.code == 0, ran.err
    shown = [(step["action"], step["target"]) for step in ran.lines[0]["steps"]]
    assert shown == planned
    done = {line["step"] for line in ran.lines if line["event"] == "step-done"}
    assert done == {f"{action}:{target}" for action, target in planned}
    assert content(volume(toy, "data")).keys() == EMPTY
    assert content(f"{toy.folder}/state/points").keys() == EMPTY
    assert digest(f"{toy.folder}/state/jars") == jars
    assert digest(f"{toy.folder}/src") == code
    after = running(toy)
    assert {name: one[0] for name, one in after.items()} == {n: o[0] for n, o in before.items()}
    assert after["other"] == before["other"]
    assert after["db"][1] > before["db"][1]
    assert toy.inv("reset-state", "--yes").code == 0
    assert running(toy) == after
    assert not helpers(toy)


def test_without_consent_nothing_is_changed(still: Project) -> None:
    before = running(still), digest(volume(still, "data"))
    ran = still.inv("reset-state")
    assert ran.code == 4
    assert "--yes" in ran.err
    assert (running(still), digest(volume(still, "data"))) == before
    assert not (still.folder / ".composetasks" / "snapshots").exists()


@pytest.mark.parametrize(("typed", "code"), [("yes", 4), ("", 4), ("{name}", 0)])
def test_on_a_terminal_the_projects_name_is_the_consent(
    toy: Project, typed: str, code: int
) -> None:
    main, other = pty.openpty()
    argv = [sys.executable, "-m", "invoke", "reset-state", "--no-snapshot"]
    child = subprocess.Popen(
        argv, cwd=toy.folder, env=toy.environment, stdin=other, stdout=other, stderr=other
    )
    os.close(other)
    said = b""
    while b"to continue:" not in said:
        said += os.read(main, 4096)
    os.write(main, typed.format(name=toy.name).encode() + b"\n")
    try:
        while True:
            said += os.read(main, 4096)
    except OSError:  # EIO: the other side is closed
        pass
    os.close(main)
    assert child.wait(60) == code, said.decode()
    assert (content(volume(toy, "data")).keys() == EMPTY) is (code == 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dta"], "did you mean data?"),
        (["data", "--keep", "state/points"], "the same group (rows)"),
        (["data", "--keep", "data"], "both"),
    ],
)
def test_wrong_names_are_refused(still: Project, arguments: list[str], said: str) -> None:
    ran = still.inv("reset-state", *arguments, "--yes")
    assert ran.code == 2
    assert said in ran.err


def test_a_volume_that_others_use_is_not_touched(still: Project) -> None:
    name = f"{still.name}-stranger"
    mount = f"{volume(still, 'data')}:/there"
    docker("run", "-d", "--init", "--name", name, "-v", mount, "ct-test/busybox", "sleep", "3600")
    try:
        before = running(still), digest(volume(still, "data"))
        ran = still.inv("reset-state", "--yes")
        assert ran.code == 9
        assert name in ran.err
        assert (running(still), digest(volume(still, "data"))) == before
    finally:
        docker("rm", "-f", name)


def test_what_an_image_puts_into_a_new_volume_is_there_again(project: Project) -> None:
    project.compose("""
services:
  app:
    build: app
    init: true
    command: [sleep, "3600"]
    volumes: ["seeded:/seeded", {type: volume, source: bare, target: /bare, volume: {nocopy: true}}]
volumes: {seeded: {}, bare: {}}
""")
    project.write("app/seed", "from the image")
    dockerfile = (
        "FROM ct-test/busybox\nCOPY seed /seeded/\nCOPY seed /bare/\n"
        "RUN chown -R 1234:1234 /seeded && chmod 750 /seeded\n"
        f"LABEL of={project.name}\n"
    )
    project.write("app/Dockerfile", dockerfile)
    assert project.inv("up").code == 0
    fresh = content(volume(project, "seeded"))
    assert "./seed" in fresh
    docker("exec", f"{project.name}-app-1", "sh", "-c", "rm /seeded/seed; echo x > /seeded/x")
    docker("exec", f"{project.name}-app-1", "sh", "-c", "chown 0:0 /seeded; echo x > /bare/x")
    ran = project.inv("reset-state", "--yes")
    assert ran.code == 0, ran.err
    assert content(volume(project, "seeded")) == fresh
    assert content(volume(project, "bare")).keys() == EMPTY


def test_a_volume_is_filled_from_an_image_without_a_command(project: Project) -> None:
    project.compose("""
services:
  app:
    build: app
    init: true
    command: [sleep, "3600"]
    volumes: ["seeded:/seeded"]
volumes: {seeded: {}}
""")
    project.write("app/seed", "from the image")
    copied = "FROM ct-test/busybox AS tools\nFROM scratch\nCOPY --from=tools / /\n"
    dockerfile = f"{copied}COPY seed /seeded/\nLABEL of={project.name}\n"
    project.write("app/Dockerfile", dockerfile)
    assert project.inv("up").code == 0
    fresh = content(volume(project, "seeded"))
    docker("exec", f"{project.name}-app-1", "mv", "/seeded/seed", "/seeded/moved")
    ran = project.inv("reset-state", "--yes", "--no-snapshot")
    assert (ran.code, fresh) == (0, content(volume(project, "seeded"))), ran.err


def test_a_volume_is_filled_from_the_service_that_compose_would_create_first(
    project: Project,
) -> None:
    """Not from a container made by hand, nor from a service that depends on that service."""
    project.compose("""
services:
  a: &app
    build: {context: app, args: {OF: a}}
    init: true
    command: [sleep, "3600"]
    volumes: ["shared:/seeded"]
    depends_on: [b]
  b:
    <<: *app
    build: {context: app, args: {OF: b}}
    depends_on: []
volumes: {shared: {}}
""")
    lines = "FROM ct-test/busybox\nARG OF\nRUN mkdir /seeded && echo $OF > /seeded/of\n"
    project.write("app/Dockerfile", f"{lines}LABEL of={project.name}\n")
    assert project.inv("up").code == 0
    place = volume(project, "shared")
    fresh = content(place)
    by_hand = f"{project.name}-by-hand"
    docker("create", "--name", by_hand, "-v", f"{place}:/bin", "ct-test/busybox")
    try:
        ran = project.inv("reset-state", "--yes", "--no-snapshot")
    finally:
        docker("rm", by_hand)
    assert (ran.code, content(place)) == (0, fresh), ran.err


def test_a_job_that_filled_the_state_runs_again(project: Project) -> None:
    project.compose("""
services:
  fill:
    image: ct-test/busybox
    command: [sh, -c, "echo made >> /data/rows"]
    volumes: ["data:/data"]
  web:
    image: ct-test/busybox
    init: true
    command: [sh, -c, "cat /data/rows && exec sleep 3600"]
    volumes: ["data:/data"]
    depends_on: {fill: {condition: service_completed_successfully}}
volumes: {data: {}}
""")
    assert project.inv("up").code == 0
    assert project.inv("snapshot", "first").code == 0
    ran = project.inv("reset-state", "--yes", "--no-snapshot")
    assert ran.code == 0, ran.err
    assert "./rows" in content(volume(project, "data"))
    assert project.inv("up", "--plan", "--exit-code").code == 0
    ran = project.inv("restore", "first", "--yes")
    assert ran.code == 0, ran.err
    rows = docker("exec", f"{project.name}-web-1", "cat", "/data/rows")
    assert rows.split() == ["made", "made"]


# --- snapshot and restore -------------------------------------------------------------------


def test_what_was_emptied_comes_back(toy: Project) -> None:
    data, points = digest(volume(toy, "data")), digest(f"{toy.folder}/state/points")
    assert toy.inv("reset-state", "--yes").code == 0
    [kept] = toy.inv("snapshots", "--json").document["snapshots"]
    assert kept["name"] == "before-reset-1"
    assert [part["name"] for part in kept["state"]] == ["data", "state/points"]
    fill(toy, "new")
    ran = toy.inv("restore", "before-reset-1", "--yes")
    assert ran.code == 0, ran.err
    assert digest(volume(toy, "data")) == data
    assert digest(f"{toy.folder}/state/points") == points
    names = [one["name"] for one in toy.inv("snapshots", "--json").document["snapshots"]]
    assert names == ["before-reset-1", "before-restore-1"]
    assert set(running(toy)) == {"db", "app", "other"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make every kind of file")
def test_everything_a_file_system_knows_comes_back(toy: Project) -> None:
    place = mountpoint(volume(toy, "data"))
    trees.make(place)
    trees.make(toy.folder / "state" / "points")
    before = trees.describe(place), trees.describe(toy.folder / "state" / "points")
    assert toy.inv("snapshot", "all").code == 0
    fill(toy, "other")
    (place / "plain").write_text("other")
    ran = toy.inv("restore", "all", "--yes", "--no-snapshot")
    assert ran.code == 0, ran.err
    assert (trees.describe(place), trees.describe(toy.folder / "state" / "points")) == before


def test_a_snapshot_is_its_owners_alone_and_names_no_secret(toy: Project) -> None:
    assert toy.inv("snapshot", "mine").code == 0
    place = toy.folder / ".composetasks" / "snapshots" / "mine"
    assert {path.stat().st_mode & 0o777 for path in place.iterdir()} == {0o600}
    manifest = json.loads((place / "manifest.json").read_text())
    assert set(manifest["images"]) == {"app", "db"}
    assert all(len(part["sha256"]) == 64 for part in manifest["parts"])
    assert toy.inv("restore", "mine", "--plan", "--json").document["warnings"] == []
    assert toy.inv("snapshot", "mine").code == 2
    assert toy.inv("snapshot", "../mine").code == 2


def test_a_folder_that_a_killed_run_had_moved_away_is_put_back(toy: Project) -> None:
    """As after the first of the two renames of a file system without atomic exchange."""
    points = toy.folder / "state" / "points"
    before = content(str(points))
    docker("stop", f"{toy.name}-app-1")
    stage = points.with_name(".composetasks-cafe-0")
    (stage / "content").mkdir(parents=True)
    (stage / "armed").write_text(str(points.stat().st_ino))
    points.rename(stage / "old")
    journal = {"run": "cafe", "state": ["state/points"]}
    toy.write(".composetasks/replacing.json", json.dumps(journal))
    ran = toy.inv("up")
    assert ran.code == 0, ran.err
    assert "was killed while it replaced state/points" in ran.err
    assert content(str(points)) == before
    assert not stage.exists()


def test_a_damaged_snapshot_is_refused_before_anything_is_stopped(toy: Project) -> None:
    assert toy.inv("snapshot", "mine").code == 0
    [archive] = (toy.folder / ".composetasks" / "snapshots" / "mine").glob("00-*")
    whole = bytearray(archive.read_bytes())
    whole[len(whole) // 2] ^= 1
    archive.write_bytes(whole)
    before = running(toy), digest(volume(toy, "data"))
    ran = toy.inv("restore", "mine", "--yes")
    assert ran.code == 1
    assert "damaged" in ran.err
    assert (running(toy), digest(volume(toy, "data"))) == before


def test_a_volume_that_is_gone_is_made_as_compose_makes_it(toy: Project) -> None:
    data = digest(volume(toy, "data"))
    assert toy.inv("snapshot", "mine").code == 0
    assert toy.inv("down").code == 0
    docker("volume", "rm", volume(toy, "data"))
    docker("run", "--rm", "-v", f"{toy.folder}:/p", "ct-test/busybox", "rm", "-r", "/p/state")
    ran = toy.inv("restore", "mine", "--yes")
    assert ran.code == 0, ran.err
    assert digest(volume(toy, "data")) == data
    assert (toy.folder / "state" / "points" / "1").read_text() == "old\n"
    ran = toy.inv("up")
    assert ran.code == 0, ran.err
    assert digest(volume(toy, "data")) == data


def test_a_live_service_goes_on_running(project: Project) -> None:
    live = {"services": {"db": {"live": ["sh", "-c", "echo ready > /data/ready"]}}}
    toy = make_toy(project, **live)
    before = running(toy)
    ran = toy.inv("snapshot", "mine", "--live", "--json")
    assert ran.code == 0, ran.err
    after = running(toy)
    assert after["db"] == before["db"]
    assert after["app"] != before["app"]
    assert (mountpoint(volume(toy, "data")) / "ready").exists()
    states = docker("ps", "--filter", f"name={toy.name}-db-1", "--format", "{{.Status}}")
    assert "Paused" not in states


def test_a_live_service_that_can_t_be_prepared_is_no_snapshot(project: Project) -> None:
    live = {"services": {"db": {"live": ["sh", "-c", "echo no room >&2; exit 3"]}}}
    toy = make_toy(project, **live)
    before = running(toy)
    ran = toy.inv("snapshot", "mine", "--live")
    assert ran.code == 1
    assert "db could not be prepared for a snapshot" in ran.err
    assert "no room" in ran.err
    assert "next: correct stack.services.db.live, or omit --live" in ran.err
    assert running(toy)["db"] == before["db"]
    assert set(running(toy)) == set(before)
    assert toy.inv("snapshots", "--json").document["snapshots"] == []


def test_down_leaves_all_state(toy: Project) -> None:
    data, points = digest(volume(toy, "data")), digest(f"{toy.folder}/state/points")
    assert toy.inv("down").code == 0
    assert digest(volume(toy, "data")) == data
    assert digest(f"{toy.folder}/state/points") == points


def test_there_is_nothing_to_restore_from(still: Project) -> None:
    ran = still.inv("restore", "none", "--yes")
    assert (ran.code, "no snapshot is called 'none'" in ran.err) == (2, True)
    assert still.inv("restore").code == 2
    assert still.inv("snapshots", "--json").document["snapshots"] == []
