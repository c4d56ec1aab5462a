"""A real registry on the loopback interface: Debian's docker-registry.

The program is the one of PATH, else that of the distribution's package, downloaded by apt-get and
unpacked in the cache folder; RegistryMissing where neither can be had.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.engine.busybox import cache_folder
from tests.engine.stacks import free_port

SETTINGS = """\
version: 0.1
log: {{level: info}}
storage: {{filesystem: {{rootdirectory: {folder}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


class RegistryMissing(Exception):
    """No registry can be had on this machine."""


@contextlib.contextmanager
def running(folder: Path) -> Iterator[str]:
    """A registry that keeps its images in ``folder`` for the block; its address."""
    port = free_port()
    settings = folder / "config.yml"
    settings.write_text(SETTINGS.format(folder=folder / "data", port=port))
    log = folder / "log"
    with (
        log.open("w") as stream,
        subprocess.Popen(
            [program(), "serve", str(settings)],
            stdout=stream,
            stderr=subprocess.PIPE,
            text=True,
        ) as child,
    ):
        assert child.stderr is not None
        said = []
        for line in child.stderr:
            said.append(line)
            if "listening on" in line:
                break
        else:
            raise RegistryMissing("".join(said))
        reader = threading.Thread(target=child.stderr.read, daemon=True)
        reader.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            child.terminate()
            reader.join()


def program() -> str:
    installed = shutil.which("docker-registry")
    if installed:
        return installed
    kept = cache_folder() / "docker-registry"
    with (cache_folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            _download(kept)
    return str(kept)


def _download(target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        (Path(work) / "lists" / "partial").mkdir(parents=True)
        get = ["apt-get", "-q", "-o", "APT::Sandbox::User=root"]
        own = ["-o", f"Dir::State::lists={work}/lists", "-o", f"Dir::Cache={work}"]
        download = ["download", "docker-registry"]
        tries = ([[*get, *download]], [[*get, *own, "update"], [*get, *own, *download]])
        for commands in tries:
            done = [
                subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
                for command in commands
            ]
            if done[-1].returncode == 0:
                break
        else:
            raise RegistryMissing(f"apt-get could not download docker-registry: {done[-1].stderr}")
        package = next(Path(work).glob("docker-registry_*.deb"))
        subprocess.run(["dpkg-deb", "-x", str(package), f"{work}/unpacked"], check=True)
        (Path(work) / "unpacked/usr/bin/docker-registry").rename(target)
