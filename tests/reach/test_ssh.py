"""An engine behind ssh: the same tasks, through one connection."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

from tests.engine import busybox
from tests.engine.stacks import wait_until
from tests.faults.own_engine import OwnEngine
from tests.project import Project
from tests.reach.ssh_host import SshHost

LOOP = '["sh", "-c", "trap \'exit 0\' TERM; echo up; while :; do sleep 1; done"]'


def stack(project: Project) -> None:
    project.write("Dockerfile", f"FROM {busybox.TAG}\nCOPY page /page\n")
    project.write("page", "one\n")
    project.compose(f"services:\n  web: {{build: ., init: true, command: {LOOP}}}\n")


def test_the_tasks_work_through_one_connection(project: Project, host: SshHost) -> None:
    stack(project)

    started = project.inv("up")
    again = project.inv("up")
    project.write("page", "two\n")
    edited = project.inv("up")
    page = project.inv("exec", "web", "cat", "/page")
    said = project.inv("logs", "web")
    [web] = project.inv("status", "--json").document["services"]
    clients = host.clients()
    gone = project.inv("down")

    assert [started.code, again.code, edited.code, gone.code] == [0] * 4, started.err + edited.err
    assert "nothing to do" in again.out
    assert "page" in edited.err
    assert page.out == "two\n"
    assert "up" in said.out
    assert web["state"] == "running"
    assert len(clients) == 1
    assert project.inv("status", "--json").code == 0


def counting(project: Project) -> None:
    """A project that is up, and writes numbers."""
    lines = "trap 'exit 0' TERM; i=0; while :; do echo line $$((i+=1)); sleep 0.2; done"
    project.compose(
        f'services:\n  web: {{image: {busybox.TAG}, init: true, command: [sh, -c, "{lines}"]}}\n'
    )
    assert project.inv("up").code == 0


def test_logs_are_followed_through_it_until_interrupted(project: Project, host: SshHost) -> None:
    counting(project)
    child = project.start("logs", "--follow", "--tail", "1")
    assert child.stdout is not None
    came = [child.stdout.readline().split()[-1] for _ in range(6)]
    clients = host.clients()

    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)

    assert_in_turn(came)
    assert child.returncode == 130, err
    assert len(clients) <= 2
    assert len(host.clients()) == 1


def assert_in_turn(numbers: list[str]) -> None:
    """No line is missing, and none is there twice."""
    first = int(numbers[0])
    assert numbers == [str(first + number) for number in range(len(numbers))]


def test_a_line_that_is_cut_and_can_be_had_again_costs_no_log_line(
    project: Project, host: SshHost
) -> None:
    counting(project)
    child = project.start("logs", "--follow", "--tail", "1")
    assert child.stdout is not None
    came = [child.stdout.readline().split()[-1] for _ in range(3)]

    for client in host.clients():
        client.kill()
    came += [child.stdout.readline().split()[-1] for _ in range(12)]
    # Now the host can't be had any more.
    host.refuse()
    for client in host.clients():
        client.kill()
    _, err = child.communicate(timeout=90)

    assert_in_turn(came)
    assert child.returncode == 5, err
    assert "ssh does not reach the engine at ssh://far" in err


def test_a_cut_line_ends_a_start(project: Project, host: SshHost) -> None:
    check = 'healthcheck: {test: ["CMD", "false"], interval: 1s, start_period: 600s}'
    text = f"services:\n  web: {{image: {busybox.TAG}, init: true, command: {LOOP}, {check}}}\n"
    project.compose(text)
    project.write("invoke.yaml", "stack: {engine_timeout: 5}\n")
    child = project.start("up")
    assert child.stderr is not None
    wait_until(lambda: project.inv("status", "--json").document["services"][0]["health"] != "")

    host.freeze()
    _, err = child.communicate(timeout=60)

    assert child.returncode == 5, err


def test_a_connection_that_is_gone_is_opened_again(project: Project, host: SshHost) -> None:
    stack(project)
    assert project.inv("status").code == 0
    for client in host.clients():
        client.send_signal(signal.SIGKILL)
        client.wait(10)

    assert project.inv("status").code == 0
    assert len(host.clients()) == 1


def test_a_context_leads_there_too(project: Project, host: SshHost) -> None:
    stack(project)
    project.environment["DOCKER_CONFIG"] = str(project.folder / "docker")
    far = ("--docker", f"host={project.environment.pop('DOCKER_HOST')}")
    argv = ["docker", "context", "create", "elsewhere", *far]
    subprocess.run(argv, env=project.environment, check=True, capture_output=True)

    started = project.inv("up", DOCKER_CONTEXT="elsewhere")
    [web] = project.inv("status", "--json", DOCKER_HOST="ssh://far").document["services"]

    assert started.code == 0, started.err
    assert web["state"] == "running"
    assert len(host.clients()) == 1


def test_ssh_says_why_it_does_not_get_there(project: Project) -> None:
    stack(project)

    ran = project.inv("status", DOCKER_HOST="ssh://far:1")

    assert ran.code == 5
    assert "Connection refused" in ran.err
    assert "`ssh -p 1 far true`" in ran.err


def test_the_doctor_says_that_the_engine_is_missing_and_not_the_way(project: Project) -> None:
    stack(project)

    ran = project.inv("doctor", DOCKER_HOST="ssh://far/nowhere/docker.sock")

    assert ran.code == 1
    assert "ssh reaches ssh://far/nowhere/docker.sock (DOCKER_HOST), but no engine" in ran.out
    other = project.inv("status", DOCKER_HOST="ssh://far/nowhere/docker.sock")
    assert other.code == 5
    assert "next: `ssh far docker version` shows why" in other.err
    assert "Error while fetching" not in other.err


def test_the_doctor_knows_the_link_and_what_is_only_here(project: Project) -> None:
    project.write("conf/app.conf", "x=1\n")
    project.compose(
        f"services:\n  web: {{image: {busybox.TAG}, init: true, command: {LOOP},"
        ' volumes: ["./conf:/conf"]}\n'
    )

    results = {one["name"]: one for one in project.inv("doctor", "--json").document["checks"]}

    assert "on another host; an answer takes" in results["engine"]["message"]
    assert results["mounts"]["status"] == "failed"
    assert f"{project.folder}/conf" in results["mounts"]["message"]


def test_nobody_else_can_put_a_socket_in_the_way(project: Project, host: SshHost) -> None:
    stack(project)
    folder = Path(host.environment["XDG_RUNTIME_DIR"], "composetasks")
    folder.mkdir()
    folder.chmod(0o777)

    ran = project.inv("status")

    assert ran.code == 5
    assert "is not private to you" in ran.err


def test_a_mount_that_is_only_here_is_refused(project: Project, engine: OwnEngine) -> None:
    project.write("conf/app.conf", "x=1\n")
    project.compose(
        f"services:\n  web: {{image: {busybox.TAG}, init: true, command: {LOOP},"
        ' volumes: ["./conf:/conf", "./conf/app.conf:/app.conf"]}\n'
        f"  free: {{image: {busybox.TAG}, init: true, command: {LOOP}}}\n"
    )

    began = time.time()
    looked = project.inv("status")
    happened = engine.events(began)
    refused = project.inv("up")
    alone = project.inv("up", "free")

    assert (looked.code, happened) == (0, [])
    assert refused.code == 6
    assert f"{project.folder}/conf" in refused.err
    assert f"{project.folder}/conf/app.conf" in refused.err
    assert "ssh://far" in refused.err
    for way in ("`stack.remote.mounts: send`", "copy it into the image", "`develop.watch`"):
        assert way in refused.err
    assert not engine.has(project.folder / "conf")
    assert alone.code == 0, alone.err


def test_what_the_engine_has_is_mounted_and_told_whose_it_is(
    project: Project, engine: OwnEngine
) -> None:
    project.write("conf/app.conf", "mine\n")
    engine.write(project.folder / "conf" / "app.conf", "theirs\n")
    project.compose(
        f"services:\n  web: {{image: {busybox.TAG}, init: true, command: {LOOP},"
        ' volumes: ["./conf:/conf"]}\n'
    )

    ran = project.inv("up")

    assert ran.code == 0, ran.err
    assert "mounted from the engine's host, ssh://far, not from this machine" in ran.out + ran.err
    assert project.inv("exec", "web", "cat", "/conf/app.conf").out == "theirs\n"
    assert "nothing to do" in project.inv("up").out
