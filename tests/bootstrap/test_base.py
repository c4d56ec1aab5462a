"""base.sh: the base image is whole or not there."""

from __future__ import annotations

import pytest

from tests.bootstrap.machine import ANNOUNCE, FEDORA, Machine

TAG = "composetasks/base:bookworm"
DOCKER = """
case "$1 $2" in
    "version ") ;;
    "image inspect") cat "$STATE/tagged" 2>/dev/null || exit 1 ;;
    "import "*)
        cat >/dev/null || exit 1
        for word; do
            case $word in "LABEL composetasks.base="*) echo "${word#*=}" >"$STATE/part" ;; esac
        done ;;
    "tag "*) mv "$STATE/part" "$STATE/tagged" ;;
esac"""


@pytest.fixture(autouse=True)
def able(machine: Machine) -> None:
    """A machine that can make one: an engine, debootstrap, and a mirror."""
    script = machine.checkout / "scripts/bootstrap/base.sh"
    script.write_text(script.read_text().replace("/var/tmp/", f"{machine.folder}/"))
    machine.has("docker", DOCKER)
    machine.has("apt-get", "echo 'Debian main http://mirror.test/debian/'")
    machine.has("chroot")
    machine.has(
        "debootstrap",
        f"""
for word; do case $word in /*/root) root=$word ;; esac; done
mkdir -p "$root/usr/local/share/ca-certificates" "$root/var/lib/apt/lists" "$root/etc"
{ANNOUNCE}""",
    )
    machine.environment["AUTHORITIES_FOLDER"] = str(machine.folder / "authorities")
    (machine.folder / "authorities").mkdir()


def tagged(machine: Machine) -> bool:
    return (machine.state / "tagged").exists()


def test_with_a_registry_there_is_nothing_to_do(machine: Machine) -> None:
    ran = machine.run("base.sh", "hub")
    assert (ran.code, ran.out) == (0, "hub\n")
    assert machine.calls == []


def test_it_is_made_from_the_machines_own_mirror_and_once(machine: Machine) -> None:
    ran = machine.run("base.sh", "airgap")
    assert (ran.code, ran.out) == (0, "airgap\n"), ran.err
    (made,) = machine.called("debootstrap")
    assert made.endswith("/root http://mirror.test/debian/")
    assert machine.called(f"docker tag {TAG}-part {TAG}")
    assert not (machine.folder / "composetasks-base").exists()
    ran = machine.run("base.sh", "airgap")
    assert (ran.code, ran.out) == (0, "airgap\n")
    assert f"{TAG} is there" in ran.err
    assert len(machine.called("debootstrap")) == 1


def test_another_certificate_authority_makes_it_anew(machine: Machine) -> None:
    assert machine.run("base.sh", "airgap").code == 0
    (machine.folder / "authorities/office.crt").write_text("a certificate")
    assert machine.run("base.sh", "airgap").code == 0
    assert len(machine.called("debootstrap")) == 2


def test_an_image_of_that_name_that_is_not_ours_is_not_taken_for_it(machine: Machine) -> None:
    (machine.state / "tagged").write_text("<no value>\n")
    assert machine.run("base.sh", "airgap").code == 0
    assert machine.called("debootstrap")


def test_packages_that_can_not_be_had_are_said_and_nothing_is_tagged(machine: Machine) -> None:
    machine.has("debootstrap", 'echo "E: Couldn\'t download dists/bookworm/main"; exit 1')
    ran = machine.run("base.sh", "airgap")
    assert ran.code == 1
    assert "Couldn't download" in ran.err
    assert "check the network" in ran.err
    assert not tagged(machine)
    assert not (machine.folder / "composetasks-base").exists()


@pytest.mark.parametrize("program", ["tar", "docker"])
def test_a_torn_import_is_never_tagged(machine: Machine, program: str) -> None:
    if program == "tar":
        (machine.bin / "tar").unlink()
        machine.has("tar", "echo half; exit 2")
    else:
        machine.has("docker", DOCKER.replace("cat >/dev/null || exit 1", "exit 1"))
    ran = machine.run("base.sh", "airgap")
    assert ran.code == 1
    assert "did not take the base image" in ran.err
    assert not tagged(machine)


def test_an_interrupt_leaves_nothing_and_the_next_run_makes_it(machine: Machine) -> None:
    ran = machine.interrupt("base.sh", "airgap")
    assert ran.code == 130
    assert ran.out == ""
    assert not tagged(machine)
    assert not (machine.folder / "composetasks-base").exists()
    assert machine.run("base.sh", "airgap").code == 0
    assert tagged(machine)


def test_a_user_who_is_not_root_is_told_the_ways_out(machine: Machine) -> None:
    machine.user("somebody")
    ran = machine.run("base.sh", "airgap")
    assert ran.code == 1
    assert "sudo scripts/bootstrap/base.sh airgap" in ran.err
    assert "docker load" in ran.err


def test_without_debootstrap_another_family_is_told_what_to_install(machine: Machine) -> None:
    (machine.bin / "debootstrap").unlink()
    machine.is_(FEDORA)
    ran = machine.run("base.sh", "airgap")
    assert ran.code == 1
    assert "install debootstrap" in ran.err


def test_without_an_engine_the_part_to_run_first_is_named(machine: Machine) -> None:
    machine.has("docker", "exit 1")
    ran = machine.run("base.sh", "airgap")
    assert ran.code == 5
    assert "run scripts/bootstrap/engine.sh first" in ran.err


def test_a_full_disk_is_seen_first(machine: Machine) -> None:
    machine.has("df", "echo head; echo x 1000000 1 20480 99% /")
    ran = machine.run("base.sh", "airgap")
    assert ran.code == 1
    assert "20 MB are free" in ran.err
    assert machine.called("debootstrap") == []
