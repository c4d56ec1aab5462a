"""`inv doctor` where something is broken: it names that, and says all the rest as well."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.functional.scripted_engine import ScriptedEngine
from tests.project import Project, Ran

COMPOSE = """
name: shop
services:
  web:
    image: web:1
    ports: ["127.0.0.1:18099:80"]
"""
OF_THE_ENGINE = {
    *("container", "build", "dns", "proxy", "disk", "inodes", "memory", "clock", "file-watching"),
    *("builders", "images", "ports", "root", "swarm"),
    "mounts",
}
BOUND_SECONDS = 30
"""What the longest check may take, and the start of the program."""
BUG = """\
from composetasks import collection
from composetasks.verbs import examination

def broken(found):
    raise ZeroDivisionError("planted")

examination.CHECKS["clock"] = broken
ns = collection()
"""


@pytest.fixture
def shop(project: Project) -> Project:
    project.write("compose.yaml", COMPOSE)
    return project


def statuses(ran: Ran) -> dict[str, str]:
    return {name: one["status"] for name, one in ran.checks.items()}


def failing(ran: Ran) -> Any:
    """The one check that failed, with which the run ended with 1."""
    assert ran.code == 1, ran.err
    (found,) = [one for one in ran.document["checks"] if one["status"] == "failed"]
    assert found["hint"]
    return found


def test_without_an_engine_the_rest_is_looked_at_and_what_needs_one_says_so(shop: Project) -> None:
    ran = shop.inv("doctor", "--json")
    found = failing(ran)
    assert found["name"] == "engine"
    assert "there is no socket" in found["message"]
    assert {name for name, word in statuses(ran).items() if word == "skipped"} == OF_THE_ENGINE
    assert "needs the engine" in ran.checks["container"]["message"]
    assert ran.checks["model"]["status"] == "ok"


def test_the_page_shows_problems_last_with_what_to_do(shop: Project) -> None:
    ran = shop.inv("doctor")
    assert ran.code == 1
    assert ran.out.startswith("ok       compose")
    *_, failed = re.split(r"^(?=\w)", ran.out, flags=re.M)[:-1]
    assert failed.startswith("failed   engine")
    assert "-> start Docker" in " ".join(failed.split())
    assert ran.out.splitlines()[-1].startswith("1 failed, 15 skipped")


def test_a_socket_that_nobody_listens_on(shop: Project, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(f"{tmp_path}/stale.sock")
        ran = shop.inv("doctor", "--json", DOCKER_HOST=f"unix://{tmp_path}/stale.sock")
    assert "no engine listens on it" in failing(ran)["message"]


@pytest.fixture
def hung(tmp_path: Path) -> Iterator[str]:
    """An engine that takes connections and never answers."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{tmp_path}/hung.sock")
        listener.listen(64)
        yield f"unix://{tmp_path}/hung.sock"


def test_an_engine_that_hangs_is_given_up(shop: Project, hung: str) -> None:
    began = time.monotonic()
    ran = shop.inv("doctor", "--json", DOCKER_HOST=hung)
    assert time.monotonic() - began < BOUND_SECONDS
    assert "accepts connections but does not answer" in failing(ran)["message"]
    assert statuses(ran)["model"] == "ok"


def test_something_else_where_the_socket_should_be(shop: Project, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = shop.inv("doctor", "--json", DOCKER_HOST=f"unix://{tmp_path}/file")
    assert "is not a socket" in failing(ran)["message"]


def test_a_host_that_refuses(shop: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    ran = shop.inv("doctor", "--json", DOCKER_HOST=f"tcp://127.0.0.1:{port}")
    assert f"no engine answers at tcp://127.0.0.1:{port} (DOCKER_HOST)" in failing(ran)["message"]
    # Any other task knows as well where it is to be started.
    told = shop.inv("status", DOCKER_HOST=f"tcp://127.0.0.1:{port}").err
    assert "\n  Connection refused\nnext: start it there, or unset DOCKER_HOST" in told


@pytest.mark.parametrize("host", ["tcp://far:99999", "tcp://far:port", "tcp://[::1", "ssh://f:x"])
def test_an_address_that_can_not_be_read(shop: Project, host: str) -> None:
    ran = shop.inv("status", DOCKER_HOST=host)
    assert ran.code == 5
    assert ran.err.startswith(f"error: {host} (DOCKER_HOST) is not the address of an engine\n")
    assert "next: write it as unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST:PORT" in ran.err
    checked = failing(shop.inv("doctor", "--json", DOCKER_HOST=host))
    assert "is not the address of an engine" in checked["message"]


def test_a_context_that_is_not_there(shop: Project) -> None:
    del shop.environment["DOCKER_HOST"]
    ran = shop.inv("doctor", "--json", DOCKER_CONTEXT="nowhere")
    assert "there is no docker context nowhere" in failing(ran)["message"]
    assert "next: `docker context ls`" in shop.inv("status", DOCKER_CONTEXT="nowhere").err


def test_ssh_that_does_not_get_there(shop: Project, tmp_path: Path) -> None:
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text("#!/bin/sh\necho 'me@there: Permission denied (publickey).' >&2\nexit 255\n")
    ssh.chmod(0o755)
    path = f"{ssh.parent}{os.pathsep}{shop.environment['PATH']}"
    ran = shop.inv("doctor", "--json", DOCKER_HOST="ssh://me@there", PATH=path)
    found = failing(ran)
    assert "ssh does not reach ssh://me@there (DOCKER_HOST)" in found["message"]
    assert "Permission denied (publickey)" in found["message"]
    assert "ssh me@there true" in found["hint"]


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user takes root")
def test_no_permission_for_the_socket(tmp_path: Path) -> None:
    """In a process of another user, to whom nothing of this test is readable but the socket."""
    path = Path("/tmp") / f"composetasks-{os.getpid()}.sock"
    program = (
        "import os, sys\n"
        "from composetasks.observe.doctor.daemon import daemon\n"
        "from composetasks.run.failure import TaskFailure\n"
        "import docker, docker.context, requests, docker.constants, docker.utils\n"
        "import docker.transport, urllib3, grp, pwd\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try: daemon()\n"
        "except TaskFailure as failure: print(int(failure.code), failure.message, failure.hint)\n"
    )
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        try:
            path.chmod(0o660)
            listener.listen()
            done = subprocess.run(
                [sys.executable, "-c", program],
                env={**os.environ, "DOCKER_HOST": f"unix://{path}", "HOME": str(tmp_path)},
                capture_output=True,
                text=True,
                check=True,
            )
        finally:
            path.unlink()
    assert done.stdout.startswith(f"5 no permission to use the engine at unix://{path}")
    assert "which is restricted to group root" in done.stdout
    assert "log in again" in done.stdout


def plugin(folder: Path, name: str, says: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def config(tmp_path: Path, shop: Project) -> Path:
    """A configuration folder of the docker client, of this project alone."""
    shop.environment["DOCKER_CONFIG"] = f"{tmp_path}/config"
    return tmp_path / "config"


def test_an_old_plugin_of_the_user_is_named(shop: Project, config: Path) -> None:
    old = plugin(config / "cli-plugins", "docker-compose", "2.10.2")
    ran = shop.inv("doctor", "--json")
    check = ran.checks["compose"]
    assert check["status"] == "warning"
    assert f"{old} is 2.10.2" in check["message"]
    assert str(old) in check["hint"]
    assert statuses(ran)["model"] == "ok"


def test_an_old_buildx_of_the_user_is_named(shop: Project, config: Path) -> None:
    old = plugin(config / "cli-plugins", "docker-buildx", "github.com/docker/buildx v0.10.2 abc")
    check = shop.inv("doctor", "--json").checks["buildx"]
    assert check["status"] == "failed"
    assert f"{old} is 0.10.2" in check["message"]


def test_an_old_program_in_path_is_named(shop: Project, tmp_path: Path) -> None:
    old = plugin(tmp_path / "bin", "docker-compose", "docker-compose version 1.29.2, build x")
    path = f"{old.parent}{os.pathsep}{shop.environment['PATH']}"
    check = shop.inv("doctor", "--json", PATH=path).checks["compose"]
    assert check["status"] == "warning"
    assert f"{old} is 1.29.2" in check["message"]


def test_a_plugin_that_hangs_holds_up_no_other_check(shop: Project, config: Path) -> None:
    path = plugin(config / "cli-plugins", "docker-buildx", "")
    path.write_text("#!/bin/sh\nexec sleep 600\n")
    began = time.monotonic()
    ran = shop.inv("doctor", "--json")
    assert time.monotonic() - began < BOUND_SECONDS
    assert f"{path} is of an unknown version" in ran.checks["buildx"]["message"]
    assert statuses(ran)["compose"] == "ok"


def test_a_broken_model_is_one_check_and_not_the_end(shop: Project) -> None:
    shop.write("compose.yaml", "services: {web: {image: a, ports: [x:y:z]}}\n")
    ran = shop.inv("doctor", "--json")
    assert ran.code == 1
    check = ran.checks["model"]
    assert check["status"] == "failed"
    assert "the Compose model is invalid" in check["message"]
    assert "invalid IP address: x" in check["message"]
    assert ran.checks["open-ports"]["message"] == "needs a valid model"
    assert statuses(ran)["env"] == "ok"


def test_a_broken_env_file_is_one_check_and_not_the_end(shop: Project) -> None:
    shop.write(".env.example", "# composetasks: env\n# type: int\nWORKERS=1\n")
    shop.write(".env", "WORKERS=many\n").chmod(0o600)
    check = shop.inv("doctor", "--json").checks["env"]
    assert check["status"] == "failed"
    assert ".env:1: WORKERS: 'many' is not a whole number" in check["message"]


def test_a_bug_in_one_check_hides_no_other(shop: Project) -> None:
    shop.write("tasks.py", BUG)
    ran = shop.inv("doctor", "--json")
    assert ran.code == 1
    check = ran.checks["clock"]
    assert check["status"] == "failed"
    assert "a bug in this check: ZeroDivisionError: planted" in check["message"]
    kept = Path(check["hint"].rpartition(" ")[2])
    assert "ZeroDivisionError: planted" in kept.read_text()
    assert len(ran.checks) == 25
    assert statuses(ran)["model"] == "ok"


def test_an_engine_that_is_too_old(shop: Project, engine: ScriptedEngine) -> None:
    engine.info = {"ServerVersion": "20.10.24", "OSType": "linux"}
    check = shop.inv("doctor", "--json").checks["engine"]
    assert check["status"] == "failed"
    assert "Docker 20.10.24" in check["message"]


def test_an_engine_whose_clock_differs(shop: Project, engine: ScriptedEngine) -> None:
    engine.info = {"ServerVersion": "28.0.0", "SystemTime": "2020-01-01T00:00:00.5+01:00"}
    check = shop.inv("doctor", "--json").checks["clock"]
    assert check["status"] == "failed"
    assert "behind" in check["message"]


def test_an_engine_for_other_programs_is_not_tried(shop: Project, engine: ScriptedEngine) -> None:
    engine.info = {"ServerVersion": "28.0.0", "OSType": "windows", "Architecture": "x86_64"}
    ran = shop.inv("doctor", "--json")
    assert statuses(ran)["container"] == statuses(ran)["build"] == "skipped"
    assert "this one runs windows x86_64" in ran.checks["container"]["message"]
    assert engine.changes == []


def test_a_full_disk_where_images_live(shop: Project, engine: ScriptedEngine) -> None:
    """/proc has no room for anybody."""
    engine.info = {"ServerVersion": "28.0.0", "DockerRootDir": "/proc"}
    check = shop.inv("doctor", "--json").checks["disk"]
    assert check["status"] == "failed"
    assert "/proc" in check["message"]


def test_a_port_that_is_taken(shop: Project, engine: ScriptedEngine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        shop.write("compose.yaml", COMPOSE.replace("18099", str(port)))
        check = shop.inv("doctor", "--json").checks["ports"]
    assert check["status"] == "failed"
    assert f"port 127.0.0.1:{port}/tcp" in check["message"]
    assert f"pid {os.getpid()}" in check["message"]


def test_an_index_named_with_a_password_is_asked_without_it(shop: Project) -> None:
    """Nothing listens there; the answer names the place, and no password."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    index = f"http://me:planted-password@127.0.0.1:{port}/simple/"
    ran = shop.inv("doctor", "--json", PIP_INDEX_URL=index)
    check = ran.checks["package-index"]
    assert (check["status"], "refused" in check["message"]) == ("warning", True)
    assert "planted-password" not in ran.out + ran.err
