"""A host of its own with systemd and Podman 5, as Debian 13 has them: made once by debootstrap in
the cache folder, and booted over that, in memory, in namespaces and a control group of its own.

Where none can be made these tests are skipped, and say so; with REQUIRE_ENGINE=1 they fail.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.engine.busybox import cache_folder
from tests.engine.stacks import wait_until
from tests.faults.own_engine import APART, UP_SECONDS, missing, see_that_one_can_be_had

SUITE = "trixie"
PACKAGES = (
    "podman,crun,netavark,aardvark-dns,nftables,catatonit,"
    "systemd-sysv,dbus,iproute2,ca-certificates"
)
UNIT = """\
[Unit]
Wants=dbus.socket
[Service]
ExecStart=/usr/bin/podman system service --time=0 unix:///run/outside/sock
"""
# Not all control groups have a controller for it.
SETTINGS = "[containers]\npids_limit = 0\n"
BOOT = """\
set -e
echo $$ >"$group/cgroup.procs"
exec setpriv --pdeathsig KILL unshare --net --ipc --cgroup {apart} sh -ec '
mount -t tmpfs podman "$place"
mkdir "$place/upper" "$place/work" "$place/root"
cd "$place"
mount -t overlay -o "lowerdir=$packages,upperdir=upper,workdir=work" root root
cd root
mkdir -p old var/lib/containers
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 devices dev
mkdir dev/pts dev/shm
(cd /dev && cp -a --parents null zero full random urandom tty fuse net/tun "$place/root/dev")
mount -t devpts -o newinstance,ptmxmode=0666 terminals dev/pts
mount -t tmpfs locks dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
mount -t tmpfs run run
mount -t tmpfs containers var/lib/containers
mkdir run/outside
mount --bind "$outside" run/outside
ip link set lo up
hostname podman
cp "$outside/podman.service" etc/systemd/system/
# The kernel is the one of this machine, and so are most of its settings.
ln -s /dev/null etc/systemd/system/systemd-sysctl.service
mkdir -p etc/containers
cp "$outside/containers.conf" etc/containers/
pivot_root . old
umount -l /old
exec env -i container=other PATH=/usr/sbin:/usr/bin /usr/lib/systemd/systemd --unit=podman.service
'
"""


@contextlib.contextmanager
def podman_host() -> Iterator[str]:
    """One that is up; the address of its Docker socket. Nothing of it stays."""
    lacking = missing() or next((f"no {p}" for p in ("debootstrap", "setpriv") if not _has(p)), "")
    see_that_one_can_be_had(lacking)
    # Not below pytest's folder: a socket's path has 107 bytes at most.
    with (
        tempfile.TemporaryDirectory(prefix="ct-podman-") as name,
        _control_group(Path(name).name) as group,
    ):
        folder = Path(name)
        names = {"place": folder / "place", "outside": folder / "outside"}
        for one in names.values():
            one.mkdir()
        (names["outside"] / "podman.service").write_text(UNIT)
        (names["outside"] / "containers.conf").write_text(SETTINGS)
        names |= {"packages": _packages(), "group": group}
        environment = {**os.environ, **{key: str(path) for key, path in names.items()}}
        with (
            (folder / "log").open("w") as log,
            subprocess.Popen(
                ["bash", "-c", BOOT.format(apart=" ".join(APART))],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            ) as host,
        ):
            socket = names["outside"] / "sock"
            try:
                wait_until(lambda: socket.exists() or host.poll() is not None, UP_SECONDS)
                assert host.poll() is None, (folder / "log").read_text()
                yield f"unix://{socket}"
            finally:
                host.kill()


def _has(program: str) -> bool:
    return bool(shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"))


def _packages() -> Path:
    """The folder with the packages."""
    kept = cache_folder() / f"podman-{SUITE}"
    with (cache_folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            making = kept.with_name(f"{kept.name}.making")
            shutil.rmtree(making, ignore_errors=True)
            argv = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(making)]
            done = subprocess.run([*argv, *_archive()], capture_output=True, text=True, check=False)
            if done.returncode:
                see_that_one_can_be_had(f"debootstrap: {done.stdout[-500:]}")
            making.rename(kept)
    return kept


def _archive() -> list[str]:
    """The archive that this machine's apt takes Debian from; none: debootstrap's own default."""
    form = "$(LABEL) $(COMPONENT) $(REPO_URI)"
    argv = ["apt-get", "indextargets", "--format", form, "Created-By: Packages"]
    listed = subprocess.run(argv, capture_output=True, text=True, check=False).stdout.splitlines()
    results = [line.split()[2] for line in listed if line.startswith("Debian main ")]
    return [one for one in results if not one.startswith("mirror")][:1]


@contextlib.contextmanager
def _control_group(name: str) -> Iterator[Path]:
    """A control group (version 2) for what is started."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    place = next((Path(fields[1]) for fields in mounts if fields[2] == "cgroup2"), None)
    if place is None:
        see_that_one_can_be_had("no control groups of version 2 are mounted")
    own = Path("/proc/self/cgroup").read_text().rpartition("0::/")[2].split("\n")[0]
    group = Path(str(place), own, name)
    try:
        group.mkdir()
    except OSError as error:
        see_that_one_can_be_had(f"no control group can be made: {error}")
    try:
        yield group
    except BaseException:
        # What failed first is what is told.
        with contextlib.suppress(AssertionError, OSError):
            _remove(group)
        raise
    _remove(group)


def _remove(group: Path) -> None:
    """Remove a control group once all of its processes have ended."""
    wait_until(lambda: "populated 0" in (group / "cgroup.events").read_text())
    for folder, _, _ in os.walk(group, topdown=False):
        os.rmdir(folder)
