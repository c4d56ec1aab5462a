"""Bind mounts of what only the laptop has: sent to a volume on the engine's host."""

from __future__ import annotations

import os
import shutil
from typing import Any

from tests.engine import busybox
from tests.engine.stacks import wait_until
from tests.faults.own_engine import OwnEngine
from tests.project import Project
from tests.reach.ssh_host import SshHost

SETTINGS = "stack:\n  remote: {mounts: send}\n"
COMPOSE = f"""\
services:
  web:
    image: {busybox.TAG}
    init: true
    command: [sleep, "1000"]
    stop_grace_period: 0s
    volumes: ["./code:/code", "./app.conf:/etc/app.conf:ro"]
    secrets: [token]
    configs: [{{source: page, target: /page}}]
secrets: {{token: {{file: ./token}}}}
configs: {{page: {{file: ./page}}}}
"""


def sent(project: Project) -> dict[str, list[tuple[str | None, str | None]]]:
    """What is to be sent: paths with what happened to them, by source."""
    steps: list[dict[str, Any]] = project.inv("up", "--plan", "--json").document["steps"]
    return {
        os.path.relpath(step["target"], project.folder): [
            (one["path"], one["change"]) for one in step["because"]
        ]
        for step in steps
        if step["action"] == "send"
    }


def run(project: Project, command: str) -> str:
    ran = project.inv("exec", "web", "sh", "-c", command)
    assert ran.code == 0, ran.err
    return ran.out


def test_what_is_only_here_is_sent_and_then_what_changed(
    project: Project, engine: OwnEngine, host: SshHost
) -> None:
    project.write("code/main.py", "one\n")
    project.write("code/lib/a b.txt", "kept\n")
    project.write("code/.git/config", "not sent\n")
    # Names of an older day, which are not UTF-8.
    odd = os.fsencode(project.folder) + b"/code/caf\xe9"
    os.mkdir(odd)
    with open(odd + b"/men\xfc", "w") as file:
        file.write("old\n")
    (project.folder / "code" / "link").symlink_to("main.py")
    os.chown(project.folder / "code", 1234, 1234)
    for name in ("app.conf", "token", "page"):
        project.write(name, f"{name} one\n")
    project.compose(COMPOSE)

    refused = project.inv("up")
    assert refused.code == 6
    assert "`stack.remote.mounts: send`" in refused.err
    for name in ("code", "app.conf", "token", "page"):
        assert f"{project.folder}/{name}, which its containers need" in refused.err
    assert not engine.has(project.folder)

    project.write("invoke.yaml", SETTINGS)
    assert set(sent(project)) == {"code", "app.conf", "token", "page"}
    started = project.inv("up")
    assert started.code == 0, started.err
    assert "app.conf one" not in started.err + started.out
    read = "cat /code/link '/code/lib/a b.txt' /etc/app.conf /run/secrets/token /page /code/caf*/m*"
    assert run(project, read) == "one\nkept\napp.conf one\ntoken one\npage one\nold\n"
    assert run(project, "stat -c %u:%a /code; ls -A /code | wc -l") == "1234:755\n4\n"
    assert run(project, "cd /code/caf*; echo * | od -An -tx1").split() == [
        "6d",
        "65",
        "6e",
        "fc",
        "0a",
    ]
    assert not engine.has(project.folder)
    [web] = project.inv("status", "--json").document["services"]
    assert not web["stale"], web["stale_because"]

    before = run(project, "hostname")
    assert "nothing to do" in project.inv("up").out

    os.unlink(odd + b"/men\xfc")
    os.rmdir(odd)
    gone = [("caf\udce9", "removed"), ("caf\udce9/men\udcfc", "removed")]
    assert sent(project) == {"code": gone}
    told = project.inv("up")
    assert told.code == 0, told.err
    assert run(project, "ls /code") == "lib\nlink\nmain.py\n"

    # One file of a folder: that alone, and the container goes on with what it wrote itself.
    run(project, "echo mine >/code/own")
    project.write("code/main.py", "two\n")
    assert sent(project) == {"code": [("main.py", "modified")]}
    assert project.inv("up").code == 0
    assert run(project, "cat /code/link /code/own") == "two\nmine\n"
    assert run(project, "hostname") == before

    (project.folder / "code" / "lib" / "a b.txt").unlink()
    (project.folder / "code" / "lib").rmdir()
    assert sent(project) == {"code": [("lib", "removed"), ("lib/a b.txt", "removed")]}
    assert project.inv("up").code == 0
    assert run(project, "ls /code") == "link\nmain.py\nown\n"

    # A single file: its container is recreated, which would have the old one for ever.
    project.write("app.conf", "app.conf two\n")
    assert sent(project) == {"app.conf": [("app.conf", "modified")]}
    again = project.inv("up")
    assert again.code == 0, again.err
    assert run(project, "cat /etc/app.conf") == "app.conf two\n"
    assert "nothing to do" in project.inv("up").out

    assert project.inv("down").code == 0
    assert sent(project) == {}
    assert project.inv("up").code == 0
    assert run(project, "cat /code/main.py") == "two\n"


def test_what_is_gone_when_it_is_to_be_sent_is_told(project: Project, engine: OwnEngine) -> None:
    project.write("invoke.yaml", SETTINGS)
    project.write("code/main.py", "one\n")
    # Images come first: this one is built for as long as the test wants.
    wait = f"trap 'exit 0' TERM; while :; do sleep 0.1; done # {project.name}"
    project.write("Dockerfile", f"FROM {busybox.TAG}\nRUN {wait}\n")
    project.compose(
        "services: {web: {build: ., volumes: ['./code:/code'], command: [sleep, '1000']}}"
    )

    started = project.start("up")
    wait_until(lambda: engine.works_on(project.name))
    shutil.rmtree(project.folder / "code")
    for one in engine.working_on(project.name):
        one.terminate()
    _, err = started.communicate(timeout=60)

    assert started.returncode == 1, err
    assert f"{project.folder}/code can't be read for sending: No such file or directory" in err
    [web] = project.inv("status", "--json").document["services"]
    assert web["replicas"] == []


def test_a_folder_that_containers_made_there_does_not_take_its_place(
    project: Project, engine: OwnEngine, host: SshHost
) -> None:
    project.write("invoke.yaml", SETTINGS + "  state: {data: {path: data}}\n")
    project.write("app.py", "one\n")
    project.write("data/rows", "local\n")
    body = f"image: {busybox.TAG}, init: true, command: [sleep, '1000'], stop_grace_period: 0s"
    project.compose(f"services:\n  web: {{{body}, volumes: ['.:/app', './data:/data']}}\n")

    # State that is only here is not sent: a start would overwrite what runs there.
    refused = project.inv("up")
    assert refused.code == 6, refused.err
    assert f"{project.folder}/data, which its containers need, does not exist" in refused.err
    assert "restore" in refused.err
    assert "mounts: send" not in refused.err
    assert not engine.has(project.folder)

    (project.folder / "data" / "rows").unlink()
    started = project.inv("up")
    assert started.code == 0, started.err
    assert engine.has(project.folder / "data")
    assert "app.py" in run(project, "ls /app").split()

    shutil.rmtree(project.folder / ".composetasks")
    assert "nothing to do" in project.inv("up").out
    copied = project.inv("up", "--instance", "two")
    assert copied.code == 0, copied.err
    listed = project.inv("exec", "--instance", "two", "web", "ls", "/app")
    assert "app.py" in listed.out.split(), listed.err
    for options in ((), ("--instance", "two")):
        assert project.inv("down", *options).code == 0


def test_a_job_runs_again_for_a_new_file_and_what_cannot_be_sent_is_refused(
    project: Project, engine: OwnEngine, host: SshHost
) -> None:
    project.write("invoke.yaml", SETTINGS)
    project.write("real/V1", "one\n")
    folder = project.folder
    (folder / "sql").symlink_to("real")
    project.write("data/rows", "local\n")
    os.mkfifo(folder / "pipe")
    job = f"image: {busybox.TAG}, command: [ls, /sql], volumes: ['./sql:/sql:ro']"
    web = f"image: {busybox.TAG}, init: true, command: [sleep, '1000'], stop_grace_period: 0s"
    after = "depends_on: {job: {condition: service_completed_successfully}}"
    compose = f"services:\n  job: {{{job}}}\n  web: {{{web}, {after}%s}}\n%s"
    project.compose(compose % ("", ""))

    started = project.inv("up")
    assert started.code == 0, started.err
    assert "nothing to do" in project.inv("up").out
    project.write("real/V2", "two\n")
    again = project.inv("up")
    assert again.code == 0, again.err
    assert "./sql, which it mounts, has changed" in again.out + again.err
    assert "V2" in project.inv("logs", "job").out
    assert "nothing to do" in project.inv("up").out

    for more, volumes, named in (
        (f", devices: ['{folder}/pipe:/dev/pipe']", "", "pipe"),
        (", volumes: ['./pipe:/pipe']", "", "pipe"),
        (
            ", volumes: ['data:/data']",
            f"volumes: {{data: {{driver_opts: {{type: none, o: bind, device: {folder}/data}}}}}}\n",
            "data",
        ),
    ):
        project.compose(compose % (more, volumes))
        refused = project.inv("up")
        assert refused.code == 6, (named, refused.err)
        assert f"{folder}/{named}" in refused.err
        assert "mounts: send" not in refused.err
        assert project.inv("status").code == 0

    project.compose(compose % ("", ""))
    assert project.inv("down").code == 0
