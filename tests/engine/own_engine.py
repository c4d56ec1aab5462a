"""An engine of a test's own: dockerd in a network of its own, whose folders lie on a small disk."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 90
END_SECONDS = 60


@dataclass(frozen=True)
class OwnEngine:
    """A running dockerd; ``data`` is the disk where its images live."""

    socket: Path
    data: Path
    child: subprocess.Popen[str]

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def docker(self, *arguments: str, stdin: bytes | None = None) -> str:
        done = subprocess.run(
            ["docker", "--host", self.url, *arguments],
            input=stdin,
            capture_output=True,
            check=True,
            timeout=120,
        )
        return done.stdout.decode().strip()


def missing() -> str:
    """Why no engine can be started here; "" where one can."""
    if os.geteuid() != 0:
        return "starting an engine takes root"
    lacking = [name for name in ("dockerd", "unshare", "mount") if not shutil.which(name)]
    return f"there is no {', '.join(lacking)}" if lacking else ""


@contextlib.contextmanager
def own_engine(folder: Path, size: str) -> Iterator[OwnEngine]:
    """An engine for the block, with a disk of ``size`` (mount(8)'s notation) for its images.

    Its network is its own too: a bridge that it makes or removes is not that of the machine.
    """
    data, state, log = folder / "data", folder / "exec", folder / "dockerd.log"
    data.mkdir(parents=True)
    _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(data))
    try:
        with log.open("w") as stream:
            child = subprocess.Popen(
                [
                    *("unshare", "--net", "--mount", "--", "dockerd"),
                    *("--host", f"unix://{folder}/engine.sock", "--pidfile", f"{folder}/pid"),
                    *("--data-root", str(data), "--exec-root", str(state)),
                    *("--bridge", "none", "--iptables=false", "--ip6tables=false"),
                    *("--config-file", str(_empty(folder / "daemon.json"))),
                ],
                stdout=stream,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                text=True,
            )
        engine = OwnEngine(folder / "engine.sock", data, child)
        try:
            _wait_for(engine, log)
            yield engine
        finally:
            stop(engine)
    finally:
        _run("umount", "-l", str(data))


def stop(engine: OwnEngine) -> None:
    """End it, and wait until it is gone."""
    engine.child.terminate()
    try:
        engine.child.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        engine.child.kill()
        engine.child.wait()


def _empty(path: Path) -> Path:
    path.write_text("{}")
    return path


def _wait_for(engine: OwnEngine, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(subprocess.SubprocessError):
            engine.docker("version")
            return
        assert engine.child.poll() is None, log.read_text()[-2000:]
        assert time.monotonic() < deadline, log.read_text()[-2000:]
        time.sleep(0.1)


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True)
