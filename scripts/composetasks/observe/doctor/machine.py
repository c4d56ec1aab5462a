"""This host: disks, memory, limits, plugins of its docker client, and the package index that its
builds use."""

from __future__ import annotations

import configparser
import contextlib
import gzip
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from composetasks.facts import Disk, Plugin, Watching
from composetasks.observe.compose.binary import candidates
from composetasks.run import process
from composetasks.run.compose import plugins
from composetasks.run.masking import without_user

DEFAULT_INDEX = "pypi.org"
"""The host of the index that pip and uv use by default."""
INDEX_NAMES = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL")
PIP_FILES = ("/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf")
INOTIFY = Path("/proc/sys/fs/inotify")
LOCAL_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
RESERVED_PORTS = Path("/proc/sys/net/ipv4/ip_local_reserved_ports")


def package_index(environment: Mapping[str, str]) -> str:
    """Return the package index that pip and uv use on this host, without any password."""
    settings = configparser.RawConfigParser(strict=False)
    with contextlib.suppress(configparser.Error, UnicodeDecodeError):
        settings.read([os.path.expanduser(path) for path in PIP_FILES])
    configured = settings.get("global", "index-url", fallback="")
    for address in (*(environment.get(name, "") for name in INDEX_NAMES), configured):
        if address.startswith(("http://", "https://")):
            return without_user(address)
    return f"https://{DEFAULT_INDEX}/simple/"


def disk(place: str) -> Disk | None:
    """Return the file system at a path; None if it can't be inspected."""
    try:
        stats = os.statvfs(place)
    except OSError:
        return None
    return Disk(
        place,
        stats.f_blocks * stats.f_frsize,
        stats.f_bavail * stats.f_frsize,
        stats.f_files,
        stats.f_favail,
    )


def lacks_ipvs() -> bool:
    """Tell whether this kernel is known to lack IPVS, according to its own configuration."""
    places = (
        (Path("/proc/config.gz"), gzip.open),
        (Path(f"/boot/config-{os.uname().release}"), open),
    )
    for place, opened in places:
        with contextlib.suppress(OSError), opened(place, "rt", encoding="ascii") as file:
            return "\nCONFIG_IP_VS=" not in file.read()
    return False


def available_memory() -> int | None:
    """Return the bytes of available memory; None if the system does not report them."""
    import psutil

    try:
        return int(psutil.virtual_memory().available)
    except (OSError, KeyError, ValueError):
        return None


def watching() -> Watching | None:
    """Return the kernel's inotify limits, and the number of instances of this user's processes."""
    try:
        watches = int((INOTIFY / "max_user_watches").read_text("ascii"))
        instances = int((INOTIFY / "max_user_instances").read_text("ascii"))
    except (OSError, ValueError):
        return None
    return Watching(watches, instances, sum(_instances()))


def _instances() -> Iterator[int]:
    """Yield the number of inotify instances of each process of this user."""
    user = os.getuid()
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if os.stat(f"/proc/{name}").st_uid == user:
                folder = f"/proc/{name}/fd"
                links = (os.readlink(f"{folder}/{one}") for one in os.listdir(folder))
                yield sum("inotify" in link for link in links)


def local_ports() -> tuple[int, int] | None:
    """Return the port range of this host's outgoing connections; None if it is unknown."""
    try:
        first, last = LOCAL_PORTS.read_text("ascii").split()
        return int(first), int(last)
    except (OSError, ValueError):
        return None


def reserved_ports() -> frozenset[int]:
    """Return the ports of that range that are never assigned."""
    ports: set[int] = set()
    with contextlib.suppress(OSError, ValueError):
        for part in RESERVED_PORTS.read_text("ascii").strip().split(","):
            if part:
                first, _, last = part.partition("-")
                ports.update(range(int(first), int(last or first) + 1))
    return frozenset(ports)


VERSION_SECONDS = 8.0
NUMBER = re.compile(r"v?(\d+\.\d+[\w.+~-]*)")


def compose_plugins(environment: Mapping[str, str]) -> tuple[Plugin, ...]:
    """Return the Compose binaries: those of the docker client in its own search order, the one that
    was installed with this package, and ``docker-compose`` in PATH."""
    found = [(path, True) for path in candidates(environment)]
    return _with_versions(
        [*found, *_in_path("docker-compose", environment)], ["version", "--short"]
    )


def buildx_plugins(environment: Mapping[str, str]) -> tuple[Plugin, ...]:
    """Return the docker client's Buildx binaries in its order, and ``docker-buildx`` in PATH."""
    found = [(path, True) for path in plugins("docker-buildx", environment)]
    return _with_versions([*found, *_in_path("docker-buildx", environment)], ["version"])


def _in_path(name: str, environment: Mapping[str, str]) -> Iterator[tuple[Path, bool]]:
    for folder in environment.get("PATH", "").split(os.pathsep):
        if folder and (program := shutil.which(name, path=folder)):
            yield Path(program), False


def _with_versions(programs: list[tuple[Path, bool]], question: list[str]) -> tuple[Plugin, ...]:
    """Return each program once, however many links lead to it, with the version that it reports."""
    once: dict[Path, tuple[Path, bool]] = {}
    for path, searched in programs:
        once.setdefault(path.resolve(), (path, searched))
    if not once:
        return ()
    with ThreadPoolExecutor(len(once)) as pool:
        versions = pool.map(lambda one: _version(one[0], question), once.values())
        return tuple(
            Plugin(str(path), version, searched)
            for (path, searched), version in zip(once.values(), versions, strict=True)
        )


def _version(path: Path, question: list[str]) -> str:
    try:
        output = process.run([str(path), *question], timeout=VERSION_SECONDS).stdout
    except process.ProgramError:
        return ""
    number = NUMBER.search(output)
    return number[1] if number else ""
