"""venv.sh: a Python is found, and .venv is as locked or not there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bootstrap.machine import ANNOUNCE, FEDORA, ROOT, Machine


def python(version: str, modules: str = "") -> str:
    """A Python of this version that has ``modules``; of what it is asked, it answers the check."""
    enough = "exit 0" if tuple(map(int, version.split("."))) >= (3, 10) else "exit 1"
    return f"""
case "$2" in
    *"import sys, sys"*) {enough} ;;
    *"import sys, ensurepip"*) case "{modules}" in *ensurepip*) {enough} ;; *) exit 1 ;; esac ;;
    *) echo "$0" ;;
esac"""


@pytest.fixture
def hidden(machine: Machine) -> Machine:
    """The machine without this one's /usr/bin/python3, which the part looks at by its path."""
    script = machine.checkout / "scripts/bootstrap/venv.sh"
    script.write_text(
        script.read_text().replace("/usr/bin/python3", f"{machine.bin}/system-python3")
    )
    return machine


def test_a_machine_without_python_is_told_so(hidden: Machine) -> None:
    hidden.has("python3", python("3.9"))
    hidden.has("python3.12", "echo 'pyenv: python3.12: command not found' >&2; exit 127")
    ran = hidden.run("venv.sh")
    assert ran.code == 1
    assert "no CPython 3.10 or newer found" in ran.err
    assert "PYTHON=" in ran.err.splitlines()[-1]


def test_debians_python_without_venv_gets_it_from_debian(hidden: Machine) -> None:
    hidden.has("python3", python("3.11"))
    hidden.has("apt-get", f"{ANNOUNCE}; echo 'E: no'; exit 100")
    ran = hidden.run("venv.sh")
    assert ran.code == 1
    assert "apt-get could not install python3-venv" in ran.err
    assert any(call.endswith(("python3-venv", "ca-certificates")) for call in hidden.calls)


@pytest.mark.parametrize("user", ["somebody", "root"])
def test_where_it_can_not_be_installed_the_package_is_named(hidden: Machine, user: str) -> None:
    hidden.has("python3", python("3.11"))
    hidden.user(user)
    if user == "root":
        hidden.is_(FEDORA)
    ran = hidden.run("venv.sh")
    assert ran.code == 1
    assert "can't make virtual environments" in ran.err
    assert "python3-venv" in ran.err.splitlines()[-1]


def test_a_python_that_can_is_preferred(hidden: Machine) -> None:
    hidden.has("python3", python("3.11"))
    hidden.has("python3.10", python("3.10", "ensurepip") + '\n[ "$1" = -c ] || exit 1')
    ran = hidden.run("venv.sh")
    assert "the locked packages could not be installed" in ran.err
    assert hidden.called("python3.10 -m venv")


def test_no_network_is_said_with_the_next_thing_to_do(hidden: Machine) -> None:
    failing = '[ "$1" = -c ] || { echo "dns error: failed to lookup address"; exit 1; }'
    hidden.has("python3", python("3.11", "ensurepip") + "\n" + failing)
    ran = hidden.run("venv.sh")
    assert ran.code == 1
    assert "dns error" in ran.err
    assert "HTTPS_PROXY" in ran.err
    assert not list(hidden.checkout.glob(".venv*"))


def test_a_cache_that_uv_makes_is_named_and_written_down_and_one_that_was_there_stays(
    hidden: Machine, tmp_path: Path
) -> None:
    cache = tmp_path / "a cache"
    hidden.has("python3", python("3.11", "ensurepip"))
    uv = hidden.checkout / ".venv/bin/uv"
    uv.parent.mkdir(parents=True)
    uv.write_text(
        f'#!/bin/sh\ncase "$*" in --version) ;; "cache dir") echo "{cache}" ;; *) exit 1 ;; esac\n'
    )
    uv.chmod(0o755)
    cache.mkdir()
    assert "uv keeps" not in hidden.run("venv.sh").err
    cache.rmdir()
    assert f"uv keeps the packages it downloads in {cache}" in hidden.run("venv.sh").err
    (cache / "wheels").mkdir(parents=True)
    undone = hidden.run("undo.sh", "--yes", "files")
    assert undone.code == 0
    assert str(cache) in undone.err
    assert not cache.exists()


def test_a_full_disk_is_seen_first(hidden: Machine) -> None:
    hidden.has("python3", python("3.11", "ensurepip"))
    hidden.has("df", "echo head; echo x 1000000 1 20480 99% /")
    ran = hidden.run("venv.sh")
    assert ran.code == 1
    assert "20 MB are free" in ran.err


def test_an_interrupt_takes_away_what_was_half_made(hidden: Machine) -> None:
    failing = f'[ "$1" = -c ] || {{ mkdir -p {hidden.checkout}/.venv.new/uv; {ANNOUNCE}; }}'
    hidden.has("python3", python("3.11", "ensurepip") + "\n" + failing)
    ran = hidden.interrupt("venv.sh")
    assert ran.code == 130
    assert "interrupted" in ran.err
    assert not list(hidden.checkout.glob(".venv*"))


@pytest.mark.network
@pytest.mark.slow
def test_a_real_one_is_whole_stays_and_is_made_again_where_it_is_torn(tmp_path: Path) -> None:
    for name in ("scripts", "requirements", "pyproject.toml", "LICENSE", "README.md"):
        if Path(ROOT, name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
        elif Path(ROOT, name).exists():
            shutil.copy(ROOT / name, tmp_path / name)
    base = Path(sys.base_prefix, "bin/python3")
    environment = {**os.environ, "PYTHON": str(base)}
    part = [str(tmp_path / "scripts/bootstrap/venv.sh")]

    def run() -> str:
        done = subprocess.run(part, env=environment, capture_output=True, text=True, check=True)
        return done.stderr

    assert "created with Python" in run()
    asked = "import composetasks, invoke, nox; print(composetasks.__file__)"
    result = subprocess.run(
        [tmp_path / ".venv/bin/python", "-c", asked], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == str(tmp_path / "scripts/composetasks/__init__.py")
    assert Path(tmp_path, ".venv/bin/docker-compose").exists()
    listed = subprocess.run(
        [tmp_path / ".venv/bin/inv", "--version"], capture_output=True, check=True
    )
    assert listed.stdout.startswith(b"Invoke 3.0")
    assert "is up to date" in run()

    (tmp_path / ".venv/.stamp").unlink()
    with subprocess.Popen(
        part, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        assert child.stderr is not None
        child.stderr.readline()  # "makes .venv ..."
        os.killpg(child.pid, signal.SIGTERM)
        assert "interrupted" in child.communicate()[1]
    assert child.returncode == 143
    assert not (tmp_path / ".venv.new").exists()
    assert "created with Python" in run()
