"""engine.sh: an engine that answers, is started, is installed, or is asked for by name."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from tests.bootstrap.machine import FEDORA, OUTLIVE, UBUNTU_22, Machine

BUILDX = "github.com/docker/buildx 0.29.1+ds1 0.29.1+ds1-4"
ARCHIVE = "http://mirror.test/debian/"


def docker(
    engine: str = "28.5.2+dfsg4", buildx: str = BUILDX, up: str = 'test -e "$STATE/up"'
) -> str:
    """A docker client, whose engine answers once ``up`` holds."""
    return f"""
case "$*" in
    "version --format"*)
        if {up}; then echo '{engine}'
        else echo 'Cannot connect to the Docker daemon at unix:///x.sock.' >&2; exit 1; fi ;;
    "buildx version") [ -n '{buildx}' ] && echo '{buildx}' ;;
    "context show") echo default ;;
    *) exit 1 ;;
esac"""


DOCKERD = 'echo $$ >"$RUN_FOLDER/docker.pid"; : >"$STATE/up"; exec sleep 5'


def give_apt(
    machine: Machine,
    candidate: str,
    buildx: str,
    suite: str = "28.5.2+dfsg4-5",
    *,
    vendor: str = "(none)",
    in_the_way: str = "",
) -> None:
    """apt, whose sources have these versions, and the suite that is borrowed ("" none) the other.

    ``vendor`` is Docker's own package; ``in_the_way`` would have to go for the distribution's.
    """
    added = 'grep -qs . "$MACHINE_FOLDER"/apt.*/sources.list.d/composetasks-engine.sources'
    machine.has(
        "apt-cache",
        f"""
for name; do :; done
case $name in
    docker.io) version='{candidate}'; ! {added} || version='{suite}' ;;
    docker-buildx) version='{buildx}'; ! {added} || version=0.29.1+ds1-4 ;;
    docker-ce) version='{vendor}' ;;
    docker-buildx-plugin) version=0.30.1-1~debian.12~bookworm ;;
esac
printf '%s:\\n  Installed: (none)\\n  Candidate: %s\\n' "$name" "$version\"""",
    )
    programs = machine.folder / "package"
    scripts = {"docker": docker(), "dockerd": DOCKERD}
    for name, script in scripts.items():
        machine.put(programs / name, script)
    machine.has(
        "apt-get",
        f"""
case "$*" in
    "-s "*" docker-ce "*) echo 'Inst docker-ce ({vendor} Docker:x [amd64])' ;;
    "-s "*)
        echo 'Inst docker.io (28.5 Debian:x [amd64])'
        echo 'Inst iptables [1.8.9] (1.8.10 Debian:x [amd64])'
        [ -z '{in_the_way}' ] || echo 'Remv {in_the_way} [1.7]' ;;
    indextargets*) echo 'Debian-Security main http://other/'; echo 'Debian main {ARCHIVE}' ;;
    *" update") ! {added} || [ -n '{suite}' ] || {{ echo 'E: no Release file' >&2; exit 100; }} ;;
    *" install "*)
        {OUTLIVE}
        cp {programs}/docker {programs}/dockerd {machine.bin} ;;
esac""",
    )


def files(machine: Machine) -> dict[str, str]:
    """What stands in apt's configuration."""
    folder = machine.folder / "etc/apt"
    return {path.name: path.read_text() for path in folder.rglob("*") if path.is_file()}


def installs(machine: Machine) -> list[str]:
    """The calls of apt-get that install, and not only say what would be."""
    calls = machine.called("apt-get")
    return [call for call in calls if " install " in call and not call.startswith("apt-get -s")]


def stop(machine: Machine) -> None:
    """End the scripted daemon."""
    os.kill(int((machine.folder / "run/docker.pid").read_text()), 15)


def test_an_engine_that_answers_is_enough(machine: Machine) -> None:
    machine.has("docker", docker(up="true"))
    machine.user("somebody")
    ran = machine.run("engine.sh")
    assert ran.code == 0
    assert ran.err.startswith("bootstrap: engine: an engine answers (Docker 28.5.2")
    assert len(ran.err.splitlines()) == 1
    assert machine.run("engine.sh").code == 0


@pytest.mark.parametrize(
    ("client", "message", "hint"),
    [
        (docker(engine="20.10.24", up="true"), "the engine is Docker 20.10.24", "docker-ce"),
        (docker(buildx="", up="true"), "has no Buildx", "docker-buildx"),
        (
            docker(buildx="github.com/docker/buildx v0.13.1 788433953", up="true"),
            "Buildx is 0.13.1, but Compose needs 0.17",
            "docker-buildx",
        ),
    ],
)
def test_what_is_too_old_is_named(machine: Machine, client: str, message: str, hint: str) -> None:
    machine.has("docker", client)
    ran = machine.run("engine.sh")
    assert ran.code == 5
    assert message in ran.err
    assert hint in ran.err.splitlines()[-1]
    assert ran.err.splitlines()[-1].startswith("  next: ")


def test_only_root_installs_an_engine(machine: Machine) -> None:
    give_apt(machine, "28.0-1", "0.20-1")
    machine.user("somebody")
    ran = machine.run("engine.sh")
    assert ran.code == 5
    assert "only root can install one" in ran.err
    assert machine.calls == []


def test_another_family_of_distributions_is_told_what_to_install(machine: Machine) -> None:
    machine.is_(FEDORA)
    ran = machine.run("engine.sh")
    assert ran.code == 5
    assert "Fedora Linux 42" in ran.err
    assert "install Docker Engine from 25.0 and Buildx from 0.17" in ran.err


@pytest.mark.parametrize("chosen", [{"DOCKER_HOST": "tcp://far:2375"}, {"DOCKER_CONTEXT": "far"}])
def test_an_engine_chosen_elsewhere_is_reported_and_never_installed(
    machine: Machine, chosen: dict[str, str]
) -> None:
    give_apt(machine, "28.0-1", "0.20-1")
    machine.has("dockerd", DOCKERD)
    machine.has("docker", docker().replace("echo default", 'echo "${DOCKER_CONTEXT:-default}"'))
    ran = machine.run("engine.sh", **chosen)
    assert ran.code == 5
    assert "far" in ran.err.splitlines()[0]
    assert "Cannot connect" in ran.err
    assert machine.called("apt-get") == machine.called("dockerd") == []


def test_a_user_without_permission_is_told_of_the_group(machine: Machine) -> None:
    machine.user("somebody")
    machine.has(
        "docker",
        'case "$*" in "context show") echo default;; *) echo "permission denied while trying to '
        'connect to the docker API at unix:///var/run/docker.sock" >&2; exit 1;; esac',
    )
    ran = machine.run("engine.sh")
    assert ran.code == 5
    assert "usermod -aG docker" in ran.err


def test_an_installed_engine_is_started_and_waited_for(machine: Machine) -> None:
    machine.has("docker", docker())
    machine.has("dockerd", DOCKERD)
    ran = machine.run("engine.sh")
    assert ran.code == 0
    assert "the installed engine was started" in ran.err
    assert len(machine.called("dockerd")) == 1
    assert machine.run("engine.sh").code == 0
    assert len(machine.called("dockerd")) == 1
    stop(machine)


def test_an_engine_that_another_user_may_start_is_not_started(machine: Machine) -> None:
    machine.has("docker", docker())
    machine.has("dockerd", DOCKERD)
    machine.user("somebody")
    ran = machine.run("engine.sh")
    assert ran.code == 5
    assert "sudo systemctl start docker" in ran.err
    assert machine.called("dockerd") == []


def test_a_daemon_that_ends_leaves_its_last_words(machine: Machine) -> None:
    machine.has("docker", docker())
    machine.has("dockerd", "echo 'failed to start daemon: Devices cgroup is not mounted'; exit 1")
    ran = machine.run("engine.sh")
    assert ran.code == 5
    assert "Devices cgroup is not mounted" in ran.err
    assert "next: " in ran.err


def test_systemd_starts_it_where_it_runs(machine: Machine) -> None:
    (machine.folder / "run/systemd/system").mkdir(parents=True)
    machine.has("docker", docker())
    machine.has("dockerd", DOCKERD)
    machine.has("systemctl", ': >"$STATE/up"')
    assert machine.run("engine.sh").code == 0
    assert machine.called("systemctl") == ["systemctl start docker"]
    assert machine.called("dockerd") == []


def test_a_pid_file_of_another_life_does_not_stop_the_start(machine: Machine) -> None:
    machine.has("docker", docker())
    machine.has("dockerd", f'[ ! -e "$RUN_FOLDER/docker.pid" ] || exit 1; {DOCKERD}')
    with subprocess.Popen(["sleep", "30"]) as other:  # whoever has that number now
        (machine.folder / "run/docker.pid").write_text(str(other.pid))
        ran = machine.run("engine.sh")
        assert other.poll() is None
        other.kill()
    assert ran.code == 0
    stop(machine)


def test_the_distributions_own_engine_is_taken_where_it_is_new_enough(machine: Machine) -> None:
    give_apt(machine, "28.2.2-0ubuntu1~24.04.1", "0.21.3-0ubuntu1~24.04.1", vendor="5:29.0.1-1")
    machine.is_("ID=ubuntu\nID_LIKE=debian\n")
    ran = machine.run("engine.sh")
    assert ran.code == 0
    assert "an engine was installed from this release's own packages and started" in ran.err
    assert files(machine) == {}
    (install,) = installs(machine)
    assert "--no-install-recommends --no-remove docker.io docker-buildx iptables" in install
    assert install.endswith("docker-cli")
    stop(machine)


def test_what_comes_is_said_before_and_written_down_for_the_undoing(machine: Machine) -> None:
    give_apt(machine, "28.0-1", "0.20-1")
    ran = machine.run("engine.sh")
    lines = ran.err.splitlines()
    (new,) = [line for line in lines if "apt installs for the engine" in line]
    assert "docker.io 28.5 (to undo it: scripts/bootstrap/undo.sh)" in new
    (newer,) = [line for line in lines if "apt upgrades" in line]
    assert "iptables 1.8.10 (this can't be undone)" in newer
    log = machine.folder / "dockerd.log"
    assert f"starting dockerd, which writes to {log}" in ran.err
    assert machine.changes == ["package docker.io", f"file {log}"]
    stop(machine)


def test_dockers_repository_is_used_where_apt_has_it_already(machine: Machine) -> None:
    give_apt(machine, "20.10.24+dfsg1-1", "(none)", vendor="5:29.0.1-1~debian.12~bookworm")
    ran = machine.run("engine.sh")
    assert ran.code == 0, ran.err
    assert "from Docker's repository, which apt has already" in ran.err
    (install,) = installs(machine)
    assert "docker-ce docker-ce-cli docker-buildx-plugin containerd.io" in install
    assert machine.changes[0] == "package docker-ce"
    stop(machine)


def test_nothing_of_the_machine_has_to_go_for_the_engine(machine: Machine) -> None:
    give_apt(machine, "28.0-1", "0.20-1", in_the_way="containerd.io")
    ran = machine.run("engine.sh")
    assert ran.code == 5
    assert "it would remove containerd.io" in ran.err
    assert installs(machine) == machine.changes == []
    give_apt(machine, "28.0-1", "0.20-1", in_the_way="containerd.io", vendor="5:29.0.1-1")
    assert "from Docker's repository" in machine.run("engine.sh").err
    stop(machine)


def test_debian_12_takes_it_from_the_next_release_for_one_installation(machine: Machine) -> None:
    give_apt(machine, "20.10.24+dfsg1-1+deb12u1+b6", "(none)")
    (machine.folder / "etc/apt/sources.list.d").mkdir(parents=True)
    (machine.folder / "etc/apt/sources.list.d/own.list").write_text("deb x")
    show = f'cat "$MACHINE_FOLDER"/apt.*/*/* >"$STATE/seen"; cp {machine.folder}/package/* $BIN'
    machine.environment["BIN"] = str(machine.bin)
    apt = machine.bin / "apt-get"
    apt.write_text(apt.read_text().replace('    *" install "*)', f'    *" install "*) {show}'))
    ran = machine.run("engine.sh")
    assert ran.code == 0, ran.err
    seen = (machine.state / "seen").read_text()
    assert f"URIs: {ARCHIVE}\nSuites: forky\n" in seen
    assert "deb x" in seen
    assert "Package: *\nPin: release n=forky\nPin-Priority: 50\n" in seen
    assert "runc" not in seen
    # Said before, and gone after.
    said, installed = ran.err.index("for this installation only"), ran.err.index("apt installs")
    assert said < installed
    assert "its docker.io is 20.10.24+dfsg1-1+deb12u1+b6" in ran.err
    assert files(machine) == {"own.list": "deb x"}
    assert not list(machine.machine.glob("apt.*"))
    stop(machine)


def test_a_client_that_is_there_is_kept(machine: Machine) -> None:
    give_apt(machine, "28.0-1", "0.20-1")
    machine.has("docker", docker())
    assert machine.run("engine.sh").code == 0
    (install,) = installs(machine)
    assert "docker-cli" not in install
    stop(machine)


def test_a_mirror_without_the_next_release_leaves_apt_as_it_was(machine: Machine) -> None:
    give_apt(machine, "20.10.24+dfsg1-1", "(none)", suite="")
    ran = machine.run("engine.sh")
    assert ran.code == 5
    assert "E: no Release file" in ran.err
    assert files(machine) == {}
    assert [path.name for path in machine.machine.iterdir()] == ["lock"]


def test_an_ubuntu_that_is_too_old_is_told_so(machine: Machine) -> None:
    machine.is_(UBUNTU_22)
    give_apt(machine, "24.0.7-0ubuntu4.1", "0.12.1-0ubuntu1")
    ran = machine.run("engine.sh")
    assert ran.code == 5
    assert "Ubuntu 22.04.5 LTS has none that is new enough" in ran.err
    assert "24.0.7" in ran.err
    assert files(machine) == {}


def test_no_network_is_said_in_apts_words(machine: Machine) -> None:
    machine.has("apt-get", 'echo "Temporary failure resolving mirror.test"; exit 100')
    ran = machine.run("engine.sh")
    assert ran.code == 5
    assert "Temporary failure resolving" in ran.err
    assert "check the network" in ran.err


def test_a_full_disk_is_seen_before_anything_is_installed(machine: Machine) -> None:
    give_apt(machine, "28.0-1", "0.20-1")
    machine.has("df", "echo head; echo x 1000000 1 20480 99% /")
    ran = machine.run("engine.sh")
    assert ran.code == 1
    assert "20 MB are free at" in ran.err
    assert machine.called("apt-get") == []


def test_an_interrupt_lets_apt_end_what_it_began_and_the_next_run_goes_on(
    machine: Machine,
) -> None:
    give_apt(machine, "20.10.24+dfsg1-1", "(none)")
    ran = machine.interrupt("engine.sh")
    assert ran.code == 130
    assert "waiting for apt-get to finish" in ran.err
    assert (machine.bin / "dockerd").exists()
    assert machine.called("dockerd") == []
    assert machine.run("engine.sh").code == 0
    assert len(installs(machine)) == 1
    stop(machine)


def test_an_interrupted_dpkg_is_mended_first(machine: Machine) -> None:
    give_apt(machine, "28.0-1", "0.20-1")
    machine.has(
        "dpkg",
        'case "$1" in --audit) [ -e "$STATE/mended" ] || echo half;; *) : >"$STATE/mended";; esac',
    )
    assert machine.run("engine.sh").code == 0
    assert len(machine.called("dpkg --configure")) == 1
    mended = machine.calls.index("dpkg --configure -a")
    assert not any(call.startswith("apt-get") for call in machine.calls[:mended])
    stop(machine)


PACKAGES = "Package: nothing\nVersion: 1\nArchitecture: all\nFilename: none.deb\nSize: 1\n"


@pytest.mark.skipif(not Path("/usr/bin/apt-get").exists(), reason="no apt on this machine")
@pytest.mark.parametrize("form", ["deb822", "one-line"])
def test_apt_itself_names_the_mirror_of_either_kind_of_source(tmp_path: Path, form: str) -> None:
    index = tmp_path / "debian/dists/bookworm/main/binary-all/Packages"
    index.parent.mkdir(parents=True)
    index.write_text(PACKAGES)
    digest = hashlib.sha256(PACKAGES.encode()).hexdigest()
    (tmp_path / "debian/dists/bookworm/Release").write_text(
        "Origin: Debian\nLabel: Debian\nCodename: bookworm\nArchitectures: all\n"
        f"Components: main\nSHA256:\n {digest} {len(PACKAGES)} main/binary-all/Packages\n"
    )
    archive = f"file:{tmp_path}/debian/"
    if form == "deb822":
        source, text = "machine.sources", f"Types: deb\nURIs: {archive}\nSuites: bookworm\n"
        text += "Components: main\nTrusted: yes\nArchitectures: all\n"
    else:
        source, text = "machine.list", f"deb [trusted=yes arch=all] {archive} bookworm main\n"
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / source).write_text(text)
    (tmp_path / "lists/partial").mkdir(parents=True)
    (tmp_path / "apt.conf").write_text(
        f'Dir::State::lists "{tmp_path}/lists";\nDir::Etc::sourcelist "/dev/null";\n'
        f'Dir::Etc::sourceparts "{tmp_path}/parts";\nDir::Cache "{tmp_path}";\n'
        'APT::Sandbox::User "root";\n'
    )
    environment = {**os.environ, "APT_CONFIG": str(tmp_path / "apt.conf")}
    lib = Path(__file__).parents[2] / "scripts/bootstrap/lib.sh"
    asked = subprocess.run(
        ["sh", "-c", f"apt-get -q update >&2 && . {lib} && debian_archive"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert asked.stdout.strip() == archive, asked.stderr
