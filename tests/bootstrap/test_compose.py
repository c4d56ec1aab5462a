"""compose.sh: the locked Compose becomes a plugin where the machine has none that is new enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bootstrap.machine import Machine

LOCKED = "echo 5.6.1"
CLIENT = """
plugin=$HOME/.docker/cli-plugins/docker-compose
[ "$1" = compose ] || exit 1
shift
if [ -x "$plugin" ]; then exec "$plugin" "$@"; fi
if [ -x "$STATE/system-plugin" ]; then exec "$STATE/system-plugin" "$@"; fi
exit 1"""


@pytest.fixture(autouse=True)
def installed(machine: Machine) -> None:
    machine.put(machine.checkout / ".venv/bin/docker-compose", LOCKED)
    machine.has("docker", CLIENT)


def plugin(machine: Machine) -> Path:
    path = machine.folder / "home/.docker/cli-plugins/docker-compose"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_a_compose_that_is_new_enough_is_left_alone(machine: Machine) -> None:
    machine.put(machine.state / "system-plugin", "echo 2.40.0")
    ran = machine.run("compose.sh")
    assert (ran.code, ran.out) == (0, "")
    assert "Compose 2.40.0 is installed" in ran.err
    assert not plugin(machine).exists()


def test_where_there_is_none_the_locked_one_is_linked_outside_of_the_checkout(
    machine: Machine,
) -> None:
    ran = machine.run("compose.sh")
    assert ran.code == 0
    assert "Compose 5.6.1 linked" in ran.err
    assert plugin(machine).is_symlink()
    assert not plugin(machine).resolve().is_relative_to(machine.checkout)
    assert "Compose 5.6.1 is installed" in machine.run("compose.sh").err


@pytest.mark.parametrize("target", ["/nowhere/.venv/bin/docker-compose", "/nowhere/anything"])
def test_a_dangling_link_is_replaced(machine: Machine, target: str) -> None:
    plugin(machine).symlink_to(target)
    assert machine.run("compose.sh").code == 0
    assert plugin(machine).exists()


def test_an_older_one_of_ours_is_replaced(machine: Machine) -> None:
    old = machine.folder / "home/.local/share/composetasks/docker-compose-2.20.0"
    plugin(machine).symlink_to(machine.put(old, "echo 2.20.0"))
    assert machine.run("compose.sh").code == 0
    assert plugin(machine).resolve().name == "docker-compose-5.6.1"


def test_the_machines_own_that_is_too_old_is_named_and_overruled(machine: Machine) -> None:
    machine.put(machine.state / "system-plugin", "echo v2.20.2")
    ran = machine.run("compose.sh")
    assert "own 2.20.2, which is too old" in ran.err
    assert plugin(machine).exists()


def test_a_users_own_plugin_is_never_replaced(machine: Machine) -> None:
    machine.put(plugin(machine), "echo 2.20.2")
    ran = machine.run("compose.sh")
    assert ran.code == 0
    assert "2.20.2, too old for this project" in ran.err
    assert not plugin(machine).is_symlink()


def test_a_torn_copy_is_not_taken_for_the_program(machine: Machine) -> None:
    torn = machine.folder / "home/.local/share/composetasks/docker-compose-5.6.1"
    torn.parent.mkdir(parents=True)
    torn.write_text("#!/bin/s")
    assert machine.run("compose.sh").code == 0
    assert torn.read_text() == (machine.checkout / ".venv/bin/docker-compose").read_text()


def test_without_the_locked_packages_the_part_to_run_first_is_named(machine: Machine) -> None:
    (machine.checkout / ".venv/bin/docker-compose").unlink()
    ran = machine.run("compose.sh")
    assert ran.code == 1
    assert "run scripts/bootstrap/venv.sh first" in ran.err
