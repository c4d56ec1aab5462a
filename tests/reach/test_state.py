"""State on an engine behind ssh: it is the engine's, and its snapshots lie here."""

from __future__ import annotations

import pytest

from tests.engine import busybox
from tests.faults.own_engine import OwnEngine
from tests.project import Project, Ran
from tests.reach.ssh_host import ssh_host

SETTINGS = "stack: {state: {db: {path: state/db}, fresh: {path: state/fresh}}}\n"
COMPOSE = f"""\
services:
  web:
    image: {busybox.TAG}
    init: true
    command: [sleep, "1000"]
    stop_grace_period: 0s
    volumes: ["data:/data", "./state/db:/db", "./state/fresh:/fresh", "./loose:/loose"]
volumes: {{data: }}
"""


def run(project: Project, command: str) -> Ran:
    return project.inv("exec", "web", "sh", "-c", command)


def test_a_snapshot_lands_here_and_is_restored_on_a_second_engine(
    project: Project, engine: OwnEngine
) -> None:
    project.write("invoke.yaml", SETTINGS)
    project.compose(COMPOSE)
    started = project.inv("up")
    assert started.code == 0, started.err
    written = "umask 027; echo one >/data/a; ln -s a /data/l; echo two >/db/b; echo x >/loose/c"
    assert run(project, written).code == 0
    assert not (project.folder / "state").exists()

    kept = project.inv("snapshot", "first")
    assert kept.code == 0, kept.err
    assert "not kept: loose (" in kept.err
    [listed] = project.inv("snapshots", "--json").document["snapshots"]
    assert [one["name"] for one in listed["state"]] == ["data", "db", "fresh"]
    assert not (project.folder / "state").exists()

    # Over what was changed meanwhile, on the same engine.
    assert run(project, "echo later >/data/a; rm /db/b; echo new >/fresh/n").code == 0
    back = project.inv("restore", "first", "--yes")
    assert back.code == 0, back.err
    said = run(project, "cat /data/l /db/b; ls /fresh; stat -c %a /data/a")
    assert said.out == "one\ntwo\n640\n"

    # On another one, which has nothing of the project yet.
    with OwnEngine() as other, ssh_host(other) as there:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DOCKER_HOST", other.address)
            busybox.image()
        other.hide(project.folder)
        project.environment.update(there.environment)
        restored = project.inv("restore", "first", "--yes")
        assert restored.code == 0, restored.err
        assert project.inv("up").code == 0
        said = run(project, "cat /data/l /db/b; ls /fresh /loose; stat -c %a /data/a")
        assert said.out == "one\ntwo\n/fresh:\n\n/loose:\n640\n"
        emptied = project.inv("reset-state", "db", "--no-snapshot", "--yes")
        assert emptied.code == 0, emptied.err
        assert run(project, "ls /db; cat /data/a").out == "one\n"
        assert not (project.folder / "state").exists()
        assert project.inv("down").code == 0
