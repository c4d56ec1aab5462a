"""Older and newer versions of Compose, each as a plugin in a docker client's folder of its own.

``python -m tests.composes FOLDER`` fills the folder and prints the client's folders, oldest Compose
first, for ``DOCKER_CONFIG``. The oldest comes from a later release of Debian than this machine's,
by apt, with lists of its own; the others are wheels that were installed into the folder before
(``requirements/compose-*.txt``). Where apt or that release can't be reached this ends with 1.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

RELEASE = "forky"
URI = re.compile(r"^(?:deb(?:\s+\[[^]]*\])?|URIs:)\s+(\S+/debian)/?(?:\s|$)", re.MULTILINE)


def _from_debian(folder: Path) -> Path:
    """The Compose of RELEASE, unpacked below ``folder``."""
    apt = Path("/etc/apt")
    sources = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    text = "\n".join(path.read_text() for path in sources if path.is_file())
    archive = URI.search(text)
    if archive is None:
        sys.exit("this machine has no source of Debian's packages: the oldest Compose is not here")
    (folder / "lists/partial").mkdir(parents=True, exist_ok=True)
    keys = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    (folder / "sources.list").write_text(f"deb {keys} {archive[1]} {RELEASE} main\n")
    own = (
        f"Dir::Etc::sourcelist={folder}/sources.list",
        "Dir::Etc::sourceparts=-",
        f"Dir::State::lists={folder}/lists",
        f"Dir::Cache={folder}",
        "APT::Sandbox::User=root",
    )
    get = ["apt-get", "-qq", *(word for option in own for word in ("-o", option))]
    subprocess.run([*get, "update"], check=True, stdout=sys.stderr)
    subprocess.run([*get, "download", "docker-compose"], check=True, cwd=folder, stdout=sys.stderr)
    package = next(folder.glob("docker-compose_*.deb"))
    subprocess.run(["dpkg-deb", "-x", str(package), f"{folder}/debian"], check=True)
    return next(folder.glob("debian/**/cli-plugins/docker-compose"))


def version(binary: Path) -> tuple[int, ...]:
    """The numbers of the version a binary says it has."""
    asked = [str(binary), "version", "--short"]
    output = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    return tuple(map(int, re.findall(r"\d+", output)[:3]))


def clients(folder: Path) -> list[Path]:
    """Folders for ``DOCKER_CONFIG``, each with one Compose as its plugin, oldest first."""
    binaries = [_from_debian(folder), *folder.glob("wheels/*/**/docker-compose")]
    made = []
    for binary in sorted(binaries, key=version):
        plugins = folder / ".".join(map(str, version(binary))) / "cli-plugins"
        plugins.mkdir(parents=True, exist_ok=True)
        plugin = plugins / "docker-compose"
        plugin.unlink(missing_ok=True)
        plugin.symlink_to(binary)
        made.append(plugins.parent)
    return made


if __name__ == "__main__":
    sys.stdout.writelines(f"{one}\n" for one in clients(Path(sys.argv[1]).resolve()))
