"""The whole stack on a swarm of one node: an engine of the tests' own, whose host is in the network
of a container of the machine's engine, and so reaches what builds and Spark fetch."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import busybox
from tests.engine.stacks import wait_until
from tests.faults.own_engine import OwnEngine, see_that_one_can_be_had
from tests.project import Project, own_environment
from tests.reach.swarm import Manager

ROOT = Path(__file__).parents[2]
STACK = "tiktok-safety"
STATE = "tiktok-safety.state=true"
SUBNET = "10.97.0.1/24"
"""Of its containers, beside that of the machine's."""


@pytest.fixture(scope="session")
def manager() -> Iterator[Manager]:
    """The node, with the label of the one that keeps state, and what the machine's engine has of
    the stack's images: the others are built there."""
    see_that_one_can_be_had()
    with (
        _network() as network,
        OwnEngine(name="one", options=("--bip", SUBNET), network=network) as engine,
    ):
        _hand_over(engine)
        made = Manager(engine.address)
        made.docker("swarm", "init", "--advertise-addr", "127.0.0.1")
        made.docker("node", "update", "--label-add", STATE, made.docker("node", "ls", "-q").strip())
        yield made
        made.docker("swarm", "leave", "--force")


@contextlib.contextmanager
def _network() -> Iterator[int]:
    """A process in a network of the machine's engine; it ends with this one."""
    name = f"ct-swarm-{os.getpid()}"
    argv = ["docker", "run", "--rm", "-i", "--name", name, busybox.image(), "cat"]
    asked = ["docker", "inspect", "--format", "{{.State.Pid}}", name]

    def found() -> int:
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        return int(done.stdout or 0) if done.returncode == 0 else 0

    with subprocess.Popen(argv, stdin=subprocess.PIPE) as child:
        try:
            wait_until(lambda: found() > 0)
            yield found()
        finally:
            assert child.stdin is not None
            child.stdin.close()


def _hand_over(engine: OwnEngine) -> None:
    listed = ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}"]
    tags = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
    base = _image_sources().get("BASE_IMAGE")
    wanted = [one for one in tags if one.startswith(f"{STACK}-") or one == base]
    if wanted:
        load = ["docker", "--host", engine.address, "load", "--quiet"]
        with subprocess.Popen(["docker", "save", *wanted], stdout=subprocess.PIPE) as save:
            subprocess.run(load, stdin=save.stdout, check=True, capture_output=True)


@pytest.fixture
def stack(tmp_path: Path, manager: Manager) -> Project:
    """The repository as it is, on that swarm; of its `.env` only where images come from."""
    folder = tmp_path / STACK
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    environment = {
        **own_environment(),
        **_image_sources(),
        "DOCKER_HOST": manager.address,
        "POSTGRES_PASSWORD": "only-for-this-test",
        # Kernels without IPVS can do this alone.
        "INVOKE_STACK_DEPLOY_ENDPOINT": "dnsrr",
    }
    return Project(folder, environment)


def _image_sources() -> dict[str, str]:
    """What the machine's own `.env` decided: images of a registry, or those that are built here."""
    from dotenv import dotenv_values

    own = dotenv_values(ROOT / ".env")
    names = ("COMPOSE_FILE", "BASE_IMAGE")
    return {name: value for name in names if (value := os.environ.get(name) or own.get(name))}
