"""undo.sh: what bootstrap wrote down goes, after consent; everything else stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.bootstrap.machine import Machine

TAG = "composetasks/base:bookworm"
APT = """
case "$1" in
    -s)
        shift 4
        for package; do
            echo "Remv $package [1]"
            [ "$package" != iptables ] || echo 'Remv firewall [1]'
        done ;;
esac"""
INSTALLED = """
for name; do :; done
case $name in docker.io | containerd | iptables) printf installed ;; esac"""


@pytest.fixture(autouse=True)
def used(machine: Machine) -> Machine:
    """A machine that bootstrap has changed, and others have since."""
    log = machine.folder / "dockerd.log"
    log.touch()
    machine.machine.mkdir(parents=True)
    recorded = ("docker.io", "containerd", "iptables", "pigz")
    lines = [f"package {name}" for name in recorded] + [f"image {TAG}", f"file {log}"]
    (machine.machine / "changes").write_text("".join(f"{line}\n" for line in lines))
    machine.has("apt-get", APT)
    machine.has("dpkg-query", INSTALLED)
    machine.has("docker", 'case "$1 $2" in "ps -q") echo one; echo two ;; esac')
    (machine.checkout / ".venv").mkdir()
    (machine.checkout / ".venv/.stamp").touch()
    (machine.checkout / ".env").write_text("POSTGRES_PASSWORD=x")
    return machine


def test_it_shows_what_goes_and_does_nothing_without_consent(machine: Machine) -> None:
    ran = machine.run("undo.sh")
    assert ran.code == 4
    assert f"remove the image {TAG}" in ran.err
    assert "stop the engine (running containers: 2)" in ran.err
    assert "remove the packages docker.io containerd" in ran.err
    assert "undo.sh --yes" in ran.err.splitlines()[-1]
    assert not machine.called("docker image rm")
    assert all(call.startswith("apt-get -s") for call in machine.called("apt-get"))
    assert (machine.checkout / ".venv").exists()


def test_with_consent_it_undoes_what_was_written_down_and_no_more(machine: Machine) -> None:
    ran = machine.run("undo.sh", "--yes")
    assert ran.code == 0, ran.err
    assert machine.called("docker image rm") == [f"docker image rm {TAG}"]
    (removed,) = [call for call in machine.called("apt-get") if not call.startswith("apt-get -s")]
    assert removed.endswith("remove docker.io containerd")
    assert "iptables is kept: firewall needs it" in ran.err
    assert not (machine.folder / "dockerd.log").exists()
    assert not (machine.checkout / ".venv").exists()
    assert (machine.checkout / ".env").exists()
    assert machine.changes == ["package iptables", "package pigz"]
    machine.has("docker", "exit 1")
    assert "nothing to undo" in machine.run("undo.sh", "venv", "base", "files").err


def test_kinds_are_undone_alone(machine: Machine) -> None:
    assert machine.run("undo.sh", "--yes", "base").code == 0
    assert not machine.called("apt-get")
    assert (machine.checkout / ".venv").exists()
    assert machine.run("undo.sh", "everything").code == 2


def test_a_machine_that_bootstrap_did_not_change_stays_as_it_is(machine: Machine) -> None:
    (machine.machine / "changes").unlink()
    (machine.checkout / ".venv/.stamp").unlink()  # made by hand
    ran = machine.run("undo.sh", "--yes")
    assert ran.code == 0
    assert "nothing to undo" in ran.err
    assert not machine.called("apt-get")
    assert not machine.called("docker image rm")
    assert (machine.checkout / ".venv").exists()


def test_the_suite_that_earlier_versions_left_in_apt_is_taken_out(machine: Machine) -> None:
    ours = machine.folder / "etc/apt/sources.list.d/composetasks-engine.sources"
    theirs = machine.folder / "etc/apt/preferences.d/composetasks-engine"
    for path, text in ((ours, "# Made by composetasks: x\n"), (theirs, "# mine\n")):
        path.parent.mkdir(parents=True)
        path.write_text(text)
    assert machine.run("undo.sh", "--yes", "engine").code == 0
    assert not ours.exists()
    assert theirs.exists()


def test_a_user_undoes_their_own_and_is_told_of_roots(machine: Machine) -> None:
    machine.user("somebody")
    store = machine.folder / "home/.local/share/composetasks"
    plugins = machine.folder / "home/.docker/cli-plugins"
    for folder in (store, plugins):
        folder.mkdir(parents=True)
    (store / "docker-compose-5.6.1").touch()
    link, own = plugins / "docker-compose", plugins / "docker-mine"
    link.symlink_to(store / "docker-compose-5.6.1")
    own.symlink_to("/usr/bin/true")
    (store / "changes").write_text(f"folder {store}\nlink {link}\nlink {own}\n")
    ran = machine.run("undo.sh", "--yes")
    assert ran.code == 0, ran.err
    assert "sudo scripts/bootstrap/undo.sh" in ran.err
    assert not os.path.lexists(link)
    assert own.is_symlink()
    assert not store.exists()
    assert (machine.machine / "changes").exists()
    assert not machine.called("apt-get")


def test_what_was_undone_by_root_leaves_no_folder(machine: Machine) -> None:
    log = machine.folder / "dockerd.log"
    (machine.machine / "changes").write_text(f"file {log}\n")
    assert machine.run("undo.sh", "--yes").code == 0
    assert not log.exists()
    assert not Path(machine.machine).exists()
