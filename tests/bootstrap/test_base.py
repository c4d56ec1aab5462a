"""base.sh: the base image is whole or not there."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.bootstrap.machine import ANNOUNCE, FEDORA, ROOT, Machine

TAG = "composetasks/base:bookworm"
DOCKER = """
case "$1 $2" in
    "version ") ;;
    "context inspect") echo "${DOCKER_HOST:-unix:///var/run/docker.sock}" ;;
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


def left(machine: Machine) -> list[str]:
    """What is in the machine's folder after a run."""
    return sorted(path.name for path in machine.machine.iterdir())


def test_with_a_registry_there_is_nothing_to_do(machine: Machine) -> None:
    ran = machine.run("base.sh", "hub")
    assert (ran.code, ran.out) == (0, "hub\n")
    assert machine.calls == []


def test_it_is_made_from_the_machines_own_mirror_and_once(machine: Machine) -> None:
    ran = machine.run("base.sh", "airgap")
    assert (ran.code, ran.out) == (0, "airgap\n"), ran.err
    (made,) = machine.called("debootstrap")
    assert made.endswith("/root http://mirror.test/debian/")
    assert machine.called(f"docker tag {TAG}-part-")
    assert machine.called(f"docker image rm {TAG}-part-")
    assert left(machine) == ["changes", "lock"]
    assert machine.changes == [f"image {TAG}"]
    ran = machine.run("base.sh", "airgap")
    assert (ran.code, ran.out) == (0, "airgap\n")
    assert f"{TAG} exists" in ran.err
    assert len(machine.called("debootstrap")) == 1


def test_another_certificate_authority_makes_it_again(machine: Machine) -> None:
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
    assert left(machine) == ["lock"]


@pytest.mark.parametrize("program", ["tar", "docker"])
def test_a_torn_import_is_never_tagged(machine: Machine, program: str) -> None:
    if program == "tar":
        (machine.bin / "tar").unlink()
        machine.has("tar", "echo half; exit 2")
    else:
        machine.has("docker", DOCKER.replace("cat >/dev/null || exit 1", "exit 1"))
    ran = machine.run("base.sh", "airgap")
    assert ran.code == 1
    assert "did not accept the base image" in ran.err
    assert not tagged(machine)


def test_an_interrupt_leaves_nothing_and_the_next_run_makes_it(machine: Machine) -> None:
    ran = machine.interrupt("base.sh", "airgap")
    assert ran.code == 130
    assert ran.out == ""
    assert not tagged(machine)
    assert left(machine) == ["lock"]
    assert machine.run("base.sh", "airgap").code == 0
    assert tagged(machine)


def test_a_user_who_is_not_root_is_told_the_ways_out(machine: Machine) -> None:
    machine.user("somebody")
    ran = machine.run("base.sh", "airgap")
    assert ran.code == 1
    assert "`sudo scripts/bootstrap/base.sh airgap`" in ran.err
    assert "docker load" in ran.err


def test_a_user_of_a_rootless_engine_is_told_to_have_it_made_for_that_one(machine: Machine) -> None:
    machine.user("somebody")
    machine.environment["DOCKER_HOST"] = "unix:///run/user/1000/docker.sock"
    ran = machine.run("base.sh", "airgap")
    assert ran.code == 1
    assert (
        "`sudo env DOCKER_HOST=unix:///run/user/1000/docker.sock scripts/bootstrap/base.sh airgap`"
        in ran.err
    )


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


def test_two_checkouts_make_it_one_after_the_other_and_once(machine: Machine) -> None:
    other = Machine(machine.folder.parent / "other")
    other.environment |= {
        name: machine.environment[name]
        for name in ("STATE", "MACHINE_FOLDER", "AUTHORITIES_FOLDER", "PATH")
    }
    made, go = machine.state / "made", machine.state / "go"
    for pipe in (made, go):
        os.mkfifo(pipe)
    script = (machine.bin / "debootstrap").read_text()
    machine.has("debootstrap", f"{script}\n: >{made}; read -r _ <{go}")
    with start(machine) as first:
        made.open().close()  # opens when the first makes it
        with start(other) as second:
            assert second.stderr is not None
            assert "waiting for another bootstrap to end" in second.stderr.readline()
            go.write_text("on\n")
            assert "built by another run" in second.stderr.read()
            first.communicate(timeout=60)
    assert first.returncode == second.returncode == 0
    assert len(set(machine.called("debootstrap --"))) == 1


def start(machine: Machine) -> subprocess.Popen[str]:
    return subprocess.Popen(
        machine.argv("base.sh", "airgap"),
        env=machine.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("plant", ["link", "open", "another user's"])
def test_root_works_in_no_folder_that_another_could_plant_in(machine: Machine, plant: str) -> None:
    target = machine.folder / "target"
    (target / "base.x/root/proc").mkdir(parents=True)
    if plant == "link":
        machine.machine.symlink_to(target)
    else:
        target.rename(machine.machine)
        target = machine.machine
    if plant == "open":
        target.chmod(0o777)
    if plant == "another user's":
        if os.geteuid() != 0:
            pytest.skip("only root can make a folder another user's")
        os.chown(target, 65534, 65534)
    for program in ("umount", "mountpoint"):
        machine.has(program)
    ran = machine.run("base.sh", "airgap")
    assert ran.code == 1
    what, why, following = ran.err.splitlines()
    assert what.endswith("can be changed by other users, so root does not use it")
    assert str(machine.machine) in why
    assert "move it away" in following
    assert (target / "base.x/root/proc").is_dir()
    assert not machine.called("umount")


def test_where_a_link_is_planted_nothing_is_unmounted(machine: Machine) -> None:
    """Not even below what a dead run left; and where nothing is to do, nothing is done."""
    (machine.machine / "base.dead/root").mkdir(parents=True)
    (machine.folder / "victim").mkdir()
    (machine.machine / "base.dead/root/proc").symlink_to(machine.folder / "victim")
    for program in ("umount", "mountpoint"):
        machine.has(program)
    assert machine.run("base.sh", "airgap").code == 0
    unmounted = machine.called("umount")
    assert all(f"{machine.machine}/base." in call for call in unmounted)
    assert not any("base.dead/root/proc" in call for call in unmounted)
    assert (machine.folder / "victim").is_dir()
    (machine.state / "calls").unlink()
    assert machine.run("base.sh", "airgap").code == 0
    assert not machine.called("umount")


def test_no_part_names_a_place_where_everybody_may_write() -> None:
    for path in (ROOT / "scripts/bootstrap").glob("*.*"):
        assert not re.search(r"/tmp\b|/var/tmp|/dev/shm|/run/lock", path.read_text()), path


def test_what_a_killed_run_left_is_taken_away_by_the_next(machine: Machine) -> None:
    (machine.machine / "base.dead/root/etc").mkdir(parents=True)
    assert machine.run("base.sh", "airgap").code == 0
    assert left(machine) == ["changes", "lock"]


def test_in_the_image_are_the_usual_modes_whatever_the_umask(machine: Machine) -> None:
    machine.has("tar", 'ls -ldn "$3/var/lib/apt/lists/partial" | head -c 10 >"$STATE/mode"')
    (machine.bin / "tar").chmod(0o755)
    done = subprocess.run(
        ["sh", "-c", 'umask 077; exec "$@"', "sh", *machine.argv("base.sh", "airgap")],
        env=machine.environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (machine.state / "mode").read_text() == "drwxr-xr-x"


def test_a_full_disk_is_seen_first(machine: Machine) -> None:
    machine.has("df", "echo head; echo x 1000000 1 20480 99% /")
    ran = machine.run("base.sh", "airgap")
    assert ran.code == 1
    assert "20 MB are free" in ran.err
    assert machine.called("debootstrap") == []
