"""What the doctor says of the engine and the programs beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from composetasks.facts import Builder, Daemon, Disk, Plugin, Status
from composetasks.plan.doctor import engine

DAEMON = Daemon(
    where="unix:///run/docker.sock (the default)",
    local=True,
    version="28.5.2",
    system="linux",
    architecture="x86_64",
    root="/var/lib/docker",
    memory=16_000_000_000,
    clock_ahead=0.0,
)
ROOM = Disk("/var/lib/docker", 100_000_000_000, 50_000_000_000, 1_000_000, 900_000)
OLD = Plugin("/home/me/.docker/cli-plugins/docker-compose", "2.10.2")
NEW = Plugin("/usr/libexec/docker/cli-plugins/docker-compose", "5.6.1")
IN_PATH = Plugin("/usr/bin/docker-compose", "1.29.2", searched=False)


@pytest.mark.parametrize(
    ("version", "status"),
    [
        ("28.5.2+dfsg4", Status.OK),
        ("25.0.0", Status.OK),
        ("24.0.9", Status.FAILED),
        ("", Status.FAILED),
    ],
)
def test_an_engine_must_be_new_enough(version: str, status: Status) -> None:
    assert engine.engine(replace(DAEMON, version=version)).status is status


def test_the_compose_in_use_is_named() -> None:
    check = engine.compose([NEW])
    assert (check.status, check.hint) == (Status.OK, "")
    assert NEW.path in check.message


@pytest.mark.parametrize("other", [OLD, IN_PATH])
def test_an_old_compose_beside_the_one_in_use_is_named(other: Plugin) -> None:
    check = engine.compose([other, NEW])
    assert check.status is Status.WARNING
    assert f"{other.path} is {other.version}" in check.message
    assert NEW.path in check.message
    assert other.path in check.hint


def test_the_old_compose_that_docker_would_take_is_told_from_one_further_down() -> None:
    assert "`docker compose` is a different one" in engine.compose([OLD, NEW]).message
    assert "an old Compose is a different one" in engine.compose([NEW, OLD]).message


@pytest.mark.parametrize("result", [(), (OLD,), (IN_PATH,), (replace(NEW, version=""),)])
def test_without_a_usable_compose_nothing_works(result: tuple[Plugin, ...]) -> None:
    check = engine.compose(result)
    assert check.status is Status.FAILED
    assert "2.40" in check.hint
    for one in result:
        assert one.path in check.message


def test_a_new_program_in_path_is_no_plugin() -> None:
    assert engine.compose([replace(IN_PATH, version="2.40.0")]).status is Status.FAILED


def test_an_old_buildx_fails_even_before_a_newer_one_because_it_is_what_builds() -> None:
    old = Plugin("/home/me/.docker/cli-plugins/docker-buildx", "0.13.1")
    new = Plugin("/usr/libexec/docker/cli-plugins/docker-buildx", "0.29.1")
    check = engine.buildx([old, new])
    assert check.status is Status.FAILED
    assert old.path in check.message
    assert old.path in check.hint
    assert new.path in check.hint
    assert engine.buildx([new, old]).status is Status.WARNING
    assert engine.buildx([new]).status is Status.OK


@pytest.mark.parametrize(
    ("ahead", "status", "word"),
    [
        (0.0, Status.OK, ""),
        (1.9, Status.OK, ""),
        (5.0, Status.WARNING, "5 s ahead of"),
        (-5.0, Status.WARNING, "5 s behind"),
        (-3600.0, Status.FAILED, "3600 s behind"),
    ],
)
def test_clocks_that_differ(ahead: float, status: Status, word: str) -> None:
    check = engine.clock(replace(DAEMON, clock_ahead=ahead))
    assert check.status is status
    assert word in check.message


@pytest.mark.parametrize(
    ("available", "limits", "status"),
    [
        (8_000_000_000, 0, Status.OK),
        (None, 0, Status.OK),
        (900_000_000, 0, Status.WARNING),
        (100_000_000, 0, Status.FAILED),
        (8_000_000_000, 20_000_000_000, Status.WARNING),
    ],
)
def test_memory(available: int | None, limits: int, status: Status) -> None:
    assert engine.memory(DAEMON, available, limits).status is status


@pytest.mark.parametrize(
    ("free", "status"),
    [(50_000_000_000, Status.OK), (4_000_000_000, Status.WARNING), (0, Status.FAILED)],
)
def test_a_disk_that_fills(free: int, status: Status) -> None:
    check = engine.disk([replace(ROOM, free=free), None], "/var/lib/docker")
    assert check.status is status
    assert "/var/lib/docker" in check.message


def test_the_fuller_of_two_disks_counts() -> None:
    assert engine.disk([ROOM, replace(ROOM, free=1)], "/x").status is Status.FAILED
    full = replace(ROOM, inodes_free=1)
    assert engine.inodes([ROOM, full], "/x").status is Status.FAILED


@pytest.mark.parametrize(
    ("free", "status"),
    [(900_000, Status.OK), (40_000, Status.WARNING), (4_000, Status.FAILED)],
)
def test_inodes_that_run_out(free: int, status: Status) -> None:
    assert engine.inodes([replace(ROOM, inodes_free=free)], "/x").status is status


def test_a_file_system_without_a_number_of_inodes_has_enough() -> None:
    assert engine.inodes([replace(ROOM, inodes=0, inodes_free=0)], "/x").status is Status.OK


def test_a_disk_that_nobody_sees_is_skipped() -> None:
    assert engine.disk([None], "/x").status is Status.SKIPPED
    assert engine.inodes([], "/x").status is Status.SKIPPED


def test_builders_that_nobody_knows_are_left_over() -> None:
    parts = [
        Builder("container", "buildx_buildkit_mine0", "running"),
        Builder("container", "buildx_buildkit_gone0", "exited"),
        Builder("volume", "buildx_buildkit_gone0_state"),
    ]
    check = engine.builders(parts, {"mine"})
    assert check.status is Status.WARNING
    assert "mine" not in check.message
    assert "container buildx_buildkit_gone0, volume buildx_buildkit_gone0_state" in check.message
    assert "docker rm -fv buildx_buildkit_gone0" in check.hint
    assert engine.builders(parts, {"mine", "gone"}).status is Status.OK


def test_podman_has_versions_of_its_own() -> None:
    result = engine.engine(replace(DAEMON, version="5.4.2", podman=True))

    assert (result.status, result.message) == (
        Status.OK,
        "Podman 5.4.2 at unix:///run/docker.sock (the default)",
    )


def test_a_swarm_on_a_kernel_that_can_not_balance_is_told() -> None:
    node = replace(DAEMON, swarm=True)
    assert engine.swarm(DAEMON, "", lacks_ipvs=True).status is Status.OK
    assert engine.swarm(node, "", lacks_ipvs=True).status is Status.WARNING
    assert engine.swarm(node, "dnsrr", lacks_ipvs=True).status is Status.OK
    assert engine.swarm(replace(node, local=False), "", lacks_ipvs=True).status is Status.OK
