"""Another user, another right: who owns what the parts make, and what they need of a user."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bootstrap.machine import ROOT, Machine

OTHER = 65534
DOCKER = """case "$*" in
"version "*) echo 28.5.2 ;;
"buildx version") echo github.com/docker/buildx v0.29.1 x ;;
*) exit 1 ;;
esac"""
"""A client whose engine answers, and that has no Compose."""
two_users = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")


@pytest.fixture
def shared() -> Iterator[Machine]:
    """A machine that other users of this one can reach, whose docker client has no Compose."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        machine = Machine(Path(folder, "machine"))
        machine.put(machine.checkout / ".venv/bin/docker-compose", "echo 5.6.1")
        machine.has("docker", "exit 1")
        machine.state.chmod(0o777)
        yield machine
        if (machine.state / "calls").exists():
            (machine.state / "calls").unlink()


def give(folder: Path, user: int) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, user, follow_symlinks=False)


def owners(folder: Path) -> set[int]:
    return {path.lstat().st_uid for path in (folder, *folder.rglob("*"))}


@two_users
def test_what_root_makes_in_another_users_checkout_is_theirs(shared: Machine) -> None:
    home = shared.folder / "home"
    for folder in (shared.checkout, home):
        give(folder, OTHER)
    shared.has("docker", "echo 28.5.2")  # an engine, a Buildx, and a Compose that is no version
    shared.has("df", "echo head; echo x 1000000 1 20480 99% /")
    assert shared.run("venv.sh").code == 1  # a full disk, after the folder for its log was made
    assert (shared.checkout / ".composetasks/bootstrap").is_dir()
    shared.has("df", "echo head; echo x 1000000000 1 900000000 1% /")
    shared.has("docker", "exit 1")
    ran = shared.run("compose.sh")
    assert ran.code == 0, ran.err
    assert (home / ".docker/cli-plugins/docker-compose").is_symlink()
    assert owners(shared.checkout) == owners(home) == {OTHER}
    assert owners(shared.machine) == {0}


@two_users
def test_what_another_user_owns_is_named_with_the_way_to_get_it_back(shared: Machine) -> None:
    give(shared.checkout, OTHER)
    kept = shared.checkout / ".composetasks/bootstrap"
    kept.mkdir(parents=True)  # root's, as an earlier version left it
    shared.user("somebody")
    done = subprocess.run(
        shared.argv("venv.sh"),
        env=shared.environment,
        user=OTHER,
        group=OTHER,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    what, why, following = done.stderr.splitlines()
    assert what == f"bootstrap: venv: {kept} can't be written"
    assert " root " in why
    assert "sudo chown -R" in following


@pytest.mark.parametrize("home", ["", "/dev/null/home"])
def test_without_a_home_there_is_one_in_the_checkout(shared: Machine, home: str) -> None:
    shared.environment["HOME"] = home
    ran = shared.run("compose.sh")
    assert ran.code == 0, ran.err
    linked = shared.checkout / ".composetasks/home/.docker/cli-plugins/docker-compose"
    assert linked.exists()
    del shared.environment["HOME"]
    linked.unlink()
    assert shared.run("compose.sh").code == 0
    assert linked.exists()


def test_a_strict_umask_is_no_hindrance(shared: Machine) -> None:
    shared.user("somebody")
    done = subprocess.run(
        ["sh", "-c", 'umask 077; exec "$@"', "sh", *shared.argv("compose.sh")],
        env=shared.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    store = shared.folder / "home/.local/share/composetasks"
    assert store.stat().st_mode & 0o777 == 0o700
    assert (shared.folder / "home/.docker/cli-plugins/docker-compose").exists()


CIRCUMSTANCES = {
    "DOCKER_HOST": "export DOCKER_HOST=unix:///run/user/1000/docker.sock",
    "no HOME": "unset HOME",
    "a strict umask": "umask 077",
    "all at once": "unset HOME; export DOCKER_HOST=tcp://far:2375; umask 077",
}


@pytest.mark.parametrize("circumstances", CIRCUMSTANCES)
def test_a_member_of_the_docker_group_gets_everything_ready(
    shared: Machine, circumstances: str
) -> None:
    """Without root, where an engine answers; its address reaches every part and the task."""
    shared.user("somebody")
    for program in ("apt-get", "dockerd"):
        shared.has(program)
    shared.has("docker", DOCKER)
    shared.put(shared.checkout / "scripts/bootstrap/venv.sh")
    shared.put(shared.checkout / ".venv/bin/python", "echo hub; : >.env")
    shared.put(shared.checkout / ".venv/bin/inv", 'echo "at ${DOCKER_HOST:-}" >>"$STATE/calls"')
    up = ["sh", "-c", f'{CIRCUMSTANCES[circumstances]}; exec "$@"', "sh"]
    done = subprocess.run(
        [*up, *shared.argv("inv.sh", "up")],
        env=shared.environment,
        cwd=shared.checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    host = re.search("DOCKER_HOST=([^;]+)", CIRCUMSTANCES[circumstances])
    assert shared.calls[-2:] == ["inv up", f"at {host[1] if host else ''}"]
    assert (shared.checkout / ".composetasks/ready").exists()
    assert shared.called("apt-get") == shared.called("dockerd") == []
    assert not shared.machine.exists()


def test_what_containers_read_from_the_checkout_they_may_read(shared: Machine) -> None:
    """A clone under umask 077 is its owner's alone, and the containers' users are others."""
    shared.put(shared.checkout / ".venv/bin/python")
    code = shared.checkout / "compose/processing/job.py"
    code.parent.mkdir(parents=True)
    code.touch()
    for path in (code, code.parent):
        path.chmod(0o600 if path.is_file() else 0o700)
    ran = shared.run("settings.sh", "hub")
    assert ran.code == 0, ran.err
    assert "others may read compose/processing now" in ran.err
    assert (code.stat().st_mode & 0o777, code.parent.stat().st_mode & 0o777) == (0o644, 0o755)
    assert "others may read" not in shared.run("settings.sh", "hub").err


def test_whatever_is_installed_is_held_against_its_hash() -> None:
    """By venv.sh, by the nox sessions and in images, whose uv is the one of the locks; what is left
    is the project itself, from its folder, and the oldest versions that `nox -s lowest` tries,
    which no lock names."""
    images = sorted(ROOT.glob("compose/*/Dockerfile"))
    places = [ROOT / "scripts/bootstrap/venv.sh", ROOT / "noxfile.py", *images]
    texts = [place.read_text() for place in places]
    installs = [
        line
        for text in texts
        for line in text.replace("\\\n", " ").splitlines()
        if re.search(r"pip install|\"pip\", \"(sync|install)\"", line)
    ]
    assert len(installs) >= 10
    uv = (ROOT / "requirements/uv.txt").read_text()
    assert [one.read_text() for one in ROOT.glob("compose/*/uv.txt")] == [uv] * 3
    for line in installs:
        excepted = '-e "$root"' in line or '"lowest-direct"' in line
        assert "--require-hashes" in line or excepted, line
