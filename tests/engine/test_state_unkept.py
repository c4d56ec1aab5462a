"""What services write to and no snapshot keeps is named, and nothing outside the project is
emptied unasked."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.stacks import docker
from tests.project import Project
from tests.repositories import git

SLEEPER = """
    image: ct-test/busybox
    init: true
    command: [sleep, "3600"]
    stop_grace_period: 1s
"""


def started(project: Project, volumes: list[str], more: str = "") -> Project:
    """The project with one service that mounts ``volumes``, tracked by git, started."""
    project.compose(f"services:\n  app:{SLEEPER}    volumes: {volumes}\n{more}")
    git(project.folder, "init", "-q")
    git(project.folder, "add", "compose.yaml", "tasks.py")
    ran = project.inv("up")
    assert ran.code == 0, ran.err
    return project


def test_a_snapshot_that_keeps_nothing_fails_and_says_of_each_mount_why(
    project: Project, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    project.write("single", "x")
    project.write("code/app.py", "x")
    git(project.folder, "init", "-q")
    git(project.folder, "add", "code")
    external = f"{project.name}-external"
    docker("volume", "create", external)
    mounts = ["memory:/a", "/b", "./single:/c", "theirs:/d", f"{outside}:/e", "./code:/f", ".:/h"]
    memory = "{driver: local, driver_opts: {type: tmpfs, device: tmpfs}}"
    volumes = f"volumes:\n  memory: {memory}\n  theirs: {{external: true, name: {external}}}\n"
    try:
        started(project, mounts, f"    tmpfs: /g\n{volumes}")
        docker("exec", f"{project.name}-app-1", "sh", "-c", "echo x > /a/x; echo x > /b/x")
        before = docker("inspect", f"{project.name}-app-1", "--format", "{{.State.StartedAt}}")
        planned = project.inv("snapshot", "--plan", "--json")
        ran = project.inv("snapshot")
        after = docker("inspect", f"{project.name}-app-1", "--format", "{{.State.StartedAt}}")
    finally:
        project.inv("down")
        docker("volume", "rm", external)
    assert (planned.code, ran.code) == (1, 1)
    assert "nothing to save" in ran.err
    assert before == after
    named = "an anonymous volume: name it in the compose file to include it"
    memory = "in memory, which is lost when its services stop"
    assert sorted(planned.document["warnings"]) == sorted(
        [
            f"not kept: volume {project.name}_memory, app:/g ({memory})",
            f"not kept: volume {external} (external, and so not owned by this project)",
            f"not kept: {outside} (outside the project's folder)",
            f"not kept: {project.folder} (it contains the project itself)",
            "not kept: single (a single file)",
            "not kept: code (git tracks its content)",
            f"not kept: app:/b ({named})",
        ]
    )


def test_what_may_be_data_all_the_same_is_named_at_the_end(project: Project) -> None:
    project.compose(
        f"services:\n  app:{SLEEPER}    volumes: [rows:/a, ./data:/b]\nvolumes: {{rows: {{}}}}\n"
    )
    assert project.inv("up").code == 0
    ran = project.inv("snapshot")
    assert ran.code == 0, ran.err
    assert "the state is saved, without data" in ran.out + ran.err
    git(project.folder, "init", "-q")
    git(project.folder, "add", "compose.yaml", "tasks.py")
    ran = project.inv("snapshot")
    assert ran.code == 0, ran.err
    assert "without" not in ran.out + ran.err


def test_what_a_stop_would_lose_needs_consent(project: Project) -> None:
    memory = "memory: {driver: local, driver_opts: {type: tmpfs, device: tmpfs}}"
    started(project, ["memory:/a", "rows:/b"], f"volumes:\n  rows: {{}}\n  {memory}\n")
    docker("exec", f"{project.name}-app-1", "sh", "-c", "echo x > /a/x; echo x > /b/x")
    # What has memory mounted, or the whole disk as monitors have, uses none of it.
    mounts = ("--tmpfs", "/t", "--mount", "type=tmpfs,target=/m", "--volume", "/:/host:ro")
    other = f"{project.name}-other"
    docker("run", "-d", "--init", "--name", other, *mounts, "ct-test/busybox", "sleep", "600")
    try:
        refused = project.inv("snapshot", "kept")
        assert refused.code == 4
        assert f"data that volume {project.name}_memory holds in memory" in refused.err
        assert docker("exec", f"{project.name}-app-1", "cat", "/a/x") == "x"
        ran = project.inv("snapshot", "kept", "--yes")
        assert ran.code == 0, ran.err
    finally:
        docker("rm", "-f", other)


@pytest.fixture
def disk(project: Project) -> Iterator[Path]:
    """A disk that is mounted in the project's folder."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk; this test did not run")
    place = project.folder / "data"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "disk", str(place)], check=True)
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_folder_on_another_disk_than_the_repository_is_state(
    project: Project, disk: Path
) -> None:
    (disk / "rows").mkdir()
    started(project, ["./data/rows:/a"])
    docker("exec", f"{project.name}-app-1", "sh", "-c", "echo x > /a/x")
    ran = project.inv("snapshot", "kept")
    assert ran.code == 0, ran.err
    assert project.inv("reset-state", "--yes", "--no-snapshot").code == 0
    assert project.inv("restore", "kept", "--yes").code == 0
    assert (disk / "rows/x").read_text() == "x\n"
    project.inv("down")


def test_a_volume_that_is_a_folder_outside_is_emptied_by_force_alone(
    project: Project, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").write_text("x")
    options = f"{{type: none, o: bind, device: {outside}}}"
    started(project, ["rows:/a"], f"volumes:\n  rows: {{driver_opts: {options}}}\n")
    other = f"{project.name}-other"
    mounted = ("-v", f"{outside}:/x", "ct-test/busybox", "sleep", "99")
    docker("run", "-d", "--init", "--name", other, *mounted)
    try:
        assert project.inv("reset-state", "--yes", "--force").code == 9
    finally:
        docker("rm", "-f", other)
    refused = project.inv("reset-state", "--yes")
    assert refused.code == 4
    assert str(outside) in refused.err
    assert (outside / "x").read_text() == "x"
    ran = project.inv("reset-state", "--force")
    assert ran.code == 0, ran.err
    assert list(outside.iterdir()) == []


def test_an_edited_model_is_for_the_next_start(project: Project) -> None:
    """The container is the same before and after, though its network of the new model is not even
    there; what Compose has to run as it starts is run."""
    hooked = (
        '  hooked: {image: ct-test/busybox, init: true, command: [sleep, "1000"], volumes: '
        '["rows:/a"], post_start: [{command: [sh, -c, "echo x >> /tmp/hooked"]}]}\n'
    )
    started(project, ["rows:/a"], f"{hooked}volumes: {{rows: {{}}}}\n")
    names = [f"{project.name}-app-1", f"{project.name}-hooked-1"]
    docker("exec", names[0], "sh", "-c", "echo x > /a/x")
    before = docker("inspect", "--format", "{{.Id}}", *names)
    edited = f"    environment: {{NEW: value}}\n    networks: [other]\n{hooked}"
    other = f"networks: {{other: {{external: true, name: {project.name}-other}}}}\n"
    app = f'  app:{SLEEPER}    volumes: ["rows:/a"]\n{edited}'
    project.compose(f"services:\n{app}volumes: {{rows: {{}}}}\n{other}")
    ran = project.inv("snapshot", "kept")
    assert ran.code == 0, ran.err
    assert "recreate" not in ran.err
    assert docker("inspect", "--format", "{{.Id}}", *names) == before
    assert docker("inspect", "--format", "{{.State.Running}}", *names) == "true\ntrue"
    assert docker("exec", names[1], "cat", "/tmp/hooked") == "x\nx"
    assert project.inv("up").code == 6


def test_what_could_not_be_started_again_is_not_stopped(project: Project) -> None:
    project.write("app.env", "X=1")
    more = "    env_file: [app.env]\nvolumes: {rows: {}}\n"
    started(project, ["rows:/a"], more)
    docker("exec", f"{project.name}-app-1", "sh", "-c", "echo x > /a/x")
    (project.folder / "app.env").unlink()
    for arguments in (["snapshot", "kept"], ["reset-state", "--yes"]):
        refused = project.inv(*arguments)
        assert refused.code == 6, refused.err
        assert "app.env" in refused.err
    assert docker("exec", f"{project.name}-app-1", "cat", "/a/x") == "x"
