"""A separate engine without images, for figures of a first start."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.disk import own_disk
from benchmarks.scratch import Failed, base_image, run

DISK_BYTES = 32 << 30


@contextlib.contextmanager
def empty_engine() -> Iterator[str]:
    """Run a separate engine without images during the block; return its address. Builds and
    containers use the host's network. It has its own bridge (without one, it would remove the
    host's docker0), its own mounts, which end with it, and its own disk.
    """
    with (
        tempfile.TemporaryDirectory(prefix="ct-bench-engine-") as place,
        own_disk(DISK_BYTES) as disk,
        _bridge() as bridge,
    ):
        folder = Path(place)
        address, data = f"unix://{folder}/docker.sock", (disk or folder) / "data"
        argv = [
            *("unshare", "--mount", "dockerd"),
            *(f"--bridge={bridge}", "--iptables=false", "--ip6tables=false"),
            *("--host", address, "--data-root", str(data), "--exec-root", f"{place}/exec"),
            *("--pidfile", f"{place}/pid"),
        ]
        with (folder / "log").open("w") as log:
            child = subprocess.Popen(argv, stdout=log, stderr=log)
        try:
            _answers(address, child, folder / "log")
            yield address
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(60)


@contextlib.contextmanager
def _bridge() -> Iterator[str]:
    """Create a bridge for the block; return its name."""
    name = f"ctbench{os.getpid() % 100_000}"
    run("ip", "link", "add", name, "type", "bridge")
    try:
        run("ip", "address", "add", "192.168.211.1/24", "dev", name)
        run("ip", "link", "set", name, "up")
        yield name
    finally:
        run("ip", "link", "delete", name)


def _answers(address: str, child: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        if child.poll() is not None:
            raise Failed(f"dockerd ended with {child.returncode}:\n{log.read_text()[-2000:]}")
        asked = ["docker", "--host", address, "version"]
        if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise Failed(f"dockerd does not answer:\n{log.read_text()[-2000:]}")


def load_base(address: str) -> None:
    """Load this engine's base image into another engine."""
    with subprocess.Popen(["docker", "save", base_image()], stdout=subprocess.PIPE) as saved:
        argv = ["docker", "--host", address, "load", "-q"]
        subprocess.run(argv, stdin=saved.stdout, stdout=subprocess.DEVNULL, check=True)
    if saved.returncode:
        raise Failed(f"docker save {base_image()} ended with {saved.returncode}")


@contextlib.contextmanager
def elsewhere(environment: dict[str, str]) -> Iterator[None]:
    """Point ``environment`` during the block to an engine that has only the base image."""
    with empty_engine() as address:
        load_base(address)
        environment["DOCKER_HOST"] = address
        try:
            yield
        finally:
            del environment["DOCKER_HOST"]
